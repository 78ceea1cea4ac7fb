/* SPDX-License-Identifier: MIT */
/*
 * lib/lib.h - the one context of libmemshed, and the cache.
 *
 * The files stand in layers; each calls those above it in this list alone (tests/lint/cycles.sh):
 *   lib, statm, shards, options    what needs none of the others
 *   registry                       which cache is in which row
 *   callback, executor             runs a cache's callbacks, one at a time
 *   usage, look, brake, own        the process looks by itself, holds its threads back, and has orders of its own
 *   allocator, candidates, learn,
 *   sweep, hooks, count, round,
 *   agent                          carries out orders
 *   worker, host, mode_*, life     which thread does so
 *   fork, enter, start, cache, api what the host calls, and what comes first there
 *
 * Locks, outer to inner; none is held while a callback of the host runs or while a thread waits for
 * one to return:
 *   [K1] ms_lib.lock         registrations, start and stop
 *   [K2] ms_lib.result_lock  the executor, and what the table says of callbacks (result, pulled values,
 *        stuck)
 * Charging takes none of them. fork takes all of them (fork.c).
 *
 * How the others wait:
 *   [lib.L2] what was done before life moved (release) is seen by a thread that sees it moved (acquire);
 *            pairs with [lib.L2]
 *   [lib.L3] ms_lib.returns goes up (release) after what another thread may wait for; that loads it (acquire)
 *            before it looks, and sleeps only while it has not gone up since; pairs with [lib.L3]
 *   [lib.L4] the table is complete before ms_guard.base (release), in start() and in a forked child; the
 *            loads of it need no acquire, since every access to the table goes through the value loaded;
 *            pairs with [lib.L4]
 */
#ifndef MS_LIB_LIB_H
#define MS_LIB_LIB_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/agent.h"
#include "lib/allocator.h"
#include "lib/ask.h"
#include "lib/brake.h"
#include "lib/candidates.h"
#include "lib/count.h"
#include "lib/executor.h"
#include "lib/learn.h"
#include "lib/mode.h"
#include "lib/shards.h"
#include "lib/statm.h"
#include "lib/sweep.h"
#include "lib/usage.h"
#include "memshed.h"
#include "table/control.h"
#include "table/layout.h"
#include "table/writer.h"

#define MS_PUBLIC __attribute__((visibility("default")))
#define ms_likely(x) __builtin_expect(!!(x), 1)
#define ms_unlikely(x) __builtin_expect(!!(x), 0)

struct memshed_cache {
	uint64_t shard_row_offset; /* hot path: where the row stands in a shard; never changes */
	uint32_t row, generation; /* never change once published */
	struct memshed_cache_options options; /* the callbacks and what an order needs; name is not kept */
	uint64_t owner;               /* ms_thread_id() of the thread that registered */
	struct memshed_cache *next;   /* in ms_lib.dying; guarded by [K1] */
	struct cds_list_head active;  /* in ms_lib.executor.active unless it is idle; guarded by [K2] */
	_Atomic uint32_t state;       /* enum ms_cache_state; changes under [K2], its own callback reads it */
	uint32_t job;                 /* the job with the replies that get its answer; guarded by [K2] */
	struct ms_ask ask;            /* of what it is queued for, or does; guarded by [K2] */
	struct ms_lesson lesson;      /* writer: agent */
	uint64_t estimated_bytes;     /* as its count said, where that is an estimate; guarded by [K2] */
	_Atomic uint32_t patience_us; /* how long a thread that charges is held while its callback stands; 0: not learnt */
};

enum ms_life {
	MS_LIFE_NEVER = 0, /* memshed_start() was not called */
	MS_LIFE_RUNNING,
	MS_LIFE_STOPPING, /* no callback begins any more; one may still run */
	MS_LIFE_STOPPED,
	MS_LIFE_LAZY, /* a forked child; its agent starts when the library is first used there */
};

/* A page that the kernel zeroes in a forked child: base is NULL until the atfork handler, which a raw
 * clone() does not call, has made the child a table of its own. It is a page of .bss and not mapped at
 * start, because the hot path then reads base without reading first where it stands. */
enum { MS_GUARD_BYTES = 4096 };
struct ms_guard {
	_Alignas(MS_GUARD_BYTES) _Atomic(unsigned char *) base; /* of the table; writer: start and fork */
	_Atomic uint32_t home; /* 0: the child of a raw clone; writer: ms_enter() and fork */
};
_Static_assert(sizeof(struct ms_guard) == MS_GUARD_BYTES, "nothing else is on the page");
extern struct ms_guard ms_guard;

/* First in every public call that may lock or wait, and wherever else the library runs in a thread of the
 * host's: its errno does not change, and it is not cancelled in the middle, with a lock held. */
struct ms_kept {
	int saved_errno, cancel_state;
};

/* Between fork's prepare and its other two; guarded by [K1]. */
struct ms_forking {
	bool holds_locks;
	struct ms_kept caller;
	uint64_t identity, now_ns; /* of the child's table */
};

/* Where a supervisor listens; guarded by [K1]. */
struct ms_greeting {
	struct sockaddr_un address;
	socklen_t bytes; /* 0: none does */
	uint64_t token;  /* what it is to be told, so that it listens */
};

/* All zeroes before the first start: what has to be something else is set there. On pages of its own, and
 * what fork() changes on the first: each page that it changes is copied, in the child and in the parent. */
struct ms_lib {
	_Alignas(MS_GUARD_BYTES) pthread_mutex_t lock; /* [K1] */
	pthread_mutex_t result_lock; /* [K2] */
	_Atomic uint32_t life;       /* enum ms_life; writers hold [K1] */
	struct memshed_agent_options agent_options; /* guarded by [K1]; fixed while the agent runs */
	const struct ms_mode *mode;  /* likewise */
	struct ms_statm statm;
	struct ms_usage usage;
	struct ms_brake brake;
	struct ms_executor executor;
	struct ms_candidates candidates;
	struct ms_sweep sweep;
	struct ms_count count;
	struct ms_allocator allocator;
	struct memshed_cache allocator_row;
	struct ms_mode_thread mode_thread;
	struct ms_mode_fd mode_fd;
	struct ms_mode_poll mode_poll;
	struct ms_shards shards;
	struct ms_forking forking;
	struct ms_greeting greeting;
	struct ms_table table;
	struct ms_control_server control;
	/* MS_ROW_COUNT; writer: register and unregister under [K1]; readers: under [K2] */
	_Atomic(struct memshed_cache *) *by_row;
	struct memshed_cache *dying; /* being unregistered; guarded by [K1] */
	_Atomic uint32_t pullers;    /* registered caches with a count callback */
	_Atomic uint64_t estimated_bytes; /* of all caches; it goes up and down with each */
	_Atomic uint64_t resident_bytes, resident_ns; /* RSS, and when it was read for the estimates */
	/* Goes up, and is woken, each time a callback has returned or an agent thread has ended. */
	_Atomic uint32_t returns;
	_Atomic uint32_t dispatching; /* a thread of the host's is the agent; see host.c */
	_Atomic uint32_t poll_word; /* 0: memshed_poll() has nothing to do; see mode_poll.c */
	_Atomic uint32_t workers;   /* threads of the agent's that have not ended */
	_Atomic bool main_ended;    /* writer: the main thread, when it ends before the process; see worker.c */
	bool exit_handler;          /* guarded by [K1] */
	bool lost;                  /* a forked child that could not even map memory: all calls fail */
	_Atomic uint32_t loaded;    /* enter.c */
	int load_error;             /* writer: ms_enter(), before loaded */
	struct ms_agent agent;      /* the largest, and the last */
};
_Static_assert(offsetof(struct ms_lib, agent) <= MS_GUARD_BYTES, "the rest is on the first page");
extern struct ms_lib ms_lib;

struct ms_kept ms_kept_begin(void);
void ms_kept_end(struct ms_kept *kept);
#define MS_KEEP_CALLER __attribute__((cleanup(ms_kept_end), unused)) struct ms_kept kept = ms_kept_begin()
/* The same in a call that is a cancellation point, before it has done anything. */
#define MS_CANCEL_OR_KEEP_CALLER                                                                   \
	pthread_testcancel();                                                                      \
	MS_KEEP_CALLER

static inline uint32_t ms_lib_life(void)
{
	return atomic_load_explicit(&ms_lib.life, memory_order_acquire); /* [lib.L2] */
}

static inline bool ms_lib_runs(void)
{
	return ms_lib_life() == MS_LIFE_RUNNING;
}

/* ---- lib.c ---- */

/** ms_lib_returned - a callback returned, or a worker ended: wake memshed_stop() and _unregister() */
void ms_lib_returned(void);
/** ms_lib_count - a counter of the table's header goes up; any thread */
static inline void ms_lib_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/** ms_lib_show_agent - what the table says that the agent does */
void ms_lib_show_agent(enum ms_agent_state state);

/* ---- enter.c ---- */

/**
 * ms_enter - first in every public call that may take a lock
 * Return: 0; -ENOTSUP in the child of a raw clone, where the library does nothing; -ENOMEM in a child that
 * is lost; what could not be had when the library was loaded.
 */
int ms_enter(void);

/* ---- start.c ---- */

/** ms_lib_wake - as ms_enter(); in a forked child the agent starts that it has not needed until now */
int ms_lib_wake(void);
/** ms_lib_ensure - make the table and start the agent unless that was done, or memshed_stop() called */
int ms_lib_ensure(void);

/* ---- life.c ---- */

/** ms_lib_new_identity - a random number that table and control page share */
uint64_t ms_lib_new_identity(void);
/** ms_lib_start_agent - in the mode of agent_options; under [K1]; @in_child: where the parent's ran, with as
 * little as will do */
int ms_lib_start_agent(bool in_child);
/** ms_lib_fork_agent - in the forked child of a process with an agent: have one now, where that takes no
 * thread, or at the first ms_lib_wake(); under [K1] */
void ms_lib_fork_agent(void);
/** ms_lib_disarm - charging and memshed_poll() need not call ms_lib_wake() any more; under [K1] */
void ms_lib_disarm(void);
/** ms_lib_settle - what a mode does after that with no lock held */
void ms_lib_settle(enum memshed_agent_mode mode);

/* ---- options.c ---- */

int ms_options_copy_cache(const struct memshed_cache_options *from, struct memshed_cache_options *ret);
int ms_options_copy_agent(const struct memshed_agent_options *from, struct memshed_agent_options *ret);

/* ---- shards.c ---- */

int ms_shards_init(void);
/** ms_shards_open - all shards of a new table are free; under [K1] */
void ms_shards_open(uint32_t shard_count);
/** ms_shards_after_fork - only the calling thread is left, and keeps its shard */
void ms_shards_after_fork(void);
uint64_t ms_thread_id(void);

/* ---- fork.c ---- */

/** ms_fork_init - install the atfork handlers, once */
int ms_fork_init(void);

/* ---- hello.c ---- */

void ms_lib_hello_prepare(void);
void ms_lib_hello_send(void);

#endif

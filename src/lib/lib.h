/* SPDX-License-Identifier: MIT */
/*
 * lib/lib.h - what the files of libmemshed share: the one context, the cache, and who may call what.
 *
 * Locks, outer to inner; none is held while a callback of the host runs or while a thread waits for
 * one to return:
 *   [K1] ms_lib.lock         registrations, start and stop
 *   [K2] ms_lib.result_lock  what the table says of callbacks (result, pulled values, stuck)
 *   [K3] liburcu's own
 * Charging takes none of them. fork takes all of them (fork.c).
 *
 * How a cache stays alive while others use it:
 *   [C1] by_row[] is read under RCU. Whoever wants to run callbacks sets cache->busy inside the read
 *        section and clears it afterwards.
 *   [C2] memshed_unregister() takes the cache out of by_row[], waits for a grace period, after which
 *        everyone who saw it has set busy or will not, and then waits until busy is clear.
 *
 * How the others wait:
 *   [L2] what was done before life moved (release) is seen by whoever sees it moved (acquire).
 *   [L3] ms_lib.returns goes up (release) after what somebody may wait for; a waiter loads it (acquire)
 *        before it looks, and sleeps only while it has not gone up since.
 *   [L4] the table is complete before ms_guard.base (release); pairs with the loads of it, which need
 *        no acquire: every access to the table goes through the value loaded.
 */
#ifndef MS_LIB_LIB_H
#define MS_LIB_LIB_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/statm.h"
#include "memshed.h"
#include "rank/rank.h"
#include "table/control.h"
#include "table/layout.h"
#include "table/writer.h"

#define MS_PUBLIC __attribute__((visibility("default")))
#define ms_likely(x) __builtin_expect(!!(x), 1)
#define ms_unlikely(x) __builtin_expect(!!(x), 0)

/* What is asked of one callback. */
struct ms_ask {
	uint64_t order_seq;
	uint32_t level;  /* enum ms_level */
	uint32_t reason; /* enum memshed_reason */
	uint64_t target_bytes;
	uint64_t deadline_ns;
};

/* What came of it. */
struct ms_outcome {
	uint32_t status; /* enum ms_answer_status */
	uint64_t claimed_bytes, claimed_entries, scanned_entries;
	uint64_t duration_us;
	uint64_t bytes_after; /* what the cache holds now */
	bool useless;         /* it freed nothing of what there was, or came back late */
	bool changed; /* the pulled counters are not what they were */
};

/* A claim and what came back of it, until learn.c has settled it. */
struct ms_lesson {
	uint64_t round; /* 0: none */
	uint64_t claimed_bytes, fell_bytes;
};

struct memshed_cache {
	uint64_t shard_row_offset; /* hot path: where the row stands in a shard; never changes */
	uint32_t row, generation; /* never change once published */
	struct memshed_cache_options options; /* the callbacks and what an order needs; name is not kept */
	uint64_t owner;               /* ms_thread_id() of who registered */
	struct memshed_cache *next;   /* in ms_lib.dying; guarded by [K1] */
	_Atomic uint32_t busy;        /* enum ms_busy: some thread runs a callback; see [C1] */
	bool unregister_on_return;    /* writer: the thread that is in the callback */
	struct ms_lesson lesson;      /* writer: agent */
	/* What the owner's thread is asked to do; owner.c says who moves it. */
	_Atomic uint32_t wish;          /* enum ms_wish */
	uint32_t wish_job;              /* writer: agent, before wish */
	struct ms_ask wish_ask;         /* writer: agent, before wish */
	struct ms_outcome wish_outcome; /* writer: the owner's thread, before wish */
};

enum ms_life {
	MS_LIFE_NEVER = 0, /* nobody has called memshed_start() */
	MS_LIFE_RUNNING,
	MS_LIFE_STOPPING, /* no callback begins any more; one may still run */
	MS_LIFE_STOPPED,
};

/* A page that the kernel zeroes in a forked child: base is NULL until the atfork handler, which a raw
 * clone() does not call, has made the child a table of its own. It is a page of .bss and not mapped at
 * start, because the hot path then reads base without reading first where it stands. */
enum { MS_GUARD_BYTES = 4096 };
struct ms_guard {
	_Alignas(MS_GUARD_BYTES) _Atomic(unsigned char *) base; /* of the table; writer: start and fork */
};
_Static_assert(sizeof(struct ms_guard) == MS_GUARD_BYTES, "nothing else is on the page");
extern struct ms_guard ms_guard;

/* What candidates.c ranks. */
struct ms_candidates {
	struct ms_rank_key *keys; /* writer: agent; below reserved also registrations, which get there first */
	uint32_t reserved;        /* guarded by [K1] */
	char group[MS_NAME_BYTES]; /* whose caches were collected last; writer: agent */
};

/* All zeroes before the first start: what has to be something else is set there. */
struct ms_lib {
	pthread_mutex_t lock;        /* [K1] */
	pthread_mutex_t result_lock; /* [K2] */
	_Atomic uint32_t life;       /* enum ms_life; writers hold [K1] */
	struct memshed_agent_options agent_options; /* guarded by [K1]; fixed while the agent runs */
	struct ms_statm statm;
	struct ms_candidates candidates;
	struct ms_table table;
	struct ms_control_server control;
	/* MS_ROW_COUNT; writer: register and unregister under [K1]; readers: under RCU */
	_Atomic(struct memshed_cache *) *by_row;
	struct memshed_cache *dying; /* being unregistered; guarded by [K1] */
	_Atomic uint32_t pullers;    /* registered caches with a count callback */
	/* Goes up, and is woken, each time a callback has returned or an agent thread has ended. */
	_Atomic uint32_t returns;
	_Atomic uint32_t callbacks; /* threads that are inside a callback now */
	_Atomic uint32_t workers;   /* threads of the agent's that have not ended */
	bool exit_handler;          /* guarded by [K1] */
	bool lost;                  /* a forked child that could not even map memory: all calls fail */
};
extern struct ms_lib ms_lib;

/* The library never changes the caller's errno. */
struct ms_errno {
	int saved;
};
void ms_errno_restore(struct ms_errno *errno_);
#define MS_KEEP_ERRNO __attribute__((cleanup(ms_errno_restore), unused)) struct ms_errno keep_errno = {errno}

static inline uint32_t ms_lib_life(void)
{
	return atomic_load_explicit(&ms_lib.life, memory_order_acquire); /* [L2] */
}

/* ---- start.c ---- */

/** ms_lib_ensure - make the table and start the agent unless that was done, or memshed_stop() called */
int ms_lib_ensure(void);
/** ms_lib_new_identity - a random number that table and control page share */
uint64_t ms_lib_new_identity(void);
/** ms_lib_start_agent - in the mode of agent_options; under [K1]; @in_child: in the atfork handler */
int ms_lib_start_agent(bool in_child);
/** ms_lib_finish_stop - MS_LIFE_STOPPING becomes STOPPED, when no callback runs and no worker is left */
void ms_lib_finish_stop(void);
/** ms_lib_returned - a callback returned, or a worker ended: wake memshed_stop() and _unregister() */
void ms_lib_returned(void);

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

/* ---- registry.c ---- */

enum ms_claim { MS_CLAIMED = 0, MS_CLAIM_GONE, MS_CLAIM_BUSY };
/** ms_registry_claim - find a cache and set busy [C1]; @generation 0: any */
enum ms_claim ms_registry_claim(uint32_t row, uint32_t generation, struct memshed_cache **ret_cache);
/** ms_registry_release - clear busy; carries out an unregister that waited for the callback's return */
void ms_registry_release(struct memshed_cache *cache);
void ms_registry_after_fork(void);

/* ---- fork.c ---- */

/** ms_fork_recover - in a child that a raw clone() made: what the atfork handler would have done */
int ms_fork_recover(void);
/** ms_fork_init - install the atfork handlers, at load */
int ms_fork_init(void);

/* ---- hello.c ---- */

void ms_hello_prepare(void);
void ms_hello_send(void);

#endif

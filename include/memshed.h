/* SPDX-License-Identifier: MIT */
/*
 * memshed.h - register caches so that they can be shrunk from outside.
 *
 * A process tells libmemshed which caches it holds and how to shrink them. The sizes are in a
 * table in shared memory that anyone entitled to may read; orders to shrink arrive through a
 * control page and are carried out by the agent inside this process (see enum memshed_agent_mode).
 *
 * Every function returns 0 or a positive value on success and a negative errno on failure, unless
 * it says otherwise. The library never sets errno, prints, aborts or exits. All functions may be
 * called from any thread, also from inside a callback, unless they say otherwise. No function is
 * async-signal-safe. Sizes are in bytes.
 *
 * Since: 0.1 for everything that does not say otherwise.
 */
#ifndef MEMSHED_H
#define MEMSHED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMSHED_VERSION_MAJOR 0
#define MEMSHED_VERSION_MINOR 1

/* Longest name and source location kept, in bytes with the final NUL; longer ones are cut. */
#define MEMSHED_NAME_BYTES 128
#define MEMSHED_SOURCE_BYTES 128

/* The most caches one process can register at a time (one more row is the allocator's own). */
#define MEMSHED_MAX_CACHES 65535

struct memshed_cache;

/* What a cache holds: a word for people. Orders do not depend on it. */
enum memshed_kind {
	MEMSHED_KIND_OTHER = 0,
	MEMSHED_KIND_MEMO = 1,      /* results of a pure function, like functools.lru_cache */
	MEMSHED_KIND_BUFFER = 2,    /* buffers kept for reuse: pools, free lists */
	MEMSHED_KIND_FILE = 3,      /* contents of files or of the network, can be read again */
	MEMSHED_KIND_INDEX = 4,     /* derived data that speeds up look-ups */
	MEMSHED_KIND_CODE = 5,      /* compiled expressions, templates, plans */
	MEMSHED_KIND_ALLOCATOR = 6, /* the memory allocator's own free memory */
};

/* How urgent it is. How much to free is target_bytes. */
enum memshed_level {
	MEMSHED_LEVEL_TRIM = 1,      /* free about target_bytes, oldest or cheapest first */
	MEMSHED_LEVEL_CLEAR = 2,     /* drop everything */
	MEMSHED_LEVEL_EMERGENCY = 3, /* drop everything, and allocate nothing */
};

/* Why the order was given. */
enum memshed_reason {
	MEMSHED_REASON_UNKNOWN = 0,
	MEMSHED_REASON_PRESSURE = 1, /* memory runs short */
	MEMSHED_REASON_USER = 2,     /* a person asked */
};

/* What a shrink callback says of its work. */
enum memshed_status {
	MEMSHED_DONE = 1,        /* freed what was asked, or all there was */
	MEMSHED_PARTIAL = 2,     /* freed something, less than asked; ask again for more */
	MEMSHED_EMPTY = 3,       /* there was nothing to free */
	MEMSHED_BUSY = 4,        /* a lock was taken: ask again soon; nothing was freed */
	MEMSHED_UNSUPPORTED = 5, /* cannot be shrunk at this level */
};

/* Which thread may run the callbacks. */
enum memshed_thread_class {
	MEMSHED_THREAD_ANY = 0,   /* any thread, the agent's included */
	MEMSHED_THREAD_OWNER = 1, /* only the thread that registered, in memshed_poll() or _dispatch() */
};

enum memshed_cache_flags {
	MEMSHED_CACHE_MAY_IO = 1u << 0,    /* the callback may do I/O: never asked in an emergency */
	MEMSHED_CACHE_ESTIMATED = 1u << 1, /* its bytes are an estimate, not a count: all of them never exceed
					      the resident set */
	MEMSHED_CACHE_MANUAL = 1u << 2,    /* shrunk only where a person names it */
	MEMSHED_CACHE_NO_BRAKE = 1u << 3,  /* a thread that charges it is never held back */
	MEMSHED_CACHE_COLLECTOR = 1u << 4, /* frees what other caches let go; MANUAL is implied, see below */
};

/* What a callback is asked to do. */
struct memshed_request {
	size_t size;             /* sizeof(struct memshed_request) of the library */
	uint64_t target_bytes;   /* how much to free; 0 = everything */
	uint64_t deadline_ns;    /* CLOCK_MONOTONIC; later than this counts as stuck */
	enum memshed_level level;
	enum memshed_reason reason;
};

/* What a callback did. Zeroed before the call. Fill in what is known. */
struct memshed_result {
	size_t size; /* sizeof(struct memshed_result) of the library */
	uint64_t freed_bytes;
	uint64_t freed_entries;
	uint64_t scanned_entries;
};

enum memshed_usage_fields {
	MEMSHED_USAGE_BYTES = 1u << 0,
	MEMSHED_USAGE_ENTRIES = 1u << 1,
	MEMSHED_USAGE_HITS = 1u << 2,
	MEMSHED_USAGE_MISSES = 1u << 3,
	MEMSHED_USAGE_EVICTIONS = 1u << 4,
	MEMSHED_USAGE_INSERTS = 1u << 5,
	MEMSHED_USAGE_COST = 1u << 6,
	MEMSHED_USAGE_ROUGH = 1u << 7, /* no value: bytes may be wrong by a factor of two */
};

/* What a cache that knows its own size says of itself. Absolute values, not differences. */
struct memshed_usage {
	size_t size;     /* sizeof(struct memshed_usage) of the library */
	uint32_t fields; /* enum memshed_usage_fields: which of the values below are meant */
	uint64_t bytes;
	uint64_t entries;
	uint64_t hits;
	uint64_t misses;
	uint64_t evictions;
	uint64_t inserts;
	uint64_t cost_us; /* to recreate one entry, as measured; in place of the option of that name */
};

typedef enum memshed_status (*memshed_shrink_fn)(void *ctx, const struct memshed_request *request,
						 struct memshed_result *result);
typedef void (*memshed_clear_fn)(void *ctx);
typedef int (*memshed_count_fn)(void *ctx, struct memshed_usage *usage);

/*
 * How a cache is registered. Zero what you do not set; MEMSHED_CACHE_OPTIONS() does, and records
 * the place in the source.
 *
 * shrink and clear: at least one. shrink is preferred where both are given. A cache with clear
 * alone drops everything whatever it is asked for; what that freed is read from its counters. So is
 * what a shrink freed that leaves freed_bytes or freed_entries 0, where the cache is charged.
 *
 * count: optional, called by the agent about once a second (more seldom while nothing changes) and
 * after each order, for clear also before it; never in an emergency. 0 or a negative errno (the
 * counters then stay as they were; -EAGAIN: it is to be asked again soon). Fields it sets replace what was charged.
 *
 * MEMSHED_CACHE_COLLECTOR: what callbacks of other caches let go may not be free yet, being in cycles, or
 * waiting for the end of a grace period. Where these claimed much and little came back, shrink (or clear) of
 * the collector is called, once in a round, in an emergency too; and less often while it does not help.
 * Its claims are not counted: what comes back is. A process has one collector.
 *
 * Callbacks run with no lock of libmemshed held and one at a time per process; only when one is
 * past its deadline do others go on beside it. They may charge, register and unregister, their own
 * cache included.
 *
 * A callback that needs a lock waits for it with pthread_mutex_timedlock() or the like, for some
 * milliseconds and never past the deadline, and answers MEMSHED_BUSY where it did not get it. (A bare
 * pthread_mutex_trylock() loses to a thread that takes the lock all the time; a plain lock may wait for
 * a thread that waits for memory.) It is asked again for up to 20 ms, then others are. In an emergency
 * it waits likewise, but for less.
 *
 * A callback must return: not leave by longjmp() or an exception, nor end its thread. One that does counts as
 * stuck for good; the process and its other caches go on. One that forks ends the child itself, by exec
 * or _exit().
 */
struct memshed_cache_options {
	size_t size;              /* sizeof(struct memshed_cache_options) */
	const char *name;         /* copied; must not be empty */
	enum memshed_kind kind;
	int priority;             /* -1000 to 1000: lower is dropped earlier; 0 where all are equal */
	uint64_t cost_us;         /* time to recreate one entry, in microseconds; 0 = unknown */
	enum memshed_thread_class thread_class;
	uint32_t flags;           /* enum memshed_cache_flags */
	memshed_shrink_fn shrink;
	memshed_clear_fn clear;
	memshed_count_fn count;
	void *ctx;                /* handed to the callbacks */
	const char *source_file;  /* where the cache is registered; may be NULL */
	unsigned source_line;
};

/* In C++ (20, or earlier as an extension of the compiler) the fields are given in the order above. */
#ifdef __cplusplus
#define MEMSHED_CACHE_OPTIONS(...)                                                                 \
	(memshed_cache_options{.size = sizeof(memshed_cache_options), __VA_ARGS__,                 \
			       .source_file = __FILE__, .source_line = __LINE__})
#else
#define MEMSHED_CACHE_OPTIONS(...)                                                                 \
	((struct memshed_cache_options){.size = sizeof(struct memshed_cache_options),              \
					.source_file = __FILE__,                                   \
					.source_line = __LINE__,                                   \
					__VA_ARGS__})
#endif

/* Which thread runs the callbacks. */
enum memshed_agent_mode {
	MEMSHED_AGENT_THREAD = 0, /* a small thread of libmemshed's own (the default) */
	MEMSHED_AGENT_FD = 1,     /* the host polls memshed_fd() and calls memshed_dispatch() */
	MEMSHED_AGENT_SIGNAL = 2, /* a signal sets a flag; the host calls memshed_poll() when safe */
};

enum memshed_agent_flags {
	MEMSHED_AGENT_NO_BRAKE = 1u << 0, /* no thread of the process is ever held back, see memshed_brake() */
};

/*
 * How the agent is started. Zero what you do not set.
 *
 * round_begin and round_end: called by the agent around the callbacks of an order, for hosts with a
 * lock that all callbacks need (an interpreter's). round_begin may wait for that lock, and returns
 * 0, or a negative errno when it cannot be had: the orders are then answered MEMSHED_BUSY.
 * While round_begin waits, the table says so (agent state "entering").
 */
struct memshed_agent_options {
	size_t size; /* sizeof(struct memshed_agent_options) */
	enum memshed_agent_mode mode;
	int signal;                 /* MEMSHED_AGENT_SIGNAL only: SIGURG (used for 0) or SIGWINCH */
	uint32_t count_interval_ms; /* how often to call count; 0 = 1000 */
	int (*round_begin)(void *ctx);
	void (*round_end)(void *ctx);
	void *ctx;
	uint32_t flags;             /* enum memshed_agent_flags */
};

/**
 * memshed_start - make the table and start the agent
 * @options: how; NULL for a thread
 *
 * Optional: the first memshed_register() does the same with NULL. Call it early in main(), while
 * there is memory to spare: the agent's stack is touched and locked, and its allocator arena made.
 * The agent's threads block all signals, and run as SCHED_FIFO, priority 1, where the process may
 * (CAP_SYS_NICE or RLIMIT_RTPRIO); what callbacks start does not inherit that.
 *
 * While another thread stops the agent this waits for that.
 *
 * Return: 0; -EALREADY if the agent runs already (its options stay as they are); -EINVAL for
 * options that make no sense; -E2BIG for options of a newer memshed.h that this library does not know;
 * -EBUSY inside the callback that called memshed_stop(); -ENOTSUP in a process that clone() itself made,
 * not fork(), where the library does nothing; -EFBIG where RLIMIT_FSIZE is below the table's
 * size; -ENOMEM, -EMFILE, -EAGAIN and the like from the kernel.
 */
int memshed_start(const struct memshed_agent_options *options);

/**
 * memshed_stop - stop the agent
 *
 * Waits until the callback that runs, if any, has returned; afterwards none runs any more. Orders that
 * wait are answered "stopped". The table stays readable and says that the agent is stopped;
 * registration and charging go on to work. From inside a callback it does not wait for that callback.
 * memshed_start() starts the agent again. exit() does the same, but waits 200 ms at most.
 *
 * Return: 0; -ENOENT if no agent runs.
 */
int memshed_stop(void);

/**
 * memshed_register - make a cache known
 * @options: see struct memshed_cache_options
 * @ret_cache: where the handle is put; untouched on failure. It is there before the first callback
 *             runs, which may be before this returns.
 *
 * Starts the agent where none runs. May be called while orders run.
 *
 * Return: 0; -EINVAL for an empty name, no callback, a priority out of range, an unknown flag or
 * thread class; -E2BIG when @options is from a newer memshed.h and uses a field this library does not
 * know; -ENOSPC when MEMSHED_MAX_CACHES are registered; -ENOMEM and others from memshed_start().
 */
int memshed_register(const struct memshed_cache_options *options, struct memshed_cache **ret_cache);

/**
 * memshed_unregister - forget a cache
 * @cache: the handle; not valid afterwards; NULL does nothing
 *
 * Returns only when no callback of this cache runs or can run again, so the caller may free what
 * the callbacks use. May block for as long as such a callback does. From inside this cache's own
 * callback it returns at once, and the handle stays valid until the callback has returned.
 * Do not hold a lock that the callback waits for.
 */
void memshed_unregister(struct memshed_cache *cache);

/**
 * memshed_charge - say that a cache grew
 * @cache: the handle; NULL does nothing
 * @bytes: bytes added
 * @entries: entries added
 *
 * No lock, no cache line shared with other threads, and, where memory is not watched, no system call.
 *
 * Under a watch a thread that has charged a MiB, or less near the limit, looks how much memory is used (about 1 us).
 * Where it is short the thread orders the process's caches to be shrunk; and near the limit it is held back here until
 * some of that is done: 200 ms at most, and 1 s in any 5 s where nothing is freed meanwhile. See memshed_brake(), also
 * for what turns that off. It may be called with a lock held that the cache's own callback waits for: then it goes on
 * after some milliseconds in which the callback sleeps without progress.
 */
void memshed_charge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries);

/**
 * memshed_uncharge - say that a cache shrank
 * @cache: the handle; NULL does nothing
 * @bytes: bytes removed, charged before by any thread
 * @entries: entries removed
 */
void memshed_uncharge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries);

/** memshed_hit, memshed_miss, memshed_evict - count look-ups and evictions; NULL does nothing */
void memshed_hit(struct memshed_cache *cache, uint64_t n);
void memshed_miss(struct memshed_cache *cache, uint64_t n);
void memshed_evict(struct memshed_cache *cache, uint64_t n);

/**
 * memshed_fd - the descriptor that becomes readable when orders wait
 *
 * For MEMSHED_AGENT_FD. Poll it for POLLIN, then call memshed_dispatch(). Owned by the library; it
 * changes in a forked child. It is made readable by a thread of the library's that runs no callback.
 * A host that closed it, with all others for instance, gets another one by calling this again.
 *
 * Return: a descriptor; -ENOENT in the other modes or before memshed_start(); -EMFILE and the like.
 */
int memshed_fd(void);

/**
 * memshed_dispatch - carry out the orders that wait, and refresh the counters when that is due
 *
 * For MEMSHED_AGENT_FD, from one thread at a time: a second one gets -EBUSY, but goes on in place of the first
 * where that is in a callback past its deadline.
 *
 * Return: the number of orders carried out; -ENOENT in the other modes; -EBUSY.
 */
int memshed_dispatch(void);

/**
 * memshed_poll - a safe point
 *
 * With MEMSHED_AGENT_SIGNAL: carries out the orders that wait. In every mode: runs the callbacks of
 * MEMSHED_THREAD_OWNER caches that this thread registered and that are wanted; in a forked child it
 * starts the agent, which has not run there until now. Costs one load when
 * there is nothing to do; with MEMSHED_AGENT_SIGNAL a few, and a look at a coarse clock.
 *
 * Return: the number of orders and callbacks carried out, 0 when there was nothing to do.
 */
int memshed_poll(void);

enum memshed_brake_flags {
	MEMSHED_BRAKE_LOOK = 1u << 0, /* do not wait: say whether it would */
};

/**
 * memshed_brake - a point at which this thread may be held back while caches are shrunk
 * @flags: 0, or MEMSHED_BRAKE_LOOK
 *
 * For programs that grow without memshed_charge(): an interpreter, or a cache that counts itself. Call it
 * where no lock is held that a callback may wait for, as often as a MiB or so is added, or each millisecond. Under a
 * watch it does what memshed_charge() does each MiB: it looks how much memory is used (about 1 us), orders the
 * process's caches to be shrunk where memory is short, and near the limit waits for that, for 200 ms at most, and
 * 1 s in any 5 s where nothing is freed meanwhile. What the thread added between its last two looks counts as added already. Without a watch it
 * costs a load.
 *
 * With MEMSHED_BRAKE_LOOK it does not wait, so that it may be called with locks held: give them up and
 * call it again with 0 where it returns 1.
 *
 * It never waits in a callback, in a thread that carries out orders (memshed_dispatch(), memshed_poll()), where
 * nothing can be freed or shrinking has not helped, or where it is turned off: by MEMSHED_AGENT_NO_BRAKE, or by the
 * user (memshed run --no-brake).
 *
 * Return: 0; 1 with MEMSHED_BRAKE_LOOK where it would wait; -EINVAL for an unknown flag.
 */
int memshed_brake(uint32_t flags);

/** memshed_kind_name, memshed_status_name, memshed_level_name - the word for a value, "unknown" for others */
const char *memshed_kind_name(enum memshed_kind kind);
const char *memshed_status_name(enum memshed_status status);
const char *memshed_level_name(enum memshed_level level);

/** memshed_version - the library's version, "0.1.0" */
const char *memshed_version(void);

#ifdef __cplusplus
}
#endif
#endif

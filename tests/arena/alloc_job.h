/* SPDX-License-Identifier: MIT */
/*
 * alloc_job.h - the two halves of alloc_job: its options and work (alloc_job.c), its cache (alloc_cache.c).
 */
#ifndef TESTS_ARENA_ALLOC_JOB_H
#define TESTS_ARENA_ALLOC_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <memshed.h>

enum { JOB_THREADS_MAX = 32 };

/* Whether a thread holds its shard's lock while it makes a block, and what the callback then does. */
enum job_hold { JOB_HOLD_NOT, JOB_HOLD_TRY, JOB_HOLD_WAIT };

struct job_options {
	uint64_t keys, block_bytes, passes, keys_after, workers, threads, rate_mib;
	uint64_t total_mib, delay_ms, burst_mib, quiet_ms;
	bool exact, uncharged, map, huge;
	enum memshed_agent_mode mode;
	enum job_hold hold;
	const char *sync_file, *fault;
};

extern struct job_options options;

/* Written once, by the thread that makes it; read by that thread until it uses another. */
struct block {
	uint64_t bytes; /* with this header */
	uint64_t data[];
};

/*
 * The keys of one thread. Only that thread inserts; the callback removes.
 *
 * slots, in_use, next_victim, cached: guarded by lock
 */
struct shard {
	pthread_mutex_t lock;
	struct block **slots; /* by key / threads; NULL = not cached */
	uint64_t keys;
	uint64_t in_use;      /* the slot that the thread reads without the lock, or UINT64_MAX */
	uint64_t next_victim; /* slots are filled in order, so the oldest stand from here on */
	uint64_t cached;
};

/** cache_open - make the shards and register the cache, and the faulty one where one is asked for */
void cache_open(void);

/**
 * cache_use - find a block or make it, and read all of it
 * @shard: the thread's own
 * @slot: below shard->keys
 * @seed: what the block is made of
 * @ret_made: how many bytes were made, 0 when it was cached
 *
 * Ends the process when the block is not what it was made of.
 *
 * Return: a checksum of the block.
 */
uint64_t cache_use(struct shard *shard, uint64_t slot, uint64_t seed, uint64_t *ret_made);

/** cache_shard - of thread @thread */
struct shard *cache_shard(uint64_t thread);

/** cache_report - how often the callbacks were asked, and what they freed, to stderr, after @who */
void cache_report(const char *who);

/** job_die - say what failed, with errno, and exit 1 */
_Noreturn void job_die(const char *what);

/** job_must - @pointer, which must not be NULL */
void *job_must(void *pointer);

/** job_map - anonymous memory, with huge pages where that was asked for; never NULL */
void *job_map(uint64_t bytes);

/** job_sleep_ms - sleep for that long, whatever signals come */
void job_sleep_ms(uint64_t ms);

#endif

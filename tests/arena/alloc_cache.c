/* SPDX-License-Identifier: MIT */
/*
 * alloc_cache.c - the cache of alloc_job: blocks by key, a shard for each thread, and its shrink callback.
 *
 * The callback takes a few blocks at a time out of each shard in turn, and frees them without the lock:
 * the threads go on making blocks meanwhile, as fast as the allocator lets them.
 *
 * Threads: each working thread enters with its own shard; libmemshed's agent, or the thread that dispatches,
 * calls shrink(). shard.lock guards what the head of struct shard says; it is not held while memory is
 * made, unless --hold asks for that.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "alloc_job.h"

enum { BATCH = 16, FAULT_BYTES = 8 << 20, STOP_BYTES = 2 << 20, LOCK_WAIT_MS = 20 };

static struct shard shards[JOB_THREADS_MAX];
static struct memshed_cache *handle;

static struct {
	_Atomic uint64_t blocks, blocks_freed, fault;
} asked;

static bool has_fault(const char *name)
{
	return options.fault && !strcmp(options.fault, name);
}

/* ---- blocks ---- */

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* Half to one and a half times the mean size, unless all are to have exactly that. */
static uint64_t size_of(uint64_t seed)
{
	uint64_t bytes = options.block_bytes;

	if (!options.exact)
		bytes = bytes / 2 + mix(seed) % bytes;
	return (bytes & ~UINT64_C(7)) + (options.exact ? 0 : sizeof(struct block));
}

static uint64_t words_of(const struct block *block)
{
	return (block->bytes - sizeof(*block)) / sizeof(block->data[0]);
}

static struct block *make(uint64_t seed)
{
	uint64_t bytes = size_of(seed), words;
	struct block *block = options.map ? job_map(bytes) : job_must(malloc(bytes));

	block->bytes = bytes;
	words = words_of(block);
	for (uint64_t i = 0; i < words; i++)
		block->data[i] = seed + i;
	return block;
}

static void discard(struct block *block)
{
	if (!options.map)
		free(block);
	else if (munmap(block, block->bytes))
		job_die("munmap");
}

/* The sum of an arithmetic series is known without adding it up: a block that was lost is found out. */
static uint64_t fold(const struct block *block, uint64_t seed)
{
	uint64_t sum = 0, words = words_of(block);

	for (uint64_t i = 0; i < words; i++)
		sum += block->data[i];
	if (block->bytes != size_of(seed) || sum != words * seed + words * (words - 1) / 2) {
		fprintf(stderr, "alloc_job: a cached block is not what it was made of\n");
		exit(1);
	}
	return sum;
}

uint64_t cache_use(struct shard *shard, uint64_t slot, uint64_t seed, uint64_t *ret_made)
{
	struct block *block, *made = NULL;

	pthread_mutex_lock(&shard->lock);
	block = shard->slots[slot];
	shard->in_use = slot;
	if (!block && options.hold)
		made = make(seed);
	pthread_mutex_unlock(&shard->lock);
	if (!block && !made)
		made = make(seed);
	if (made) {
		memshed_miss(handle, 1);
		if (!options.uncharged)
			memshed_charge(handle, made->bytes, 1);
		pthread_mutex_lock(&shard->lock);
		shard->slots[slot] = made;
		shard->cached++;
		pthread_mutex_unlock(&shard->lock);
	} else {
		memshed_hit(handle, 1);
	}
	*ret_made = made ? made->bytes : 0;
	return fold(made ? made : block, seed);
}

struct shard *cache_shard(uint64_t thread)
{
	return &shards[thread];
}

/* ---- shrinking ---- */

/* Return: false where the lock was not to be had. */
static bool lock_shard(struct shard *shard)
{
	struct timespec until;

	if (options.hold != JOB_HOLD_WAIT)
		return pthread_mutex_trylock(&shard->lock) == 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOCK_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return pthread_mutex_timedlock(&shard->lock, &until) == 0;
}

/* Takes the oldest blocks out, up to BATCH and about target bytes. Return: how many. */
static unsigned take_locked(struct shard *shard, uint64_t target, struct block **ret_blocks, uint64_t *ret_scanned)
{
	uint64_t bytes = 0, scanned = 0;
	unsigned taken = 0;

	while (shard->cached && scanned < shard->keys && taken < BATCH && bytes < target) {
		uint64_t slot = shard->next_victim;
		struct block *block = slot == shard->in_use ? NULL : shard->slots[slot];

		shard->next_victim = (slot + 1) % shard->keys;
		scanned++;
		if (!block)
			continue;
		shard->slots[slot] = NULL;
		shard->cached--;
		bytes += block->bytes;
		ret_blocks[taken++] = block;
	}
	*ret_scanned = scanned;
	return taken;
}

/* Return: the bytes freed; 0 when there was nothing, or the lock was not to be had. */
static uint64_t drop_some(struct shard *shard, uint64_t target, struct memshed_result *result, bool *busy)
{
	struct block *blocks[BATCH];
	uint64_t bytes = 0, scanned;
	unsigned taken;

	if (!lock_shard(shard)) {
		*busy = true;
		return 0;
	}
	taken = take_locked(shard, target, blocks, &scanned);
	pthread_mutex_unlock(&shard->lock);
	for (unsigned i = 0; i < taken; i++) {
		bytes += blocks[i]->bytes;
		discard(blocks[i]);
	}
	if (!options.uncharged && taken)
		memshed_uncharge(handle, bytes, taken);
	result->freed_bytes += bytes;
	result->freed_entries += taken;
	result->scanned_entries += scanned;
	return bytes;
}

/* With a little more memory taken: where the process shrinks by itself, usage may be only a page above high, and a
 * watch that reads it at another moment may find it below. */
static void stop_above_high(void)
{
	void *more = mmap(NULL, STOP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	raise(SIGSTOP); /* of this thread, so that it does not get any further */
	if (more != MAP_FAILED)
		munmap(more, STOP_BYTES);
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	uint64_t target = request->target_bytes ? request->target_bytes : UINT64_MAX, got;
	bool busy = false;

	(void)ctx;
	if (atomic_fetch_add(&asked.blocks, 1) == 0 && has_fault("stop"))
		stop_above_high();
	job_sleep_ms(options.delay_ms);
	do {
		got = 0;
		for (uint64_t i = 0; i < options.threads && result->freed_bytes < target; i++)
			got += drop_some(&shards[i], target - result->freed_bytes, result, &busy);
	} while (got && result->freed_bytes < target);
	atomic_fetch_add(&asked.blocks_freed, result->freed_bytes);
	if (!result->freed_bytes)
		return busy ? MEMSHED_BUSY : MEMSHED_EMPTY;
	return busy && result->freed_bytes < target ? MEMSHED_PARTIAL : MEMSHED_DONE;
}

/* ---- the faults ---- */

static enum memshed_status shrink_never(void *ctx, const struct memshed_request *request,
					struct memshed_result *result)
{
	(void)ctx, (void)request, (void)result;
	atomic_fetch_add(&asked.fault, 1);
	while (true)
		pause();
	return MEMSHED_BUSY;
}

static enum memshed_status shrink_nothing(void *ctx, const struct memshed_request *request,
					  struct memshed_result *result)
{
	(void)ctx, (void)request, (void)result;
	atomic_fetch_add(&asked.fault, 1);
	return MEMSHED_DONE;
}

/* Asked before the blocks: its priority is lower. */
static void add_fault(void)
{
	struct memshed_cache_options stuck = MEMSHED_CACHE_OPTIONS(.name = "stuck", .priority = -500,
								   .shrink = shrink_never);
	struct memshed_cache_options hollow = MEMSHED_CACHE_OPTIONS(.name = "hollow", .priority = -500,
								    .shrink = shrink_nothing);
	bool sleeps = has_fault("sleep");
	struct memshed_cache *cache;

	if (!sleeps && !has_fault("empty"))
		return;
	errno = -memshed_register(sleeps ? &stuck : &hollow, &cache);
	if (errno)
		job_die("register");
	memshed_charge(cache, sleeps ? FAULT_BYTES : UINT64_C(8) << 30, 1000);
	if (sleeps)
		memset(job_must(malloc(FAULT_BYTES)), 1, FAULT_BYTES);
}

/* ---- start and end ---- */

void cache_open(void)
{
	struct memshed_cache_options known = MEMSHED_CACHE_OPTIONS(.name = "blocks", .kind = MEMSHED_KIND_BUFFER,
								   .shrink = shrink);

	for (uint64_t i = 0; i < options.threads; i++) {
		shards[i].keys = options.keys / options.threads + (i < options.keys % options.threads);
		shards[i].slots = job_must(calloc(shards[i].keys, sizeof(struct block *)));
		shards[i].in_use = UINT64_MAX;
		pthread_mutex_init(&shards[i].lock, NULL);
	}
	errno = -memshed_register(&known, &handle);
	if (errno)
		job_die("register");
	add_fault();
}

void cache_report(const char *who)
{
	fprintf(stderr, "%s: blocks asked %" PRIu64 " freed %" PRIu64 "; fault asked %" PRIu64 "\n", who,
		atomic_load(&asked.blocks), atomic_load(&asked.blocks_freed), atomic_load(&asked.fault));
}

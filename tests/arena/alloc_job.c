/* SPDX-License-Identifier: MIT */
/*
 * alloc_job.c - a plain job for the arena: a hash of malloc'ed blocks that grows as fast as it can.
 *
 * It goes over its keys several times, makes the block of a key when it is not cached, and folds every
 * block into a checksum, its output. What was dropped in between must not change the checksum. On
 * stderr it says how often each cache was asked and what that freed.
 *
 *	-k KEYS    different blocks (1024)         -b BYTES   mean size of one (65536)
 *	-p PASSES  over all keys (3)               -w N       N forked workers do it, not this process
 *	-r MIB     make at most so many MiB a second
 *	-s FILE    at half time: create FILE.reached and wait until FILE.go exists
 *	-a KEYS    after half time use only so many keys
 *	-f FAULT   sleep  another cache's callback never returns
 *	           empty  another cache claims 8 GiB and frees nothing
 *	           stop   the first callback stops the whole process (SIGSTOP) before it frees anything
 *
 * Threads: the main thread works; libmemshed's agent calls shrink. blocks.lock guards struct blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memshed.h>

enum { WORKERS_MAX = 64, FAULT_BYTES = 8 << 20 };

struct block {
	uint64_t bytes;
	uint64_t data[];
};

static struct blocks {
	pthread_mutex_t lock;
	struct block **slots; /* by key; NULL = not cached */
	uint64_t in_use;      /* key of the block that the main thread reads */
	uint64_t next_victim; /* keys are made in order, so the oldest stand from here on */
	struct memshed_cache *handle;
} blocks = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct options {
	uint64_t keys, block_bytes, passes, keys_after, workers, rate_mib;
	const char *sync_file, *fault;
} options = {.keys = 1024, .block_bytes = 65536, .passes = 3};

static struct {
	_Atomic uint64_t blocks, blocks_freed, fault;
} asked;

static void die(const char *what)
{
	fprintf(stderr, "alloc_job: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *must(void *pointer)
{
	if (!pointer)
		die("out of memory");
	return pointer;
}

static bool has_fault(const char *name)
{
	return options.fault && !strcmp(options.fault, name);
}

/* ---- the cache ---- */

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* Half to one and a half times the mean size. */
static struct block *make(uint64_t seed)
{
	uint64_t bytes = (options.block_bytes / 2 + mix(seed) % options.block_bytes) & ~UINT64_C(7);
	struct block *block = must(malloc(sizeof(*block) + bytes));

	block->bytes = bytes;
	for (uint64_t i = 0; i < bytes / 8; i++)
		block->data[i] = seed * (i + 1);
	return block;
}

static uint64_t fold(const struct block *block)
{
	uint64_t sum = block->bytes;

	for (uint64_t i = 0; i < block->bytes / 8; i++)
		sum = sum * 31 + block->data[i];
	return sum;
}

/* Sleep when more was made than the rate allows for the time since the first block. */
static void keep_rate(uint64_t bytes)
{
	static uint64_t begin_ms, made_bytes;
	struct timespec now;
	uint64_t now_ms, due_ms;

	if (!options.rate_mib)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	begin_ms = begin_ms ? begin_ms : now_ms;
	made_bytes += bytes;
	due_ms = begin_ms + made_bytes * 1000 / (options.rate_mib << 20);
	if (due_ms > now_ms)
		usleep((useconds_t)(due_ms - now_ms) * 1000);
}

/* The lock is held to look up and to insert; the block in use is the main thread's until the next. */
static uint64_t use(uint64_t key, uint64_t seed)
{
	struct block *block;
	bool made;

	pthread_mutex_lock(&blocks.lock);
	block = blocks.slots[key];
	blocks.in_use = key;
	pthread_mutex_unlock(&blocks.lock);
	made = !block;
	if (made) {
		block = make(mix(key + seed));
		memshed_miss(blocks.handle, 1);
		memshed_charge(blocks.handle, block->bytes, 1);
		pthread_mutex_lock(&blocks.lock);
		blocks.slots[key] = block;
		pthread_mutex_unlock(&blocks.lock);
	} else {
		memshed_hit(blocks.handle, 1);
	}
	if (made)
		keep_rate(block->bytes);
	return fold(block);
}

static uint64_t drop_locked(uint64_t key)
{
	struct block *block = key == blocks.in_use ? NULL : blocks.slots[key];
	uint64_t bytes = block ? block->bytes : 0;

	if (!block)
		return 0;
	blocks.slots[key] = NULL;
	memshed_uncharge(blocks.handle, bytes, 1);
	free(block);
	return bytes;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	uint64_t target = request->target_bytes ? request->target_bytes : UINT64_MAX;

	(void)ctx;
	if (atomic_fetch_add(&asked.blocks, 1) == 0 && has_fault("stop"))
		raise(SIGSTOP); /* of this thread, so that it does not get any further */
	if (pthread_mutex_trylock(&blocks.lock))
		return MEMSHED_BUSY;
	for (uint64_t i = 0; i < options.keys && result->freed_bytes < target; i++) {
		uint64_t bytes = drop_locked(blocks.next_victim);

		blocks.next_victim = (blocks.next_victim + 1) % options.keys;
		result->freed_bytes += bytes;
		result->freed_entries += bytes > 0;
		result->scanned_entries++;
	}
	pthread_mutex_unlock(&blocks.lock);
	atomic_fetch_add(&asked.blocks_freed, result->freed_bytes);
	return !result->freed_bytes ? MEMSHED_EMPTY : MEMSHED_DONE;
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
		die("register");
	memshed_charge(cache, sleeps ? FAULT_BYTES : UINT64_C(8) << 30, 1000);
	if (sleeps)
		memset(must(malloc(FAULT_BYTES)), 1, FAULT_BYTES);
}

/* ---- the work ---- */

static bool exists(const char *suffix)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", options.sync_file, suffix);
	return access(path, F_OK) == 0;
}

static void meet(void)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.reached", options.sync_file);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		die(path);
	close(fd);
	while (!exists(".go"))
		usleep(10000);
}

static uint64_t work(uint64_t seed)
{
	uint64_t sum = 0, half = options.passes / 2;

	for (uint64_t pass = 0; pass < options.passes; pass++) {
		uint64_t keys = options.keys_after && pass >= half ? options.keys_after : options.keys;

		if (options.sync_file && pass == half)
			meet();
		for (uint64_t key = 0; key < keys; key++)
			sum = mix(sum + use(key, seed));
	}
	return sum;
}

static void report(const char *who)
{
	fprintf(stderr, "%s: blocks asked %" PRIu64 " freed %" PRIu64 "; fault asked %" PRIu64 "\n", who,
		atomic_load(&asked.blocks), atomic_load(&asked.blocks_freed), atomic_load(&asked.fault));
}

/* The blocks were registered before the fork: each child has them in a table of its own. */
static uint64_t work_in_children(void)
{
	size_t bytes = sizeof(uint64_t) * WORKERS_MAX;
	uint64_t *sums = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), sum = 0;
	int status, failed = 0;

	if (sums == MAP_FAILED)
		die("mmap");
	for (uint64_t i = 0; i < options.workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		sums[i] = work(i << 32);
		report("worker");
		_exit(0);
	}
	for (uint64_t i = 0; i < options.workers; i++) {
		if (wait(&status) < 0)
			die("wait");
		failed += status != 0;
	}
	if (failed) {
		fprintf(stderr, "alloc_job: %d workers failed\n", failed);
		exit(1);
	}
	for (uint64_t i = 0; i < options.workers; i++)
		sum = mix(sum + sums[i]);
	return sum;
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "k:b:p:w:r:s:a:f:")) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (option) {
		case 'k': options.keys = number; break;
		case 'b': options.block_bytes = number; break;
		case 'p': options.passes = number; break;
		case 'w': options.workers = number; break;
		case 'r': options.rate_mib = number; break;
		case 'a': options.keys_after = number; break;
		case 's': options.sync_file = optarg; break;
		case 'f': options.fault = optarg; break;
		default: exit(2);
		}
	}
	if (!options.keys || options.block_bytes < 16 || options.workers > WORKERS_MAX ||
	    options.keys_after > options.keys)
		exit(2);
}

int main(int argc, char **argv)
{
	struct memshed_cache_options known = MEMSHED_CACHE_OPTIONS(.name = "blocks", .kind = MEMSHED_KIND_BUFFER,
								   .shrink = shrink);
	uint64_t sum;

	parse(argc, argv);
	blocks.slots = must(calloc(options.keys, sizeof(*blocks.slots)));
	errno = -memshed_register(&known, &blocks.handle);
	if (errno)
		die("register");
	add_fault();
	sum = options.workers ? work_in_children() : work(0);
	if (!options.workers)
		report("alloc_job");
	printf("checksum %016" PRIx64 "\n", sum);
	return 0;
}

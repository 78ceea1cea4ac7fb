/* SPDX-License-Identifier: MIT */
/*
 * threads_job.c - a plain job for the arena: threads that malloc small blocks into one cache, as fast as they can.
 *
 * They hold the allocator's locks nearly all the time, faulting pages in, and the callback's free() waits for these:
 * unless they are held back, they are faster than it. Nothing is ever looked up; the output is how many blocks
 * were made.
 *
 *	-t THREADS (4)  -b BYTES of a block (4096)  -m MIB in all (1024)
 *	-l              leak: the callback frees nothing
 *
 * Threads: as many as asked for, and libmemshed's agent. Each shelf has a lock of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memshed.h>

enum { SHELVES = 64, THREADS_MAX = 64 };

struct block {
	struct block *next;
	char data[];
};

static struct shelf {
	pthread_mutex_t lock;
	struct block *oldest, *newest;
} shelves[SHELVES];

static struct memshed_cache *cache;
static size_t threads = 4, block_bytes = 4096, total_mib = 1024;
static bool leaks;

static void die(const char *what)
{
	fprintf(stderr, "threads_job: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Return: bytes freed. */
static uint64_t empty_shelf(struct shelf *shelf, uint64_t wanted_bytes)
{
	uint64_t freed = 0;

	pthread_mutex_lock(&shelf->lock);
	while (shelf->oldest && freed < wanted_bytes) {
		struct block *block = shelf->oldest;

		shelf->oldest = block->next;
		if (!block->next)
			shelf->newest = NULL;
		free(block);
		freed += block_bytes;
	}
	pthread_mutex_unlock(&shelf->lock);
	return freed;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	uint64_t share = request->target_bytes ? request->target_bytes / SHELVES + 1 : UINT64_MAX;

	(void)ctx;
	for (unsigned i = 0; i < SHELVES && !leaks; i++)
		result->freed_bytes += empty_shelf(&shelves[i], share);
	result->freed_entries = result->freed_bytes / block_bytes;
	memshed_uncharge(cache, result->freed_bytes, result->freed_entries);
	return result->freed_bytes ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static void insert(size_t number)
{
	struct shelf *shelf = &shelves[number % SHELVES];
	struct block *block = malloc(block_bytes);

	if (!block)
		die("malloc");
	memset(block, 1, block_bytes);
	block->next = NULL;
	pthread_mutex_lock(&shelf->lock);
	if (shelf->newest)
		shelf->newest->next = block;
	else
		shelf->oldest = block;
	shelf->newest = block;
	pthread_mutex_unlock(&shelf->lock);
	memshed_charge(cache, block_bytes, 1);
}

static void *work(void *first)
{
	size_t count = (total_mib << 20) / block_bytes / threads;

	for (size_t i = 0; i < count; i++)
		insert((size_t)(uintptr_t)first + i * threads);
	return NULL;
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "t:b:m:l")) != -1) {
		size_t number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 't': threads = number; break;
		case 'b': block_bytes = number; break;
		case 'm': total_mib = number; break;
		case 'l': leaks = true; break;
		default: exit(2);
		}
	}
	if (!threads || threads > THREADS_MAX || block_bytes < sizeof(struct block))
		exit(2);
}

int main(int argc, char **argv)
{
	struct memshed_cache_options known = MEMSHED_CACHE_OPTIONS(.name = "shelves", .shrink = shrink);
	pthread_t thread[THREADS_MAX];

	parse(argc, argv);
	for (unsigned i = 0; i < SHELVES; i++)
		pthread_mutex_init(&shelves[i].lock, NULL);
	errno = -memshed_register(&known, &cache);
	if (errno)
		die("register");
	for (size_t i = 0; i < threads; i++) {
		errno = pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i);
		if (errno)
			die("pthread_create");
	}
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%zu blocks\n", (total_mib << 20) / block_bytes / threads * threads);
	return 0;
}

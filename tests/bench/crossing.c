/* SPDX-License-Identifier: MIT */
/*
 * crossing - fills its cache up to a mark, again and again, and says how long it takes until the cache is asked.
 *
 *   --bytes N      how much it puts there at most
 *   --times N      how often
 *   --rate N       MiB a second
 *
 * Prints "ready PID", and reads from standard input how many bytes the mark is away: another process has read
 * what is used now, as it counts for the limit. Then it prints a number of microseconds for each time: from the
 * look at which its memory was above the mark to the beginning of the callback. It looks after every STEP_BYTES,
 * so that the time begins no later than 64 KiB above. What the cache will hold is charged before it is filled:
 * nothing but what the watch sees may start a round.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "memshed.h"

enum { STEP_BYTES = 64 << 10, PAGE_BYTES = 4096, SETTLE_MS = 300, PATIENCE_S = 20, WAIT_NS = 100000 };
#define NS_PER_S UINT64_C(1000000000)

static struct {
	struct memshed_cache *handle;
	unsigned char *at;
	uint64_t bytes;
	_Atomic uint64_t asked_ns; /* 0 = not since it was emptied; writer: callback, and main to 0 */
} cache;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	uint64_t before = 0, now = now_ns();

	(void)ctx;
	(void)request;
	atomic_compare_exchange_strong(&cache.asked_ns, &before, now);
	madvise(cache.at, cache.bytes, MADV_DONTNEED);
	result->freed_bytes = cache.bytes;
	memshed_uncharge(cache.handle, cache.bytes, cache.bytes / STEP_BYTES);
	return MEMSHED_DONE;
}

/* Resident, and not of a file. */
static uint64_t own_bytes(int statm)
{
	unsigned long long size, resident, shared;
	char text[128];
	ssize_t length = pread(statm, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	return sscanf(text, "%llu %llu %llu", &size, &resident, &shared) == 3 ? (resident - shared) * PAGE_BYTES : 0;
}

/* Return: microseconds; 0 when it was asked below the mark; -1: it never was. */
static int64_t cross(int statm, uint64_t mark, uint64_t rate_bytes)
{
	uint64_t began = now_ns(), crossed = 0, filled = 0;

	memshed_charge(cache.handle, cache.bytes, cache.bytes / STEP_BYTES);
	atomic_store(&cache.asked_ns, 0);
	while (!atomic_load(&cache.asked_ns)) {
		if (filled < cache.bytes) {
			for (uint64_t i = 0; i < STEP_BYTES; i += PAGE_BYTES)
				cache.at[filled + i] = 1;
			filled += STEP_BYTES;
		}
		if (!crossed && own_bytes(statm) > mark)
			crossed = now_ns();
		if (now_ns() > began + PATIENCE_S * NS_PER_S)
			return -1;
		sleep_until(filled < cache.bytes ? began + filled * NS_PER_S / rate_bytes : now_ns() + WAIT_NS);
	}
	uint64_t asked = atomic_load(&cache.asked_ns);

	return crossed && asked > crossed ? (int64_t)((asked - crossed) / 1000) : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"bytes", required_argument, NULL, 'b'},
		{"times", required_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct memshed_cache_options cache_options = MEMSHED_CACHE_OPTIONS(.name = "filled", .shrink = shrink);
	uint64_t bytes = 0, times = 1, rate = 100;
	unsigned long long away;
	int option, statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t *to = option == 'b' ? &bytes : option == 't' ? &times : option == 'r' ? &rate : NULL;

		if (!to)
			return 2;
		*to = strtoull(optarg, NULL, 10);
	}
	cache.bytes = bytes / STEP_BYTES * STEP_BYTES;
	cache.at = mmap(NULL, cache.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (statm < 0 || !bytes || !rate || cache.at == MAP_FAILED ||
	    memshed_register(&cache_options, &cache.handle) < 0)
		return 2;
	madvise(cache.at, cache.bytes, MADV_NOHUGEPAGE);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	if (scanf("%llu", &away) != 1)
		return 2;

	uint64_t mark = own_bytes(statm) + away;

	for (uint64_t i = 0; i < times; i++) {
		sleep_until(now_ns() + SETTLE_MS * UINT64_C(1000000));
		int64_t us = cross(statm, mark, rate << 20);

		if (us < 0)
			return 3;
		printf("%lld\n", (long long)us);
		fflush(stdout);
	}
	return 0;
}

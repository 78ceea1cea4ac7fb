/* SPDX-License-Identifier: MIT */
/*
 * bench_charge.c - what a counter update costs its user, beside the two plain ways to count.
 *
 * From one thread and from all CPUs at once on the same cache: memshed_charge() with bytes and entries,
 * a relaxed atomic add to one shared word, and an add to a thread-local word. All are called through a
 * pointer, as a library's function is, so that the call costs each the same. Nanoseconds per call and
 * thread; the median of interleaved repetitions.
 *
 * BENCH_REPEAT: repetitions (31); BENCH_CALLS: calls in each (2,000,000).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "bench.h"
#include "memshed.h"

enum { WAYS = 3, CHARGE = 0, ATOMIC = 1, LOCAL = 2, MAX_THREADS = 256 };

typedef void (*add_fn)(struct memshed_cache *cache, uint64_t bytes, uint64_t entries);

static _Alignas(64) _Atomic uint64_t shared_word;
static __thread volatile uint64_t local_word;
static struct memshed_cache *cache;

static void add_atomic(struct memshed_cache *unused, uint64_t bytes, uint64_t entries)
{
	(void)unused;
	(void)entries;
	atomic_fetch_add_explicit(&shared_word, bytes, memory_order_relaxed);
}

static void add_local(struct memshed_cache *unused, uint64_t bytes, uint64_t entries)
{
	(void)unused;
	(void)entries;
	local_word += bytes;
}

static add_fn volatile ways[WAYS] = {[CHARGE] = memshed_charge, [ATOMIC] = add_atomic, [LOCAL] = add_local};

static unsigned long calls;
static _Atomic unsigned waiting;
static _Atomic bool go;

static double measure(add_fn add)
{
	uint64_t from = ms_clock_ns();

	for (unsigned long i = 0; i < calls; i++)
		add(cache, 64, 1);
	return (double)(ms_clock_ns() - from) / (double)calls;
}

struct task {
	int way;
	double ns;
};

static void *run(void *argument)
{
	struct task *task = argument;
	add_fn add = ways[task->way];

	add(cache, 64, 1); /* the first one finds a lane and touches the page */
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&go))
		sched_yield();
	task->ns = measure(add);
	return NULL;
}

/* Return: the mean over the threads; each runs while all the others do. */
static double measure_all(int way, unsigned threads)
{
	pthread_t thread[MAX_THREADS];
	struct task task[MAX_THREADS];
	double sum = 0;

	atomic_store(&waiting, 0);
	atomic_store(&go, false);
	for (unsigned i = 0; i < threads; i++) {
		task[i] = (struct task){.way = way};
		if (pthread_create(&thread[i], NULL, run, &task[i]) != 0)
			abort();
	}
	while (atomic_load(&waiting) < threads)
		sched_yield();
	atomic_store(&go, true);
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		sum += task[i].ns;
	}
	return sum / threads;
}

static void clear(void *ctx)
{
	(void)ctx;
}

static unsigned long read_env(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

int main(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "bench", .clear = clear);
	unsigned long repeat = read_env("BENCH_REPEAT", 31);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cpus > MAX_THREADS ? MAX_THREADS : (unsigned)cpus;
	double *one[WAYS], *all[WAYS], median_one[WAYS], median_all[WAYS];

	calls = read_env("BENCH_CALLS", 2000000);
	if (memshed_register(&options, &cache) != 0)
		return 1;
	for (int way = 0; way < WAYS; way++) {
		one[way] = calloc(repeat, sizeof(double));
		all[way] = calloc(repeat, sizeof(double));
	}
	for (unsigned long i = 0; i < repeat; i++) {
		for (int way = 0; way < WAYS; way++) {
			ways[way](cache, 64, 1);
			one[way][i] = measure(ways[way]);
		}
		for (int way = 0; way < WAYS; way++)
			all[way][i] = measure_all(way, threads);
	}
	for (int way = 0; way < WAYS; way++) {
		median_one[way] = bench_quantile(one[way], repeat, 0.5);
		median_all[way] = bench_quantile(all[way], repeat, 0.5);
	}
	bench_line("charge, 1 thread, beside a thread-local add", median_one[CHARGE], "ns", median_one[LOCAL]);
	bench_line("charge, 1 thread, beside a shared atomic add", median_one[CHARGE], "ns", median_one[ATOMIC]);
	bench_line("charge, all CPUs, beside 1 thread", median_all[CHARGE], "ns", median_one[CHARGE]);
	bench_line("charge, all CPUs, beside a thread-local add", median_all[CHARGE], "ns", median_all[LOCAL]);
	bench_line("charge, all CPUs, beside a contended atomic add", median_all[CHARGE], "ns", median_all[ATOMIC]);
	memshed_unregister(cache);
	for (int way = 0; way < WAYS; way++) {
		free(one[way]);
		free(all[way]);
	}
	return 0;
}

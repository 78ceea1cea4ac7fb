/* SPDX-License-Identifier: MIT */
/*
 * bench_charge.c - what a counter update costs its user, beside the two plain ways to count.
 *
 * From one thread and from all CPUs at once on the same cache: memshed_charge() with bytes and entries,
 * a relaxed atomic add to one shared word, and an add to a thread-local word. All are called through a
 * pointer, as a library's function is, so that the call costs each the same. Nanoseconds of the thread's
 * own CPU time per call, which waiting for a contended line is part of and waiting for a CPU is not; the
 * median of repetitions. With all CPUs only those repetitions count in which the threads really ran at the
 * same time: each had a CPU, and they overlapped, for four fifths of it. Where a busy machine allows
 * none, says so and takes the last.
 *
 * With marks: the same under a watch, far from its limit, where a thread looks at each MiB that it has charged; the
 * look alone too, of the process's own memory, by memshed_brake().
 *
 * BENCH_REPEAT: repetitions (101), tried up to ten times as often; BENCH_CALLS: calls in each (100,000).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "bench.h"
#include "memshed.h"
#include "table/control.h"
#include "table/marks.h"
#include "table/reader.h"

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

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

struct task {
	int way;
	double ns;               /* of CPU time, per call */
	uint64_t from_ns, to_ns; /* by the clock on the wall */
};

static void measure(struct task *task)
{
	add_fn add = ways[task->way];

	task->from_ns = ms_clock_ns();

	double cpu = cpu_ns();

	for (unsigned long i = 0; i < calls; i++)
		add(cache, 64, 1);
	task->ns = (cpu_ns() - cpu) / (double)calls;
	task->to_ns = ms_clock_ns();
}

static void *run(void *argument)
{
	struct task *task = argument;

	ways[task->way](cache, 64, 1); /* the first one finds a shard and touches the page */
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&go))
		; /* on a CPU when it begins */
	measure(task);
	return NULL;
}

static bool ran_together(const struct task *task, unsigned threads)
{
	uint64_t first = task[0].from_ns, last = task[0].to_ns, all_from = first, all_to = last;

	for (unsigned i = 0; i < threads; i++) {
		if (task[i].ns * (double)calls < 0.8 * (double)(task[i].to_ns - task[i].from_ns))
			return false;
		first = task[i].from_ns < first ? task[i].from_ns : first;
		last = task[i].to_ns > last ? task[i].to_ns : last;
		all_from = task[i].from_ns > all_from ? task[i].from_ns : all_from;
		all_to = task[i].to_ns < all_to ? task[i].to_ns : all_to;
	}
	return all_to > all_from && (double)(all_to - all_from) > 0.8 * (double)(last - first);
}

/* Return: the mean over the threads. *ret_together: they ran at the same time. */
static double measure_all(int way, unsigned threads, bool *ret_together)
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
	*ret_together = ran_together(task, threads);
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

static void measure_one_thread(unsigned long repeat, double *ns[WAYS])
{
	for (unsigned long i = 0; i < repeat; i++) {
		for (int way = 0; way < WAYS; way++) {
			struct task task = {.way = way};

			measure(&task);
			ns[way][i] = task.ns;
		}
	}
}

/* Return: the median of what counts. */
static double measure_all_cpus(int way, unsigned long repeat, unsigned threads, double *ns)
{
	unsigned long counted = 0;
	bool together;

	for (unsigned long tries = 0; counted < repeat && tries < 10 * repeat; tries++) {
		ns[counted] = measure_all(way, threads, &together);
		counted += together;
	}
	if (counted)
		return bench_quantile(ns, counted, 0.5);
	fprintf(stderr, "bench_charge: the machine is too busy to run %u threads at the same time\n",
		threads);
	return ns[0];
}

static struct ms_control_client open_own_page(void)
{
	static struct ms_table_scratch scratch;
	struct ms_control_client client;
	struct ms_table_reader reader;
	int control_fd;

	if (ms_table_open_pid(&reader, &scratch, getpid(), &control_fd) < 0 ||
	    ms_control_open(&client, control_fd, reader.info.identity, -1, 0) < 0)
		abort();
	ms_table_close(&reader);
	return client;
}

/* This process is the watch: a tenth of the budget is used. */
static void tell_marks(struct ms_control_client *client)
{
	static const char directory[MS_MARKS_DIRECTORY_BYTES];
	uint64_t now = ms_clock_ns();
	const struct ms_marks_body marks = {.kind = MS_USAGE_ANON,
					    .sharers = 1,
					    .generation = 1,
					    .written_ns = now,
					    .until_ns = now + MS_MARKS_LIFE_NS,
					    .high_bytes = UINT64_C(900) << 30,
					    .low_bytes = UINT64_C(800) << 30,
					    .brake_bytes = UINT64_C(910) << 30,
					    .max_bytes = UINT64_C(1000) << 30,
					    .anon_offset = INT64_C(100) << 30};

	if (ms_marks_write(client->page, &marks, directory))
		ms_control_ring(client);
}

static double look_time_ns(void)
{
	enum { LOOKS = 2000 };
	double cpu = cpu_ns();

	for (unsigned i = 0; i < LOOKS; i++)
		memshed_brake(MEMSHED_BRAKE_LOOK);
	return (cpu_ns() - cpu) / LOOKS;
}

/* Beside a thread-local add, as without marks. */
static void measure_with_marks(unsigned long repeat, double local_ns)
{
	struct ms_control_client client = open_own_page();
	double *ns = calloc(repeat, sizeof(double)), *looks = calloc(repeat, sizeof(double));

	for (unsigned long i = 0; i < repeat; i++) {
		struct task task = {.way = CHARGE};

		tell_marks(&client);
		measure(&task); /* what the looks have thrown out of the CPU's caches is there again */
		measure(&task);
		ns[i] = task.ns;
		looks[i] = look_time_ns();
	}
	bench_line("charge, 1 thread, with marks, beside a thread-local add", bench_quantile(ns, repeat, 0.5), "ns",
		   local_ns);
	bench_line("a look at the memory", bench_quantile(looks, repeat, 0.5), "ns", 0);
	ms_control_close(&client);
	free(ns);
	free(looks);
}

int main(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "bench", .clear = clear);
	unsigned long repeat = read_env("BENCH_REPEAT", 101);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cpus > MAX_THREADS ? MAX_THREADS : (unsigned)cpus;
	double *ns[WAYS], one[WAYS], all[WAYS];

	calls = read_env("BENCH_CALLS", 100000);
	if (memshed_register(&options, &cache) != 0)
		return 1;
	for (int way = 0; way < WAYS; way++) {
		ns[way] = calloc(repeat, sizeof(double));
		ways[way](cache, 64, 1);
	}
	measure_one_thread(repeat, ns);
	for (int way = 0; way < WAYS; way++) {
		one[way] = bench_quantile(ns[way], repeat, 0.5);
		all[way] = measure_all_cpus(way, repeat, threads, ns[way]);
		free(ns[way]);
	}
	bench_line("charge, 1 thread, beside a thread-local add", one[CHARGE], "ns", one[LOCAL]);
	bench_line("charge, 1 thread, beside a shared atomic add", one[CHARGE], "ns", one[ATOMIC]);
	measure_with_marks(repeat, one[LOCAL]);
	bench_line("charge, all CPUs, beside 1 thread", all[CHARGE], "ns", one[CHARGE]);
	bench_line("charge, all CPUs, beside a thread-local add", all[CHARGE], "ns", all[LOCAL]);
	bench_line("charge, all CPUs, beside a contended atomic add", all[CHARGE], "ns", all[ATOMIC]);
	memshed_unregister(cache);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * bench_orders.c - what an order, a registration and a fork cost.
 *
 * The order's callback frees nothing and the agent sleeps before each; so the round trip is post, wake,
 * take, call, answer, wake. It is measured within one process, beside a futex handed back and forth
 * between two threads, which is what two wake-ups cost here without any of ours.
 * fork: a child that exits at once, of a process with an agent and one cache, beside one without, and beside
 * one with two idle threads, which is what any library with two threads costs; and, with as many caches as there
 * can be, also how long it takes until fork() has returned in both.
 *
 * BENCH_ORDERS (2,000), BENCH_REGISTER (20,000), BENCH_FORKS (200; a tenth of that with many caches): how many of each.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "memshed.h"
#include "table/control.h"
#include "table/slot.h"
#include "util/futex.h"
#include "table/reader.h"

static struct ms_table_scratch scratch;

static unsigned long read_env(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	(void)result;
	return MEMSHED_EMPTY;
}

/* ---- fork ---- */

static double fork_once(void)
{
	uint64_t from = ms_clock_ns();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, NULL, 0) != child)
		abort();
	return (double)(ms_clock_ns() - from) / 1000;
}

/* A process that forks once for each byte it is sent. */
struct forker {
	int socket;
	double *us;
};

static void *idle(void *unused)
{
	pause();
	return unused;
}

static void have_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread, NULL, idle, NULL) != 0)
			abort();
}

static void have_agent(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "bench", .shrink = shrink);
	struct memshed_cache *cache;

	if (memshed_register(&options, &cache) != 0)
		abort();
	memshed_charge(cache, 100, 1);
}

static struct forker begin_forker(void (*have)(void), unsigned long count)
{
	struct forker forker = {.us = calloc(count, sizeof(double))};
	int ends[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		abort();
	pid_t child = fork();

	if (child < 0)
		abort();
	forker.socket = ends[child == 0];
	close(ends[child != 0]);
	if (child != 0)
		return forker;
	if (have)
		have();
	while (read(forker.socket, &byte, 1) == 1) {
		double us = fork_once();

		if (write(forker.socket, &us, sizeof(us)) != sizeof(us))
			abort();
	}
	_exit(0);
}

static void measure_forks(unsigned long count)
{
	enum { WITHOUT, THREADS, AGENT, FORKERS };
	struct forker forkers[FORKERS] = {begin_forker(NULL, count), begin_forker(have_threads, count),
					  begin_forker(have_agent, count)};
	double us[FORKERS];

	for (unsigned long i = 0; i < count; i++)
		for (int j = 0; j < FORKERS; j++)
			if (write(forkers[j].socket, "", 1) != 1 ||
			    read(forkers[j].socket, &forkers[j].us[i], sizeof(double)) != sizeof(double))
				abort();
	for (int j = 0; j < FORKERS; j++) {
		us[j] = bench_quantile(forkers[j].us, count, 0.5);
		free(forkers[j].us);
		shutdown(forkers[j].socket, SHUT_RDWR); /* others have inherited this end */
		close(forkers[j].socket);
		wait(NULL);
	}
	bench_line("fork and exit with an agent, beside without", us[AGENT], "us", us[WITHOUT]);
	bench_line("fork and exit with an agent, beside two idle threads", us[AGENT], "us", us[THREADS]);
}

/* Until it has returned in the parent and in the child. */
static double fork_only(void)
{
	uint64_t from = ms_clock_ns(), returned, in_child = 0;
	int ends[2], status;

	if (pipe(ends) < 0)
		abort();
	pid_t child = fork();

	returned = ms_clock_ns();
	if (child == 0)
		_exit(write(ends[1], &returned, sizeof(returned)) == sizeof(returned) ? 0 : 1);
	if (child < 0 || read(ends[0], &in_child, sizeof(in_child)) != sizeof(in_child) ||
	    waitpid(child, &status, 0) != child)
		abort();
	close(ends[0]);
	close(ends[1]);
	return (double)((returned > in_child ? returned : in_child) - from) / 1000;
}

static double measure(double (*once)(void), unsigned long count)
{
	double *us = calloc(count, sizeof(*us));

	for (unsigned long i = 0; i < count; i++)
		us[i] = once();

	double median = bench_quantile(us, count, 0.5);

	free(us);
	return median;
}

static void measure_many(const struct memshed_cache_options *options, unsigned long count)
{
	struct memshed_cache **caches = calloc(MEMSHED_MAX_CACHES, sizeof(struct memshed_cache *));
	unsigned registered = 0;

	while (registered < MEMSHED_MAX_CACHES && memshed_register(options, &caches[registered]) == 0)
		memshed_charge(caches[registered++], 100, 1);
	bench_line("fork with 65,535 caches", measure(fork_only, count), "us", 0);
	bench_line("fork and exit with 65,535 caches", measure(fork_once, count), "us", 0);
	while (registered)
		memshed_unregister(caches[--registered]);
	free(caches);
}

/* ---- order round trip ---- */

static void measure_orders(unsigned long count, double *us)
{
	struct ms_table_reader reader;
	struct ms_control_client client;
	struct ms_order_handle handle;
	struct ms_answer answer;
	int control_fd;

	if (ms_table_open_pid(&reader, &scratch, getpid(), &control_fd) != 0 || ms_table_refresh(&reader) != 0 ||
	    ms_control_open(&client, control_fd, reader.info.identity, -1, 0) != 0)
		abort();
	for (unsigned long i = 0; i < count; i++) {
		struct ms_order order = {
			.seq = i + 1,
			.scope = MS_SCOPE_PROCESS,
			.level = MS_LEVEL_TRIM,
			.reason = MEMSHED_REASON_USER,
		};

		usleep(200); /* the agent sleeps again */

		uint64_t from = ms_clock_ns();

		if (ms_control_post(&client, &order, &handle) != 0 ||
		    ms_control_wait(&client, &handle, 10000000, &answer, NULL) != 1)
			abort();
		us[i] = (double)(ms_clock_ns() - from) / 1000;
	}
	ms_control_close(&client);
	ms_table_close(&reader);
}

static _Atomic uint32_t ping, pong;

static void *echo(void *argument)
{
	unsigned long count = *(unsigned long *)argument;

	for (uint32_t i = 0; i < count; i++) {
		while (atomic_load(&ping) == i)
			ms_futex_wait(&ping, i, UINT64_MAX);
		atomic_fetch_add(&pong, 1);
		ms_futex_wake_all(&pong);
	}
	return NULL;
}

static void measure_futex(unsigned long count, double *us)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, echo, &count) != 0)
		abort();
	for (uint32_t i = 0; i < count; i++) {
		usleep(200);

		uint64_t from = ms_clock_ns();

		atomic_fetch_add(&ping, 1);
		ms_futex_wake_all(&ping);
		while (atomic_load(&pong) == i)
			ms_futex_wait(&pong, i, UINT64_MAX);
		us[i] = (double)(ms_clock_ns() - from) / 1000;
	}
	pthread_join(thread, NULL);
}

/* ---- register ---- */

static double measure_register(const struct memshed_cache_options *options, unsigned long count)
{
	double *ns = calloc(count, sizeof(*ns));

	for (unsigned long i = 0; i < count; i++) {
		struct memshed_cache *cache;
		uint64_t from = ms_clock_ns();

		if (memshed_register(options, &cache) != 0)
			abort();
		memshed_unregister(cache);
		ns[i] = (double)(ms_clock_ns() - from);
	}

	double median = bench_quantile(ns, count, 0.5);

	free(ns);
	return median;
}

int main(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "bench", .shrink = shrink);
	unsigned long orders = read_env("BENCH_ORDERS", 2000), forks = read_env("BENCH_FORKS", 200);
	double *order_us = calloc(orders, sizeof(double)), *futex_us = calloc(orders, sizeof(double));
	struct memshed_cache *cache;

	measure_forks(forks);
	if (memshed_register(&options, &cache) != 0)
		return 1;
	measure_futex(orders, futex_us);
	measure_orders(orders, order_us);
	bench_line("order round trip, p50, beside two futex wake-ups", bench_quantile(order_us, orders, 0.5), "us",
		   bench_quantile(futex_us, orders, 0.5));
	bench_line("order round trip, p99, beside two futex wake-ups", bench_quantile(order_us, orders, 0.99), "us",
		   bench_quantile(futex_us, orders, 0.99));
	bench_line("register and unregister", measure_register(&options, read_env("BENCH_REGISTER", 20000)), "ns", 0);
	memshed_unregister(cache);
	measure_many(&options, forks / 10 + 1);
	free(order_us);
	free(futex_us);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * torture.c - everything at once, for TORTURE_SECONDS (5).
 *
 * In the target: threads that register, charge and unregister caches of their own and charge one that all
 * share, callbacks that do the same, and a thread that forks children which do it again. From outside:
 * processes that read the table, and processes that post orders, some of which they walk away from.
 *
 * What must hold:
 *   - no row ever shows more than was ever charged at once, so no sum has wrapped below zero
 *   - a counter that only grows never falls for the same generation of a row
 *   - every order that its client waits for is answered, in good time
 *   - at rest each total is exact: what is in the table is what its owner counted, and the allocator's
 *     is the only row left in the end
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memshed.h"
#include "table/control.h"
#include "table/reader.h"
#include "util/clock.h"

#if defined(__SANITIZE_THREAD__)
/* The library starts threads in forked children, which ThreadSanitizer supports only on request. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}
#endif

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
/* A child forked in the midst of many threads may find the sanitizer's own locks taken. */
enum { FORKS = 0 };
#else
enum { FORKS = 1 };
#endif

enum { WORKERS = 4, CACHES = 8, READERS = 2, CLIENTS = 3, ROWS = 512 };

/* No cache ever holds this much; a sum that wrapped does. */
#define TOO_MUCH (UINT64_C(1) << 40)
#define PATIENCE_US UINT64_C(60000000)

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "torture.c:%d: pid %d: %s\n", __LINE__, (int)getpid(), #condition); \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static uint64_t end_ns;

static bool is_over(void)
{
	return ms_clock_ns() >= end_ns;
}

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32) % limit;
}

/* ---- the target ---- */

struct cache {
	struct memshed_cache *handle;
	_Atomic uint64_t held; /* charged, and not yet taken away again */
};

static struct cache shared;
static _Atomic uint64_t shared_hits;

static void charge(struct cache *cache, uint64_t bytes)
{
	memshed_charge(cache->handle, bytes, 1);
	atomic_fetch_add(&cache->held,
			 bytes); /* after it: the callback takes only what stands in the table */
}

static void clear_nothing(void *ctx)
{
	(void)ctx;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	struct cache *cache = ctx;
	uint64_t held = atomic_exchange(&cache->held, 0);
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "inner", .clear = clear_nothing);
	struct memshed_cache *inner;

	if (request->target_bytes % 5 == 1 && memshed_register(&options, &inner) == 0) {
		memshed_charge(inner, 1, 1);
		memshed_unregister(inner);
	}
	if (!held)
		return MEMSHED_EMPTY;
	memshed_uncharge(cache->handle, held, 0);
	result->freed_bytes = held;
	return MEMSHED_DONE;
}

static int count_hits(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	usage->misses = 1;
	usage->fields = MEMSHED_USAGE_MISSES;
	return 0;
}

static void add(struct cache *cache, const char *name)
{
	struct memshed_cache_options options =
		MEMSHED_CACHE_OPTIONS(.name = name, .shrink = shrink, .ctx = cache, .count = count_hits);

	atomic_store(&cache->held, 0);
	MUST(memshed_register(&options, &cache->handle) == 0);
}

static void *work(void *argument)
{
	uint64_t state = 88172645463325252u + (uintptr_t)argument;
	struct cache *caches = calloc(CACHES, sizeof(*caches));

	while (!is_over()) {
		struct cache *cache = &caches[random_below(&state, CACHES)];

		if (!cache->handle) {
			add(cache, "worker");
		} else if (random_below(&state, 50) == 0) {
			memshed_unregister(cache->handle);
			cache->handle = NULL;
			continue;
		}
		for (int i = 0; i < 20; i++)
			charge(cache, 1 + random_below(&state, 4096));
		charge(&shared, 64);
		memshed_hit(shared.handle, 1);
		atomic_fetch_add(&shared_hits, 1);
	}
	for (int i = 0; i < CACHES; i++)
		memshed_unregister(caches[i].handle);
	free(caches);
	return NULL;
}

static struct ms_table_scratch scratch;
static struct ms_row rows[ROWS];

static bool find(struct ms_table_reader *reader, const char *name, struct ms_row *ret_row)
{
	int count = ms_table_read_rows(reader, rows, ROWS);

	MUST(count >= 0);
	for (int i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*ret_row = rows[i];
			return true;
		}
	}
	return false;
}

/* A child of the fork has a table of its own, where its own cache is exact. */
static void live_as_child(void)
{
	struct ms_table_reader reader;
	struct cache own = {.handle = NULL};
	struct ms_row row;

	add(&own, "child");
	charge(&own, 1234);
	MUST(ms_table_open_pid(&reader, &scratch, getpid(), NULL) == 0);
	MUST(ms_table_refresh(&reader) == 0);
	MUST(reader.info.pid == (uint32_t)getpid());
	MUST(find(&reader, "child", &row));
	MUST(row.bytes == 1234);
	memshed_unregister(own.handle);
	_exit(0);
}

static void *fork_often(void *argument)
{
	(void)argument;
	while (!is_over()) {
		pid_t child = fork();
		int status;

		if (child == 0)
			live_as_child();
		MUST(child > 0);
		MUST(waitpid(child, &status, 0) == child);
		MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		usleep(2000);
	}
	return NULL;
}

/* ---- readers ---- */

static void check_growth(const struct ms_row *row)
{
	static struct {
		uint32_t generation;
		uint64_t hits, evictions, inserts;
	} seen[MS_ROW_COUNT];

	if (seen[row->row].generation == row->generation) {
		MUST(row->hits >= seen[row->row].hits);
		MUST(row->evictions >= seen[row->row].evictions);
		MUST(row->inserts >= seen[row->row].inserts);
	}
	seen[row->row].generation = row->generation;
	seen[row->row].hits = row->hits;
	seen[row->row].evictions = row->evictions;
	seen[row->row].inserts = row->inserts;
}

static int open_target(struct ms_table_reader *reader, pid_t target, int *ret_control_fd)
{
	int error;

	/* It has not begun, or is in the middle of it: no table, or one that is not sealed yet. */
	while ((error = ms_table_open_pid(reader, &scratch, target, ret_control_fd)) != 0 && !is_over())
		usleep(1000);
	return error;
}

static int read_always(pid_t target)
{
	struct ms_table_reader reader;
	unsigned long reads = 0;

	if (open_target(&reader, target, NULL) != 0)
		return 2;
	for (; !is_over(); reads++) {
		int count = ms_table_read_rows(&reader, rows, ROWS);

		MUST(count >= 0);
		for (int i = 0; i < count; i++) {
			if (rows[i].row == MS_ALLOCATOR_ROW)
				continue;
			MUST(rows[i].bytes < TOO_MUCH);
			MUST(rows[i].entries < TOO_MUCH);
			check_growth(&rows[i]);
		}
	}
	ms_table_close(&reader);
	return reads ? 0 : 3;
}

/* ---- clients ---- */

static void choose_order(struct ms_table_reader *reader, uint64_t *state, struct ms_order *order)
{
	int count = ms_table_read_rows(reader, rows, ROWS);

	*order = (struct ms_order){
		.seq = *state,
		.scope = MS_SCOPE_PROCESS,
		.level = random_below(state, MS_LEVEL_EMERGENCY + 1),
		.reason = MEMSHED_REASON_USER,
		.target_bytes = random_below(state, 3) ? random_below(state, 1000000) : 0,
		.timeout_us = PATIENCE_US,
	};
	if (count > 0 && random_below(state, 4)) {
		const struct ms_row *row = &rows[random_below(state, (uint32_t)count)];

		/* The allocator is asked by its row alone. */
		order->scope = row->row == MS_ALLOCATOR_ROW || random_below(state, 3) ? MS_SCOPE_ROW
										      : MS_SCOPE_GROUP;
		order->row = row->row;
		order->generation = row->generation;
	}
}

static void check_answer(const struct ms_order *order, const struct ms_answer *answer)
{
	MUST(answer->status >= MS_ANSWER_DONE && answer->status != MS_ANSWER_INVALID);
	MUST(answer->status != MS_ANSWER_STUCK);
	MUST(answer->claimed_bytes < TOO_MUCH);
	MUST(order->scope != MS_SCOPE_ROW || answer->caches <= 1);
}

static int order_always(pid_t target, uint64_t seed)
{
	struct ms_table_reader reader;
	struct ms_control_client client;
	struct ms_order_handle handle;
	struct ms_answer answer;
	struct ms_order order;
	uint64_t state = 362436069 + seed * 521288629;
	unsigned long answered = 0;
	int control_fd;

	if (open_target(&reader, target, &control_fd) != 0 || ms_table_refresh(&reader) != 0 ||
	    ms_control_open(&client, control_fd, reader.info.identity, -1, 0) != 0)
		return 2;
	while (!is_over()) {
		choose_order(&reader, &state, &order);
		if (ms_control_post(&client, &order, &handle) != 0)
			continue;
		if (random_below(&state, 8) == 0) {
			ms_control_abandon(&client, &handle);
			continue;
		}

		int got = ms_control_wait(&client, &handle, PATIENCE_US, &answer, NULL);

		MUST(got == 1);
		check_answer(&order, &answer);
		answered++;
	}
	ms_control_close(&client);
	ms_table_close(&reader);
	return answered ? 0 : 3;
}

/* ---- all of it ---- */

static pid_t spawn(int index, pid_t target)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(index < READERS ? read_always(target) : order_always(target, (uint64_t)index));
}

static void check_at_rest(void)
{
	struct ms_table_reader reader;
	struct ms_row row;

	MUST(ms_table_open_pid(&reader, &scratch, getpid(), NULL) == 0);
	MUST(find(&reader, "shared", &row));
	MUST(row.bytes == atomic_load(&shared.held));
	MUST(row.hits == atomic_load(&shared_hits));
	MUST(!find(&reader, "worker", &row));
	MUST(!find(&reader, "inner", &row));
	memshed_unregister(shared.handle);
	MUST(ms_table_refresh(&reader) == 0);
	MUST(reader.info.live_rows == 1);
	printf("torture: %llu rounds, %llu orders, %llu trims, %llu charges of the shared cache\n",
	       (unsigned long long)reader.info.rounds, (unsigned long long)reader.info.orders,
	       (unsigned long long)reader.info.trims, (unsigned long long)atomic_load(&shared_hits));
	ms_table_close(&reader);
}

int main(void)
{
	const char *seconds = getenv("TORTURE_SECONDS");
	pthread_t thread[WORKERS + 1];
	pid_t child[READERS + CLIENTS];
	int failed = 0;

	end_ns = ms_clock_ns() + (seconds ? strtoull(seconds, NULL, 10) : 5) * MS_NS_PER_S;
	for (int i = 0; i < READERS + CLIENTS; i++)
		child[i] = spawn(i, getpid());
	add(&shared, "shared");
	for (uintptr_t i = 0; i < WORKERS; i++)
		MUST(pthread_create(&thread[i], NULL, work, (void *)i) == 0);
	if (FORKS)
		MUST(pthread_create(&thread[WORKERS], NULL, fork_often, NULL) == 0);
	for (int i = 0; i < WORKERS + FORKS; i++)
		pthread_join(thread[i], NULL);
	/* The agent goes on: the clients wait for their last answers. */
	for (int i = 0; i < READERS + CLIENTS; i++) {
		int status;

		MUST(waitpid(child[i], &status, 0) == child[i]);
		if (status != 0) {
			fprintf(stderr, "torture: %s: wait status %#x\n", i < READERS ? "reader" : "client",
				(unsigned)status);
			failed++;
		}
	}
	MUST(memshed_stop() == 0);
	check_at_rest();
	return failed != 0;
}

/* SPDX-License-Identifier: MIT */
/* As many caches as there is room for, and more threads than shards. */
#include <pthread.h>

#include "lib_bed.h"

static struct bed bed;
static struct memshed_cache *caches[MEMSHED_MAX_CACHES];
static _Atomic unsigned calls;

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	struct memshed_cache **handle = ctx;

	(void)request;
	bed_meet();
	memshed_uncharge(*handle, 100, 1);
	result->freed_bytes = 100;
	calls++;
	return MEMSHED_DONE;
}

/* The child of such a process has them all, too, when it uses one of them. Return: 0, or what is wrong. */
static int check_child(void)
{
	static struct bed own;
	struct ms_answer answer;

	memshed_charge(caches[0], 100, 1);
	if (bed_try_open(&own, getpid()) != 0)
		return 1;
	BED_WAIT_UNTIL(ms_table_refresh(&own.reader) == 0 &&
		       own.reader.info.live_rows == MEMSHED_MAX_CACHES + 1);
	for (unsigned i = 1; i < MEMSHED_MAX_CACHES; i++)
		memshed_charge(caches[i], 100, 1);
	calls = 0;
	answer = bed_do(&own, NULL, MS_LEVEL_CLEAR, 0);
	if (answer.caches != MEMSHED_MAX_CACHES || calls != MEMSHED_MAX_CACHES)
		return 2;
	return answer.claimed_bytes == UINT64_C(100) * MEMSHED_MAX_CACHES ? 0 : 3;
}

static void test_all_rows(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "one of many", .shrink = shrink);
	struct memshed_cache *extra = NULL;

	(void)state;
	for (unsigned i = 0; i < MEMSHED_MAX_CACHES; i++) {
		options.ctx = &caches[i];
		assert_int_equal(memshed_register(&options, &caches[i]), 0);
		memshed_charge(caches[i], 100, 1);
	}
	assert_int_equal(memshed_register(&options, &extra), -ENOSPC);
	assert_null(extra);
	bed_open(&bed, getpid());
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.live_rows, MEMSHED_MAX_CACHES + 1);
	assert_int_equal(bed.reader.info.refused_registrations, 1);

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.caches, MEMSHED_MAX_CACHES);
	assert_int_equal(answer.claimed_bytes, UINT64_C(100) * MEMSHED_MAX_CACHES);
	assert_int_equal(calls, MEMSHED_MAX_CACHES);

	pid_t child = fork();

	if (child == 0)
		_exit(check_child());
	bed_expect_child(child, 0);

	/* A place that is given back can be had again. */
	memshed_unregister(caches[7]);
	assert_int_equal(memshed_register(&options, &caches[7]), 0);
	for (unsigned i = 0; i < MEMSHED_MAX_CACHES; i++)
		memshed_unregister(caches[i]);
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.live_rows, 1);
	bed_close(&bed);
}

enum { THREADS = 200, CHARGES = 1000 };

static struct memshed_cache *shared;
static pthread_barrier_t barrier;

static void *charge(void *argument)
{
	(void)argument;
	pthread_barrier_wait(&barrier); /* all at once, so that shards run out */
	for (int i = 0; i < CHARGES; i++) {
		memshed_charge(shared, 3, 1);
		memshed_hit(shared, 2);
	}
	pthread_barrier_wait(&barrier);
	memshed_uncharge(shared, 3, 1);
	return NULL;
}

static void test_more_threads_than_shards(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "shared", .shrink = shrink);
	pthread_t thread[THREADS];

	(void)state;
	assert_int_equal(memshed_register(&options, &shared), 0);
	bed_open(&bed, getpid());
	/* Twice: the second time the shards are those of threads that have ended. */
	for (unsigned round = 1; round <= 2; round++) {
		pthread_barrier_init(&barrier, NULL, THREADS);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, charge, NULL), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
		pthread_barrier_destroy(&barrier);

		struct ms_row row = bed_row(&bed, "shared");

		assert_int_equal(row.bytes, UINT64_C(3) * THREADS * (CHARGES - 1) * round);
		assert_int_equal(row.entries, UINT64_C(1) * THREADS * (CHARGES - 1) * round);
		assert_int_equal(row.hits, UINT64_C(2) * THREADS * CHARGES * round);
	}
	memshed_unregister(shared);
	bed_close(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_rows),
		cmocka_unit_test(test_more_threads_than_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Ghosts and marks of dropped keys: how long they last, and how much memory they take. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "memshed/ghosts.h"

enum { ENTRIES = 1000, ENTRY_BYTES = 10000 };

/* Hashes as key.c makes them: spread over all 32 bits. */
static uint32_t hash_of(unsigned key)
{
	return (uint32_t)((key + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 24);
}

static void miss(struct ms_py_ghosts *ghosts, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ms_py_ghosts_miss(ghosts, hash_of(first + i));
}

static void drop(struct ms_py_ghosts *ghosts, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ms_py_ghosts_drop(ghosts, hash_of(first + i));
}

static unsigned count_marked(const struct ms_py_ghosts *ghosts, unsigned first, unsigned count)
{
	unsigned marked = 0;

	for (unsigned i = 0; i < count; i++)
		marked += ms_py_ghosts_is_marked(ghosts, hash_of(first + i));
	return marked;
}

/* A set that has its memory. */
static struct ms_py_ghosts make(void)
{
	struct ms_py_ghosts ghosts = {0};

	ms_py_ghosts_want(&ghosts, ENTRIES, ENTRIES * ENTRY_BYTES);
	miss(&ghosts, 1000000, 1);
	return ghosts;
}

static void test_only_a_miss_allocates(void **state)
{
	struct ms_py_ghosts ghosts = {0};

	(void)state;
	ms_py_ghosts_want(&ghosts, ENTRIES, ENTRIES * ENTRY_BYTES);
	drop(&ghosts, 0, 100);
	assert_int_equal(count_marked(&ghosts, 0, 100), 0);
	assert_int_equal(ms_py_ghosts_bytes(&ghosts), 0);
	miss(&ghosts, 0, 1);
	assert_true(ms_py_ghosts_bytes(&ghosts) >= 2 * ENTRIES * 8 - 64);
	ms_py_ghosts_want(&ghosts, 4 * ENTRIES, 4 * ENTRIES * ENTRY_BYTES);
	assert_true(ms_py_ghosts_bytes(&ghosts) <= 2 * ENTRIES * 8);
	miss(&ghosts, 0, 1);
	assert_true(ms_py_ghosts_bytes(&ghosts) >= 8 * ENTRIES * 8 - 64);
	ms_py_ghosts_forget(&ghosts);
	assert_int_equal(ms_py_ghosts_bytes(&ghosts), 0);
	assert_int_equal(ghosts.wanted_buckets, 0);
}

static void test_what_is_missed_again_is_marked(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, 100);
	assert_int_equal(count_marked(&ghosts, 0, 100), 0);
	miss(&ghosts, 50, 100);
	assert_int_equal(count_marked(&ghosts, 0, 50), 0);
	assert_int_equal(count_marked(&ghosts, 50, 50), 50);
	assert_int_equal(count_marked(&ghosts, 100, 50), 0);
	ms_py_ghosts_forget(&ghosts);
}

static void test_a_mark_lasts_two_turnovers(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, 1);
	miss(&ghosts, 0, 1);
	miss(&ghosts, 5000, 2 * ENTRIES);
	assert_int_equal(count_marked(&ghosts, 0, 1), 1);
	miss(&ghosts, 5000, 1);
	assert_int_equal(count_marked(&ghosts, 0, 1), 0);
	/* Dropped, it is a ghost again. */
	drop(&ghosts, 0, 1);
	miss(&ghosts, 0, 1);
	assert_int_equal(count_marked(&ghosts, 0, 1), 1);
	ms_py_ghosts_forget(&ghosts);
}

static void test_a_ghost_lasts_one_turnover(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, 2);
	miss(&ghosts, 5000, ENTRIES - 1);
	miss(&ghosts, 0, 1);
	assert_int_equal(count_marked(&ghosts, 0, 1), 1);
	miss(&ghosts, 1, 1);
	assert_int_equal(count_marked(&ghosts, 1, 1), 0);
	ms_py_ghosts_forget(&ghosts);
}

/* One turnover: so many of the marked, and of the others, are dropped and missed again. */
static void turn_over(struct ms_py_ghosts *ghosts, unsigned marked, unsigned others, unsigned fresh)
{
	drop(ghosts, 0, 200);
	drop(ghosts, fresh, 400);
	miss(ghosts, 0, marked);
	miss(ghosts, fresh, others);
	miss(ghosts, fresh + 1000000, ENTRIES);
}

/* What had been marked is missed more often than the rest: it was dropped too soon. */
static void test_marks_that_pay_last_longer(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, 200);
	miss(&ghosts, 0, 200);
	for (unsigned turn = 1; turn < 20; turn++)
		turn_over(&ghosts, 150, 100, 10000 * turn);
	drop(&ghosts, 900000, 1);
	miss(&ghosts, 900000, 1);
	miss(&ghosts, 5000000, 3 * ENTRIES);
	assert_int_equal(count_marked(&ghosts, 900000, 1), 1);
	miss(&ghosts, 5000000, 6 * ENTRIES); /* but not for ever */
	assert_int_equal(count_marked(&ghosts, 900000, 1), 0);
	ms_py_ghosts_forget(&ghosts);
}

/* A hot set has moved. */
static void test_marks_that_do_not_pay_end_sooner(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	for (unsigned turn = 1; turn < 40; turn++) {
		drop(&ghosts, 0, 200);
		miss(&ghosts, 0, 200); /* marked, and not wanted any more when it is dropped next */
		turn_over(&ghosts, 0, 300, 10000 * turn);
	}
	drop(&ghosts, 900000, 1);
	miss(&ghosts, 900000, 1);
	assert_int_equal(count_marked(&ghosts, 900000, 1), 1);
	miss(&ghosts, 5000000, ENTRIES * 3 / 2);
	assert_int_equal(count_marked(&ghosts, 900000, 1), 0);
	ms_py_ghosts_forget(&ghosts);
}

static void test_as_many_ghosts_as_entries(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, ENTRIES);
	miss(&ghosts, 0, ENTRIES);
	/* Some buckets are full; most keys find room. */
	assert_in_range(count_marked(&ghosts, 0, ENTRIES), ENTRIES * 9 / 10, ENTRIES);
	ms_py_ghosts_forget(&ghosts);
}

static void test_they_take_a_hundredth(void **state)
{
	const unsigned entry_bytes[] = {100, 300, 1000, 3000};

	(void)state;
	for (unsigned i = 0; i < sizeof(entry_bytes) / sizeof(*entry_bytes); i++) {
		struct ms_py_ghosts ghosts = {0};

		/* As the cache grows and shrinks by a sixth at a time. */
		for (double entries = 1000; entries < 1e5; entries *= 1.17) {
			ms_py_ghosts_want(&ghosts, (uint64_t)entries, (uint64_t)entries * entry_bytes[i]);
			miss(&ghosts, 0, 1);
			assert_in_range(ms_py_ghosts_bytes(&ghosts), 1, (uint64_t)entries * entry_bytes[i] / 100);
		}
		for (double entries = 1e5; entries > 1000; entries /= 1.17) {
			ms_py_ghosts_want(&ghosts, (uint64_t)entries, (uint64_t)entries * entry_bytes[i]);
			miss(&ghosts, 0, 1);
			assert_in_range(ms_py_ghosts_bytes(&ghosts), 1, (uint64_t)entries * entry_bytes[i] / 100);
		}
		ms_py_ghosts_want(&ghosts, 3, 3 * entry_bytes[i]);
		assert_int_equal(ms_py_ghosts_bytes(&ghosts), 0);
	}
}

static void test_marks_move_to_a_larger_set_and_a_smaller(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	drop(&ghosts, 0, 100);
	miss(&ghosts, 0, 100);
	ms_py_ghosts_want(&ghosts, 5 * ENTRIES, 5 * ENTRIES * ENTRY_BYTES);
	miss(&ghosts, 5000, 1);
	assert_int_equal(count_marked(&ghosts, 0, 100), 100);
	ms_py_ghosts_want(&ghosts, ENTRIES / 2, ENTRIES / 2 * ENTRY_BYTES);
	miss(&ghosts, 5000, 1);
	assert_true(ms_py_ghosts_bytes(&ghosts) <= ENTRIES * 8);
	assert_int_equal(count_marked(&ghosts, 0, 100), 100);
	ms_py_ghosts_forget(&ghosts);
}

/* Where there is little room for many ghosts, what is marked stays marked. */
static void test_marks_outlive_ghosts(void **state)
{
	struct ms_py_ghosts ghosts = {0};

	(void)state;
	ms_py_ghosts_want(&ghosts, ENTRIES, ENTRIES * 300);
	miss(&ghosts, 5000, 1);
	drop(&ghosts, 0, 100);
	miss(&ghosts, 0, 100);
	unsigned marked = count_marked(&ghosts, 0, 100);

	assert_in_range(marked, 50, 100);
	drop(&ghosts, 1000, 5000);
	assert_int_equal(count_marked(&ghosts, 0, 100), marked);
	assert_true(ms_py_ghosts_bytes(&ghosts) <= ENTRIES * 3);
	ms_py_ghosts_forget(&ghosts);
}

static void test_the_clock_wraps(void **state)
{
	struct ms_py_ghosts ghosts = make();

	(void)state;
	ghosts.clock = UINT32_MAX - 50;
	drop(&ghosts, 0, 100);
	miss(&ghosts, 0, 100);
	assert_true(ghosts.clock < 100);
	assert_int_equal(count_marked(&ghosts, 0, 100), 100);
	miss(&ghosts, 5000, 2 * ENTRIES);
	assert_int_equal(count_marked(&ghosts, 0, 100), 1);
	ms_py_ghosts_forget(&ghosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_miss_allocates),
		cmocka_unit_test(test_what_is_missed_again_is_marked),
		cmocka_unit_test(test_a_mark_lasts_two_turnovers),
		cmocka_unit_test(test_a_ghost_lasts_one_turnover),
		cmocka_unit_test(test_marks_that_pay_last_longer),
		cmocka_unit_test(test_marks_that_do_not_pay_end_sooner),
		cmocka_unit_test(test_as_many_ghosts_as_entries),
		cmocka_unit_test(test_they_take_a_hundredth),
		cmocka_unit_test(test_marks_move_to_a_larger_set_and_a_smaller),
		cmocka_unit_test(test_marks_outlive_ghosts),
		cmocka_unit_test(test_the_clock_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

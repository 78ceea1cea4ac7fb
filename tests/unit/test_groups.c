/* SPDX-License-Identifier: MIT */
/* Caches of one name as one: what is added up, what is of all, what is of any. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/groups.h"
#include "memshed.h"

#define ROW(number, text, ...) ((struct ms_row){.row = number, .generation = 1, .name = text, __VA_ARGS__})

static struct ms_group *groups;
static unsigned count;

static void make(const struct ms_row *rows, unsigned row_count)
{
	free(groups);
	groups = NULL;
	assert_int_equal(ms_groups_make(rows, row_count, &groups, &count), 0);
}

static void test_counters_are_added_up(void **state)
{
	const struct ms_row rows[] = {
		ROW(0, "", .bytes = 1000),
		ROW(3, "b", .bytes = 1, .entries = 2, .hits = 3, .misses = 4, .evictions = 5, .inserts = 6,
		    .registered_ns = 20, .source = "a.c:1", .priority = 5, .cost_us = 7),
		ROW(1, "a", .bytes = 7),
		ROW(2, "b", .bytes = 10, .entries = 20, .hits = 30, .misses = 40, .evictions = 50, .inserts = 60,
		    .registered_ns = 10, .source = "a.c:1", .priority = -5, .cost_us = 7),
	};
	const struct ms_row *sum;

	(void)state;
	make(rows, 4);
	assert_int_equal(count, 2);
	assert_string_equal(groups[0].row.name, "a");
	assert_int_equal(groups[0].caches, 1);
	sum = &groups[1].row;
	assert_int_equal(groups[1].caches, 2);
	assert_int_equal(sum->row, 3); /* of the one that stands first */
	assert_int_equal(sum->bytes, 11);
	assert_int_equal(sum->entries, 22);
	assert_int_equal(sum->hits, 33);
	assert_int_equal(sum->misses, 44);
	assert_int_equal(sum->evictions, 55);
	assert_int_equal(sum->inserts, 66);
	assert_int_equal(sum->registered_ns, 10);
	assert_int_equal(sum->priority, -5);
	assert_int_equal(sum->cost_us, 7);
	assert_string_equal(sum->source, "a.c:1");
}

static void test_flags_are_of_all_or_of_any(void **state)
{
	const struct ms_row rows[] = {
		ROW(1, "a", .flags = MEMSHED_CACHE_MANUAL | MS_ROW_UNHELPFUL | MS_ROW_PULLED,
		    .pulled_at_ns = 5, .source = "a.c:1"),
		ROW(2, "a", .flags = MEMSHED_CACHE_MANUAL | MS_ROW_STUCK | MEMSHED_CACHE_ESTIMATED |
		    MS_ROW_PULLED, .source = "a.c:2", .cost_us = 1),
	};

	(void)state;
	make(rows, 2);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].row.flags, MEMSHED_CACHE_MANUAL | MEMSHED_CACHE_ESTIMATED | MS_ROW_PULLED);
	assert_int_equal(groups[0].stuck, 1);
	assert_int_equal(groups[0].uncounted, 1);
	assert_int_equal(groups[0].row.pulled_at_ns, 5);
	assert_string_equal(groups[0].row.source, "");
	assert_int_equal(groups[0].row.cost_us, 0);
}

static void test_the_last_order_is_that_of_the_group(void **state)
{
	const struct ms_row rows[] = {
		ROW(1, "a", .last = {.order_seq = 7, .status = MS_ANSWER_EMPTY, .finished_ns = 70, .orders = 2,
				     .bytes_after = 1}),
		ROW(2, "a", .last = {.order_seq = 7, .status = MS_ANSWER_DONE, .finished_ns = 72, .claimed_bytes = 10,
				     .claimed_entries = 1, .duration_us = 3, .orders = 1,
				     .total_claimed_bytes = 10, .bytes_after = 2}),
		ROW(3, "a", .last = {.order_seq = 6, .status = MS_ANSWER_BUSY, .finished_ns = 60, .claimed_bytes = 99,
				     .total_claimed_bytes = 99}),
		ROW(4, "a", .last = {.order_seq = 7, .status = MS_ANSWER_DONE, .finished_ns = 71, .claimed_bytes = 20,
				     .claimed_entries = 2, .duration_us = 4, .orders = 1,
				     .total_claimed_bytes = 20}),
	};
	const struct ms_row_result *last;

	(void)state;
	make(rows, 4);
	last = &groups[0].row.last;
	assert_int_equal(last->order_seq, 7);
	assert_int_equal(last->status, MS_ANSWER_DONE); /* that one had nothing says less */
	assert_int_equal(last->claimed_bytes, 30);
	assert_int_equal(last->claimed_entries, 3);
	assert_int_equal(last->duration_us, 7);
	assert_int_equal(last->finished_ns, 72);
	assert_int_equal(last->orders, 2);
	assert_int_equal(last->total_claimed_bytes, 129);
	assert_int_equal(last->bytes_after, 3);
}

/* A group ranks as what it is together: its caches alone would be too small to be asked early. */
static void test_groups_rank_as_a_whole(void **state)
{
	enum { TWINS = 4000 };
	static struct ms_row rows[TWINS + 2];

	(void)state;
	for (unsigned i = 0; i < TWINS; i++)
		rows[i] = ROW(i + 1, "twin", .bytes = 20000, .entries = 20, .misses = 20);
	rows[TWINS] = ROW(TWINS + 1, "one", .bytes = 30000000, .entries = 500, .misses = 500);
	rows[TWINS + 1] = ROW(TWINS + 2, "small", .bytes = 20000, .entries = 20, .misses = 20);
	make(rows, TWINS + 2);
	assert_int_equal(count, 3);
	assert_int_equal(ms_rows_sort_items(groups, count, sizeof(*groups), MS_SORT_CHEAPEST, 1), 0);
	assert_string_equal(groups[0].row.name, "twin");
	assert_int_equal(groups[0].caches, TWINS);
	assert_string_equal(groups[1].row.name, "one");
	assert_string_equal(groups[2].row.name, "small");
	assert_int_equal(ms_rows_sort_items(groups, count, sizeof(*groups), MS_SORT_NAME, 1), 0);
	assert_string_equal(groups[0].row.name, "one");
}

static void test_sums_do_not_wrap(void **state)
{
	const struct ms_row rows[] = {ROW(1, "a", .bytes = UINT64_MAX), ROW(2, "a", .bytes = 2)};

	(void)state;
	make(rows, 2);
	assert_int_equal(groups[0].row.bytes, UINT64_MAX);
	make(rows, 0);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_are_added_up),
		cmocka_unit_test(test_flags_are_of_all_or_of_any),
		cmocka_unit_test(test_the_last_order_is_that_of_the_group),
		cmocka_unit_test(test_groups_rank_as_a_whole),
		cmocka_unit_test(test_sums_do_not_wrap),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(groups);
	return failed;
}

/* SPDX-License-Identifier: MIT */
/* Sums, orders and names of rows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cmd/rows.h"
#include "memshed.h"

#define ROW(number, text, ...) ((struct ms_row){.row = number, .generation = 1, .name = text, __VA_ARGS__})

static void test_total_leaves_the_allocator_out(void **state)
{
	const struct ms_row rows[] = {
		ROW(0, "free heap", .bytes = 1000),
		ROW(1, "a", .bytes = 10, .entries = 2),
		ROW(2, "b", .bytes = 20, .entries = 3, .flags = MEMSHED_CACHE_ESTIMATED),
		ROW(3, "c", .flags = MS_ROW_PULLED),
	};
	struct ms_row_totals totals = ms_rows_total(rows, 4);

	(void)state;
	assert_int_equal(totals.caches, 3);
	assert_int_equal(totals.bytes, 30);
	assert_int_equal(totals.entries, 5);
	assert_true(totals.estimated);
	assert_int_equal(totals.uncounted, 1);
	assert_ptr_equal(ms_rows_allocator(rows, 4), &rows[0]);
	assert_null(ms_rows_allocator(rows + 1, 3));
}

static void test_total_does_not_wrap(void **state)
{
	const struct ms_row rows[] = {ROW(1, "a", .bytes = UINT64_MAX), ROW(2, "b", .bytes = 2)};

	(void)state;
	assert_int_equal(ms_rows_total(rows, 2).bytes, UINT64_MAX);
}

static void test_counted_means_that_a_count_came(void **state)
{
	(void)state;
	assert_true(ms_row_is_counted(&ROW(1, "pushes", .bytes = 0)));
	assert_false(ms_row_is_counted(&ROW(1, "to be asked", .flags = MS_ROW_PULLED)));
	assert_true(ms_row_is_counted(&ROW(1, "was asked", .flags = MS_ROW_PULLED, .pulled_at_ns = 1)));
	assert_true(ms_row_is_counted(&ROW(1, "pushes too", .flags = MS_ROW_PULLED, .bytes = 1)));
}

static void check_order(const struct ms_row *rows, const char *want)
{
	char order[16] = "";

	for (unsigned i = 0; i < strlen(want); i++)
		strcat(order, rows[i].name);
	assert_string_equal(order, want);
}

static void test_sort_by_each_key(void **state)
{
	struct ms_row rows[] = {
		ROW(1, "a", .bytes = 10, .entries = 9, .hits = 5, .misses = 5, .registered_ns = 30,
		    .priority = 5),
		ROW(2, "b", .bytes = 30, .entries = 1, .hits = 9, .misses = 1, .registered_ns = 10,
		    .priority = -5),
		ROW(3, "c", .bytes = 20, .entries = 5, .registered_ns = 20),
	};
	static const struct {
		const char *key, *want;
	} cases[] = {
		{"bytes", "bca"}, {"entries", "acb"}, {"hits", "bac"},     {"misses", "abc"},
		{"rate", "bac"},  {"age", "bca"},     {"priority", "bca"}, {"name", "abc"},
	};
	enum ms_row_sort sort = MS_SORT_NAME;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ms_rows_sort_key(cases[i].key, &sort), 0);
		assert_int_equal(ms_rows_sort(rows, 3, sort, 1), 0);
		check_order(rows, cases[i].want);
	}
	assert_int_equal(ms_rows_sort_key("size", &sort), -EINVAL);
	assert_int_equal(sort, MS_SORT_NAME);
}

/* The ranking has tests of its own: here the rows only have to follow it, with the allocator last. */
static void test_the_cheapest_come_first(void **state)
{
	struct ms_row rows[] = {
		ROW(9, "9", .bytes = 90000000),
		ROW(0, "0", .bytes = 90000000),
		ROW(3, "p", .bytes = 90000000, .priority = 10),
		ROW(2, "m", .bytes = 90000000, .flags = MEMSHED_CACHE_MANUAL),
		ROW(7, "7", .bytes = 90000000),
		ROW(8, "n", .bytes = 2000000, .entries = 5000, .priority = -10),
		ROW(4, "h", .bytes = 90000000, .hits = 1000),
		ROW(5, "c", .bytes = 90000000, .misses = 1000),
	};

	(void)state;
	assert_int_equal(ms_rows_sort(rows, 8, MS_SORT_CHEAPEST, 1), 0);
	check_order(rows, "nc79hpm0");
	assert_true(ms_row_is_never_asked(&ROW(2, "m", .bytes = 9, .flags = MEMSHED_CACHE_MANUAL), 1));
	assert_false(ms_row_is_never_asked(&ROW(2, "m", .bytes = 9), 1));
	assert_int_equal(ms_row_returnable_bytes(&ROW(2, "m", .bytes = 9000, .last.returned_per_mille = 500)),
			 4500);
}

static void test_names_match_as_they_are_and_as_shown(void **state)
{
	const struct ms_row row = ROW(3, "job.parse\x1b[2J\n"), star = ROW(4, "a*"), back = ROW(5, "a\\nb");

	(void)state;
	assert_true(ms_row_matches(&row, "job.parse\x1b[2J\n"));
	assert_true(ms_row_matches(&row, "job.parse\\x1b[2J\\n"));
	assert_true(ms_row_matches(&row, "job.*"));
	assert_true(ms_row_matches(&row, "*"));
	assert_false(ms_row_matches(&row, "job.parse"));
	assert_false(ms_row_matches(&row, "parse*"));
	assert_false(ms_row_matches(&row, ""));
	assert_true(ms_row_matches(&star, "a*"));
	assert_true(ms_row_matches(&back, "a\\\\nb"));
	assert_true(ms_row_matches(&ROW(6, "größe"), "gr\\u00f6\\u00dfe"));
}

static void test_allocator_means_row_0(void **state)
{
	(void)state;
	assert_true(ms_row_matches(&ROW(0, "glibc"), "allocator"));
	assert_false(ms_row_matches(&ROW(0, "glibc"), "glibc"));
	assert_false(ms_row_matches(&ROW(0, "glibc"), "*"));
	assert_string_equal(ms_row_label(&ROW(0, "glibc")), "allocator");
	assert_string_equal(ms_row_label(&ROW(1, "glibc")), "glibc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_total_leaves_the_allocator_out),
		cmocka_unit_test(test_total_does_not_wrap),
		cmocka_unit_test(test_counted_means_that_a_count_came),
		cmocka_unit_test(test_sort_by_each_key),
		cmocka_unit_test(test_the_cheapest_come_first),
		cmocka_unit_test(test_names_match_as_they_are_and_as_shown),
		cmocka_unit_test(test_allocator_means_row_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

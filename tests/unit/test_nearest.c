/* SPDX-License-Identifier: MIT */
/* Which names are near one that was mistyped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "cli/nearest.h"

static void test_distance_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(ms_nearest_distance("", ""), 0);
	assert_int_equal(ms_nearest_distance("", "abc"), 3);
	assert_int_equal(ms_nearest_distance("list", "list"), 0);
	assert_int_equal(ms_nearest_distance("lits", "list"), 1);
	assert_int_equal(ms_nearest_distance("lst", "list"), 1);
	assert_int_equal(ms_nearest_distance("llist", "list"), 1);
	assert_int_equal(ms_nearest_distance("kitten", "sitting"), 3);
}

static void test_distance_refuses_the_very_long(void **state)
{
	char longest[129];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[128] = '\0';
	assert_int_equal(ms_nearest_distance(longest, "x"), UINT_MAX);
	assert_int_equal(ms_nearest_distance("x", longest), UINT_MAX);
	longest[127] = '\0';
	assert_int_equal(ms_nearest_distance(longest, "x"), 126);
}

static void test_the_nearest_come_first_and_only_so_many(void **state)
{
	struct ms_nearest nearest = ms_nearest_start("parse_files");

	(void)state;
	ms_nearest_add(&nearest, "unrelated");
	ms_nearest_add(&nearest, "parsefile");
	ms_nearest_add(&nearest, "parse_file");
	ms_nearest_add(&nearest, "parse_fils");
	ms_nearest_add(&nearest, "job.parse_files.inner");
	ms_nearest_add(&nearest, "parse_tiles");
	assert_int_equal(nearest.count, 3);
	assert_string_equal(nearest.names[0], "parse_file");
	assert_string_equal(nearest.names[1], "parse_fils");
	assert_string_equal(nearest.names[2], "parse_tiles");
}

static void test_a_part_of_a_name_finds_it(void **state)
{
	struct ms_nearest nearest = ms_nearest_start("parse");

	(void)state;
	ms_nearest_add(&nearest, "analysis.parse_module");
	assert_int_equal(nearest.count, 1);
}

static void test_nothing_near_gives_nothing(void **state)
{
	struct ms_nearest nearest = ms_nearest_start("");

	(void)state;
	ms_nearest_add(&nearest, "a");
	ms_nearest_add(&nearest, "");
	ms_nearest_add(&nearest, "long_enough");
	assert_int_equal(nearest.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance_counts_edits),
		cmocka_unit_test(test_distance_refuses_the_very_long),
		cmocka_unit_test(test_the_nearest_come_first_and_only_so_many),
		cmocka_unit_test(test_a_part_of_a_name_finds_it),
		cmocka_unit_test(test_nothing_near_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

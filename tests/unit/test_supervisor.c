/* SPDX-License-Identifier: MIT */
/* The command line of a `memshed run`, read from outside. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cmd/supervisor.h"

/* A command line as the kernel shows it: the words with their NULs; sizeof counts the last one. */
#define PARSE(words) ms_supervisor_parse(words, sizeof(words), &found)

static struct ms_supervisor found;

static void test_options_are_found_in_both_forms(void **state)
{
	(void)state;
	assert_int_equal(PARSE("/usr/bin/memshed\0run\0--max\0001.5G\0--high=80%\0--low\000512M\0--\0job"),
			 0);
	assert_int_equal(found.max_bytes, UINT64_C(1536) << 20);
	assert_int_equal(found.high.unit, MS_MARK_PER_MILLE);
	assert_int_equal(found.high.value, 800);
	assert_int_equal(found.low.unit, MS_MARK_BYTES);
	assert_int_equal(found.low.value, UINT64_C(512) << 20);
}

static void test_the_commands_own_options_are_not_ours(void **state)
{
	(void)state;
	assert_int_equal(PARSE("memshed\0run\0--\0job\0--max\0001G"), 0);
	assert_int_equal(found.max_bytes, 0);
	assert_int_equal(PARSE("memshed\0run\0job\0--max\0001G"), 0);
	assert_int_equal(found.max_bytes, 0);
	assert_int_equal(PARSE("memshed\0run\0--journal\0--max\0-q\0--max=2G\0job"), 0);
	assert_int_equal(found.max_bytes, UINT64_C(2) << 30);
}

static void test_others_are_not_taken_for_it(void **state)
{
	(void)state;
	assert_int_equal(PARSE("memshed\0show\0run"), -ENOENT);
	assert_int_equal(PARSE("memshed"), -ENOENT);
	assert_int_equal(PARSE("bash\0run"), -ENOENT);
	assert_int_equal(PARSE(""), -ENOENT);
	assert_int_equal(ms_supervisor_parse("x", 0, &found), -ENOENT);
}

static void test_nonsense_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(PARSE("memshed\0run\0--max\0much\0--high"), 0);
	assert_int_equal(found.max_bytes, 0);
	assert_int_equal(found.high.unit, MS_MARK_UNSET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_are_found_in_both_forms),
		cmocka_unit_test(test_the_commands_own_options_are_not_ours),
		cmocka_unit_test(test_others_are_not_taken_for_it),
		cmocka_unit_test(test_nonsense_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

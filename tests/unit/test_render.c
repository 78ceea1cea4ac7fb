/* SPDX-License-Identifier: MIT */
/* Cells and columns, as people get to see them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cmd/json.h"
#include "cmd/render.h"

static char text[MS_RENDER_CELL];

static void test_bytes(void **state)
{
	(void)state;
	assert_string_equal(ms_render_bytes(text, true, false, 1610612736), "1.5G");
	assert_string_equal(ms_render_bytes(text, true, true, 1610612736), "~1.5G");
	assert_string_equal(ms_render_bytes(text, false, true, 1610612736), "-");
}

static void test_short_counts_keep_three_digits(void **state)
{
	(void)state;
	assert_string_equal(ms_render_short(text, true, 0), "0");
	assert_string_equal(ms_render_short(text, true, 9999), "9999");
	assert_string_equal(ms_render_short(text, true, 10000), "10.0k");
	assert_string_equal(ms_render_short(text, true, 123456), "123k");
	assert_string_equal(ms_render_short(text, true, 999499), "999k");
	assert_string_equal(ms_render_short(text, true, 999500), "1.00M");
	assert_string_equal(ms_render_short(text, true, 1234567), "1.23M");
	assert_string_equal(ms_render_short(text, true, UINT64_MAX), "18.4E");
	assert_string_equal(ms_render_short(text, false, 1), "-");
}

static void test_shares_and_times(void **state)
{
	(void)state;
	assert_string_equal(ms_render_share(text, 1, 8), "12%");
	assert_string_equal(ms_render_share(text, 3, 2), "150%");
	assert_string_equal(ms_render_share(text, 3, 0), "-");
	assert_string_equal(ms_render_us(text, true, 4200), "4.2ms");
	assert_string_equal(ms_render_us(text, false, 4200), "-");
	assert_string_equal(ms_render_count(text, true, 1234567), "1234567");
}

static void test_words_are_wrapped(void **state)
{
	char words[] = "one two three four", longest[] = "incomprehensible x", empty[] = "", last[] = "ab cd";

	(void)state;
	ms_render_wrap_words(words, 8);
	assert_string_equal(words, "one two\nthree\nfour");
	ms_render_wrap_words(longest, 4);
	assert_string_equal(longest, "incomprehensible\nx");
	ms_render_wrap_words(empty, 4);
	ms_render_wrap_words(last, 5);
	assert_string_equal(last, "ab cd");
}

static void test_json_is_null_where_nothing_is_known(void **state)
{
	json_t *value;

	(void)state;
	assert_true(json_is_null(ms_json_number(false, 1)));
	assert_true(json_is_null(ms_json_number(true, UINT64_MAX)));
	assert_true(json_is_null(ms_json_text(NULL)));
	assert_true(json_is_null(ms_json_share(1, 0)));
	value = ms_json_number(true, INT64_MAX);
	assert_int_equal(json_integer_value(value), INT64_MAX);
	json_decref(value);
	value = ms_json_text("a\xff\u202e");
	assert_string_equal(json_string_value(value), "a\\xff\\u202e");
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_short_counts_keep_three_digits),
		cmocka_unit_test(test_shares_and_times),
		cmocka_unit_test(test_words_are_wrapped),
		cmocka_unit_test(test_json_is_null_where_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

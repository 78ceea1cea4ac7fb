/* SPDX-License-Identifier: MIT */
/* What other processes wrote never reaches a terminal or a JSON parser as it is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "util/escape.h"

#define TEXT(literal) literal, sizeof(literal) - 1

static void check(enum ms_escape_charset charset, const char *bytes, size_t length, const char *want)
{
	char text[256];
	size_t n = ms_escape(charset, text, sizeof(text), bytes, length);

	assert_string_equal(text, want);
	assert_int_equal(n, strlen(want));
	assert_true(n < MS_ESCAPED_BYTES(length));
}

static void test_printable_text_stays(void **state)
{
	(void)state;
	check(MS_ESCAPE_UTF8, TEXT(""), "");
	check(MS_ESCAPE_UTF8, TEXT("job.parse[3]<a b>"), "job.parse[3]<a b>");
	check(MS_ESCAPE_UTF8, TEXT("Übergröße 漢字 🙂"), "Übergröße 漢字 🙂");
}

static void test_control_characters_are_escaped(void **state)
{
	(void)state;
	check(MS_ESCAPE_UTF8, TEXT("a\nb\tc\rd"), "a\\nb\\tc\\rd");
	check(MS_ESCAPE_UTF8, TEXT("\x1b[31m\x7f\x07"), "\\x1b[31m\\x7f\\x07");
	check(MS_ESCAPE_UTF8, TEXT("a\0b"), "a\\x00b");
	check(MS_ESCAPE_UTF8, TEXT("\xc2\x9b"
				   "31m"),
	      "\\u009b31m"); /* CSI as a C1 control */
}

static void test_a_backslash_is_doubled(void **state)
{
	(void)state;
	check(MS_ESCAPE_UTF8, TEXT("\\n"), "\\\\n");
}

static void test_bytes_that_are_no_utf8_are_escaped(void **state)
{
	(void)state;
	check(MS_ESCAPE_UTF8, TEXT("\x9b"), "\\x9b");
	check(MS_ESCAPE_UTF8, TEXT("\xc0\x80"), "\\xc0\\x80");			   /* overlong */
	check(MS_ESCAPE_UTF8, TEXT("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");		   /* overlong */
	check(MS_ESCAPE_UTF8, TEXT("\xf0\x80\x80\x80"), "\\xf0\\x80\\x80\\x80");   /* overlong */
	check(MS_ESCAPE_UTF8, TEXT("\xed\xa0\x80"), "\\xed\\xa0\\x80");		   /* surrogate */
	check(MS_ESCAPE_UTF8, TEXT("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");   /* U+110000 */
	check(MS_ESCAPE_UTF8, TEXT("\xe6\xbc"), "\\xe6\\xbc");			   /* cut off */
	check(MS_ESCAPE_UTF8, TEXT("\xe6(\xbc"), "\\xe6(\\xbc");
	check(MS_ESCAPE_UTF8, TEXT("\xf5\xff"), "\\xf5\\xff");
}

static void test_what_turns_or_hides_text_is_escaped(void **state)
{
	(void)state;
	check(MS_ESCAPE_UTF8, TEXT("a\u202eb"), "a\\u202eb"); /* right-to-left override */
	check(MS_ESCAPE_UTF8, TEXT("\u2066\u2069\u061c"), "\\u2066\\u2069\\u061c");
	check(MS_ESCAPE_UTF8, TEXT("\u200b\ufeff\u00ad"), "\\u200b\\ufeff\\u00ad");
	check(MS_ESCAPE_UTF8, TEXT("\u2028\u2029"), "\\u2028\\u2029");
	check(MS_ESCAPE_UTF8, TEXT("\U000e0001"), "\\u{e0001}");
	check(MS_ESCAPE_UTF8, TEXT("\U0010ffff"), "\\u{10ffff}");
	check(MS_ESCAPE_UTF8, TEXT("\xef\xbf\xbe"), "\\ufffe");
}

static void test_ascii_leaves_no_byte_above_7f(void **state)
{
	(void)state;
	check(MS_ESCAPE_ASCII, TEXT("Ûx"), "\\u00dbx"); /* its second byte is CSI where C1 is honoured */
	check(MS_ESCAPE_ASCII, TEXT("🙂"), "\\u{1f642}");
}

static void test_what_does_not_fit_is_cut_between_escapes(void **state)
{
	char text[6];

	(void)state;
	assert_int_equal(ms_escape(MS_ESCAPE_UTF8, text, sizeof(text), TEXT("ab\x1b!")), 2);
	assert_string_equal(text, "ab");
	assert_int_equal(ms_escape(MS_ESCAPE_UTF8, text, sizeof(text), TEXT("abc漢")), 3);
	assert_int_equal(ms_escape(MS_ESCAPE_UTF8, text, sizeof(text), TEXT("ab漢")), 5);
	assert_int_equal(ms_escape(MS_ESCAPE_UTF8, text, 1, TEXT("a")), 0);
	assert_string_equal(text, "");
}

static void test_a_name_follows_the_locale(void **state)
{
	char text[MS_ESCAPED_NAME], long_name[128];

	(void)state;
	setlocale(LC_ALL, "C");
	assert_string_equal(ms_escape_name(text, "größe"), "gr\\u00f6\\u00dfe");
	if (setlocale(LC_ALL, "C.UTF-8"))
		assert_string_equal(ms_escape_name(text, "größe"), "größe");
	memset(long_name, 1, sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(strlen(ms_escape_name(text, long_name)), 4 * 127);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable_text_stays),
		cmocka_unit_test(test_control_characters_are_escaped),
		cmocka_unit_test(test_a_backslash_is_doubled),
		cmocka_unit_test(test_bytes_that_are_no_utf8_are_escaped),
		cmocka_unit_test(test_what_turns_or_hides_text_is_escaped),
		cmocka_unit_test(test_ascii_leaves_no_byte_above_7f),
		cmocka_unit_test(test_what_does_not_fit_is_cut_between_escapes),
		cmocka_unit_test(test_a_name_follows_the_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_units.c - sizes, shares and durations: what is accepted, what it means, how it is shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "util/units.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define K UINT64_C(1024)

struct parse_case {
	const char *text;
	int err;
	uint64_t value;
};

typedef int (*parse_fn)(const char *text, uint64_t *ret_value);

/* On failure the out-parameter must be untouched. */
static void check_parse(parse_fn parse, const struct parse_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0x5a5a;
		int err = parse(cases[i].text, &value);

		if (err != cases[i].err || value != (err ? 0x5a5a : cases[i].value))
			fail_msg("\"%s\": got %d, %llu", cases[i].text, err, (unsigned long long)value);
	}
}

static void parses_whole_numbers(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"007", 0, 7},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1K", -EINVAL, 0},
	};
	(void)state;
	check_parse(ms_units_parse_u64, cases, COUNT(cases));
}

static void parses_bytes(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"512", 0, 512},
		{"512B", 0, 512},
		{"1K", 0, K},
		{"1k", 0, K},
		{"1KB", 0, K},
		{"1KiB", 0, K},
		{"1kib", 0, K},
		{"1.5G", 0, 1536 * K * K},
		{"1500M", 0, 1500 * K * K},
		{"0.5K", 0, 512},
		{"2T", 0, 2 * K * K * K * K},
		{"3P", 0, 3 * K * K * K * K * K},
		{"15E", 0, 15 * K * K * K * K * K * K},
		{"15.999999999E", 0, UINT64_C(18446744072556630111)},
		{"16E", -ERANGE, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18014398509481983.9999K", -ERANGE, 0}, /* rounds up to 2^64 */
		/* rounded to the nearest: 0.0004 KiB is 0.41 bytes, 0.0005 KiB is 0.51 */
		{"0.0004K", 0, 0},
		{"0.0005K", 0, 1},
		{"1.00000000000000000000000000001K", 0, K},
	};
	(void)state;
	check_parse(ms_units_parse_bytes, cases, COUNT(cases));
}

static void refuses_what_is_no_size(void **state)
{
	static const char *const texts[] = {
		"",     " ",    "-1",  "-1G", "+1G", "G",     ".5G",    "1.G",   "1.",        "1.5",
		"1.5B", "1,5G", "1 G", "1G ", "1GG", "1Gi",   "1iB",    "1GiBx", "1X",        "1e9",
		"0x1",  "nan",  "inf", "max", "80%", "1..5G", "1.5.5G", "1K5",   "\xc2\xb2G",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		uint64_t value = 7;

		if (ms_units_parse_bytes(texts[i], &value) != -EINVAL || value != 7)
			fail_msg("\"%s\" was accepted", texts[i]);
	}
}

static void parses_marks(void **state)
{
	struct ms_mark mark = {0};

	(void)state;
	assert_int_equal(ms_units_parse_mark("80%", &mark), 0);
	assert_int_equal(mark.unit, MS_MARK_PER_MILLE);
	assert_int_equal(mark.value, 800);
	assert_int_equal(ms_units_parse_mark("99.5%", &mark), 0);
	assert_int_equal(mark.value, 995);
	assert_int_equal(ms_units_parse_mark("0%", &mark), 0);
	assert_int_equal(mark.value, 0);
	assert_int_equal(ms_units_parse_mark("100%", &mark), 0);
	assert_int_equal(mark.value, 1000);
	assert_int_equal(ms_units_parse_mark("1500M", &mark), 0);
	assert_int_equal(mark.unit, MS_MARK_BYTES);
	assert_int_equal(mark.value, 1500 * K * K);

	mark.value = 7;
	assert_int_equal(ms_units_parse_mark("100.1%", &mark), -ERANGE);
	assert_int_equal(ms_units_parse_mark("9999999999999999999%", &mark), -ERANGE);
	assert_int_equal(ms_units_parse_mark("80.55%", &mark), -EINVAL);
	assert_int_equal(ms_units_parse_mark("-1%", &mark), -EINVAL);
	assert_int_equal(ms_units_parse_mark("%", &mark), -EINVAL);
	assert_int_equal(ms_units_parse_mark("80%%", &mark), -EINVAL);
	assert_int_equal(ms_units_parse_mark("80 %", &mark), -EINVAL);
	assert_int_equal(ms_units_parse_mark("16E", &mark), -ERANGE);
	assert_int_equal(mark.value, 7);
}

static void resolves_marks(void **state)
{
	struct ms_mark unset = {0}, bytes = {MS_MARK_BYTES, 300}, share = {MS_MARK_PER_MILLE, 905};

	(void)state;
	assert_int_equal(ms_units_resolve(unset, 1000, 42), 42);
	assert_int_equal(ms_units_resolve(bytes, 1000, 42), 300);
	assert_int_equal(ms_units_resolve(share, 1000, 42), 905);
	assert_int_equal(ms_units_resolve(share, 1, 42), 0);
	share.value = 1000;
	assert_true(ms_units_resolve(share, UINT64_MAX, 0) == UINT64_MAX);
}

static void parses_durations(void **state)
{
	static const struct parse_case cases[] = {
		{"10", 0, 10000000},
		{"10s", 0, 10000000},
		{"500ms", 0, 500000},
		{"17us", 0, 17},
		{"1.5s", 0, 1500000},
		{"2m", 0, 120000000},
		{"2min", 0, 120000000},
		{"1h", 0, UINT64_C(3600000000)},
		{"1d", 0, UINT64_C(86400000000)},
		{"0.4us", 0, 0},
		{"213503982d", 0, UINT64_C(18446744044800000000)},
		{"213503983d", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"1ss", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1w", -EINVAL, 0},
	};
	(void)state;
	check_parse(ms_units_parse_duration, cases, COUNT(cases));
}

struct format_case {
	uint64_t value;
	const char *text;
};

typedef const char *(*format_fn)(char text[MS_UNITS_TEXT], uint64_t value);

static void check_format(format_fn format, const struct format_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[MS_UNITS_TEXT];

		assert_ptr_equal(format(text, cases[i].value), text);
		assert_string_equal(text, cases[i].text);
	}
}

static void formats_bytes(void **state)
{
	static const struct format_case cases[] = {
		{0, "0"},
		{512, "512"},
		{999, "999"},
		{1000, "0.98K"},
		{K, "1K"},
		{12 * K, "12K"},
		{1536, "1.5K"},
		{1536 * K * K, "1.5G"},
		{999 * K * K, "999M"},
		{1000 * K * K, "0.98G"},
		{1023 * K * K, "1G"},
		{999 * K * K + 700 * K, "0.98G"}, /* would round to 1000M */
		{K * K - 1, "1M"},
		{9999 * K * K / 1000, "10M"},
		{12345 * K / 1000, "12.3K"},
		{12 * K * K * K * K * K * K, "12E"}, /* a hundred times it does not fit 64 bits */
		{UINT64_MAX, "16E"},
	};
	(void)state;
	check_format(ms_units_format_bytes, cases, COUNT(cases));
}

static void formats_durations(void **state)
{
	static const struct format_case cases[] = {
		{0, "0us"},
		{17, "17us"},
		{999, "999us"},
		{4200, "4.2ms"},
		{999400, "999ms"},
		{999600, "1s"},
		{1500000, "1.5s"},
		{31000000, "31s"},
		{59960000, "1m00s"},
		{60000000, "1m00s"},
		{125900000, "2m05s"},
		{UINT64_C(7500000000), "2h05m"},
		{UINT64_C(86400000000) * 3 + UINT64_C(3600000000) * 4, "3d04h"},
		{UINT64_MAX, "213503982d08h"},
	};
	(void)state;
	check_format(ms_units_format_duration, cases, COUNT(cases));
}

/* Showing a size and reading it back moves it by less than one part in a hundred. */
static void what_is_shown_can_be_read(void **state)
{
	(void)state;
	for (uint64_t bytes = 1000; bytes < UINT64_MAX / 8 * 7; bytes += bytes / 7 + 1) {
		char text[MS_UNITS_TEXT];
		uint64_t back = 0;

		assert_int_equal(ms_units_parse_bytes(ms_units_format_bytes(text, bytes), &back), 0);
		uint64_t off = back > bytes ? back - bytes : bytes - back;

		if (off > bytes / 100)
			fail_msg("%llu is shown as %s", (unsigned long long)bytes, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_whole_numbers), cmocka_unit_test(parses_bytes),
		cmocka_unit_test(refuses_what_is_no_size), cmocka_unit_test(parses_marks),
		cmocka_unit_test(resolves_marks),          cmocka_unit_test(parses_durations),
		cmocka_unit_test(formats_bytes),           cmocka_unit_test(formats_durations),
		cmocka_unit_test(what_is_shown_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

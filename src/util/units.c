/* SPDX-License-Identifier: MIT */
/*
 * util/units.c - sizes, shares and durations from text and back.
 *
 * Pure: no locale (a comma is never a decimal point), no allocation, no lock; any thread. A number is
 * read as an exact decimal, never through a double, so that "16E" and 2^64 - 1 come out right.
 */
#include "util/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Decimals beyond this many cannot change a result by as much as one part in a thousand million. */
enum { FRACTION_DIGITS = 9 };

/* "12.345": whole 12, fraction 345, scale 1000. */
struct decimal {
	uint64_t whole, fraction, scale;
	bool pointed;
	const char *end; /* what follows the number */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int ms_units_read_u64(const char **cursor, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *p = *cursor;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	}
	*cursor = p;
	*ret_value = value;
	return 0;
}

static int read_decimal(const char *text, struct decimal *ret_number)
{
	struct decimal number = {.scale = 1};
	int err = ms_units_read_u64(&text, &number.whole);

	if (err)
		return err;
	if (*text == '.') {
		number.pointed = true;
		text++;
		if (!is_digit(*text))
			return -EINVAL;
		for (int digits = 0; is_digit(*text); text++, digits++) {
			if (digits >= FRACTION_DIGITS)
				continue;
			number.fraction = number.fraction * 10 + (uint64_t)(*text - '0');
			number.scale *= 10;
		}
	}
	number.end = text;
	*ret_number = number;
	return 0;
}

/* number * unit, rounded to the nearest. */
static int scale_decimal(const struct decimal *number, uint64_t unit, uint64_t *ret_value)
{
	unsigned __int128 value = (unsigned __int128)number->whole * unit;

	value += ((unsigned __int128)number->fraction * unit + number->scale / 2) / number->scale;
	if (value > UINT64_MAX)
		return -ERANGE;
	*ret_value = (uint64_t)value;
	return 0;
}

int ms_units_parse_u64(const char *text, uint64_t *ret_value)
{
	uint64_t value;
	int err = ms_units_read_u64(&text, &value);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static const char BYTE_UNITS[] = "KMGTPE";

/* "", "B", "K", "KB", "KiB" and so on; case does not matter. */
static int read_byte_unit(const char *text, uint64_t *ret_unit)
{
	uint64_t unit = 1;
	bool prefixed = false;

	for (unsigned i = 0; *text && BYTE_UNITS[i]; i++) {
		if ((*text & ~0x20) != BYTE_UNITS[i])
			continue;
		unit = UINT64_C(1) << (10 * (i + 1));
		prefixed = true;
		text++;
		break;
	}
	if (prefixed && *text == 'i' && (text[1] & ~0x20) == 'B')
		text++;
	if (*text && (*text & ~0x20) == 'B')
		text++;
	if (*text)
		return -EINVAL;
	*ret_unit = unit;
	return 0;
}

int ms_units_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	struct decimal number;
	uint64_t unit;
	int err = read_decimal(text, &number);

	if (err)
		return err;
	err = read_byte_unit(number.end, &unit);
	if (err)
		return err;
	/* Half a byte is no size: a unit was forgotten. */
	if (number.pointed && unit == 1)
		return -EINVAL;
	return scale_decimal(&number, unit, ret_bytes);
}

int ms_units_parse_mark(const char *text, struct ms_mark *ret_mark)
{
	struct decimal number;
	uint64_t value;
	int err = read_decimal(text, &number);

	if (err)
		return err;
	if (strcmp(number.end, "%") != 0) {
		err = ms_units_parse_bytes(text, &value);
		if (!err)
			*ret_mark = (struct ms_mark){.unit = MS_MARK_BYTES, .value = value};
		return err;
	}
	if (number.scale > 10)
		return -EINVAL;
	err = scale_decimal(&number, 10, &value);
	if (err || value > 1000)
		return -ERANGE;
	*ret_mark = (struct ms_mark){.unit = MS_MARK_PER_MILLE, .value = value};
	return 0;
}

int ms_units_parse_duration(const char *text, uint64_t *ret_us)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = {
		{"", 1000000},    {"us", 1},          {"ms", 1000},          {"s", 1000000},
		{"m", 60000000},  {"min", 60000000},  {"h", 3600000000},     {"d", 86400000000},
	};
	struct decimal number;
	int err = read_decimal(text, &number);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(number.end, units[i].name) == 0)
			return scale_decimal(&number, units[i].us, ret_us);
	}
	return -EINVAL;
}

/* value / unit with three significant digits, without zeros at the end; false when it rounds to
 * 1000 or more, so that the next unit is the one to use. */
static bool format_three(char text[MS_UNITS_TEXT], uint64_t value, uint64_t unit, const char *suffix)
{
	for (unsigned decimals = 2, scale = 100;; decimals--, scale /= 10) {
		unsigned __int128 wide = ((unsigned __int128)value * scale + unit / 2) / unit;
		unsigned scaled = (unsigned)wide;

		if (wide >= 1000) {
			if (decimals == 0)
				return false;
			continue;
		}
		for (; decimals > 0 && scaled % 10 == 0; decimals--, scale /= 10)
			scaled /= 10;
		if (decimals == 0)
			snprintf(text, MS_UNITS_TEXT, "%u%s", scaled, suffix);
		else
			snprintf(text, MS_UNITS_TEXT, "%u.%0*u%s", scaled / scale, (int)decimals, scaled % scale,
				 suffix);
		return true;
	}
}

const char *ms_units_format_bytes(char text[MS_UNITS_TEXT], uint64_t bytes)
{
	uint64_t unit = 1;

	if (format_three(text, bytes, unit, ""))
		return text;
	for (unsigned i = 0; BYTE_UNITS[i]; i++) {
		char suffix[2] = {BYTE_UNITS[i], '\0'};

		unit <<= 10;
		if (format_three(text, bytes, unit, suffix))
			break;
	}
	return text;
}

/* "2h05m": a count of the larger unit, and what is left in the smaller one, cut. */
static const char *format_pair(char text[MS_UNITS_TEXT], uint64_t large, char large_unit, uint64_t small,
			       char small_unit)
{
	snprintf(text, MS_UNITS_TEXT, "%u%c%02u%c", (unsigned)large, large_unit, (unsigned)small, small_unit);
	return text;
}

const char *ms_units_format_duration(char text[MS_UNITS_TEXT], uint64_t us)
{
	uint64_t s = us / 1000000;

	if (us < 1000 && format_three(text, us, 1, "us"))
		return text;
	if (s == 0 && format_three(text, us, 1000, "ms"))
		return text;
	if (s < 60 && format_three(text, us, 1000000, "s") && strcmp(text, "60s") != 0)
		return text;
	/* 59.96 s rounds to a minute. */
	if (s < 60)
		s = 60;
	if (s < 3600)
		return format_pair(text, s / 60, 'm', s % 60, 's');
	if (s < 86400)
		return format_pair(text, s / 3600, 'h', s / 60 % 60, 'm');
	return format_pair(text, s / 86400, 'd', s / 3600 % 24, 'h');
}

/* SPDX-License-Identifier: MIT */
/*
 * fuzz_units - whatever a person types as a size, a share or a duration: no crash, nothing written on
 * failure, and what was understood can be shown and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/units.h"

static void require(int holds)
{
	if (!holds)
		abort();
}

static void check_error(int err)
{
	require(err == 0 || err == -EINVAL || err == -ERANGE);
}

/* Three digits are shown: read again it is off by less than one part in a hundred. */
static void check_bytes(const char *text)
{
	uint64_t value = 42, again;
	char shown[MS_UNITS_TEXT];
	int err = ms_units_parse_bytes(text, &value);

	check_error(err);
	if (err) {
		require(value == 42);
		return;
	}
	memset(shown, 'x', sizeof(shown));
	require(strlen(ms_units_format_bytes(shown, value)) <= 5);
	err = ms_units_parse_bytes(shown, &again);
	if (err) /* 16E is what 2^64 - 1 is shown as */
		require(err == -ERANGE && value > UINT64_MAX / 100 * 99);
	else
		require((again > value ? again - value : value - again) <= value / 100);
}

static void check_mark(const char *text)
{
	struct ms_mark mark = {MS_MARK_UNSET, 42};
	int err = ms_units_parse_mark(text, &mark);

	check_error(err);
	require(err == 0 || (mark.unit == MS_MARK_UNSET && mark.value == 42));
	if (mark.unit == MS_MARK_PER_MILLE)
		require(mark.value <= 1000 && ms_units_resolve(mark, UINT64_MAX, 0) <= UINT64_MAX);
}

static void check_duration(const char *text)
{
	uint64_t us = 42;
	char shown[MS_UNITS_TEXT];
	int err = ms_units_parse_duration(text, &us);

	check_error(err);
	require(err == 0 || us == 42);
	if (!err)
		require(strlen(ms_units_format_duration(shown, us)) < MS_UNITS_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* of just this size, so that a read beyond the end is seen */
	uint64_t value;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_error(ms_units_parse_u64(text, &value));
	check_bytes(text);
	check_mark(text);
	check_duration(text);
	free(text);
	return 0;
}

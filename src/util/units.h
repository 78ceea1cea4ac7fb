/* SPDX-License-Identifier: MIT */
/*
 * util/units.h - sizes as people write and read them.
 *
 * K M G T P E are powers of 1024, as in cgroup files and systemd; an optional "iB" or "B" after them
 * is accepted, and lower case. A fraction is allowed before a unit ("1.5G"), and rounded to the
 * nearest byte. No sign, no blanks. "80%" only where a whole is given.
 */
#ifndef MS_UTIL_UNITS_H
#define MS_UTIL_UNITS_H

#include <stdint.h>

/** ms_units_read_u64 - decimal digits at the cursor, which moves behind them; Return: 0; -EINVAL; -ERANGE */
int ms_units_read_u64(const char **cursor, uint64_t *ret_value);

/** ms_units_parse_u64 - decimal digits, all of @text; Return: 0; -EINVAL; -ERANGE */
int ms_units_parse_u64(const char *text, uint64_t *ret_value);

/** ms_units_parse_bytes - Return: 0; -EINVAL not a size; -ERANGE more than 2^64 - 1 */
int ms_units_parse_bytes(const char *text, uint64_t *ret_bytes);

/* A size, or a share of a whole that is not known yet. */
struct ms_mark {
	enum { MS_MARK_UNSET = 0, MS_MARK_BYTES, MS_MARK_PER_MILLE } unit;
	uint64_t value;
};

/** ms_units_parse_mark - "1500M" or "80%" (0 to 100, up to one decimal); Return: as _parse_bytes */
int ms_units_parse_mark(const char *text, struct ms_mark *ret_mark);

/** ms_units_resolve - @mark of @whole_bytes; @unset_bytes when it is unset. Inline: policy links nothing. */
static inline uint64_t ms_units_resolve(struct ms_mark mark, uint64_t whole_bytes, uint64_t unset_bytes)
{
	switch (mark.unit) {
	case MS_MARK_BYTES:
		return mark.value;
	case MS_MARK_PER_MILLE: /* split, so that nothing overflows for up to 1000 */
		return whole_bytes / 1000 * mark.value + whole_bytes % 1000 * mark.value / 1000;
	case MS_MARK_UNSET:
		break;
	}
	return unset_bytes;
}

/**
 * ms_units_parse_duration - "10s", "500ms", "2m", "1h", "1.5s"; no unit means seconds
 * Return: 0; -EINVAL; -ERANGE
 */
int ms_units_parse_duration(const char *text, uint64_t *ret_us);

enum { MS_UNITS_TEXT = 16 };

/** ms_units_format_bytes - "0", "512", "1.5G", three significant digits at most; Return: @text */
const char *ms_units_format_bytes(char text[MS_UNITS_TEXT], uint64_t bytes);

/** ms_units_format_duration - "17us", "4.2ms", "31s", "2h05m", "3d04h"; Return: @text */
const char *ms_units_format_duration(char text[MS_UNITS_TEXT], uint64_t us);

#endif

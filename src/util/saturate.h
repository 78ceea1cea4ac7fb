/* SPDX-License-Identifier: MIT */
/* util/saturate.h - arithmetic on sizes and times that stops at the end of their range, or at a bound. */
#ifndef MS_UTIL_SATURATE_H
#define MS_UTIL_SATURATE_H

#include <stdint.h>

static inline uint64_t ms_sat_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t ms_sat_sub(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t ms_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t ms_greatest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/** ms_within - @value, but not below @least nor above @most; @least when that is above @most */
static inline uint64_t ms_within(uint64_t value, uint64_t least, uint64_t most)
{
	uint64_t cut = ms_least(value, most);

	return cut < least ? least : cut;
}

/** ms_fill_time_ns - how long it takes to fill @room_bytes at this rate; UINT64_MAX: it never does */
static inline uint64_t ms_fill_time_ns(uint64_t room_bytes, uint64_t bytes_per_s)
{
	if (bytes_per_s == 0)
		return UINT64_MAX;
	double ns = (double)room_bytes * 1e9 / (double)bytes_per_s;

	return ns >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

#endif

/* SPDX-License-Identifier: MIT */
/* util/saturate.h - sums and differences of sizes that stop at the end of their range. */
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

#endif

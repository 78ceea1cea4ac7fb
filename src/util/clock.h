/* SPDX-License-Identifier: MIT */
/* util/clock.h - CLOCK_MONOTONIC in nanoseconds, the only clock of the table, orders and samples. */
#ifndef MS_UTIL_CLOCK_H
#define MS_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#define MS_NS_PER_US UINT64_C(1000)
#define MS_NS_PER_MS UINT64_C(1000000)
#define MS_NS_PER_S UINT64_C(1000000000)

static inline uint64_t ms_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline struct timespec ms_clock_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / MS_NS_PER_S), .tv_nsec = (long)(ns % MS_NS_PER_S)};
}

/* UINT64_MAX, which means never, for a time-out beyond the clock's end. */
static inline uint64_t ms_clock_deadline(uint64_t timeout_us)
{
	uint64_t now = ms_clock_ns();

	return timeout_us > (UINT64_MAX - now) / MS_NS_PER_US ? UINT64_MAX : now + timeout_us * MS_NS_PER_US;
}

#endif

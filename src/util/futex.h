/* SPDX-License-Identifier: MIT */
/*
 * util/futex.h - wait for a word of shared memory to change, and wake those that wait.
 *
 * The words are in memory of several processes, so the futexes are never FUTEX_PRIVATE. No state, no
 * malloc, no locks; any thread, and usable in a memory cgroup that is full.
 */
#ifndef MS_UTIL_FUTEX_H
#define MS_UTIL_FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/clock.h"

/**
 * ms_futex_wait - sleep while @word is @seen
 * @deadline_ns: CLOCK_MONOTONIC; UINT64_MAX: none
 * Return: 0 woken, or the value differs; -ETIMEDOUT; -EINTR.
 */
static inline int ms_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
	struct timespec until = ms_clock_timespec(deadline_ns);

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, deadline_ns == UINT64_MAX ? NULL : &until, NULL,
		    FUTEX_BITSET_MATCH_ANY) == 0 ||
	    errno == EAGAIN)
		return 0;
	return errno == EINTR ? -EINTR : -ETIMEDOUT;
}

static inline void ms_futex_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

#endif

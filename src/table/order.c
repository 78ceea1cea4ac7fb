/* SPDX-License-Identifier: MIT */
/*
 * table/order.c - what both ends of the control page do alike: the check word, futexes.
 *
 * No state, no malloc, no locks; any thread.
 */
#include "table/order.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/clock.h"

_Static_assert(sizeof(struct ms_order) == 40, "five words go into the check");

uint64_t ms_order_check(uint32_t ticket, const struct ms_order *order)
{
	uint64_t words[5];
	uint64_t check = UINT64_C(0xcbf29ce484222325) ^ ticket; /* the constants of FNV-1a, by words */

	memcpy(words, order, sizeof(words));
	for (unsigned i = 0; i < 5; i++) {
		check = (check ^ words[i]) * UINT64_C(0x100000001b3);
		check ^= check >> 32;
	}
	return check;
}

int ms_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
	struct timespec until = ms_clock_timespec(deadline_ns);

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, deadline_ns == UINT64_MAX ? NULL : &until, NULL,
		    FUTEX_BITSET_MATCH_ANY) == 0 ||
	    errno == EAGAIN)
		return 0;
	return errno == EINTR ? -EINTR : -ETIMEDOUT;
}

void ms_futex_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

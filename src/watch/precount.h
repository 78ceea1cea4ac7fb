/* SPDX-License-Identifier: MIT */
/*
 * watch/precount.h - have all caches counted before a shortage.
 *
 * Pulled sizes are up to seconds old, and the next plan depends on them. How much is used says little of the
 * sizes: a cache may fill again what another one freed, in memory that the allocator kept. Counting may wait
 * for the host's lock: nothing else waits for it here, and no answer is no harm. Nothing is opened or
 * allocated.
 */
#ifndef MS_WATCH_PRECOUNT_H
#define MS_WATCH_PRECOUNT_H

#include <stdint.h>

struct ms_watch;

struct ms_precount {
	uint64_t asked_ns; /* 0 = never */
};

/** ms_precount_turn - at every look; asks where used is above low, no order is out, and it is time to */
void ms_precount_turn(struct ms_watch *watch, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lib/sweep.c - when the host's collector is worth its time.
 *
 * Runs in the thread that is the agent. Holds no lock and allocates nothing; the collector itself is a cache
 * with a row (MEMSHED_CACHE_COLLECTOR), which round.c has the executor run like any other.
 *
 * What a callback lets go may be in cycles, which the host frees when it next collects: an interpreter whose
 * cached objects refer to each other claims all of its cache, and nothing comes back. A collection takes time that
 * grows with all that the process holds. So it comes at most once in a round, where much was claimed and little
 * came back; and after one that did not help it is left alone for a hundred times what it took, which doubles
 * each time.
 */
#include "lib/sweep.h"

#include "lib/lib.h"
#include "util/clock.h"
#include "util/saturate.h"

/* All chosen. */
enum {
	LITTLE = 2,         /* less than half came back */
	HELPED = 4,         /* a quarter of what was missing */
	SHARE_OF_TIME = 100,
	DOUBLINGS_MOST = 8,
};
#define MUCH_BYTES (UINT64_C(4) << 20) /* as much as it takes to ask the allocator */
#define SEEN_BYTES (UINT64_C(1) << 20) /* pages that other threads give back meanwhile are fewer */
#define PAUSE_LEAST_NS MS_NS_PER_S

bool ms_sweep_is_hollow(uint64_t claimed_bytes, uint64_t returned_bytes)
{
	return claimed_bytes >= MUCH_BYTES && returned_bytes < claimed_bytes / LITTLE;
}

bool ms_sweep_may_help(uint64_t now_ns)
{
	const struct ms_sweep *sweep = &ms_lib.sweep;

	return sweep->row && now_ns >= sweep->not_before_ns;
}

void ms_sweep_judge(uint64_t fell_bytes, uint64_t missing_bytes, uint64_t took_ns, uint64_t now_ns)
{
	struct ms_sweep *sweep = &ms_lib.sweep;
	uint64_t pause_ns = took_ns * SHARE_OF_TIME;

	sweep->helped = fell_bytes >= SEEN_BYTES && fell_bytes >= missing_bytes / HELPED;
	if (sweep->helped) {
		sweep->useless = 0;
		sweep->not_before_ns = 0;
		return;
	}
	if (pause_ns < PAUSE_LEAST_NS)
		pause_ns = PAUSE_LEAST_NS;
	sweep->not_before_ns = ms_sat_add(now_ns, pause_ns << sweep->useless);
	if (sweep->useless < DOUBLINGS_MOST)
		sweep->useless++;
}

bool ms_sweep_fits(const struct memshed_cache *cache, const struct ms_order *unused)
{
	(void)unused;
	return cache->options.flags & MEMSHED_CACHE_COLLECTOR;
}

void ms_sweep_reset(void)
{
	ms_lib.sweep = (struct ms_sweep){.row = 0};
}

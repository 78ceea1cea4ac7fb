/* SPDX-License-Identifier: MIT */
/* lib/sweep.h - the collector: the cache that frees what the others let go (MEMSHED_CACHE_COLLECTOR). */
#ifndef MS_LIB_SWEEP_H
#define MS_LIB_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

struct memshed_cache;
struct ms_order;

/* What it was worth so far. writer: agent */
struct ms_sweep {
	uint32_t row;           /* 0: there is none; as of the last collecting of candidates */
	bool helped;            /* the last time */
	uint32_t useless;       /* how often in a row it did not */
	uint64_t not_before_ns; /* it did not help; until then it is left alone */
};

/** ms_sweep_is_hollow - so much was claimed, and so little of it came back, that it may lie with the host */
bool ms_sweep_is_hollow(uint64_t claimed_bytes, uint64_t returned_bytes);
/** ms_sweep_may_help - is there a collector, and is it not known to be of no use? */
bool ms_sweep_may_help(uint64_t now_ns);
/** ms_sweep_judge - it ran for @took_ns, and @fell_bytes came back of the @missing_bytes that had not */
void ms_sweep_judge(uint64_t fell_bytes, uint64_t missing_bytes, uint64_t took_ns, uint64_t now_ns);
/** ms_sweep_fits - for ms_executor_ask(): is it still the collector? */
bool ms_sweep_fits(const struct memshed_cache *cache, const struct ms_order *unused);
void ms_sweep_reset(void);

#endif

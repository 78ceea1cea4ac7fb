/* SPDX-License-Identifier: MIT */
/* lib/learn.h - what comes back of what a cache claims. */
#ifndef MS_LIB_LEARN_H
#define MS_LIB_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "rank/rank.h"

/* A claim and what came back of it, until it is settled. writer: agent */
struct ms_lesson {
	uint64_t round; /* 0: none */
	uint64_t claimed_bytes, fell_bytes;
};

/** ms_learn_to_return - how much the resident set should fall when the cache claims @claimed_bytes */
uint64_t ms_learn_to_return(uint32_t row, uint64_t claimed_bytes);
/** ms_learn_to_claim - how much it has to claim so that @bytes come back */
uint64_t ms_learn_to_claim(uint32_t row, uint64_t bytes);

/** ms_learn_claim - in @round the cache claimed this, and the resident set fell by that meanwhile */
void ms_learn_claim(uint32_t row, uint64_t round, uint64_t claimed_bytes, uint64_t fell_bytes);
/**
 * ms_learn_settle - write into the rows what the claims of @round have taught
 * @trimmed: the allocator has given back @fell_bytes since; else what did not come back may still do so
 */
void ms_learn_settle(const struct ms_rank_key *keys, uint32_t count, uint64_t round, bool trimmed,
		     uint64_t fell_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/* lib/candidates.h - the caches that an order is for, the first to be asked first. */
#ifndef MS_LIB_CANDIDATES_H
#define MS_LIB_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "rank/rank.h"
#include "table/layout.h"

struct memshed_cache;
struct ms_order;

struct ms_candidates {
	/* Writer of what it points to: the agent; from reserved on, registrations, which get there first. */
	struct ms_rank_key *keys;
	uint32_t reserved;         /* guarded by [K1] */
	char group[MS_NAME_BYTES]; /* of the caches that were collected last; writer: agent */
};

/** ms_candidates_init - address space for all rows, before the agent starts; Return: 0; -ENOMEM */
int ms_candidates_init(void);
/** ms_candidates_reserve - room for one more, touched before it is needed; under [K1] */
void ms_candidates_reserve(void);
/**
 * ms_candidates_collect - the caches that @order (not for one row) is for, the first to be asked first
 * Valid until the next call, by the thread that is the agent.
 * Return: how many; -ESTALE when the row that names a group is another cache's by now.
 */
int ms_candidates_collect(const struct ms_order *order, struct ms_rank_key **ret_keys);
/** ms_candidates_fit - is @cache, found in a row that was collected, still one that @order is for? */
bool ms_candidates_fit(const struct memshed_cache *cache, const struct ms_order *order);
/** ms_candidates_allow - may @cache be asked for @order at all? A client's word is not enough to have a
 * callback do what its owner excluded */
bool ms_candidates_allow(const struct memshed_cache *cache, const struct ms_order *order);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * rank/facts.h - the facts of a row as the table's readers see it: the watch, the tool and the tests all
 * rank by these. The agent, which holds the rows themselves, makes its own.
 */
#ifndef MS_RANK_FACTS_H
#define MS_RANK_FACTS_H

#include "rank/rank.h"
#include "table/reader.h"

/* Of row 0 as well: ms_rank_bytes() says what the allocator can be expected to give back. */
static inline struct ms_rank_facts ms_rank_facts_of(const struct ms_row *row)
{
	return (struct ms_rank_facts){
		.row = row->row,
		.flags = row->flags,
		.priority = row->priority,
		.cost_us = row->cost_us,
		.bytes = row->bytes,
		.entries = row->entries,
		.counted = row->bytes || row->entries || row->hits || row->misses || row->inserts ||
			   row->evictions || row->pulled_at_ns,
		.hits = row->hits,
		.misses = row->misses,
		.orders = row->last.orders,
		.freed_bytes = row->last.total_claimed_bytes,
		.duration_us = row->last.total_duration_us,
		.last_freed_bytes = row->last.claimed_bytes,
		.bytes_after = row->last.bytes_after,
		.last_ns = row->last.finished_ns,
		.returned_per_mille = row->last.returned_per_mille,
		.useless = row->last.useless,
	};
}

#endif

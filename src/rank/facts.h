/* SPDX-License-Identifier: MIT */
/*
 * rank/facts.h - a row as read from outside, as facts for the ranking: for the watch's policy, `clear`,
 * `shrink` and --dry-run. The agent fills in the same from its own memory.
 */
#ifndef MS_RANK_FACTS_H
#define MS_RANK_FACTS_H

#include "rank/rank.h"
#include "table/reader.h"

static inline struct ms_rank_facts ms_rank_facts_of(const struct ms_row *row)
{
	return (struct ms_rank_facts){
		.row = row->row,
		.flags = row->flags,
		.priority = row->priority,
		.cost_us = row->cost_us,
		.bytes = row->bytes,
		.entries = row->entries,
		.counted = row->inserts || row->bytes || row->entries || row->pulled_at_ns,
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

/* SPDX-License-Identifier: MIT */
/*
 * table/sum.h - add up what the lanes hold of one row: first what was removed, in all lanes, then what
 * was added, so that every removal that is counted finds what was added before it [G5]. The fence
 * between the two passes is the caller's.
 */
#ifndef MS_TABLE_SUM_H
#define MS_TABLE_SUM_H

#include "table/layout.h"

/* @sum and @lane are the caller's own memory: the fields are atomic only where they are shared. */
static inline void ms_sum_add(_Atomic uint64_t *sum, const _Atomic uint64_t *value)
{
	uint64_t total = atomic_load_explicit(sum, memory_order_relaxed);

	atomic_store_explicit(sum, total + atomic_load_explicit(value, memory_order_relaxed), memory_order_relaxed);
}

static inline void ms_sum_removed(struct ms_lane_row *sum, const struct ms_lane_row *lane)
{
	ms_sum_add(&sum->removed_bytes, &lane->removed_bytes);
	ms_sum_add(&sum->removed_entries, &lane->removed_entries);
	ms_sum_add(&sum->evictions, &lane->evictions);
}

static inline void ms_sum_added(struct ms_lane_row *sum, const struct ms_lane_row *lane)
{
	ms_sum_add(&sum->added_bytes, &lane->added_bytes);
	ms_sum_add(&sum->added_entries, &lane->added_entries);
	ms_sum_add(&sum->hits, &lane->hits);
	ms_sum_add(&sum->misses, &lane->misses);
}

#endif

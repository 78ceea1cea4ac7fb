/* SPDX-License-Identifier: MIT */
/*
 * table/sum.h - add up what the shards hold of one row: first what was removed, in all shards, then what
 * was added, so that every removal that is counted finds what was added before it [G5]. The fence
 * between the two passes is the caller's.
 */
#ifndef MS_TABLE_SUM_H
#define MS_TABLE_SUM_H

#include "table/layout.h"

/* @sum and @shard are the caller's own memory: the fields are atomic only where they are shared. */
static inline void ms_sum_add(_Atomic uint64_t *sum, const _Atomic uint64_t *value)
{
	uint64_t total = atomic_load_explicit(sum, memory_order_relaxed);

	atomic_store_explicit(sum, total + atomic_load_explicit(value, memory_order_relaxed), memory_order_relaxed);
}

static inline void ms_sum_removed(struct ms_shard_row *sum, const struct ms_shard_row *shard)
{
	ms_sum_add(&sum->removed_bytes, &shard->removed_bytes);
	ms_sum_add(&sum->removed_entries, &shard->removed_entries);
	ms_sum_add(&sum->evictions, &shard->evictions);
}

static inline void ms_sum_added(struct ms_shard_row *sum, const struct ms_shard_row *shard)
{
	ms_sum_add(&sum->added_bytes, &shard->added_bytes);
	ms_sum_add(&sum->added_entries, &shard->added_entries);
	ms_sum_add(&sum->hits, &shard->hits);
	ms_sum_add(&sum->misses, &shard->misses);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/shard.h - the counters' hot path.
 *
 * A shard belongs to one thread at a time, which alone writes it: a load, an add and a store, no locked
 * instruction and no cache line that another CPU writes. The last shard is shared by the threads that
 * got none, with atomic adds.
 *
 * Each store is a release, which is a plain store on x86. Two guarantees of the reader hang on it:
 *   [shard.L1] a reader that sees bytes removed also sees that they were added, even by another thread before;
 *              pairs with [reader.R3], [writer_sum.A1]
 *   [shard.L2] a reader that sees a count of a row's new use also sees that the row's seq has moved;
 *              pairs with [reader.R4]
 */
#ifndef MS_TABLE_SHARD_H
#define MS_TABLE_SHARD_H

#include "table/layout.h"

/* @shards: where the table's shards begin */
static inline unsigned char *ms_shard_at(unsigned char *shards, uint32_t shard)
{
	return shards + (size_t)shard * MS_SHARD_BYTES;
}

static inline struct ms_shard_row *ms_shard_row_at(unsigned char *shard, uint32_t row)
{
	return (struct ms_shard_row *)(void *)(shard + (size_t)row * MS_SHARD_ROW_BYTES);
}

/* By the shard's owner alone. */
static inline void ms_shard_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + n, memory_order_release); /* [shard.L1] [shard.L2] */
}

/* In the shared shard, by any thread. */
static inline void ms_shard_add_shared(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_release); /* [shard.L1] [shard.L2] */
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/lane.h - the counters' hot path.
 *
 * A lane belongs to one thread at a time, which alone writes it: a load, an add and a store, no locked
 * instruction and no cache line that another CPU writes. The last lane is shared by the threads that
 * got none, with atomic adds.
 *
 * Each store is a release, which is a plain store on x86. Two guarantees of the reader hang on it:
 *   [L1] who sees bytes removed also sees that they were added, even by another thread before;
 *        pairs with [R3] in reader.c
 *   [L2] who sees a count of a row's new use also sees that the row's seq has moved; pairs with [R4]
 */
#ifndef MS_TABLE_LANE_H
#define MS_TABLE_LANE_H

#include "table/layout.h"

/* @lanes: where the table's lanes begin */
static inline unsigned char *ms_lane_at(unsigned char *lanes, uint32_t lane)
{
	return lanes + (size_t)lane * MS_LANE_BYTES;
}

static inline struct ms_lane_row *ms_lane_row_at(unsigned char *lane, uint32_t row)
{
	return (struct ms_lane_row *)(void *)(lane + (size_t)row * MS_LANE_ROW_BYTES);
}

/* By the lane's owner alone. */
static inline void ms_lane_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + n, memory_order_release); /* [L1] [L2] */
}

/* In the shared lane, by any thread. */
static inline void ms_lane_add_shared(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_release); /* [L1] [L2] */
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/writer_sum.c - the target sums its own lanes.
 *
 * Reads through the descriptor, as other processes do: reading a hole through the mapping would make a
 * page of it. Only where the host has closed the descriptor, the mapping has to do. Any thread; no
 * locks, no malloc.
 */
#include <string.h>
#include <unistd.h>

#include "table/fence.h"
#include "table/sum.h"
#include "table/words.h"
#include "table/writer_internal.h"
#include "util/saturate.h"

struct ms_lanes_source ms_table_lanes_source(const struct ms_table *table)
{
	return (struct ms_lanes_source){
		.fd = ms_held_is(table->fd, &table->held) ? table->fd : -1,
		.header = table->header,
		.lanes = table->lanes,
		.offset = (uint64_t)(table->lanes - table->base),
		.lane_count = table->lane_count,
	};
}

void ms_lanes_mark(struct ms_lanes_source *source)
{
	const struct ms_table_header *header = source->header;
	struct ms_table_header copy = {0};

	if (!header) {
		if (source->fd >= 0 && pread(source->fd, &copy, sizeof(copy), 0) != sizeof(copy))
			copy = (struct ms_table_header){0};
		header = &copy;
	}
	source->lane_high = atomic_load_explicit(&header->lane_high, memory_order_relaxed);
	source->shared_used = atomic_load_explicit(&header->shared_lane_used, memory_order_relaxed);
}

bool ms_lanes_used(const struct ms_lanes_source *source, uint32_t lane)
{
	return lane == source->lane_count - 1 ? source->shared_used : lane < source->lane_high;
}

void ms_lanes_copy(const struct ms_lanes_source *source, uint32_t lane, uint32_t first, uint32_t count,
		   struct ms_lane_row *to)
{
	size_t bytes = (size_t)count * MS_LANE_ROW_BYTES;
	uint64_t offset = (uint64_t)lane * MS_LANE_BYTES + (uint64_t)first * MS_LANE_ROW_BYTES;

	if (source->fd < 0)
		ms_words_get(to, source->lanes + offset, bytes);
	else if (pread(source->fd, to, bytes, (off_t)(source->offset + offset)) != (ssize_t)bytes)
		memset(to, 0, bytes);
}

static void add_all(struct ms_lanes_source *source, uint32_t first, uint32_t count, struct ms_lane_row *sums,
		    void (*add_one)(struct ms_lane_row *, const struct ms_lane_row *))
{
	struct ms_lane_row batch[MS_LANES_BATCH];

	ms_lanes_mark(source);
	for (uint32_t lane = 0; lane < source->lane_count; lane++) {
		if (!ms_lanes_used(source, lane))
			continue;
		ms_lanes_copy(source, lane, first, count, batch);
		for (uint32_t i = 0; i < count; i++)
			add_one(&sums[i], &batch[i]);
	}
}

void ms_lanes_sum(struct ms_lanes_source *source, uint32_t first, uint32_t count, struct ms_lane_row *ret_sums)
{
	memset(ret_sums, 0, count * sizeof(*ret_sums));
	add_all(source, first, count, ret_sums, ms_sum_removed);
	ms_fence_acquire(); /* removed before added, as [R3] in reader.c; pairs with [L1] in lane.h */
	add_all(source, first, count, ret_sums, ms_sum_added);
}

void ms_table_row_sum(const struct ms_table *table, uint32_t row, struct ms_lane_sum *ret_sum)
{
	struct ms_lane_row sum = {0};

	if (table->base && row < MS_ROW_COUNT) {
		struct ms_lanes_source source = ms_table_lanes_source(table);

		ms_lanes_sum(&source, row, 1, &sum);
	}
	*ret_sum = (struct ms_lane_sum){
		.bytes = ms_sat_sub(sum.added_bytes, sum.removed_bytes),
		.entries = ms_sat_sub(sum.added_entries, sum.removed_entries),
		.hits = sum.hits,
		.misses = sum.misses,
		.evictions = sum.evictions,
		.inserts = sum.added_entries,
	};
}

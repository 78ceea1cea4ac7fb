/* SPDX-License-Identifier: MIT */
/*
 * table/writer_sum.c - the target sums its own shards.
 *
 * Reads through the descriptor, as other processes do: reading a hole through the mapping would make a
 * page of it. Only where the host has closed the descriptor, the mapping has to do. Any thread; no
 * locks, no malloc.
 */
#include <string.h>
#include <unistd.h>

#include "table/fence.h"
#include "table/sum.h"
#include "table/copy.h"
#include "table/writer_internal.h"
#include "util/saturate.h"

struct ms_shards_source ms_table_shards_source(const struct ms_table *table)
{
	return (struct ms_shards_source){
		.fd = ms_inode_is(table->fd, &table->held) ? table->fd : -1,
		.header = table->header,
		.shards = table->shards,
		.offset = (uint64_t)(table->shards - table->base),
		.shard_count = table->shard_count,
	};
}

void ms_shards_mark(struct ms_shards_source *source)
{
	const struct ms_table_header *header = source->header;
	struct ms_table_header copy = {0};

	if (!header) {
		if (source->fd >= 0 && pread(source->fd, &copy, sizeof(copy), 0) != sizeof(copy))
			copy = (struct ms_table_header){0};
		header = &copy;
	}
	source->shard_high = atomic_load_explicit(&header->shard_high, memory_order_relaxed);
	source->shared_used = atomic_load_explicit(&header->shared_shard_used, memory_order_relaxed);
}

bool ms_shards_used(const struct ms_shards_source *source, uint32_t shard)
{
	return shard == source->shard_count - 1 ? source->shared_used : shard < source->shard_high;
}

void ms_shards_copy(const struct ms_shards_source *source, uint32_t shard, uint32_t first, uint32_t count,
		   struct ms_shard_row *to)
{
	size_t bytes = (size_t)count * MS_SHARD_ROW_BYTES;
	uint64_t offset = (uint64_t)shard * MS_SHARD_BYTES + (uint64_t)first * MS_SHARD_ROW_BYTES;

	if (source->fd < 0)
		ms_copy_get(to, source->shards + offset, bytes);
	else if (pread(source->fd, to, bytes, (off_t)(source->offset + offset)) != (ssize_t)bytes)
		memset(to, 0, bytes);
}

static void add_all(struct ms_shards_source *source, uint32_t first, uint32_t count, struct ms_shard_row *sums,
		    void (*add_one)(struct ms_shard_row *, const struct ms_shard_row *))
{
	struct ms_shard_row batch[MS_SHARDS_BATCH];

	ms_shards_mark(source);
	for (uint32_t shard = 0; shard < source->shard_count; shard++) {
		if (!ms_shards_used(source, shard))
			continue;
		ms_shards_copy(source, shard, first, count, batch);
		for (uint32_t i = 0; i < count; i++)
			add_one(&sums[i], &batch[i]);
	}
}

void ms_shards_sum(struct ms_shards_source *source, uint32_t first, uint32_t count, struct ms_shard_row *ret_sums)
{
	memset(ret_sums, 0, count * sizeof(*ret_sums));
	add_all(source, first, count, ret_sums, ms_sum_removed);
	ms_fence_acquire(); /* removed before added, as [R3] in reader.c; pairs with [L1] in shard.h */
	add_all(source, first, count, ret_sums, ms_sum_added);
}

_Static_assert((int)MS_TABLE_SUMS == (int)MS_SHARDS_BATCH, "one pass");

void ms_table_rows_sum(const struct ms_table *table, uint32_t first, uint32_t count, struct ms_shard_sum *ret_sums)
{
	struct ms_shard_row rows[MS_TABLE_SUMS] = {0};

	if (table->base && first < MS_ROW_COUNT && count <= MS_TABLE_SUMS && count <= MS_ROW_COUNT - first) {
		struct ms_shards_source source = ms_table_shards_source(table);

		ms_shards_sum(&source, first, count, rows);
	}
	for (uint32_t i = 0; i < count; i++) {
		ret_sums[i] = (struct ms_shard_sum){
			.bytes = ms_sat_sub(rows[i].added_bytes, rows[i].removed_bytes),
			.entries = ms_sat_sub(rows[i].added_entries, rows[i].removed_entries),
			.hits = rows[i].hits,
			.misses = rows[i].misses,
			.evictions = rows[i].evictions,
			.inserts = rows[i].added_entries,
		};
	}
}

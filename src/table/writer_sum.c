/* SPDX-License-Identifier: MIT */
/*
 * table/writer_sum.c - the target sums its own shards.
 *
 * Asks the file where it has holes: looking at one through the mapping would make a page of it. Only where
 * the host has closed the descriptor, the holes are filled. Any thread; no locks, no malloc.
 *
 *   [writer_sum.A1] acquire: removed before added, as [reader.R3]; pairs with [shard.L1]
 */
#include <errno.h>
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

_Static_assert(offsetof(struct ms_table_header, shared_shard_used) == offsetof(struct ms_table_header, shard_high) + 4,
	       "read together");

static void read_mark(struct ms_shards_source *source)
{
	uint32_t words[2];
	off_t at = offsetof(struct ms_table_header, shard_high);

	if (pread(source->fd, words, sizeof(words), at) != sizeof(words))
		return;
	source->shard_high = words[0];
	source->shared_used = words[1];
}

void ms_table_shards_mark(struct ms_shards_source *source)
{
	if (!source->header) {
		read_mark(source);
		return;
	}
	source->shard_high = atomic_load_explicit(&source->header->shard_high, memory_order_relaxed);
	source->shared_used = atomic_load_explicit(&source->header->shared_shard_used, memory_order_relaxed);
}

bool ms_table_shards_used(const struct ms_shards_source *source, uint32_t shard)
{
	return shard == source->shard_count - 1 ? source->shared_used : shard < source->shard_high;
}

/* How far the data reach. Where there were data there still are; a hole may have been filled since. */
static uint64_t find_end(int fd, off_t data)
{
	off_t hole = lseek(fd, data, SEEK_HOLE);

	return hole < 0 ? 0 : (uint64_t)hole;
}

static bool is_hole(struct ms_shards_source *source, uint32_t shard, uint64_t from, uint64_t until)
{
	uint64_t *known_end = source->known_end ? &source->known_end[shard] : NULL;

	if (source->fd < 0 || (known_end && until <= *known_end))
		return false;
	off_t data = lseek(source->fd, (off_t)from, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO; /* no data from there on; refused by a filter: look through the mapping */
	if ((uint64_t)data >= until)
		return true;
	if (known_end)
		*known_end = find_end(source->fd, data);
	return false;
}

void ms_table_shards_copy(struct ms_shards_source *source, uint32_t shard, uint32_t first, uint32_t count,
		   struct ms_shard_row *to)
{
	size_t bytes = (size_t)count * MS_SHARD_ROW_BYTES;
	uint64_t at = (uint64_t)shard * MS_SHARD_BYTES + (uint64_t)first * MS_SHARD_ROW_BYTES;

	if (!source->shards) {
		if (pread(source->fd, to, bytes, (off_t)(source->offset + at)) != (ssize_t)bytes)
			memset(to, 0, bytes);
	} else if (is_hole(source, shard, source->offset + at, source->offset + at + bytes))
		memset(to, 0, bytes);
	else
		ms_copy_get(to, source->shards + at, bytes);
}

static void add_all(struct ms_shards_source *source, uint32_t first, uint32_t count, struct ms_shard_row *batch,
		    struct ms_shard_row *sums, void (*add_one)(struct ms_shard_row *, const struct ms_shard_row *))
{
	ms_table_shards_mark(source);
	for (uint32_t shard = 0; shard < source->shard_count; shard++) {
		if (!ms_table_shards_used(source, shard))
			continue;
		ms_table_shards_copy(source, shard, first, count, batch);
		for (uint32_t i = 0; i < count; i++)
			add_one(&sums[i], &batch[i]);
	}
}

void ms_table_shards_sum(struct ms_shards_source *source, uint32_t first, uint32_t count, struct ms_shard_row *batch,
		   struct ms_shard_row *ret_sums)
{
	memset(ret_sums, 0, count * sizeof(*ret_sums));
	add_all(source, first, count, batch, ret_sums, ms_sum_removed);
	ms_fence_acquire(); /* [writer_sum.A1] */
	add_all(source, first, count, batch, ret_sums, ms_sum_added);
}


void ms_table_rows_sum(const struct ms_table *table, uint32_t first, uint32_t count, struct ms_shard_sum *ret_sums)
{
	struct ms_shard_row rows[MS_TABLE_SUMS] = {0}, batch[MS_TABLE_SUMS];

	if (table->base && first < MS_ROW_COUNT && count <= MS_TABLE_SUMS && count <= MS_ROW_COUNT - first) {
		struct ms_shards_source source = ms_table_shards_source(table);

		ms_table_shards_sum(&source, first, count, batch, rows);
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

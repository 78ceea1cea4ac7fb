/* SPDX-License-Identifier: MIT */
/*
 * table/writer_fork.c - the child of a fork makes a table of its own.
 *
 * Runs in the atfork child handler, where one thread is left and malloc's locks may not be sound: no
 * malloc, no locks. The parent's mapping was not inherited (MADV_DONTFORK) but its descriptor was, and
 * the parent goes on writing its table: what was live at the fork is known from this process's own
 * memory (struct ms_table), the rest is copied as it stands.
 *
 * A host may have closed the descriptor. Then, and where there never was one, the mapping is inherited
 * after all, for as long as it takes to copy from it; nothing is written there.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/fence.h"
#include "table/shard.h"
#include "table/memfd.h"
#include "table/copy.h"
#include "table/writer_internal.h"

/* The parent's table: its memfd, or its mapping; neither in a raw clone without the descriptor. */
struct old_table {
	int fd;
	const unsigned char *base;
};

static int copy_at(const struct old_table *old, uint64_t offset, void *to, size_t bytes)
{
	if (old->fd >= 0)
		return pread(old->fd, to, bytes, (off_t)offset) == (ssize_t)bytes ? 0 : -EIO;
	if (!old->base)
		return -EIO;
	ms_copy_get(to, old->base + offset, bytes);
	return 0;
}

/* The parent's agent may be writing a result just now; then the row starts without one. */
static void drop_torn_result(const struct old_table *old, uint64_t offset, struct ms_row_abi *row)
{
	uint32_t again[2] = {0}; /* a whole word */

	ms_fence_acquire(); /* the row's copy before the second look; pairs with [W5] in writer.c */
	copy_at(old, offset + offsetof(struct ms_row_abi, result_seq), again, sizeof(again));
	if (!(again[0] & 1) && again[0] == row->result_seq)
		return;
	memset(&row->pulled, 0, sizeof(row->pulled));
	memset(&row->last, 0, sizeof(row->last));
}

_Static_assert(offsetof(struct ms_row_abi, result_seq) % sizeof(uint64_t) == 0, "read as a word");

static void copy_row(struct ms_table *table, const struct old_table *old, uint32_t index)
{
	uint64_t offset = MS_HEADER_BYTES + (uint64_t)index * MS_ROW_BYTES;
	struct ms_row_abi row;

	if (copy_at(old, offset, &row, sizeof(row)) < 0)
		memset(&row, 0, sizeof(row));
	drop_torn_result(old, offset, &row);
	atomic_store_explicit(&row.seq, 2, memory_order_relaxed);
	atomic_store_explicit(&row.state, MS_ROW_LIVE, memory_order_relaxed);
	atomic_store_explicit(&row.generation, table->private->generation[index], memory_order_relaxed);
	atomic_fetch_and_explicit(&row.flags, ~(uint32_t)MS_ROW_STUCK, memory_order_relaxed);
	atomic_store_explicit(&row.result_seq, 0, memory_order_relaxed);
	ms_copy_put(&table->rows[index], &row, sizeof(row));
}

static uint32_t copy_rows(struct ms_table *table, const struct old_table *old, struct ms_shards_source *shards)
{
	struct ms_shard_row sums[MS_SHARDS_BATCH];
	uint32_t live = 0;
	uint32_t high = atomic_load_explicit(&table->header->row_high, memory_order_relaxed);

	for (uint32_t first = 0; first < high; first += MS_SHARDS_BATCH) {
		uint32_t count = high - first < MS_SHARDS_BATCH ? high - first : MS_SHARDS_BATCH;

		ms_shards_sum(shards, first, count, sums);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t row = first + i;

			/* A row that is not live starts over, as a hole: nobody has an order for this table yet. */
			if (!table->private->generation[row])
				continue;
			live++;
			copy_row(table, old, row);
			ms_copy_put(ms_shard_row_at(table->shards, row), &sums[i], sizeof(sums[i]));
		}
	}
	return live;
}

/* What was true of the parent at the fork and stays true of the child. */
static void copy_header(struct ms_table *table, const struct ms_table_header *old)
{
	struct ms_table_header *header = table->header;
	uint32_t shard_high = old->shard_high < table->shard_count ? old->shard_high : table->shard_count - 1;

	header->agent_mode = old->agent_mode;
	header->agent_signal = old->agent_signal;
	memcpy(header->allocator, old->allocator, sizeof(header->allocator));
	atomic_store_explicit(&header->row_high, table->row_high, memory_order_relaxed); /* by our own memory */
	/* Shard 0 holds the sums, whether or not anybody owned it. */
	atomic_store_explicit(&header->shard_high, shard_high ? shard_high : 1, memory_order_relaxed);
	atomic_store_explicit(&header->shared_shard_used, old->shared_shard_used, memory_order_relaxed);
	atomic_store_explicit(&header->generation, old->generation, memory_order_relaxed);
}

static void fill(struct ms_table *table, const struct old_table *old, uint64_t identity, uint64_t now_ns)
{
	struct ms_table_header header = {0}, none = {0};
	uint64_t shards_offset = (uint64_t)(table->shards - table->base);

	copy_at(old, 0, &header, sizeof(header));
	ms_table_write_header(table, identity, now_ns);
	copy_header(table, &header);

	struct ms_shards_source source = {
		.fd = old->fd,
		.header = old->base ? (const void *)old->base : &none,
		.shards = old->base ? old->base + shards_offset : NULL,
		.offset = shards_offset,
		.shard_count = table->shard_count,
	};

	if (old->fd >= 0)
		source.header = NULL;

	uint32_t live = copy_rows(table, old, &source);

	atomic_store_explicit(&table->header->live_rows, live, memory_order_relaxed);
	ms_table_publish(table);
}

/* Put the new mapping, if there is one, where the inherited one stands. Return: where it is now. */
static void *take_its_place(void *base, void *was, size_t bytes)
{
	void *moved = base ? mremap(base, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, was) : MAP_FAILED;

	if (moved != MAP_FAILED)
		return moved;
	munmap(was, bytes);
	return base;
}

void ms_table_before_fork(struct ms_table *table)
{
	table->handed_on = table->base && !ms_inode_is(table->fd, &table->held) &&
			   madvise(table->base, table->bytes, MADV_DOFORK) == 0;
}

void ms_table_after_fork(struct ms_table *table)
{
	if (table->handed_on)
		madvise(table->base, table->bytes, MADV_DONTFORK);
	table->handed_on = false;
}

int ms_table_recreate(struct ms_table *table, uint64_t identity, uint64_t now_ns)
{
	void *was = table->base, *base = NULL;
	void *at = table->handed_on ? NULL : was;
	struct ms_inode old_held = table->held;
	int old_fd = table->fd, fd = -1;
	struct old_table old = {
		.fd = ms_inode_is(old_fd, &old_held) ? old_fd : -1,
		.base = table->handed_on ? was : NULL,
	};

	if (!was)
		return -ENOENT;
	int error = ms_table_map_new(table, at, &fd, &base);

	if (error && ms_memfd_map_blind(table->bytes, at, &base) < 0)
		base = NULL;
	ms_table_place(table, base);
	table->fd = fd;
	if (base)
		fill(table, &old, identity, now_ns);
	if (table->handed_on)
		ms_table_place(table, take_its_place(base, was, table->bytes));
	table->handed_on = false;
	ms_inode_close(old_fd, &old_held);
	return error ? error : table->base != was;
}

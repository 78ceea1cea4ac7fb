/* SPDX-License-Identifier: MIT */
/*
 * table/writer_fork.c - the child of a fork makes a table of its own.
 *
 * Runs in the atfork child handler, where one thread is left and malloc's locks may not be sound: no
 * malloc, no locks. The parent's mapping was not inherited (MADV_DONTFORK) but its descriptor was, and
 * the parent goes on writing its table: what was live at the fork is known from this process's own
 * memory (struct ms_table), the rest is copied as it stands.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "table/fence.h"
#include "table/lane.h"
#include "table/memfd.h"
#include "table/words.h"
#include "table/writer_internal.h"

static int copy_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	return pread(fd, to, bytes, (off_t)offset) == (ssize_t)bytes ? 0 : -EIO;
}

/* The parent's agent may be writing a result just now; then the row starts without one. */
static void drop_torn_result(int fd, uint64_t offset, struct ms_row_abi *row)
{
	uint32_t again = 0;

	ms_fence_acquire(); /* the row's copy before the second look; pairs with [W5] in writer.c */
	copy_at(fd, offset + offsetof(struct ms_row_abi, result_seq), &again, sizeof(again));
	if (!(again & 1) && again == row->result_seq)
		return;
	memset(&row->pulled, 0, sizeof(row->pulled));
	memset(&row->last, 0, sizeof(row->last));
}

static void copy_row(struct ms_table *table, int old_fd, uint32_t index)
{
	uint64_t offset = MS_HEADER_BYTES + (uint64_t)index * MS_ROW_BYTES;
	struct ms_row_abi row;

	if (copy_at(old_fd, offset, &row, sizeof(row)) < 0)
		memset(&row, 0, sizeof(row));
	drop_torn_result(old_fd, offset, &row);
	atomic_store_explicit(&row.seq, 2, memory_order_relaxed);
	atomic_store_explicit(&row.state, MS_ROW_LIVE, memory_order_relaxed);
	atomic_store_explicit(&row.generation, table->generation[index], memory_order_relaxed);
	atomic_fetch_and_explicit(&row.flags, ~(uint32_t)MS_ROW_STUCK, memory_order_relaxed);
	atomic_store_explicit(&row.result_seq, 0, memory_order_relaxed);
	ms_words_put(&table->rows[index], &row, sizeof(row));
}

static uint32_t copy_rows(struct ms_table *table, int old_fd, struct ms_lanes_source *old)
{
	struct ms_lane_row sums[MS_LANES_BATCH];
	uint32_t live = 0;
	uint32_t high = atomic_load_explicit(&table->header->row_high, memory_order_relaxed);

	for (uint32_t first = 0; first < high; first += MS_LANES_BATCH) {
		uint32_t count = high - first < MS_LANES_BATCH ? high - first : MS_LANES_BATCH;

		ms_lanes_sum(old, first, count, sums);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t row = first + i;

			/* A row that is not live starts over, as a hole: nobody has an order for this table yet. */
			if (!table->generation[row])
				continue;
			live++;
			copy_row(table, old_fd, row);
			ms_words_put(ms_lane_row_at(table->lanes, row), &sums[i], sizeof(sums[i]));
		}
	}
	return live;
}

/* What was true of the parent at the fork and stays true of the child. */
static void copy_header(struct ms_table *table, const struct ms_table_header *old)
{
	struct ms_table_header *header = table->header;
	uint32_t lane_high = old->lane_high < table->lane_count ? old->lane_high : table->lane_count - 1;

	header->agent_mode = old->agent_mode;
	header->agent_signal = old->agent_signal;
	memcpy(header->allocator, old->allocator, sizeof(header->allocator));
	atomic_store_explicit(&header->row_high, table->row_high, memory_order_relaxed); /* by our own memory */
	/* Lane 0 holds the sums, whether or not anybody owned it. */
	atomic_store_explicit(&header->lane_high, lane_high ? lane_high : 1, memory_order_relaxed);
	atomic_store_explicit(&header->shared_lane_used, old->shared_lane_used, memory_order_relaxed);
	atomic_store_explicit(&header->generation, old->generation, memory_order_relaxed);
}

static void fill(struct ms_table *table, int old_fd, uint64_t identity, uint64_t now_ns)
{
	struct ms_table_header old = {0};

	copy_at(old_fd, 0, &old, sizeof(old));
	ms_table_write_header(table, identity, now_ns);
	copy_header(table, &old);

	struct ms_lanes_source source = {
		.fd = old_fd,
		.offset = (uint64_t)(table->lanes - table->base),
		.lane_count = table->lane_count,
	};
	uint32_t live = copy_rows(table, old_fd, &source);

	atomic_store_explicit(&table->header->live_rows, live, memory_order_relaxed);
	ms_table_publish(table);
}

int ms_table_recreate(struct ms_table *table, uint64_t identity, uint64_t now_ns)
{
	void *was = table->base, *base = NULL;
	int old_fd = table->fd, fd = -1;

	if (!was)
		return -ENOENT;
	int error = ms_table_map_new(table, was, &fd, &base);

	if (error && ms_memfd_map_blind(table->bytes, was, &base) < 0)
		base = NULL;
	ms_table_place(table, base);
	table->fd = fd;
	if (base)
		fill(table, old_fd, identity, now_ns);
	if (old_fd >= 0)
		close(old_fd);
	return error ? error : base != was;
}

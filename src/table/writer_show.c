/* SPDX-License-Identifier: MIT */
/*
 * table/writer_show.c - the child of a fork shows the rows that it inherited.
 *
 * In the atfork child handler the first of them, where one thread is left; the others later, under the
 * registry lock, while other threads charge them and other processes read the table. No malloc, no locks.
 *
 *   [writer_show.F1] rows and counters that were not shown before row_high, and shared_shard_used before
 *                    them (release): no row beyond is looked at; pairs with [reader.R1]
 */
#include <sys/mman.h>

#include "table/copy.h"
#include "table/shard.h"
#include "table/writer_internal.h"

static void show_row(struct ms_table *table, uint32_t index)
{
	struct ms_row_abi row = table->private->rows[index];

	atomic_fetch_and_explicit(&row.flags, ~(uint32_t)MS_ROW_STUCK, memory_order_relaxed);
	atomic_store_explicit(&row.seq, 2, memory_order_relaxed);
	ms_copy_put(&table->rows[index], &row, sizeof(row));
}

/* In fork(), where no other thread is. */
static void put_counters(struct ms_table *table, uint32_t row, uint32_t shard)
{
	ms_copy_put(ms_shard_row_at(ms_shard_at(table->shards, shard), row), &table->private->first[row],
		    MS_COUNTERS * sizeof(uint64_t));
}

/* Into a shard that others may be adding to; a counter of a row that is no longer live is forgotten. */
static void add_counters(struct ms_table *table, uint32_t row, uint32_t shard, bool live)
{
	unsigned char *to = (unsigned char *)ms_shard_row_at(ms_shard_at(table->shards, shard), row);

	for (unsigned i = 0; i < MS_COUNTERS; i++) {
		uint64_t *kept = &table->private->inherited[i][row];

		if (!*kept)
			continue;
		if (live)
			ms_shard_add_shared((_Atomic uint64_t *)(void *)(to + i * sizeof(*kept)), *kept);
		*kept = 0;
	}
}

/* A row that is not live stays a hole: nothing has an order for this table yet. */
void ms_table_show_rows(struct ms_table *table, uint32_t until, uint32_t shard)
{
	struct ms_table_header *header = table->header;
	uint32_t live_rows = 0;

	for (uint32_t row = atomic_load_explicit(&table->shown, memory_order_relaxed); row < until; row++) {
		bool live = ms_table_is_live(table, row);

		if (live)
			show_row(table, row);
		if (row >= MS_FORK_ROWS)
			add_counters(table, row, shard, live);
		else if (live)
			put_counters(table, row, shard);
		live_rows += live;
	}
	atomic_fetch_add_explicit(&header->live_rows, live_rows, memory_order_relaxed);
	atomic_store_explicit(&header->row_high, until, memory_order_release); /* [writer_show.F1] */
	atomic_store_explicit(&table->shown, until < table->row_high ? until : MS_ROW_COUNT, memory_order_relaxed);
}

void ms_table_complete(struct ms_table *table)
{
	if (!table->base || ms_table_is_complete(table))
		return;
	/* Every other shard may be some thread's, which adds without a lock. */
	atomic_store_explicit(&table->header->shared_shard_used, 1, memory_order_release); /* [writer_show.F1] */
	ms_table_show_rows(table, table->row_high, table->shard_count - 1);
	madvise(table->private->inherited, sizeof(table->private->inherited), MADV_DONTNEED); /* zeroes by now */
}

/* SPDX-License-Identifier: MIT */
/*
 * table/writer_fork.c - the child of a fork makes a table of its own.
 *
 * Runs in the atfork child handler, where one thread is left and malloc's locks may not be sound: no
 * malloc, no locks. The rows are in this process's own memory as they were at the fork (struct
 * ms_table_private). The counters are read from the parent's table, which goes on: its mapping was not
 * inherited (MADV_DONTFORK), but its descriptor was.
 *
 * A host may have closed the descriptor. Then, and where there never was one, the mapping is inherited
 * after all, for as long as it takes to copy from it; nothing is written there.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/copy.h"
#include "table/memfd.h"
#include "table/shard.h"
#include "table/writer_internal.h"

/* Added to what is there: the child of a child that never showed its rows inherits from both. */
static void keep_counters(struct ms_table *table, uint32_t row, const struct ms_shard_row *sums)
{
	uint64_t words[MS_COUNTERS];

	memcpy(words, sums, sizeof(words));
	for (unsigned i = 0; i < MS_COUNTERS; i++)
		if (words[i])
			table->private->inherited[i][row] += words[i];
}

static void inherit_counters(struct ms_table *table, struct ms_shards_source *old)
{
	struct ms_table_private *own = table->private;

	for (uint32_t first = 0; first < table->row_high; first += MS_SHARDS_BATCH) {
		uint32_t left = table->row_high - first, count = left < MS_SHARDS_BATCH ? left : MS_SHARDS_BATCH;
		bool shown = first < MS_FORK_ROWS;

		/* The scratch of a small table stands beside its sums: one page less to copy, here and on the stack. */
		ms_table_shards_sum(old, first, count, shown ? &own->first[first + count] : own->batch,
				    shown ? &own->first[first] : own->sums);
		for (uint32_t i = 0; i < count && !shown; i++)
			if (ms_table_is_live(table, first + i))
				keep_counters(table, first + i, &own->sums[i]);
	}
}

/* The parent's table, mapped for reading; NULL in a raw clone without the descriptor. */
static void *open_old(const struct ms_table *table)
{
	void *base;

	if (table->handed_on)
		return table->base;
	if (!table->held.inode)
		return NULL;
	base = mmap(NULL, table->bytes, PROT_READ, MAP_SHARED, table->fd, 0);
	return base == MAP_FAILED ? NULL : base;
}

/* Of a small table. Return: whether it could be read. */
static bool inherit_by_reading(struct ms_table *table, struct ms_table_header *ret_header)
{
	struct ms_shards_source old = {
		.fd = table->fd,
		.offset = (uint64_t)(table->shards - table->base),
		.shard_count = table->shard_count,
	};

	if (table->handed_on || table->row_high > MS_FORK_ROWS || !table->held.inode ||
	    pread(table->fd, ret_header, sizeof(*ret_header), 0) != sizeof(*ret_header))
		return false;
	inherit_counters(table, &old);
	return true;
}

/* It is unmapped before the new table is made: the two need not fit into RLIMIT_AS together. */
static void inherit(struct ms_table *table, struct ms_table_header *ret_header)
{
	if (inherit_by_reading(table, ret_header))
		return;

	void *base = open_old(table);

	if (!base) {
		memset(ret_header, 0, sizeof(*ret_header));
		return;
	}
	ms_copy_get(ret_header, base, sizeof(*ret_header));
	ms_table_place(table, base);

	uint64_t known_end[MS_SHARDS_MAX] = {0};
	struct ms_shards_source old = ms_table_shards_source(table);

	old.known_end = known_end;
	inherit_counters(table, &old);
	munmap(base, table->bytes);
}

_Static_assert(sizeof(struct ms_table_header) % sizeof(uint64_t) == 0, "copied as words");

/* What was true of the parent at the fork and stays true of the child. */
static void copy_header(struct ms_table *table, const struct ms_table_header *old)
{
	struct ms_table_header *header = table->header;
	uint32_t shard_high = old->shard_high < table->shard_count ? old->shard_high : table->shard_count - 1;

	header->agent_mode = old->agent_mode;
	header->agent_signal = old->agent_signal;
	memcpy(header->allocator, old->allocator, sizeof(header->allocator));
	memcpy(header->boot_id, old->boot_id, sizeof(header->boot_id));
	/* Shard 0 holds the sums, whether or not a thread owned it. */
	atomic_store_explicit(&header->shard_high, shard_high ? shard_high : 1, memory_order_relaxed);
	atomic_store_explicit(&header->shared_shard_used, old->shared_shard_used, memory_order_relaxed);
	atomic_store_explicit(&header->generation, old->generation, memory_order_relaxed);
}

void ms_table_before_fork(struct ms_table *table)
{
	if (!ms_inode_is(table->fd, &table->held))
		table->held = (struct ms_inode){0}; /* the host has closed it */
	table->handed_on = table->base && !table->held.inode &&
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
	struct ms_table_header old;
	void *was = table->base, *base = NULL;
	int old_fd = table->held.inode ? table->fd : -1, fd = -1;

	if (!was)
		return -ENOENT;
	inherit(table, &old);
	table->handed_on = false;
	table->held = (struct ms_inode){0};

	int error = ms_table_map_new(table, was, old_fd, &fd, &base);

	if (error && ms_memfd_map_placeholder(table->bytes, was, &base) < 0)
		base = NULL;
	ms_table_place(table, base);
	table->fd = fd;
	if (old_fd >= 0 && fd != old_fd)
		close(old_fd);
	if (!base)
		return error;
	ms_table_write_header(table, identity, now_ns);
	copy_header(table, &old);
	atomic_store_explicit(&table->shown, 0, memory_order_relaxed);
	ms_table_show_rows(table, table->row_high < MS_FORK_ROWS ? table->row_high : MS_FORK_ROWS, 0);
	ms_table_publish(table);
	return error ? error : base != was;
}

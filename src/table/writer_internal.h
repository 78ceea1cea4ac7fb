/* SPDX-License-Identifier: MIT */
/* table/writer_internal.h - between writer.c, writer_fork.c and writer_sum.c alone. */
#ifndef MS_TABLE_WRITER_INTERNAL_H
#define MS_TABLE_WRITER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "table/writer.h"

enum { MS_SHARDS_BATCH = 64, MS_COUNTERS = 7 }; /* a batch is a page of a shard: a hole, or none */
_Static_assert(MS_FORK_ROWS % MS_SHARDS_BATCH == 0, "no batch is of both");
_Static_assert(offsetof(struct ms_shard_row, reserved) == MS_COUNTERS * sizeof(uint64_t), "they come first");

/* In private memory, so that a forked child has it as it was at the fork, however the parent's table moves
 * on; taken by mmap, and resident only as far as rows are used. What a process with few rows uses comes first,
 * so that a fork has one page table to copy for it. */
struct ms_table_private {
	bool live[MS_ROW_COUNT]; /* not in the rows, because a fork looks at all of them */
	/* The counters at the fork of the rows that are shown in fork(), and room for the batch after them. */
	struct ms_shard_row first[MS_FORK_ROWS + MS_SHARDS_BATCH];
	/* The rows as they are in the table, or will be; seq and result_seq are not kept here. writer: the holder
	 * of the registry lock, but for flags (any thread) and results (the agent, under a lock that a fork takes). */
	_Alignas(4096) struct ms_row_abi rows[MS_ROW_COUNT];
	uint32_t retired_at_ms[MS_ROW_COUNT];
	uint16_t retired[MS_ROW_COUNT];
	/* The counters at the fork of the rows that are not shown yet; by counter, because most are zero. */
	uint64_t inherited[MS_COUNTERS][MS_ROW_COUNT];
	struct ms_shard_row sums[MS_SHARDS_BATCH], batch[MS_SHARDS_BATCH]; /* scratch of the child of a fork */
};

static inline bool ms_table_is_live(const struct ms_table *table, uint32_t row)
{
	return table->private->live[row];
}

/* A new sealed memfd of table->bytes, mapped at @at where that is free; @in_place_of: as in memfd.h. */
int ms_table_map_new(struct ms_table *table, void *at, int in_place_of, int *ret_fd, void **ret_base);
/* Point base, header, rows and shards into a mapping; NULL: to none. */
void ms_table_place(struct ms_table *table, void *base);
/* All of the header but its magic and boot_id. */
void ms_table_write_header(struct ms_table *table, uint64_t identity, uint64_t now_ns);
void ms_table_publish(struct ms_table *table);
/* Rows from table->shown on, and their inherited counters into @shard; in a forked child. */
void ms_table_show_rows(struct ms_table *table, uint32_t until, uint32_t shard);

/* Where shards are copied from: a mapped table, and its memfd, which knows the holes; -1: nothing does. Or the
 * memfd alone, which is read: a mapping costs more than a few rows. */
struct ms_shards_source {
	int fd;
	const struct ms_table_header *header; /* NULL: not mapped */
	const unsigned char *shards;          /* likewise */
	uint64_t offset;
	uint32_t shard_count;
	/* NULL, or by shard: where the data end that were found last, to go through all rows in order. */
	uint64_t *known_end;
	/* As of the last ms_table_shards_mark(). */
	uint32_t shard_high;
	bool shared_used;
};

struct ms_shards_source ms_table_shards_source(const struct ms_table *table);
/* Look which shards are in use now; before each pass. */
void ms_table_shards_mark(struct ms_shards_source *source);
bool ms_table_shards_used(const struct ms_shards_source *source, uint32_t shard);
/* @count rows of one shard from row @first on. */
void ms_table_shards_copy(struct ms_shards_source *source, uint32_t shard, uint32_t first, uint32_t count,
		   struct ms_shard_row *to);

/* Sums over the shards of @count rows, removed before added, as a reader does [G5]. @batch: room for @count */
void ms_table_shards_sum(struct ms_shards_source *source, uint32_t first, uint32_t count, struct ms_shard_row *batch,
		   struct ms_shard_row *ret_sums);

#endif

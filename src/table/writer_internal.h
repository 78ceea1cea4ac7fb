/* SPDX-License-Identifier: MIT */
/* table/writer_internal.h - between writer.c, writer_fork.c and writer_sum.c alone. */
#ifndef MS_TABLE_WRITER_INTERNAL_H
#define MS_TABLE_WRITER_INTERNAL_H

#include <stdbool.h>

#include "table/writer.h"

/* In private memory, so that a forked child still knows it when the parent's table has moved on; taken
 * by mmap, and resident only as far as rows are used. */
struct ms_table_private {
	uint32_t generation[MS_ROW_COUNT]; /* of the live rows; 0 = not live */
	uint32_t retired_at_ms[MS_ROW_COUNT];
	uint16_t retired[MS_ROW_COUNT];
};

/* A new sealed memfd of table->bytes, mapped at @at where that is free. */
int ms_table_map_new(struct ms_table *table, void *at, int *ret_fd, void **ret_base);
/* Point base, header, rows and shards into a mapping; NULL: to none. */
void ms_table_place(struct ms_table *table, void *base);
/* All of the header but its magic. */
void ms_table_write_header(struct ms_table *table, uint64_t identity, uint64_t now_ns);
void ms_table_publish(struct ms_table *table);

/* Where shards are copied from: a memfd, or a mapping when fd is -1. */
struct ms_shards_source {
	int fd;
	const struct ms_table_header *header; /* NULL: the parent's, which is read through fd */
	const unsigned char *shards;
	uint64_t offset;
	uint32_t shard_count;
	/* As of the last ms_shards_mark(). */
	uint32_t shard_high;
	bool shared_used;
};

struct ms_shards_source ms_table_shards_source(const struct ms_table *table);
/* Look which shards are in use now; before each pass. */
void ms_shards_mark(struct ms_shards_source *source);
bool ms_shards_used(const struct ms_shards_source *source, uint32_t shard);
/* @count rows of one shard from row @first on. */
void ms_shards_copy(const struct ms_shards_source *source, uint32_t shard, uint32_t first, uint32_t count,
		   struct ms_shard_row *to);

enum { MS_SHARDS_BATCH = 32 };
/* Sums over the shards of up to MS_SHARDS_BATCH rows, removed before added, as a reader does [G5]. */
void ms_shards_sum(struct ms_shards_source *source, uint32_t first, uint32_t count,
		  struct ms_shard_row *ret_sums);

#endif

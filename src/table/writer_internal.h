/* SPDX-License-Identifier: MIT */
/* table/writer_internal.h - between writer.c, writer_fork.c and writer_sum.c alone. */
#ifndef MS_TABLE_WRITER_INTERNAL_H
#define MS_TABLE_WRITER_INTERNAL_H

#include <stdbool.h>

#include "table/writer.h"

/* A new sealed memfd of table->bytes, mapped at @at where that is free. */
int ms_table_map_new(struct ms_table *table, void *at, int *ret_fd, void **ret_base);
/* Point base, header, rows and lanes into a mapping; NULL: to none. */
void ms_table_place(struct ms_table *table, void *base);
/* All of the header but its magic. */
void ms_table_write_header(struct ms_table *table, uint64_t identity, uint64_t now_ns);
void ms_table_publish(struct ms_table *table);

/* Where lanes are copied from: a memfd, or a mapping when fd is -1. */
struct ms_lanes_source {
	int fd;
	const struct ms_table_header *header; /* NULL: the parent's, which is read through fd */
	const unsigned char *lanes;
	uint64_t offset;
	uint32_t lane_count;
	/* As of the last ms_lanes_mark(). */
	uint32_t lane_high;
	bool shared_used;
};

struct ms_lanes_source ms_table_lanes_source(const struct ms_table *table);
/* Look which lanes are in use now; before each pass. */
void ms_lanes_mark(struct ms_lanes_source *source);
bool ms_lanes_used(const struct ms_lanes_source *source, uint32_t lane);
/* @count rows of one lane from row @first on. */
void ms_lanes_copy(const struct ms_lanes_source *source, uint32_t lane, uint32_t first, uint32_t count,
		   struct ms_lane_row *to);

enum { MS_LANES_BATCH = 32 };
/* Sums over the lanes of up to MS_LANES_BATCH rows, removed before added, as a reader does [G5]. */
void ms_lanes_sum(struct ms_lanes_source *source, uint32_t first, uint32_t count,
		  struct ms_lane_row *ret_sums);

#endif

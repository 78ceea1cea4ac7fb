/* SPDX-License-Identifier: MIT */
/*
 * cmd/rows.h - sums over rows, sorting them, and which rows a name means. Plain functions.
 */
#ifndef MS_CMD_ROWS_H
#define MS_CMD_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/reader.h"

/* All caches together; the allocator's row is none of them. */
struct ms_row_totals {
	uint64_t caches, bytes, entries;
	bool estimated;     /* some of the bytes are an estimate */
	uint64_t uncounted; /* caches that count themselves and have not yet */
};

/** ms_rows_add - count one more cache; sums stop at their largest value */
void ms_rows_add(struct ms_row_totals *totals, const struct ms_row *row);

struct ms_row_totals ms_rows_total(const struct ms_row *rows, unsigned count);

/** ms_rows_allocator - its row, or NULL */
const struct ms_row *ms_rows_allocator(const struct ms_row *rows, unsigned count);

/** ms_row_is_counted - false for a cache that is to be asked for its size and was not yet */
bool ms_row_is_counted(const struct ms_row *row);
bool ms_row_is_estimated(const struct ms_row *row);

/** ms_row_lookups - hits and misses together */
uint64_t ms_row_lookups(const struct ms_row *row);

/** ms_row_label - its name, and "allocator" for row 0: what people and scripts call it by */
const char *ms_row_label(const struct ms_row *row);

enum ms_row_sort {
	MS_SORT_BYTES = 0,
	MS_SORT_ENTRIES,
	MS_SORT_HITS,
	MS_SORT_MISSES,
	MS_SORT_RATE,
	MS_SORT_AGE,
	MS_SORT_PRIORITY,
	MS_SORT_NAME,
	MS_SORT_CHEAPEST,
};

/** ms_rows_sort_key - "bytes", "entries", ...; Return: 0; -EINVAL */
int ms_rows_sort_key(const char *text, enum ms_row_sort *ret_sort);

/**
 * ms_rows_sort - largest, oldest, lowest priority first, names as they are; equal ones by size, then name
 * Cheapest is the order of rank/rank.h: the one to give up first, first; the allocator's row, which is
 * not ranked, is last then. Return: 0; -ENOMEM, and the order is as before.
 */
int ms_rows_sort(struct ms_row *rows, unsigned count, enum ms_row_sort sort, uint64_t now_ns);

/** ms_rows_sort_items - the same for things of @bytes each that begin with a struct ms_row */
int ms_rows_sort_items(void *items, unsigned count, size_t bytes, enum ms_row_sort sort, uint64_t now_ns);

/** ms_row_is_never_asked - only when a person names it: manual, or empty */
bool ms_row_is_never_asked(const struct ms_row *row, uint64_t now_ns);

/** ms_row_returnable_bytes - what dropping all of it would return, as the ranking has it */
uint64_t ms_row_returnable_bytes(const struct ms_row *row);

/**
 * ms_row_matches - whether @wanted means this row
 * @wanted: the name as it is, or as it is shown (escaped); with a trailing '*' all names that begin so;
 * "allocator" means row 0
 */
bool ms_row_matches(const struct ms_row *row, const char *wanted);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/column.h - one table of columns for what is shown in tables and in JSON.
 *
 * A table of struct ms_column names the values of one kind of thing (a process, a cache, an order): the key
 * in JSON, the header in a table, and in which views it is. One function gives the value of a column.
 */
#ifndef MS_CMD_COLUMN_H
#define MS_CMD_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/json.h"
#include "cmd/render.h"

enum ms_value_kind {
	MS_VALUE_NONE = 0, /* not known: "-" in a table, null in JSON */
	MS_VALUE_BYTES,    /* "1.5G"; with ~ when estimated */
	MS_VALUE_COUNT,    /* in full */
	MS_VALUE_SHORT,    /* "12.3k" in a table */
	MS_VALUE_SHARE,    /* number of whole: "87%", 0.87 */
	MS_VALUE_US,       /* "4.2ms" */
	MS_VALUE_SIGNED,
	MS_VALUE_FLAG,
	MS_VALUE_WORD, /* text of our own */
	MS_VALUE_TEXT, /* text of another process: escaped; number above 1: "text x 4000" in a table */
};

struct ms_value {
	enum ms_value_kind kind;
	bool estimated;
	uint64_t number, whole; /* SIGNED: number is cast to int64_t */
	const char *text;
};

enum { MS_VALUE_SPACE = 768 };

/** ms_value_of - @kind and @number; MS_VALUE_NONE unless @known */
static inline struct ms_value ms_value_of(enum ms_value_kind kind, bool known, uint64_t number)
{
	return (struct ms_value){.kind = known ? kind : MS_VALUE_NONE, .number = number};
}

static inline struct ms_value ms_value_bytes(bool known, bool estimated, uint64_t bytes)
{
	return (struct ms_value){
		.kind = known ? MS_VALUE_BYTES : MS_VALUE_NONE, .estimated = estimated, .number = bytes};
}

/** ms_value_text - @kind WORD or TEXT; MS_VALUE_NONE for NULL; not copied */
static inline struct ms_value ms_value_text(enum ms_value_kind kind, const char *text)
{
	return (struct ms_value){.kind = text ? kind : MS_VALUE_NONE, .text = text};
}

struct ms_column {
	int id;             /* for the function of the table */
	const char *key;    /* in JSON; "limit.max_bytes" is in an object of its own; NULL: not there */
	const char *header; /* in a table; NULL: not there */
	enum ms_render_align align;
	unsigned views; /* a bit for each view it is in */
};

/**
 * ms_value_fn - the value of a column
 * @space: for text that is made up here
 */
typedef struct ms_value ms_value_fn(const void *item, int id, char space[MS_VALUE_SPACE]);

struct ms_columns {
	const struct ms_column *at;
	unsigned count;
	ms_value_fn *value;
};

/** ms_columns_table - an empty table of the columns in @view */
struct libscols_table *ms_columns_table(const struct ms_columns *columns, unsigned view);

/** ms_columns_line - add a line for @item */
void ms_columns_line(const struct ms_columns *columns, unsigned view, struct libscols_table *table,
		     const void *item);

/** ms_columns_json - an object of the keys in @view */
json_t *ms_columns_json(const struct ms_columns *columns, unsigned view, const void *item);

#endif

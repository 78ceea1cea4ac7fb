/* SPDX-License-Identifier: MIT */
/* cmd/column.c - see column.h. */
#include "cmd/column.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/escape.h"

enum { COLUMNS = 48, TEXT_BYTES = MS_ESCAPED_NAME + 24 };

static const char *text_cell(const struct ms_value *value, char text[TEXT_BYTES])
{
	char name[MS_ESCAPED_NAME];

	if (value->number <= 1)
		return ms_escape_name(text, value->text);
	snprintf(text, TEXT_BYTES, "%s x %" PRIu64, ms_escape_name(name, value->text), value->number);
	return text;
}

static const char *as_cell(const struct ms_value *value, char text[TEXT_BYTES])
{
	switch (value->kind) {
	case MS_VALUE_NONE:
		return "-";
	case MS_VALUE_BYTES:
		return ms_render_bytes(text, true, value->estimated, value->number);
	case MS_VALUE_COUNT:
		return ms_render_count(text, true, value->number);
	case MS_VALUE_SHORT:
		return ms_render_short(text, true, value->number);
	case MS_VALUE_SHARE:
		return ms_render_share(text, value->number, value->whole);
	case MS_VALUE_US:
		return ms_render_us(text, true, value->number);
	case MS_VALUE_SIGNED:
		snprintf(text, MS_RENDER_CELL, "%" PRId64, (int64_t)value->number);
		return text;
	case MS_VALUE_FLAG:
		return value->number ? "yes" : "no";
	case MS_VALUE_WORD:
		return value->text;
	case MS_VALUE_TEXT:
		return text_cell(value, text);
	}
	return "-";
}

static json_t *as_json(const struct ms_value *value)
{
	switch (value->kind) {
	case MS_VALUE_NONE:
		break;
	case MS_VALUE_BYTES:
	case MS_VALUE_COUNT:
	case MS_VALUE_SHORT:
	case MS_VALUE_US:
		return ms_json_number(true, value->number);
	case MS_VALUE_SHARE:
		return ms_json_share(value->number, value->whole);
	case MS_VALUE_SIGNED:
		return json_integer((json_int_t)value->number);
	case MS_VALUE_FLAG:
		return json_boolean(value->number);
	case MS_VALUE_WORD:
	case MS_VALUE_TEXT:
		return ms_json_text(value->text);
	}
	return json_null();
}

static bool is_cell(const struct ms_column *column, unsigned view)
{
	return column->header && column->views & view;
}

struct libscols_table *ms_columns_table(const struct ms_columns *columns, unsigned view)
{
	struct ms_render_column chosen[COLUMNS];
	unsigned count = 0;

	assert(columns->count <= COLUMNS);
	for (unsigned i = 0; i < columns->count; i++)
		if (is_cell(&columns->at[i], view))
			chosen[count++] =
				(struct ms_render_column){columns->at[i].header, columns->at[i].align};
	return ms_render_new(chosen, count);
}

void ms_columns_line(const struct ms_columns *columns, unsigned view, struct libscols_table *table,
		     const void *item)
{
	char space[MS_VALUE_SPACE], text[TEXT_BYTES];
	unsigned nth = 0;

	struct libscols_line *line = ms_render_line(table);
	for (unsigned i = 0; i < columns->count; i++) {
		if (!is_cell(&columns->at[i], view))
			continue;
		const struct ms_value value = columns->value(item, columns->at[i].id, space);
		ms_render_cell(line, nth++, as_cell(&value, text));
	}
}

/* "limit.max_bytes": in the object "limit", which is made when it is first used. */
static void set_nested(json_t *object, const char *key, json_t *value)
{
	const char *dot = strchr(key, '.');
	char outer[32];

	if (!dot) {
		ms_json_set(object, key, value);
		return;
	}
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - key), key);
	json_t *inner = json_object_get(object, outer);
	if (!inner)
		ms_json_set(object, outer, inner = json_object());
	ms_json_set(inner, dot + 1, value);
}

json_t *ms_columns_json(const struct ms_columns *columns, unsigned view, const void *item)
{
	json_t *object = json_object();
	char space[MS_VALUE_SPACE];

	for (unsigned i = 0; i < columns->count; i++) {
		const struct ms_column *column = &columns->at[i];

		if (!column->key || !(column->views & view))
			continue;
		const struct ms_value value = columns->value(item, column->id, space);
		set_nested(object, column->key, as_json(&value));
	}
	return object;
}

/* SPDX-License-Identifier: MIT */
/* One table of columns, as cells and as JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/column.h"

enum { SHORT_VIEW = 1, LONG_VIEW = 2 };

/* The item is an array of values, and a column's id its place there. */
static struct ms_value value_at(const void *item, int id, char space[MS_VALUE_SPACE])
{
	struct ms_value value = ((const struct ms_value *)item)[id];

	if (value.kind == MS_VALUE_WORD) {
		snprintf(space, MS_VALUE_SPACE, "<%s>", value.text);
		value.text = space;
	}
	return value;
}

static const struct ms_column kinds[] = {
	{0, "none", "NONE", MS_RENDER_LEFT, LONG_VIEW},
	{1, "bytes", "BYTES", MS_RENDER_RIGHT, SHORT_VIEW | LONG_VIEW},
	{2, "guess", "GUESS", MS_RENDER_RIGHT, LONG_VIEW},
	{3, "count", "COUNT", MS_RENDER_RIGHT, LONG_VIEW},
	{4, "short", "SHORT", MS_RENDER_RIGHT, LONG_VIEW},
	{5, "share", "SHARE", MS_RENDER_RIGHT, LONG_VIEW},
	{6, "us", "TIME", MS_RENDER_RIGHT, LONG_VIEW},
	{7, "signed", "SIGNED", MS_RENDER_RIGHT, LONG_VIEW},
	{8, "flag", "FLAG", MS_RENDER_LEFT, SHORT_VIEW | LONG_VIEW},
	{9, "limit.word", "WORD", MS_RENDER_LEFT, LONG_VIEW},
	{10, "limit.text", "TEXT", MS_RENDER_LEFT, LONG_VIEW},
	{1, "only_json", NULL, MS_RENDER_LEFT, LONG_VIEW},
	{1, NULL, "ONLY CELL", MS_RENDER_LEFT, LONG_VIEW},
};
static const struct ms_columns columns = {kinds, sizeof(kinds) / sizeof(kinds[0]), value_at};

static const struct ms_value item[] = {
	{.kind = MS_VALUE_NONE},
	{.kind = MS_VALUE_BYTES, .number = 1536},
	{.kind = MS_VALUE_BYTES, .number = 1536, .estimated = true},
	{.kind = MS_VALUE_COUNT, .number = 12345},
	{.kind = MS_VALUE_SHORT, .number = 12345},
	{.kind = MS_VALUE_SHARE, .number = 3, .whole = 4},
	{.kind = MS_VALUE_US, .number = 4200},
	{.kind = MS_VALUE_SIGNED, .number = (uint64_t)-5},
	{.kind = MS_VALUE_FLAG, .number = 1},
	{.kind = MS_VALUE_WORD, .text = "own"},
	{.kind = MS_VALUE_TEXT, .text = "a\033b"},
};

static void assert_line(unsigned view, const char *expected)
{
	struct libscols_table *table = ms_columns_table(&columns, view);
	char *printed = NULL;

	ms_columns_line(&columns, view, table, item);
	scols_table_enable_raw(table, 1);
	assert_int_equal(scols_print_table_to_string(table, &printed), 0);
	assert_string_equal(printed, expected);
	free(printed);
	scols_unref_table(table);
}

static void a_value_is_a_cell_of_its_kind(void **state)
{
	(void)state;
	assert_line(LONG_VIEW, "NONE BYTES GUESS COUNT SHORT SHARE TIME SIGNED FLAG WORD TEXT ONLY\\x20CELL\n"
			       "- 1.5K ~1.5K 12345 12.3k 75% 4.2ms -5 yes <own> a\\x5cx1bb 1.5K");
}

static void a_view_has_its_columns_alone(void **state)
{
	(void)state;
	assert_line(SHORT_VIEW, "BYTES FLAG\n1.5K yes");
}

static void assert_json(unsigned view, const char *expected)
{
	json_t *object = ms_columns_json(&columns, view, item);
	char *text = json_dumps(object, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(object);
}

/* Numbers as they are, whatever a cell makes of them; a dot in the key leads into an object. */
static void a_value_is_json_of_its_kind(void **state)
{
	(void)state;
	assert_json(LONG_VIEW, "{\"none\":null,\"bytes\":1536,\"guess\":1536,\"count\":12345,\"short\":12345,"
			       "\"share\":0.75,\"us\":4200,\"signed\":-5,\"flag\":true,"
			       "\"limit\":{\"word\":\"<own>\",\"text\":\"a\\\\x1bb\"},\"only_json\":1536}");
	assert_json(SHORT_VIEW, "{\"bytes\":1536,\"flag\":true}");
}

static void what_is_not_known_is_none(void **state)
{
	(void)state;
	assert_int_equal(ms_value_of(MS_VALUE_COUNT, false, 5).kind, MS_VALUE_NONE);
	assert_int_equal(ms_value_of(MS_VALUE_COUNT, true, 5).kind, MS_VALUE_COUNT);
	assert_int_equal(ms_value_bytes(false, true, 5).kind, MS_VALUE_NONE);
	assert_true(ms_value_bytes(true, true, 5).estimated);
	assert_int_equal(ms_value_text(MS_VALUE_TEXT, NULL).kind, MS_VALUE_NONE);
	assert_int_equal(ms_value_text(MS_VALUE_TEXT, "").kind, MS_VALUE_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_a_cell_of_its_kind),
		cmocka_unit_test(a_view_has_its_columns_alone),
		cmocka_unit_test(a_value_is_json_of_its_kind),
		cmocka_unit_test(what_is_not_known_is_none),
	};

	ms_json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* cmd/render.c - see render.h. */
#include "cmd/render.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/verb.h"
#include "util/units.h"

static void need(bool ok)
{
	if (ok)
		return;
	ms_verb_error(NULL, "out of memory");
	exit(MS_EXIT_FAILURE);
}

void *ms_render_alloc(size_t count, size_t bytes)
{
	void *memory = calloc(count + 1, bytes);

	need(memory);
	return memory;
}

static int flags_of(enum ms_render_align align)
{
	return align == MS_RENDER_RIGHT ? SCOLS_FL_RIGHT : align == MS_RENDER_LEFT ? 0 : SCOLS_FL_WRAP;
}

static void add_column(struct libscols_table *table, const struct ms_render_column *column)
{
	struct libscols_column *added =
		scols_table_new_column(table, column->title, 0, flags_of(column->align));

	need(added);
	if (column->align == MS_RENDER_LINES)
		need(scols_column_set_wrapfunc(added, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL) ==
		     0);
}

struct libscols_table *ms_render_new(const struct ms_render_column *columns, unsigned count)
{
	struct libscols_table *table = scols_new_table();

	need(table);
	/* The cells are escaped already, and better than by the library's \x. */
	need(scols_table_enable_noencoding(table, 1) == 0);
	for (unsigned i = 0; i < count; i++)
		add_column(table, &columns[i]);
	return table;
}

struct libscols_line *ms_render_line(struct libscols_table *table)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	need(line);
	return line;
}

void ms_render_cell(struct libscols_line *line, unsigned nth, const char *text)
{
	need(scols_line_set_data(line, nth, text) == 0);
}

void ms_render_print(struct libscols_table *table)
{
	if (!scols_table_is_empty(table))
		need(scols_print_table(table) == 0);
	scols_unref_table(table);
}

unsigned ms_render_width(void)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	uint64_t value;

	if (!isatty(STDOUT_FILENO))
		return UINT_MAX;
	if (columns && ms_units_parse_u64(columns, &value) == 0 && value > 0 && value < UINT_MAX)
		return (unsigned)value;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

void ms_render_wrap_words(char *text, unsigned width)
{
	char *line = text, *space = NULL;

	for (; *text != '\0'; text++) {
		if ((size_t)(text - line) >= width && space) {
			*space = '\n';
			line = space + 1;
			space = NULL;
		}
		if (*text == ' ')
			space = text;
	}
}

const char *ms_render_bytes(char text[MS_RENDER_CELL], bool known, bool estimated, uint64_t bytes)
{
	char size[MS_UNITS_TEXT];

	if (!known)
		snprintf(text, MS_RENDER_CELL, "-");
	else
		snprintf(text, MS_RENDER_CELL, "%s%s", estimated ? "~" : "",
			 ms_units_format_bytes(size, bytes));
	return text;
}

const char *ms_render_count(char text[MS_RENDER_CELL], bool known, uint64_t count)
{
	if (!known)
		snprintf(text, MS_RENDER_CELL, "-");
	else
		snprintf(text, MS_RENDER_CELL, "%" PRIu64, count);
	return text;
}

const char *ms_render_short(char text[MS_RENDER_CELL], bool known, uint64_t count)
{
	static const char units[] = " kMGTPE";
	double value = (double)count;
	unsigned unit = 0;

	if (!known || count < 10000)
		return ms_render_count(text, known, count);
	for (; value >= 999.5; value /= 1000)
		unit++;
	snprintf(text, MS_RENDER_CELL,
		 value < 9.995   ? "%.2f%c"
		 : value < 99.95 ? "%.1f%c"
				 : "%.0f%c",
		 value, units[unit]);
	return text;
}

const char *ms_render_share(char text[MS_RENDER_CELL], uint64_t part, uint64_t whole)
{
	if (whole == 0)
		snprintf(text, MS_RENDER_CELL, "-");
	else
		snprintf(text, MS_RENDER_CELL, "%.0f%%", 100.0 * (double)part / (double)whole);
	return text;
}

const char *ms_render_us(char text[MS_RENDER_CELL], bool known, uint64_t us)
{
	char duration[MS_UNITS_TEXT];

	snprintf(text, MS_RENDER_CELL, "%s", known ? ms_units_format_duration(duration, us) : "-");
	return text;
}

/* SPDX-License-Identifier: MIT */
/*
 * cmd/render.h - tables for people, by libsmartcols: the only user of it.
 *
 * Cells are shown as they are: whatever another process wrote goes through escape.h first.
 */
#ifndef MS_CMD_RENDER_H
#define MS_CMD_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ms_render_align {
	MS_RENDER_LEFT,
	MS_RENDER_RIGHT, /* numbers */
	MS_RENDER_WRAP,  /* the one column that may take several lines on a narrow terminal */
	MS_RENDER_LINES, /* the last column, with newlines where lines end: ms_render_wrap_words() */
};

struct ms_render_column {
	const char *title;
	enum ms_render_align align;
};

struct libscols_table;
struct libscols_line;

/** ms_render_alloc - zeroed memory to be freed with free(); never NULL: without memory the program ends */
void *ms_render_alloc(size_t count, size_t bytes);

/** ms_render_new - an empty table; never NULL: without memory the program ends */
struct libscols_table *ms_render_new(const struct ms_render_column *columns, unsigned count);

/** ms_render_line - add an empty line */
struct libscols_line *ms_render_line(struct libscols_table *table);

/** ms_render_cell - fill in the @nth cell of a line; the text is copied */
void ms_render_cell(struct libscols_line *line, unsigned nth, const char *text);

/** ms_render_print - to standard output, but nothing for one without lines; frees the table */
void ms_render_print(struct libscols_table *table);

/** ms_render_width - columns of the terminal; UINT_MAX when the output is none */
unsigned ms_render_width(void);

/** ms_render_wrap_words - turn spaces into newlines, so that no line is wider than @width if words allow */
void ms_render_wrap_words(char *text, unsigned width);

enum { MS_RENDER_CELL = 64 };

/** ms_render_bytes - "1.5G", "~1.5G" for an estimate, "-" when not known; Return: @text */
const char *ms_render_bytes(char text[MS_RENDER_CELL], bool known, bool estimated, uint64_t bytes);

/** ms_render_count - "1234567", "-" when not known; Return: @text */
const char *ms_render_count(char text[MS_RENDER_CELL], bool known, uint64_t count);

/** ms_render_short - up to 9999 as it is, above three digits and k, M, G ... of thousands; Return: @text */
const char *ms_render_short(char text[MS_RENDER_CELL], bool known, uint64_t count);

/** ms_render_share - @part of @whole as "87%", "-" when there is no whole; Return: @text */
const char *ms_render_share(char text[MS_RENDER_CELL], uint64_t part, uint64_t whole);

/** ms_render_us - "4.2ms", "-" when not known; Return: @text */
const char *ms_render_us(char text[MS_RENDER_CELL], bool known, uint64_t us);

#endif

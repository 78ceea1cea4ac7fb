/* SPDX-License-Identifier: MIT */
/*
 * event/line.h - build a line in a fixed buffer.
 *
 * What does not fit is left out and remembered in @cut; nothing allocates. The buffer is always
 * terminated. JSON is built by the same functions: ms_line_json_string() alone quotes and escapes.
 */
#ifndef MS_EVENT_LINE_H
#define MS_EVENT_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct ms_line {
	char *at;
	size_t size, length;
	bool cut;
};

/** ms_line_init - @size at least 1 */
void ms_line_init(struct ms_line *text, char *buffer, size_t size);

void ms_line_add(struct ms_line *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** ms_line_add_name - a string that another process wrote, made safe for a terminal */
void ms_line_add_name(struct ms_line *text, const char *name);

/** ms_line_json_string - quoted; whatever bytes @string holds, the result is valid JSON in UTF-8 */
void ms_line_json_string(struct ms_line *text, const char *string);

#endif

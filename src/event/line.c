/* SPDX-License-Identifier: MIT */
/* event/line.c - see line.h. */
#include "event/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/escape.h"

/* The longest string that is ever shown: a cgroup's path. Escaped, a byte becomes four. */
enum { STRING_BYTES = 256 };

void ms_line_init(struct ms_line *text, char *buffer, size_t size)
{
	*text = (struct ms_line){.at = buffer, .size = size};
	buffer[0] = '\0';
}

void ms_line_add(struct ms_line *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text->at + text->length, room, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < room) {
		text->length += (size_t)n;
		return;
	}
	text->length = text->size - 1;
	text->cut = true;
}

void ms_line_add_name(struct ms_line *text, const char *name)
{
	char escaped[MS_ESCAPED_BYTES(STRING_BYTES)];

	ms_escape(ms_escape_terminal_charset(), escaped, sizeof(escaped), name, strnlen(name, STRING_BYTES));
	ms_line_add(text, "%s", escaped);
}

/* What ms_escape() leaves is printable UTF-8: in JSON a quote and a backslash need a backslash in front. */
void ms_line_json_string(struct ms_line *text, const char *string)
{
	char escaped[MS_ESCAPED_BYTES(STRING_BYTES)];
	char quoted[2 * sizeof(escaped)];
	size_t n = 0;

	ms_escape(MS_ESCAPE_UTF8, escaped, sizeof(escaped), string, strnlen(string, STRING_BYTES));
	for (const char *from = escaped; *from; from++) {
		if (*from == '"' || *from == '\\')
			quoted[n++] = '\\';
		quoted[n++] = *from;
	}
	quoted[n] = '\0';
	ms_line_add(text, "\"%s\"", quoted);
}

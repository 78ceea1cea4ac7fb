/* SPDX-License-Identifier: MIT */
/*
 * super/text.h - build a line in a fixed buffer.
 *
 * What does not fit is left out and remembered in @cut; nothing allocates. The buffer is always
 * terminated. JSON is built by the same functions: ms_text_json_string() alone quotes and escapes.
 */
#ifndef MS_SUPER_TEXT_H
#define MS_SUPER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_text {
	char *at;
	size_t size, length;
	bool cut;
};

/** ms_text_init - @size at least 1 */
void ms_text_init(struct ms_text *text, char *buffer, size_t size);

void ms_text_add(struct ms_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** ms_text_add_bytes - "1.5G"; ms_text_add_ns - "4.2ms" */
void ms_text_add_bytes(struct ms_text *text, uint64_t bytes);
void ms_text_add_ns(struct ms_text *text, uint64_t ns);

/** ms_text_add_name - a string that another process wrote, made safe for a terminal */
void ms_text_add_name(struct ms_text *text, const char *name);

/** ms_text_json_string - quoted; whatever bytes @string holds, the result is valid JSON in UTF-8 */
void ms_text_json_string(struct ms_text *text, const char *string);

#endif

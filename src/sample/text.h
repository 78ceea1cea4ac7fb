/* SPDX-License-Identifier: MIT */
/*
 * sample/text.h - what the parsers of this folder share. Internal to src/sample.
 *
 * The kernel writes each of these files whole at the first read, and ends it with a newline: one pread
 * is enough, and a text without a newline at its end was cut off and is refused.
 */
#ifndef MS_SAMPLE_TEXT_H
#define MS_SAMPLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/root.h"

enum { MS_TEXT_BYTES = 8192 }; /* memory.stat, the longest, has 2 to 3 KiB */

/**
 * ms_text_read - one pread of a kept file
 * Return: the length; -EBADMSG empty or cut off; -EFBIG longer than the buffer; another negative errno.
 */
ssize_t ms_text_read(const struct ms_root *root, int fd, char *buffer, size_t size);

/** ms_text_read_at - open below a directory, read as ms_text_read(), close; a missing file is -ENOENT */
ssize_t ms_text_read_at(const struct ms_root *root, int dirfd, const char *path, char *buffer, size_t size);

/** ms_text_u64 - decimal digits at the cursor, which moves behind them; false: none, or too large */
bool ms_text_u64(const char **cursor, uint64_t *ret_value);

/** ms_text_skip - move behind @literal; false, and the cursor stays, when something else is there */
bool ms_text_skip(const char **cursor, const char *literal);

/** ms_text_blanks - move behind blanks and tabs; false when there were none */
bool ms_text_blanks(const char **cursor);

/**
 * ms_text_row - the value of a row: a line that starts with @key as a whole word
 * Return: what follows the key and blanks, or NULL.
 */
const char *ms_text_row(const char *text, const char *key);

/** ms_text_row_u64 - a row with one number as its value; false when missing, no number, or cut off */
bool ms_text_row_u64(const char *text, const char *key, uint64_t *ret_value);

#endif

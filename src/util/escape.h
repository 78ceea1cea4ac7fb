/* SPDX-License-Identifier: MIT */
/*
 * util/escape.h - make text that another process wrote safe to show.
 *
 * Names of caches and processes are hostile input. What comes out of here is valid UTF-8 without
 * control characters (C0, DEL, C1), without characters that turn, hide or break a line (bidi
 * controls, zero-width ones, line separators) and without bytes that are no UTF-8, so that neither
 * a terminal nor a JSON parser can be led astray:
 *
 *   \n \t \r \\    those four            \x1b     any other byte that is no printable text
 *   \u202e         a character that is valid but not to be shown (\u{e0001} above U+FFFF)
 *
 * A backslash is doubled, so two different names never look the same.
 */
#ifndef MS_UTIL_ESCAPE_H
#define MS_UTIL_ESCAPE_H

#include <stddef.h>

enum ms_escape_charset {
	MS_ESCAPE_UTF8,  /* printable characters of all scripts stay: JSON, UTF-8 terminals */
	MS_ESCAPE_ASCII, /* for terminals that would take UTF-8's later bytes for C1 controls */
};

/* One byte becomes at most "\xff", and no multi-byte character becomes longer than its bytes would. */
#define MS_ESCAPED_BYTES(length) ((size_t)(length) * 4 + 1)

/**
 * ms_escape - escape @length bytes
 * @text: where to; always terminated; what does not fit is left out, whole escapes at a time
 * @size: at least 1; MS_ESCAPED_BYTES(@length) is always enough
 * Return: the length of @text.
 */
size_t ms_escape(enum ms_escape_charset charset, char *text, size_t size, const char *bytes, size_t length);

/** ms_escape_terminal_charset - what the locale says; MS_ESCAPE_ASCII unless it is UTF-8 */
enum ms_escape_charset ms_escape_terminal_charset(void);

/* Room for the longest name or source location of a row, escaped. */
enum { MS_ESCAPED_NAME = 128 * 4 + 1 };

/** ms_escape_name - a terminated string for the terminal; Return: @text */
const char *ms_escape_name(char text[MS_ESCAPED_NAME], const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * fuzz_escape - whatever the bytes are, what comes out is printable, valid UTF-8, within its bounds.
 *
 * The first byte chooses the room and the character set.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/escape.h"

static void check_printable(const char *text, size_t length, enum ms_escape_charset charset)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x20 || byte == 0x7f || (charset == MS_ESCAPE_ASCII && byte >= 0x80))
			abort();
		/* C1 controls and the bidi controls, as they would have to stand in the text. */
		if (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
			abort();
		if (strncmp(text + i, "\u202e", 3) == 0 || strncmp(text + i, "\u2066", 3) == 0)
			abort();
	}
}

/* A second pass may only double backslashes: everything else is printable already. */
static void check_settled(const char *text, size_t length, enum ms_escape_charset charset)
{
	size_t size = MS_ESCAPED_BYTES(length), backslashes = 0;
	char *again = malloc(size);

	for (size_t i = 0; i < length; i++)
		backslashes += text[i] == '\\';
	if (ms_escape(charset, again, size, text, length) != length + backslashes)
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum ms_escape_charset charset = data[0] & 1 ? MS_ESCAPE_ASCII : MS_ESCAPE_UTF8;
	size_t length = size - 1, room = data[0] & 2 ? (size_t)1 + data[0] : MS_ESCAPED_BYTES(length);
	char *text = malloc(room);
	size_t n = ms_escape(charset, text, room, (const char *)data + 1, length);

	if (n >= room || strlen(text) != n || (room == MS_ESCAPED_BYTES(length) && n < length / 4))
		abort();
	check_printable(text, n, charset);
	check_settled(text, n, charset);
	free(text);
	return 0;
}

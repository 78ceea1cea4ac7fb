/* SPDX-License-Identifier: MIT */
/* util/escape.c - see escape.h. */
#include "util/escape.h"

#include <langinfo.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/* Valid characters that must not reach a screen: Unicode's Cc, Cf, Zl, Zp and the fillers that look
 * like nothing, as of Unicode 15.0. Sorted. */
static const struct range hidden[] = {
	{0x0080, 0x009f}, {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x0600, 0x0605}, {0x061c, 0x061c},
	{0x06dd, 0x06dd}, {0x070f, 0x070f}, {0x0890, 0x0891}, {0x08e2, 0x08e2}, {0x115f, 0x1160},
	{0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	{0x3164, 0x3164}, {0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
	{0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

static bool is_hidden(uint32_t point)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && hidden[i].first <= point; i++)
		if (point <= hidden[i].last)
			return true;
	return false;
}

/* Decode one character as RFC 3629 says: no overlong form, no surrogate, nothing above U+10FFFF.
 * Return: its length in bytes, 0 when the bytes are no character. */
static size_t decode(const unsigned char *bytes, size_t length, uint32_t *ret_point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = bytes[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

	if (n == 0 || n > length)
		return 0;
	uint32_t point = n == 1 ? lead : lead & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (bytes[i] & 0x3fu);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return n;
}

/* The letter after the backslash for those that have one; 0 for the others. */
static char short_escape(unsigned char byte)
{
	return byte == '\n' ? 'n' : byte == '\t' ? 't' : byte == '\r' ? 'r' : byte == '\\' ? '\\' : 0;
}

/* Put the escaped form of the next character into @piece. Return: how many bytes it stands for. */
static size_t escape_one(enum ms_escape_charset charset, char piece[16], const unsigned char *bytes,
			 size_t length)
{
	uint32_t point = 0;
	size_t n = decode(bytes, length, &point);

	if (short_escape(bytes[0])) {
		snprintf(piece, 16, "\\%c", short_escape(bytes[0]));
		return 1;
	}
	if (n == 0 || point < 0x20 || point == 0x7f) {
		snprintf(piece, 16, "\\x%02x", bytes[0]);
		return 1;
	}
	if (point >= 0x80 && (charset == MS_ESCAPE_ASCII || is_hidden(point))) {
		snprintf(piece, 16, point > 0xffff ? "\\u{%x}" : "\\u%04x", point);
		return n;
	}
	memcpy(piece, bytes, n);
	piece[n] = '\0';
	return n;
}

size_t ms_escape(enum ms_escape_charset charset, char *text, size_t size, const char *bytes, size_t length)
{
	const unsigned char *from = (const unsigned char *)bytes;
	size_t at = 0, done = 0;

	while (done < length) {
		char piece[16];
		size_t taken = escape_one(charset, piece, from + done, length - done);
		size_t piece_length = strlen(piece);

		if (at + piece_length >= size)
			break;
		memcpy(text + at, piece, piece_length);
		at += piece_length;
		done += taken;
	}
	text[at] = '\0';
	return at;
}

enum ms_escape_charset ms_escape_terminal_charset(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? MS_ESCAPE_UTF8 : MS_ESCAPE_ASCII;
}

const char *ms_escape_name(char text[MS_ESCAPED_NAME], const char *name)
{
	ms_escape(ms_escape_terminal_charset(), text, MS_ESCAPED_NAME, name, strnlen(name, MS_ESCAPED_NAME / 4));
	return text;
}

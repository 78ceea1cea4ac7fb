/* SPDX-License-Identifier: MIT */
/* sample/text.c - see text.h. */
#include "sample/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/units.h"

ssize_t ms_text_read(const struct ms_root *root, int fd, char *buffer, size_t size)
{
	ssize_t n;

	do {
		n = root->ops.pread(root->ops.ctx, fd, buffer, size, 0);
	} while (n == -EINTR);
	if (n < 0)
		return n;
	if ((size_t)n >= size)
		return -EFBIG;
	if (n == 0 || buffer[n - 1] != '\n')
		return -EBADMSG;
	buffer[n] = '\0';
	return n;
}

ssize_t ms_text_read_at(const struct ms_root *root, int dirfd, const char *path, char *buffer, size_t size)
{
	const struct ms_io_ops *ops = &root->ops;
	MS_CLEANUP_FD int fd = ops->openat(ops->ctx, dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? fd : ms_text_read(root, fd, buffer, size);
}

bool ms_text_u64(const char **cursor, uint64_t *ret_value)
{
	return ms_units_read_u64(cursor, ret_value) == 0;
}

bool ms_text_skip(const char **cursor, const char *literal)
{
	size_t length = strlen(literal);

	if (strncmp(*cursor, literal, length) != 0)
		return false;
	*cursor += length;
	return true;
}

bool ms_text_blanks(const char **cursor)
{
	size_t length = strspn(*cursor, " \t");

	*cursor += length;
	return length > 0;
}

const char *ms_text_row(const char *text, const char *key)
{
	for (const char *line = text; line && *line;) {
		const char *cursor = line;

		if (ms_text_skip(&cursor, key) && ms_text_blanks(&cursor))
			return cursor;
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return NULL;
}

bool ms_text_row_u64(const char *text, const char *key, uint64_t *ret_value)
{
	const char *cursor = ms_text_row(text, key);
	uint64_t value;

	if (!cursor || !ms_text_u64(&cursor, &value) || (*cursor != '\n' && *cursor != ' '))
		return false;
	*ret_value = value;
	return true;
}

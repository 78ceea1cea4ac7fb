/* SPDX-License-Identifier: MIT */
/* table/proc.c - see proc.h. Runs in the child of a fork too. */
#include "table/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

ssize_t ms_proc_read(int dirfd, const char *path, char *text, size_t size)
{
	MS_CLEANUP_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, size - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n;
}

static uint64_t read_field(const char *stat, int wanted)
{
	/* The command in field 2 may hold blanks and brackets; none follows it. */
	const char *at = strrchr(stat, ')');

	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t ms_proc_start_ticks(const char *stat)
{
	return read_field(stat, 22);
}

uint64_t ms_proc_threads(const char *stat)
{
	return read_field(stat, 20);
}

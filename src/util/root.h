/* SPDX-License-Identifier: MIT */
/*
 * util/root.h - the one way to /proc, /sys and cgroup files.
 *
 * Paths are relative to a root directory and system calls go through a struct of operations, so that
 * a test can feed a captured tree, or a failure at the third read. Nothing here allocates.
 */
#ifndef MS_UTIL_ROOT_H
#define MS_UTIL_ROOT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* As the system calls of the same name, but -errno instead of -1. */
struct ms_io_ops {
	int (*openat)(void *ctx, int dirfd, const char *path, int flags);
	ssize_t (*pread)(void *ctx, int fd, void *buffer, size_t size, off_t offset);
	/* struct linux_dirent64 records; @rewind: from the first one, whatever was read before */
	ssize_t (*getdents)(void *ctx, int fd, void *buffer, size_t size, bool rewind);
	void *ctx;
};

struct ms_root {
	int dirfd;
	struct ms_io_ops ops;
};

/** ms_root_init - @path: "/" for the real system; Return: 0 or a negative errno from open */
int ms_root_init(struct ms_root *root, const char *path);
void ms_root_fini(struct ms_root *root);

/**
 * ms_root_open - open a file below the root, read-only and close-on-exec
 * @format: path without leading slash, printf-like; longer than PATH_MAX is -ENAMETOOLONG
 * Return: a descriptor or a negative errno.
 */
int ms_root_open(const struct ms_root *root, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** ms_root_is_exhausted - an open failed for want of descriptors or memory, whatever the file is */
static inline bool ms_root_is_exhausted(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/**
 * ms_root_read_text - a file as text
 * Return: the length, at most @size - 1; @buffer is terminated. A negative errno (-ESRCH for a
 * process that is gone; -EFBIG when the file is longer than the buffer: what fits is there).
 */
ssize_t ms_root_read_text(const struct ms_root *root, char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif

/* SPDX-License-Identifier: MIT */
/* util/root.c - see root.h. */
#include "util/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static int real_openat(void *ctx, int dirfd, const char *path, int flags)
{
	(void)ctx;
	int fd = openat(dirfd, path, flags);

	return fd < 0 ? -errno : fd;
}

static ssize_t real_pread(void *ctx, int fd, void *buffer, size_t size, off_t offset)
{
	(void)ctx;
	ssize_t n = pread(fd, buffer, size, offset);

	return n < 0 ? -errno : n;
}

static ssize_t real_getdents(void *ctx, int fd, void *buffer, size_t size, bool rewind)
{
	(void)ctx;
	if (rewind && lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	ssize_t n = getdents64(fd, buffer, size);

	return n < 0 ? -errno : n;
}

int ms_root_init(struct ms_root *root, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*root = (struct ms_root){
		.dirfd = fd,
		.ops = {.openat = real_openat, .pread = real_pread, .getdents = real_getdents},
	};
	return 0;
}

void ms_root_fini(struct ms_root *root)
{
	close(root->dirfd);
	root->dirfd = -1;
}

static int open_formatted(const struct ms_root *root, const char *format, va_list args)
{
	char path[PATH_MAX];
	int n = vsnprintf(path, sizeof(path), format, args);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return root->ops.openat(root->ops.ctx, root->dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int ms_root_open(const struct ms_root *root, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int fd = open_formatted(root, format, args);
	va_end(args);
	return fd;
}

static ssize_t pread_text(const struct ms_root *root, int fd, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = root->ops.pread(root->ops.ctx, fd, buffer + length, size - length, (off_t)length);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	if (length == size) {
		buffer[size - 1] = '\0';
		return -EFBIG;
	}
	buffer[length] = '\0';
	return (ssize_t)length;
}

ssize_t ms_root_read_text(const struct ms_root *root, char *buffer, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int fd = open_formatted(root, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	ssize_t n = pread_text(root, fd, buffer, size);
	close(fd);
	return n;
}

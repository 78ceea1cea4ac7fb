/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/sample_fixture.h - roots for the sampler's tests: captured trees (tests/data), trees written by
 * the test itself, and operations that fail on purpose.
 */
#ifndef MS_TEST_SAMPLE_FIXTURE_H
#define MS_TEST_SAMPLE_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/root.h"

/* A root with operations that can be made to fail; counts them. */
struct fixture {
	struct ms_root root;
	struct ms_io_ops real;
	unsigned calls;        /* of all operations */
	unsigned fail_at;      /* this one fails, counted from 1; 0 = none */
	int error;             /* with this, negative */
	const char *deny;      /* opening a path that ends so fails with deny_error */
	int deny_error;
	int gone_fd;           /* reading it fails with gone_error; -1 = none */
	int gone_error;
	const char *instead;   /* what any pread answers, or NULL */
	char temporary[64];    /* to be removed, or "" */
};

static inline bool fixture_fails(struct fixture *fixture)
{
	return ++fixture->calls == fixture->fail_at;
}

static inline bool fixture_ends_in(const char *path, const char *end)
{
	size_t a = strlen(path), b = strlen(end);

	return a >= b && strcmp(path + a - b, end) == 0;
}

static inline int fixture_openat(void *ctx, int dirfd, const char *path, int flags)
{
	struct fixture *fixture = ctx;

	if (fixture_fails(fixture))
		return fixture->error;
	if (fixture->deny && fixture_ends_in(path, fixture->deny))
		return fixture->deny_error;
	return fixture->real.openat(fixture->real.ctx, dirfd, path, flags);
}

static inline ssize_t fixture_pread(void *ctx, int fd, void *buffer, size_t size, off_t offset)
{
	struct fixture *fixture = ctx;

	if (fixture_fails(fixture))
		return fixture->error;
	if (fd == fixture->gone_fd)
		return fixture->gone_error;
	if (!fixture->instead)
		return fixture->real.pread(fixture->real.ctx, fd, buffer, size, offset);
	size_t length = strlen(fixture->instead);

	if ((size_t)offset >= length)
		return 0;
	length = length - (size_t)offset < size ? length - (size_t)offset : size;
	memcpy(buffer, fixture->instead + offset, length);
	return (ssize_t)length;
}

static inline ssize_t fixture_getdents(void *ctx, int fd, void *buffer, size_t size, bool rewind)
{
	struct fixture *fixture = ctx;

	if (fixture_fails(fixture))
		return fixture->error;
	return fixture->real.getdents(fixture->real.ctx, fd, buffer, size, rewind);
}

static inline void fixture_wrap(struct fixture *fixture, const char *path)
{
	if (ms_root_init(&fixture->root, path) < 0) {
		perror(path);
		abort();
	}
	fixture->gone_fd = -1;
	fixture->real = fixture->root.ops;
	fixture->root.ops = (struct ms_io_ops){
		.openat = fixture_openat,
		.pread = fixture_pread,
		.getdents = fixture_getdents,
		.ctx = fixture,
	};
}

/* A captured tree by its name below tests/data. */
static inline void fixture_captured(struct fixture *fixture, const char *name)
{
	char path[PATH_MAX];

	*fixture = (struct fixture){.calls = 0};
	snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
	fixture_wrap(fixture, path);
}

/* The machine itself. */
static inline void fixture_live(struct fixture *fixture)
{
	*fixture = (struct fixture){.calls = 0};
	fixture_wrap(fixture, "/");
}

/* An empty tree, for fixture_write(). */
static inline void fixture_empty(struct fixture *fixture)
{
	*fixture = (struct fixture){.calls = 0};
	strcpy(fixture->temporary, "/tmp/memshed-test-XXXXXX");
	if (!mkdtemp(fixture->temporary))
		abort();
	fixture_wrap(fixture, fixture->temporary);
}

/* Write a file below an empty tree, with the folders above it; kept descriptors see the new text. */
static inline void fixture_write(struct fixture *fixture, const char *text, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static inline void fixture_write(struct fixture *fixture, const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdirat(fixture->root.dirfd, path, 0755);
		*slash = '/';
	}
	int fd = openat(fixture->root.dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

/* A process as /proc shows it. */
static inline void fixture_process(struct fixture *fixture, int pid, int ppid, const char *comm,
				   unsigned long start_ticks, unsigned long resident_pages)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "%d (%s) S %d 1 1 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 1 0 %lu 2654208 381 1 2 3\n", pid, comm,
		 ppid, start_ticks);
	fixture_write(fixture, text, "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%lu %lu 10 19 0 %lu 0\n", resident_pages * 2, resident_pages,
		 resident_pages + 5);
	fixture_write(fixture, text, "proc/%d/statm", pid);
}

static inline int fixture_remove(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static inline void fixture_done(struct fixture *fixture)
{
	ms_root_fini(&fixture->root);
	if (fixture->temporary[0])
		nftw(fixture->temporary, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* How many descriptors this process has open. */
static inline unsigned fixture_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!directory)
		abort();
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

#endif

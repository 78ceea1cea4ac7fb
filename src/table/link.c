/* SPDX-License-Identifier: MIT */
/* table/link.c - see link.h. */
#include "table/link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table/memfd.h"
#include "table/proc.h"
#include "util/cleanup.h"

enum { CANDIDATES = 32 };

int ms_link_copy(int fd, uint64_t offset, void *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

/* ---- is it a memfd of ours? ---- */

static int stat_quietly(int fd, struct statx *ret_status)
{
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_INO,
		  ret_status) < 0)
		return -errno;
	return 0;
}

static int on_memfd_device(const struct statx *status)
{
	MS_CLEANUP_FD int fd = ms_memfd_make("memshed-probe", 0);
	struct statx own;
	int error = fd < 0 ? fd : stat_quietly(fd, &own);

	if (error)
		return error;
	return own.stx_dev_major == status->stx_dev_major && own.stx_dev_minor == status->stx_dev_minor
		       ? 0 : -EBADMSG;
}

int ms_link_check(int fd, uint64_t *ret_bytes)
{
	struct statx status;
	int error = stat_quietly(fd, &status);

	if (error)
		return error;
	if (!S_ISREG(status.stx_mode))
		return -EBADMSG;
	error = on_memfd_device(&status);
	if (error)
		return error;
	if (ret_bytes)
		*ret_bytes = status.stx_size;
	return 0;
}

int ms_link_check_seals(int fd)
{
	int need = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -EBADMSG;
	/* F_SEAL_WRITE says more than F_SEAL_FUTURE_WRITE. */
	return (seals & need) == need && seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE) ? 0 : -EPERM;
}

/* ---- a process's descriptors ---- */

static bool link_is(int dirfd, const char *entry, const char *name)
{
	char target[64];
	ssize_t n = readlinkat(dirfd, entry, target, sizeof(target));

	return n >= 0 && (size_t)n == strlen(name) && memcmp(target, name, (size_t)n) == 0;
}

int ms_link_open(int dirfd, const char *entry, const char *name, int flags)
{
	char own_link[sizeof("/proc/self/fd/") + 16];
	MS_CLEANUP_FD int path_fd = openat(dirfd, entry, O_PATH | O_CLOEXEC);

	if (path_fd < 0)
		return -errno;
	snprintf(own_link, sizeof(own_link), "/proc/self/fd/%d", path_fd);
	if (!link_is(AT_FDCWD, own_link, name)) /* the number may be another file's by now */
		return -ENOENT;
	int error = ms_link_check(path_fd, NULL);

	if (error)
		return error;
	int fd = open(own_link, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static int read_facts(int proc_fd, pid_t pid, struct ms_link_facts *ret_facts)
{
	char text[4096];
	ssize_t n = ms_proc_read(proc_fd, "stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	*ret_facts = (struct ms_link_facts){.pid = (uint32_t)pid, .start_ticks = ms_proc_start_ticks(text)};
	n = ms_proc_read(proc_fd, "status", text, sizeof(text));
	char *at = n > 0 ? strstr(text, "\nNSpid:") : NULL;

	if (at) { /* one number per namespace, the innermost last */
		char *end = strchr(at + 1, '\n');

		if (end)
			*end = '\0';
		at = strrchr(at, '\t');
		if (at)
			ret_facts->pid = (uint32_t)strtoul(at + 1, NULL, 10);
	}
	return 0;
}

int ms_link_rate(const struct ms_link_facts *facts, uint32_t pid, uint64_t start_ticks)
{
	if (pid != facts->pid)
		return 0;
	return start_ticks == facts->start_ticks ? 2 : 1;
}

struct ms_link_walk ms_link_start(int dirfd, const char *name, char *buffer, size_t size)
{
	lseek(dirfd, 0, SEEK_SET);
	return (struct ms_link_walk){.dirfd = dirfd, .buffer = buffer, .size = size, .name = name};
}

const char *ms_link_next(struct ms_link_walk *walk)
{
	while (walk->seen < CANDIDATES) {
		if (walk->at >= walk->end) {
			ssize_t n = getdents64(walk->dirfd, walk->buffer, walk->size);

			if (n <= 0)
				return NULL;
			walk->at = 0;
			walk->end = (size_t)n;
		}
		const struct dirent64 *entry = (const void *)(walk->buffer + walk->at);

		walk->at += entry->d_reclen;
		if (!link_is(walk->dirfd, entry->d_name, walk->name))
			continue;
		walk->seen++;
		return entry->d_name;
	}
	return NULL;
}

static bool is_zombie(int dirfd, const char *stat)
{
	char text[4096];
	const char *end = ms_proc_read(dirfd, stat, text, sizeof(text)) < 0 ? NULL : strrchr(text, ')');

	return end && strncmp(end, ") Z", 3) == 0;
}

/* The descriptors of a thread that lives on although the process's first one has ended. */
static int open_other_thread(int proc_fd)
{
	MS_CLEANUP_FD int tasks = openat(proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buffer[1024] __attribute__((aligned(8))), path[300];
	ssize_t n;

	while (tasks >= 0 && (n = getdents64(tasks, buffer, sizeof(buffer))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(buffer + at);

			at += entry->d_reclen;
			snprintf(path, sizeof(path), "%s/stat", entry->d_name);
			if (entry->d_name[0] == '.' || is_zombie(tasks, path))
				continue;
			snprintf(path, sizeof(path), "%s/fd", entry->d_name);
			int fd = openat(tasks, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (fd >= 0)
				return fd;
		}
	return -ESRCH;
}

int ms_link_open_dir(pid_t pid, struct ms_link_facts *ret_facts)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	/* Held open, so that a new process of the same number cannot take its place. */
	MS_CLEANUP_FD int proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc_fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	int error = ret_facts ? read_facts(proc_fd, pid, ret_facts) : 0;

	if (error)
		return error;
	if (is_zombie(proc_fd, "stat"))
		return open_other_thread(proc_fd);
	int fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

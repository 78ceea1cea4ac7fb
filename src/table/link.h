/* SPDX-License-Identifier: MIT */
/*
 * table/link.h - the memfds of ours among another process's descriptors.
 *
 * What another process offers is hostile until checked, and even opening or stat()ing the wrong file can
 * block for ever (a FIFO, a device, a file of a FUSE that answers at will). So, in this order: the name of the
 * link, which the kernel makes; O_PATH, which opens nothing; a stat that asks no file system; the device
 * number, which must be that of the kernel's own memfds; only then a real open, of the same inode; then
 * the seals, without which no byte is read.
 *
 * Allocates nothing, but opens, and takes time in proportion to the process's descriptors: not for the
 * alarm path. No state, any thread.
 */
#ifndef MS_TABLE_LINK_H
#define MS_TABLE_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As the kernel names the link of a memfd. */
#define MS_LINK_NAME(name) "/memfd:" name " (deleted)"

/** ms_link_check - a regular file of the kernel's own memfds? Return: 0; -EBADMSG; @ret_bytes may be NULL */
int ms_link_check(int fd, uint64_t *ret_bytes);

/** ms_link_check_seals - it cannot be resized, and only its owner can write it; Return: 0; -EBADMSG; -EPERM */
int ms_link_check_seals(int fd);

/** ms_link_copy - exactly @bytes from @offset; Return: 0; -EBADMSG when the file is shorter; pread's errors */
int ms_link_copy(int fd, uint64_t offset, void *to, size_t bytes);

/* What the kernel says of a process, to tell its own memfds from those it inherited. */
struct ms_link_facts {
	uint32_t pid; /* in its own pid namespace */
	uint64_t start_ticks;
};

/**
 * ms_link_open_dir - the directory of a process's descriptors
 * @ret_facts: may be NULL
 * Return: a descriptor; -ESRCH no such process; -EACCES, -EPERM; another negative errno.
 */
int ms_link_open_dir(pid_t pid, struct ms_link_facts *ret_facts);

/**
 * ms_link_rate - how well what a memfd says of its owner fits the process
 * Clocks of a time namespace may shift the start time, so the pid alone will do when nothing fits better.
 * Return: 2 both fit; 1 the pid does; 0 it belongs to another process.
 */
int ms_link_rate(const struct ms_link_facts *facts, uint32_t pid, uint64_t start_ticks);

/* A walk over the links with one name: a process may offer any number of look-alikes, and some are looked at. */
struct ms_link_walk {
	int dirfd;
	char *buffer;
	size_t size, at, end;
	unsigned seen;    /* candidates so far */
	const char *name; /* MS_LINK_NAME() */
};

/** ms_link_start - from the first descriptor; @buffer: for the names, not opendir()'s malloc */
struct ms_link_walk ms_link_start(int dirfd, const char *name, char *buffer, size_t size);

/** ms_link_next - the next descriptor with a link of that name, or NULL */
const char *ms_link_next(struct ms_link_walk *walk);

/**
 * ms_link_open - open what the link leads to, but only if it is a memfd of that name
 * @entry: the descriptor's number
 * @flags: O_RDONLY or O_RDWR
 * Return: a descriptor; -ENOENT another name by now; -EBADMSG no memfd; another negative errno.
 */
int ms_link_open(int dirfd, const char *entry, const char *name, int flags);

#endif

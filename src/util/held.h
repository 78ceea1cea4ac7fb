/* SPDX-License-Identifier: MIT */
/*
 * util/held.h - a descriptor of ours in somebody else's process.
 *
 * A host may close descriptors that it does not know (a daemon closes them all), and the next file it
 * opens then has our number. So who made a file remembers which one it was, and looks before each use:
 * the host's file is not read, not written, not sent and not closed. No lock holds the number between
 * the look and the use; a host that closes what others use in other threads has that race with all of
 * them.
 */
#ifndef MS_UTIL_HELD_H
#define MS_UTIL_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

struct ms_held {
	uint64_t device, inode;
};

/** ms_held - which file this is; one that is never found again when the kernel does not say */
static inline struct ms_held ms_held(int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return (struct ms_held){0};
	return (struct ms_held){.device = status.st_dev, .inode = status.st_ino};
}

static inline bool ms_held_is(int fd, const struct ms_held *held)
{
	struct ms_held is = ms_held(fd);

	return is.inode && is.device == held->device && is.inode == held->inode;
}

static inline void ms_held_close(int fd, const struct ms_held *held)
{
	if (ms_held_is(fd, held))
		close(fd);
}

#endif

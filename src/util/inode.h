/* SPDX-License-Identifier: MIT */
/*
 * util/inode.h - a descriptor of ours in a process of the host's.
 *
 * A host may close descriptors that it does not know (a daemon closes them all), and the next file it
 * opens then has our number. So the library remembers which file it made, and looks before each use:
 * the host's file is not read, not written, not sent and not closed. No lock holds the number between
 * the look and the use; a host that closes what others use in other threads has that race with all of
 * them.
 */
#ifndef MS_UTIL_INODE_H
#define MS_UTIL_INODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

struct ms_inode {
	uint64_t device, inode;
};

/** ms_inode - which file this is; one that is never found again when the kernel does not say */
static inline struct ms_inode ms_inode_of(int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return (struct ms_inode){0};
	return (struct ms_inode){.device = status.st_dev, .inode = status.st_ino};
}

static inline bool ms_inode_is(int fd, const struct ms_inode *inode)
{
	struct ms_inode is = ms_inode_of(fd);

	return is.inode && is.device == inode->device && is.inode == inode->inode;
}

static inline void ms_inode_close(int fd, const struct ms_inode *inode)
{
	if (ms_inode_is(fd, inode))
		close(fd);
}

#endif

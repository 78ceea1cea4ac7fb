/* SPDX-License-Identifier: MIT */
/*
 * util/fd.h - keep a descriptor out of the way of the program it is opened in.
 *
 * Programs expect the lowest numbers for what they open themselves (0 to 2 after a close, 3 for the first file),
 * and some close or look at all below a limit of their own.
 */
#ifndef MS_UTIL_FD_H
#define MS_UTIL_FD_H

#include <fcntl.h>
#include <unistd.h>

/** ms_fd_raise - give @fd a high number, as far as RLIMIT_NOFILE allows; Return: the descriptor, perhaps as it was; -1 for -1 */
static inline int ms_fd_raise(int fd)
{
	for (int floor = 500; fd >= 0 && floor > fd; floor /= 2) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, floor);

		if (high < 0)
			continue;
		close(fd);
		return high;
	}
	return fd;
}

#endif

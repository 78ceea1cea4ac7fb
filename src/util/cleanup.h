/* SPDX-License-Identifier: MIT */
/* util/cleanup.h - release at the end of the scope: MS_CLEANUP_FD, MS_CLEANUP_FREE. */
#ifndef MS_UTIL_CLEANUP_H
#define MS_UTIL_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void ms_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ms_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

#define MS_CLEANUP_FD __attribute__((cleanup(ms_cleanup_close)))
#define MS_CLEANUP_FREE __attribute__((cleanup(ms_cleanup_free)))

/* Hand a descriptor on: the variable no longer owns it. */
static inline int ms_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#endif

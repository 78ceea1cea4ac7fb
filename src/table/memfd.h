/* SPDX-License-Identifier: MIT */
/* table/memfd.h - memfds: made, sealed, and mapped by the target. */
#ifndef MS_TABLE_MEMFD_H
#define MS_TABLE_MEMFD_H

#include <stddef.h>

/**
 * ms_memfd_make - a close-on-exec memfd of @bytes, all of it a hole, that can be sealed
 * Return: a descriptor, or a negative errno: -EFBIG where RLIMIT_FSIZE is below @bytes, without a SIGXFSZ.
 */
int ms_memfd_make(const char *name, size_t bytes);

/**
 * ms_memfd_make_mapped - make one, map it, seal it
 * The mapping is shared and writable; none of it is touched; left out of children and core dumps.
 * The descriptor gets a high number (util/fd.h).
 * @at: the address wanted, or NULL; when something else is there, another one is taken
 * @in_place_of: a descriptor that is closed, and the number of which the new one gets; or -1
 * @seals: as F_ADD_SEALS
 * Return: 0; a negative errno, and nothing is left behind.
 */
int ms_memfd_make_mapped(const char *name, size_t bytes, int seals, void *at, int in_place_of, int *ret_fd,
			 void **ret_base);

/** ms_memfd_map_placeholder - private zeroes in place of a file: writes go on to work, no reader sees them */
int ms_memfd_map_placeholder(size_t bytes, void *at, void **ret_base);

/** ms_memfd_map_private - zeroes that take memory only where they are written, and that a child inherits */
int ms_memfd_map_private(size_t bytes, void **ret_base);

#endif

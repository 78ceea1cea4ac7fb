/* SPDX-License-Identifier: MIT */
/* table/memfd.h - the target's memfds: made, mapped and sealed. Target side only. */
#ifndef MS_TABLE_MEMFD_H
#define MS_TABLE_MEMFD_H

#include <stddef.h>

/**
 * ms_memfd_make - a close-on-exec memfd of @bytes, all of it a hole
 * Return: a descriptor, or a negative errno.
 */
int ms_memfd_make(const char *name, size_t bytes);

/**
 * ms_memfd_map - map @fd shared and writable, touching none of it, left out of children and core dumps
 * @at: where it should stand, or NULL; when something else stands there, another place is taken
 * Return: 0; a negative errno of mmap.
 */
int ms_memfd_map(int fd, size_t bytes, void *at, void **ret_base);

/* As ms_memfd_map(), with private zeroes instead of a file: writes go on to work, nobody sees them. */
int ms_memfd_map_blind(size_t bytes, void *at, void **ret_base);

#endif

/* SPDX-License-Identifier: MIT */
/* table/proc.h - the few words of /proc that both sides of the table read. No malloc, no locks. */
#ifndef MS_TABLE_PROC_H
#define MS_TABLE_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * ms_proc_read - a file's text, as far as one read gives it and it fits
 * @dirfd, @path: as openat()
 * Return: the length, without the NUL that ends it; a negative errno.
 */
ssize_t ms_proc_read(int dirfd, const char *path, char *text, size_t size);

/** ms_proc_start_ticks - field 22 of a /proc/PID/stat: when the process began; 0 where there is none */
uint64_t ms_proc_start_ticks(const char *stat);
/** ms_proc_threads - field 20: how many threads it has, with a main thread that has ended; 0 where there is none */
uint64_t ms_proc_threads(const char *stat);

#endif

/* SPDX-License-Identifier: MIT */
/* run/live.h - keep running when memory has run out: locked memory, priority, no OOM kill. See live.c. */
#ifndef MS_RUN_LIVE_H
#define MS_RUN_LIVE_H

#include <stddef.h>

#include "watch/watch.h"

/**
 * ms_live_secure - lock what is used, lift what is allowed; each part as far as it goes
 *
 * After the child was forked: none of it is handed down. Call it last, when all memory is allocated.
 * @context, @size: memory that must not fault later
 */
void ms_live_secure(void *context, size_t size, struct ms_watch_live *ret_live);

/** ms_live_raise_files - as many descriptors as the hard limit allows: one per process watched and more */
void ms_live_raise_files(void);

#endif

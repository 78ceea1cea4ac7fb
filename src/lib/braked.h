/* SPDX-License-Identifier: MIT */
/* lib/braked.h - how many threads are held back now; for show, and to wake them. See braked.c. */
#ifndef MS_LIB_BRAKED_H
#define MS_LIB_BRAKED_H

#include <stdbool.h>
#include <stdint.h>

/** ms_braked_begin - this thread is held back from now on for less than a second */
void ms_braked_begin(uint64_t now_ns);
/** ms_braked_end - it is not, or not any more: at the end, and before it looks whether it is to be held */
void ms_braked_end(void);
/** ms_braked_any - is one? Perhaps yes when none is; any thread */
bool ms_braked_any(void);
/** ms_braked_after_fork - in the child, which has a table of its own */
void ms_braked_after_fork(void);

#endif

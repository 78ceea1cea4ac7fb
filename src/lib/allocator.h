/* SPDX-License-Identifier: MIT */
/* lib/allocator.h - row 0: the memory allocator's own free memory. */
#ifndef MS_LIB_ALLOCATOR_H
#define MS_LIB_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

void ms_allocator_start(void);
/** ms_allocator_worth_trimming - was enough claimed, or (@or_held) does the allocator say it holds enough,
 * that it should be asked to give back? */
bool ms_allocator_worth_trimming(uint64_t claimed_bytes, bool or_held);
/** ms_allocator_count_due - when its free bytes may be looked up again */
uint64_t ms_allocator_count_due(void);

#endif

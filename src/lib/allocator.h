/* SPDX-License-Identifier: MIT */
/* lib/allocator.h - row 0: the memory allocator's own free memory. */
#ifndef MS_LIB_ALLOCATOR_H
#define MS_LIB_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ms_allocator_kind;
struct ms_allocator_found {
	const struct ms_allocator_kind *kind; /* NULL: an unknown one */
	void *symbol, *property;
};

struct ms_allocator {
	struct ms_allocator_found used;   /* guarded by [K1], and fixed once there is a row */
	uint64_t held_after_bytes;        /* free memory right after it last gave back; writer: agent */
	bool gave_back;                   /* since the last count; writer: agent */
	_Atomic uint64_t count_due_ns;    /* writer: agent; readers: any thread that sleeps for it */
};

/** ms_allocator_find - asks the loader; a thread that waits for one of our locks may hold the loader's: call
 * it with no lock held */
struct ms_allocator_found ms_allocator_find(void);
void ms_allocator_start(const struct ms_allocator_found *found);
/** ms_allocator_worth_trimming - was enough claimed, or (@or_held) does the allocator say it holds enough,
 * that it should be asked to give back? */
bool ms_allocator_worth_trimming(uint64_t claimed_bytes, bool or_held);
/** ms_allocator_count_due - when its free bytes may be looked up again */
uint64_t ms_allocator_count_due(void);

#endif

/* SPDX-License-Identifier: MIT */
/* table/fence.h - a fence between two copies made by the kernel (pread); see reader.c for its pairs. */
#ifndef MS_TABLE_FENCE_H
#define MS_TABLE_FENCE_H

/* ThreadSanitizer does not follow fences, and gcc says so; there is nothing here for it to follow, for
 * it cannot see what the kernel copies. */
static inline void ms_fence_acquire(void)
{
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	/* [reader.R1] [reader.R2] [reader.R3] [reader.R4] [state.R1] [state.R2] [writer_sum.A1] */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#pragma GCC diagnostic pop
}

#endif

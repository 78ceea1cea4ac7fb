/* SPDX-License-Identifier: MIT */
/*
 * lib/lanes.h - which thread writes which lane of the table; what charge.c needs of it.
 */
#ifndef MS_LIB_LANES_H
#define MS_LIB_LANES_H

#include <stdbool.h>
#include <stdint.h>

/* Where this thread's lane begins, counted from the table's base, which it never is at: 0 means that
 * the thread has no lane yet, or shares one. */
extern __thread uint64_t ms_lane_offset __attribute__((tls_model("initial-exec")));

/** ms_lanes_claim - a lane of its own for this thread; Return: whether ms_lane_offset is set now */
bool ms_lanes_claim(void);
/** ms_lanes_shared_offset - where the lane that many threads share begins; marks it as used */
uint64_t ms_lanes_shared_offset(void);

#endif

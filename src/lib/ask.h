/* SPDX-License-Identifier: MIT */
/* lib/ask.h - what is asked of one callback, and what came of it. */
#ifndef MS_LIB_ASK_H
#define MS_LIB_ASK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* A callback was late, and another thread is the agent now: touch nothing of the agent's. */
#define MS_AGENT_LOST (-ESTALE)

struct ms_ask {
	uint64_t order_seq;
	uint32_t level;  /* enum ms_level */
	uint32_t reason; /* enum memshed_reason */
	uint64_t target_bytes;
	uint64_t deadline_ns;
};

struct ms_outcome {
	uint32_t status; /* enum ms_answer_status */
	uint64_t claimed_bytes, claimed_entries, scanned_entries;
	uint64_t duration_us;
	uint64_t bytes_after; /* what the cache holds now */
	bool useless;         /* it freed nothing of what there was, or came back late */
	bool changed;         /* the pulled counters are not what they were */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/post.h - have a list of orders carried out by one target, and wait for the answers.
 *
 * One thread. Orders stand in the target's control page only while somebody waits for them: whatever
 * ends the wait (an answer, the time, the target's death, a signal) takes the rest back.
 */
#ifndef MS_CMD_POST_H
#define MS_CMD_POST_H

#include <stdint.h>

#include "cmd/find.h"
#include "table/control.h"

enum ms_post_outcome {
	MS_POST_NOT_ASKED = 0, /* nothing was posted: enough was freed, or the wait ended before */
	MS_POST_IN_FLIGHT,     /* only while ms_post_all() runs */
	MS_POST_ANSWERED,
	MS_POST_NO_ANSWER,  /* posted, not taken by the agent in time, taken back */
	MS_POST_STILL_RUNS, /* the agent works on it still; it was left to it */
};

/* One order. */
struct ms_post {
	struct ms_row row;
	uint32_t level;        /* enum ms_level */
	uint64_t target_bytes; /* 0 = everything */
	enum ms_post_outcome outcome;
	unsigned tries; /* busy caches are asked again */
	struct ms_answer answer;
	struct ms_order_handle handle;
};

enum ms_post_end {
	MS_POST_ENDED = 0, /* every order was posted and answered, or was not needed */
	MS_POST_TIMED_OUT,
	MS_POST_TARGET_GONE,
	MS_POST_INTERRUPTED, /* by a signal: ms_post_signal() */
	MS_POST_NO_SLOT,     /* others hold all slots of the control page */
	MS_POST_BROKEN,      /* the control page holds nonsense */
};

struct ms_post_job {
	struct ms_target *target;
	struct ms_post *posts; /* the allocator's row, if it is among them, last */
	unsigned count;
	unsigned in_flight;    /* how many at a time, at least 1 */
	uint64_t timeout_us;   /* for one callback, and for the agent to take an order */
	uint64_t wanted_bytes; /* stop when the caches claimed so much, and then ask the allocator; 0 = all */
};

/**
 * ms_post_all - post them in this order, wait for all
 * SIGINT, SIGTERM and SIGHUP end the wait while it runs.
 */
enum ms_post_end ms_post_all(struct ms_post_job *job);

/** ms_post_signal - the signal that ended the wait, 0 for none */
int ms_post_signal(void);

/** ms_post_aim - set level and target for a cache when @remaining bytes are still wanted (0 = everything) */
void ms_post_aim(struct ms_post *post, uint64_t remaining_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/post.h - an order's way on the client's side: post it, wait for its answer, know when to stop.
 *
 * A state machine over the caller's memory: no clock (now is an argument), no allocation, no lock, no
 * descriptor. The watch turns many of them at every look of its loop; `clear` and `shrink` turn one after
 * the other and sleep between two turns in ms_post_wait(). One thread per struct ms_control_client.
 *
 *   from      to        by      when
 *   IDLE      WAITING   caller  ms_post_begin()
 *   WAITING   POSTED    turn    a slot of the control page was free (and a BUSY answer's pause is over)
 *   WAITING   ENDED     turn    no slot for take_us: NO_SLOT; the page holds nonsense: BROKEN
 *   POSTED    RUNNING   turn    the agent has taken it: the order's own time begins
 *   POSTED    ENDED     turn    not taken for take_us: taken back, NOT_TAKEN
 *   POSTED,   WAITING   turn    answered BUSY, and busy_us leaves time for another try: after a pause, twice
 *   RUNNING                     as long as the one before
 *   POSTED,   ENDED     turn    answered: ANSWERED; the slot is no longer ours: LOST
 *   RUNNING
 *   RUNNING   ENDED     turn    past its own time and grace_us: left to the agent, STUCK
 *   any       ENDED     caller  ms_post_take_back(): TAKEN_BACK; LEFT when the agent works on it still;
 *                               ANSWERED when the answer has come meanwhile
 *   ENDED     IDLE      caller  ms_post_reset()
 *
 * A process that is stopped, or executes another program by now, takes no order: ms_post_is_silent() says
 * that it is worth looking into, which is the caller's part.
 */
#ifndef MS_TABLE_POST_H
#define MS_TABLE_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

enum ms_post_state {
	MS_POST_IDLE = 0, /* zeroed memory */
	MS_POST_WAITING,
	MS_POST_POSTED,
	MS_POST_RUNNING,
	MS_POST_ENDED,
};

enum ms_post_end {
	MS_POST_OPEN = 0, /* it has not ended */
	MS_POST_ANSWERED,
	MS_POST_NOT_TAKEN,
	MS_POST_STUCK,
	MS_POST_NO_SLOT,
	MS_POST_LOST,
	MS_POST_BROKEN,
	MS_POST_TAKEN_BACK,
	MS_POST_LEFT,
};

/* How long to wait for what. */
struct ms_post_patience {
	uint64_t silent_us; /* posted and not taken: ms_post_is_silent() */
	uint64_t take_us;   /* for a free slot, and then for the agent to take it */
	uint64_t grace_us;  /* after the order's own time, for the agent to say "stuck" by itself */
	uint64_t busy_us;   /* from ms_post_begin() on, BUSY is tried again for so long; 0 = never */
};

/* writer and reader: the one thread that owns it */
struct ms_post {
	enum ms_post_state state;
	enum ms_post_end end;
	unsigned tries;  /* how often it was posted */
	bool got_answer; /* ms_post_wait() has taken an answer, it is in waited; the next turn judges it
			  */
	struct ms_order order; /* target_bytes falls by what earlier tries brought */
	struct ms_order_handle handle;
	struct ms_post_patience patience;
	uint64_t begun_ns;
	uint64_t since_ns;  /* when it came to this state; in WAITING after a pause, when that ends */
	uint64_t posted_ns; /* of the last try; 0 = never posted */
	struct ms_answer waited;
	struct ms_answer answer; /* once ANSWERED; sums over the tries */
};

/**
 * ms_post_begin - an order is to go out; nothing is posted before the first turn
 * @order: seq and timeout_us not 0; copied
 */
void ms_post_begin(struct ms_post *post, const struct ms_order *order,
		   const struct ms_post_patience *patience, uint64_t now_ns);

/** ms_post_turn - one look: post it, poll it, judge; never blocks. Return: whether it has ended */
bool ms_post_turn(struct ms_post *post, struct ms_control_client *client, uint64_t now_ns);

/**
 * ms_post_wait - sleep until a turn may be of use, @most_us at the longest
 * Not for a loop that has other things to wait for. Return: 0; -EINTR.
 */
int ms_post_wait(struct ms_post *post, struct ms_control_client *client, uint64_t most_us, uint64_t now_ns);

/** ms_post_take_back - stop waiting; no-op unless it is on its way */
void ms_post_take_back(struct ms_post *post, struct ms_control_client *client);

/** ms_post_reset - forget one that has ended */
void ms_post_reset(struct ms_post *post);

/** ms_post_is_open - begun, and not ended */
bool ms_post_is_open(const struct ms_post *post);

/** ms_post_is_silent - in its slot for longer than silent_us, and not taken */
bool ms_post_is_silent(const struct ms_post *post, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * run/exhausted.h - what is done when nothing is left that helps: --on-exhausted.
 *
 *	IDLE      the watch tells of it                     STOPPING (term, restart); a hook runs (exec)
 *	IDLE      restart, and the kernel ended the command RESTING, or KILLING while something is left
 *	STOPPING  the grace is over                         KILLING, again and again while something is left
 *	STOPPING, the job has ended                         over; restart: RESTING
 *	KILLING
 *	RESTING   the back-off is over                      IDLE: the command was started again
 *	RESTING   a signal that means the end, or the limit over
 *
 * The first signal and the hook are on the alarm path: nothing is allocated or opened there. One thread.
 */
#ifndef MS_RUN_EXHAUSTED_H
#define MS_RUN_EXHAUSTED_H

#include <stdbool.h>
#include <stdint.h>

#include "run/child.h"
#include "run/enforce.h"
#include "run/helper.h"
#include "run/signals.h"
#include "watch/watch.h"

enum ms_exhausted_phase { MS_EXHAUSTED_IDLE = 0, MS_EXHAUSTED_STOPPING, MS_EXHAUSTED_KILLING, MS_EXHAUSTED_RESTING };

struct ms_exhausted {
	enum ms_exhausted_action action;
	uint32_t restarts_most; /* in a row */
	struct ms_watch *watch;
	struct ms_signals *signals;
	struct ms_child *child;
	struct ms_helper helper;
	struct ms_enforce *enforce;
	struct ms_loop_timer timer;
	enum ms_exhausted_phase phase;
	bool ended_job;   /* it ended because of this, at least the last time */
	int start_error;  /* it could not be started again: a negative errno */
	int said_signal;  /* of this stop */
	uint32_t sent;    /* the first signal, to how many */
	uint32_t in_row;  /* restarts since it last ran well */
	uint64_t since_ns;   /* of the phase */
	uint64_t started_ns; /* the command, the last time */
};

/**
 * ms_exhausted_init - before the loop turns; the command counts as started from now on
 * @exhausted: zeroed but for action, restarts_most, helper and enforce
 * @watch, @signals, @child, @loop: not owned, like @exhausted->enforce
 */
void ms_exhausted_init(struct ms_exhausted *exhausted, struct ms_watch *watch, struct ms_signals *signals,
		       struct ms_child *child, struct ms_loop *loop);

/** ms_exhausted_came - @arg: struct ms_exhausted; the watch calls it */
void ms_exhausted_came(void *arg, uint64_t now_ns);

/**
 * ms_exhausted_is_over - the loop has turned: is the run over?
 * Not where the command is to be started again, and was, or will be.
 */
bool ms_exhausted_is_over(struct ms_exhausted *exhausted, uint64_t now_ns);

#endif

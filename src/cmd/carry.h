/* SPDX-License-Identifier: MIT */
/*
 * cmd/carry.h - have orders carried out by one target, and wait for the answers.
 *
 * One thread. Orders are in the target's control page only while they are waited for: what ends the
 * wait (an answer, the time, the target's end, a signal) takes the rest back.
 */
#ifndef MS_CMD_CARRY_H
#define MS_CMD_CARRY_H

#include <signal.h>

#include "cmd/target.h"
#include "table/post.h"

/* One order and its way. */
struct ms_carried {
	struct ms_order order;
	struct ms_post post; /* IDLE: was not begun */
};

enum ms_carry_end {
	MS_CARRY_ENDED = 0, /* all were answered */
	MS_CARRY_FAILED,    /* one was not: its post says why; those behind it were not begun */
	MS_CARRY_GONE,      /* the target has ended */
	MS_CARRY_INTERRUPTED,
};

enum { MS_CARRY_SIGNALS = 3 };

struct ms_carry {
	struct ms_target *target;
	struct ms_control_client client;
	struct sigaction before[MS_CARRY_SIGNALS];
};

/** ms_carry_open - from here on SIGINT, SIGTERM and SIGHUP end a wait; Return: 0; as ms_control_open() */
int ms_carry_open(struct ms_carry *carry, struct ms_target *target);
void ms_carry_close(struct ms_carry *carry);

/** ms_carry_out - in this order; the next one is posted while one runs, so that the agent goes on at once */
enum ms_carry_end ms_carry_out(struct ms_carry *carry, struct ms_carried *orders, unsigned count);

/** ms_carry_signal - the signal that ended a wait, 0 for none */
int ms_carry_signal(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * watch/shortage.h - a shortage from high to low: decide for one reading, give the orders, say how it begins, goes on and ends.
 */
#ifndef MS_WATCH_SHORTAGE_H
#define MS_WATCH_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "sample/sample.h"

struct ms_watch;

struct ms_shortage {
	uint64_t since_ns;     /* 0 = there is none */
	uint64_t recovered_ns; /* it is over, but the last round has not settled yet; 0 = it is not */
	enum ms_why said_why;  /* of a wait or a warning; MS_WHY_BELOW_HIGH = none */
	bool said_margin, said_unprivileged;
	struct ms_limit said_limit;
};

/** ms_shortage_decide - plan for the reading as it is now, and act on it */
void ms_shortage_decide(struct ms_watch *watch, uint64_t now_ns);

/** ms_shortage_is_helpless - above high, and there is nothing to wait for but time */
bool ms_shortage_is_helpless(const struct ms_watch *watch);

#endif

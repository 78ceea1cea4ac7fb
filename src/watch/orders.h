/* SPDX-License-Identifier: MIT */
/*
 * watch/orders.h - a plan's orders: one to a process, on their way through table/post.h, and what came of
 * each.
 *
 *   plan --post--> an order of a member --turn, at every look--> its end --> policy, result.h, a line
 *
 * All orders of a plan are posted before a word is said about them, and the watch goes on reading meanwhile.
 * The policy learns of each exactly once: when it is answered, could not be posted, was given up or taken
 * back, or its process went away.
 *
 * An order that is not taken within a few milliseconds is as good as not given: the policy plans with the
 * others, and the order stays where it is. It is taken back when the shortage is over, when its process is
 * stopped or executes another program (silence.h), and after TAKE_NS.
 *
 * Nothing here allocates; but to look into a process that takes no order, below danger, nothing is opened.
 */
#ifndef MS_WATCH_ORDERS_H
#define MS_WATCH_ORDERS_H

#include <stdint.h>

#include "policy/policy.h"
#include "table/post.h"

struct ms_watch;
struct ms_member;

struct ms_orders {
	uint64_t last_seq;
	uint32_t open;      /* members that have an order */
	uint64_t posted_ns; /* the last plan with orders */
};

/**
 * ms_orders_begin - set @post, which is IDLE, on its way to a process
 * @planned: what to ask for; its process does not count
 */
void ms_orders_begin(struct ms_watch *watch, struct ms_member *member, struct ms_post *post,
		     const struct ms_policy_order *planned, uint64_t now_ns);

/** ms_orders_post - post the plan's orders, and nothing else; those that cannot be leave the plan */
void ms_orders_post(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_collect - turn all that are out */
void ms_orders_collect(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_take_back - those that no agent has taken: they are not needed any more */
void ms_orders_take_back(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_forget - the process in this slot is gone, or executes another program */
void ms_orders_forget(struct ms_watch *watch, uint32_t slot, uint64_t now_ns);

/** ms_orders_next_ns - until when none of them needs to be turned; UINT64_MAX when none is out */
uint64_t ms_orders_next_ns(const struct ms_watch *watch, uint64_t now_ns);

#endif

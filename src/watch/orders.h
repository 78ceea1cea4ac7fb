/* SPDX-License-Identifier: MIT */
/*
 * watch/orders.h - a plan's orders: one to a process, on their way through table/post.h; what came of them.
 *
 * All orders of a plan are posted before a word is said about them. They are then turned at every look, and the
 * watch goes on reading meanwhile. Each is learnt of exactly once: when it is answered, could not be posted, was
 * given up or taken back, or its process went away.
 *
 * An order that is not taken within a few milliseconds is as good as not given: the policy plans with the others,
 * and the order stays where it is. It is taken back when the shortage is over, when its process is stopped or
 * executes another program, and after TAKE_NS.
 *
 * A round is what is measured: from the first order of a plan until all are answered and the reading has settled,
 * or the next plan comes. What processes freed by themselves meanwhile is not counted as the round's (own.h).
 *
 * Nothing here allocates; but to look into a process that takes no order, below danger, nothing is opened.
 */
#ifndef MS_WATCH_ORDERS_H
#define MS_WATCH_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "table/state.h"

struct ms_watch;

struct ms_orders {
	uint64_t next_seq;
	uint32_t open;     /* members that have an order */
	uint32_t counting; /* members that were asked to count */
	uint64_t begun_ns;   /* the last plan with orders */
	uint64_t counted_ns; /* the last ms_orders_count() */
	uint64_t next_check_ns; /* of processes that take no order, or are stopped */
	/* The round. */
	bool measuring;
	uint64_t answered_ns; /* the last answer; 0 while orders are out */
	uint32_t processes;   /* when it began */
	uint64_t rss_before_bytes, rss_least_bytes;
	uint64_t own_before_bytes; /* what had come back of the members' own rounds */
	struct ms_state_round round;
};

/** ms_orders_post - post the plan's orders, and nothing else; Return: how many are out now */
uint32_t ms_orders_post(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_announce - begin a round with what was posted at @now_ns, and say so */
void ms_orders_announce(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_collect - turn all that is out */
void ms_orders_collect(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_take_back - those that no agent has taken: they are not needed any more */
void ms_orders_take_back(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_settle - close the round when the reading has settled, or @at_once */
void ms_orders_settle(struct ms_watch *watch, uint64_t now_ns, bool at_once);

/**
 * ms_orders_count_ahead - have all caches counted, when that is due
 * Pulled sizes are up to seconds old, and the next plan depends on them: asked between low and high.
 */
void ms_orders_count_ahead(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_follow - processes came or left, as the tree tells */
void ms_orders_follow(struct ms_watch *watch, uint64_t now_ns);

/** ms_orders_forget - the process in this slot is gone, or executes another program */
void ms_orders_forget(struct ms_watch *watch, uint32_t slot, uint64_t now_ns);

/** ms_orders_check_soon - a process may have been continued */
void ms_orders_check_soon(struct ms_watch *watch);

/** ms_orders_next_ns - until when nothing of this needs to be looked at; UINT64_MAX when nothing is out */
uint64_t ms_orders_next_ns(const struct ms_watch *watch, uint64_t now_ns);

#endif

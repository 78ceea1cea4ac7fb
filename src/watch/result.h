/* SPDX-License-Identifier: MIT */
/*
 * watch/result.h - what the orders of one plan brought together.
 *
 * A round is measured from the first order of a plan until all are answered and the reading has settled, or
 * the next plan comes. What processes freed by themselves meanwhile is not the round's (own.h). Nothing is
 * opened or allocated.
 */
#ifndef MS_WATCH_RESULT_H
#define MS_WATCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "table/state.h"

struct ms_watch;

struct ms_result {
	bool measuring;
	uint64_t answered_ns; /* the last answer; 0 while orders are out */
	uint32_t processes;   /* when it began */
	uint64_t rss_before_bytes, rss_least_bytes;
	uint64_t own_before_bytes; /* what had come back of the members' own rounds */
	struct ms_state_round sums; /* as they are published */
};

/** ms_result_begin - of the plan's orders, which were posted at @now_ns, and say so; ends that of the plan
 * before */
void ms_result_begin(struct ms_watch *watch, uint64_t now_ns);

/** ms_result_answer - an order has ended, and is no longer among those that are out */
void ms_result_answer(struct ms_watch *watch, uint64_t claimed_bytes, uint64_t now_ns);

/** ms_result_settle - after a reading: end the measuring when that has settled, or @at_once; no-op without
 * one */
void ms_result_settle(struct ms_watch *watch, uint64_t now_ns, bool at_once);

#endif

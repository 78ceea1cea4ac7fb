/* SPDX-License-Identifier: MIT */
/*
 * watch/own.h - what the members did by themselves (lib/own.c), as the headers of their tables say.
 *
 * The sums include members that have left. Nothing is opened: the tables are open already.
 */
#ifndef MS_WATCH_OWN_H
#define MS_WATCH_OWN_H

#include <stdbool.h>
#include <stdint.h>

struct ms_watch;

/* Sums; they saturate, since a process may write any figure. */
struct ms_watch_own {
	uint64_t rounds, claimed_bytes, returned_bytes, us;
	uint64_t brakes, braked_us;
};

/** ms_watch_own_sum - of all members, those that have left included; @fresh: read the headers now */
struct ms_watch_own ms_watch_own_sum(struct ms_watch *watch, bool fresh);

/**
 * ms_watch_own_tell - an event for each member that has shrunk by itself, once a minute at most
 * Does nothing above danger.
 */
void ms_watch_own_tell(struct ms_watch *watch, uint64_t now_ns);

/** ms_watch_own_keep - this member leaves, or executes another program: what it did stays in the sums */
void ms_watch_own_keep(struct ms_watch *watch, uint32_t slot);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * watch/context.h - all that the supervisor has, in one piece of memory. Between the files of
 * src/super alone.
 *
 * Who includes whom: loop.c joins targets, orders, sampler and policy; orders.c posts and collects;
 * report.c says. One thread; after ms_loop_prepare() nothing here allocates.
 */
#ifndef MS_WATCH_CONTEXT_H
#define MS_WATCH_CONTEXT_H

#include "policy/policy.h"
#include "sample/budget.h"
#include "sample/pace.h"
#include "sample/tree.h"
#include "run/child.h"
#include "run/live.h"
#include "event/digest.h"
#include "event/event.h"
#include "watch/hello.h"
#include "event/journal.h"
#include "event/out.h"
#include "run/signals.h"
#include "run/run.h"
#include "watch/members.h"
#include "util/clock.h"
#include "util/root.h"

/* A hello of a process that no scan has seen yet brings a scan forward, but not more often than this. */
#define MS_SCAN_LEAST_NS (50 * MS_NS_PER_MS)

enum { MS_HELLOS_WAITING = 64 };

/* A hello of a process that no scan has seen yet. */
struct ms_waiting_hello {
	struct ms_hello_packet packet;
	uint64_t since_ns;
};

enum { MS_FLIGHTS = MS_TREE_CAPACITY };
_Static_assert(+MS_POLICY_PROCESSES == +MS_TREE_CAPACITY, "a process is its slot in the tree");

/* An order on its way. */
struct ms_flight {
	bool used;
	bool running; /* the agent has taken it */
	struct ms_policy_order order;
	struct ms_order_handle handle;
	uint64_t posted_ns;
};

/* The orders of one plan and what came of them. */
struct ms_round {
	bool open;
	uint64_t began_ns, answered_ns; /* answered_ns: the last answer; 0 while orders are out */
	uint32_t processes; /* when it began */
	uint64_t rss_before, rss_least;
	uint64_t claimed_bytes;
};

struct ms_super {
	const struct ms_super_options *options;
	struct ms_root root;
	struct ms_signals signals;
	struct ms_child child;
	struct ms_live live;
	char comm[MS_COMM_BYTES]; /* of the command, for people: the last part of argv[0] */
	int blind_error; /* negative errno: the command runs, but cannot be watched */
	int hello_fd;    /* -1: tables are only looked for */
	char hello_name[MS_HELLO_NAME_BYTES];

	uint32_t waiting_count;
	struct ms_waiting_hello waiting[MS_HELLOS_WAITING];

	struct ms_out lines;   /* stderr */
	struct ms_out journal; /* fd -1: none */
	struct ms_digest digest; /* of what goes to stderr */
	bool said_margin;
	struct ms_limit said_limit;

	struct ms_policy_config config;
	struct ms_budget budget;
	struct ms_pace pace;
	struct ms_sample sample;
	struct ms_marks marks;
	struct ms_plan plan;
	enum ms_why said_why; /* of a wait or a warning; MS_WHY_BELOW_HIGH = none */

	struct ms_flight flights[MS_FLIGHTS];
	uint32_t flight_count;
	uint64_t next_seq;
	struct ms_round round;

	uint64_t started_ns;
	uint64_t shortage_since_ns; /* 0 = none */
	uint64_t recovered_ns;      /* it is over, but the last round has not settled yet; 0 = none */
	uint64_t refreshed_ns; /* the last ms_orders_refresh() */
	uint64_t scanned_ns, next_scan_ns;
	uint64_t next_state_check_ns;   /* of targets whose orders are not taken */
	uint64_t next_stopped_check_ns; /* of stopped targets */
	uint64_t wake_latency_ns, order_latency_ns; /* worst of late, fading */
	uint64_t step_ns;             /* likewise: from waking to sleeping */
	uint64_t margin_bytes;
	uint64_t oom_kills_before;
	struct ms_event_end summary;

	char line[MS_JOURNAL_LINE_BYTES];
	struct ms_policy_state policy;
	struct ms_stock stock;
	struct ms_members members;
	struct ms_tree tree;
};

/* report.c */

/** ms_report - complete it and say it: to the journal if there is one, and to stderr what belongs there */
void ms_report(struct ms_super *super, struct ms_event *event);

/** ms_report_prepare - before anything else of report.c */
void ms_report_prepare(struct ms_super *super);

/** ms_report_turn - all of a look was reported */
void ms_report_turn(struct ms_super *super);

/** ms_report_process - an event about the process in a slot */
void ms_report_process(struct ms_super *super, enum ms_event_kind kind, uint32_t slot);

/** ms_report_command - an event about the command's own process */
void ms_report_command(struct ms_super *super, struct ms_event *event);

/* orders.c */

/** ms_orders_post - post the plan's orders, and nothing else; Return: how many were posted */
uint32_t ms_orders_post(struct ms_super *super, uint64_t now_ns);

/** ms_orders_announce - begin a round with what was posted at @now_ns, and say so */
void ms_orders_announce(struct ms_super *super, uint64_t now_ns);

/**
 * ms_orders_refresh - have all caches counted now
 * Pulled sizes are up to seconds old, and the next plan depends on them: asked between low and high.
 */
void ms_orders_refresh(struct ms_super *super, uint64_t now_ns);

/** ms_orders_collect - take answers, give up what is overdue; Return: whether anything was learnt */
bool ms_orders_collect(struct ms_super *super, uint64_t now_ns);

/** ms_orders_forget - the process in this slot is gone, or executes another program */
void ms_orders_forget(struct ms_super *super, uint32_t slot, uint64_t now_ns);

/** ms_orders_settle - close the round when the reading has settled, or before the next one */
void ms_orders_settle(struct ms_super *super, uint64_t now_ns, bool at_once);

/* greet.c */

/** ms_greet_receive - take the hellos that have come; those of processes not seen yet wait */
void ms_greet_receive(struct ms_super *super, uint64_t now_ns);

/** ms_greet_waiting - after a scan: take those that waited for it */
void ms_greet_waiting(struct ms_super *super, uint64_t now_ns);

/** ms_greet_report - say that a table was found */
void ms_greet_report(struct ms_super *super, uint32_t slot);

/* loop.c */

/** ms_loop_prepare - open all, read once, touch every path; Return: 0 or a negative errno */
int ms_loop_prepare(struct ms_super *super);

/** ms_loop_run - until the command has ended */
void ms_loop_run(struct ms_super *super);
void ms_loop_finish(struct ms_super *super);

#endif

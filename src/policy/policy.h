/* SPDX-License-Identifier: MIT */
/*
 * policy/policy.h - from numbers to a plan.
 *
 * Pure functions over plain structs: no clock, no descriptor, no allocation, no global. The same
 * sample, rows, configuration and state give the same plan, so a recording can be replayed.
 *
 * The life of a shortage, for one target (a process tree under one budget):
 *
 *   used > high            plan TRIM orders, cheapest bytes first, for used - low in all
 *   answers came           feed each to ms_policy_learn(), then hold off while the reading settles
 *   still > high           next plan; CLEAR where a TRIM did not bring enough
 *   nothing left to ask    order on the allocator's row: give back what is free
 *   still > high           WARN, once per storm, then wait with growing pauses (storm breaker)
 *   used < low             all is forgiven but what was learnt of each cache
 */
#ifndef MS_POLICY_POLICY_H
#define MS_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "sample/sample.h"
#include "table/reader.h"
#include "util/units.h"

enum {
	MS_PLAN_ACTIONS = 16,
	MS_POLICY_MEMORY = 256, /* caches whose behaviour is remembered */
};

struct ms_policy_config {
	struct ms_mark high;        /* unset: 90 % of max, lower when the margin asks for it */
	struct ms_mark low;         /* unset: 80 % of max, at least 5 % of max below high */
	uint64_t small_bytes;       /* a cache of fewer bytes ... */
	uint64_t small_entries;     /* ... and fewer entries is left alone, unless nothing else is left */
	uint64_t hold_off_ns;       /* after an answer, until the reading counts */
	uint64_t storm_pause_ns;    /* first pause when shrinking does not help; doubles up to 64 times */
};

/** ms_policy_defaults - what a user gets who says nothing; the source of each figure is in policy.c */
struct ms_policy_config ms_policy_defaults(void);

/* The budget in bytes, as it applies to one sample. */
struct ms_marks {
	uint64_t max_bytes, high_bytes, low_bytes;
	bool lowered; /* high is below what was configured, because the margin asks for it */
};

/**
 * ms_policy_marks - resolve high and low against the limit that binds
 * @margin_bytes: what the target can grow by between crossing high and the first callback, worst case
 */
struct ms_marks ms_policy_marks(const struct ms_policy_config *config, uint64_t max_bytes,
				uint64_t margin_bytes);

/* One cache of one process of the target. */
struct ms_policy_row {
	uint32_t process;        /* index the supervisor gave the process; handed back in actions */
	bool answers;            /* its agent can be asked: not stopped, not stuck, no order in flight */
	struct ms_row row;
};

/* What was learnt of a cache from its answers. */
struct ms_policy_record {
	uint32_t process, row, generation; /* generation 0: unused */
	uint32_t asked, empty, late;       /* late: past the deadline, or stuck */
	uint64_t claimed_bytes, duration_us;
	uint64_t bytes_after;              /* right after the last answer */
	uint64_t asked_at_ns;
	uint64_t not_before_ns;            /* brake on a cache that regrows at once or is busy */
};

struct ms_policy_state {
	bool in_shortage;          /* above high and not yet below low */
	uint32_t step;             /* 0 trim, 1 clear, 2 small and last-resort caches, 3 allocator, 4 warned */
	uint32_t rounds;           /* plans with actions in this shortage */
	uint64_t hold_until_ns;
	uint64_t used_at_plan;     /* limit.used_bytes when the last plan was made */
	uint64_t pause_ns;         /* storm breaker's present pause; 0 = no storm */
	struct ms_policy_record records[MS_POLICY_MEMORY];
};

struct ms_action {
	uint32_t process;
	uint32_t row, generation;
	uint32_t level;         /* enum ms_order_level */
	uint64_t target_bytes;  /* 0 = everything */
	uint64_t expect_bytes;  /* what the plan hopes to get */
};

enum ms_plan_kind {
	MS_PLAN_NOTHING = 0, /* below high */
	MS_PLAN_WAIT,        /* above high, but hold-off, pause, or nobody can be asked now */
	MS_PLAN_ORDERS,      /* actions */
	MS_PLAN_WARN,        /* nothing is left to ask: tell the person; count is 0 */
	MS_PLAN_RECOVERED,   /* fell below low: the shortage is over */
};

enum ms_why {
	MS_WHY_BELOW_HIGH = 0,
	MS_WHY_ABOVE_HIGH,      /* first plan of a shortage */
	MS_WHY_STILL_ABOVE_LOW, /* a further plan of the same shortage */
	MS_WHY_ESCALATED,       /* the level went up: the last plan did not bring enough */
	MS_WHY_HOLD_OFF,        /* answers came, the reading settles */
	MS_WHY_STORM_PAUSE,     /* shrinking did not help; waiting before the next try */
	MS_WHY_NOBODY_ANSWERS,  /* there are caches, but every agent is stopped, stuck or busy */
	MS_WHY_NOTHING_LEFT,    /* all was asked, and still above high */
	MS_WHY_NO_CACHES,       /* above high, and the target registered nothing */
	MS_WHY_BELOW_LOW,       /* the shortage is over */
};

struct ms_plan {
	enum ms_plan_kind kind;
	uint32_t count;
	struct ms_action actions[MS_PLAN_ACTIONS];
	uint64_t need_bytes;      /* used - low */
	uint64_t not_before_ns;   /* MS_PLAN_WAIT: when to ask again */
	enum ms_why why;          /* the reason; super renders it as a line */
};

/**
 * ms_policy_plan - decide for one sample
 * @rows: the caches of all processes of the target; any order; up to @row_count
 * @state: moved on; zero it for a new target
 * @ret_plan: filled in whatever the kind
 */
void ms_policy_plan(const struct ms_policy_config *config, const struct ms_sample *sample,
		    const struct ms_marks *marks, const struct ms_policy_row *rows, uint32_t row_count,
		    struct ms_policy_state *state, struct ms_plan *ret_plan);

/**
 * ms_policy_learn - an order was answered, or given up
 * @action: as planned
 * @status: enum ms_answer_status; MS_ANSWER_STUCK also when the client gave up waiting
 */
void ms_policy_learn(struct ms_policy_state *state, const struct ms_action *action, uint32_t status,
		     uint64_t claimed_bytes, uint64_t duration_us, uint64_t bytes_after, uint64_t now_ns);

#endif

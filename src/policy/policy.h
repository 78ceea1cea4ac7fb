/* SPDX-License-Identifier: MIT */
/*
 * policy/policy.h - from numbers to a plan.
 *
 * Pure functions over plain structs: no clock (now is sample->at_ns), no descriptor, no allocation,
 * no global. The same sample, rows, configuration and state give the same plan, so a recording can
 * be replayed. Nothing here blocks; all of it may run on the alarm path.
 *
 * The life of a shortage, for one target (a process tree under one budget):
 *
 *   used > high            plan TRIM orders, cheapest bytes first, for used - low in all
 *   answers came           feed each to ms_policy_learn(), then hold off while the reading settles
 *   still > high           next plan; CLEAR where a TRIM did not bring enough
 *   nothing left to ask    small and last-resort caches, then the allocator's row: give back what is free
 *   still > high           WARN, once per storm, then wait with growing pauses (storm breaker)
 *   used < low             all is forgiven but what was learnt of each cache
 *   calm below high        for a while: what did not come back was reused, so the last plans helped after all
 *
 *   used > danger          at any step: whole caches at once, short hold-off; then EMERGENCY
 *
 * Caller's duties: every action of a plan is followed by exactly one ms_policy_learn(), whatever
 * became of it; ms_policy_forget() before the index of a process that ended is used again.
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
	uint64_t small_bytes;       /* a cache of fewer bytes, or of unknown size ... */
	uint64_t small_entries;     /* ... and fewer entries, is left alone unless nothing else is left */
	uint64_t hold_off_ns;       /* after an answer, until the reading counts */
	uint64_t storm_pause_ns;    /* first pause when shrinking does not help; doubles up to 64 times */
};

/** ms_policy_defaults - what a user gets who says nothing; the source of each figure is in marks.c */
struct ms_policy_config ms_policy_defaults(void);

/* What is wrong with the marks somebody configured. */
enum ms_policy_fault {
	MS_POLICY_OK = 0,
	MS_POLICY_HIGH_IS_ZERO,        /* it would always be a shortage */
	MS_POLICY_HIGH_ABOVE_MAX,      /* it would never be one */
	MS_POLICY_LOW_NOT_BELOW_HIGH,
};

/**
 * ms_policy_check - do the configured marks make sense?
 * @max_bytes: the limit, 0 where it is not known yet: only what can be compared without it is
 */
enum ms_policy_fault ms_policy_check(const struct ms_policy_config *config, uint64_t max_bytes);

/* The budget in bytes, as it applies to one sample. low <= high <= max; low < high unless max < 2. */
struct ms_marks {
	uint64_t max_bytes, high_bytes, low_bytes;
	uint64_t danger_bytes; /* between high and max: from here on whole caches, then EMERGENCY */
	bool lowered; /* high is below what was configured, because the margin asks for it */
};

/**
 * ms_policy_marks - resolve high and low against the limit that binds
 * @max_bytes: 0 = there is no limit (max_bytes of the result is then UINT64_MAX)
 * @margin_bytes: what the target can grow by between crossing high and the first callback, worst case
 *
 * Never fails: marks that make no sense for this max (see ms_policy_check()) are brought into line.
 */
struct ms_marks ms_policy_marks(const struct ms_policy_config *config, uint64_t max_bytes,
				uint64_t margin_bytes);

/* One cache of one process of the target. */
struct ms_policy_row {
	uint32_t process;        /* index the supervisor gave the process; handed back in actions */
	bool answers;            /* its agent can be asked: not stopped, not stuck, no order in flight */
	struct ms_row row;
};

/* What was learnt of a cache from its answers. Found by (process, row); generation 0: unused. */
struct ms_policy_record {
	uint32_t process, row, generation;
	uint32_t asked;
	uint32_t empty;            /* answers in a row that freed nothing */
	uint32_t busy;             /* in a row */
	uint32_t late;             /* in a row past the deadline, or stuck */
	uint32_t unreturned;       /* plans in a row that it took part in and that did not help */
	uint32_t min_level;        /* below it the cache says UNSUPPORTED, or frees nothing */
	uint32_t last_level;
	bool spent;                /* everything was asked of it and that did not help; until it grows */
	uint64_t claimed_bytes, duration_us; /* sums */
	uint64_t last_claimed_bytes;
	uint64_t bytes_after;      /* right after the last answer */
	uint64_t answered_at_ns;
	uint64_t not_before_ns;    /* busy, stuck, or nothing to free */
	uint64_t brake_until_ns;   /* it regrew at once */
};

struct ms_policy_state {
	bool in_shortage;          /* above high and not yet below low */
	bool warned;               /* the person was told; until below low */
	bool retrying;             /* the plan in flight is the one try after a pause */
	bool unsettled;            /* the last plan is not judged yet */
	uint32_t step;             /* enum ms_policy_step of the last plan */
	uint32_t rounds;           /* plans with actions in this shortage */
	uint32_t danger_rounds;    /* how many of them above danger */
	uint32_t unhelpful;        /* plans in a row that did not help */
	uint32_t in_flight;        /* actions planned and not learnt of yet */
	uint32_t worked;           /* answers to the last plan that were more than "busy" */
	uint32_t returned_per_mille; /* what came back of what was claimed; 0 = nothing learnt yet */
	uint64_t shortage_at_ns;   /* when it began */
	uint64_t ended_at_ns;      /* when the last shortage ended; 0 = there was none */
	uint64_t planned_at_ns, answered_at_ns;
	/* The last plan, to judge it by. */
	uint64_t max_at_plan, used_at_plan, growth_at_plan, expected_bytes, claimed_bytes;
	/* The storm breaker; pause_ns 0 = no storm. */
	uint64_t pause_ns, pause_until_ns, cached_at_pause;
	struct ms_policy_record records[MS_POLICY_MEMORY];
};

enum ms_policy_step {
	MS_STEP_TRIM = 0,
	MS_STEP_CLEAR,
	MS_STEP_SMALL,     /* small caches, singletons, and those that keep no count */
	MS_STEP_ALLOCATOR,
	MS_STEP_WARN,
};

struct ms_action {
	uint32_t process;
	uint32_t row, generation;
	uint32_t level;         /* enum ms_level */
	uint64_t target_bytes;  /* 0 = everything */
	uint64_t expect_bytes;  /* what the plan hopes to get */
};

enum ms_plan_kind {
	MS_PLAN_NOTHING = 0, /* below high */
	MS_PLAN_WAIT,        /* above high, but hold-off, pause, or nobody can be asked now */
	MS_PLAN_ORDERS,      /* actions */
	MS_PLAN_WARN,        /* nothing is left to ask: tell the person; count is 0 */
	MS_PLAN_RECOVERED,   /* the shortage is over: below low, or below high and no easy bytes left */
};

enum ms_why {
	MS_WHY_BELOW_HIGH = 0,
	MS_WHY_ABOVE_HIGH,      /* first plan of a shortage */
	MS_WHY_STILL_ABOVE_LOW, /* a further plan of the same shortage */
	MS_WHY_ESCALATED,       /* the level went up: the last plan did not bring enough */
	MS_WHY_NEAR_MAX,        /* above danger: whole caches at once */
	MS_WHY_HOLD_OFF,        /* answers came, the reading settles */
	MS_WHY_IN_FLIGHT,       /* orders are not answered yet */
	MS_WHY_STORM_PAUSE,     /* shrinking did not help; waiting before the next try */
	MS_WHY_PAUSE_OVER,      /* one more try after such a pause */
	MS_WHY_NOBODY_ANSWERS,  /* there are caches, but every agent is stopped, stuck or busy */
	MS_WHY_NOTHING_LEFT,    /* all was asked, and still above high */
	MS_WHY_DOES_NOT_HELP,   /* caches were shrunk again and again, and the memory did not come back */
	MS_WHY_NO_CACHES,       /* above high, and the target registered nothing */
	MS_WHY_BELOW_LOW,       /* the shortage is over */
};

struct ms_plan {
	enum ms_plan_kind kind;
	uint32_t count;
	struct ms_action actions[MS_PLAN_ACTIONS];
	uint64_t need_bytes;      /* used - low */
	uint64_t ask_bytes;       /* more than that where little of it comes back, or while it grows */
	uint64_t not_before_ns;   /* MS_PLAN_WAIT: when to ask again; may be asked earlier */
	enum ms_why why;          /* the reason; super renders it as a line */
};

/**
 * ms_policy_wants_rows - would ms_policy_plan() look at the rows, if it was called now?
 *
 * Reading them is the dearest part of a look. Without a shortage, or while orders are out and the
 * reading settles, it may be called with a @row_count of 0.
 */
bool ms_policy_wants_rows(const struct ms_policy_config *config, const struct ms_sample *sample,
			  const struct ms_marks *marks, const struct ms_policy_state *state);

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
 * @status: enum ms_answer_status; MS_ANSWER_STUCK also when the client gave up waiting;
 *          MS_ANSWER_NONE when it could not be posted
 * @bytes_after: the row's bytes right after
 */
void ms_policy_learn(struct ms_policy_state *state, const struct ms_action *action, uint32_t status,
		     uint64_t claimed_bytes, uint64_t duration_us, uint64_t bytes_after, uint64_t now_ns);

/** ms_policy_forget - a process ended: what was learnt of its caches holds for nobody else */
void ms_policy_forget(struct ms_policy_state *state, uint32_t process);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * policy/internal.h - what the files of the policy share: evidence.c (what is known of a process),
 * spread.c (how much is asked of which process), plan.c (when, and the phases).
 */
#ifndef MS_POLICY_INTERNAL_H
#define MS_POLICY_INTERNAL_H

#include "policy/policy.h"
#include "util/saturate.h"

/* One call of ms_policy_plan(). */
struct ms_policy_round {
	const struct ms_policy_config *config;
	const struct ms_sample *sample;
	const struct ms_marks *marks;
	const struct ms_policy_input *input;
	struct ms_policy_state *state;
	struct ms_plan *plan;
	uint64_t now_ns, used_bytes;
	uint64_t worth_bytes; /* less in a process is little */
	bool gentle; /* at or below high: easy bytes only */
	bool danger; /* above the danger mark */
	bool hurry;  /* at max within a second, as it grows now */
	/* From ms_policy_take_stock(). */
	bool silent, busy, useless; /* some process is; each has something in it, a silent one much */
	bool asked;                 /* some process was, in this shortage */
	uint64_t hope_bytes;        /* what may come of the processes yet */
	bool left_out;              /* some cache with something in it never is, or its callback still runs */
	uint64_t soonest_ns;        /* the first end of a back-off; UINT64_MAX = there is none */
};

/* The distance between the marks: what counts as much or little for this budget. */
static inline uint64_t ms_policy_span(const struct ms_marks *marks)
{
	return marks->high_bytes - marks->low_bytes;
}

/* What a process is to one plan. */
enum ms_policy_standing {
	MS_STANDING_NOTHING = 0, /* in it, or too little to ask again */
	MS_STANDING_ASKABLE,
	MS_STANDING_UNCOUNTED, /* its rows show nothing, but it may have caches that no row shows yet */
	MS_STANDING_OUT,
	MS_STANDING_SILENT,  /* its agent does not answer, or was stuck a moment ago */
	MS_STANDING_BUSY,    /* its back-off runs */
	MS_STANDING_USELESS, /* likewise */
};

/* ---- evidence.c ---- */

/** ms_policy_enter - another phase; asserts that the table at the head of policy.h has the way there */
void ms_policy_enter(struct ms_policy_state *state, enum ms_policy_phase phase);

/** ms_policy_reset - no process is useless any more: below low, and after calm */
void ms_policy_reset(struct ms_policy_state *state);

/** ms_policy_given - @order goes out: remember by what to judge it; @expect_bytes at most are there */
void ms_policy_given(const struct ms_policy_round *round, const struct ms_policy_order *order,
		     uint64_t expect_bytes);

/**
 * ms_policy_standing - may this process be asked now? Its evidence's now.bytes and now.unknown are set.
 */
enum ms_policy_standing ms_policy_standing(const struct ms_policy_round *round,
					   const struct ms_policy_process *process);

/** ms_policy_level - at which level it is asked next */
uint32_t ms_policy_level(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence);

/** ms_policy_on_the_way - what the orders that are out are counted for; @ret_until_ns: and how long */
uint64_t ms_policy_on_the_way(const struct ms_policy_round *round, const struct ms_policy_state *state,
			      uint64_t *ret_until_ns);

/* ---- spread.c ---- */

/** ms_policy_take_stock - what the processes hold, and the standing of each; fills in the rest of @round */
void ms_policy_take_stock(struct ms_policy_round *round);

/** ms_policy_spread - put orders into the plan for @bytes, the cheapest first; Return: how many */
uint32_t ms_policy_spread(const struct ms_policy_round *round, uint64_t bytes);

#endif

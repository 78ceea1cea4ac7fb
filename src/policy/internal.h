/* SPDX-License-Identifier: MIT */
/*
 * policy/internal.h - what the files of the policy share: learn.c (records), rank.c (who first),
 * plan.c (when, how much, at which level).
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
	const struct ms_policy_row *rows;
	uint32_t row_count;
	struct ms_policy_state *state;
	struct ms_plan *plan;
	uint64_t now_ns, used_bytes;
	bool danger; /* above the danger mark */
	bool gentle; /* at or below high: easy bytes only */
};

static inline uint64_t ms_policy_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The distance between the marks: what counts as much or little for this budget. */
static inline uint64_t ms_policy_span(const struct ms_marks *marks)
{
	return marks->high_bytes - marks->low_bytes;
}

/* ---- rank.c ---- */

/* Who is asked before whom, whatever the priority: a later tier only when the plan may reach it. */
enum ms_policy_tier {
	MS_TIER_ORDINARY = 0,
	MS_TIER_DOUBTFUL, /* did not help lately, or is risky near max */
	MS_TIER_SMALL,    /* small, a singleton, or without any count */
	MS_TIER_SPENT,    /* everything was asked, it did not help, and it has not grown */
};

enum { MS_POLICY_CANDIDATES = 48 };

struct ms_policy_candidate {
	const struct ms_policy_row *from;
	uint64_t bytes;     /* what it can give; an estimate where it keeps no bytes */
	uint32_t min_level;
	int32_t priority;
	uint8_t tier;
	uint8_t minor;      /* so little that many of it do not make up the need */
	uint8_t cost;       /* of a freed byte, logarithm to the base 4 */
	bool taken;
};

struct ms_policy_candidates {
	uint32_t count;
	struct ms_policy_candidate items[MS_POLICY_CANDIDATES]; /* the best ones, best first */
	uint32_t caches;       /* rows but for the allocators' */
	uint32_t silent;       /* caches with something in them whose agent cannot be asked */
	uint64_t soon_ns;      /* when the first of those that are busy may be asked again; 0 = none */
	uint64_t cached_bytes; /* what all hold that the policy may ask, now or later */
};

struct ms_policy_wish {
	uint64_t ask_bytes;
	enum ms_policy_tier max_tier;
	bool by_size; /* the largest first within a tier: when the best ranked are too small to help */
};

void ms_policy_collect(const struct ms_policy_round *round, const struct ms_policy_wish *wish,
		       struct ms_policy_candidates *ret_list);

/** ms_policy_choose - put actions into the plan until they make up @ask_bytes; Return: what is expected */
uint64_t ms_policy_choose(struct ms_policy_candidates *list, uint64_t ask_bytes, uint32_t level,
			  struct ms_plan *plan);

/* ---- learn.c ---- */

struct ms_policy_record *ms_policy_record_find(struct ms_policy_state *state, uint32_t process, uint32_t row,
					       uint32_t generation);

/** ms_policy_judge - did the last plan help? Learns the share that came back, and who did not help. */
void ms_policy_judge(const struct ms_policy_round *round);

/** ms_policy_grown - more in it than after the last answer, by enough to ask again */
bool ms_policy_grown(const struct ms_marks *marks, const struct ms_policy_record *record, uint64_t bytes);

/** ms_policy_pardon - below low: nobody is spent any more */
void ms_policy_pardon(struct ms_policy_state *state);

#endif

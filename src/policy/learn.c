/* SPDX-License-Identifier: MIT */
/*
 * policy/learn.c - what is remembered of each cache, and whether the last plan helped.
 *
 * The memory is an array in the caller's state: sets of a few records, found by process and row; the
 * one not heard of for the longest makes place. Nothing is remembered of a cache that was never asked.
 */
#include "policy/internal.h"

#include <string.h>

#include "util/clock.h"

enum {
	WAYS = 8,
	SETS = MS_POLICY_MEMORY / WAYS,
	HELPED_DIVISOR = 4,   /* a quarter of what was expected, or more, is help */
	RETURNED_LEAST = 125, /* never ask for more than eight times the need */
	BUSY_FIRST_MS = 20,   /* doubles up to 5 s: a lock is held for microseconds, or for a whole query */
	BUSY_DOUBLINGS = 8,
	EMPTY_FIRST_S = 30,   /* doubles up to 8 min */
	EMPTY_DOUBLINGS = 4,
	STUCK_FIRST_S = 3,    /* doubles up to 3 min; while the callback runs its row says so */
	STUCK_DOUBLINGS = 6,
	REFUSED_S = 3600,
	GROWN_DIVISOR = 8,
};

static struct ms_policy_record *set_of(struct ms_policy_state *state, uint32_t process, uint32_t row)
{
	uint32_t hash = (process * UINT32_C(40503) + row) * UINT32_C(2654435761);

	return &state->records[(hash >> 16) % SETS * WAYS];
}

struct ms_policy_record *ms_policy_record_find(struct ms_policy_state *state, uint32_t process, uint32_t row,
					       uint32_t generation)
{
	struct ms_policy_record *set = set_of(state, process, row);

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].generation && set[i].generation == generation && set[i].row == row &&
		    set[i].process == process)
			return &set[i];
	}
	return NULL;
}

static struct ms_policy_record *make_record(struct ms_policy_state *state, const struct ms_action *action)
{
	struct ms_policy_record *set = set_of(state, action->process, action->row), *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (!set[i].generation || (set[i].row == action->row && set[i].process == action->process)) {
			oldest = &set[i];
			break;
		}
		if (set[i].answered_at_ns < oldest->answered_at_ns)
			oldest = &set[i];
	}
	*oldest = (struct ms_policy_record){
		.process = action->process, .row = action->row, .generation = action->generation};
	return oldest;
}

void ms_policy_forget(struct ms_policy_state *state, uint32_t process)
{
	for (unsigned i = 0; i < MS_POLICY_MEMORY; i++) {
		if (state->records[i].process == process)
			memset(&state->records[i], 0, sizeof(state->records[i]));
	}
}

void ms_policy_pardon(struct ms_policy_state *state)
{
	for (unsigned i = 0; i < MS_POLICY_MEMORY; i++)
		state->records[i].spent = false;
}

bool ms_policy_grown(const struct ms_marks *marks, const struct ms_policy_record *record, uint64_t bytes)
{
	uint64_t again = ms_sat_add(record->bytes_after, record->bytes_after);

	return bytes > ms_sat_add(again, ms_policy_span(marks) / GROWN_DIVISOR);
}

static uint64_t doubled(uint64_t first, uint32_t times, uint32_t most)
{
	return first << (times > most ? most : times);
}

static void learn_empty(struct ms_policy_record *record, const struct ms_action *action, uint64_t bytes_after,
			uint64_t now_ns)
{
	/* It was emptied before the order came; that is no fault. */
	if (action->expect_bytes > 0 && bytes_after == 0)
		return;
	record->empty++;
	/* Less than everything was asked: dropping the whole may work where taking parts does not. */
	if (action->level < MS_LEVEL_CLEAR && record->min_level < MS_LEVEL_CLEAR) {
		record->min_level = MS_LEVEL_CLEAR;
		return;
	}
	record->spent = true;
	record->not_before_ns =
		now_ns + doubled(EMPTY_FIRST_S, record->empty - 1, EMPTY_DOUBLINGS) * MS_NS_PER_S;
}

static void learn_freed(struct ms_policy_record *record, const struct ms_action *action,
			uint64_t claimed_bytes, uint64_t bytes_after, uint64_t now_ns)
{
	record->claimed_bytes = ms_sat_add(record->claimed_bytes, claimed_bytes);
	/* A cache that keeps no bytes cannot claim any; whether it helps is seen by the reading. */
	if (claimed_bytes == 0 && action->expect_bytes > 0) {
		learn_empty(record, action, bytes_after, now_ns);
		return;
	}
	record->empty = record->late = 0;
}

static void learn_refused(struct ms_policy_record *record, uint32_t level, uint64_t now_ns)
{
	record->min_level = level + 1;
	if (record->min_level > MS_LEVEL_EMERGENCY)
		record->not_before_ns = now_ns + REFUSED_S * MS_NS_PER_S;
}

static void learn_status(struct ms_policy_record *record, const struct ms_action *action, uint32_t status,
			 uint64_t claimed_bytes, uint64_t bytes_after, uint64_t now_ns)
{
	if (status != MS_ANSWER_BUSY)
		record->busy = 0;
	switch (status) {
	case MS_ANSWER_DONE:
	case MS_ANSWER_PARTIAL:
		learn_freed(record, action, claimed_bytes, bytes_after, now_ns);
		break;
	case MS_ANSWER_EMPTY:
		learn_empty(record, action, bytes_after, now_ns);
		break;
	case MS_ANSWER_BUSY:
		record->not_before_ns =
			now_ns + doubled(BUSY_FIRST_MS, record->busy++, BUSY_DOUBLINGS) * MS_NS_PER_MS;
		break;
	case MS_ANSWER_UNSUPPORTED:
		learn_refused(record, action->level, now_ns);
		break;
	case MS_ANSWER_STUCK:
		record->not_before_ns =
			now_ns + doubled(STUCK_FIRST_S, record->late++, STUCK_DOUBLINGS) * MS_NS_PER_S;
		break;
	default: /* it makes no sense to the agent: asking again soon will not either */
		record->not_before_ns = now_ns + EMPTY_FIRST_S * MS_NS_PER_S;
		break;
	}
}

static bool did_work(uint32_t status)
{
	return status == MS_ANSWER_DONE || status == MS_ANSWER_PARTIAL || status == MS_ANSWER_EMPTY;
}

void ms_policy_learn(struct ms_policy_state *state, const struct ms_action *action, uint32_t status,
		     uint64_t claimed_bytes, uint64_t duration_us, uint64_t bytes_after, uint64_t now_ns)
{
	struct ms_policy_record *record =
		ms_policy_record_find(state, action->process, action->row, action->generation);

	state->in_flight -= state->in_flight > 0;
	state->answered_at_ns = now_ns;
	if (status == MS_ANSWER_NONE || status == MS_ANSWER_STOPPED)
		return;
	if (status == MS_ANSWER_GONE) {
		if (record)
			memset(record, 0, sizeof(*record));
		return;
	}
	state->worked += did_work(status);
	state->claimed_bytes = ms_sat_add(state->claimed_bytes, claimed_bytes);
	if (!record)
		record = make_record(state, action);
	record->asked++;
	record->duration_us = ms_sat_add(record->duration_us, duration_us);
	record->last_claimed_bytes = claimed_bytes;
	record->last_level = action->level;
	record->bytes_after = bytes_after;
	record->answered_at_ns = now_ns;
	learn_status(record, action, status, claimed_bytes, bytes_after, now_ns);
}

/* How much the reading fell since the plan, with the growth in the meantime taken out: as far as it
 * went on, and no further than what was expected, so that an estimate cannot make a useless cache helpful. */
static uint64_t returned_since_plan(const struct ms_policy_round *round)
{
	const struct ms_policy_state *state = round->state;
	uint64_t rate = ms_policy_min(state->growth_at_plan, round->sample->growth_bytes_per_s);
	uint64_t ms = ms_sat_sub(round->now_ns, state->planned_at_ns) / MS_NS_PER_MS;
	uint64_t grown = ms && rate / 1000 > UINT64_MAX / ms ? UINT64_MAX : rate / 1000 * ms;

	grown = ms_policy_min(grown, state->expected_bytes);
	return ms_sat_sub(ms_sat_add(state->used_at_plan, grown), round->used_bytes);
}

static void learn_returned(struct ms_policy_state *state, uint64_t returned)
{
	if (state->claimed_bytes == 0)
		return;
	double share = 1000.0 * (double)returned / (double)state->claimed_bytes;
	uint32_t now = share >= 1000.0 ? 1000 : (uint32_t)share;
	uint32_t before = state->returned_per_mille ? state->returned_per_mille : 1000;
	uint32_t mean = (before + now) / 2;

	state->returned_per_mille = mean < RETURNED_LEAST ? RETURNED_LEAST : mean;
}

/* The caches that took part in the last plan share its praise or its blame. */
static void mark_members(const struct ms_policy_round *round, bool helped)
{
	struct ms_policy_state *state = round->state;

	for (unsigned i = 0; i < MS_POLICY_MEMORY; i++) {
		struct ms_policy_record *record = &state->records[i];

		if (!record->generation || record->answered_at_ns < state->planned_at_ns || record->busy ||
		    record->min_level > record->last_level)
			continue;
		record->unreturned = helped ? 0 : record->unreturned + 1;
		if (helped)
			record->spent = false;
		else if (record->last_level >= MS_LEVEL_CLEAR)
			record->spent = true;
	}
}

void ms_policy_judge(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (!state->unsettled || state->in_flight > 0)
		return;
	state->unsettled = false;
	/* Another limit binds now, or only "busy" was heard: nothing can be said. */
	if (state->max_at_plan != round->marks->max_bytes || state->worked == 0)
		return;
	uint64_t returned = returned_since_plan(round);
	uint64_t enough = state->expected_bytes ? state->expected_bytes / HELPED_DIVISOR
						: ms_policy_span(round->marks) / GROWN_DIVISOR;
	bool helped = returned >= enough || round->used_bytes <= round->marks->low_bytes;

	learn_returned(state, returned);
	mark_members(round, helped);
	if (helped) {
		state->unhelpful = 0;
		state->pause_ns = 0;
		state->retrying = false;
		return;
	}
	/* The allocator may have nothing to give although it holds free memory; nobody is to blame. */
	if (state->step == MS_STEP_ALLOCATOR)
		return;
	state->unhelpful++;
	if (state->step == MS_STEP_TRIM)
		state->step = MS_STEP_CLEAR;
}

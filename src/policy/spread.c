/* SPDX-License-Identifier: MIT */
/*
 * policy/spread.c - how much is asked of which process: the rows of all processes in the one order of
 * rank/rank.h, the cheapest first, until the need is covered; added up per process. Pure.
 *
 * What an allocator holds free costs nothing to give back and goes before every row. A process that
 * brought too little at its last order goes after all others. Where the rows do not cover the need the
 * rest is added in proportion: the sizes may be too low, or not all rows were read, and an agent stops when
 * the bytes are there. Where no row shows anything, all that may have caches without a row yet are asked.
 */
#include "policy/internal.h"

#include <stddef.h>

static struct ms_policy_evidence *of(const struct ms_policy_round *round, uint32_t process)
{
	return process < MS_POLICY_PROCESSES ? &round->state->of[process] : NULL;
}

/* An allocator's count may be a second old. */
static uint64_t free_bytes(const struct ms_policy_round *round, const struct ms_policy_process *process)
{
	return round->hurry ? 0 : process->free_bytes;
}

static bool is_asked(const struct ms_policy_round *round, const struct ms_rank_key *key)
{
	return key->tier <= (round->gentle ? MS_RANK_ORDINARY : MS_RANK_EXHAUSTED);
}

static void add_row(struct ms_policy_round *round, const struct ms_rank_key *key)
{
	struct ms_policy_evidence *evidence = of(round, key->process);
	uint64_t *sum;

	round->state->held_bytes = ms_sat_add(round->state->held_bytes, key->bytes);
	if (!evidence)
		return;
	evidence->now.empty &= key->tier == MS_RANK_NEVER;
	round->left_out |= key->tier > MS_RANK_EXHAUSTED && key->bytes > 0;
	if (key->tier == MS_RANK_STUCK) {
		evidence->now.stuck++;
		round->plan->silent_caches++;
		round->silent |= key->bytes >= round->worth_bytes;
	}
	if (!is_asked(round, key))
		return;
	sum = key->tier == MS_RANK_EXHAUSTED ? &evidence->now.exhausted_bytes : &evidence->now.bytes;
	*sum = ms_sat_add(*sum, key->bytes);
	evidence->now.unknown |= key->bytes == 0;
}

/* What may come of a process yet. A cache that is stuck, or busy, may give it in a moment. */
static uint64_t hope_bytes(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence)
{
	uint64_t bytes = evidence->now.unknown ? UINT64_MAX : evidence->now.bytes;

	switch (evidence->now.standing) {
	case MS_STANDING_ASKABLE:
	case MS_STANDING_OUT:
		return evidence->useless < round->config->helpless_useless ? bytes : 0;
	case MS_STANDING_UNCOUNTED:
		return UINT64_MAX;
	case MS_STANDING_SILENT:
	case MS_STANDING_BUSY:
		return bytes;
	}
	return 0;
}

static void note_standing(struct ms_policy_round *round, const struct ms_policy_process *process)
{
	struct ms_policy_evidence *evidence = &round->state->of[process->process];
	enum ms_policy_standing standing = ms_policy_standing(round, process);
	uint64_t held = ms_sat_add(evidence->now.bytes, evidence->now.exhausted_bytes);
	bool silent = standing == MS_STANDING_SILENT ||
		      (standing == MS_STANDING_OUT && !evidence->taken &&
		       round->now_ns >= ms_sat_add(evidence->asked_ns, round->config->untaken_ns));

	evidence->now.standing = standing;
	evidence->least_bytes = ms_least(evidence->least_bytes, evidence->now.bytes);
	round->plan->caches += process->caches;
	if (silent && process->caches > evidence->now.stuck) /* those are counted already */
		round->plan->silent_caches += process->caches - evidence->now.stuck;
	round->silent |= standing == MS_STANDING_SILENT && held >= round->worth_bytes;
	round->hope_bytes = ms_sat_add(round->hope_bytes, hope_bytes(round, evidence));
	round->busy |= standing == MS_STANDING_BUSY;
	round->useless |= standing == MS_STANDING_USELESS;
	if (standing == MS_STANDING_BUSY || standing == MS_STANDING_USELESS)
		round->soonest_ns = ms_least(round->soonest_ns, evidence->not_before_ns);
	round->asked |= evidence->asked_ns && evidence->asked_ns >= round->state->short_since_ns;
}

void ms_policy_take_stock(struct ms_policy_round *round)
{
	const struct ms_policy_input *input = round->input;

	round->soonest_ns = UINT64_MAX;
	round->state->held_bytes = 0;
	for (uint32_t i = 0; i < input->process_count; i++) {
		struct ms_policy_evidence *evidence = of(round, input->processes[i].process);

		if (!evidence)
			continue;
		round->state->held_bytes = ms_sat_add(round->state->held_bytes, input->processes[i].free_bytes);
		evidence->now.bytes = free_bytes(round, &input->processes[i]);
		evidence->now.exhausted_bytes = 0;
		evidence->now.stuck = 0;
		evidence->now.unknown = false;
		evidence->now.empty = input->processes[i].free_bytes == 0;
		evidence->now.order = MS_POLICY_PROCESSES;
	}
	for (uint32_t i = 0; i < input->key_count; i++)
		add_row(round, &input->keys[i]);
	for (uint32_t i = 0; i < input->process_count; i++)
		if (of(round, input->processes[i].process))
			note_standing(round, &input->processes[i]);
}

static bool may_ask(const struct ms_policy_round *round, uint32_t process, bool doubtful)
{
	const struct ms_policy_evidence *evidence = of(round, process);

	return evidence && evidence->now.standing == MS_STANDING_ASKABLE &&
	       (evidence->useless > 0) == doubtful;
}

/* Return: what is still to be found. */
static uint64_t ask(const struct ms_policy_round *round, uint32_t process, uint64_t bytes, uint64_t missing)
{
	struct ms_policy_evidence *evidence = of(round, process);
	struct ms_plan *plan = round->plan;
	uint64_t part = ms_least(bytes, missing);

	if (part == 0)
		return missing;
	if (evidence->now.order == MS_POLICY_PROCESSES) {
		evidence->now.order = plan->count++;
		plan->orders[evidence->now.order] = (struct ms_policy_order){
			.process = process, .level = ms_policy_level(round, evidence)};
	}
	plan->orders[evidence->now.order].target_bytes += part;
	return missing - part;
}

static bool is_uncounted(const struct ms_policy_round *round, uint32_t process)
{
	const struct ms_policy_evidence *evidence = of(round, process);

	return evidence && evidence->now.standing == MS_STANDING_UNCOUNTED;
}

/* In equal parts: nothing is known of any of them. */
static void ask_uncounted(const struct ms_policy_round *round, uint64_t bytes)
{
	const struct ms_policy_input *input = round->input;
	uint32_t count = 0;

	for (uint32_t i = 0; i < input->process_count; i++)
		count += is_uncounted(round, input->processes[i].process);
	for (uint32_t i = 0; i < input->process_count; i++)
		if (is_uncounted(round, input->processes[i].process))
			ask(round, input->processes[i].process, bytes / count + 1, bytes);
}

static uint64_t ask_all(const struct ms_policy_round *round, bool doubtful, uint64_t missing, uint64_t enough)
{
	const struct ms_policy_input *input = round->input;

	for (uint32_t i = 0; i < input->process_count && missing > enough; i++)
		if (may_ask(round, input->processes[i].process, doubtful))
			missing = ask(round, input->processes[i].process,
				      free_bytes(round, &input->processes[i]), missing);
	for (uint32_t i = 0; i < input->key_count && missing > enough; i++) {
		const struct ms_rank_key *key = &input->keys[i];

		if (is_asked(round, key) && may_ask(round, key->process, doubtful))
			missing = ask(round, key->process, key->bytes ? key->bytes : missing, missing);
	}
	return missing;
}

static void share_out(struct ms_plan *plan, uint64_t found, uint64_t missing)
{
	uint64_t left = missing;

	for (uint32_t i = 0; i < plan->count; i++) {
		double share = (double)plan->orders[i].target_bytes / (double)found * (double)missing;
		uint64_t part = share < (double)left ? (uint64_t)share : left;

		plan->orders[i].target_bytes += part;
		left -= part;
	}
}

/* Half of the time until max at the present growth, within bounds: then there is time for another way. */
static uint64_t timeout_of(const struct ms_policy_round *round)
{
	const struct ms_policy_config *config = round->config;
	uint64_t room = ms_sat_sub(round->marks->max_bytes, round->used_bytes);

	return ms_within(ms_fill_time_ns(room, round->sample->growth_bytes_per_s) / 2,
			 config->timeout_least_ns, config->timeout_most_ns);
}

static void give(const struct ms_policy_round *round)
{
	uint64_t least = ms_policy_span(round->marks) / 2; /* of what is there where nothing is counted */

	for (uint32_t i = 0; i < round->plan->count; i++) {
		struct ms_policy_order *order = &round->plan->orders[i];
		const struct ms_policy_evidence *evidence = of(round, order->process);
		uint64_t there = evidence->now.bytes         ? evidence->now.bytes
				 : evidence->now.exhausted_bytes ? evidence->now.exhausted_bytes
							     : least;

		order->timeout_ns = timeout_of(round);
		ms_policy_given(round, order, ms_least(order->target_bytes, there));
	}
}

uint32_t ms_policy_spread(const struct ms_policy_round *round, uint64_t bytes)
{
	uint64_t enough = bytes / round->config->enough_divisor, missing = bytes;

	ms_rank_sort(round->input->keys, round->input->key_count);
	missing = ask_all(round, false, missing, enough);
	if (!round->gentle) {
		missing = ask_all(round, true, missing, enough);
		if (missing < bytes)
			share_out(round->plan, bytes - missing, missing);
	}
	if (round->plan->count == 0)
		ask_uncounted(round, bytes);
	give(round);
	return round->plan->count;
}

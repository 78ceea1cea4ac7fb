/* SPDX-License-Identifier: MIT */
/*
 * policy/evidence.c - what is known of each process from its orders: whether one is out and was taken,
 * whether the last ones helped, how hard it is asked next, and until when it is left alone. Pure.
 */
#include "policy/internal.h"

#include <assert.h>
#include <string.h>

void ms_policy_enter(struct ms_policy_state *state, enum ms_policy_phase phase)
{
	static const bool ways[][MS_PHASE_WARNED + 1] = {
		[MS_PHASE_CALM] = {false, true, true, true, true},
		[MS_PHASE_ORDERED] = {true, true, true, false, false},
		[MS_PHASE_SETTLING] = {true, true, true, true, true},
		[MS_PHASE_PAUSED] = {true, true, false, true, true},
		[MS_PHASE_WARNED] = {true, true, false, true, true},
	};

	assert(ways[state->phase][phase]);
	assert(phase != MS_PHASE_ORDERED || state->out > 0);
	assert(phase == MS_PHASE_ORDERED || phase == MS_PHASE_CALM || state->out == 0);
	state->phase = phase;
}

static void reset_one(struct ms_policy_evidence *evidence)
{
	evidence->useless = 0;
	evidence->late = false;
	evidence->next_level = MS_LEVEL_TRIM;
	evidence->not_before_ns = 0;
}

void ms_policy_reset(struct ms_policy_state *state)
{
	for (uint32_t i = 0; i < state->numbers; i++)
		reset_one(&state->of[i]);
}

bool ms_policy_is_helped(const struct ms_policy_state *state)
{
	for (uint32_t i = 0; i < state->numbers; i++)
		if (state->of[i].useless > 0)
			return false;
	return true;
}

static bool counts_as_given(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence,
			    uint64_t *ret_until_ns)
{
	const struct ms_policy_config *config = round->config;
	uint64_t taken_ns = round->danger ? config->hold_off_ns : config->patience_ns;

	*ret_until_ns = ms_sat_add(evidence->asked_ns, evidence->taken ? taken_ns : config->untaken_ns);
	return evidence->out && round->now_ns < *ret_until_ns;
}

uint64_t ms_policy_on_the_way(const struct ms_policy_round *round, const struct ms_policy_state *state,
			      uint64_t *ret_until_ns)
{
	uint64_t sum = 0, until;

	*ret_until_ns = UINT64_MAX;
	for (uint32_t i = 0; i < state->numbers; i++) {
		const struct ms_policy_evidence *evidence = &state->of[i];

		if (!counts_as_given(round, evidence, &until))
			continue;
		sum = ms_sat_add(sum, evidence->target_bytes);
		*ret_until_ns = ms_least(*ret_until_ns, until);
	}
	return sum;
}

void ms_policy_given(const struct ms_policy_round *round, const struct ms_policy_order *order,
		     uint64_t expect_bytes)
{
	struct ms_policy_state *state = round->state;
	struct ms_policy_evidence *evidence = &state->of[order->process];

	assert(!evidence->out && order->target_bytes > 0);
	evidence->out = true;
	evidence->taken = false;
	evidence->level = order->level;
	evidence->asked_ns = round->now_ns;
	evidence->target_bytes = order->target_bytes;
	evidence->expect_bytes = expect_bytes;
	evidence->growth_bytes_per_s = round->sample->growth_bytes_per_s;
	state->out++;
	if (state->numbers <= order->process)
		state->numbers = order->process + 1;
}

/* More in it than after its last answer, by what is worth an order. */
static bool has_grown(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence)
{
	return evidence->now.bytes > ms_sat_add(evidence->least_bytes, round->worth_bytes);
}

/* Near max a back-off is cut short: what is known of the sizes may be older than the growth, and as long
 * as there is a harder way it is taken at once. And at max
 * within a second it is void: an interpreter keeps what a cache freed and fills it again, which no reading
 * shows, and for the program it is that or the end. */
static uint64_t back_off_end(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence)
{
	bool useless = evidence->status != MS_ANSWER_BUSY && evidence->status != MS_ANSWER_STUCK;
	uint64_t wait =
		ms_sat_sub(evidence->not_before_ns, evidence->answered_ns) / round->config->danger_tries;

	if (round->hurry || (useless && has_grown(round, evidence)))
		return 0;
	if (!round->danger)
		return evidence->not_before_ns;
	if (!useless || evidence->level < MS_LEVEL_EMERGENCY)
		return 0;
	wait = wait < round->config->hold_off_ns ? round->config->hold_off_ns : wait;
	return ms_least(evidence->not_before_ns, ms_sat_add(evidence->answered_ns, wait));
}

/* Little is not asked for repeatedly when the rest of the program alone is above high. Sizes
 * may be far too low, so that the first order of a shortage goes to everything. */
static bool is_worth_it(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence)
{
	return round->danger || round->hurry || evidence->now.unknown || evidence->useless > 0 ||
	       evidence->asked_ns < round->state->short_since_ns || evidence->now.bytes >= round->worth_bytes;
}

/* A new cache has no row, or one that was not counted yet: the agent of its process counts before it ranks.
 * Once in a shortage: after that there are rows. */
static bool may_be_uncounted(const struct ms_policy_round *round, const struct ms_policy_process *process)
{
	const struct ms_policy_evidence *evidence = &round->state->of[process->process];

	return !round->gentle && process->answers && process->caches > 0 &&
	       (!evidence->asked_ns || evidence->asked_ns < round->state->short_since_ns);
}

enum ms_policy_standing ms_policy_standing(const struct ms_policy_round *round,
					   const struct ms_policy_process *process)
{
	struct ms_policy_evidence *evidence = &round->state->of[process->process];

	if (evidence->out)
		return MS_STANDING_OUT;
	if (evidence->now.empty) /* perhaps before the order came: that is no fault */
		reset_one(evidence);
	if (!evidence->now.bytes && !evidence->now.exhausted_bytes && !evidence->now.unknown)
		return may_be_uncounted(round, process) ? MS_STANDING_UNCOUNTED : MS_STANDING_NOTHING;
	if (!process->answers)
		return MS_STANDING_SILENT;
	if (round->now_ns < back_off_end(round, evidence))
		return evidence->status == MS_ANSWER_BUSY    ? MS_STANDING_BUSY
		       : evidence->status == MS_ANSWER_STUCK ? MS_STANDING_SILENT
							     : MS_STANDING_USELESS;
	return is_worth_it(round, evidence) ? MS_STANDING_ASKABLE : MS_STANDING_NOTHING;
}

/* Near max whole caches, but where parts were quick to come: 45 MiB of a cache in 5 ms are better than all
 * of its 250 in 300. A process that holds its threads back meanwhile has time for parts, as long as they help. */
uint32_t ms_policy_level(const struct ms_policy_round *round, const struct ms_policy_evidence *evidence)
{
	uint32_t level = evidence->next_level ? evidence->next_level : MS_LEVEL_TRIM;
	bool quick = evidence->answered_ns && evidence->useless == 0 &&
		     evidence->answered_ns - evidence->asked_ns <= round->config->quick_ns;

	if (evidence->brakes && evidence->useless == 0)
		return MS_LEVEL_TRIM;
	if (round->danger && evidence->late)
		return MS_LEVEL_EMERGENCY;
	if (!round->danger)
		return level > MS_LEVEL_CLEAR ? MS_LEVEL_CLEAR : level;
	return level == MS_LEVEL_TRIM && !quick ? MS_LEVEL_CLEAR : level;
}

void ms_policy_taken(struct ms_policy_state *state, uint32_t process)
{
	assert(process < MS_POLICY_PROCESSES && state->of[process].out);
	state->of[process].taken = true;
}

static void take_off(struct ms_policy_state *state, struct ms_policy_evidence *evidence)
{
	assert(evidence->out && state->out > 0);
	evidence->out = false;
	if (--state->out == 0 && state->phase == MS_PHASE_ORDERED)
		ms_policy_enter(state, MS_PHASE_SETTLING);
}

void ms_policy_forget(struct ms_policy_state *state, uint32_t process)
{
	assert(process < MS_POLICY_PROCESSES);
	if (state->of[process].out)
		take_off(state, &state->of[process]);
	memset(&state->of[process], 0, sizeof(state->of[process]));
}

static bool did_work(uint32_t status)
{
	return status == MS_ANSWER_DONE || status == MS_ANSWER_PARTIAL || status == MS_ANSWER_EMPTY;
}

/* What the target grew by while the order was carried out: as far as the growth went on, and no further
 * than what was expected, so that an estimate cannot make a useless cache helpful. */
static uint64_t grown_since(const struct ms_policy_state *state, const struct ms_policy_evidence *evidence)
{
	uint64_t rate = ms_least(evidence->growth_bytes_per_s, state->growth_bytes_per_s);
	double grown = (double)rate * (double)(evidence->answered_ns - evidence->asked_ns) / 1e9;

	return grown < (double)evidence->expect_bytes ? (uint64_t)grown : evidence->expect_bytes;
}

static bool has_helped(const struct ms_policy_config *config, const struct ms_policy_state *state,
		       const struct ms_policy_evidence *evidence)
{
	uint64_t enough = evidence->expect_bytes / config->helped_divisor;
	bool measured = evidence->returned_bytes != MS_NOT_MEASURED;
	uint64_t returned = measured ? evidence->returned_bytes : evidence->claimed_bytes;

	if (evidence->claimed_bytes >= enough && did_work(evidence->status))
		returned = ms_sat_add(returned, grown_since(state, evidence));
	return returned > 0 && returned >= enough;
}

static uint64_t doubled(struct ms_policy_back_off back_off, uint32_t times)
{
	return back_off.first_ns << (times > back_off.doublings ? back_off.doublings : times);
}

static void learn_useless(const struct ms_policy_config *config, struct ms_policy_evidence *evidence)
{
	uint32_t before = evidence->useless++;
	uint64_t back_off = 0;

	if (evidence->status == MS_ANSWER_BUSY) {
		back_off = doubled(config->busy, before);
	} else if (evidence->status == MS_ANSWER_STUCK) {
		back_off = doubled(config->stuck, before);
		evidence->late = true;
	} else if (evidence->level == MS_LEVEL_TRIM) {
		evidence->next_level = MS_LEVEL_CLEAR;
	} else {
		back_off = doubled(config->useless, before > 1 ? before - 1 : 0);
		evidence->next_level = MS_LEVEL_EMERGENCY;
	}
	evidence->not_before_ns = ms_sat_add(evidence->answered_ns, back_off);
}

void ms_policy_learn(const struct ms_policy_config *config, struct ms_policy_state *state, uint32_t process,
		     const struct ms_policy_answer *answer, uint64_t now_ns)
{
	struct ms_policy_evidence *evidence = &state->of[process];
	bool taken = evidence->taken;

	assert(process < MS_POLICY_PROCESSES);
	take_off(state, evidence);
	state->answered_ns = now_ns;
	if (answer->status == MS_ANSWER_NONE) {
		evidence->late |= !taken && evidence->asked_ns < now_ns;
		evidence->asked_ns = 0;
		return;
	}
	state->worked |= did_work(answer->status);
	evidence->answered_ns = now_ns;
	state->took_ns = now_ns - evidence->asked_ns;
	evidence->status = answer->status;
	evidence->claimed_bytes = answer->claimed_bytes;
	evidence->returned_bytes = answer->returned_bytes;
	evidence->least_bytes = UINT64_MAX;
	if (has_helped(config, state, evidence))
		reset_one(evidence);
	else
		learn_useless(config, evidence);
}

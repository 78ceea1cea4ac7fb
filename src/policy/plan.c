/* SPDX-License-Identifier: MIT */
/*
 * policy/plan.c - when to ask, when to wait, when to say that nothing is left: the phases at the head of
 * policy.h. Pure.
 *
 * The order of the questions, for one sample:
 *   is it a shortage at all?                      is_short(), end()
 *   does the reading settle, or do orders that are out make up the need?    wait_of()
 *   which process can be asked, and for how much? ms_policy_take_stock(), ms_policy_spread()
 *   if there is nothing: why?                     give_up()
 *   and is that so for good?                      note_help(), is_exhausted()
 */
#include "policy/internal.h"

#include <assert.h>

static void wait_until(const struct ms_policy_round *round, enum ms_why why, uint64_t not_before_ns)
{
	round->plan->kind = MS_PLAN_WAIT;
	round->plan->why = why;
	round->plan->not_before_ns = not_before_ns;
}

/* High starts it, low ends it, and so does the end of the target. */
static bool is_short(const struct ms_policy_round *round, const struct ms_policy_state *state)
{
	uint64_t mark = state->phase == MS_PHASE_CALM ? round->marks->high_bytes : round->marks->low_bytes;

	/* low is below high, except for a limit of a byte */
	return round->sample->processes > 0 && round->used_bytes > mark &&
	       round->used_bytes > round->marks->low_bytes;
}

/* How long the reading needs after an answer. Where nothing was done ("busy", or no slot was free)
 * there is little to settle, and a program that is at max before it has settled cannot wait for it. */
static uint64_t settling_time(const struct ms_policy_round *round, const struct ms_policy_state *state)
{
	const struct ms_policy_config *config = round->config;
	uint64_t time = config->hold_off_ns;
	uint64_t room = ms_sat_sub(round->marks->max_bytes, round->used_bytes) / config->room_divisor;

	if (round->danger || !state->worked)
		time /= config->hold_off_short_divisor;
	return ms_least(time, ms_fill_time_ns(room, round->sample->growth_bytes_per_s));
}

/* The need, and what the target grows by while that is brought, up to as much again. */
static uint64_t ask_of(const struct ms_policy_round *round, const struct ms_policy_state *state)
{
	uint64_t need = ms_sat_sub(round->used_bytes, round->marks->low_bytes);
	uint64_t took_ns = state->took_ns ? state->took_ns : round->config->quick_ns;
	uint64_t time = ms_least(took_ns, round->config->hold_off_ns);
	double grown = (double)round->sample->growth_bytes_per_s * (double)time / 1e9;

	return ms_sat_add(need, grown < (double)need ? (uint64_t)grown : need);
}

/* Return: until when neither rows nor a plan are needed; 0 = now. @ret_missing_bytes: not on its way yet. */
static uint64_t wait_of(const struct ms_policy_round *round, const struct ms_policy_state *state,
			enum ms_why *ret_why, uint64_t *ret_missing_bytes)
{
	uint64_t ask = ask_of(round, state),
		 until_ns = ms_sat_add(state->answered_ns, settling_time(round, state));

	*ret_missing_bytes = ask;
	*ret_why = state->out ? MS_WHY_IN_FLIGHT : MS_WHY_HOLD_OFF;
	if (state->answered_ns && round->now_ns < until_ns)
		return until_ns;
	if (state->out == 0)
		return 0;
	if (round->now_ns < state->look_ns)
		return state->look_ns;
	*ret_missing_bytes = ms_sat_sub(ask, ms_policy_on_the_way(round, state, &until_ns));
	return *ret_missing_bytes <= ask / round->config->enough_divisor ? until_ns : 0;
}

static void finish(const struct ms_policy_round *round, enum ms_why why)
{
	struct ms_policy_state *state = round->state;

	state->rounds = 0;
	ms_policy_enter(state, MS_PHASE_CALM);
	round->plan->kind = MS_PLAN_RECOVERED;
	round->plan->why = why;
}

/* Not above the mark that counts now, or gone. */
static void end(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	uint64_t until_ns;

	if (state->phase == MS_PHASE_CALM) {
		round->plan->kind = MS_PLAN_NOTHING;
		round->plan->why = MS_WHY_BELOW_HIGH;
	} else if (round->sample->processes > 0 && ms_policy_on_the_way(round, state, &until_ns) > 0) {
		/* What they free is not gone from the reading yet. */
		wait_until(round, MS_WHY_IN_FLIGHT, until_ns);
		return;
	} else {
		finish(round, MS_WHY_BELOW_LOW);
	}
	if (round->sample->processes > 0 && round->used_bytes > round->marks->low_bytes)
		return;
	/* So far down the reading has settled, and says nothing of the next shortage. */
	if (state->out == 0)
		state->answered_ns = 0;
	state->told = false;
	if (round->sample->processes > 0) /* else what it is for is the job that ends */
		state->exhausted = false;
	ms_policy_reset(state);
}

/* An interpreter's heap reuses what its caches gave up: the reading hardly falls, and yet the job goes on.
 * So a target that stayed below high for long was helped, whatever came back. */
static void note_calm(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (round->gentle) {
		if (state->below_since_ns == 0)
			state->below_since_ns = round->now_ns;
		return;
	}
	if (state->below_since_ns &&
	    round->now_ns >= ms_sat_add(state->below_since_ns, round->config->calm_ns))
		ms_policy_reset(state);
	state->below_since_ns = 0;
}

static enum ms_why reason_of(const struct ms_policy_round *round)
{
	const struct ms_policy_state *state = round->state;
	bool again = false, harder = false;

	for (uint32_t i = 0; i < round->plan->count; i++) {
		const struct ms_policy_evidence *evidence = &state->of[round->plan->orders[i].process];

		again |= state->told && evidence->useless > 1;
		harder |= evidence->useless > 0 && evidence->level > MS_LEVEL_TRIM;
	}
	if (again)
		return MS_WHY_ONE_MORE_TRY;
	if (round->danger)
		return MS_WHY_NEAR_MAX;
	if (state->rounds == 0)
		return MS_WHY_ABOVE_HIGH;
	return harder ? MS_WHY_ESCALATED : MS_WHY_STILL_ABOVE_LOW;
}

static bool give_orders(const struct ms_policy_round *round, uint64_t missing_bytes)
{
	struct ms_policy_state *state = round->state;

	if (ms_policy_spread(round, missing_bytes) == 0)
		return false;
	round->plan->kind = MS_PLAN_ORDERS;
	round->plan->why = reason_of(round);
	state->rounds++;
	state->worked = false;
	state->answered_ns = 0;
	state->least_bytes = UINT64_MAX;
	ms_policy_enter(state, MS_PHASE_ORDERED);
	return true;
}

static enum ms_why reason_to_warn(const struct ms_policy_round *round)
{
	if (round->plan->caches == 0)
		return MS_WHY_NO_CACHES;
	if (round->useless)
		return MS_WHY_DOES_NOT_HELP;
	if (round->plan->silent_caches)
		return MS_WHY_SILENT;
	return round->asked && !round->left_out ? MS_WHY_NOTHING_LEFT : MS_WHY_NOTHING_TO_ASK;
}

/* Nothing can be asked: wait for what may be soon; else say so, once. */
static void give_up(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	uint64_t later_ns = ms_sat_add(round->now_ns, round->config->hold_off_ns);

	if (state->out) {
		ms_policy_enter(state, MS_PHASE_ORDERED);
		state->look_ns = ms_sat_add(round->now_ns, round->config->untaken_ns);
		wait_until(round, MS_WHY_IN_FLIGHT, state->look_ns);
	} else if (round->silent || round->busy) {
		ms_policy_enter(state, MS_PHASE_PAUSED);
		wait_until(round, round->silent ? MS_WHY_SILENT : MS_WHY_BUSY,
			   ms_least(round->soonest_ns, later_ns));
	} else {
		ms_policy_enter(state, MS_PHASE_WARNED);
		wait_until(round, MS_WHY_BACK_OFF,
			   round->soonest_ns < UINT64_MAX ? round->soonest_ns : later_ns);
		if (state->told)
			return;
		state->told = true;
		round->plan->kind = MS_PLAN_WARN;
		round->plan->why = reason_to_warn(round);
	}
}

/* Between low and high: only what is easy, and only while it helps. What is still needed is counted from
 * the lowest usage since the last orders: what the target grew by after that is not what they left undone. */
static void decide_gently(const struct ms_policy_round *round, uint64_t missing_bytes)
{
	uint64_t need_bytes = ms_sat_sub(round->state->least_bytes, round->marks->low_bytes);
	uint64_t later_ns = ms_sat_add(round->now_ns, round->config->hold_off_ns);

	if (round->state->told) { /* neither worth an order nor a word each time it passes high */
		if (round->state->out == 0)
			ms_policy_enter(round->state, MS_PHASE_WARNED);
		wait_until(round, MS_WHY_BACK_OFF, later_ns);
		return;
	}
	if (need_bytes >= round->worth_bytes && give_orders(round, missing_bytes))
		return;
	finish(round, MS_WHY_BELOW_HIGH);
}

/* When stock was taken. */
static void note_help(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (round->silent || round->hope_bytes >= round->worth_bytes)
		state->helpless_since_ns = 0;
	else if (round->danger && state->helpless_since_ns == 0)
		state->helpless_since_ns = round->now_ns;
}

/* The kernel picks a victim at max, but --max alone is a mark. */
static uint64_t helpless_time(const struct ms_policy_round *round)
{
	const struct ms_policy_config *config = round->config;
	double growth = (double)round->sample->growth_bytes_per_s;
	double room = (double)ms_sat_sub(round->marks->max_bytes, round->used_bytes) / config->exhausted_divisor;

	if (round->sample->limit.source == MS_LIMIT_OPTION ||
	    growth * (double)config->exhausted_ns <= room * 1e9)
		return config->exhausted_ns;
	return (uint64_t)(room * 1e9 / growth);
}

static bool is_exhausted(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (!round->danger)
		state->helpless_since_ns = 0;
	if (!state->helpless_since_ns || state->exhausted ||
	    round->now_ns - state->helpless_since_ns < helpless_time(round))
		return false;
	state->exhausted = true;
	return true;
}

static struct ms_policy_round round_of(const struct ms_policy_config *config, const struct ms_sample *sample,
				       const struct ms_marks *marks)
{
	uint64_t used = sample->limit.used_bytes;

	return (struct ms_policy_round){
		.config = config,
		.sample = sample,
		.marks = marks,
		.now_ns = sample->at_ns,
		.used_bytes = used,
		.worth_bytes = ms_policy_span(marks) / config->worth_divisor,
		.gentle = used <= marks->high_bytes,
		.danger = used >= marks->danger_bytes,
		.hurry = sample->growth_bytes_per_s > ms_sat_sub(marks->max_bytes, used),
	};
}

bool ms_policy_wants_rows(const struct ms_policy_config *config, const struct ms_sample *sample,
			  const struct ms_marks *marks, const struct ms_policy_state *state)
{
	struct ms_policy_round round = round_of(config, sample, marks);
	uint64_t missing_bytes;
	enum ms_why why;

	return is_short(&round, state) && !wait_of(&round, state, &why, &missing_bytes);
}

static void decide(struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	uint64_t missing_bytes, until_ns;
	enum ms_why why;

	if (state->phase == MS_PHASE_CALM)
		state->short_since_ns = round->now_ns;
	until_ns = wait_of(round, state, &why, &missing_bytes);
	if (until_ns) {
		ms_policy_enter(state, state->out ? MS_PHASE_ORDERED : MS_PHASE_SETTLING);
		wait_until(round, why, until_ns);
		return;
	}
	if (state->out == 0)
		state->answered_ns = 0; /* settled */
	ms_policy_take_stock(round);
	note_help(round);
	if (round->gentle)
		decide_gently(round, missing_bytes);
	else if (!give_orders(round, missing_bytes))
		give_up(round);
}

void ms_policy_restart(struct ms_policy_state *state)
{
	state->told = state->exhausted = false;
	state->helpless_since_ns = 0;
}

void ms_policy_plan(const struct ms_policy_config *config, const struct ms_sample *sample,
		    const struct ms_marks *marks, const struct ms_policy_input *input,
		    struct ms_policy_state *state, struct ms_plan *ret_plan)
{
	struct ms_policy_round round = round_of(config, sample, marks);

	round.input = input;
	round.state = state;
	round.plan = ret_plan;
	ret_plan->need_bytes = ms_sat_sub(round.used_bytes, marks->low_bytes);
	ret_plan->ask_bytes = ask_of(&round, state);
	ret_plan->not_before_ns = 0;
	ret_plan->count = ret_plan->caches = ret_plan->silent_caches = 0;
	state->growth_bytes_per_s = sample->growth_bytes_per_s;
	state->least_bytes = ms_least(state->least_bytes, round.used_bytes);
	note_calm(&round);
	if (is_short(&round, state))
		decide(&round);
	else
		end(&round);
	ret_plan->exhausted = is_exhausted(&round);
	ret_plan->held_bytes = state->held_bytes;
}

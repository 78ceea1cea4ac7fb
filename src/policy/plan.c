/* SPDX-License-Identifier: MIT */
/*
 * policy/plan.c - when to ask, how much, at which level, and when to stop.
 *
 * The order of the questions, for one sample:
 *   is it a shortage at all?            [over]     high starts it, low ends it
 *   is an order out, or just answered?  [waits]    in flight, then hold-off
 *   did the last plan help?             ms_policy_judge()
 *   is a storm on?                      [paused]   unless much is cached anew, or the limit is near
 *   who is asked?                       [ask_caches], [ask_allocators], [give_up]
 */
#include "policy/internal.h"

#include <string.h>

#include "util/clock.h"

enum {
	PAUSE_DOUBLINGS_MOST = 64,
	UNHELPFUL_MOST = 4,       /* plans in a row, before the storm breaker opens */
	EASY_DIVISOR = 8,         /* below high, less need than this part of high - low is none */
	SHORT_HOLD_DIVISOR = 8,
	LEFT_DIVISOR = 4,         /* of the time until max, that a reading may take to settle */
	PATIENCE_HOLD_OFFS = 5,   /* how long one that does not answer keeps the others from being asked */
	LOST_S = 60,              /* an answer that is out for so long does not come */
	BREAK_DIVISOR = 4,        /* newly cached part of high - low that ends a pause */
	BREAK_DANGER_DIVISOR = 16,
	CALM_HOLD_OFFS = 5,       /* so long below high is calm */
	DANGER_TRIES = 32,        /* in danger a pause is cut into so many: sizes may be stale */
};

static void wait_until(const struct ms_policy_round *round, enum ms_why why, uint64_t not_before_ns)
{
	round->plan->kind = MS_PLAN_WAIT;
	round->plan->why = why;
	round->plan->not_before_ns = not_before_ns;
}

static void end_shortage(const struct ms_policy_round *round, enum ms_why why)
{
	struct ms_policy_state *state = round->state;

	state->in_shortage = false;
	state->ended_at_ns = round->now_ns;
	state->step = MS_STEP_TRIM;
	state->rounds = state->danger_rounds = 0;
	round->plan->kind = MS_PLAN_RECOVERED;
	round->plan->why = why;
}

/* Below low everything is forgiven, the storm too. */
static void forgive(struct ms_policy_state *state)
{
	state->warned = state->retrying = false;
	state->unhelpful = 0;
	state->pause_ns = state->pause_until_ns = 0;
	state->shortage_at_ns = 0;
	ms_policy_pardon(state);
}

/* How long the reading needs after an answer. Where nobody did anything ("busy", or no slot was free)
 * there is little to settle, and a program that is at max before it has settled cannot wait for it. */
static uint64_t settling_time(const struct ms_policy_round *round, const struct ms_policy_state *state)
{
	uint64_t time = round->config->hold_off_ns;
	double growth = (double)round->sample->growth_bytes_per_s;
	double room = (double)ms_sat_sub(round->marks->max_bytes, round->used_bytes);

	if (round->danger || state->worked == 0)
		time /= SHORT_HOLD_DIVISOR;
	if (growth * (double)time > room / LEFT_DIVISOR * (double)MS_NS_PER_S)
		time = (uint64_t)(room / LEFT_DIVISOR * (double)MS_NS_PER_S / growth);
	return time;
}

/* High starts it, low ends it, and so does the end of the target. */
static bool is_short(const struct ms_policy_round *round, const struct ms_policy_state *state)
{
	uint64_t mark = state->in_shortage ? round->marks->low_bytes : round->marks->high_bytes;

	/* low is below high, except for a limit of a byte */
	return round->sample->processes > 0 && round->used_bytes > mark &&
	       round->used_bytes > round->marks->low_bytes;
}

/* Return: until when the last plan's answers, or the reading after them, are waited for; 0 = no more. */
static uint64_t wait_of(const struct ms_policy_round *round, const struct ms_policy_state *state,
			enum ms_why *ret_why)
{
	uint64_t hold_off = round->config->hold_off_ns, until;

	if (state->in_flight > 0) {
		until = state->planned_at_ns + (round->danger ? hold_off : hold_off * PATIENCE_HOLD_OFFS);
		*ret_why = MS_WHY_IN_FLIGHT;
		return round->now_ns < until ? until : 0;
	}
	until = state->answered_at_ns + settling_time(round, state);
	*ret_why = MS_WHY_HOLD_OFF;
	return state->unsettled && round->now_ns < until ? until : 0;
}

static bool must_wait(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	enum ms_why why;
	uint64_t until = wait_of(round, state, &why);

	if (until) {
		wait_until(round, why, until);
		return true;
	}
	if (round->now_ns >= state->planned_at_ns + LOST_S * MS_NS_PER_S)
		state->in_flight = 0;
	return false;
}

static bool is_over(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (is_short(round, state))
		return false;
	if (!state->in_shortage) {
		round->plan->kind = MS_PLAN_NOTHING;
		round->plan->why = MS_WHY_BELOW_HIGH;
		if (round->used_bytes <= round->marks->low_bytes && state->shortage_at_ns)
			forgive(state);
		/* So far down the reading has settled, and says nothing of the next shortage. */
		if (round->used_bytes <= round->marks->low_bytes && state->in_flight == 0)
			state->unsettled = false;
		return true;
	}
	/* Not before the answers: what they free is not gone from the reading yet. */
	if (round->sample->processes > 0 && state->in_flight > 0 && must_wait(round))
		return true;
	ms_policy_judge(round);
	forgive(state);
	end_shortage(round, MS_WHY_BELOW_LOW);
	return true;
}

static void begin_pause(const struct ms_policy_round *round, uint64_t cached_bytes)
{
	struct ms_policy_state *state = round->state;
	uint64_t first = round->config->storm_pause_ns, most = first * PAUSE_DOUBLINGS_MOST;

	state->pause_ns = state->pause_ns ? ms_policy_min(state->pause_ns * 2, most) : first;
	state->pause_until_ns = round->now_ns + state->pause_ns;
	state->cached_at_pause = cached_bytes;
	state->retrying = false;
}

static void end_pause(struct ms_policy_state *state)
{
	state->pause_ns = state->pause_until_ns = 0;
	state->unhelpful = 0;
	state->retrying = false;
	state->step = MS_STEP_TRIM;
}

/* At max within a second. Then nothing is relied on that is up to a second old, as the allocator's count
 * is, and whoever did not help is asked all the same: an interpreter keeps what a cache freed and fills it
 * again, which no reading shows, and for the program it is that or the end. */
static bool is_in_a_hurry(const struct ms_policy_round *round)
{
	return round->sample->growth_bytes_per_s > ms_sat_sub(round->marks->max_bytes, round->used_bytes);
}

/* Near max nobody sits out a pause: what is known of the caches' sizes may be older than the growth. */
static bool is_worth_a_try(const struct ms_policy_round *round)
{
	uint64_t wait = round->state->pause_ns / DANGER_TRIES;

	if (wait < round->config->hold_off_ns)
		wait = round->config->hold_off_ns;
	return round->danger && round->now_ns >= round->state->planned_at_ns + wait;
}

/* The storm breaker. A pause ends early when much is cached anew: what did not help before may now. */
static bool is_paused(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	struct ms_policy_wish nothing = {.max_tier = MS_TIER_ORDINARY};
	struct ms_policy_candidates list;

	if (state->pause_ns == 0)
		return false;
	if (is_in_a_hurry(round)) {
		state->retrying = true;
		return false;
	}
	ms_policy_collect(round, &nothing, &list);
	uint64_t much = ms_policy_span(round->marks) / (round->danger ? BREAK_DANGER_DIVISOR : BREAK_DIVISOR);

	if (list.cached_bytes > ms_sat_add(state->cached_at_pause, much)) {
		end_pause(state);
		return false;
	}
	if (is_worth_a_try(round)) {
		state->retrying = true;
		return false;
	}
	state->cached_at_pause = ms_policy_min(state->cached_at_pause, list.cached_bytes);
	if (state->retrying) /* the one try did not help */
		begin_pause(round, list.cached_bytes);
	if (round->now_ns >= state->pause_until_ns) {
		state->retrying = true;
		return false;
	}
	wait_until(round, MS_WHY_STORM_PAUSE, state->pause_until_ns);
	return true;
}

/* The need; more where little of what is claimed comes back, and what it grows by until the reading
 * settles, though not to more than twice. */
static uint64_t ask_of(const struct ms_policy_round *round)
{
	uint64_t need = round->plan->need_bytes;
	uint64_t share = round->state->returned_per_mille ? round->state->returned_per_mille : 1000;
	uint64_t ask = need > UINT64_MAX / 1000 ? need : need * 1000 / share;
	double grown = (double)round->sample->growth_bytes_per_s * (double)round->config->hold_off_ns / 1e9;

	return ms_sat_add(ask, grown < (double)need ? (uint64_t)grown : need);
}

static enum ms_why reason_of(const struct ms_policy_round *round, uint32_t step, uint32_t step_before)
{
	const struct ms_policy_state *state = round->state;

	if (state->retrying)
		return MS_WHY_PAUSE_OVER;
	if (round->danger)
		return MS_WHY_NEAR_MAX;
	if (state->rounds == 0)
		return MS_WHY_ABOVE_HIGH;
	return step > step_before ? MS_WHY_ESCALATED : MS_WHY_STILL_ABOVE_LOW;
}

/* The plan has actions: remember by what to judge them. */
static void finish_orders(const struct ms_policy_round *round, uint32_t step, uint32_t step_before,
			  uint64_t expected)
{
	struct ms_policy_state *state = round->state;

	round->plan->kind = MS_PLAN_ORDERS;
	round->plan->why = reason_of(round, step, step_before);
	state->step = step;
	state->rounds++;
	state->danger_rounds += round->danger;
	state->in_flight += round->plan->count;
	state->unsettled = true;
	state->worked = 0;
	state->planned_at_ns = round->now_ns;
	state->answered_at_ns = 0;
	state->max_at_plan = round->marks->max_bytes;
	state->used_at_plan = round->used_bytes;
	state->growth_at_plan = round->sample->growth_bytes_per_s;
	state->expected_bytes = expected;
	state->claimed_bytes = 0;
}

static uint32_t level_at(const struct ms_policy_round *round, uint32_t step)
{
	if (round->danger)
		return round->state->danger_rounds > 0 ? MS_LEVEL_EMERGENCY : MS_LEVEL_CLEAR;
	return step == MS_STEP_TRIM ? MS_LEVEL_TRIM : MS_LEVEL_CLEAR;
}

static enum ms_policy_tier tier_at(const struct ms_policy_round *round, uint32_t step)
{
	if (round->gentle)
		return MS_TIER_ORDINARY;
	if (round->state->retrying)
		return MS_TIER_SPENT;
	return step >= MS_STEP_SMALL || round->danger ? MS_TIER_SMALL : MS_TIER_DOUBTFUL;
}

/* Return: whether the plan has actions now. @list tells about those that could not be asked. */
static bool ask_caches(const struct ms_policy_round *round, uint32_t step, uint32_t step_before,
		       struct ms_policy_candidates *list)
{
	struct ms_plan *plan = round->plan;
	struct ms_policy_wish wish = {.ask_bytes = plan->ask_bytes, .max_tier = tier_at(round, step)};
	uint32_t level = level_at(round, step);

	ms_policy_collect(round, &wish, list);
	uint64_t expected = ms_policy_choose(list, plan->ask_bytes, level, plan);

	/* A plan full of what does not make up half of it: then the largest, whatever they cost. */
	if (plan->count == MS_PLAN_ACTIONS && expected < plan->ask_bytes / 2) {
		plan->count = 0;
		wish.by_size = true;
		ms_policy_collect(round, &wish, list);
		expected = ms_policy_choose(list, plan->ask_bytes, level, plan);
	}
	if (plan->count == 0)
		return false;
	finish_orders(round, step, step_before, expected);
	return true;
}

/* What the allocator of one process may still give back; 0 = nothing, or it was asked and has not more
 * since. Before the caches only one that gave most of what it had the last time counts. */
static uint64_t allocator_bytes(const struct ms_policy_round *round, const struct ms_policy_row *from,
				bool first)
{
	const struct ms_row *row = &from->row;

	if (row->row != MS_ALLOCATOR_ROW || !from->answers || (row->flags & MS_ROW_STUCK))
		return 0;
	const struct ms_policy_record *record =
		ms_policy_record_find(round->state, from->process, row->row, row->generation);
	uint64_t bytes = row->bytes || first ? row->bytes : 1; /* it may keep no count */

	if (!record || ms_policy_grown(round->marks, record, row->bytes))
		return bytes;
	if (round->now_ns < record->not_before_ns || record->answered_at_ns >= round->state->shortage_at_ns)
		return 0;
	return first && (record->unreturned || record->last_claimed_bytes < row->bytes / 2) ? 0 : bytes;
}

static const struct ms_policy_row *largest_allocator(const struct ms_policy_round *round, bool first)
{
	const struct ms_policy_row *largest = NULL;
	uint64_t most = 0;

	for (uint32_t i = 0; i < round->row_count; i++) {
		uint64_t bytes = allocator_bytes(round, &round->rows[i], first);
		bool planned = false;

		for (uint32_t j = 0; j < round->plan->count && bytes > most; j++)
			planned |= round->plan->actions[j].process == round->rows[i].process;
		if (bytes <= most || planned)
			continue;
		largest = &round->rows[i];
		most = bytes;
	}
	return largest;
}

/* Actions on the allocators' rows, the largest first. Return: what is expected. */
static uint64_t choose_allocators(const struct ms_policy_round *round, bool first)
{
	struct ms_plan *plan = round->plan;
	uint64_t expected = 0;

	while (plan->count < MS_PLAN_ACTIONS && expected < plan->ask_bytes) {
		const struct ms_policy_row *from = largest_allocator(round, first);

		if (!from)
			break;
		plan->actions[plan->count++] = (struct ms_action){
			.process = from->process,
			.row = MS_ALLOCATOR_ROW,
			.generation = from->row.generation,
			.level = MS_LEVEL_TRIM,
			.expect_bytes = from->row.bytes,
		};
		expected = ms_sat_add(expected, from->row.bytes);
	}
	return ms_policy_min(expected, plan->ask_bytes);
}

/* Free memory costs nobody anything: where it alone makes up the need it goes before every cache. */
static bool ask_allocators_first(const struct ms_policy_round *round, uint32_t step)
{
	if (round->danger || round->state->retrying || step != MS_STEP_TRIM || is_in_a_hurry(round))
		return false;
	uint64_t expected = choose_allocators(round, true);

	if (expected < round->plan->ask_bytes) {
		round->plan->count = 0;
		return false;
	}
	finish_orders(round, MS_STEP_ALLOCATOR, MS_STEP_ALLOCATOR, expected);
	return true;
}

static bool ask_allocators_last(const struct ms_policy_round *round, uint32_t step_before)
{
	uint64_t expected = choose_allocators(round, false);

	if (round->plan->count == 0)
		return false;
	finish_orders(round, MS_STEP_ALLOCATOR, step_before, expected);
	return true;
}

/* Nothing is left to ask: say so once, then wait. */
static void give_up(const struct ms_policy_round *round, const struct ms_policy_candidates *list)
{
	struct ms_policy_state *state = round->state;

	if (list->soon_ns || list->silent) {
		uint64_t look_again = round->now_ns + round->config->hold_off_ns;

		wait_until(round, state->in_flight ? MS_WHY_IN_FLIGHT : MS_WHY_NOBODY_ANSWERS,
			   list->soon_ns ? ms_policy_min(list->soon_ns, look_again) : look_again);
		return;
	}
	bool does_not_help = state->unhelpful >= UNHELPFUL_MOST;

	begin_pause(round, list->cached_bytes);
	if (state->warned) {
		wait_until(round, MS_WHY_STORM_PAUSE, state->pause_until_ns);
		return;
	}
	state->warned = true;
	state->step = MS_STEP_WARN;
	round->plan->kind = MS_PLAN_WARN;
	round->plan->why = list->caches == 0 ? MS_WHY_NO_CACHES
			   : does_not_help   ? MS_WHY_DOES_NOT_HELP
					     : MS_WHY_NOTHING_LEFT;
}

/* Between low and high: only what is easy, and only while it helps. */
static void decide_gently(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;
	struct ms_policy_candidates list;

	if (state->pause_ns) { /* neither worth an order nor a word each time it passes high */
		uint64_t later = round->now_ns + round->config->hold_off_ns;

		wait_until(round, MS_WHY_STORM_PAUSE, state->pause_until_ns > later ? state->pause_until_ns : later);
		return;
	}
	if (round->plan->need_bytes >= ms_policy_span(round->marks) / EASY_DIVISOR && state->unhelpful == 0 &&
	    ask_caches(round, MS_STEP_TRIM, MS_STEP_TRIM, &list))
		return;
	end_shortage(round, MS_WHY_BELOW_HIGH);
}

static void decide(const struct ms_policy_round *round, uint32_t step_before)
{
	struct ms_policy_state *state = round->state;
	uint32_t step = state->step >= MS_STEP_CLEAR && state->unhelpful ? MS_STEP_CLEAR : MS_STEP_TRIM;
	/* Whoever did not help so often is left alone, unless it is the last hope. */
	bool useless = state->unhelpful >= UNHELPFUL_MOST && !round->danger && !state->retrying &&
		       !is_in_a_hurry(round);
	struct ms_policy_candidates list = {0};
	struct ms_policy_wish nothing = {.max_tier = MS_TIER_ORDINARY};

	if (round->danger || state->retrying)
		step = MS_STEP_CLEAR;
	if (!useless) {
		if (ask_allocators_first(round, step) || ask_caches(round, step, step_before, &list))
			return;
		/* Those that are busy for a moment come before those that should be left alone. */
		if (!list.soon_ns && ask_caches(round, MS_STEP_SMALL, step_before, &list))
			return;
	}
	if (ask_allocators_last(round, step_before))
		return;
	if (useless)
		ms_policy_collect(round, &nothing, &list);
	give_up(round, &list);
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
		.danger = used >= marks->danger_bytes && used > marks->high_bytes,
		.gentle = used <= marks->high_bytes,
	};
}

bool ms_policy_wants_rows(const struct ms_policy_config *config, const struct ms_sample *sample,
			  const struct ms_marks *marks, const struct ms_policy_state *state)
{
	struct ms_policy_round round = round_of(config, sample, marks);
	enum ms_why why;

	return is_short(&round, state) && !wait_of(&round, state, &why);
}

/* What did not come back may have been reused instead, as an interpreter's heap does: a target that stayed
 * below high for that long was helped, whatever the reading said. */
static void credit_calm(const struct ms_policy_round *round)
{
	struct ms_policy_state *state = round->state;

	if (!state->ended_at_ns ||
	    round->now_ns < state->ended_at_ns + CALM_HOLD_OFFS * round->config->hold_off_ns)
		return;
	state->unhelpful = 0;
	ms_policy_pardon(state);
}

void ms_policy_plan(const struct ms_policy_config *config, const struct ms_sample *sample,
		    const struct ms_marks *marks, const struct ms_policy_row *rows, uint32_t row_count,
		    struct ms_policy_state *state, struct ms_plan *ret_plan)
{
	struct ms_policy_round round = round_of(config, sample, marks);

	round.rows = rows;
	round.row_count = row_count;
	round.state = state;
	round.plan = ret_plan;
	memset(ret_plan, 0, sizeof(*ret_plan));
	ret_plan->need_bytes = ms_sat_sub(round.used_bytes, marks->low_bytes);
	if (is_over(&round))
		return;
	if (!state->in_shortage) {
		credit_calm(&round);
		state->in_shortage = true;
		state->shortage_at_ns = round.now_ns;
		state->rounds = state->danger_rounds = 0;
		state->step = MS_STEP_TRIM;
	}
	uint32_t step_before = state->step;

	if (must_wait(&round))
		return;
	ms_policy_judge(&round);
	ret_plan->ask_bytes = ask_of(&round);
	if (round.gentle)
		decide_gently(&round);
	else if (!is_paused(&round))
		decide(&round, step_before);
}

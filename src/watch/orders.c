/* SPDX-License-Identifier: MIT */
/* watch/orders.c - see orders.h. */
#include "watch/orders.h"

#include <assert.h>
#include <string.h>

#include "memshed.h"
#include "util/clock.h"
#include "util/saturate.h"
#include "watch/watch.h"

#define SILENT_NS (500 * MS_NS_PER_MS)
#define TAKE_NS (10 * MS_NS_PER_S)
/* What the agent needs to say "stuck" by itself after the order's own time. */
#define GRACE_NS (500 * MS_NS_PER_MS)
#define CHECK_NS (100 * MS_NS_PER_MS)
/* Longer than this an order was not late, but its process stopped. */
#define LATENESS_MOST_NS MS_NS_PER_S

#define COUNT_NS (500 * MS_NS_PER_MS)
#define COUNT_LEAST_NS (50 * MS_NS_PER_MS)
#define COUNT_TIMEOUT_NS (10 * MS_NS_PER_S)

/* Orders are turned after a sixteenth of their age. */
#define TURN_LEAST_NS MS_NS_PER_MS
#define TURN_MOST_NS (20 * MS_NS_PER_MS)

static const struct ms_post_patience patience = {
	.silent_us = SILENT_NS / MS_NS_PER_US,
	.take_us = TAKE_NS / MS_NS_PER_US,
	.grace_us = GRACE_NS / MS_NS_PER_US,
	.busy_us = 0, /* the agent has tried again for a while, and the policy asks others first */
};

static struct ms_member *member_at(struct ms_watch *watch, uint32_t slot)
{
	assert(slot < MS_TREE_CAPACITY);
	return &watch->members.at[slot];
}

/* ---- posting ---- */

static bool post_one(struct ms_watch *watch, const struct ms_policy_order *planned, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, planned->process);
	const struct ms_order order = {
		.seq = ++watch->orders.next_seq,
		.scope = MS_SCOPE_PROCESS,
		.level = planned->level,
		.reason = MEMSHED_REASON_PRESSURE,
		.target_bytes = planned->target_bytes,
		.timeout_us = planned->timeout_ns / MS_NS_PER_US,
	};

	if (!member->can_post || member->order.state != MS_POST_IDLE)
		return false;
	ms_post_begin(&member->order, &order, &patience, now_ns);
	ms_post_turn(&member->order, &member->client, now_ns);
	watch->orders.open++;
	return true;
}

static void learn(struct ms_watch *watch, uint32_t slot, uint32_t status, uint64_t claimed_bytes,
		  uint64_t returned_bytes, uint64_t now_ns)
{
	const struct ms_policy_answer answer = {
		.status = status, .claimed_bytes = claimed_bytes, .returned_bytes = returned_bytes};

	ms_policy_learn(&watch->config, &watch->policy, slot, &answer, now_ns);
}

uint32_t ms_orders_post(struct ms_watch *watch, uint64_t now_ns)
{
	uint32_t count = 0;

	watch->orders.begun_ns = now_ns;
	for (uint32_t i = 0; i < watch->plan.count; i++) {
		const struct ms_policy_order *planned = &watch->plan.orders[i];

		if (post_one(watch, planned, now_ns))
			count++;
		else
			learn(watch, planned->process, MS_ANSWER_NONE, 0, 0, now_ns);
	}
	watch->summary.orders += count;
	return count;
}

static void begin_round(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_orders *orders = &watch->orders;

	ms_orders_settle(watch, now_ns, true);
	assert(!orders->measuring);
	watch->summary.rounds++;
	orders->measuring = true;
	orders->answered_ns = 0;
	orders->processes = watch->reading.sample.processes;
	orders->rss_before_bytes = orders->rss_least_bytes = watch->reading.sample.rss_bytes;
	orders->own_before_bytes = ms_watch_own_sum(watch, false).returned_bytes;
	orders->round = (struct ms_state_round){.began_ns = now_ns};
}

void ms_orders_announce(struct ms_watch *watch, uint64_t now_ns)
{
	begin_round(watch, now_ns);
	for (uint32_t i = 0; i < watch->plan.count; i++) {
		const struct ms_policy_order *planned = &watch->plan.orders[i];
		const struct ms_member *member = member_at(watch, planned->process);
		struct ms_event event = {.kind = MS_EVENT_ORDER,
					 .as.order = {.reason = watch->plan.why,
						      .level = planned->level,
						      .target_bytes = planned->target_bytes}};

		if (member->order.state == MS_POST_IDLE || member->order.begun_ns != now_ns)
			continue;
		watch->orders.round.orders++;
		watch->orders.round.asked_bytes += planned->target_bytes;
		ms_report_member(watch->report, &watch->reading, member, &event);
	}
}

/* ---- ending ---- */

/* With figures, but of no cache that was asked for it: the process had shrunk by itself. */
static bool is_own(const struct ms_answer *answer)
{
	return answer->caches == 0 && answer->claimed_bytes > 0;
}

static void say_answer(struct ms_watch *watch, uint32_t slot, const struct ms_answer *answer)
{
	const struct ms_member *member = member_at(watch, slot);
	struct ms_event event = {.kind = MS_EVENT_ANSWER,
				 .as.answer = {.status = answer->status,
					       .error = answer->error,
					       .claimed_bytes = answer->claimed_bytes,
					       .claimed_entries = answer->claimed_entries,
					       .returned_bytes = answer->returned_bytes,
					       .caches = answer->caches,
					       .own = is_own(answer),
					       .duration_us = answer->duration_us}};
	struct ms_event_answer *said = &event.as.answer;

	ms_members_name(&watch->members, slot, member->order.order.seq, &said->gave, said->stuck);
	for (uint32_t i = 0; i < said->gave.count; i++)
		said->estimated |= said->gave.at[i].estimated;
	watch->summary.estimated |= said->estimated;
	ms_report_member(watch->report, &watch->reading, member, &event);
}

/* What the post that has ended amounts to. */
static struct ms_answer answer_of(const struct ms_post *post, uint64_t now_ns)
{
	struct ms_answer answer = {.status = MS_ANSWER_NONE};

	switch (post->end) {
	case MS_POST_ANSWERED:
		return post->answer;
	case MS_POST_STUCK:
	case MS_POST_LOST:
	case MS_POST_LEFT:
		answer.status = MS_ANSWER_STUCK;
		break;
	default:
		break;
	}
	answer.duration_us = post->posted_ns ? (now_ns - post->posted_ns) / MS_NS_PER_US : 0;
	return answer;
}

/* The end of every order, however it came about. */
static void finish(struct ms_watch *watch, uint32_t slot, const struct ms_answer *answer, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);
	struct ms_orders *orders = &watch->orders;

	assert(member->order.state == MS_POST_ENDED && orders->open > 0);
	learn(watch, slot, answer->status, answer->claimed_bytes, answer->returned_bytes, now_ns);
	orders->open--;
	if (!is_own(answer)) {
		orders->round.claimed_bytes += answer->claimed_bytes;
		watch->summary.claimed_bytes += answer->claimed_bytes;
	}
	if (orders->open == 0 && orders->measuring) {
		orders->answered_ns = now_ns;
		orders->round.duration_ns = now_ns - orders->round.began_ns;
		watch->summary.shrink_us += orders->round.duration_ns / MS_NS_PER_US;
	}
	if (answer->status != MS_ANSWER_NONE) /* else what was wrong with its process has been said */
		say_answer(watch, slot, answer);
	ms_post_reset(&member->order);
}

static void give_up(struct ms_watch *watch, uint32_t slot, uint32_t status, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);

	if (member->order.state == MS_POST_IDLE)
		return;
	ms_post_take_back(&member->order, &member->client);
	struct ms_answer answer = answer_of(&member->order, now_ns);

	if (member->order.end != MS_POST_ANSWERED)
		answer.status = status;
	finish(watch, slot, &answer, now_ns);
}

void ms_orders_forget(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);

	ms_watch_own_keep(watch, slot);
	give_up(watch, slot, MS_ANSWER_GONE, now_ns);
	if (member->count.state != MS_POST_IDLE) {
		ms_post_take_back(&member->count, &member->client);
		ms_post_reset(&member->count);
		watch->orders.counting--;
	}
	ms_policy_forget(&watch->policy, slot);
}

void ms_orders_take_back(struct ms_watch *watch, uint64_t now_ns)
{
	for (uint32_t i = 0; i < watch->reading.tree.high && watch->orders.open > 0; i++) {
		enum ms_post_state state = watch->members.at[i].order.state;

		if (state == MS_POST_WAITING || state == MS_POST_POSTED)
			give_up(watch, i, MS_ANSWER_NONE, now_ns);
	}
}

/* ---- turning ---- */

static void say_plainly(struct ms_watch *watch, uint32_t slot, enum ms_event_kind kind)
{
	struct ms_event event = {.kind = kind};

	if (kind == MS_EVENT_SILENT)
		event.as.silent.agent_state = member_at(watch, slot)->reader.info.agent_state;
	ms_report_member(watch->report, &watch->reading, member_at(watch, slot), &event);
}

/* It takes no order, and is not stopped. */
static void look_into(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);

	if (member->said_silent)
		return;
	member->said_silent = true;
	if (!ms_reading_is_short(&watch->reading) && ms_members_look(&watch->members, slot, now_ns) == 1) {
		ms_orders_forget(watch, slot, now_ns);
		return;
	}
	ms_table_refresh(&member->reader);
	say_plainly(watch, slot, MS_EVENT_SILENT);
}

/* Not answered yet: is that all right? */
static void check(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);

	if (now_ns < watch->orders.next_check_ns || now_ns - member->order.since_ns < SILENT_NS)
		return;
	if (ms_members_is_stopped(&watch->members, slot)) {
		member->stopped = true;
		say_plainly(watch, slot, MS_EVENT_STOPPED);
		give_up(watch, slot, MS_ANSWER_NONE, now_ns);
	} else if (ms_post_is_silent(&member->order, now_ns)) {
		look_into(watch, slot, now_ns);
	}
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* How long until it was taken, and how long until something came back: for the margin. */
static void note_latency(struct ms_watch *watch, const struct ms_post *post, uint64_t now_ns)
{
	struct ms_reading_worst *worst = &watch->reading.worst;
	uint64_t took_ns = now_ns - post->posted_ns;

	if (post->state == MS_POST_ENDED) {
		uint64_t worked_ns = at_most(post->answer.duration_us, LATENESS_MOST_NS / MS_NS_PER_US) * MS_NS_PER_US;

		took_ns -= at_most(worked_ns, took_ns);
	}
	ms_pace_worst_note(&worst->order, at_most(took_ns, LATENESS_MOST_NS), now_ns);
}

static void note_work(struct ms_watch *watch, const struct ms_answer *answer, uint64_t now_ns)
{
	uint64_t us = answer->duration_us / (answer->caches ? answer->caches : 1);

	ms_pace_worst_note(&watch->reading.worst.callback,
			   at_most(us, LATENESS_MOST_NS / MS_NS_PER_US) * MS_NS_PER_US, now_ns);
}

static void turn(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);
	struct ms_post *post = &member->order;
	bool untaken = post->state == MS_POST_POSTED;

	if (ms_post_is_open(post))
		ms_post_turn(post, &member->client, now_ns);
	bool answered = post->state == MS_POST_ENDED && post->end == MS_POST_ANSWERED;

	if (untaken && (post->state == MS_POST_RUNNING || answered)) {
		note_latency(watch, post, now_ns);
		ms_policy_taken(&watch->policy, slot);
		member->said_silent = false;
	}
	if (answered)
		note_work(watch, &post->answer, now_ns);
	if (post->state == MS_POST_ENDED) {
		const struct ms_answer answer = answer_of(post, now_ns);

		finish(watch, slot, &answer, now_ns);
	} else {
		check(watch, slot, now_ns);
	}
}

static void turn_count(struct ms_watch *watch, struct ms_member *member, uint64_t now_ns)
{
	if (ms_post_is_open(&member->count) && !ms_post_turn(&member->count, &member->client, now_ns))
		return;
	ms_post_reset(&member->count);
	watch->orders.counting--;
}

/* Those that were continued can be asked again. */
static void check_stopped(struct ms_watch *watch, uint32_t slot)
{
	struct ms_member *member = member_at(watch, slot);

	if (!member->stopped || ms_members_is_stopped(&watch->members, slot))
		return;
	member->stopped = false;
	say_plainly(watch, slot, MS_EVENT_RESUMED);
}

void ms_orders_collect(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_orders *orders = &watch->orders;
	bool due = now_ns >= orders->next_check_ns;

	if (orders->open == 0 && orders->counting == 0 && !due)
		return;
	for (uint32_t i = 0; i < watch->reading.tree.high; i++) {
		struct ms_member *member = member_at(watch, i);

		if (member->order.state != MS_POST_IDLE)
			turn(watch, i, now_ns);
		if (member->count.state != MS_POST_IDLE)
			turn_count(watch, member, now_ns);
		if (member->pid && due)
			check_stopped(watch, i);
	}
	if (due)
		orders->next_check_ns = now_ns + CHECK_NS;
}

void ms_orders_check_soon(struct ms_watch *watch)
{
	watch->orders.next_check_ns = 0;
}

/* ---- measuring ---- */

void ms_orders_settle(struct ms_watch *watch, uint64_t now_ns, bool at_once)
{
	struct ms_orders *orders = &watch->orders;
	const struct ms_sample *sample = &watch->reading.sample;

	if (!orders->measuring)
		return;
	/* What an ended process leaves behind was not given back. One that is ending shows no memory. */
	if (sample->rss_bytes > 0 && sample->processes >= orders->processes &&
	    sample->rss_bytes < orders->rss_least_bytes)
		orders->rss_least_bytes = sample->rss_bytes;
	orders->round.returned_bytes = orders->rss_before_bytes - orders->rss_least_bytes;
	if (!at_once && (orders->open > 0 || now_ns < orders->answered_ns + watch->config.hold_off_ns))
		return;
	orders->round.returned_bytes = ms_sat_sub(
		orders->round.returned_bytes,
		ms_sat_sub(ms_watch_own_sum(watch, true).returned_bytes, orders->own_before_bytes));
	struct ms_event event = {
		.kind = MS_EVENT_RETURNED,
		.as.returned = {.claimed_bytes = orders->round.claimed_bytes,
				.returned_bytes = orders->round.returned_bytes,
				.answered_us = orders->round.duration_ns / MS_NS_PER_US,
				.duration_us = (now_ns - orders->round.began_ns) / MS_NS_PER_US},
	};
	orders->measuring = false;
	watch->summary.returned_bytes += orders->round.returned_bytes;
	ms_report_say(watch->report, &watch->reading, &event);
}

/* ---- counting ---- */

/* Counting may wait for the host's lock: nothing else waits for it here, and no answer is no harm. */
static void count_all(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_order order = {
		.seq = ++watch->orders.next_seq,
		.scope = MS_SCOPE_PROCESS,
		.level = MS_LEVEL_COUNT,
		.reason = MEMSHED_REASON_PRESSURE,
		.timeout_us = COUNT_TIMEOUT_NS / MS_NS_PER_US,
	};

	watch->orders.counted_ns = now_ns;
	for (uint32_t i = 0; i < watch->reading.tree.high; i++) {
		struct ms_member *member = member_at(watch, i);

		if (!member->pid || !ms_members_answers(member, now_ns) || member->count.state != MS_POST_IDLE)
			continue;
		ms_post_begin(&member->count, &order, &patience, now_ns);
		ms_post_turn(&member->count, &member->client, now_ns);
		watch->orders.counting++;
	}
}

/* How much is used says little of the sizes: a cache may fill again what another one freed, in memory that the
 * allocator kept. */
void ms_orders_count_ahead(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_limit *limit = &watch->reading.sample.limit;
	uint64_t growth = watch->reading.sample.growth_bytes_per_s, pause_ns = COUNT_NS;

	if (limit->used_bytes < watch->reading.marks.low_bytes || watch->orders.open > 0)
		return;
	if (growth > 0 && limit->max_bytes > limit->used_bytes)
		pause_ns = at_most(pause_ns, (uint64_t)((double)(limit->max_bytes - limit->used_bytes) /
							(double)growth * (double)MS_NS_PER_S / 4));
	if (pause_ns < COUNT_LEAST_NS)
		pause_ns = COUNT_LEAST_NS;
	if (watch->orders.counted_ns && now_ns - watch->orders.counted_ns < pause_ns)
		return;
	count_all(watch, now_ns);
}

/* ---- members that come and go ---- */

void ms_orders_follow(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_tree_change change;

	while (ms_tree_next_change(&watch->reading.tree, &change)) {
		if (change.came) {
			ms_members_add(&watch->members, change.slot, change.pid, change.start_ticks, now_ns);
			continue;
		}
		ms_members_name(&watch->members, change.slot, 0, &watch->summary.largest, NULL);
		ms_orders_forget(watch, change.slot, now_ns);
		ms_members_remove(&watch->members, change.slot);
	}
}

uint64_t ms_orders_next_ns(const struct ms_watch *watch, uint64_t now_ns)
{
	uint64_t age_ns = now_ns - watch->orders.begun_ns, pause_ns = age_ns / 16;

	if (watch->orders.open == 0)
		return UINT64_MAX;
	if (pause_ns < TURN_LEAST_NS)
		pause_ns = TURN_LEAST_NS;
	return now_ns + at_most(pause_ns, TURN_MOST_NS);
}

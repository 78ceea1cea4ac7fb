/* SPDX-License-Identifier: MIT */
/* watch/orders.c - see orders.h. */
#include "watch/orders.h"

#include <assert.h>

#include "memshed.h"
#include "util/clock.h"
#include "util/saturate.h"
#include "watch/watch.h"

#define TAKE_NS (10 * MS_NS_PER_S)
/* What the agent needs to say "stuck" by itself after the order's own time. */
#define GRACE_NS (500 * MS_NS_PER_MS)

/* Orders are turned after a sixteenth of their age. */
enum { TURNS_OF_AGE = 16 };
#define TURN_LEAST_NS MS_NS_PER_MS
#define TURN_MOST_NS  (20 * MS_NS_PER_MS)

static const struct ms_post_patience patience = {
	.silent_us = MS_SILENT_NS / MS_NS_PER_US,
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

void ms_orders_begin(struct ms_watch *watch, struct ms_member *member, struct ms_post *post,
		     const struct ms_policy_order *planned, uint64_t now_ns)
{
	const struct ms_order order = {
		.seq = ++watch->orders.last_seq,
		.scope = MS_SCOPE_PROCESS,
		.level = planned->level,
		.reason = MEMSHED_REASON_PRESSURE,
		.target_bytes = planned->target_bytes,
		.timeout_us = planned->timeout_ns / MS_NS_PER_US,
	};

	ms_post_begin(post, &order, &patience, now_ns);
	ms_post_turn(post, &member->client, now_ns);
}

static void learn(struct ms_watch *watch, uint32_t slot, const struct ms_answer *answer, uint64_t now_ns)
{
	const struct ms_policy_answer learnt = {.status = answer->status,
						.claimed_bytes = answer->claimed_bytes,
						.returned_bytes = answer->returned_bytes};

	ms_policy_learn(&watch->config, &watch->policy, slot, &learnt, now_ns);
}

void ms_orders_post(struct ms_watch *watch, uint64_t now_ns)
{
	static const struct ms_answer none = {.status = MS_ANSWER_NONE, .returned_bytes = MS_NOT_MEASURED};
	struct ms_plan *plan = &watch->plan;
	uint32_t posted = 0;

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct ms_policy_order planned = plan->orders[i];
		struct ms_member *member = member_at(watch, planned.process);

		if (!member->can_post || member->order.state != MS_POST_IDLE) {
			learn(watch, planned.process, &none, now_ns);
			continue;
		}
		member->order_taken = false;
		ms_orders_begin(watch, member, &member->order, &planned, now_ns);
		plan->orders[posted++] = planned;
	}
	plan->count = posted;
	watch->orders.open += posted;
	watch->orders.posted_ns = now_ns;
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

/* The end of every order. @unanswered: the status of one without an answer. */
static void finish(struct ms_watch *watch, uint32_t slot, uint32_t unanswered, uint64_t now_ns)
{
	struct ms_post *post = &member_at(watch, slot)->order;
	struct ms_answer answer = {.status = unanswered, .returned_bytes = MS_NOT_MEASURED};

	assert(post->state == MS_POST_ENDED && watch->orders.open > 0);
	if (post->end == MS_POST_ANSWERED)
		answer = post->answer;
	else if (post->posted_ns)
		answer.duration_us = (now_ns - post->posted_ns) / MS_NS_PER_US;
	watch->orders.open--;
	learn(watch, slot, &answer, now_ns);
	ms_result_answer(watch, is_own(&answer) ? 0 : answer.claimed_bytes, now_ns);
	if (answer.status != MS_ANSWER_NONE) /* else what was wrong with its process has been said */
		say_answer(watch, slot, &answer);
	ms_post_reset(post);
}

static void give_up(struct ms_watch *watch, uint32_t slot, uint32_t status, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);

	if (member->order.state == MS_POST_IDLE)
		return;
	ms_post_take_back(&member->order, &member->client);
	finish(watch, slot, status, now_ns);
}

void ms_orders_forget(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	ms_watch_own_keep(watch, slot);
	give_up(watch, slot, MS_ANSWER_GONE, now_ns);
	ms_policy_forget(&watch->policy, slot);
}

void ms_orders_take_back(struct ms_watch *watch, uint64_t now_ns)
{
	for (uint32_t i = 0; i < watch->reading.tree.high && watch->orders.open > 0; i++) {
		enum ms_post_state state = member_at(watch, i)->order.state;

		if (state == MS_POST_WAITING || state == MS_POST_POSTED)
			give_up(watch, i, MS_ANSWER_NONE, now_ns);
	}
}

/* ---- turning ---- */

/* Once for each order; for the margin, how long that took: without the time that the agent worked. */
static void note_taken(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);
	const struct ms_post *post = &member->order;
	uint64_t worked_ns = post->state == MS_POST_ENDED ? post->answer.duration_us * MS_NS_PER_US : 0;

	if (member->order_taken)
		return;
	member->order_taken = true;
	member->said_silent = false;
	ms_policy_taken(&watch->policy, slot);
	ms_pace_worst_note(&watch->reading.worst.order, ms_sat_sub(now_ns - post->posted_ns, worked_ns),
			   now_ns);
}

/* Likewise, how long until something came back. */
static void note_work(struct ms_watch *watch, const struct ms_answer *answer, uint64_t now_ns)
{
	uint64_t one_us = answer->duration_us / (answer->caches ? answer->caches : 1);

	ms_pace_worst_note(&watch->reading.worst.callback, one_us * MS_NS_PER_US, now_ns);
}

/* An order that has ended was taken by the agent, and given up by us, in these ways. */
static bool is_stuck(enum ms_post_end end)
{
	return end == MS_POST_STUCK || end == MS_POST_LOST || end == MS_POST_LEFT;
}

static void turn(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = member_at(watch, slot);
	struct ms_post *post = &member->order;

	if (ms_post_is_open(post))
		ms_post_turn(post, &member->client, now_ns);
	bool answered = post->state == MS_POST_ENDED && post->end == MS_POST_ANSWERED;

	if (answered || post->state == MS_POST_RUNNING)
		note_taken(watch, slot, now_ns);
	if (answered)
		note_work(watch, &post->answer, now_ns);
	if (post->state == MS_POST_ENDED)
		finish(watch, slot, is_stuck(post->end) ? MS_ANSWER_STUCK : MS_ANSWER_NONE, now_ns);
}

static void heed_silence(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	switch (ms_silence_check(watch, slot, now_ns)) {
	case MS_SILENCE_WAIT:
		break;
	case MS_SILENCE_STOPPED:
		give_up(watch, slot, MS_ANSWER_NONE, now_ns);
		break;
	case MS_SILENCE_REPLACED:
		ms_orders_forget(watch, slot, now_ns);
		break;
	}
}

void ms_orders_collect(struct ms_watch *watch, uint64_t now_ns)
{
	for (uint32_t i = 0; i < watch->reading.tree.high && watch->orders.open > 0; i++) {
		const struct ms_post *post = &member_at(watch, i)->order;

		if (post->state != MS_POST_IDLE)
			turn(watch, i, now_ns);
		if (post->state != MS_POST_IDLE)
			heed_silence(watch, i, now_ns);
	}
}

uint64_t ms_orders_next_ns(const struct ms_watch *watch, uint64_t now_ns)
{
	uint64_t age_ns = now_ns - watch->orders.posted_ns;

	if (watch->orders.open == 0)
		return UINT64_MAX;
	return now_ns + ms_within(age_ns / TURNS_OF_AGE, TURN_LEAST_NS, TURN_MOST_NS);
}

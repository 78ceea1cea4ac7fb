/* SPDX-License-Identifier: MIT */
/* Orders of a plan on their way and back: what the agents get, what the policy learns, what is said. */
#include "watch_bed.h"

/* ---- posting ---- */

static void all_are_posted_before_a_word_is_said(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	assert_int_equal(watch.orders.open, MEMBERS);
	assert_said("");
	take_order(CHILD, &taken);
	assert_int_equal(taken.scope, MS_SCOPE_PROCESS);
	assert_int_equal(taken.level, watch.plan.orders[0].level);
	assert_int_equal(taken.target_bytes, watch.plan.orders[0].target_bytes);
	assert_int_equal(taken.timeout_us, watch.plan.orders[0].timeout_ns / MS_NS_PER_US);
	uint64_t seq = taken.seq;
	take_order(SELF, &taken);
	assert_true(taken.seq != 0 && seq != 0 && taken.seq != seq);
	ms_result_begin(&watch, now);
	assert_said("order order");
	assert_int_equal(watch.summary.orders, 2);
	assert_int_equal(watch.summary.rounds, 1);
	assert_int_equal(watch.result.sums.orders, 2);
	assert_int_equal(watch.result.sums.asked_bytes,
			 watch.plan.orders[0].target_bytes + watch.plan.orders[1].target_bytes);
}

static void one_that_cannot_be_posted_leaves_the_plan(void **state)
{
	(void)state;
	plan();
	ms_control_close(&watch.members.at[CHILD].client);
	watch.members.at[CHILD].can_post = false;
	ms_orders_post(&watch, now);
	assert_int_equal(watch.plan.count, 1);
	assert_int_equal(watch.plan.orders[0].process, SELF);
	assert_int_equal(watch.orders.open, 1);
	assert_false(watch.policy.of[CHILD].out);
	assert_true(watch.policy.of[SELF].out);
}

static void a_page_of_nonsense_ends_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		agents[CHILD].page->slots[i].word = 0xff;
	post_all();
	collect(0);
	assert_false(watch.policy.of[CHILD].out);
	assert_int_equal(watch.orders.open, 1);
	assert_said("");
}

/* ---- answers ---- */

static void each_answer_is_learnt_once(void **state)
{
	(void)state;
	post_all();
	ms_result_begin(&watch, now);
	assert_said("order order");
	answer_order(CHILD, MS_ANSWER_DONE, 80 * MIB);
	collect(MS(10));
	assert_said("answer:done");
	assert_int_equal(watch.orders.open, 1);
	assert_false(watch.policy.of[CHILD].out);
	assert_int_equal(watch.policy.of[CHILD].returned_bytes, 80 * MIB);
	assert_int_equal(watch.result.answered_ns, 0);
	assert_int_equal(watch.members.at[CHILD].order.state, MS_POST_IDLE);
	collect(MS(10));
	assert_said("");
	answer_order(SELF, MS_ANSWER_PARTIAL, 20 * MIB);
	collect(MS(10));
	assert_said("answer:partial");
	assert_int_equal(watch.orders.open, 0);
	assert_int_equal(watch.result.answered_ns, now);
	assert_int_equal(watch.result.sums.claimed_bytes, 100 * MIB);
	assert_int_equal(watch.result.sums.duration_ns, MS(30));
	assert_int_equal(watch.summary.claimed_bytes, 100 * MIB);
	assert_int_equal(watch.summary.shrink_us, 30000);
	collect(MS(10));
	assert_said("");
}

static void the_policy_is_told_that_it_was_taken(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	collect(MS(1));
	assert_false(watch.policy.of[CHILD].taken);
	take_order(CHILD, &taken);
	collect(MS(2));
	assert_true(watch.policy.of[CHILD].taken);
	assert_false(watch.policy.of[SELF].taken);
	assert_int_equal(ms_pace_worst_ns(&watch.reading.worst.order, now), MS(3));
	uint64_t then = now;

	collect(MS(100)); /* noted once */
	assert_int_equal(ms_pace_worst_ns(&watch.reading.worst.order, then), MS(3));
}

/* An agent on another CPU may take it before it was first polled. */
static void also_when_it_was_taken_at_once(void **state)
{
	struct ms_member *member = &watch.members.at[CHILD];
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(CHILD, &taken);
	ms_post_turn(&member->order, &member->client, now);
	assert_int_equal(member->order.state, MS_POST_RUNNING);
	collect(MS(1));
	assert_true(watch.policy.of[CHILD].taken);
}

/* 10 ms until the answer, of which the agent worked 8, with 2 caches. */
static void what_it_took_is_the_margin(void **state)
{
	(void)state;
	post_all();
	answer_order(CHILD, MS_ANSWER_DONE, MIB);
	collect(MS(10));
	assert_int_equal(ms_pace_worst_ns(&watch.reading.worst.order, now), MS(2));
	assert_int_equal(ms_pace_worst_ns(&watch.reading.worst.callback, now), MS(4));
}

/* What an agent says of its time is a claim. */
static void a_time_beyond_all_bounds_is_cut(void **state)
{
	const struct ms_answer given = {.status = MS_ANSWER_DONE, .duration_us = UINT64_MAX / 2};
	struct ms_order taken;

	(void)state;
	post_all();
	struct ms_order_handle handle = take_order(CHILD, &taken);

	ms_control_answer(&agents[CHILD], &handle, &given);
	collect(MS(10));
	assert_true(ms_pace_worst_ns(&watch.reading.worst.order, now) <= MS(10));
	assert_true(ms_pace_worst_ns(&watch.reading.worst.callback, now) <= SECONDS(1));
}

static void one_past_its_time_is_stuck(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	uint64_t timeout_ns = watch.plan.orders[0].timeout_ns;

	take_order(CHILD, &taken);
	take_order(SELF, &taken);
	collect(MS(1));
	collect(timeout_ns);
	assert_int_equal(watch.orders.open, 2);
	collect(MS(500));
	assert_said("answer:stuck answer:stuck");
	assert_int_equal(watch.policy.of[CHILD].status, MS_ANSWER_STUCK);
	assert_int_equal(watch.orders.open, 0);
}

static void one_that_was_lost_is_stuck(void **state)
{
	(void)state;
	post_all();
	agents[CHILD].page->slots[watch.members.at[CHILD].order.handle.slot].word = 0;
	collect(MS(1));
	assert_said("answer:stuck");
}

/* ---- orders that are not needed, or not possible any more ---- */

static void one_that_was_taken_is_not_taken_back(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(CHILD, &taken);
	collect(MS(1));
	ms_orders_take_back(&watch, now);
	assert_int_equal(watch.orders.open, 1);
	assert_int_equal(watch.members.at[SELF].order.state, MS_POST_IDLE);
	assert_int_equal(watch.members.at[CHILD].order.state, MS_POST_RUNNING);
	assert_false(has_order(SELF));
	assert_false(watch.policy.of[SELF].out);
	assert_true(watch.policy.of[CHILD].out);
	assert_said("");
}

static void nothing_is_known_of_one_that_went_away(void **state)
{
	const struct ms_policy_evidence nothing = {.out = false};

	(void)state;
	post_all();
	ms_orders_forget(&watch, CHILD, now);
	assert_said("answer:gone");
	assert_int_equal(watch.orders.open, 1);
	assert_false(has_order(CHILD));
	assert_memory_equal(&watch.policy.of[CHILD], &nothing, sizeof(nothing));
	ms_orders_forget(&watch, CHILD, now);
	assert_said("");
}

static void one_that_nothing_takes_is_given_up(void **state)
{
	(void)state;
	post_all();
	for (unsigned i = 0; i < 99; i++)
		ms_orders_collect(&watch, now += MS(100));
	assert_true(watch.policy.of[SELF].out);
	ms_orders_collect(&watch, now += MS(100));
	assert_false(watch.policy.of[SELF].out);
	assert_false(has_order(SELF));
	assert_int_equal(watch.orders.open, 0);
}

static void orders_are_turned_more_seldom_as_they_grow_old(void **state)
{
	(void)state;
	assert_int_equal(ms_orders_next_ns(&watch, now), UINT64_MAX);
	post_all();
	assert_int_equal(ms_orders_next_ns(&watch, now), now + MS(1));
	assert_int_equal(ms_orders_next_ns(&watch, now + MS(160)), now + MS(170));
	assert_int_equal(ms_orders_next_ns(&watch, now + SECONDS(5)), now + SECONDS(5) + MS(20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WATCH(all_are_posted_before_a_word_is_said),
		WITH_WATCH(one_that_cannot_be_posted_leaves_the_plan),
		WITH_WATCH(a_page_of_nonsense_ends_it),
		WITH_WATCH(each_answer_is_learnt_once),
		WITH_WATCH(the_policy_is_told_that_it_was_taken),
		WITH_WATCH(also_when_it_was_taken_at_once),
		WITH_WATCH(what_it_took_is_the_margin),
		WITH_WATCH(a_time_beyond_all_bounds_is_cut),
		WITH_WATCH(one_past_its_time_is_stuck),
		WITH_WATCH(one_that_was_lost_is_stuck),
		WITH_WATCH(one_that_was_taken_is_not_taken_back),
		WITH_WATCH(nothing_is_known_of_one_that_went_away),
		WITH_WATCH(one_that_nothing_takes_is_given_up),
		WITH_WATCH(orders_are_turned_more_seldom_as_they_grow_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

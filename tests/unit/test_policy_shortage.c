/* SPDX-License-Identifier: MIT */
/* test_policy_shortage.c - a shortage over time: hold-off, escalation, what is learnt of a cache. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_bed.h"

static void below_low_it_is_over(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_plan(&bed, 910);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 799), MS_PLAN_RECOVERED, MS_WHY_BELOW_LOW);
	assert_plan(bed_plan(&bed, 799), MS_PLAN_NOTHING, MS_WHY_BELOW_HIGH);
	assert_plan(bed_plan(&bed, 899), MS_PLAN_NOTHING, MS_WHY_BELOW_HIGH);
}

static void while_orders_are_out_it_waits(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 60);
	bed_row(&bed, 0, 2, 60);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 2);
	struct ms_action second = bed.plan.actions[1];

	bed_answer(&bed, 0, MS_ANSWER_DONE, 60);
	assert_plan(bed_plan(&bed, 870), MS_PLAN_WAIT, MS_WHY_IN_FLIGHT);
	assert_true(bed.plan.not_before_ns > bed.sample.at_ns);
	bed.plan.actions[1] = second;
	bed_answer(&bed, 1, MS_ANSWER_DONE, 50);
	assert_plan(bed_plan(&bed, 820), MS_PLAN_WAIT, MS_WHY_HOLD_OFF);
	assert_plan(bed_plan(&bed, 800), MS_PLAN_RECOVERED, MS_WHY_BELOW_LOW);
}

static void one_that_does_not_answer_does_not_keep_the_others(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_row(&bed, 1, 1, 200);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	bed.rows[0].answers = false; /* it is in flight there */
	bed_pass(&bed, 100);
	assert_plan(bed_plan(&bed, 920), MS_PLAN_WAIT, MS_WHY_IN_FLIGHT);
	bed_pass(&bed, 2000);
	assert_plan(bed_plan(&bed, 930), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_int_equal(bed.plan.actions[0].process, 1);
	assert_int_equal(bed.state.in_flight, 2);
}

static bool wants_rows(struct bed *bed, uint64_t used_mib)
{
	bed->sample.limit.used_bytes = used_mib * MIB;
	return ms_policy_wants_rows(&bed->config, &bed->sample, &bed->marks, &bed->state);
}

static void rows_are_wanted_only_when_they_count(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	assert_false(wants_rows(&bed, 900));
	assert_true(wants_rows(&bed, 901));
	bed_plan(&bed, 910);
	assert_false(wants_rows(&bed, 910)); /* in flight */
	bed_answer(&bed, 0, MS_ANSWER_DONE, 110);
	assert_false(wants_rows(&bed, 850)); /* settles */
	bed_pass(&bed, 300);
	assert_true(wants_rows(&bed, 850));
	assert_false(wants_rows(&bed, 800));
}

static void a_lost_answer_is_not_waited_for_for_ever(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_plan(&bed, 910);
	bed_pass(&bed, 61000);
	assert_plan(bed_plan(&bed, 920), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_int_equal(bed.state.in_flight, 1);
}

static void the_hold_off_is_short_near_max(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 100);
	bed_row(&bed, 0, 2, 100);
	bed_row(&bed, 0, 3, 300);
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_DONE, 110);
	bed_pass(&bed, 50);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WAIT, MS_WHY_HOLD_OFF);
	assert_plan(bed_plan(&bed, 990), MS_PLAN_ORDERS, MS_WHY_NEAR_MAX);
}

/* 90 MiB are left, at 1 GiB/s that is 88 ms: a quarter of it is 22. */
static void the_hold_off_ends_before_max_is_reached(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 100);
	bed_row(&bed, 0, 2, 300);
	bed.sample.growth_bytes_per_s = 1024 * MIB;
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_DONE, 50);
	bed_pass(&bed, 10);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WAIT, MS_WHY_HOLD_OFF);
	bed_pass(&bed, 20);
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_ORDERS);
}

static void it_is_not_over_before_the_answers(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_plan(&bed, 910);
	assert_plan(bed_plan(&bed, 700), MS_PLAN_WAIT, MS_WHY_IN_FLIGHT);
}

static void a_new_shortage_does_not_wait_for_the_last(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_plan(&bed, 910);
	bed_answer_all(&bed);
	assert_int_equal(bed_plan(&bed, 700)->kind, MS_PLAN_RECOVERED);
	bed_row(&bed, 0, 2, 300);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
}

static void what_did_not_come_back_is_asked_for_harder(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_plan(&bed, 910);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_ESCALATED);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_CLEAR, 0);
}

static void the_share_that_came_back_is_learnt(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_plan(&bed, 920);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 120);
	bed_answer_all(&bed);
	/* Half of it came back: 60 of 120. The next order asks for more than the need. */
	assert_plan(bed_plan(&bed, 860), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_int_equal(bed.state.returned_per_mille, 750);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 80); /* 60 / 0.75 */
}

static void growth_in_the_meantime_is_no_fault_of_the_cache(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed.sample.growth_bytes_per_s = 100 * MIB;
	bed_plan(&bed, 910);
	bed_answer_all(&bed); /* about half a second: 50 MiB of growth */
	bed_plan(&bed, 850);
	assert_int_equal(bed.state.unhelpful, 0);
	assert_true(bed.state.returned_per_mille > 900);
}

static void below_high_only_easy_bytes_are_taken(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 50);
	bed_row(&bed, 0, 2, 300)->entries = 1;
	bed_plan(&bed, 910);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 860), MS_PLAN_RECOVERED, MS_WHY_BELOW_HIGH);
	bed_row(&bed, 0, 3, 300);
	assert_plan(bed_plan(&bed, 901), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 850), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 809), MS_PLAN_RECOVERED, MS_WHY_BELOW_HIGH); /* near enough */
}

static void busy_is_asked_again_soon(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_BUSY, 0);
	bed_pass(&bed, 30);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110); /* no blame, no escalation */
	bed_answer(&bed, 0, MS_ANSWER_BUSY, 0);
	bed_pass(&bed, 30);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WAIT, MS_WHY_NOBODY_ANSWERS);
	assert_in_range(bed.plan.not_before_ns, bed.sample.at_ns + 1, bed.sample.at_ns + 50 * MS_NS_PER_MS);
	bed_pass(&bed, 20);
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_ORDERS);
}

static void stuck_is_left_alone_and_then_asked_last(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed_row(&bed, 0, 2, 200);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 1);
	bed_answer(&bed, 0, MS_ANSWER_STUCK, 0);
	bed_pass(&bed, 500);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
	bed_answer_all(&bed);
	bed_plan(&bed, 799);
	bed_pass(&bed, 1000);
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 1);
	assert_int_equal(bed.plan.actions[0].row, 2);
	bed_answer_all(&bed);
	bed_plan(&bed, 799);
	bed.rows[1].row.bytes = 100 * MIB;
	bed_pass(&bed, 60000);
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 2);
	assert_int_equal(bed.plan.actions[0].row, 2);
	assert_int_equal(bed.plan.actions[1].row, 1);
}

static void empty_is_asked_again_when_it_has_grown(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 40)->flags = 0; /* asked as a whole */
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_EMPTY, 0);
	bed_plan(&bed, 790);
	bed_pass(&bed, 1000);
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_WARN);
	bed_plan(&bed, 790);
	bed.rows[0].row.bytes = 200 * MIB;
	bed_pass(&bed, 1000);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
}

static void who_is_empty_in_parts_gives_all(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 100);
	bed_row(&bed, 0, 2, 90);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 2);
	struct ms_plan plan = bed.plan;

	bed_answer(&bed, 0, MS_ANSWER_EMPTY, 0);
	bed.plan = plan;
	ms_policy_learn(&bed.state, &plan.actions[1], MS_ANSWER_DONE, 10 * MIB, 1000, 80 * MIB, bed.sample.at_ns);
	bed.rows[1].row.bytes = 80 * MIB;
	bed_pass(&bed, 500);
	bed_plan(&bed, 780); /* it helped, for another reason maybe: a shortage of its own */
	bed_pass(&bed, 60000);
	bed_plan(&bed, 970);
	assert_int_equal(bed.plan.count, 2);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 80);
	assert_action(&bed.plan, 1, 1, MS_LEVEL_CLEAR, 0);
}

static void below_high_the_useless_are_left_alone(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_row(&bed, 0, 2, 250);
	bed_plan(&bed, 910);
	bed_answer_lies(&bed);
	assert_plan(bed_plan(&bed, 890), MS_PLAN_RECOVERED, MS_WHY_BELOW_HIGH);
}

static void below_high_the_doubtful_are_left_alone(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 60);
	bed_row(&bed, 0, 2, 250)->flags |= MS_ROW_UNHELPFUL;
	bed_plan(&bed, 905);
	bed.plan.count = 1;
	bed.state.in_flight = 1;
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 850), MS_PLAN_RECOVERED, MS_WHY_BELOW_HIGH);
}

static void who_is_busy_for_a_moment_is_waited_for_before_small_ones(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_row(&bed, 0, 2, 250)->entries = 1;
	for (unsigned i = 0; i < 3; i++) {
		bed_plan(&bed, 910);
		assert_int_equal(bed.plan.actions[0].row, 1);
		bed_answer(&bed, 0, MS_ANSWER_BUSY, 0);
		bed_pass(&bed, 30);
		if (bed_plan(&bed, 910)->kind == MS_PLAN_WAIT)
			assert_int_equal(bed.plan.why, MS_WHY_NOBODY_ANSWERS);
		else
			assert_int_equal(bed.plan.actions[0].row, 1);
		if (bed.plan.kind == MS_PLAN_ORDERS)
			bed_answer(&bed, 0, MS_ANSWER_BUSY, 0);
		bed_pass(&bed, 100);
	}
}

static void emptied_before_the_order_came_is_no_fault(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed_plan(&bed, 910);
	ms_policy_learn(&bed.state, &bed.plan.actions[0], MS_ANSWER_EMPTY, 0, 10, 0, bed.sample.at_ns + 1);
	bed_pass(&bed, 1000);
	bed_plan(&bed, 700);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void unsupported_raises_the_level_for_this_cache_alone(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 150);
	bed_row(&bed, 0, 2, 100);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
	bed_answer(&bed, 0, MS_ANSWER_UNSUPPORTED, 0);
	bed_pass(&bed, 500);
	bed_plan(&bed, 980);
	assert_int_equal(bed.plan.count, 2);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_CLEAR, 0);
	assert_action(&bed.plan, 1, 2, MS_LEVEL_TRIM, 30);
}

static void another_generation_starts_afresh(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_STUCK, 0);
	bed_pass(&bed, 500);
	bed.rows[0].row.generation++;
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void a_process_that_ended_is_forgotten(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 7, 1, 400);
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_STUCK, 0);
	bed_pass(&bed, 500);
	ms_policy_forget(&bed.state, 7);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.kind, MS_PLAN_ORDERS);
}

static void who_cannot_be_asked_is_waited_for(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed.rows[0].answers = false;
	for (unsigned i = 0; i < 100; i++) {
		assert_plan(bed_plan(&bed, 999), MS_PLAN_WAIT, MS_WHY_NOBODY_ANSWERS);
		assert_true(bed.plan.not_before_ns > bed.sample.at_ns);
		bed_pass(&bed, 200);
	}
	bed.rows[0].answers = true;
	assert_plan(bed_plan(&bed, 999), MS_PLAN_ORDERS, MS_WHY_NEAR_MAX);
}

static void an_order_that_could_not_be_posted_is_tried_again(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_NONE, 0);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WAIT, MS_WHY_HOLD_OFF);
	bed_pass(&bed, 30);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void a_cache_that_regrows_at_once_goes_later(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_row(&bed, 0, 2, 250);
	bed_plan(&bed, 920);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 120);
	bed_answer_all(&bed);
	bed_plan(&bed, 790);
	bed.rows[0].row.bytes += 110 * MIB; /* back within a second */
	bed_pass(&bed, 500);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
	/* Alone it is asked all the same: a slow program is better than a dead one. */
	bed.rows[1].row.bytes = bed.rows[1].row.entries = 0;
	bed_answer_all(&bed);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 1);
}

static void a_slow_callback_makes_bytes_dear(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_row(&bed, 0, 2, 300);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 1);
	ms_policy_learn(&bed.state, &bed.plan.actions[0], MS_ANSWER_DONE, 110 * MIB, 9000000, 390 * MIB,
			bed.sample.at_ns + 1);
	bed.rows[0].row.bytes = 390 * MIB;
	bed_plan(&bed, 790);
	bed_pass(&bed, 60000);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 2);
}

static void another_limit_cannot_be_compared_with(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_plan(&bed, 910);
	bed_answer_all(&bed);
	bed.marks = ms_policy_marks(&bed.config, 2000 * MIB, 0);
	bed_plan(&bed, 1900);
	assert_int_equal(bed.state.unhelpful, 0);
	assert_int_equal(bed.state.returned_per_mille, 0);
}

static void a_target_that_is_gone_is_no_shortage(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_plan(&bed, 910);
	bed.sample.processes = 0;
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_RECOVERED);
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_NOTHING);
}

/* An interpreter reuses what its caches free: the reading does not fall, and yet it is that or the end. */
static void before_the_end_even_the_useless_are_asked(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	for (unsigned i = 0; i < 20 && bed_plan(&bed, 910)->kind != MS_PLAN_WARN; i++) {
		bed_answer_all(&bed);
		bed.rows[0].row.bytes = 500 * MIB;
		bed_pass(&bed, 500);
	}
	assert_int_equal(bed.plan.kind, MS_PLAN_WARN);
	bed_pass(&bed, 500);
	assert_plan(bed_plan(&bed, 920), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	bed.sample.growth_bytes_per_s = 60 * MIB;
	assert_plan(bed_plan(&bed, 930), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	bed.sample.growth_bytes_per_s = 100 * MIB;
	assert_int_equal(bed_plan(&bed, 930)->kind, MS_PLAN_ORDERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_low_it_is_over),
		cmocka_unit_test(while_orders_are_out_it_waits),
		cmocka_unit_test(one_that_does_not_answer_does_not_keep_the_others),
		cmocka_unit_test(rows_are_wanted_only_when_they_count),
		cmocka_unit_test(a_lost_answer_is_not_waited_for_for_ever),
		cmocka_unit_test(the_hold_off_is_short_near_max),
		cmocka_unit_test(the_hold_off_ends_before_max_is_reached),
		cmocka_unit_test(it_is_not_over_before_the_answers),
		cmocka_unit_test(a_new_shortage_does_not_wait_for_the_last),
		cmocka_unit_test(what_did_not_come_back_is_asked_for_harder),
		cmocka_unit_test(the_share_that_came_back_is_learnt),
		cmocka_unit_test(growth_in_the_meantime_is_no_fault_of_the_cache),
		cmocka_unit_test(below_high_only_easy_bytes_are_taken),
		cmocka_unit_test(busy_is_asked_again_soon),
		cmocka_unit_test(before_the_end_even_the_useless_are_asked),
		cmocka_unit_test(stuck_is_left_alone_and_then_asked_last),
		cmocka_unit_test(empty_is_asked_again_when_it_has_grown),
		cmocka_unit_test(who_is_empty_in_parts_gives_all),
		cmocka_unit_test(below_high_the_useless_are_left_alone),
		cmocka_unit_test(below_high_the_doubtful_are_left_alone),
		cmocka_unit_test(who_is_busy_for_a_moment_is_waited_for_before_small_ones),
		cmocka_unit_test(emptied_before_the_order_came_is_no_fault),
		cmocka_unit_test(unsupported_raises_the_level_for_this_cache_alone),
		cmocka_unit_test(another_generation_starts_afresh),
		cmocka_unit_test(a_process_that_ended_is_forgotten),
		cmocka_unit_test(who_cannot_be_asked_is_waited_for),
		cmocka_unit_test(an_order_that_could_not_be_posted_is_tried_again),
		cmocka_unit_test(a_cache_that_regrows_at_once_goes_later),
		cmocka_unit_test(a_slow_callback_makes_bytes_dear),
		cmocka_unit_test(another_limit_cannot_be_compared_with),
		cmocka_unit_test(a_target_that_is_gone_is_no_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_policy_storm.c - when shrinking does not help: little is done, it is said once, and it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_bed.h"

static void when_nothing_helps_it_says_so_once_and_pauses(void **state)
{
	struct bed bed;
	unsigned orders = 0, warnings = 0;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 1; i <= 40; i++)
		bed_row(&bed, 0, i, 200);
	/* An hour in which caches claim all that is asked, and nothing comes back. */
	for (uint64_t end = bed.sample.at_ns + 3600 * MS_NS_PER_S; bed.sample.at_ns < end; bed_pass(&bed, 100)) {
		bed_plan(&bed, 950);
		if (bed.plan.kind == MS_PLAN_ORDERS) {
			orders++;
			bed_answer_lies(&bed);
		}
		warnings += bed.plan.kind == MS_PLAN_WARN;
	}
	assert_int_equal(warnings, 1);
	assert_in_range(orders, 4, 25);
}

static void why_it_gave_up_is_said(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 1; i <= 10; i++)
		bed_row(&bed, 0, i, 300);
	while (bed_plan(&bed, 950)->kind == MS_PLAN_ORDERS)
		bed_answer_lies(&bed);
	assert_plan(&bed.plan, MS_PLAN_WARN, MS_WHY_DOES_NOT_HELP);

	bed_init(&bed);
	assert_plan(bed_plan(&bed, 950), MS_PLAN_WARN, MS_WHY_NO_CACHES);
	bed_pass(&bed, 100);
	assert_plan(bed_plan(&bed, 950), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
}

static void the_allocator_is_asked_before_giving_up(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, MS_ALLOCATOR_ROW, 20);
	bed_row(&bed, 1, MS_ALLOCATOR_ROW, 30);
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 2);
	assert_int_equal(bed.plan.actions[0].process, 1);
	assert_int_equal(bed.plan.actions[0].row, MS_ALLOCATOR_ROW);
	assert_int_equal(bed.state.step, MS_STEP_ALLOCATOR);
	bed_answer_lies(&bed);
	assert_plan(bed_plan(&bed, 950), MS_PLAN_WARN, MS_WHY_NO_CACHES);
}

/* Free memory that cannot be given back is not tried first a second time, and blames no cache. */
static void an_allocator_that_gives_nothing_is_not_asked_first_again(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, MS_ALLOCATOR_ROW, 300);
	bed_row(&bed, 0, 1, 400);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, MS_ALLOCATOR_ROW);
	bed_answer(&bed, 0, MS_ANSWER_DONE, 0);
	bed_pass(&bed, 500);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 790), MS_PLAN_RECOVERED, MS_WHY_BELOW_LOW);
	bed_pass(&bed, 60000);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void a_pause_doubles_up_to_64_times(void **state)
{
	struct bed bed;
	uint64_t first, last = 0;

	(void)state;
	bed_init(&bed);
	bed_plan(&bed, 950);
	first = bed.state.pause_ns;
	assert_int_equal(first, bed.config.storm_pause_ns);
	for (unsigned i = 0; i < 20; i++) {
		last = bed.state.pause_ns;
		bed.sample.at_ns = bed.state.pause_until_ns;
		bed_plan(&bed, 950);
		assert_int_equal(bed.plan.kind, MS_PLAN_WAIT);
		assert_true(bed.state.pause_ns == last * 2 || bed.state.pause_ns == 64 * first);
	}
	assert_int_equal(last, 64 * first);
}

static void newly_cached_bytes_end_a_pause(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 0)->hits = 1;
	assert_plan(bed_plan(&bed, 920), MS_PLAN_WARN, MS_WHY_NOTHING_LEFT);
	bed_pass(&bed, 100);
	bed.rows[0].row.bytes = 20 * MIB;
	bed.rows[0].row.entries = 1000;
	assert_plan(bed_plan(&bed, 940), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	bed.rows[0].row.bytes = 30 * MIB;
	assert_plan(bed_plan(&bed, 950), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
	assert_int_equal(bed.state.pause_ns, 0);
}

static void near_max_less_is_enough_to_end_a_pause(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 0)->hits = 1;
	bed_plan(&bed, 920);
	bed_pass(&bed, 100);
	bed.rows[0].row.bytes = 10 * MIB;
	bed.rows[0].row.entries = 1000;
	assert_plan(bed_plan(&bed, 920), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	assert_plan(bed_plan(&bed, 990), MS_PLAN_ORDERS, MS_WHY_NEAR_MAX);
}

/* The sizes of the rows may be older than what the target grew by since. */
static void near_max_no_pause_is_sat_out(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	while (bed_plan(&bed, 950)->kind == MS_PLAN_ORDERS)
		bed_answer_lies(&bed);
	assert_true(bed.state.pause_ns > 0);
	bed_pass(&bed, 500);
	assert_plan(bed_plan(&bed, 950), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	assert_int_equal(bed_plan(&bed, 990)->kind, MS_PLAN_ORDERS);
	assert_int_equal(bed.plan.actions[0].row, 1);
}

/* An interpreter reuses what a cache gave up: the reading hardly falls, and yet it goes on for long. */
static void who_stays_below_high_for_long_was_helped(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_ORDERS);
		assert_int_equal(bed.plan.actions[0].row, 1);
		bed_answer_all(&bed);
		bed.rows[0].row.bytes = 0;
		assert_int_equal(bed_plan(&bed, 898)->kind, MS_PLAN_RECOVERED);
		bed_pass(&bed, 5000);
		bed.rows[0].row.bytes = 300 * MIB;
	}
}

static void after_a_pause_one_try_and_a_longer_pause(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	while (bed_plan(&bed, 950)->kind == MS_PLAN_ORDERS)
		bed_answer_lies(&bed);
	assert_int_equal(bed.plan.kind, MS_PLAN_WARN);
	bed.sample.at_ns = bed.state.pause_until_ns;
	assert_plan(bed_plan(&bed, 950), MS_PLAN_ORDERS, MS_WHY_PAUSE_OVER);
	bed_answer_lies(&bed);
	assert_plan(bed_plan(&bed, 950), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
	assert_int_equal(bed.state.pause_ns, 2 * bed.config.storm_pause_ns);
	/* The next try helps: the storm is over. */
	bed.sample.at_ns = bed.state.pause_until_ns;
	assert_plan(bed_plan(&bed, 950), MS_PLAN_ORDERS, MS_WHY_PAUSE_OVER);
	bed_answer_all(&bed);
	assert_plan(bed_plan(&bed, 700), MS_PLAN_RECOVERED, MS_WHY_BELOW_LOW);
	assert_int_equal(bed.state.pause_ns, 0);
}

static void a_storm_stays_quiet_when_it_moves_around_high(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_plan(&bed, 910);
	for (unsigned i = 0; i < 100; i++) {
		bed_pass(&bed, 700);
		assert_int_equal(bed_plan(&bed, i % 2 ? 890 : 910)->kind, MS_PLAN_WAIT);
		assert_true(bed.plan.not_before_ns > bed.sample.at_ns);
	}
}

static void a_try_that_helps_ends_the_storm(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	while (bed_plan(&bed, 980)->kind == MS_PLAN_ORDERS)
		bed_answer_lies(&bed);
	bed.sample.at_ns = bed.state.pause_until_ns;
	assert_plan(bed_plan(&bed, 980), MS_PLAN_ORDERS, MS_WHY_PAUSE_OVER);
	bed_answer(&bed, 0, MS_ANSWER_PARTIAL, 100);
	bed_pass(&bed, 500);
	/* Still above high, but it fell. */
	assert_plan(bed_plan(&bed, 905), MS_PLAN_ORDERS, MS_WHY_STILL_ABOVE_LOW);
	assert_int_equal(bed.state.pause_ns, 0);
	assert_false(bed.state.retrying);
}

static void busy_for_ever_is_given_up(void **state)
{
	struct bed bed;
	unsigned orders = 0, warnings = 0;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400);
	for (unsigned i = 0; i < 6000; i++) {
		bed_pass(&bed, 10);
		bed_plan(&bed, 910);
		warnings += bed.plan.kind == MS_PLAN_WARN;
		if (bed.plan.kind == MS_PLAN_ORDERS) {
			orders++;
			bed_answer(&bed, 0, MS_ANSWER_BUSY, 0);
		}
	}
	assert_int_equal(warnings, 1);
	assert_in_range(orders, 5, 20);
}

static void empty_is_cleared_and_then_left(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400); /* it says 400 MiB, and frees nothing */
	bed_plan(&bed, 910);
	bed_answer(&bed, 0, MS_ANSWER_EMPTY, 0);
	bed_pass(&bed, 500);
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_CLEAR, 0);
	bed_answer(&bed, 0, MS_ANSWER_EMPTY, 0);
	bed_pass(&bed, 500);
	assert_int_equal(bed_plan(&bed, 910)->kind, MS_PLAN_WARN);
}

static void who_did_not_help_goes_after_who_was_not_tried(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_row(&bed, 0, 2, 200);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 1);
	bed_answer_lies(&bed);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(when_nothing_helps_it_says_so_once_and_pauses),
		cmocka_unit_test(why_it_gave_up_is_said),
		cmocka_unit_test(the_allocator_is_asked_before_giving_up),
		cmocka_unit_test(an_allocator_that_gives_nothing_is_not_asked_first_again),
		cmocka_unit_test(a_pause_doubles_up_to_64_times),
		cmocka_unit_test(newly_cached_bytes_end_a_pause),
		cmocka_unit_test(near_max_less_is_enough_to_end_a_pause),
		cmocka_unit_test(near_max_no_pause_is_sat_out),
		cmocka_unit_test(who_stays_below_high_for_long_was_helped),
		cmocka_unit_test(after_a_pause_one_try_and_a_longer_pause),
		cmocka_unit_test(a_storm_stays_quiet_when_it_moves_around_high),
		cmocka_unit_test(a_try_that_helps_ends_the_storm),
		cmocka_unit_test(busy_for_ever_is_given_up),
		cmocka_unit_test(empty_is_cleared_and_then_left),
		cmocka_unit_test(who_did_not_help_goes_after_who_was_not_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

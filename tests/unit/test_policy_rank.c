/* SPDX-License-Identifier: MIT */
/* test_policy_rank.c - who is asked first, and for how much: one plan each. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_bed.h"

static void below_high_nothing_is_asked(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	assert_plan(bed_plan(&bed, 900), MS_PLAN_NOTHING, MS_WHY_BELOW_HIGH);
	assert_int_equal(bed.plan.count, 0);
}

static void only_what_is_needed_is_asked(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
	assert_int_equal(bed.plan.need_bytes, 110 * MIB);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void who_cannot_give_parts_gives_all(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500)->flags = 0;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_CLEAR, 0);
	assert_int_equal(bed.plan.actions[0].expect_bytes, 500 * MIB);
}

static void lower_priority_goes_first(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300);
	bed_row(&bed, 0, 2, 100)->priority = -5;
	bed_row(&bed, 0, 3, 400)->priority = 10;
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 2);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 100);
	assert_action(&bed.plan, 1, 1, MS_LEVEL_TRIM, 50);
}

static void cheaper_bytes_go_first(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300)->cost_us = 1000;
	bed_row(&bed, 0, 2, 200)->cost_us = 1;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
}

static void what_is_never_looked_up_is_cheap(void **state)
{
	struct bed bed;
	struct ms_row *hot, *cold;

	(void)state;
	bed_init(&bed);
	hot = bed_row(&bed, 0, 1, 300);
	hot->hits = 1000;
	cold = bed_row(&bed, 0, 2, 200);
	cold->misses = 1000;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
}

static void the_kind_says_what_the_owner_did_not(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 300)->kind = MEMSHED_KIND_CODE;
	bed_row(&bed, 0, 2, 290)->kind = MEMSHED_KIND_MEMO;
	bed_row(&bed, 0, 3, 280)->kind = MEMSHED_KIND_BUFFER;
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 3, MS_LEVEL_TRIM, 110);
}

static void one_large_order_rather_than_many_small(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 1; i <= 20; i++)
		bed_row(&bed, 0, i, 10);
	bed_row(&bed, 0, 21, 200);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 21, MS_LEVEL_TRIM, 110);
}

static void of_whole_caches_the_smallest_that_suffices(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500)->flags = 0;
	bed_row(&bed, 0, 2, 130)->flags = 0;
	bed_row(&bed, 0, 3, 90)->flags = 0;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_CLEAR, 0);
}

static void one_that_gives_parts_rather_than_a_whole_one(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 130)->flags = 0;
	bed_row(&bed, 0, 2, 120);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
}

static void small_change_goes_after_what_matters(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 1; i <= 10; i++) {
		bed_row(&bed, 0, i, 1)->bytes += MIB / 2;
		bed.rows[i - 1].row.kind = MEMSHED_KIND_BUFFER; /* cheaper */
	}
	bed_row(&bed, 0, 11, 400);
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 11, MS_LEVEL_TRIM, 110);
}

/* Cheap but tiny caches would fill every plan and never make up the need. */
static void the_largest_when_the_cheapest_do_not_suffice(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (uint32_t i = 1; i <= 60; i++)
		bed_row(&bed, 0, i, 2)->priority = -10;
	bed_row(&bed, 0, 61, 400);
	bed_plan(&bed, 950);
	assert_action(&bed.plan, 0, 61, MS_LEVEL_TRIM, 150);
	assert_int_equal(bed.plan.count, 1);
}

static void manual_caches_are_never_asked(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500)->flags |= MEMSHED_CACHE_MANUAL;
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WARN, MS_WHY_NOTHING_LEFT);
	bed_pass(&bed, 10000);
	assert_plan(bed_plan(&bed, 999), MS_PLAN_WAIT, MS_WHY_STORM_PAUSE);
}

static void small_caches_and_singletons_are_left_alone(void **state)
{
	struct bed bed;
	struct ms_row *small, *single;

	(void)state;
	bed_init(&bed);
	small = bed_row(&bed, 0, 1, 0);
	small->bytes = MIB - 1;
	small->entries = 3;
	single = bed_row(&bed, 0, 2, 300);
	single->entries = 1;
	bed_row(&bed, 0, 3, 50);
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 3, MS_LEVEL_TRIM, 50);
}

static void small_ones_are_asked_when_nothing_else_is_left(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 2, 300)->entries = 1;
	bed_plan(&bed, 950);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_CLEAR, 0);
	assert_int_equal(bed.state.step, MS_STEP_SMALL);
}

static void an_estimate_may_be_too_low(void **state)
{
	struct bed bed;
	struct ms_row *row;

	(void)state;
	bed_init(&bed);
	row = bed_row(&bed, 0, 1, 0);
	row->bytes = MIB / 2;
	row->entries = 100000;
	row->flags |= MEMSHED_CACHE_ESTIMATED;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_int_equal(bed.state.step, MS_STEP_TRIM);
}

static void unknown_size_is_usable(void **state)
{
	struct bed bed;
	struct ms_row *row;

	(void)state;
	bed_init(&bed);
	row = bed_row(&bed, 0, 1, 0);
	row->entries = 1000000;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
	assert_int_equal(bed.state.step, MS_STEP_TRIM);
}

/* Registered with clear alone, and nothing is ever charged to it. */
static void a_cache_without_counts_is_the_last_resort(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 0)->flags = 0;
	assert_plan(bed_plan(&bed, 910), MS_PLAN_ORDERS, MS_WHY_ABOVE_HIGH);
	assert_int_equal(bed.state.step, MS_STEP_SMALL);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_CLEAR, 0);
}

static void an_empty_cache_is_not_asked(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 0)->hits = 5;
	assert_plan(bed_plan(&bed, 910), MS_PLAN_WARN, MS_WHY_NOTHING_LEFT);
}

static void near_max_whole_caches_without_io(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400)->flags |= MEMSHED_CACHE_MAY_IO;
	bed_row(&bed, 0, 2, 300);
	assert_plan(bed_plan(&bed, 990), MS_PLAN_ORDERS, MS_WHY_NEAR_MAX);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_CLEAR, 0);
}

static void io_is_better_than_nothing_but_never_an_emergency(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 400)->flags |= MEMSHED_CACHE_MAY_IO;
	bed_row(&bed, 0, 2, 100);
	bed.state.in_shortage = true;
	bed.state.danger_rounds = 1;
	bed_plan(&bed, 999);
	assert_int_equal(bed.plan.count, 2);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_EMERGENCY, 0);
	assert_action(&bed.plan, 1, 1, MS_LEVEL_CLEAR, 0);
}

static void free_memory_of_the_allocator_goes_first_when_it_suffices(void **state)
{
	struct bed bed;
	struct ms_row *allocator;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	allocator = bed_row(&bed, 0, MS_ALLOCATOR_ROW, 200);
	allocator->kind = MEMSHED_KIND_ALLOCATOR;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, MS_ALLOCATOR_ROW, MS_LEVEL_TRIM, 0);

	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_row(&bed, 0, MS_ALLOCATOR_ROW, 100); /* not enough */
	bed_plan(&bed, 910);
	assert_action(&bed.plan, 0, 1, MS_LEVEL_TRIM, 110);
}

static void an_allocators_count_is_too_old_for_a_hurry(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed_row(&bed, 0, MS_ALLOCATOR_ROW, 300);
	bed.sample.growth_bytes_per_s = 100 * MIB; /* at max within a second */
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.actions[0].row, 1);
}

static void processes_under_one_budget_are_ranked_together(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 50);
	bed_row(&bed, 1, 1, 60);
	bed_row(&bed, 2, 1, 70)->priority = 1;
	bed_plan(&bed, 920);
	assert_int_equal(bed.plan.count, 3);
	assert_int_equal(bed.plan.actions[0].process, 1);
	assert_int_equal(bed.plan.actions[1].process, 0);
	assert_int_equal(bed.plan.actions[2].process, 2);
	assert_int_equal(bed.plan.actions[2].target_bytes, 10 * MIB);
}

static void growth_until_it_settles_is_asked_for_too(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed.sample.growth_bytes_per_s = 100 * MIB;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.need_bytes, 110 * MIB);
	assert_int_equal(bed.plan.ask_bytes, 130 * MIB); /* 0.2 s of it */
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500);
	bed.sample.growth_bytes_per_s = UINT64_MAX;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.ask_bytes, 220 * MIB); /* at most twice */
}

static void a_helpless_flag_of_the_target_counts(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed_row(&bed, 0, 1, 500)->flags |= MS_ROW_UNHELPFUL;
	bed_row(&bed, 0, 2, 150);
	bed_row(&bed, 0, 3, 600)->flags |= MS_ROW_STUCK;
	bed_plan(&bed, 910);
	assert_int_equal(bed.plan.count, 1);
	assert_action(&bed.plan, 0, 2, MS_LEVEL_TRIM, 110);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_high_nothing_is_asked),
		cmocka_unit_test(only_what_is_needed_is_asked),
		cmocka_unit_test(who_cannot_give_parts_gives_all),
		cmocka_unit_test(lower_priority_goes_first),
		cmocka_unit_test(cheaper_bytes_go_first),
		cmocka_unit_test(what_is_never_looked_up_is_cheap),
		cmocka_unit_test(the_kind_says_what_the_owner_did_not),
		cmocka_unit_test(one_large_order_rather_than_many_small),
		cmocka_unit_test(of_whole_caches_the_smallest_that_suffices),
		cmocka_unit_test(one_that_gives_parts_rather_than_a_whole_one),
		cmocka_unit_test(small_change_goes_after_what_matters),
		cmocka_unit_test(the_largest_when_the_cheapest_do_not_suffice),
		cmocka_unit_test(manual_caches_are_never_asked),
		cmocka_unit_test(small_caches_and_singletons_are_left_alone),
		cmocka_unit_test(small_ones_are_asked_when_nothing_else_is_left),
		cmocka_unit_test(an_estimate_may_be_too_low),
		cmocka_unit_test(unknown_size_is_usable),
		cmocka_unit_test(a_cache_without_counts_is_the_last_resort),
		cmocka_unit_test(an_empty_cache_is_not_asked),
		cmocka_unit_test(near_max_whole_caches_without_io),
		cmocka_unit_test(io_is_better_than_nothing_but_never_an_emergency),
		cmocka_unit_test(free_memory_of_the_allocator_goes_first_when_it_suffices),
		cmocka_unit_test(an_allocators_count_is_too_old_for_a_hurry),
		cmocka_unit_test(processes_under_one_budget_are_ranked_together),
		cmocka_unit_test(growth_until_it_settles_is_asked_for_too),
		cmocka_unit_test(a_helpless_flag_of_the_target_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_policy_property.c - what holds for every plan, whatever the numbers: random rows, samples,
 * marks and answers from a fixed seed, hostile ones among them. Worth most under the sanitizers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "policy_bed.h"

enum { RUNS = 300, PLANS = 60, ROWS_MOST = 400, PROCESSES = 5 };

static uint64_t seed;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t below(uint64_t limit)
{
	return random_u64() % limit;
}

/* Mostly sensible, sometimes the edges of the type. */
static uint64_t random_bytes(uint64_t usual)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - below(3);
	case 2:
		return random_u64();
	default:
		return below(usual);
	}
}

static void random_row(struct bed *bed, uint32_t id)
{
	struct ms_row *row = bed_row(bed, (uint32_t)below(PROCESSES), id, random_bytes(20 * MIB));

	row->flags = (uint32_t)random_u64() & (MEMSHED_CACHE_ESTIMATED | (below(4) ? 0 : 0xffffffffu));
	row->priority = (int32_t)below(5) - 2;
	row->cost_us = random_bytes(1000);
	row->entries = random_bytes(10000);
	row->hits = random_bytes(10000);
	row->misses = random_bytes(10000);
	row->last.useless = (uint32_t)below(5);
	row->last.returned_per_mille = below(3) ? 0 : (uint32_t)random_bytes(2000);
	row->last.bytes_after = random_bytes(20 * MIB);
}

/* The processes of before, with other rows. */
static void random_rows(struct bed *bed)
{
	uint32_t count = (uint32_t)below(ROWS_MOST);

	bed->row_count = 0;
	for (uint32_t i = 0; i < PROCESSES; i++) {
		bed_row(bed, i, MS_ALLOCATOR_ROW, below(2) ? 0 : random_bytes(20 * MIB));
		bed_process(bed, i)->answers = below(8) != 0;
	}
	for (uint32_t i = 1; i <= count; i++)
		random_row(bed, i);
}

static void check_order(const struct bed *bed, uint32_t index)
{
	const struct ms_policy_order *order = &bed->plan.orders[index];

	assert_true(order->process < PROCESSES);
	assert_true(order->level >= MS_LEVEL_TRIM && order->level <= MS_LEVEL_EMERGENCY);
	assert_true(order->target_bytes > 0 && order->target_bytes <= bed->plan.ask_bytes);
	assert_in_range(order->timeout_ns, bed->config.timeout_least_ns, bed->config.timeout_most_ns);
	assert_true(bed->state.of[order->process].out);
	if (order->level == MS_LEVEL_EMERGENCY)
		assert_true(bed->sample.limit.used_bytes >= bed->marks.danger_bytes);
	for (uint32_t i = 0; i < index; i++)
		assert_int_not_equal(bed->plan.orders[i].process, order->process);
}

static void check_plan(const struct bed *bed)
{
	const struct ms_plan *plan = &bed->plan;
	uint64_t used = bed->sample.limit.used_bytes, asked = 0;
	bool settled = used <= bed->marks.low_bytes;

	assert_int_equal(plan->count > 0, plan->kind == MS_PLAN_ORDERS);
	assert_true(plan->kind != MS_PLAN_WAIT || plan->not_before_ns >= bed->sample.at_ns);
	if (settled)
		assert_true(plan->kind == MS_PLAN_NOTHING || plan->kind == MS_PLAN_RECOVERED ||
			    (plan->kind == MS_PLAN_WAIT && plan->why == MS_WHY_IN_FLIGHT));
	assert_int_equal(plan->need_bytes, settled ? 0 : used - bed->marks.low_bytes);
	for (uint32_t i = 0; i < plan->count; i++) {
		check_order(bed, i);
		asked += plan->orders[i].target_bytes;
	}
	assert_true(asked <= plan->ask_bytes);
	assert_int_equal(bed->state.phase == MS_PHASE_CALM,
			 plan->kind == MS_PLAN_NOTHING || plan->kind == MS_PLAN_RECOVERED);
	if (plan->kind == MS_PLAN_WARN)
		assert_true(bed->state.phase == MS_PHASE_WARNED && bed->state.told && bed->state.out == 0);
}

/* Of the orders that are out some are taken, some are answered, some processes end. */
static void random_answers(struct bed *bed)
{
	for (uint32_t i = 0; i < PROCESSES; i++) {
		if (!bed->state.of[i].out)
			continue;
		if (below(2))
			ms_policy_taken(&bed->state, i);
		if (below(12) == 0)
			ms_policy_forget(&bed->state, i);
		else if (below(4))
			bed_learn(bed, i, (uint32_t)below(20), random_bytes(20 * MIB),
				  random_bytes(20 * MIB));
	}
}

static void random_sample(struct bed *bed)
{
	bed->sample.at_ns += below(2) ? below(100000000) : below(100000000000);
	bed->sample.growth_bytes_per_s = random_bytes(100 * MIB);
	bed->sample.limit.used_bytes =
		below(8) ? bed->marks.max_bytes - below(1 + bed->marks.max_bytes / 5) : random_u64();
}

static void every_plan_keeps_the_rules(void **state)
{
	static struct bed bed;
	unsigned orders = 0;

	(void)state;
	for (unsigned i = 0; i < RUNS; i++) {
		seed = 0x9e3779b97f4a7c15u + i;
		bed_init(&bed);
		bed.marks =
			ms_policy_marks(&bed.config, 1 + random_bytes(1000 * MIB), random_bytes(200 * MIB));
		for (unsigned j = 0; j < PLANS; j++) {
			random_rows(&bed);
			random_sample(&bed);
			bed_plan(&bed, bed.sample.limit.used_bytes);
			check_plan(&bed);
			orders += bed.plan.count;
			random_answers(&bed);
		}
	}
	assert_true(orders > 1000); /* it did test something */
}

static void assert_same_plans(const struct ms_plan *a, const struct ms_plan *b)
{
	assert_memory_equal(a, b, offsetof(struct ms_plan, orders));
	assert_memory_equal(a->orders, b->orders, a->count * sizeof(a->orders[0]));
}

/* The same input gives the same plan. */
static void plans_are_repeatable(void **state)
{
	static struct bed bed, again;

	(void)state;
	seed = 42;
	bed_init(&bed);
	for (unsigned i = 0; i < 300; i++) {
		random_rows(&bed);
		bed.sample.at_ns += 100000000;
		bed.sample.limit.used_bytes = bed.marks.high_bytes - 50 * MIB + below(150 * MIB);
		again = bed;
		if (!bed_wants_rows(&again)) /* nor do rows matter that are not wanted */
			again.row_count = again.process_count = 0;
		bed_plan(&bed, bed.sample.limit.used_bytes);
		bed_plan(&again, bed.sample.limit.used_bytes);
		assert_same_plans(&bed.plan, &again.plan);
		assert_memory_equal(&bed.state, &again.state, sizeof(bed.state));
		random_answers(&bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_plan_keeps_the_rules),
		cmocka_unit_test(plans_are_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

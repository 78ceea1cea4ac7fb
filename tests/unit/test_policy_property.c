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

enum { RUNS = 300, PLANS = 60, ROWS_MOST = 400 };

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

static void random_row(struct ms_policy_row *row, uint32_t id)
{
	row->process = (uint32_t)below(4);
	row->answers = below(8) != 0;
	row->row = (struct ms_row){
		.row = id % 50 == 0 ? MS_ALLOCATOR_ROW : id,
		.generation = (uint32_t)below(3),
		.flags = (uint32_t)random_u64() & (MS_ROW_PARTIAL | MEMSHED_CACHE_MAY_IO | MEMSHED_CACHE_ESTIMATED |
						    (below(4) ? 0 : 0xffffffffu)),
		.kind = (uint32_t)below(8),
		.priority = (int32_t)below(5) - 2,
		.cost_us = random_bytes(1000),
		.bytes = random_bytes(20 * MIB),
		.entries = random_bytes(10000),
		.hits = random_bytes(10000),
		.misses = random_bytes(10000),
	};
}

static const struct ms_policy_row *row_of(const struct ms_policy_row *rows, uint32_t count,
					  const struct ms_action *action)
{
	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].process == action->process && rows[i].row.row == action->row &&
		    rows[i].row.generation == action->generation)
			return &rows[i];
	}
	return NULL;
}

static void check_action(const struct ms_plan *plan, uint32_t index, const struct ms_policy_row *rows,
			 uint32_t count)
{
	const struct ms_action *action = &plan->actions[index];
	const struct ms_policy_row *row = row_of(rows, count, action);

	assert_non_null(row);
	assert_true(action->level >= MS_LEVEL_TRIM && action->level <= MS_LEVEL_EMERGENCY);
	assert_true(action->level == MS_LEVEL_TRIM || action->target_bytes == 0);
	assert_true(action->target_bytes <= plan->ask_bytes);
	if (action->level == MS_LEVEL_TRIM && action->row != MS_ALLOCATOR_ROW)
		assert_true(action->target_bytes > 0);
}

static void check_plan(const struct ms_plan *plan, const struct ms_policy_row *rows, uint32_t count,
		       const struct bed *bed)
{
	uint64_t used = bed->sample.limit.used_bytes, expected = 0;

	assert_true(plan->count <= MS_PLAN_ACTIONS);
	assert_int_equal(plan->count > 0, plan->kind == MS_PLAN_ORDERS);
	assert_true(plan->kind != MS_PLAN_WAIT || plan->not_before_ns >= bed->sample.at_ns);
	if (used <= bed->marks.low_bytes)
		assert_true(plan->kind == MS_PLAN_NOTHING || plan->kind == MS_PLAN_RECOVERED ||
			    (plan->kind == MS_PLAN_WAIT && plan->why == MS_WHY_IN_FLIGHT));
	assert_int_equal(plan->need_bytes, used > bed->marks.low_bytes ? used - bed->marks.low_bytes : 0);
	for (uint32_t i = 0; i < plan->count; i++) {
		check_action(plan, i, rows, count);
		/* One cache more than is needed, never two: what came before did not make it up. */
		assert_true(expected < plan->ask_bytes);
		expected = expected > UINT64_MAX - plan->actions[i].expect_bytes
				   ? UINT64_MAX : expected + plan->actions[i].expect_bytes;
	}
}

/* No duplicates of (process, row): a table has none either. */
static uint32_t random_rows(struct ms_policy_row *rows)
{
	uint32_t count = (uint32_t)below(ROWS_MOST);

	for (uint32_t i = 0; i < count; i++)
		random_row(&rows[i], i + 1);
	for (uint32_t i = 0, allocators = 0; i < count; i++) {
		if (rows[i].row.row == MS_ALLOCATOR_ROW)
			rows[i].process = allocators++;
	}
	return count;
}

static void random_answers(struct bed *bed, const struct ms_plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		if (below(10) == 0)
			continue; /* lost, against the rules */
		ms_policy_learn(&bed->state, &plan->actions[i], (uint32_t)below(20), random_bytes(20 * MIB),
				random_bytes(100000), random_bytes(20 * MIB), bed->sample.at_ns);
	}
}

static void every_plan_keeps_the_rules(void **state)
{
	struct ms_policy_row *rows = calloc(ROWS_MOST, sizeof(*rows));
	unsigned orders = 0;

	(void)state;
	assert_non_null(rows);
	for (unsigned i = 0; i < RUNS; i++) {
		struct bed bed;

		seed = 0x9e3779b97f4a7c15u + i;
		bed_init(&bed);
		bed.marks = ms_policy_marks(&bed.config, 1 + random_bytes(1000 * MIB), random_bytes(200 * MIB));
		for (unsigned j = 0; j < PLANS; j++) {
			uint32_t count = random_rows(rows);

			bed.sample.at_ns += below(2) ? below(100000000) : below(100000000000);
			bed.sample.growth_bytes_per_s = random_bytes(100 * MIB);
			bed.sample.limit.used_bytes =
				below(8) ? bed.marks.max_bytes - below(1 + bed.marks.max_bytes / 5) : random_u64();
			ms_policy_plan(&bed.config, &bed.sample, &bed.marks, rows, count, &bed.state, &bed.plan);
			check_plan(&bed.plan, rows, count, &bed);
			orders += bed.plan.count;
			random_answers(&bed, &bed.plan);
		}
	}
	free(rows);
	assert_true(orders > 1000); /* it did test something */
}

/* The same input gives the same plan. */
static void plans_are_repeatable(void **state)
{
	struct ms_policy_row *rows = calloc(ROWS_MOST, sizeof(*rows));
	struct bed bed, again;

	(void)state;
	assert_non_null(rows);
	seed = 42;
	bed_init(&bed);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t count = random_rows(rows);

		bed.sample.at_ns += 100000000;
		bed.sample.limit.used_bytes = bed.marks.high_bytes - 50 * MIB + below(150 * MIB);
		again = bed;
		/* Nor do rows matter that are not wanted. */
		bool wanted = ms_policy_wants_rows(&bed.config, &bed.sample, &bed.marks, &bed.state);

		ms_policy_plan(&bed.config, &bed.sample, &bed.marks, rows, count, &bed.state, &bed.plan);
		ms_policy_plan(&again.config, &again.sample, &again.marks, rows, wanted ? count : 0, &again.state, &again.plan);
		assert_memory_equal(&bed.plan, &again.plan, sizeof(bed.plan));
		assert_memory_equal(&bed.state, &again.state, sizeof(bed.state));
		random_answers(&bed, &bed.plan);
	}
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_plan_keeps_the_rules),
		cmocka_unit_test(plans_are_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

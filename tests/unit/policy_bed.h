/* SPDX-License-Identifier: MIT */
/*
 * policy_bed.h - what the tests of the policy share: a target of one limit, its rows, and a clock.
 *
 * The limit is 1000 MiB unless a test says otherwise: high is 900, low 800, danger 987.5 MiB.
 */
#ifndef POLICY_BED_H
#define POLICY_BED_H

#include <stdio.h>
#include <string.h>

#include "memshed.h"
#include "policy/policy.h"
#include "util/clock.h"

#define MIB (UINT64_C(1) << 20)

enum { BED_ROWS = 64 };

struct bed {
	struct ms_policy_config config;
	struct ms_sample sample;
	struct ms_marks marks;
	struct ms_policy_row rows[BED_ROWS];
	uint32_t row_count;
	struct ms_policy_state state;
	struct ms_plan plan;
};

static inline void bed_init(struct bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->config = ms_policy_defaults();
	bed->marks = ms_policy_marks(&bed->config, 1000 * MIB, 0);
	bed->sample.at_ns = 1000 * MS_NS_PER_S;
	bed->sample.processes = 1;
}

/* A cache that can be shrunk in parts; its entries are of 1 KiB. */
static inline struct ms_row *bed_row(struct bed *bed, uint32_t process, uint32_t row, uint64_t mib)
{
	struct ms_policy_row *added = &bed->rows[bed->row_count++];

	*added = (struct ms_policy_row){
		.process = process,
		.answers = true,
		.row = {.row = row, .generation = 1, .flags = MS_ROW_PARTIAL, .bytes = mib * MIB,
			.entries = mib * 1024},
	};
	snprintf(added->row.name, sizeof(added->row.name), "cache %u", row);
	return &added->row;
}

static inline const struct ms_plan *bed_plan(struct bed *bed, uint64_t used_mib)
{
	bed->sample.limit.used_bytes = used_mib * MIB;
	bed->sample.rss_bytes = used_mib * MIB;
	ms_policy_plan(&bed->config, &bed->sample, &bed->marks, bed->rows, bed->row_count, &bed->state,
		       &bed->plan);
	return &bed->plan;
}

static inline void bed_pass(struct bed *bed, uint64_t ms)
{
	bed->sample.at_ns += ms * MS_NS_PER_MS;
}

static inline struct ms_row *bed_find(struct bed *bed, const struct ms_action *action)
{
	for (uint32_t i = 0; i < bed->row_count; i++) {
		if (bed->rows[i].process == action->process && bed->rows[i].row.row == action->row)
			return &bed->rows[i].row;
	}
	return NULL;
}

/* One action of the last plan is answered, a millisecond later. */
static inline void bed_answer(struct bed *bed, uint32_t index, uint32_t status, uint64_t claimed_mib)
{
	const struct ms_action *action = &bed->plan.actions[index];
	struct ms_row *row = bed_find(bed, action);

	bed_pass(bed, 1);
	row->bytes -= claimed_mib * MIB < row->bytes ? claimed_mib * MIB : row->bytes;
	row->entries = row->bytes / 1024;
	ms_policy_learn(&bed->state, action, status, claimed_mib * MIB, 1000, row->bytes, bed->sample.at_ns);
}

/* All actions of the last plan are answered as they hoped, and the hold-off passes. */
static inline void bed_answer_all(struct bed *bed)
{
	for (uint32_t i = 0; i < bed->plan.count; i++)
		bed_answer(bed, i, MS_ANSWER_DONE, bed->plan.actions[i].expect_bytes / MIB);
	bed_pass(bed, 500);
}

/* All of them claim what was expected, but keep it: the reading will not move either. */
static inline void bed_answer_lies(struct bed *bed)
{
	for (uint32_t i = 0; i < bed->plan.count; i++) {
		const struct ms_action *action = &bed->plan.actions[i];

		ms_policy_learn(&bed->state, action, MS_ANSWER_DONE, action->expect_bytes, 1000,
				bed_find(bed, action)->bytes, bed->sample.at_ns);
	}
	bed_pass(bed, 500);
}

#define assert_plan(plan, wanted_kind, wanted_why)                                                  \
	do {                                                                                        \
		const struct ms_plan *got_ = (plan);                                                \
		assert_int_equal(got_->kind, wanted_kind);                                          \
		assert_int_equal(got_->why, wanted_why);                                            \
	} while (0)

#define assert_action(plan, index, wanted_row, wanted_level, wanted_mib)                            \
	do {                                                                                        \
		assert_true((index) < (plan)->count);                                               \
		assert_int_equal((plan)->actions[index].row, wanted_row);                           \
		assert_int_equal((plan)->actions[index].level, wanted_level);                       \
		assert_int_equal((plan)->actions[index].target_bytes, (wanted_mib) * MIB);          \
	} while (0)

#endif

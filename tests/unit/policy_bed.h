/* SPDX-License-Identifier: MIT */
/*
 * policy_bed.h - what the tests of the policy share: a target of one limit, its processes and rows, and a
 * clock.
 *
 * The limit is 1000 MiB unless a test says otherwise: high is 900, low 800, danger 987.5 MiB.
 */
#ifndef POLICY_BED_H
#define POLICY_BED_H

#include <string.h>

#include "memshed.h"
#include "policy/policy.h"
#include "rank/facts.h"
#include "util/clock.h"

#define MIB (UINT64_C(1) << 20)

enum { BED_PROCESSES = 64, BED_ROWS = 512 };

struct bed_row {
	uint32_t process;
	struct ms_row row;
};

struct bed {
	struct ms_policy_config config;
	struct ms_sample sample;
	struct ms_marks marks;
	struct ms_policy_process processes[BED_PROCESSES];
	uint32_t process_count, row_count;
	struct bed_row rows[BED_ROWS];
	struct ms_rank_key keys[BED_ROWS];
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

static inline struct ms_policy_process *bed_process(struct bed *bed, uint32_t process)
{
	uint32_t i = 0;

	while (i < bed->process_count && bed->processes[i].process != process)
		i++;
	if (i == bed->process_count)
		bed->processes[bed->process_count++] =
			(struct ms_policy_process){.process = process, .answers = true};
	return &bed->processes[i];
}

/* A cache with entries of 1 KiB; or a process's allocator. */
static inline struct ms_row *bed_row(struct bed *bed, uint32_t process, uint32_t row, uint64_t bytes)
{
	struct bed_row *added = &bed->rows[bed->row_count++];

	bed_process(bed, process);
	*added = (struct bed_row){
		.process = process,
		.row = {.row = row, .generation = 1, .bytes = bytes, .entries = bytes / 1024},
	};
	return &added->row;
}

/* As the watch does it. */
static inline struct ms_policy_input bed_input(struct bed *bed)
{
	struct ms_policy_input input = {
		.processes = bed->processes, .process_count = bed->process_count, .keys = bed->keys};

	for (uint32_t i = 0; i < bed->process_count; i++)
		bed->processes[i].caches = 0;
	for (uint32_t i = 0; i < bed->row_count; i++) {
		struct ms_policy_process *process = bed_process(bed, bed->rows[i].process);
		struct ms_rank_facts facts = ms_rank_facts_of(&bed->rows[i].row);

		if (facts.row == MS_ALLOCATOR_ROW) {
			process->free_bytes = ms_rank_bytes(&facts);
			continue;
		}
		process->caches++;
		ms_rank_key(&facts, bed->sample.at_ns, &bed->keys[input.key_count]);
		bed->keys[input.key_count++].process = process->process;
	}
	return input;
}

static inline const struct ms_plan *bed_plan(struct bed *bed, uint64_t used_bytes)
{
	struct ms_policy_input input = bed_input(bed);

	bed->sample.limit.used_bytes = used_bytes;
	ms_policy_plan(&bed->config, &bed->sample, &bed->marks, &input, &bed->state, &bed->plan);
	return &bed->plan;
}

static inline bool bed_wants_rows(struct bed *bed)
{
	return ms_policy_wants_rows(&bed->config, &bed->sample, &bed->marks, &bed->state);
}

static inline void bed_pass(struct bed *bed, uint64_t ms)
{
	bed->sample.at_ns += ms * MS_NS_PER_MS;
}

static inline void bed_learn(struct bed *bed, uint32_t process, uint32_t status, uint64_t claimed_bytes,
			     uint64_t returned_bytes)
{
	const struct ms_policy_answer answer = {
		.status = status, .claimed_bytes = claimed_bytes, .returned_bytes = returned_bytes};

	ms_policy_learn(&bed->config, &bed->state, process, &answer, bed->sample.at_ns);
}

#endif

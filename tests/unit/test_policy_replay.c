/* SPDX-License-Identifier: MIT */
/*
 * test_policy_replay.c - recorded shortages, and the plans they must lead to.
 *
 * Replays every tests/data/policy/ *.seq: one statement a line, words separated by blanks, "#" begins a
 * comment. Sizes as on the command line.
 *
 *   max SIZE [margin SIZE] [high MARK] [low MARK]       first line: the budget
 *   row PROCESS ROW SIZE [entries N] [priority N] [cost N] [kind N] [whole] [manual] [io] [estimated]
 *                                                       a cache appears, or is read again
 *   silent PROCESS, answers PROCESS                     its agent can be asked, or not
 *   gone PROCESS                                        it ended: its rows go, and what was learnt
 *   at MS SIZE [growth SIZE]                            a sample: the time, and what is used
 *   want KIND WHY                                       the plan for that sample
 *   order PROCESS ROW LEVEL SIZE                        its next action, 0 = everything; all must be named
 *   answer INDEX STATUS CLAIMED LEFT                    an answer to it: claimed, and in the row after
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>

#include "policy_bed.h"

enum { WORDS = 24 };

struct replay {
	struct bed bed;
	const char *file;
	unsigned line;
	uint32_t orders_seen; /* actions of the last plan that were named */
	struct ms_plan planned; /* the plan that answers refer to */
	char *words[WORDS];
	unsigned count;
};

#define stop(replay, ...)                                                                           \
	do {                                                                                        \
		print_error("%s:%u: ", (replay)->file, (replay)->line);                             \
		fail_msg(__VA_ARGS__);                                                              \
	} while (0)

static const char *const kind_names[] = {"nothing", "wait", "orders", "warn", "recovered"};
static const char *const why_names[] = {
	"below-high", "above-high",  "still-above-low", "escalated",      "near-max",
	"hold-off",   "in-flight",   "storm-pause",     "pause-over",     "nobody-answers",
	"nothing-left", "does-not-help", "no-caches",   "below-low",
};
static const char *const level_names[] = {"count", "trim", "clear", "emergency"};
static const struct {
	const char *name;
	uint32_t status;
} statuses[] = {
	{"none", MS_ANSWER_NONE},   {"done", MS_ANSWER_DONE},   {"partial", MS_ANSWER_PARTIAL},
	{"empty", MS_ANSWER_EMPTY}, {"busy", MS_ANSWER_BUSY},   {"unsupported", MS_ANSWER_UNSUPPORTED},
	{"gone", MS_ANSWER_GONE},   {"stuck", MS_ANSWER_STUCK}, {"stopped", MS_ANSWER_STOPPED},
};

static const char *word(struct replay *replay, unsigned index)
{
	if (index >= replay->count)
		stop(replay, "a word is missing after \"%s\"", replay->words[replay->count - 1]);
	return replay->words[index];
}

static uint64_t size(struct replay *replay, unsigned index)
{
	uint64_t bytes = 0;

	if (ms_units_parse_bytes(word(replay, index), &bytes) < 0)
		stop(replay, "\"%s\" is no size", word(replay, index));
	return bytes;
}

static uint32_t number(struct replay *replay, unsigned index)
{
	return (uint32_t)strtol(word(replay, index), NULL, 10);
}

static void read_max(struct replay *replay)
{
	struct bed *bed = &replay->bed;
	uint64_t margin = 0;

	for (unsigned i = 2; i + 1 < replay->count; i += 2) {
		const char *name = replay->words[i];

		if (strcmp(name, "margin") == 0)
			margin = size(replay, i + 1);
		else if (strcmp(name, "high") == 0)
			assert_int_equal(ms_units_parse_mark(replay->words[i + 1], &bed->config.high), 0);
		else if (strcmp(name, "low") == 0)
			assert_int_equal(ms_units_parse_mark(replay->words[i + 1], &bed->config.low), 0);
		else
			stop(replay, "unknown word \"%s\"", name);
	}
	bed->marks = ms_policy_marks(&bed->config, size(replay, 1), margin);
}

static struct ms_policy_row *find_row(struct bed *bed, uint32_t process, uint32_t row)
{
	for (uint32_t i = 0; i < bed->row_count; i++) {
		if (bed->rows[i].process == process && bed->rows[i].row.row == row)
			return &bed->rows[i];
	}
	return NULL;
}

static void read_row_words(struct replay *replay, struct ms_row *row)
{
	for (unsigned i = 4; i < replay->count; i++) {
		const char *name = replay->words[i];

		if (strcmp(name, "whole") == 0)
			row->flags &= ~(uint32_t)MS_ROW_PARTIAL;
		else if (strcmp(name, "manual") == 0)
			row->flags |= MEMSHED_CACHE_MANUAL;
		else if (strcmp(name, "io") == 0)
			row->flags |= MEMSHED_CACHE_MAY_IO;
		else if (strcmp(name, "estimated") == 0)
			row->flags |= MEMSHED_CACHE_ESTIMATED;
		else if (strcmp(name, "entries") == 0)
			row->entries = number(replay, ++i);
		else if (strcmp(name, "priority") == 0)
			row->priority = (int32_t)number(replay, ++i);
		else if (strcmp(name, "cost") == 0)
			row->cost_us = number(replay, ++i);
		else if (strcmp(name, "kind") == 0)
			row->kind = number(replay, ++i);
		else
			stop(replay, "unknown word \"%s\"", name);
	}
}

static void read_row(struct replay *replay)
{
	struct bed *bed = &replay->bed;
	uint32_t process = number(replay, 1), id = number(replay, 2);
	struct ms_policy_row *row = find_row(bed, process, id);

	if (!row) {
		assert_true(bed->row_count < BED_ROWS);
		bed_row(bed, process, id, 0);
		row = &bed->rows[bed->row_count - 1];
	}
	row->row.bytes = size(replay, 3);
	row->row.entries = row->row.bytes / 1024;
	read_row_words(replay, &row->row);
}

static void set_answers(struct replay *replay, bool answers)
{
	for (uint32_t i = 0; i < replay->bed.row_count; i++) {
		if (replay->bed.rows[i].process == number(replay, 1))
			replay->bed.rows[i].answers = answers;
	}
}

static void forget_process(struct replay *replay)
{
	struct bed *bed = &replay->bed;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < bed->row_count; i++) {
		if (bed->rows[i].process != number(replay, 1))
			bed->rows[kept++] = bed->rows[i];
	}
	bed->row_count = kept;
	ms_policy_forget(&bed->state, number(replay, 1));
}

static void check_orders_named(struct replay *replay)
{
	if (replay->orders_seen != replay->bed.plan.count)
		stop(replay, "the plan had %u orders, %u were named", replay->bed.plan.count, replay->orders_seen);
}

static void read_sample(struct replay *replay)
{
	struct bed *bed = &replay->bed;

	check_orders_named(replay);
	bed->sample.at_ns = 1000 * MS_NS_PER_S + number(replay, 1) * MS_NS_PER_MS;
	bed->sample.limit.used_bytes = size(replay, 2);
	bed->sample.growth_bytes_per_s = 0;
	if (replay->count > 3 && strcmp(replay->words[3], "growth") == 0)
		bed->sample.growth_bytes_per_s = size(replay, 4);
	ms_policy_plan(&bed->config, &bed->sample, &bed->marks, bed->rows, bed->row_count, &bed->state,
		       &bed->plan);
	replay->orders_seen = 0;
	if (bed->plan.count)
		replay->planned = bed->plan;
}

static void check_plan(struct replay *replay)
{
	const struct ms_plan *plan = &replay->bed.plan;

	if (strcmp(word(replay, 1), kind_names[plan->kind]) != 0 ||
	    strcmp(word(replay, 2), why_names[plan->why]) != 0)
		stop(replay, "wanted %s %s, got %s %s with %u orders", word(replay, 1), word(replay, 2),
		     kind_names[plan->kind], why_names[plan->why], plan->count);
}

static void check_order(struct replay *replay)
{
	const struct ms_plan *plan = &replay->bed.plan;
	const struct ms_action *action = &plan->actions[replay->orders_seen];

	if (replay->orders_seen >= plan->count)
		stop(replay, "the plan has only %u orders", plan->count);
	if (action->process != number(replay, 1) || action->row != number(replay, 2) ||
	    strcmp(level_names[action->level], word(replay, 3)) != 0 || action->target_bytes != size(replay, 4))
		stop(replay, "got process %u row %u %s %llu bytes", action->process, action->row,
		     level_names[action->level], (unsigned long long)action->target_bytes);
	replay->orders_seen++;
}

static void read_answer(struct replay *replay)
{
	uint32_t index = number(replay, 1);
	const char *name = word(replay, 2);
	size_t count = sizeof(statuses) / sizeof(statuses[0]), i = 0;

	while (i < count && strcmp(statuses[i].name, name) != 0)
		i++;
	if (i == count || index >= replay->planned.count)
		stop(replay, "no such answer: %u %s", index, name);
	const struct ms_action *action = &replay->planned.actions[index];
	struct ms_policy_row *row = find_row(&replay->bed, action->process, action->row);

	ms_policy_learn(&replay->bed.state, action, statuses[i].status, size(replay, 3), 1000, size(replay, 4),
			replay->bed.sample.at_ns);
	if (row) {
		row->row.bytes = size(replay, 4);
		row->row.entries = row->row.bytes / 1024;
	}
}

static void replay_words(struct replay *replay)
{
	const char *verb = replay->words[0];

	if (strcmp(verb, "max") == 0)
		read_max(replay);
	else if (strcmp(verb, "row") == 0)
		read_row(replay);
	else if (strcmp(verb, "silent") == 0 || strcmp(verb, "answers") == 0)
		set_answers(replay, verb[0] == 'a');
	else if (strcmp(verb, "gone") == 0)
		forget_process(replay);
	else if (strcmp(verb, "at") == 0)
		read_sample(replay);
	else if (strcmp(verb, "want") == 0)
		check_plan(replay);
	else if (strcmp(verb, "order") == 0)
		check_order(replay);
	else if (strcmp(verb, "answer") == 0)
		read_answer(replay);
	else
		stop(replay, "unknown statement \"%s\"", verb);
}

static void replay_line(struct replay *replay, char *line)
{
	char *save = NULL;

	line[strcspn(line, "#\n")] = '\0';
	replay->count = 0;
	for (char *next = strtok_r(line, " \t", &save); next && replay->count < WORDS;
	     next = strtok_r(NULL, " \t", &save))
		replay->words[replay->count++] = next;
	if (replay->count)
		replay_words(replay);
}

static void replay_file(const char *path)
{
	struct replay replay = {.file = path};
	FILE *file = fopen(path, "re");
	char line[512];

	if (!file)
		fail_msg("%s cannot be read", path);
	bed_init(&replay.bed);
	while (fgets(line, sizeof(line), file)) {
		replay.line++;
		replay_line(&replay, line);
	}
	check_orders_named(&replay);
	fclose(file);
}

static void recordings_lead_to_the_same_plans(void **state)
{
	const char *srcdir = getenv("srcdir");
	char pattern[4096];
	glob_t found;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/tests/data/policy/*.seq", srcdir ? srcdir : ".");
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		replay_file(found.gl_pathv[i]);
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(recordings_lead_to_the_same_plans)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

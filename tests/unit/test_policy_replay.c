/* SPDX-License-Identifier: MIT */
/*
 * test_policy_replay.c - recorded shortages, and the plans they must lead to.
 *
 * Replays every tests/data/policy/ *.seq: one statement a line, words separated by blanks, "#" begins a
 * comment. Sizes as on the command line.
 *
 *   case WORDS                           a new target: nothing is left of what came before
 *   max SIZE [margin SIZE] [high MARK] [low MARK]
 *                                        the budget; 1000M without it: high 900M, low 800M, danger 987.5M
 *   row PROCESS ROW SIZE [WORD N]...     a cache appears or changes; row 0 is the allocator. The words:
 *                                        entries (of 1 KiB without it) priority cost hits misses share
 *                                        (returned_per_mille) useless after (bytes_after) generation;
 *                                        and without N: manual estimated stuck
 *   silent PROCESS, answers PROCESS      its agent can be asked, or not
 *   gone PROCESS                         it ended: its rows go, and what was learnt
 *   at MS SIZE [growth SIZE]             a sample: the time, and what is used
 *   pass MS SIZE [growth SIZE]           likewise, so much later than the last one
 *   end                                  a sample of no process
 *   want KIND WHY                        the plan for that sample
 *   order PROCESS LEVEL SIZE             its next order; all must be named
 *   taken PROCESS                        its agent has taken the order
 *   answer PROCESS STATUS CLAIMED RETURNED
 *                                        the order is answered, at the time of the last sample;
 *                                        RETURNED may be "unmeasured"
 *   after MS                             the time goes on, without a sample
 *   state NAME [PROCESS] VALUE           phase, told, rounds, caches, silent, exhausted (of this plan), held
 *                                        (SIZE), next (milliseconds from now,
 *                                        at the earliest), timeout PROCESS, useless PROCESS
 *   rows yes|no SIZE                     are rows wanted, with so much used?
 *   repeat N ... done                    the lines between; not nested
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy_bed.h"

enum { WORDS = 24, LINE = 256 };

struct replay {
	struct bed bed;
	const char *file;
	unsigned line;
	uint32_t orders_seen; /* of the last plan */
	char *words[WORDS];
	unsigned count;
	long loop_at; /* where the lines to repeat begin; 0 = no loop */
	unsigned loop_line, loops_left;
};

#define stop(replay, ...)                                                                                    \
	do {                                                                                                 \
		print_error("%s:%u: ", (replay)->file, (replay)->line);                                      \
		fail_msg(__VA_ARGS__);                                                                       \
	} while (0)

static const char *const kind_names[] = {"nothing", "wait", "orders", "warn", "recovered"};
static const char *const why_names[] = {
	"below-high",     "above-high",    "still-above-low", "escalated", "near-max", "hold-off",
	"in-flight",      "back-off",      "one-more-try",    "silent",    "busy",     "nothing-left",
	"nothing-to-ask", "does-not-help", "no-caches",       "below-low",
};
static const char *const level_names[] = {"count", "trim", "clear", "emergency"};
static const char *const phase_names[] = {"calm", "ordered", "settling", "paused", "warned"};
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
	char *end;
	long value = strtol(word(replay, index), &end, 10);

	if (*end)
		stop(replay, "\"%s\" is no number", word(replay, index));
	return (uint32_t)value;
}

static struct ms_policy_process *process(struct replay *replay, unsigned index)
{
	return bed_process(&replay->bed, number(replay, index));
}

static void check_orders_named(struct replay *replay)
{
	if (replay->orders_seen != replay->bed.plan.count)
		stop(replay, "the plan had %u orders, %u were named", replay->bed.plan.count,
		     replay->orders_seen);
}

static void read_case(struct replay *replay)
{
	check_orders_named(replay);
	bed_init(&replay->bed);
	replay->orders_seen = 0;
}

static void read_max(struct replay *replay)
{
	struct bed *bed = &replay->bed;
	uint64_t margin = 0;

	for (unsigned i = 2; i < replay->count; i += 2) {
		const char *name = replay->words[i];

		if (strcmp(name, "margin") == 0)
			margin = size(replay, i + 1);
		else if (strcmp(name, "high") == 0)
			assert_int_equal(ms_units_parse_mark(word(replay, i + 1), &bed->config.high), 0);
		else if (strcmp(name, "low") == 0)
			assert_int_equal(ms_units_parse_mark(word(replay, i + 1), &bed->config.low), 0);
		else
			stop(replay, "unknown word \"%s\"", name);
	}
	bed->marks = ms_policy_marks(&bed->config, size(replay, 1), margin);
}

static bool read_flag(const char *name, struct ms_row *row)
{
	if (strcmp(name, "manual") == 0)
		row->flags |= MEMSHED_CACHE_MANUAL;
	else if (strcmp(name, "estimated") == 0)
		row->flags |= MEMSHED_CACHE_ESTIMATED;
	else if (strcmp(name, "stuck") == 0)
		row->flags |= MS_ROW_STUCK;
	else
		return false;
	return true;
}

static void read_row_words(struct replay *replay, struct ms_row *row)
{
	for (unsigned i = 4; i < replay->count; i++) {
		const char *name = replay->words[i];

		if (read_flag(name, row))
			continue;
		i++;
		if (strcmp(name, "entries") == 0)
			row->entries = number(replay, i);
		else if (strcmp(name, "priority") == 0)
			row->priority = (int32_t)number(replay, i);
		else if (strcmp(name, "cost") == 0)
			row->cost_us = number(replay, i);
		else if (strcmp(name, "hits") == 0)
			row->hits = number(replay, i);
		else if (strcmp(name, "misses") == 0)
			row->misses = number(replay, i);
		else if (strcmp(name, "generation") == 0)
			row->generation = number(replay, i);
		else if (strcmp(name, "share") == 0)
			row->last.returned_per_mille = number(replay, i);
		else if (strcmp(name, "useless") == 0)
			row->last.useless = number(replay, i);
		else if (strcmp(name, "after") == 0)
			row->last.bytes_after = size(replay, i);
		else
			stop(replay, "unknown word \"%s\"", name);
	}
}

static void read_row(struct replay *replay)
{
	struct bed *bed = &replay->bed;
	uint32_t owner = number(replay, 1), id = number(replay, 2), i = 0;
	uint64_t bytes = size(replay, 3);

	while (i < bed->row_count && (bed->rows[i].process != owner || bed->rows[i].row.row != id))
		i++;
	if (i == bed->row_count)
		bed_row(bed, owner, id, bytes);
	bed->rows[i].row.bytes = bytes;
	bed->rows[i].row.entries = bytes / 1024;
	bed->rows[i].row.inserts |= bytes > 0; /* emptied later, it still keeps count */
	read_row_words(replay, &bed->rows[i].row);
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
	*process(replay, 1) = bed->processes[bed->process_count - 1];
	bed->process_count--;
	ms_policy_forget(&bed->state, number(replay, 1));
}

static void read_sample(struct replay *replay, uint64_t at_ns)
{
	struct bed *bed = &replay->bed;

	check_orders_named(replay);
	bed->sample.at_ns = at_ns;
	bed->sample.growth_bytes_per_s = 0;
	if (replay->count > 3 && strcmp(replay->words[3], "growth") == 0)
		bed->sample.growth_bytes_per_s = size(replay, 4);
	bed_plan(bed, size(replay, 2));
	replay->orders_seen = 0;
}

static void end_target(struct replay *replay)
{
	check_orders_named(replay);
	replay->bed.sample.processes = 0;
	bed_plan(&replay->bed, 0);
	replay->orders_seen = 0;
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
	const struct ms_policy_order *order = &plan->orders[replay->orders_seen];

	if (replay->orders_seen >= plan->count)
		stop(replay, "the plan has only %u orders", plan->count);
	if (order->process != number(replay, 1) || strcmp(level_names[order->level], word(replay, 2)) != 0 ||
	    order->target_bytes != size(replay, 3))
		stop(replay, "got process %u %s %llu bytes (%.6g MiB)", order->process,
		     level_names[order->level], (unsigned long long)order->target_bytes,
		     (double)order->target_bytes / (double)MIB);
	replay->orders_seen++;
}

static void read_answer(struct replay *replay)
{
	const char *name = word(replay, 2);
	size_t count = sizeof(statuses) / sizeof(statuses[0]), i = 0;

	while (i < count && strcmp(statuses[i].name, name) != 0)
		i++;
	if (i == count)
		stop(replay, "no such answer: %s", name);
	uint64_t returned = strcmp(word(replay, 4), "unmeasured") == 0 ? MS_NOT_MEASURED : size(replay, 4);

	bed_learn(&replay->bed, number(replay, 1), statuses[i].status, size(replay, 3), returned);
}

static uint64_t timeout_ms(struct replay *replay, uint32_t of)
{
	for (uint32_t i = 0; i < replay->bed.plan.count; i++)
		if (replay->bed.plan.orders[i].process == of)
			return replay->bed.plan.orders[i].timeout_ns / MS_NS_PER_MS;
	stop(replay, "process %u has no order", of);
	return 0;
}

static void check_state(struct replay *replay)
{
	const struct ms_policy_state *state = &replay->bed.state;
	const struct ms_plan *plan = &replay->bed.plan;
	const char *name = word(replay, 1);
	uint64_t value = 0;

	if (strcmp(name, "phase") == 0) {
		if (strcmp(phase_names[state->phase], word(replay, 2)) != 0)
			stop(replay, "the phase is %s", phase_names[state->phase]);
		return;
	}
	if (strcmp(name, "held") == 0) {
		if (plan->held_bytes != size(replay, 2))
			stop(replay, "held are %llu bytes", (unsigned long long)plan->held_bytes);
		return;
	}
	if (strcmp(name, "told") == 0)
		value = state->told;
	else if (strcmp(name, "exhausted") == 0)
		value = plan->exhausted;
	else if (strcmp(name, "rounds") == 0)
		value = state->rounds;
	else if (strcmp(name, "caches") == 0)
		value = plan->caches;
	else if (strcmp(name, "silent") == 0)
		value = plan->silent_caches;
	else if (strcmp(name, "next") == 0)
		value = (plan->not_before_ns - replay->bed.sample.at_ns) / MS_NS_PER_MS;
	else if (strcmp(name, "timeout") == 0)
		value = timeout_ms(replay, number(replay, 2));
	else if (strcmp(name, "useless") == 0)
		value = state->of[number(replay, 2)].useless;
	else
		stop(replay, "unknown word \"%s\"", name);
	if (value != number(replay, replay->count - 1))
		stop(replay, "%s is %llu", name, (unsigned long long)value);
}

static void check_rows(struct replay *replay)
{
	bool wanted = strcmp(word(replay, 1), "yes") == 0;

	replay->bed.sample.limit.used_bytes = size(replay, 2);
	if (bed_wants_rows(&replay->bed) != wanted)
		stop(replay, "rows are %swanted", wanted ? "not " : "");
}

static void replay_words(struct replay *replay)
{
	const char *verb = replay->words[0];
	struct bed *bed = &replay->bed;

	if (strcmp(verb, "case") == 0)
		read_case(replay);
	else if (strcmp(verb, "max") == 0)
		read_max(replay);
	else if (strcmp(verb, "row") == 0)
		read_row(replay);
	else if (strcmp(verb, "silent") == 0 || strcmp(verb, "answers") == 0)
		process(replay, 1)->answers = verb[0] == 'a';
	else if (strcmp(verb, "gone") == 0)
		forget_process(replay);
	else if (strcmp(verb, "at") == 0)
		read_sample(replay, 1000 * MS_NS_PER_S + number(replay, 1) * MS_NS_PER_MS);
	else if (strcmp(verb, "pass") == 0)
		read_sample(replay, bed->sample.at_ns + number(replay, 1) * MS_NS_PER_MS);
	else if (strcmp(verb, "end") == 0)
		end_target(replay);
	else if (strcmp(verb, "want") == 0)
		check_plan(replay);
	else if (strcmp(verb, "order") == 0)
		check_order(replay);
	else if (strcmp(verb, "taken") == 0)
		ms_policy_taken(&bed->state, number(replay, 1));
	else if (strcmp(verb, "answer") == 0)
		read_answer(replay);
	else if (strcmp(verb, "after") == 0)
		bed_pass(bed, number(replay, 1));
	else if (strcmp(verb, "state") == 0)
		check_state(replay);
	else if (strcmp(verb, "rows") == 0)
		check_rows(replay);
	else
		stop(replay, "unknown statement \"%s\"", verb);
}

/* Return: whether it was a statement about the replay itself. */
static bool loop(struct replay *replay, FILE *file)
{
	if (strcmp(replay->words[0], "repeat") == 0) {
		if (replay->loop_at)
			stop(replay, "repeat within repeat");
		replay->loops_left = number(replay, 1);
		replay->loop_at = ftell(file);
		replay->loop_line = replay->line;
		return true;
	}
	if (strcmp(replay->words[0], "done") != 0)
		return false;
	if (!replay->loop_at)
		stop(replay, "done without repeat");
	if (--replay->loops_left == 0) {
		replay->loop_at = 0;
		return true;
	}
	assert_int_equal(fseek(file, replay->loop_at, SEEK_SET), 0);
	replay->line = replay->loop_line;
	return true;
}

static void replay_line(struct replay *replay, char *line, FILE *file)
{
	char *save = NULL;

	line[strcspn(line, "#\n")] = '\0';
	replay->count = 0;
	for (char *next = strtok_r(line, " \t", &save); next && replay->count < WORDS;
	     next = strtok_r(NULL, " \t", &save))
		replay->words[replay->count++] = next;
	if (replay->count && !loop(replay, file))
		replay_words(replay);
}

static void replay_file(const char *path)
{
	static struct replay replay;
	FILE *file = fopen(path, "re");
	char line[LINE];

	if (!file)
		fail_msg("%s cannot be read", path);
	memset(&replay, 0, sizeof(replay));
	replay.file = path;
	bed_init(&replay.bed);
	while (fgets(line, sizeof(line), file)) {
		replay.line++;
		replay_line(&replay, line, file);
	}
	check_orders_named(&replay);
	if (replay.loop_at)
		stop(&replay, "repeat without done");
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

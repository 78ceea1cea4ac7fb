/* SPDX-License-Identifier: MIT */
/*
 * watch_bed.h - a watch in the middle of a shortage, for the tests of what happens to its orders: two
 * processes, this one, which has the table, and a child without one. Their agents are the test's.
 */
#ifndef MS_TESTS_WATCH_BED_H
#define MS_TESTS_WATCH_BED_H

#include "control_bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "memshed.h"
#include "rank/facts.h"
#include "table/writer.h"
#include "watch/watch.h"

#define MS(n) ((uint64_t)(n)*MS_NS_PER_MS)
#define MIB   (UINT64_C(1) << 20)

enum { CHILD = 0, SELF = 1, MEMBERS = 2, IDENTITY = 42 };

static struct ms_watch watch;
static struct ms_report report;
static struct ms_root root;
static struct ms_table table;
static struct ms_control_server agents[MEMBERS];
static uint64_t now;
static off_t heard; /* of the journal */
static char words[256];

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void add_member(uint32_t slot, pid_t pid)
{
	struct ms_process_stat stat;

	assert_int_equal(ms_process_read_stat(&root, pid, 0, &stat), 0);
	assert_int_equal(ms_control_create(&agents[slot], IDENTITY), 0);
	ms_members_add(&watch.members, slot, pid, stat.start_ticks, now);
	assert_int_equal(ms_members_adopt(&watch.members, slot, dup(table.fd), dup(agents[slot].fd)), 0);
	assert_true(watch.members.at[slot].can_post);
	watch.members.at[slot].reader.info.agent_state = MS_AGENT_IDLE;
}

/* used: 950 of 1000 MiB, so that 150 MiB are needed until low, and each process has 100. */
static int make_watch(void **state)
{
	(void)state;
	memset(&watch, 0, sizeof(watch));
	memset(&report, 0, sizeof(report));
	now = SECONDS(1000);
	heard = 0;
	assert_int_equal(ms_root_init(&root, "/"), 0);
	assert_int_equal(ms_table_create(&table, IDENTITY, now), 0);
	report.lines.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	report.journal.fd = memfd_create("journal", MFD_CLOEXEC);
	ms_report_init(&report, getpid(), "test", true);
	watch.report = &report;
	watch.config = ms_policy_defaults();
	watch.reading.marks = ms_policy_marks(&watch.config, 1000 * MIB, 0);
	watch.reading.sample = (struct ms_sample){.at_ns = now, .processes = MEMBERS, .rss_bytes = 950 * MIB};
	watch.reading.sample.limit.used_bytes = 950 * MIB;
	watch.reading.sample.limit.max_bytes = 1000 * MIB;
	watch.reading.tree.high = MEMBERS;
	ms_members_init(&watch.members, &root, NULL);
	add_member(CHILD, start_child());
	add_member(SELF, getpid());
	return 0;
}

static int end_watch(void **state)
{
	(void)state;
	pid_t child = watch.members.at[CHILD].pid;

	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		ms_members_remove(&watch.members, slot);
		ms_control_destroy(&agents[slot]);
	}
	ms_table_destroy(&table);
	close(report.lines.fd);
	close(report.journal.fd);
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) != child;
}

#define WITH_WATCH(test) cmocka_unit_test_setup_teardown(test, make_watch, end_watch)

static void plan(void)
{
	const struct ms_row row = {.row = 1, .generation = 1, .bytes = 100 * MIB, .entries = 1000};
	struct ms_policy_process processes[MEMBERS];
	struct ms_rank_key keys[MEMBERS];
	struct ms_rank_facts facts = ms_rank_facts_of(&row);
	const struct ms_policy_input input = {
		.processes = processes, .process_count = MEMBERS, .keys = keys, .key_count = MEMBERS};

	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		processes[slot] = (struct ms_policy_process){.process = slot, .answers = true, .caches = 1};
		ms_rank_key(&facts, now, &keys[slot]);
		keys[slot].process = slot;
	}
	watch.reading.sample.at_ns = now;
	ms_policy_plan(&watch.config, &watch.reading.sample, &watch.reading.marks, &input, &watch.policy,
		       &watch.plan);
}

static __attribute__((unused)) void post_all(void)
{
	plan();
	assert_int_equal(watch.plan.kind, MS_PLAN_ORDERS);
	assert_int_equal(watch.plan.count, MEMBERS);
	ms_orders_post(&watch, now);
}

static __attribute__((unused)) struct ms_order_handle take_order(uint32_t slot, struct ms_order *ret_order)
{
	struct ms_order_handle handle = {0};

	assert_int_equal(ms_control_take(&agents[slot], now, ret_order, &handle), 1);
	return handle;
}

static __attribute__((unused)) void answer_order(uint32_t slot, uint32_t status, uint64_t bytes)
{
	const struct ms_answer given = {.status = status,
					.claimed_bytes = bytes,
					.returned_bytes = bytes,
					.caches = 2,
					.duration_us = 8000};
	struct ms_order taken;
	struct ms_order_handle handle = take_order(slot, &taken);

	ms_control_answer(&agents[slot], &handle, &given);
}

static __attribute__((unused)) bool has_order(uint32_t slot)
{
	struct ms_order taken;
	struct ms_order_handle handle;

	return ms_control_take(&agents[slot], now, &taken, &handle) == 1;
}

static __attribute__((unused)) void collect(uint64_t after_ns)
{
	now += after_ns;
	ms_orders_collect(&watch, now);
	ms_silence_resume(&watch, now);
}

/* What was said since the last time: the events' names; of an answer its status, of what returned how much, of own
 * rounds how many. */
static __attribute__((unused)) const char *said(void)
{
	FILE *journal = fdopen(dup(report.journal.fd), "re");
	char line[MS_JOURNAL_LINE_BYTES];

	words[0] = '\0';
	fseeko(journal, heard, SEEK_SET);
	while (fgets(line, sizeof(line), journal)) {
		json_t *object = json_loads(line, 0, NULL);
		const char *status = json_string_value(json_object_get(object, "status"));
		json_t *returned = json_object_get(object, "answered_us")
					   ? json_object_get(object, "returned_bytes")
					   : NULL;
		size_t length = strlen(words);

		assert_non_null(object);
		snprintf(words + length, sizeof(words) - length, "%s%s", length ? " " : "",
			 json_string_value(json_object_get(object, "event")));
		length = strlen(words);
		if (status)
			snprintf(words + length, sizeof(words) - length, ":%s", status);
		if (strcmp(json_string_value(json_object_get(object, "event")), "own") == 0)
			snprintf(words + length, sizeof(words) - length, ":%" JSON_INTEGER_FORMAT,
				 json_integer_value(json_object_get(object, "rounds")));
		if (returned)
			snprintf(words + length, sizeof(words) - length, ":%d",
				 (int)(json_integer_value(returned) / (json_int_t)MIB));
		json_decref(object);
	}
	heard = ftello(journal);
	fclose(journal);
	return words;
}

#define assert_said(text) assert_string_equal(said(), text)

#endif

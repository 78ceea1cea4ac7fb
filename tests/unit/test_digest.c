/* SPDX-License-Identifier: MIT */
/* The lines that people read: two a round, what did not go well by name, and one a minute when there are
 * many. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "event/digest.h"
#include "event/journal.h"

#define MIB (UINT64_C(1) << 20)

enum { LINES = 2000 };

/* What was written, and what the next events say. */
static struct {
	struct ms_digest digest;
	struct ms_sample sample;
	struct ms_marks marks;
	uint64_t now_ms;
	char buffer[MS_JOURNAL_LINE_BYTES];
	unsigned count;
	char lines[LINES][1024];
	bool cut;
} bed;

static void keep(void *arg, struct ms_line *line)
{
	(void)arg;
	assert_true(bed.count < LINES);
	bed.cut |= line->cut;
	snprintf(bed.lines[bed.count++], sizeof(bed.lines[0]), "%s", line->at);
}

static void begin(bool brief, bool quiet)
{
	memset(&bed, 0, sizeof(bed));
	bed.now_ms = 12345;
	bed.sample.processes = 2;
	bed.sample.rss_bytes = 190 * MIB;
	bed.sample.limit =
		(struct ms_limit){.source = MS_LIMIT_OPTION, .max_bytes = 200 * MIB, .used_bytes = 190 * MIB};
	bed.marks = (struct ms_marks){.max_bytes = 200 * MIB,
				      .high_bytes = 180 * MIB,
				      .low_bytes = 160 * MIB,
				      .danger_bytes = 195 * MIB};
	ms_digest_init(&bed.digest, keep, NULL, bed.buffer, sizeof(bed.buffer), brief, quiet);
}

static int set_up(void **state)
{
	(void)state;
	begin(false, false);
	return 0;
}

static struct ms_event event_of(enum ms_event_kind kind)
{
	struct ms_event event = {.kind = kind, .at_ms = bed.now_ms, .pid = 42, .comm = "job"};

	ms_event_read(&event, &bed.sample, &bed.marks);
	return event;
}

static void pass(uint64_t ms)
{
	bed.now_ms += ms;
}

static void take(struct ms_event event)
{
	ms_digest_take(&bed.digest, &event);
}

static void turn(void)
{
	struct ms_event now = event_of(MS_EVENT_START);

	if (ms_digest_wants_turn(&bed.digest))
		ms_digest_turn(&bed.digest, &now);
}

static void start(uint64_t option_max_bytes)
{
	struct ms_event event = event_of(MS_EVENT_START);

	event.as.start.option_max_bytes = option_max_bytes;
	take(event);
}

static void ask(int32_t pid, uint64_t target_mib, enum ms_level level, enum ms_why why)
{
	struct ms_event event = event_of(MS_EVENT_ORDER);

	event.pid = pid;
	event.as.order = (struct ms_event_order){why, level, target_mib * MIB};
	take(event);
}

/* What caches of the process gave; the last one has no name. */
struct gave {
	const char *name;
	uint64_t mib;
	bool estimated;
	uint64_t caches; /* of that name */
};

static struct ms_event answer_of(int32_t pid, uint32_t status, uint64_t caches, const struct gave *gave)
{
	struct ms_event event = event_of(MS_EVENT_ANSWER);
	struct ms_event_answer *as = &event.as.answer;

	event.pid = pid;
	as->status = status;
	as->caches = caches;
	for (; gave && gave->name; gave++) {
		struct ms_event_cache cache = {
			.pid = pid, .bytes = gave->mib * MIB, .estimated = gave->estimated,
			.caches = gave->caches};

		snprintf(cache.cache, sizeof(cache.cache), "%s", gave->name);
		ms_event_caches_add(&as->gave, &cache);
		as->claimed_bytes += cache.bytes;
		as->estimated |= gave->estimated;
	}
	return event;
}

static void answer(int32_t pid, uint32_t status, uint64_t caches, const struct gave *gave)
{
	take(answer_of(pid, status, caches, gave));
}

static void stuck_answer(int32_t pid, uint64_t caches, const struct gave *gave)
{
	struct ms_event event = answer_of(pid, MS_ANSWER_PARTIAL, caches, gave);

	event.as.answer.stuck[0] = 'c';
	take(event);
}

static void settle(uint64_t returned_mib, bool recovered)
{
	struct ms_event returned = event_of(MS_EVENT_RETURNED), over = event_of(MS_EVENT_RECOVERED);

	returned.as.returned = (struct ms_event_returned){0, returned_mib * MIB, 12000, 212000};
	take(returned);
	over.as.recovered.duration_us = 300000;
	if (recovered)
		take(over);
	turn();
}

static void assert_line(unsigned i, const char *text)
{
	assert_true(i < bed.count);
	assert_string_equal(bed.lines[i], text);
}

/* A line without its time. */
static void assert_says(unsigned i, const char *text)
{
	assert_true(i < bed.count);
	assert_string_equal(strstr(bed.lines[i], "s ") + 2, text);
}

static void a_short_run_has_four_lines(void **state)
{
	static const struct gave gave[] = {{"parse", 30, false, 1}, {"lookup", 12, false, 1}, {NULL}};
	struct ms_event end;

	(void)state;
	start(200 * MIB);
	take(event_of(MS_EVENT_TARGET));
	assert_int_equal(bed.count, 0);
	ask(42, 45, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	turn();
	assert_line(0, "memshed: +12.345s watching job (pid 42): max 200M (--max), high 180M, low 160M");
	assert_line(1, "memshed: +12.345s asking job (pid 42) for 45M (190M of 200M, above high 180M)");
	assert_int_equal(bed.count, 2);
	pass(12);
	answer(42, MS_ANSWER_DONE, 5, gave);
	pass(200);
	bed.sample.limit.used_bytes = 150 * MIB;
	settle(44, true);
	assert_line(
		2,
		"memshed: +12.557s job (pid 42): parse 30M, lookup 12M, 3 more asked; 44M came back in 12ms;"
		" 150M of 200M, the shortage is over after 300ms");
	end = event_of(MS_EVENT_END);
	end.as.end = (struct ms_event_end){.run_ms = 60000,
					   .peak_rss_bytes = 190 * MIB,
					   .shortages = 1,
					   .rounds = 1,
					   .shrink_us = 12000,
					   .claimed_bytes = 42 * MIB,
					   .returned_bytes = 44 * MIB};
	take(end);
	assert_line(3, "memshed: +12.557s ended after 1m00s, exit 0: peak RSS 190M of 200M (--max), above "
		       "high 1 time,"
		       " shrunk 1 time in 12ms: claimed 42M, 44M came back");
	assert_int_equal(bed.count, 4);
}

static void a_run_that_is_never_short_has_one_line(void **state)
{
	(void)state;
	start(UINT64_MAX);
	take(event_of(MS_EVENT_TARGET));
	take(event_of(MS_EVENT_END));
	assert_int_equal(bed.count, 1);
	assert_non_null(strstr(bed.lines[0], "never above high"));
}

static void a_limit_that_was_not_asked_for_is_said_at_once(void **state)
{
	(void)state;
	bed.sample.limit.source = MS_LIMIT_CGROUP1;
	start(300 * MIB);
	assert_int_equal(bed.count, 1);
	assert_non_null(strstr(bed.lines[0], "nearer than --max 300M"));
	take(event_of(MS_EVENT_STOPPED));
	assert_int_equal(bed.count, 2);
}

static void with_a_journal_little_is_said(void **state)
{
	(void)state;
	begin(true, false);
	start(200 * MIB);
	ask(42, 45, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	settle(1, true);
	take(event_of(MS_EVENT_WARN));
	assert_int_equal(bed.count, 0);
	take(event_of(MS_EVENT_EXIT));
	take(event_of(MS_EVENT_END));
	assert_int_equal(bed.count, 2);
	begin(true, true);
	take(event_of(MS_EVENT_BLIND));
	take(event_of(MS_EVENT_END));
	assert_int_equal(bed.count, 1);
}

static void a_round_that_is_not_enough_is_told_at_once(void **state)
{
	static const struct gave gave[] = {{"a", 3, false, 1}, {NULL}};

	(void)state;
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_DONE, 1, gave);
	settle(4, false);
	assert_says(1, "job (pid 42): a 3M; 4M came back in 12ms; 190M of 200M");
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_STILL_ABOVE_LOW);
	answer(42, MS_ANSWER_PARTIAL, 1, gave);
	take(event_of(MS_EVENT_RETURNED));
	ask(42, 8, MS_LEVEL_CLEAR, MS_WHY_ESCALATED); /* in the same look */
	assert_says(3, "job (pid 42): a 3M; nothing of 3M came back in 0us; 190M of 200M");
	turn();
	assert_says(4, "asking job (pid 42) for 8M, whole caches (190M of 200M, the last round did not bring "
		       "enough)");
	assert_int_equal(bed.count, 5);
}

static void a_shortage_that_ends_by_itself_is_a_line(void **state)
{
	struct ms_event over = event_of(MS_EVENT_RECOVERED);

	(void)state;
	take(over);
	assert_says(0, "190M of 200M, the shortage is over after 0us");
}

static void a_shortage_that_is_back_is_not_called_over(void **state)
{
	(void)state;
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_DONE, 1, NULL);
	settle(3, true); /* 190M, and high is 180M */
	assert_says(1, "job (pid 42): nothing claimed; 3M came back in 12ms; 190M of 200M, the shortage was "
		       "over after 300ms");
}

static void a_job_that_ends_is_not_over_its_shortage(void **state)
{
	(void)state;
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_GONE, 0, NULL);
	bed.sample.rss_bytes = 0;
	settle(0, true);
	assert_says(1, "job (pid 42): nothing claimed, gone; the job has ended");
	take(event_of(MS_EVENT_RECOVERED));
	assert_int_equal(bed.count, 2);
}

static void what_is_done_when_nothing_is_left(void **state)
{
	struct ms_event event = event_of(MS_EVENT_EXHAUSTED);

	(void)state;
	begin(true, false); /* beside a journal it is said all the same */
	event.as.exhausted = (struct ms_event_exhausted){MS_EXHAUSTED_RESTART, 30 * MIB, 165 * MIB};
	take(event);
	event = event_of(MS_EVENT_STOP);
	event.as.stop = (struct ms_event_stop){9, 2};
	take(event);
	event = event_of(MS_EVENT_RESTART);
	event.as.restart = (struct ms_event_restart){1, 1000};
	take(event);
	event = event_of(MS_EVENT_UNLOADED);
	event.as.unloaded.obstacle = MS_PYTHON_ISOLATED;
	take(event);
	event = event_of(MS_EVENT_END);
	event.as.end = (struct ms_event_end){.restarts = 1, .exhaustions = 1, .unexplained_bytes = 165 * MIB};
	take(event);
	assert_int_equal(bed.count, 5);
	assert_non_null(strstr(bed.lines[0], ", and nothing is left that helps: 30M in caches, 165M in no cache; ending the "
					     "job, to start it again"));
	assert_non_null(strstr(bed.lines[1], "SIGKILL was sent to 2 processes of the job"));
	assert_non_null(strstr(bed.lines[2], " was started after 1s: started again 1 time"));
	assert_non_null(strstr(bed.lines[3], " runs without the adapter for Python, so its caches are not known: "
					     "with -I it does not read PYTHONPATH"));
	assert_non_null(strstr(bed.lines[4], "; started again 1 time; when nothing was left 165M of 200M were in no cache"));
}

static void a_warning_tells_of_its_pause(void **state)
{
	struct ms_event warning = event_of(MS_EVENT_WARN), wait = event_of(MS_EVENT_WAIT);

	(void)state;
	warning.as.warn = (struct ms_event_warn){.reason = MS_WHY_DOES_NOT_HELP, .pause_ms = 5000};
	wait.as.wait = (struct ms_event_wait){.reason = MS_WHY_BACK_OFF, .pause_ms = 5000};
	take(warning);
	take(wait);
	assert_says(0, "190M of 200M, caches were shrunk repeatedly, but the memory did not come back; next "
		       "try in 5s");
	assert_int_equal(bed.count, 1);
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ONE_MORE_TRY);
	take(wait);
	assert_says(2, "190M of 200M, shrinking does not help; next try in 5s");
}

static void what_did_not_come_back_is_seen(void **state)
{
	static const struct gave gave[] = {{"a", 3, true, 1}, {"b", 2, false, 1}, {NULL}};

	(void)state;
	ask(42, 5, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_DONE, 2, gave);
	settle(1, false);
	assert_says(1, "job (pid 42): a ~3M, b 2M; 1M of ~5M came back in 12ms; 190M of 200M");
}

static void several_processes_are_told_apart(void **state)
{
	static const struct gave first[] = {{"a", 3, false, 1}, {NULL}}, second[] = {{"a", 4, false, 1}, {NULL}};

	(void)state;
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	ask(43, 9, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	ask(44, 1, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_DONE, 1, first);
	stuck_answer(43, 3, second);
	assert_says(
		0,
		"asking 3 processes for 13M: job (pid 43) 9M, job (pid 42) 3M, job (pid 44) 1M (190M of 200M,"
		" above high 180M)");
	settle(7, false);
	assert_says(
		1,
		"3 processes: a 4M (pid 43), a 3M (pid 42), 2 more asked, stuck in c (pid 43), 1 order not "
		"answered;"
		" 7M came back in 12ms; 190M of 200M");
	for (int32_t pid = 1; pid <= 6; pid++)
		ask(pid, 2, MS_LEVEL_EMERGENCY, MS_WHY_NEAR_MAX);
	for (int32_t pid = 1; pid <= 6; pid++)
		answer(pid, MS_ANSWER_BUSY, 0, NULL);
	assert_says(
		2, "asking 6 processes for 12M, whole caches: job (pid 1) 2M, job (pid 2) 2M, job (pid 3) 2M,"
		   " job (pid 4) 2M, 2 more (190M of 200M, above danger 195M)");
	settle(0, false);
	assert_says(3, "6 processes: nothing claimed, busy (pid 1), busy (pid 2), busy (pid 3), busy (pid "
		       "4), 2 more not"
		       " done; 190M of 200M");
}

static void names_stay_on_their_line(void **state)
{
	static const struct gave gave[] = {{"a\n\x1b[2J", 2, false, 1}, {NULL}};

	(void)state;
	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	answer(42, MS_ANSWER_DONE, 1, gave);
	settle(2, false);
	assert_non_null(strstr(bed.lines[1], ": a\\n\\x1b[2J 2M;"));
}

/* Thousands of one name are one. */
static void a_group_is_named_once(void **state)
{
	static const struct gave gave[] = {{"Obj.method", 110, true, 4000}, {"parse", 9, false, 1}, {NULL}};

	(void)state;
	ask(42, 119, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	turn();
	answer(42, MS_ANSWER_DONE, 4003, gave);
	settle(119, true);
	assert_non_null(strstr(bed.lines[bed.count - 1],
			       ": Obj.method x 4000 ~110M, parse 9M, 2 more asked; 119M"));
}

/* The longest everything, each byte the kind that grows most. */
static void the_longest_lines_fit(void **state)
{
	struct ms_event event;

	(void)state;
	for (int32_t i = 0; i < 100; i++) {
		event = event_of(MS_EVENT_ORDER);
		event.pid = 4000000 + i;
		event.as.order = (struct ms_event_order){MS_WHY_ABOVE_HIGH, MS_LEVEL_CLEAR, 1000 * MIB};
		memset(event.comm, 0xff, sizeof(event.comm) - 1);
		take(event);
	}
	for (int32_t i = 0; i < 100; i++) {
		event = event_of(MS_EVENT_ANSWER);
		event.pid = 4000000 + i;
		event.as.answer.status = MS_ANSWER_UNSUPPORTED;
		event.as.answer.gave.count = 1;
		event.as.answer.gave.at[0].pid = event.pid;
		event.as.answer.gave.at[0].caches = 65535;
		memset(event.as.answer.gave.at[0].cache, 0xff, MS_NAME_BYTES - 1);
		memset(event.as.answer.stuck, 0xff, MS_NAME_BYTES - 1);
		take(event);
	}
	settle(0, true);
	assert_int_equal(bed.count, 2);
	assert_false(bed.cut);
}

static void a_whole_round(bool settled)
{
	static const struct gave gave[] = {{"a", 3, false, 1}, {NULL}};

	ask(42, 3, MS_LEVEL_TRIM, MS_WHY_ABOVE_HIGH);
	turn();
	answer(42, MS_ANSWER_DONE, 1, gave);
	pass(100);
	if (settled)
		settle(2, true);
}

static unsigned count_lines_with(const char *text)
{
	unsigned count = 0;

	for (unsigned i = 0; i < bed.count; i++)
		count += strstr(bed.lines[i], text) != NULL;
	return count;
}

/* Ten rounds a second for minutes: a screenful, then a line a minute. */
static void many_rounds_are_summed_up(void **state)
{
	unsigned first;

	(void)state;
	for (unsigned i = 0; i < 10 * 120; i++)
		a_whole_round(true);
	first = bed.count;
	assert_in_range(first, 32, 34);
	assert_int_equal(count_lines_with("one a minute sums them up"), 1);
	for (unsigned i = 0; i < 10 * 60; i++)
		a_whole_round(true);
	assert_int_equal(bed.count, first + 1);
	assert_non_null(strstr(bed.lines[first], "0 rounds in the last 1m"));
	assert_non_null(
		strstr(bed.lines[first], ": claimed 1.76G, 1.17G came back; between 190M and 190M of 200M"));
}

static void after_a_calm_minute_all_is_told_again(void **state)
{
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		a_whole_round(true);
	for (unsigned i = 0; i < 180; i++) {
		pass(1000);
		turn();
	}
	before = bed.count;
	a_whole_round(true);
	assert_int_equal(bed.count, before + 2);
}

static void other_news_is_told_once_a_minute(void **state)
{
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		a_whole_round(true);
	before = bed.count;
	for (unsigned i = 0; i < 10; i++)
		take(event_of(MS_EVENT_STOPPED));
	assert_int_equal(bed.count, before + 1);
	bed.sample.limit.used_bytes = 170 * MIB;
	turn();
	pass(60000);
	turn();
	assert_int_equal(bed.count, before + 2);
	assert_non_null(
		strstr(bed.lines[before + 1], "; between 170M and 190M of 200M; 9 other lines left out"));
	take(event_of(MS_EVENT_STOPPED));
	assert_int_equal(bed.count, before + 3);
}

static void the_end_tells_all_that_is_due(void **state)
{
	unsigned before;

	(void)state;
	a_whole_round(false);
	take(event_of(MS_EVENT_RETURNED));
	take(event_of(MS_EVENT_END));
	assert_int_equal(bed.count, 3);
	for (unsigned i = 0; i < 100; i++)
		a_whole_round(true);
	before = bed.count;
	take(event_of(MS_EVENT_END));
	assert_int_equal(bed.count, before + 2);
	assert_non_null(strstr(bed.lines[before], " rounds in the last "));
	assert_non_null(strstr(bed.lines[before + 1], " ended after "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_short_run_has_four_lines, set_up),
		cmocka_unit_test_setup(a_run_that_is_never_short_has_one_line, set_up),
		cmocka_unit_test_setup(a_limit_that_was_not_asked_for_is_said_at_once, set_up),
		cmocka_unit_test_setup(with_a_journal_little_is_said, set_up),
		cmocka_unit_test_setup(a_round_that_is_not_enough_is_told_at_once, set_up),
		cmocka_unit_test_setup(a_shortage_that_ends_by_itself_is_a_line, set_up),
		cmocka_unit_test_setup(a_shortage_that_is_back_is_not_called_over, set_up),
		cmocka_unit_test_setup(a_job_that_ends_is_not_over_its_shortage, set_up),
		cmocka_unit_test_setup(what_is_done_when_nothing_is_left, set_up),
		cmocka_unit_test_setup(a_warning_tells_of_its_pause, set_up),
		cmocka_unit_test_setup(what_did_not_come_back_is_seen, set_up),
		cmocka_unit_test_setup(several_processes_are_told_apart, set_up),
		cmocka_unit_test_setup(names_stay_on_their_line, set_up),
		cmocka_unit_test_setup(a_group_is_named_once, set_up),
		cmocka_unit_test_setup(the_longest_lines_fit, set_up),
		cmocka_unit_test_setup(many_rounds_are_summed_up, set_up),
		cmocka_unit_test_setup(after_a_calm_minute_all_is_told_again, set_up),
		cmocka_unit_test_setup(other_news_is_told_once_a_minute, set_up),
		cmocka_unit_test_setup(the_end_tells_all_that_is_due, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

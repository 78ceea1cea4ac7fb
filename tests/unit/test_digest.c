/* SPDX-License-Identifier: MIT */
/* The lines that people read: two a round, what did not go well by name, and one a minute in a storm. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "event/digest.h"
#include "event/journal.h"
#include "util/clock.h"

#define MIB (UINT64_C(1) << 20)

enum { LINES = 2000 };

/* What was written, and what the events point to. */
static struct {
	struct ms_digest digest;
	struct ms_sample sample;
	struct ms_marks marks;
	struct ms_summary summary;
	uint64_t now_ns;
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

static int set_up(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.now_ns = UINT64_C(12345678901);
	bed.sample.rss_bytes = 190 * MIB;
	bed.sample.limit =
		(struct ms_limit){.source = MS_LIMIT_OPTION, .max_bytes = 200 * MIB, .used_bytes = 190 * MIB};
	bed.marks = (struct ms_marks){.max_bytes = 200 * MIB,
				      .high_bytes = 180 * MIB,
				      .low_bytes = 160 * MIB,
				      .danger_bytes = 190 * MIB};
	ms_digest_init(&bed.digest, keep, NULL, bed.buffer, sizeof(bed.buffer));
	return 0;
}

static struct ms_event event_of(enum ms_event_kind kind)
{
	return (struct ms_event){.kind = kind,
				 .since_start_ns = bed.now_ns,
				 .sample = &bed.sample,
				 .marks = &bed.marks,
				 .summary = &bed.summary,
				 .pid = 42,
				 .comm = "job",
				 .row = 7};
}

static void pass(uint64_t ms)
{
	bed.now_ns += ms * MS_NS_PER_MS;
}

static void take(const struct ms_event *event)
{
	ms_digest_take(&bed.digest, event);
}

static void turn(void)
{
	struct ms_event now = event_of(MS_EVENT_START);

	if (ms_digest_wants_turn(&bed.digest))
		ms_digest_turn(&bed.digest, &now);
}

static struct ms_event order_of(const char *cache, uint64_t target_mib, uint64_t cache_mib, uint32_t left)
{
	struct ms_event event = event_of(MS_EVENT_ORDER);

	event.cache = cache;
	event.why = MS_WHY_ABOVE_HIGH;
	event.level = MS_LEVEL_TRIM;
	event.target_bytes = target_mib * MIB;
	event.cache_bytes = cache_mib * MIB;
	event.orders_left = left;
	return event;
}

static void ask(const char *cache, uint64_t target_mib, uint64_t cache_mib, uint32_t left)
{
	struct ms_event event = order_of(cache, target_mib, cache_mib, left);

	take(&event);
}

static void answer(const char *cache, uint32_t status, uint64_t claimed_mib)
{
	struct ms_event event = event_of(MS_EVENT_ANSWER);

	event.cache = cache;
	event.status = status;
	event.claimed_bytes = claimed_mib * MIB;
	event.duration_ns = 4200000;
	take(&event);
}

static void settle(uint64_t returned_mib, bool recovered)
{
	struct ms_event returned = event_of(MS_EVENT_RETURNED), over = event_of(MS_EVENT_RECOVERED);

	returned.returned_bytes = returned_mib * MIB;
	take(&returned);
	over.duration_ns = 300000000;
	if (recovered)
		take(&over);
	turn();
}

static void assert_line(unsigned i, const char *text)
{
	assert_true(i < bed.count);
	assert_string_equal(bed.lines[i], text);
}

static void a_round_is_two_lines(void **state)
{
	(void)state;
	ask("words", 3, 8, 1);
	assert_int_equal(bed.count, 0); /* until all orders are known */
	ask("blocks", 30, 90, 0);
	assert_line(0, "memshed: +12.345s 190M of 200M, above high 180M: asking job (pid 42) for 33M:"
		       " blocks 30M of 90M, words 3M of 8M");
	pass(40);
	answer("words", MS_ANSWER_DONE, 3);
	pass(12);
	answer("blocks", MS_ANSWER_PARTIAL, 31);
	assert_int_equal(bed.count, 1);
	pass(200);
	bed.sample.limit.used_bytes = 150 * MIB;
	settle(29, true);
	assert_line(1, "memshed: +12.597s job (pid 42) claims 34M in 52ms, 29M came back, 5M did not; now 150M of 200M,"
		       " the shortage is over after 300ms");
	assert_int_equal(bed.count, 2);
}

static void a_round_that_is_not_enough_is_told_at_once(void **state)
{
	struct ms_event next;

	(void)state;
	ask("a", 3, 8, 0);
	answer("a", MS_ANSWER_DONE, 3);
	settle(4, false);
	assert_line(1, "memshed: +12.345s job (pid 42) claims 3M, 4M came back; now 190M of 200M");
	ask("a", 3, 8, 0);
	answer("a", MS_ANSWER_DONE, 3);
	next = event_of(MS_EVENT_RETURNED);
	take(&next);
	next = order_of("a", 0, 8, 0);
	next.why = MS_WHY_ESCALATED;
	take(&next); /* in the same look */
	assert_line(3, "memshed: +12.345s job (pid 42) claims 3M, nothing came back; now 190M of 200M");
	assert_line(4, "memshed: +12.345s 190M of 200M, the last round did not bring enough: asking job (pid 42) for 8M:"
		       " a all 8M");
	assert_int_equal(bed.count, 5);
}

static void a_shortage_that_ends_by_itself_is_a_line(void **state)
{
	struct ms_event over = event_of(MS_EVENT_RECOVERED);

	(void)state;
	take(&over);
	assert_line(0, "memshed: +12.345s 190M of 200M, the shortage is over after 0us");
}

static void a_shortage_that_is_back_is_not_called_over(void **state)
{
	(void)state;
	ask("a", 3, 8, 0);
	answer("a", MS_ANSWER_DONE, 3);
	settle(3, true); /* 190M, and high is 180M */
	assert_line(1, "memshed: +12.345s job (pid 42) claims 3M, 3M came back; the shortage was over after 300ms,"
		       " now again 190M of 200M");
}

static void a_command_that_ends_is_not_over_its_shortage(void **state)
{
	struct ms_event over = event_of(MS_EVENT_RECOVERED);

	(void)state;
	ask("a", 3, 8, 0);
	answer("a", MS_ANSWER_GONE, 0);
	bed.sample.rss_bytes = 0;
	settle(0, true);
	assert_line(1, "memshed: +12.345s nothing claimed; a gone; the command has ended");
	take(&over);
	assert_int_equal(bed.count, 2);
}

static void a_warning_tells_of_its_pause(void **state)
{
	struct ms_event event = event_of(MS_EVENT_WARN);

	(void)state;
	event.why = MS_WHY_DOES_NOT_HELP;
	event.pause_ns = 5 * MS_NS_PER_S;
	take(&event);
	assert_line(0, "memshed: +12.345s 190M of 200M, caches were shrunk again and again, and the memory did not come"
		       " back; next try in 5s");
	event.kind = MS_EVENT_WAIT;
	event.why = MS_WHY_BACK_OFF;
	take(&event);
	assert_int_equal(bed.count, 1);
	ask("a", 3, 8, 0);
	take(&event);
	assert_line(2, "memshed: +12.345s 190M of 200M, shrinking does not help; next try in 5s");
}

static void estimates_are_marked(void **state)
{
	struct ms_event event = order_of("a", 3, 8, 1);

	(void)state;
	event.estimated = true;
	take(&event);
	event = order_of("b", 2, 2, 0);
	event.estimated = true;
	take(&event);
	assert_non_null(strstr(bed.lines[0], "for ~5M: a 3M of ~8M, b all ~2M"));
	event = event_of(MS_EVENT_ANSWER);
	event.cache = "a";
	event.status = MS_ANSWER_DONE;
	event.claimed_bytes = 3 * MIB;
	event.estimated = true;
	take(&event);
	settle(1, false);
	assert_non_null(strstr(bed.lines[1], "claims ~3M, 1M came back, ~2M did not; 1 order not answered; now"));
}

static void what_did_not_go_well_is_named(void **state)
{
	(void)state;
	ask("a", 3, 8, 3);
	ask("b", 3, 8, 2);
	ask("c", 3, 8, 1);
	ask("d", 3, 8, 0);
	answer("a", MS_ANSWER_BUSY, 0);
	answer("b", MS_ANSWER_STUCK, 0);
	answer("c", MS_ANSWER_DONE, 0);
	answer("d", MS_ANSWER_GONE, 0);
	settle(0, false);
	assert_line(1, "memshed: +12.345s nothing claimed; a busy, b stuck after 4.2ms, d gone; now 190M of 200M");
}

static void only_the_largest_are_named(void **state)
{
	static const uint64_t mib[] = {1, 9, 2, 8, 3, 7, 0};
	char name[2] = "a";

	(void)state;
	for (unsigned i = 0; i < 7; i++, name[0]++)
		ask(name, 0, mib[i], 6 - i);
	assert_non_null(strstr(bed.lines[0], "for 30M: b all 9M, d all 8M, f all 7M, e all 3M, and 3 more, 3M"));
	name[0] = 'a';
	for (unsigned i = 0; i < 7; i++, name[0]++)
		answer(name, MS_ANSWER_BUSY, 0);
	settle(0, false);
	assert_non_null(strstr(bed.lines[1], "; a busy, b busy, c busy, d busy, and 3 more; now"));
}

static void several_processes_are_grouped(void **state)
{
	struct ms_event event = order_of("a", 3, 8, 2);

	(void)state;
	take(&event);
	event = order_of("b", 4, 8, 1);
	event.pid = 43;
	take(&event);
	event = order_of("c", 2, 8, 0);
	take(&event);
	assert_non_null(strstr(bed.lines[0], "asking 2 processes for 9M: job (pid 43): b 4M of 8M; job (pid 42): a 3M"
					     " of 8M, c 2M of 8M"));
	answer("a", MS_ANSWER_DONE, 3);
	answer("c", MS_ANSWER_BUSY, 0);
	answer("b", MS_ANSWER_DONE, 4);
	settle(7, false);
	assert_non_null(strstr(bed.lines[1], "2 processes claim 7M, 7M came back; job (pid 42): c busy; now"));
}

static void the_allocator_and_unknown_sizes_have_words(void **state)
{
	struct ms_event event = order_of("", 0, 50, 0);

	(void)state;
	event.row = MS_ALLOCATOR_ROW;
	take(&event);
	assert_non_null(strstr(bed.lines[0], "asking job (pid 42) for what the allocator holds free"));
	ask("a", 0, 0, 1);
	ask("b", 5, 0, 0);
	assert_non_null(strstr(bed.lines[1], "asking job (pid 42) for 5M: b 5M, a all"));
	ask("a", 0, 0, 1);
	event.orders_left = 0;
	take(&event);
	assert_non_null(strstr(bed.lines[2], "asking job (pid 42): a all, what the allocator holds free"));
}

static void names_stay_on_their_line(void **state)
{
	(void)state;
	ask("a\n\x1b[2J", 1, 2, 0);
	assert_non_null(strstr(bed.lines[0], ": a\\n\\x1b[2J 1M of 2M"));
}

/* The longest everything, each byte the kind that grows most. */
static void the_longest_line_fits(void **state)
{
	char name[MS_NAME_BYTES], comm[MS_COMM_BYTES];

	(void)state;
	memset(name, 0xff, sizeof(name) - 1);
	memset(comm, 0xff, sizeof(comm) - 1);
	name[sizeof(name) - 1] = comm[sizeof(comm) - 1] = '\0';
	for (unsigned i = 0; i < MS_DIGEST_PROCESSES; i++) {
		struct ms_event event = order_of(name, 1000, 2000, MS_DIGEST_PROCESSES - 1 - i);

		event.comm = comm;
		event.pid = 4000000 + (pid_t)i;
		take(&event);
	}
	assert_int_equal(bed.count, 1);
	assert_false(bed.cut);
}

static void a_whole_round(bool turn_after)
{
	ask("a", 3, 8, 0);
	answer("a", MS_ANSWER_DONE, 3);
	pass(100);
	if (turn_after)
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
static void a_storm_is_folded(void **state)
{
	unsigned first;

	(void)state;
	for (unsigned i = 0; i < 10 * 120; i++)
		a_whole_round(true);
	first = bed.count;
	assert_in_range(first, 32, 34);
	assert_int_equal(count_lines_with("--journal keeps every decision"), 1);
	for (unsigned i = 0; i < 10 * 60; i++)
		a_whole_round(true);
	assert_int_equal(bed.count, first + 1);
	assert_non_null(strstr(bed.lines[first], "0 rounds in the last 1m"));
	assert_non_null(strstr(bed.lines[first], ": claimed 1.76G, 1.17G came back; between 190M and 190M, now 190M of"));
}

static void a_storm_ends(void **state)
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

static void a_storm_keeps_other_news(void **state)
{
	struct ms_event stopped;
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		a_whole_round(true);
	before = bed.count;
	for (unsigned i = 0; i < 10; i++) {
		stopped = event_of(MS_EVENT_STOPPED);
		take(&stopped);
	}
	ask("b", 1, 2, 0);
	answer("b", MS_ANSWER_STUCK, 0);
	settle(0, false);
	assert_int_equal(bed.count, before + 1); /* once, and counted */
	bed.sample.limit.used_bytes = 170 * MIB;
	turn();
	pass(60000);
	turn();
	assert_int_equal(bed.count, before + 2);
	assert_non_null(strstr(bed.lines[before + 1], "; 1 stuck; 9 other lines left out; between 170M and 190M"));
}

static void the_end_tells_all_that_is_due(void **state)
{
	struct ms_event end;
	unsigned before;

	(void)state;
	a_whole_round(false);
	end = event_of(MS_EVENT_RETURNED);
	take(&end);
	end = event_of(MS_EVENT_END);
	take(&end);
	assert_int_equal(bed.count, 3);
	for (unsigned i = 0; i < 100; i++)
		a_whole_round(true);
	before = bed.count;
	end = event_of(MS_EVENT_END);
	take(&end);
	assert_int_equal(bed.count, before + 2);
	assert_non_null(strstr(bed.lines[before], " rounds in the last "));
	assert_non_null(strstr(bed.lines[before + 1], " ended after "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_round_is_two_lines, set_up),
		cmocka_unit_test_setup(a_round_that_is_not_enough_is_told_at_once, set_up),
		cmocka_unit_test_setup(a_shortage_that_ends_by_itself_is_a_line, set_up),
		cmocka_unit_test_setup(a_shortage_that_is_back_is_not_called_over, set_up),
		cmocka_unit_test_setup(a_command_that_ends_is_not_over_its_shortage, set_up),
		cmocka_unit_test_setup(a_warning_tells_of_its_pause, set_up),
		cmocka_unit_test_setup(estimates_are_marked, set_up),
		cmocka_unit_test_setup(what_did_not_go_well_is_named, set_up),
		cmocka_unit_test_setup(only_the_largest_are_named, set_up),
		cmocka_unit_test_setup(several_processes_are_grouped, set_up),
		cmocka_unit_test_setup(the_allocator_and_unknown_sizes_have_words, set_up),
		cmocka_unit_test_setup(names_stay_on_their_line, set_up),
		cmocka_unit_test_setup(the_longest_line_fits, set_up),
		cmocka_unit_test_setup(a_storm_is_folded, set_up),
		cmocka_unit_test_setup(a_storm_ends, set_up),
		cmocka_unit_test_setup(a_storm_keeps_other_news, set_up),
		cmocka_unit_test_setup(the_end_tells_all_that_is_due, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

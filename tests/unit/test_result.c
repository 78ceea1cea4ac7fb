/* SPDX-License-Identifier: MIT */
/* What the orders of a plan brought together. */
#include "watch_bed.h"

static void answer_all(void)
{
	post_all();
	ms_result_begin(&watch, now);
	answer_order(CHILD, MS_ANSWER_DONE, 100 * MIB);
	answer_order(SELF, MS_ANSWER_DONE, 100 * MIB);
	collect(MS(10));
	assert_said("order order answer:done answer:done");
}

static void read_memory(uint32_t processes, uint64_t rss_bytes)
{
	watch.reading.sample.processes = processes;
	watch.reading.sample.rss_bytes = rss_bytes;
	ms_result_settle(&watch, now, false);
}

static void a_round_ends_when_the_reading_has_settled(void **state)
{
	(void)state;
	answer_all();
	read_memory(MEMBERS, 850 * MIB);
	now += watch.config.hold_off_ns - 1;
	read_memory(MEMBERS, 800 * MIB);
	assert_said("");
	assert_true(watch.result.measuring);
	now++;
	read_memory(MEMBERS, 810 * MIB); /* it grows again: what came back is the least that was seen */
	assert_said("returned:150");
	assert_false(watch.result.measuring);
	assert_int_equal(watch.summary.returned_bytes, 150 * MIB);
	read_memory(MEMBERS, 700 * MIB);
	assert_said("");
	assert_int_equal(watch.result.sums.returned_bytes, 150 * MIB);
}

static void a_round_waits_for_all_answers(void **state)
{
	(void)state;
	post_all();
	ms_result_begin(&watch, now);
	answer_order(CHILD, MS_ANSWER_DONE, 100 * MIB);
	collect(MS(10));
	now += SECONDS(60);
	read_memory(MEMBERS, 850 * MIB);
	assert_said("order order answer:done");
	assert_true(watch.result.measuring);
	ms_result_settle(&watch, now, true);
	assert_said("returned:100");
}

static void what_an_ended_process_leaves_was_not_given_back(void **state)
{
	(void)state;
	answer_all();
	read_memory(MEMBERS, 900 * MIB);
	read_memory(MEMBERS - 1, 400 * MIB);
	read_memory(MEMBERS, 0);
	ms_result_settle(&watch, now, true);
	assert_said("returned:50");
}

static void the_next_plan_ends_the_round(void **state)
{
	(void)state;
	answer_all();
	read_memory(MEMBERS, 930 * MIB);
	now += MS(1);
	watch.plan.count = 0;
	ms_result_begin(&watch, now);
	assert_said("returned:20");
	assert_true(watch.result.measuring);
	assert_int_equal(watch.result.sums.began_ns, now);
	assert_int_equal(watch.result.sums.claimed_bytes, 0);
	assert_int_equal(watch.result.rss_before_bytes, 930 * MIB);
	assert_int_equal(watch.summary.rounds, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WATCH(a_round_ends_when_the_reading_has_settled),
		WITH_WATCH(a_round_waits_for_all_answers),
		WITH_WATCH(what_an_ended_process_leaves_was_not_given_back),
		WITH_WATCH(the_next_plan_ends_the_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

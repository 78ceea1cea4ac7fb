/* SPDX-License-Identifier: MIT */
/* A process that does not answer its order: stopped, silent, or it executes another program by now. */
#include "watch_bed.h"

static void stop_child(int signal, int flag)
{
	siginfo_t info;

	assert_int_equal(kill(watch.members.at[CHILD].pid, signal), 0);
	assert_int_equal(waitid(P_PID, (id_t)watch.members.at[CHILD].pid, &info, flag), 0);
}

static void a_stopped_process_is_not_waited_for(void **state)
{
	struct ms_order taken;

	(void)state;
	stop_child(SIGSTOP, WSTOPPED);
	post_all();
	take_order(SELF, &taken);
	collect(MS(499));
	assert_said("");
	collect(MS(100));
	assert_said("stopped");
	assert_true(watch.members.at[CHILD].stopped);
	assert_false(has_order(CHILD));
	assert_int_equal(watch.orders.open, 1);
	collect(MS(100));
	assert_said("");
	stop_child(SIGCONT, WCONTINUED);
	collect(MS(99));
	assert_said("");
	collect(MS(1));
	assert_said("resumed");
	assert_false(watch.members.at[CHILD].stopped);
	collect(MS(100));
	assert_said("");
}

static void a_continued_process_is_seen_at_once_when_there_is_reason(void **state)
{
	(void)state;
	watch.members.at[CHILD].stopped = true;
	ms_silence_resume(&watch, now);
	assert_said("resumed");
	watch.members.at[CHILD].stopped = true;
	ms_silence_resume(&watch, now);
	assert_said("");
	ms_silence_check_soon(&watch);
	ms_silence_resume(&watch, now);
	assert_said("resumed");
}

static void a_silent_agent_is_said_once(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(CHILD, &taken);
	collect(MS(499));
	assert_said("");
	collect(MS(100));
	assert_said("silent");
	collect(MS(100));
	assert_said("");
	assert_int_equal(watch.orders.open, 2);
	take_order(SELF, &taken); /* it has come round to it, and may become silent again */
	collect(MS(100));
	assert_false(watch.members.at[SELF].said_silent);
}

static void what_executes_another_program_is_forgotten(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(SELF, &taken);
	collect(MS(499));
	collect(MS(100));
	assert_said("answer:gone");
	assert_false(watch.members.at[CHILD].has_table);
	assert_int_equal(watch.orders.open, 1);
	assert_int_equal(watch.members.at[CHILD].order.state, MS_POST_IDLE);
}

static void above_danger_nothing_is_opened(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(SELF, &taken);
	watch.reading.sample.limit.used_bytes = watch.reading.marks.danger_bytes;
	collect(MS(499));
	collect(MS(100));
	assert_said("silent");
	assert_true(watch.members.at[CHILD].has_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WATCH(a_stopped_process_is_not_waited_for),
		WITH_WATCH(a_continued_process_is_seen_at_once_when_there_is_reason),
		WITH_WATCH(a_silent_agent_is_said_once),
		WITH_WATCH(what_executes_another_program_is_forgotten),
		WITH_WATCH(above_danger_nothing_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

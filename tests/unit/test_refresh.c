/* SPDX-License-Identifier: MIT */
/* Which processes are asked to count their caches before they are shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cmd/refresh.h"

static struct ms_snapshot snapshot;

static int set_up(void **state)
{
	(void)state;
	snapshot = (struct ms_snapshot){
		.facts.state = 'S',
		.info.agent_state = MS_AGENT_IDLE,
		.budget = {.limit = {.source = MS_LIMIT_OPTION, .max_bytes = 100, .used_bytes = 90},
			   .high_bytes = 90, .low_bytes = 80},
	};
	return 0;
}

static void expect_not(bool can_post, enum ms_counted why)
{
	enum ms_counted why_not = MS_COUNTED_NOW;

	assert_false(ms_refresh_may(&snapshot, can_post, &why_not));
	assert_int_equal(why_not, why);
	assert_non_null(ms_snapshot_counted_name(why_not));
	assert_non_null(ms_snapshot_counted_words(why_not));
}

static void expect_may(void)
{
	enum ms_counted why_not = MS_COUNTED_NOW;

	assert_true(ms_refresh_may(&snapshot, true, &why_not));
	assert_null(ms_snapshot_counted_name(why_not));
}

static void the_idle_are_asked(void **state)
{
	(void)state;
	expect_may();
	snapshot.facts.state = 'R';
	expect_may();
	snapshot.watched = true;
	snapshot.watch.phase = MS_STATE_CALM;
	expect_may();
}

static void those_that_cannot_answer_are_not(void **state)
{
	(void)state;
	expect_not(false, MS_COUNTED_READ_ONLY);
	for (uint32_t agent = MS_AGENT_NONE; agent <= MS_AGENT_LAZY + 1; agent++) {
		snapshot.info.agent_state = agent;
		if (agent != MS_AGENT_IDLE)
			expect_not(true, MS_COUNTED_AGENT_BUSY);
	}
	snapshot.facts.state = 'T';
	expect_not(false, MS_COUNTED_STOPPED);
	snapshot.facts.state = 't';
	expect_not(true, MS_COUNTED_STOPPED);
}

static void those_near_their_limit_are_not(void **state)
{
	(void)state;
	snapshot.budget.limit.used_bytes = 91;
	expect_not(true, MS_COUNTED_NEAR_LIMIT);
	snapshot.budget.limit.source = MS_LIMIT_NONE; /* then the figures say nothing */
	expect_may();
	snapshot.watched = true;
	for (uint32_t phase = MS_STATE_ORDERED; phase <= MS_STATE_WARNED; phase++) {
		snapshot.watch.phase = phase;
		expect_not(true, MS_COUNTED_NEAR_LIMIT);
	}
	snapshot.watched = false; /* zeroes else, but a watch that went must not count */
	expect_may();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_idle_are_asked, set_up),
		cmocka_unit_test_setup(those_that_cannot_answer_are_not, set_up),
		cmocka_unit_test_setup(those_near_their_limit_are_not, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

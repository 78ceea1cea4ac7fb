/* SPDX-License-Identifier: MIT */
/* When caches are counted before a shortage, and which. */
#include "watch_bed.h"

static void count_after(uint64_t after_ns, bool expected)
{
	now += after_ns;
	ms_precount_turn(&watch, now);
	struct ms_order taken;
	struct ms_order_handle handle;
	bool asked = ms_control_take(&agents[SELF], now, &taken, &handle) == 1;

	assert_int_equal(asked, expected);
	if (!asked)
		return;
	assert_int_equal(taken.level, MS_LEVEL_COUNT);
	ms_control_answer(&agents[SELF], &handle, &answer);
	ms_precount_turn(&watch, now);
	assert_int_equal(watch.members.at[SELF].count.state, MS_POST_IDLE);
}

static void caches_are_counted_above_low(void **state)
{
	(void)state;
	watch.reading.sample.limit.used_bytes = watch.reading.marks.low_bytes - 1;
	count_after(0, false);
	watch.reading.sample.limit.used_bytes = watch.reading.marks.low_bytes;
	count_after(0, true);
	count_after(MS(499), false);
	count_after(MS(1), true);
	assert_int_equal(watch.orders.open, 0);
	assert_said("");
}

/* 200 MiB are left. */
static void they_are_counted_more_often_as_it_grows_faster(void **state)
{
	(void)state;
	watch.reading.sample.limit.used_bytes = 800 * MIB;
	watch.reading.sample.growth_bytes_per_s = 250 * MIB;
	count_after(0, true);
	count_after(MS(199), false);
	count_after(MS(1), true);
	watch.reading.sample.growth_bytes_per_s = 100000 * MIB;
	count_after(MS(49), false);
	count_after(MS(1), true);
}

static void nothing_is_counted_while_orders_are_out(void **state)
{
	struct ms_order taken;

	(void)state;
	post_all();
	take_order(SELF, &taken);
	count_after(0, false);
}

static void only_those_that_answer_are_counted(void **state)
{
	(void)state;
	watch.members.at[SELF].stopped = true;
	count_after(0, false);
	assert_true(has_order(CHILD));
}

/* A count that is under way neither stands in the way of orders nor outlives the table. */
static void a_count_ends_with_its_table(void **state)
{
	struct ms_member *member = &watch.members.at[SELF];

	(void)state;
	ms_precount_turn(&watch, now);
	assert_true(ms_post_is_open(&member->count));
	assert_int_equal(ms_members_adopt(&watch.members, SELF, dup(table.fd), dup(agents[SELF].fd)), 0);
	assert_false(has_order(SELF));
	member->reader.info.agent_state = MS_AGENT_IDLE;
	count_after(SECONDS(1), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WATCH(caches_are_counted_above_low),
		WITH_WATCH(they_are_counted_more_often_as_it_grows_faster),
		WITH_WATCH(nothing_is_counted_while_orders_are_out),
		WITH_WATCH(only_those_that_answer_are_counted),
		WITH_WATCH(a_count_ends_with_its_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

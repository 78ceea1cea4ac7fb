/* SPDX-License-Identifier: MIT */
/* What processes did by themselves is told: at once the first time, then once a minute, and not when memory is short. */
#include "watch_bed.h"

static void tell(uint64_t after_ns)
{
	now += after_ns;
	ms_watch_own_tell(&watch, now);
}

/* Far below high. Both processes show the same table, and each is told. */
static int make_calm(void **state)
{
	if (make_watch(state) != 0)
		return -1;
	watch.reading.sample.limit.used_bytes = 500 * MIB;
	return 0;
}

static void rounds_are_told_once_a_minute(void **state)
{
	(void)state;
	tell(0);
	assert_said("");
	table.header->own_rounds = 3;
	tell(MS(999)); /* it has looked less than a second ago */
	assert_said("");
	tell(MS(1));
	assert_said("own:3 own:3");
	table.header->own_rounds = 4;
	tell(SECONDS(59));
	assert_said("");
	table.header->own_rounds = 10;
	tell(SECONDS(1));
	assert_said("own:7 own:7");
	tell(SECONDS(600)); /* nothing new */
	assert_said("");
	table.header->own_rounds = 11;
	tell(SECONDS(1));
	assert_said("own:1 own:1");
}

static void nothing_is_told_where_memory_is_short(void **state)
{
	(void)state;
	table.header->own_rounds = 3;
	watch.reading.sample.limit.used_bytes = watch.reading.marks.danger_bytes;
	tell(SECONDS(1));
	assert_said("");
	watch.reading.sample.limit.used_bytes--;
	tell(0);
	assert_said("own:3 own:3");
}

static void counts_that_make_no_sense_are_not_told(void **state)
{
	(void)state;
	table.header->own_rounds = UINT64_MAX;
	tell(SECONDS(1));
	assert_true(strncmp(said(), "own:", 4) == 0);
	table.header->own_rounds = 5;
	tell(SECONDS(60));
	assert_said("");
}

#define WITH_CALM(test) cmocka_unit_test_setup_teardown(test, make_calm, end_watch)

/* Between high and the brake mark is where they keep it: no watch looks each millisecond for that. */
static void what_is_left_to_processes_keeps_no_watch_awake(void **state)
{
	struct ms_reading *reading = &watch.reading;

	(void)state;
	reading->edge.usage_fd = -1;
	reading->looks = true;
	reading->next_scan_ns = now + SECONDS(1);
	reading->sample.limit.used_bytes = 901 * MIB; /* high is 900, the brake mark 912 of 1000 */
	reading->marks = ms_policy_marks_of(&watch.config, &reading->sample.limit, 0);
	ms_policy_leave_to_processes(&watch.config, &reading->marks);
	ms_pace_init(&reading->pace, MIB);
	assert_in_range(ms_reading_next_ns(reading, &watch.config, now) - now, MS(500), SECONDS(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CALM(rounds_are_told_once_a_minute),
		WITH_CALM(nothing_is_told_where_memory_is_short),
		WITH_CALM(counts_that_make_no_sense_are_not_told),
		WITH_CALM(what_is_left_to_processes_keeps_no_watch_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Growth, sleep and margin from made-up readings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample/pace.h"

static const uint64_t MB = 1000000;
static const uint64_t GB = 1000000000;

/* Feed a steady rate; Return: what is used in the end. */
static uint64_t grow(struct ms_pace *pace, uint64_t *now_ns, uint64_t used, uint64_t bytes_per_s,
		     uint64_t step_ns, uint64_t for_ns)
{
	for (uint64_t t = 0; t < for_ns; t += step_ns) {
		*now_ns += step_ns;
		used += bytes_per_s / 1000 * step_ns / MS_NS_PER_MS;
		ms_pace_update(pace, used, *now_ns);
	}
	return used;
}

static void a_steady_rate_is_found_at_any_pace(void **state)
{
	(void)state;
	static const uint64_t STEPS[] = {MS_NS_PER_MS, 10 * MS_NS_PER_MS, 100 * MS_NS_PER_MS, MS_NS_PER_S};

	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		struct ms_pace pace;
		uint64_t now_ns = 5;

		ms_pace_init(&pace, 0);
		ms_pace_update(&pace, GB, now_ns);
		assert_int_equal(ms_pace_growth(&pace), 0);
		grow(&pace, &now_ns, GB, 100 * MB, STEPS[i], 10 * MS_NS_PER_S);
		assert_in_range(ms_pace_growth(&pace), 95 * MB, 101 * MB);
		/* At rest it fades. */
		grow(&pace, &now_ns, pace.level_bytes, 0, STEPS[i], 10 * MS_NS_PER_S);
		assert_true(ms_pace_growth(&pace) < MB);
	}
}

static void a_single_step_is_no_rate(void **state)
{
	(void)state;
	struct ms_pace pace;
	uint64_t now_ns = 0;

	ms_pace_init(&pace, 0);
	uint64_t used = grow(&pace, &now_ns, GB, 0, MS_NS_PER_MS, MS_NS_PER_S);

	now_ns += MS_NS_PER_MS;
	used += 100 * MB; /* within a millisecond: 100 GB/s if it were a rate */
	assert_true(ms_pace_update(&pace, used, now_ns) <= 100 * MB);
	grow(&pace, &now_ns, used, 0, MS_NS_PER_MS, 3 * MS_NS_PER_S);
	assert_true(ms_pace_growth(&pace) < 6 * MB);
}

/* A fork counts the parent's pages a second time: 5 GB in a millisecond are not 5 TB/s. */
static void a_jump_of_the_count_is_no_rate(void **state)
{
	(void)state;
	const struct ms_pace_latency latency = {0};
	struct ms_pace pace;
	uint64_t now_ns = 0;

	ms_pace_init(&pace, 0);
	uint64_t used = grow(&pace, &now_ns, 5 * GB, 0, MS_NS_PER_MS, MS_NS_PER_S);
	uint64_t margin = ms_pace_margin(&pace, &latency);

	ms_pace_update(&pace, used + 5 * GB, now_ns + MS_NS_PER_MS);
	assert_true(ms_pace_speed(&pace) < GB);
	assert_int_equal(ms_pace_margin(&pace, &latency), margin);
}

static void a_fall_is_no_growth_and_hides_none(void **state)
{
	(void)state;
	struct ms_pace pace;
	uint64_t now_ns = 0;

	ms_pace_init(&pace, 0);
	uint64_t used = grow(&pace, &now_ns, GB, 100 * MB, 10 * MS_NS_PER_MS, 5 * MS_NS_PER_S);
	uint64_t growth = ms_pace_growth(&pace);

	/* A shrink takes half of it at once; it comes back at the same rate. */
	now_ns += MS_NS_PER_MS;
	assert_true(ms_pace_update(&pace, used / 2, now_ns) <= growth);
	grow(&pace, &now_ns, used / 2, 100 * MB, 10 * MS_NS_PER_MS, 5 * MS_NS_PER_S);
	assert_in_range(ms_pace_growth(&pace), 95 * MB, 101 * MB);
}

static void small_ups_and_downs_are_noise(void **state)
{
	(void)state;
	struct ms_pace pace;
	uint64_t now_ns = 0;

	ms_pace_init(&pace, 0);
	for (int i = 0; i < 5000; i++)
		ms_pace_update(&pace, GB + (i % 2) * (MS_PACE_NOISE_BYTES / 2), now_ns += MS_NS_PER_MS);
	assert_true(ms_pace_growth(&pace) < MB);
}

static void a_clock_that_stands_still_changes_nothing(void **state)
{
	(void)state;
	struct ms_pace pace;

	ms_pace_init(&pace, 0);
	ms_pace_update(&pace, GB, 100);
	assert_int_equal(ms_pace_update(&pace, 2 * GB, 100), 0);
	assert_int_equal(ms_pace_update(&pace, 2 * GB, 50), 0);
	assert_true(ms_pace_update(&pace, 2 * GB, 100 + MS_NS_PER_S) > 0);
}

static void another_limit_is_no_growth(void **state)
{
	(void)state;
	struct ms_pace pace;

	ms_pace_init(&pace, 0);
	ms_pace_update(&pace, GB, MS_NS_PER_S);
	ms_pace_restart(&pace, 5 * GB, 2 * MS_NS_PER_S);
	assert_int_equal(ms_pace_update(&pace, 5 * GB, 3 * MS_NS_PER_S), 0);
}

static void sleep_keeps_its_bounds(void **state)
{
	(void)state;
	struct ms_pace pace;

	ms_pace_init(&pace, 0);
	assert_int_equal(ms_pace_sleep(&pace, 0), MS_PACE_MIN_NS);
	assert_int_equal(ms_pace_sleep(&pace, UINT64_MAX), MS_PACE_MAX_NS);
	assert_int_equal(ms_pace_sleep(&pace, 12 * GB), MS_PACE_MAX_NS);
	/* 580 MB at 2.9 GB/s, half way. */
	assert_in_range(ms_pace_sleep(&pace, 580 * MB), 99 * MS_NS_PER_MS, 101 * MS_NS_PER_MS);
	uint64_t last = 0;

	for (uint64_t distance = 0; distance < 8 * GB; distance += 100 * MB) {
		uint64_t sleep = ms_pace_sleep(&pace, distance);

		assert_true(sleep >= last);
		last = sleep;
	}
	ms_pace_init(&pace, MS_PACE_HUGE_WRITER_BYTES_PER_S);
	assert_true(ms_pace_sleep(&pace, 580 * MB) < 30 * MS_NS_PER_MS);
}

/* Up to the floor's rate it is looked at before it reaches the mark, or within 1 ms of that. */
static void a_writer_as_fast_as_the_floor_is_seen_in_time(void **state)
{
	(void)state;
	for (uint64_t rate = 100 * MB; rate <= MS_PACE_WRITER_BYTES_PER_S; rate += 100 * MB) {
		struct ms_pace pace;
		uint64_t used = 0, now_ns = 1;
		const uint64_t mark = 10 * GB;

		ms_pace_init(&pace, 0);
		ms_pace_update(&pace, used, now_ns);
		while (used < mark) {
			uint64_t sleep = ms_pace_sleep(&pace, mark - used);

			now_ns += sleep;
			used += rate / 1000 * sleep / MS_NS_PER_MS;
			ms_pace_update(&pace, used, now_ns);
		}
		assert_true(used - mark <= rate / 1000);
	}
}

static void margin_grows_with_rate_and_latency(void **state)
{
	(void)state;
	struct ms_pace pace;
	struct ms_pace_latency latency = {0};

	ms_pace_init(&pace, 0);
	/* Nothing known: one look at one writer's speed. */
	assert_int_equal(ms_pace_margin(&pace, &latency), 2900000);
	latency = (struct ms_pace_latency){
		.wake_ns = 4 * MS_NS_PER_MS,
		.sample_ns = MS_NS_PER_MS / 2,
		.order_ns = MS_NS_PER_MS / 4,
		.callback_ns = MS_NS_PER_MS / 4,
	};
	assert_int_equal(ms_pace_margin(&pace, &latency), 6 * 2900000);
	/* A faster burst is remembered, and fades. */
	uint64_t now_ns = 1;

	ms_pace_update(&pace, 0, now_ns);
	uint64_t used = grow(&pace, &now_ns, 0, 20 * GB, MS_NS_PER_MS, MS_NS_PER_S);
	uint64_t burst = ms_pace_margin(&pace, &latency);

	assert_true(burst > 5 * 6 * 2900000);
	grow(&pace, &now_ns, used, 0, MS_NS_PER_S, 20 * MS_NS_PER_S);
	assert_true(ms_pace_margin(&pace, &latency) < burst);
	assert_true(ms_pace_margin(&pace, &latency) > burst / 4);
	grow(&pace, &now_ns, used, 0, MS_NS_PER_S, 300 * MS_NS_PER_S);
	assert_int_equal(ms_pace_margin(&pace, &latency), 6 * 2900000);
}

static void huge_figures_do_not_wrap(void **state)
{
	(void)state;
	struct ms_pace pace;
	const struct ms_pace_latency latency = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	ms_pace_init(&pace, UINT64_MAX);
	ms_pace_update(&pace, 0, 1);
	assert_true(ms_pace_update(&pace, UINT64_MAX, 2 + MS_NS_PER_S) > GB);
	assert_true(ms_pace_margin(&pace, &latency) == UINT64_MAX);
	assert_in_range(ms_pace_sleep(&pace, UINT64_MAX), MS_PACE_MIN_NS, MS_PACE_MAX_NS);
}

/* By time: a thousand looks in a second leave it as it was, and one after a minute does not. */
static void the_worst_fades_by_time_and_not_by_looks(void **state)
{
	(void)state;
	struct ms_pace_worst worst = {0};
	uint64_t now = MS_NS_PER_S;

	assert_int_equal(ms_pace_worst_ns(&worst, now), 0);
	ms_pace_worst_note(&worst, 10 * MS_NS_PER_MS, now);
	for (int i = 0; i < 1000; i++)
		ms_pace_worst_note(&worst, MS_NS_PER_MS, now += MS_NS_PER_MS);
	assert_in_range(ms_pace_worst_ns(&worst, now), 9 * MS_NS_PER_MS, 10 * MS_NS_PER_MS);
	assert_int_equal(ms_pace_worst_ns(&worst, now - MS_NS_PER_S + MS_PACE_PEAK_TAU_NS), 5 * MS_NS_PER_MS);
	now += 9 * MS_PACE_PEAK_TAU_NS;
	assert_true(ms_pace_worst_ns(&worst, now) < MS_NS_PER_MS);
	ms_pace_worst_note(&worst, MS_NS_PER_MS, now); /* a new worst begins anew */
	assert_int_equal(ms_pace_worst_ns(&worst, now), MS_NS_PER_MS);
	assert_int_equal(ms_pace_worst_ns(&worst, now - 1), MS_NS_PER_MS); /* nor does it grow backwards */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_rate_is_found_at_any_pace),
		cmocka_unit_test(a_single_step_is_no_rate),
		cmocka_unit_test(a_jump_of_the_count_is_no_rate),
		cmocka_unit_test(a_fall_is_no_growth_and_hides_none),
		cmocka_unit_test(small_ups_and_downs_are_noise),
		cmocka_unit_test(a_clock_that_stands_still_changes_nothing),
		cmocka_unit_test(another_limit_is_no_growth),
		cmocka_unit_test(sleep_keeps_its_bounds),
		cmocka_unit_test(a_writer_as_fast_as_the_floor_is_seen_in_time),
		cmocka_unit_test(margin_grows_with_rate_and_latency),
		cmocka_unit_test(huge_figures_do_not_wrap),
		cmocka_unit_test(the_worst_fades_by_time_and_not_by_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_policy_marks.c - high, low and danger, and what is said of marks that make no sense. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_bed.h"

static struct ms_mark bytes(uint64_t value)
{
	return (struct ms_mark){.unit = MS_MARK_BYTES, .value = value};
}

static struct ms_mark percent(uint64_t value)
{
	return (struct ms_mark){.unit = MS_MARK_PER_MILLE, .value = value * 10};
}

static struct ms_marks resolve(struct ms_mark high, struct ms_mark low, uint64_t max, uint64_t margin)
{
	struct ms_policy_config config = ms_policy_defaults();

	config.high = high;
	config.low = low;
	return ms_policy_marks(&config, max, margin);
}

static const struct ms_mark unset;

static void the_usual_marks_are_90_and_80_percent(void **state)
{
	struct ms_marks marks = resolve(unset, unset, 1000, 0);

	(void)state;
	assert_int_equal(marks.max_bytes, 1000);
	assert_int_equal(marks.high_bytes, 900);
	assert_int_equal(marks.low_bytes, 800);
	assert_int_equal(marks.danger_bytes, 988);
	assert_false(marks.lowered);
}

static void configured_marks_are_taken(void **state)
{
	struct ms_marks marks = resolve(bytes(700), percent(50), 1000, 0);

	(void)state;
	assert_int_equal(marks.high_bytes, 700);
	assert_int_equal(marks.low_bytes, 500);
	assert_false(marks.lowered);
}

static void unset_low_stays_below_a_lower_high(void **state)
{
	(void)state;
	assert_int_equal(resolve(percent(82), unset, 1000, 0).low_bytes, 770);
	assert_int_equal(resolve(percent(50), unset, 1000, 0).low_bytes, 450);
}

static void a_configured_gap_may_be_narrow(void **state)
{
	(void)state;
	assert_int_equal(resolve(percent(90), percent(88), 1000, 0).low_bytes, 880);
}

static void the_margin_lowers_high_and_says_so(void **state)
{
	struct ms_marks marks = resolve(unset, unset, 1000, 170);

	(void)state;
	assert_int_equal(marks.high_bytes, 830);
	assert_int_equal(marks.low_bytes, 780);
	assert_true(marks.lowered);

	marks = resolve(unset, unset, 1000, 100); /* just what high leaves anyway */
	assert_int_equal(marks.high_bytes, 900);
	assert_false(marks.lowered);
}

static void a_huge_margin_lowers_high_to_half(void **state)
{
	struct ms_marks marks = resolve(unset, unset, 1000, UINT64_MAX);

	(void)state;
	assert_int_equal(marks.high_bytes, 500);
	assert_int_equal(marks.low_bytes, 450);
	assert_int_equal(marks.danger_bytes, 750);
	assert_true(marks.lowered);

	marks = resolve(percent(30), unset, 1000, UINT64_MAX); /* configured lower still: stays */
	assert_int_equal(marks.high_bytes, 300);
	assert_false(marks.lowered);
}

static void danger_lies_within_the_margin_of_max(void **state)
{
	(void)state;
	assert_int_equal(resolve(unset, unset, 1000, 30).danger_bytes, 970);
	assert_int_equal(resolve(unset, unset, 1000, 80).danger_bytes, 950); /* not below the middle */
	assert_int_equal(resolve(bytes(1000), unset, 1000, 0).danger_bytes, 1000);
}

static struct ms_marks resolve_of(enum ms_limit_source source, struct ms_mark high, uint64_t max)
{
	struct ms_policy_config config = ms_policy_defaults();
	const struct ms_limit limit = {.source = source, .max_bytes = max};

	config.high = high;
	return ms_policy_marks_of(&config, &limit, 0);
}

/* At memory.high threads sleep with their allocator's locks held: it is never to be met. */
static void a_limit_that_throttles_wants_more_distance(void **state)
{
	struct ms_marks marks = resolve_of(MS_LIMIT_CGROUP2_HIGH, unset, 1000);

	(void)state;
	assert_int_equal(marks.high_bytes, 850);
	assert_int_equal(marks.low_bytes, 750);
	assert_int_equal(marks.danger_bytes, 925);
	assert_false(marks.lowered);
	assert_int_equal(resolve_of(MS_LIMIT_CGROUP2_MAX, unset, 1000).high_bytes, 900);
	assert_int_equal(resolve_of(MS_LIMIT_CGROUP2_MAX, unset, 1000).danger_bytes, 988);
	assert_int_equal(resolve_of(MS_LIMIT_CGROUP2_HIGH, percent(95), 1000).high_bytes, 950);
}

static uint64_t narrowed_low(struct ms_mark low, uint64_t growth_bytes_per_s)
{
	struct ms_policy_config config = ms_policy_defaults();

	config.low = low;

	struct ms_marks marks = ms_policy_marks(&config, 1000, 0);

	ms_policy_narrow(&config, growth_bytes_per_s, &marks);
	assert_int_equal(marks.high_bytes, 900);
	return marks.low_bytes;
}

static void small_rounds_bring_low_nearer(void **state)
{
	(void)state;
	assert_int_equal(narrowed_low(unset, 0), 885); /* a 64th */
	assert_int_equal(narrowed_low(unset, 2000), 870);
	assert_int_equal(narrowed_low(unset, 5000), 825);
	assert_int_equal(narrowed_low(unset, 1000000), 800);
	assert_int_equal(narrowed_low(percent(70), 0), 700); /* as a person wants it */
	assert_int_equal(narrowed_low(percent(89), 2000), 890);
}

static uint64_t high_left(struct ms_mark high, uint64_t margin)
{
	struct ms_policy_config config = ms_policy_defaults();

	config.high = high;

	struct ms_marks marks = ms_policy_marks(&config, 1000, margin);

	ms_policy_leave_to_processes(&config, &marks);
	assert_true(marks.high_bytes <= marks.danger_bytes);
	return marks.high_bytes;
}

static void just_above_high_is_left_to_the_processes(void **state)
{
	(void)state;
	assert_int_equal(high_left(unset, 0), 912);
	assert_int_equal(high_left(unset, 100), 912);
	assert_int_equal(high_left(unset, 200), 800); /* lowered */
	assert_int_equal(high_left(percent(90), 0), 900);
}

static void no_limit_is_never_a_shortage(void **state)
{
	struct ms_marks marks = resolve(unset, unset, 0, 0);

	(void)state;
	assert_true(marks.max_bytes == UINT64_MAX);
	assert_true(marks.high_bytes > UINT64_MAX / 10 * 8);
	assert_int_equal(resolve(bytes(700), unset, 0, 0).high_bytes, 700);
}

static void a_limit_below_the_configured_high_wins(void **state)
{
	struct ms_marks marks = resolve(bytes(2000), bytes(1800), 1000, 0);

	(void)state;
	assert_int_equal(marks.high_bytes, 1000);
	assert_int_equal(marks.low_bytes, 950);
	assert_true(marks.lowered);
}

/* low < high <= danger <= max for every combination, however small the limit. */
static void marks_are_always_in_order(void **state)
{
	static const uint64_t limits[] = {2, 3, 5, 10, 19, 20, 21, 99, 4096, MIB, 1000 * MIB, UINT64_MAX};
	const struct ms_mark highs[] = {unset,    percent(0), percent(1), percent(100),
					bytes(0), bytes(1),   bytes(50),  bytes(UINT64_MAX)};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (size_t h = 0; h < 8; h++) {
			for (size_t l = 0; l < 8; l++) {
				for (uint64_t margin = 0; margin < 4; margin++) {
					struct ms_marks marks = resolve(highs[h], highs[l], limits[i],
									margin == 3 ? UINT64_MAX : margin);

					assert_true(marks.low_bytes < marks.high_bytes);
					assert_true(marks.high_bytes <= marks.danger_bytes);
					assert_true(marks.danger_bytes <= marks.max_bytes);
				}
			}
		}
	}
	assert_int_equal(resolve(unset, unset, 1, 0).high_bytes, 1);
}

static enum ms_policy_fault check(struct ms_mark high, struct ms_mark low, uint64_t max)
{
	struct ms_policy_config config = {.high = high, .low = low};

	return ms_policy_check(&config, max);
}

static void faults_are_named(void **state)
{
	(void)state;
	assert_int_equal(check(unset, unset, 1000), MS_POLICY_OK);
	assert_int_equal(check(percent(95), percent(70), 1000), MS_POLICY_OK);
	assert_int_equal(check(bytes(0), unset, 1000), MS_POLICY_HIGH_IS_ZERO);
	assert_int_equal(check(percent(0), unset, 0), MS_POLICY_HIGH_IS_ZERO);
	assert_int_equal(check(bytes(1001), unset, 1000), MS_POLICY_HIGH_ABOVE_MAX);
	assert_int_equal(check(bytes(1000), unset, 1000), MS_POLICY_OK);
	assert_int_equal(check(percent(80), percent(80), 1000), MS_POLICY_LOW_NOT_BELOW_HIGH);
	assert_int_equal(check(percent(80), bytes(801), 1000), MS_POLICY_LOW_NOT_BELOW_HIGH);
	assert_int_equal(check(unset, percent(95), 1000), MS_POLICY_LOW_NOT_BELOW_HIGH);
	assert_int_equal(check(percent(70), unset, 1000), MS_POLICY_OK); /* low follows */
}

static void without_a_limit_only_like_is_compared_with_like(void **state)
{
	(void)state;
	assert_int_equal(check(percent(80), percent(90), 0), MS_POLICY_LOW_NOT_BELOW_HIGH);
	assert_int_equal(check(bytes(80), bytes(90), 0), MS_POLICY_LOW_NOT_BELOW_HIGH);
	assert_int_equal(check(percent(80), bytes(90), 0), MS_POLICY_OK);
	assert_int_equal(check(bytes(UINT64_MAX), unset, 0), MS_POLICY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_marks_are_90_and_80_percent),
		cmocka_unit_test(configured_marks_are_taken),
		cmocka_unit_test(unset_low_stays_below_a_lower_high),
		cmocka_unit_test(a_configured_gap_may_be_narrow),
		cmocka_unit_test(the_margin_lowers_high_and_says_so),
		cmocka_unit_test(a_huge_margin_lowers_high_to_half),
		cmocka_unit_test(danger_lies_within_the_margin_of_max),
		cmocka_unit_test(a_limit_that_throttles_wants_more_distance),
		cmocka_unit_test(small_rounds_bring_low_nearer),
		cmocka_unit_test(just_above_high_is_left_to_the_processes),
		cmocka_unit_test(no_limit_is_never_a_shortage),
		cmocka_unit_test(a_limit_below_the_configured_high_wins),
		cmocka_unit_test(marks_are_always_in_order),
		cmocka_unit_test(faults_are_named),
		cmocka_unit_test(without_a_limit_only_like_is_compared_with_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What a thread is about to add counts before it is there. */
#include <sys/mman.h>

#include "lib_brake_bed.h"

static void fill(unsigned char *at, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += 4096)
		at[i] = 1;
}

/* What was added between two looks is expected to come again. */
static void test_looks_ahead(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};
	uint64_t bytes = 64 * MIB;
	unsigned char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(at != MAP_FAILED);
	if (SANITIZED) {
		munmap(at, bytes);
		return;
	}
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "ahead", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(LOW - 40 * MIB);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0);
	fill(at, bytes);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0); /* 24 MiB above low, and as much as that to come */
	assert_int_equal(fake.calls, 0);
	tell(HIGH - 20 * MIB); /* below high, but not for long */
	fill(at, bytes);
	memshed_brake(MEMSHED_BRAKE_LOOK);
	BED_WAIT_UNTIL(fake.calls);
	memshed_unregister(fake.handle);
	munmap(at, bytes);
}

/* For one that adds a quarter of max at a time there must be room before it begins, and no more is dropped for it. */
static void test_makes_room_for_large_additions(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "room", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(450 * MIB);
	memshed_brake(MEMSHED_BRAKE_LOOK);
	for (int i = 0; i < 100; i++) /* what was added long ago does not count */
		memshed_brake(MEMSHED_BRAKE_LOOK);
	tell(650 * MIB);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0); /* 200 more are below the brake mark */
	tell(655 * MIB);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0); /* these were few, others may be as before */
	assert_int_equal(fake.calls, 0);
	tell(760 * MIB); /* below low */
	memshed_brake(MEMSHED_BRAKE_LOOK);
	BED_WAIT_UNTIL(fake.calls);
	assert_in_range(fake.last.target_bytes, 60 * MIB, 90 * MIB);
	memshed_unregister(fake.handle);
}

/* What was freed may be in the heap, and used does not fall: but for that nothing is added that is past max without it. */
static void test_the_heap_is_not_counted_on_for_large_additions(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};
	uint64_t rounds = info().own_rounds;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "heap", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(700 * MIB);
	memshed_brake(MEMSHED_BRAKE_LOOK);
	for (int i = 0; i < 100; i++)
		memshed_brake(MEMSHED_BRAKE_LOOK);
	tell(HIGH + 5 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	assert_int_equal(fake.calls, 1);
	charge(2 * MIB); /* a little: the heap has it */
	BED_WAIT_UNTIL(is_idle());
	assert_int_equal(fake.calls, 1);
	/* As much again as since the last look is past max. */
	memshed_brake(MEMSHED_BRAKE_LOOK);
	BED_WAIT_UNTIL(fake.calls == 2);
	memshed_unregister(fake.handle);
}

/* A round that frees while a thread adds hides what that is. */
static void test_rounds_do_not_fade_what_is_expected(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};
	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);
	uint64_t rounds = info().own_rounds;

	(void)state;
	order.reason = MEMSHED_REASON_PRESSURE;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "hides", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(500 * MIB);
	memshed_brake(MEMSHED_BRAKE_LOOK);
	tell(700 * MIB);
	for (int i = 0; i < 6; i++) { /* before they count as useless */
		memshed_brake(MEMSHED_BRAKE_LOOK);
		bed_ask(&bed, &order);
	}
	tell(740 * MIB);
	memshed_brake(MEMSHED_BRAKE_LOOK);
	BED_WAIT_UNTIL(info().own_rounds > rounds);
	memshed_unregister(fake.handle);
}

/* At its point a thread expects no more than where it looks: for a single value of any size caches keep half of max. */
static void test_half_of_max_is_kept_at_a_point_too(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "half", .priority = -1));
	memshed_charge(fake.handle, 300 * MIB, 1000);
	tell(50 * MIB);
	for (int i = 0; i < 100; i++)
		memshed_brake(MEMSHED_BRAKE_LOOK);
	tell(490 * MIB); /* 440 more would be past the brake mark */
	memshed_brake(MEMSHED_BRAKE_LOOK);
	wait_for_agent();
	assert_int_equal(fake.calls, 0);
	memshed_brake(0);
	wait_for_agent();
	assert_int_equal(fake.calls, 0);
	memshed_unregister(fake.handle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_looks_ahead, settle),
		cmocka_unit_test_setup(test_makes_room_for_large_additions, settle),
		cmocka_unit_test_setup(test_rounds_do_not_fade_what_is_expected, settle),
		cmocka_unit_test_setup(test_the_heap_is_not_counted_on_for_large_additions, settle),
		cmocka_unit_test_setup(test_half_of_max_is_kept_at_a_point_too, settle),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

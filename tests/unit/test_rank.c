/* SPDX-License-Identifier: MIT */
/* test_rank.c - which cache is asked first, by the facts alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "memshed.h"
#include "rank/facts.h"
#include "util/clock.h"

#define MIB (UINT64_C(1) << 20)
#define NOW (1000 * MS_NS_PER_S)

enum { MANY = 5000 };

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Few values, so that ties are common; and the edges of the type. */
static uint64_t random_value(void)
{
	static const uint64_t values[] = {
		0, 1, 63, 64, 1000, MIB / 2, MIB, 30 * MIB, UINT64_MAX / 1000, UINT64_MAX};

	return values[random_u64() % (sizeof(values) / sizeof(values[0]))];
}

/* A cache of entries of 1 KiB. */
static struct ms_rank_facts facts_of(uint32_t row, uint64_t mib)
{
	return (struct ms_rank_facts){.row = row, .bytes = mib * MIB, .entries = mib * 1024, .counted = true};
}

static struct ms_rank_key key_of(const struct ms_rank_facts *facts)
{
	struct ms_rank_key key;

	ms_rank_key(facts, NOW, &key);
	return key;
}

static bool before(const struct ms_rank_facts *a, const struct ms_rank_facts *b)
{
	struct ms_rank_key first = key_of(a), second = key_of(b);

	return ms_rank_before(&first, &second);
}

static uint32_t tier(const struct ms_rank_facts *facts)
{
	return key_of(facts).tier;
}

enum { HOT, COLD, FILES, BUFFER, CACHES };

/* Equal priority, no declared cost: what is looked up and found is dearest, then size decides. */
static void of_four_caches_the_hot_one_is_last(void **state)
{
	struct ms_row rows[CACHES] = {
		[HOT] = {.row = 1,
			 .kind = MEMSHED_KIND_MEMO,
			 .bytes = 30 * MIB,
			 .entries = 30000,
			 .hits = 1000000},
		[COLD] = {.row = 2,
			  .kind = MEMSHED_KIND_MEMO,
			  .bytes = 25 * MIB,
			  .entries = 25000,
			  .misses = 1000000},
		[FILES] = {.row = 3, .kind = MEMSHED_KIND_FILE, .bytes = 20 * MIB, .entries = 200},
		[BUFFER] = {.row = 4, .kind = MEMSHED_KIND_BUFFER, .bytes = 15 * MIB, .entries = 100},
	};
	static const uint32_t expected[CACHES] = {2, 3, 4, 1};
	struct ms_rank_key keys[CACHES];

	(void)state;
	for (unsigned i = 0; i < CACHES; i++) {
		struct ms_rank_facts facts = ms_rank_facts_of(&rows[i]);

		ms_rank_key(&facts, NOW, &keys[i]);
	}
	ms_rank_sort(keys, CACHES);
	for (unsigned i = 0; i < CACHES; i++)
		assert_int_equal(keys[i].row, expected[i]);
}

/* In whichever unit they count, or when they say nothing of their look-ups. */
static void unknown_costs_are_equal(void **state)
{
	struct ms_rank_facts few = facts_of(1, 30), many = facts_of(2, 300), bytes = facts_of(3, 20);
	struct ms_rank_facts entries = facts_of(4, 0), more_came = facts_of(5, 10);

	(void)state;
	few.entries = 2;
	bytes.entries = 0;
	entries.entries = 1000000;
	more_came.returned_per_mille = 800000; /* its estimate was far too low */
	assert_int_equal(ms_rank_cost(&few, NOW), ms_rank_cost(&many, NOW));
	assert_int_equal(ms_rank_cost(&few, NOW), ms_rank_cost(&bytes, NOW));
	assert_int_equal(ms_rank_cost(&few, NOW), ms_rank_cost(&entries, NOW));
	assert_int_equal(ms_rank_cost(&few, NOW), ms_rank_cost(&more_came, NOW));
}

static void priority_goes_before_cost_and_cost_before_size(void **state)
{
	struct ms_rank_facts large = facts_of(1, 300), small = facts_of(2, 30), cheap = facts_of(3, 20);
	struct ms_rank_facts first = facts_of(4, 10);

	(void)state;
	cheap.cost_us = 1; /* 1 ms a MiB */
	first.cost_us = 1000000;
	first.priority = -1;
	assert_true(before(&large, &small));
	assert_true(before(&cheap, &large));
	assert_true(before(&first, &cheap));
}

static void what_is_hardly_looked_up_is_cheap(void **state)
{
	struct ms_rank_facts hot = facts_of(1, 30), cold = facts_of(2, 30), unknown = facts_of(3, 30);

	(void)state;
	hot.hits = 1000;
	cold.misses = 1000;
	unknown.misses = 15; /* too few to say */
	assert_true(before(&cold, &unknown));
	assert_true(before(&unknown, &hot));
}

static void what_came_back_corrects_bytes_and_cost(void **state)
{
	struct ms_rank_facts facts = facts_of(1, 100), declared = facts_of(2, 100);
	uint32_t cost = ms_rank_cost(&facts, NOW);

	(void)state;
	assert_int_equal(ms_rank_bytes(&facts), 100 * MIB);
	facts.returned_per_mille = 250;
	assert_int_equal(ms_rank_bytes(&facts), 25 * MIB);
	assert_int_equal(ms_rank_cost(&facts, NOW), cost + 2); /* four times as much has to be dropped */
	facts.returned_per_mille = 8000;
	assert_int_equal(ms_rank_bytes(&facts), 800 * MIB);
	/* The library has corrected an estimate that was too low; one that is too high tells how much is shared. */
	facts.flags = MEMSHED_CACHE_ESTIMATED;
	assert_int_equal(ms_rank_bytes(&facts), 100 * MIB);
	facts.returned_per_mille = 250;
	assert_int_equal(ms_rank_bytes(&facts), 25 * MIB);
	declared.cost_us = 1000;
	cost = ms_rank_cost(&declared, NOW);
	declared.returned_per_mille = 8000;
	assert_int_equal(ms_rank_cost(&declared, NOW), cost - 3);
}

static void a_slow_callback_makes_bytes_dear(void **state)
{
	struct ms_rank_facts quick = facts_of(1, 30), slow = facts_of(2, 300);

	(void)state;
	quick.freed_bytes = slow.freed_bytes = 110 * MIB;
	quick.duration_us = 1000;
	slow.duration_us = 9000000;
	assert_true(before(&quick, &slow));

	uint32_t cost = ms_rank_cost(&slow, NOW);

	slow.returned_per_mille = 250; /* and the dearer the less of them comes back */
	assert_int_equal(ms_rank_cost(&slow, NOW), cost + 2);
	slow.returned_per_mille = 8000;
	assert_true(ms_rank_cost(&slow, NOW) < cost);
}

static void what_fills_again_at_once_is_dear_for_a_while(void **state)
{
	struct ms_rank_facts regrown = facts_of(1, 300), other = facts_of(2, 250);

	(void)state;
	regrown.orders = 1;
	regrown.last_freed_bytes = 120 * MIB;
	regrown.bytes_after = 180 * MIB;
	regrown.last_ns = NOW - MS_NS_PER_S;
	assert_true(before(&other, &regrown));
	regrown.bytes = 230 * MIB; /* less than half of it is back */
	assert_int_equal(ms_rank_cost(&regrown, NOW), ms_rank_cost(&other, NOW));
	regrown.bytes = 300 * MIB;
	regrown.last_ns = NOW - 10 * MS_NS_PER_S;
	assert_true(before(&regrown, &other));
	regrown.last_ns = UINT64_MAX; /* a hostile table */
	assert_true(before(&other, &regrown));
}

static void small_caches_and_those_of_one_entry_are_asked_late(void **state)
{
	struct ms_rank_facts small = facts_of(1, 0), single = facts_of(2, 300), uncounted = {.row = 3};
	struct ms_rank_facts entries = facts_of(4, 0), estimate = facts_of(5, 0), corrected = facts_of(6, 0);

	(void)state;
	small.bytes = MIB - 1;
	small.entries = 100000;
	assert_int_equal(tier(&small), MS_RANK_SMALL);
	single.entries = 1;
	assert_int_equal(tier(&single), MS_RANK_SMALL);
	assert_int_equal(tier(&uncounted), MS_RANK_SMALL);
	entries.entries = 63;
	assert_int_equal(tier(&entries), MS_RANK_SMALL);
	entries.entries = 64;
	assert_int_equal(tier(&entries), MS_RANK_ORDINARY);
	estimate = small;
	estimate.flags = MEMSHED_CACHE_ESTIMATED;
	assert_int_equal(tier(&estimate), MS_RANK_ORDINARY); /* it may be far too low */
	estimate.entries = 63;
	assert_int_equal(tier(&estimate), MS_RANK_SMALL);
	corrected = small;
	corrected.returned_per_mille = 8000;
	assert_int_equal(tier(&corrected), MS_RANK_ORDINARY);
}

static void what_is_not_asked(void **state)
{
	struct ms_rank_facts manual = facts_of(1, 30), stuck = facts_of(2, 30), empty = facts_of(3, 0);

	(void)state;
	manual.flags = MEMSHED_CACHE_MANUAL;
	stuck.flags = MS_ROW_STUCK;
	assert_int_equal(tier(&manual), MS_RANK_NEVER);
	assert_int_equal(tier(&stuck), MS_RANK_STUCK);
	assert_int_equal(tier(&empty), MS_RANK_NEVER);
}

static void the_useless_are_asked_last_until_they_have_grown(void **state)
{
	struct ms_rank_facts facts = facts_of(1, 80), entries = facts_of(2, 0);

	(void)state;
	facts.bytes_after = 80 * MIB;
	facts.useless = 2;
	assert_int_equal(tier(&facts), MS_RANK_ORDINARY);
	facts.useless = 3;
	assert_int_equal(tier(&facts), MS_RANK_EXHAUSTED);
	facts.bytes = 90 * MIB;
	assert_int_equal(tier(&facts), MS_RANK_EXHAUSTED);
	facts.bytes = 90 * MIB + 1;
	assert_int_equal(tier(&facts), MS_RANK_DOUBTFUL);
	facts.useless = 0;
	facts.returned_per_mille = 49;
	assert_int_equal(tier(&facts), MS_RANK_DOUBTFUL);
	facts.returned_per_mille = 50;
	assert_int_equal(tier(&facts), MS_RANK_ORDINARY);
	/* Of entries alone, which stand for bytes. */
	entries.useless = 3;
	entries.entries = 2048;
	assert_int_equal(tier(&entries), MS_RANK_EXHAUSTED);
	entries.entries = 4096;
	assert_int_equal(tier(&entries), MS_RANK_DOUBTFUL);
}

static void the_edges_of_the_types_do_not_overflow(void **state)
{
	struct ms_rank_facts facts = {
		.row = UINT32_MAX,
		.priority = INT32_MAX,
		.cost_us = UINT64_MAX,
		.bytes = UINT64_MAX,
		.entries = UINT64_MAX,
		.counted = true,
		.hits = UINT64_MAX,
		.misses = UINT64_MAX,
		.orders = UINT64_MAX,
		.freed_bytes = 1,
		.duration_us = UINT64_MAX,
		.last_freed_bytes = UINT64_MAX,
		.bytes_after = UINT64_MAX,
		.last_ns = NOW,
		.returned_per_mille = UINT32_MAX,
		.useless = UINT32_MAX,
	};

	(void)state;
	assert_int_equal(ms_rank_bytes(&facts), UINT64_MAX);
	assert_true(ms_rank_cost(&facts, NOW) < 64);
	assert_int_equal(tier(&facts), MS_RANK_EXHAUSTED);
	facts.bytes = 20 * MIB * MIB; /* 20 TiB */
	facts.returned_per_mille = 1000;
	assert_int_equal(ms_rank_bytes(&facts), 20 * MIB * MIB);
	facts.returned_per_mille = 1;
	facts.bytes = UINT64_MAX;
	assert_int_equal(ms_rank_bytes(&facts), UINT64_MAX / 1000);
	facts.bytes = 0;
	facts.returned_per_mille = 0;
	assert_int_equal(ms_rank_bytes(&facts), UINT64_MAX);
	facts.freed_bytes = 0;
	assert_true(ms_rank_cost(&facts, 0) < 64);
}

static struct ms_rank_facts random_facts(void)
{
	return (struct ms_rank_facts){
		.row = (uint32_t)(random_u64() % 4),
		.flags = random_u64() % 8 ? 0 : (uint32_t)random_u64(),
		.priority = (int32_t)(random_u64() % 3) - 1,
		.cost_us = random_value(),
		.bytes = random_value(),
		.entries = random_value(),
		.counted = random_u64() % 2,
		.hits = random_value(),
		.misses = random_value(),
		.freed_bytes = random_value(),
		.duration_us = random_value(),
		.last_freed_bytes = random_value(),
		.bytes_after = random_value(),
		.last_ns = random_u64() % 2 ? NOW : random_value(),
		.returned_per_mille = (uint32_t)random_value(),
		.useless = (uint32_t)(random_u64() % 5),
	};
}

static struct ms_rank_key random_key(void)
{
	struct ms_rank_facts facts = random_facts();
	struct ms_rank_key key = key_of(&facts);

	key.process = (uint32_t)(random_u64() % 3);
	return key;
}

static bool is_same(const struct ms_rank_key *a, const struct ms_rank_key *b)
{
	return a->tier == b->tier && a->priority == b->priority && a->cost == b->cost &&
	       a->bytes == b->bytes && a->process == b->process && a->row == b->row;
}

static void it_is_a_total_order(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		struct ms_rank_key a = random_key(), b = random_key(), c = random_key();

		assert_false(ms_rank_before(&a, &a));
		if (is_same(&a, &b))
			assert_false(ms_rank_before(&a, &b) || ms_rank_before(&b, &a));
		else
			assert_int_equal(ms_rank_before(&a, &b), !ms_rank_before(&b, &a));
		if (ms_rank_before(&a, &b) && ms_rank_before(&b, &c))
			assert_true(ms_rank_before(&a, &c));
	}
}

static int compare(const void *a, const void *b)
{
	return ms_rank_before(a, b) ? -1 : ms_rank_before(b, a);
}

static void it_sorts_as_qsort_does(void **state)
{
	static struct ms_rank_key keys[MANY], sorted[MANY];

	(void)state;
	for (uint32_t count = 0; count <= MANY; count = count < 20 ? count + 1 : count * 4) {
		for (uint32_t i = 0; i < count; i++)
			keys[i] = sorted[i] = random_key();
		ms_rank_sort(keys, count);
		qsort(sorted, count, sizeof(sorted[0]), compare);
		for (uint32_t i = 0; i < count; i++)
			assert_true(is_same(&keys[i], &sorted[i]));
	}
}

/* Each of 0.1 MiB: together they are most of a process, and each is asked. */
static void thousands_of_small_caches_are_all_asked(void **state)
{
	static struct ms_rank_key keys[MANY];
	uint64_t bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		struct ms_rank_facts facts = {.row = i + 1, .bytes = MIB / 10, .entries = 8, .counted = true};

		keys[i] = key_of(&facts);
	}
	ms_rank_sort(keys, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(keys[i].tier < MS_RANK_NEVER);
		assert_int_equal(keys[i].row, i + 1);
		bytes += keys[i].bytes;
	}
	assert_true(bytes > 499 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_four_caches_the_hot_one_is_last),
		cmocka_unit_test(unknown_costs_are_equal),
		cmocka_unit_test(priority_goes_before_cost_and_cost_before_size),
		cmocka_unit_test(what_is_hardly_looked_up_is_cheap),
		cmocka_unit_test(what_came_back_corrects_bytes_and_cost),
		cmocka_unit_test(a_slow_callback_makes_bytes_dear),
		cmocka_unit_test(what_fills_again_at_once_is_dear_for_a_while),
		cmocka_unit_test(small_caches_and_those_of_one_entry_are_asked_late),
		cmocka_unit_test(what_is_not_asked),
		cmocka_unit_test(the_useless_are_asked_last_until_they_have_grown),
		cmocka_unit_test(the_edges_of_the_types_do_not_overflow),
		cmocka_unit_test(it_is_a_total_order),
		cmocka_unit_test(it_sorts_as_qsort_does),
		cmocka_unit_test(thousands_of_small_caches_are_all_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Orders for the whole process: real memory is freed until the resident set has fallen by what was asked,
 * in the order of the ranking; rows learn what comes back; busy callbacks are asked again.
 */
#include "lib_pages.h"

enum { CAN_TRIM = !SANITIZED }; /* else the sanitizer is the allocator */

static struct bed bed;

static void test_until_enough_came_back(void **state)
{
	struct pages cheap = {0}, dear = {0}, whole = {0};

	(void)state;
	add_pages(&dear, MEMSHED_CACHE_OPTIONS(.name = "dear", .cost_us = 1000000), 16 * MIB);
	add_pages(&cheap, MEMSHED_CACHE_OPTIONS(.name = "cheap", .cost_us = 1), 16 * MIB);
	add_pages(&whole, MEMSHED_CACHE_OPTIONS(.name = "whole", .cost_us = 1, .clear = unmap_all), 8 * MIB);

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 6 * MIB);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(answer.claimed_bytes, 6 * MIB);
	assert_in_range(answer.returned_bytes, 5 * MIB, 8 * MIB);
	assert_int_equal(cheap.target_bytes, 6 * MIB);
	assert_int_equal(bed_row(&bed, "cheap").last.bytes_after, 10 * MIB);

	/* One that can only drop everything does; the rest is asked of the next. */
	answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.caches, 3);
	assert_int_equal(cheap.bytes, 0);
	assert_int_equal(whole.bytes, 0);
	assert_in_range(dear.bytes, 13 * MIB, 15 * MIB);

	/* CLEAR takes all of a cache, but no more caches than it needs. */
	fill(&cheap, 16 * MIB);
	answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 2 * MIB);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(cheap.bytes, 0);
	assert_int_equal(cheap.target_bytes, 0);
	assert_true(answer.claimed_bytes == 16 * MIB);

	answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 100 * MIB); /* more than there is */
	assert_int_equal(answer.status, MS_ANSWER_PARTIAL);
	assert_int_equal(dear.bytes, 0);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0).caches, 0); /* all are known to be empty */
	drop_pages(&cheap, 16 * MIB);
	drop_pages(&whole, 8 * MIB);
	drop_pages(&dear, 16 * MIB);
}

/* A cache that claims and gives nothing back is not believed, and the next one is asked. */
static void test_hollow_claims_are_seen_through(void **state)
{
	struct fake hollow = {.freed_bytes = 32 * MIB};
	struct pages real = {0};

	(void)state;
	if (!CAN_TRIM) /* then what was claimed may come back yet */
		return;
	add(&hollow, MEMSHED_CACHE_OPTIONS(.name = "hollow", .priority = -1));
	memshed_charge(hollow.handle, 64 * MIB, 1000);
	add_pages(&real, MEMSHED_CACHE_OPTIONS(.name = "real"), 32 * MIB);

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);

	assert_int_equal(hollow.calls, 1);
	assert_int_equal(hollow.last.target_bytes, 16 * MIB);
	assert_int_equal(real.calls, 1);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_in_range(answer.returned_bytes, 15 * MIB, 18 * MIB);
	assert_in_range(bed_row(&bed, "hollow").last.returned_per_mille, 1, 49);
	assert_in_range(bed_row(&bed, "real").last.returned_per_mille, 900, 1100);

	/* From now on it is doubtful, and comes last despite its priority. */
	call_order = 0;
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 8 * MIB);
	assert_int_equal(real.calls, 2);
	assert_int_equal(hollow.calls, 1);
	drop_pages(&real, 32 * MIB);
	memshed_unregister(hollow.handle);
}

/* An estimate that is too low is corrected: less is asked for the same. */
static void test_ratio_may_exceed_one(void **state)
{
	struct pages modest = {.claim_per_mille = 250};
	unsigned rounds = 0;

	(void)state;
	add_pages(&modest, MEMSHED_CACHE_OPTIONS(.name = "modest"), 128 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 8 * MIB); /* it frees 32, and says 8 */
	assert_in_range(bed_row(&bed, "modest").last.returned_per_mille, 3500, 4500);
	for (; rounds < 3; rounds++) {
		uint64_t before = modest.bytes;

		bed_do(&bed, NULL, MS_LEVEL_TRIM, 8 * MIB);
		assert_in_range(before - modest.bytes, 7 * MIB, 10 * MIB);
		assert_in_range(modest.target_bytes, 2 * MIB - MIB / 2, 2 * MIB + MIB / 2);
	}
	drop_pages(&modest, 128 * MIB);
}

static int count_modestly(void *ctx, struct memshed_usage *usage)
{
	const struct pages *pages = ctx;

	bed_meet();
	usage->fields = MEMSHED_USAGE_BYTES;
	usage->bytes = pages->bytes * pages->claim_per_mille / 1000;
	bed_meet();
	return 0;
}

/* The row says what came back: of memory that the owner cannot see, too. And never more than is resident. */
static void test_estimates_are_corrected_and_bounded(void **state)
{
	struct pages modest = {.claim_per_mille = 250}, boastful = {.claim_per_mille = 1000000};

	(void)state;
	add_pages(&modest, MEMSHED_CACHE_OPTIONS(.name = "modest", .flags = MEMSHED_CACHE_ESTIMATED, .count = count_modestly),
		  64 * MIB);
	bed_do(&bed, "modest", MS_LEVEL_COUNT, 0);
	assert_in_range(bed_row(&bed, "modest").bytes, 16 * MIB, 16 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 8 * MIB);
	assert_in_range(bed_row(&bed, "modest").last.returned_per_mille, 3500, 4500);
	assert_in_range(bed_row(&bed, "modest").bytes, modest.bytes * 9 / 10, modest.bytes * 11 / 10);
	assert_in_range(bed_row(&bed, "modest").last.bytes_after, modest.bytes * 9 / 10, modest.bytes * 11 / 10);

	add_pages(&boastful,
		  MEMSHED_CACHE_OPTIONS(.name = "boastful", .flags = MEMSHED_CACHE_ESTIMATED, .count = count_modestly),
		  16 * MIB);
	bed_do(&bed, "boastful", MS_LEVEL_COUNT, 0);
	bed_do(&bed, "modest", MS_LEVEL_COUNT, 0);
	assert_in_range(bed_row(&bed, "boastful").bytes, 1, 512 * MIB);
	assert_true(bed_row(&bed, "modest").bytes < 8 * MIB); /* beside the other's claim it is little */
	memshed_unregister(boastful.handle);
	munmap(boastful.at, 16 * MIB);
	bed_do(&bed, "modest", MS_LEVEL_COUNT, 0);
	assert_in_range(bed_row(&bed, "modest").bytes, modest.bytes * 9 / 10, modest.bytes * 11 / 10);
	drop_pages(&modest, 64 * MIB);
}

/* What comes back only when the allocator is asked is what the callback freed. */
enum { BLOCKS = 3000, BLOCK_BYTES = 16000 };
static void *blocks[BLOCKS];

static void fill_blocks(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, BLOCK_BYTES);
	}
}

/* The last stays, so that the allocator cannot cut its end off by itself. */
static void free_blocks(struct fake *fake)
{
	(void)fake;
	for (unsigned i = 0; i < BLOCKS - 1; i++)
		free(blocks[i]);
}

static uint64_t count_trims(void)
{
	assert_int_equal(ms_table_refresh(&bed.reader), 0);
	return bed.reader.info.trims;
}

static void test_trim_is_shared_by_claims(void **state)
{
	struct fake fake = {.inside = free_blocks, .freed_bytes = (uint64_t)(BLOCKS - 1) * BLOCK_BYTES};
	uint64_t trims = count_trims();

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "blocks"));
	memshed_charge(fake.handle, (uint64_t)BLOCKS * BLOCK_BYTES, BLOCKS);
	fill_blocks();

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_true(count_trims() == trims + CAN_TRIM);
	if (CAN_TRIM) {
		assert_in_range(answer.returned_bytes, 20 * MIB, 60 * MIB);
		assert_in_range(bed_row(&bed, "blocks").last.returned_per_mille, 500, 1300);
	}
	free(blocks[BLOCKS - 1]);

	/* In an emergency too: what lies in the allocator saves no job. */
	trims = count_trims();
	fill_blocks();
	answer = bed_do(&bed, NULL, MS_LEVEL_EMERGENCY, 20 * MIB);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_true(count_trims() == trims + CAN_TRIM);
	if (CAN_TRIM)
		assert_in_range(answer.returned_bytes, 20 * MIB, 60 * MIB);
	free(blocks[BLOCKS - 1]);
	memshed_unregister(fake.handle);
}

/* No cache claims anything, but the allocator says that it holds enough. */
static void test_trim_without_claims(void **state)
{
	struct fake fake = {.status = MEMSHED_EMPTY};
	uint64_t trims;

	(void)state;
	if (!CAN_TRIM)
		return;
	bed_do(&bed, "allocator", MS_LEVEL_TRIM, 0);
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "empty"));
	fill_blocks();
	free_blocks(NULL);
	assert_int_equal(bed_do(&bed, "allocator", MS_LEVEL_COUNT, 0).status, MS_ANSWER_DONE);
	trims = count_trims();

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);

	assert_true(count_trims() == trims + 1);
	assert_in_range(answer.returned_bytes, 20 * MIB, 60 * MIB);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 0);
	/* And once is enough: what it holds now it cannot give back. */
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);
	assert_true(count_trims() == trims + 1);
	free(blocks[BLOCKS - 1]);
	memshed_unregister(fake.handle);
}

/* ---- who is asked, and when ---- */

static void test_the_small_last_and_the_manual_never(void **state)
{
	struct pages large = {0}, small = {0}, manual = {0};

	(void)state;
	add_pages(&small, MEMSHED_CACHE_OPTIONS(.name = "small", .priority = -1000), 64 * 1024);
	add_pages(&large, MEMSHED_CACHE_OPTIONS(.name = "large", .priority = 1000), 8 * MIB);
	add_pages(&manual, MEMSHED_CACHE_OPTIONS(.name = "manual", .flags = MEMSHED_CACHE_MANUAL), 8 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 4 * MIB);
	assert_int_equal(large.calls, 1);
	assert_int_equal(small.calls, 0);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);
	assert_int_equal(large.calls, 2);
	assert_int_equal(small.calls, 1);
	assert_int_equal(manual.calls, 0); /* also when a person orders, unless it is named */
	assert_int_equal(bed_do(&bed, "manual", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(manual.calls, 1);
	drop_pages(&small, 64 * 1024);
	drop_pages(&large, 8 * MIB);
	drop_pages(&manual, 8 * MIB);
}

static void test_group_is_all_of_one_name(void **state)
{
	struct fake first = {.freed_bytes = 100}, second = {.freed_bytes = 100}, third = {.freed_bytes = 100},
		    other = {.freed_bytes = 100};

	(void)state;
	add(&first, MEMSHED_CACHE_OPTIONS(.name = "twins"));

	struct ms_order order = bed_order(&bed, "twins", MS_LEVEL_TRIM, 150);

	order.scope = MS_SCOPE_GROUP;
	add(&second, MEMSHED_CACHE_OPTIONS(.name = "twins", .priority = 5));
	add(&third, MEMSHED_CACHE_OPTIONS(.name = "twins", .priority = -5, .flags = MEMSHED_CACHE_MANUAL));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "twin"));

	call_order = 0;

	struct ms_answer answer = bed_ask(&bed, &order);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 200); /* as claimed: nothing came back */
	assert_int_equal(first.order, 1);
	assert_int_equal(second.order, 2);
	assert_int_equal(third.calls, 0); /* it is the last of its tier order: a person named it, but it was enough */
	order.target_bytes = 0;
	order.level = MS_LEVEL_CLEAR;
	assert_int_equal(bed_ask(&bed, &order).caches, 3);
	assert_int_equal(other.calls, 0);
	memshed_unregister(first.handle);
	if (order.row == bed_row(&bed, "twins").row)
		fail_msg("the row that named the group is still there");
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_GONE);
	memshed_unregister(second.handle);
	memshed_unregister(third.handle);
	memshed_unregister(other.handle);
}

static void test_count_of_all(void **state)
{
	struct fake one = {.usage = {.fields = MEMSHED_USAGE_BYTES, .bytes = 11}},
		    two = {.usage = {.fields = MEMSHED_USAGE_BYTES, .bytes = 22}}, three = {0};

	(void)state;
	add(&one, MEMSHED_CACHE_OPTIONS(.name = "one", .count = count));
	add(&two, MEMSHED_CACHE_OPTIONS(.name = "two", .count = count));
	add(&three, MEMSHED_CACHE_OPTIONS(.name = "three"));
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_COUNT, 0).caches, 2);
	assert_int_equal(bed_row(&bed, "one").bytes, 11);
	assert_int_equal(bed_row(&bed, "two").bytes, 22);
	assert_int_equal(one.calls + two.calls + three.calls, 0);
	memshed_unregister(one.handle);
	memshed_unregister(two.handle);
	memshed_unregister(three.handle);
}

/* ---- busy ---- */

static _Atomic unsigned busy_left;

static void be_busy(struct fake *fake)
{
	fake->status = busy_left ? MEMSHED_BUSY : MEMSHED_DONE;
	fake->freed_bytes = busy_left ? 0 : 100;
	busy_left -= busy_left != 0;
}

/* In the middle of a count something is wanted: that comes first, and the count is not done. */
static struct ms_order wanted_meanwhile;
static struct ms_order_handle meanwhile;
static unsigned counted_later;

static int count_and_want(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	bed_meet();
	meanwhile = bed_post(&bed, &wanted_meanwhile);
	bed_meet();
	usage->fields = MEMSHED_USAGE_BYTES;
	usage->bytes = 2 * MIB;
	return 0;
}

static int count_later(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	counted_later++;
	usage->fields = MEMSHED_USAGE_BYTES;
	usage->bytes = MIB;
	return 0;
}

static void test_a_count_gives_way(void **state)
{
	struct fake wants = {.freed_bytes = 1}, later = {.freed_bytes = 1};

	(void)state;
	add(&wants, MEMSHED_CACHE_OPTIONS(.name = "wants", .count = count_and_want, .priority = -1));
	add(&later, MEMSHED_CACHE_OPTIONS(.name = "later", .count = count_later));
	memshed_charge(wants.handle, 2 * MIB, 1000);
	memshed_charge(later.handle, MIB, 1000);
	wanted_meanwhile = bed_order(&bed, "later", MS_LEVEL_CLEAR, 0);

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_COUNT, 0);

	assert_int_equal(answer.status, MS_ANSWER_BUSY);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(bed_wait(&bed, &meanwhile).status, MS_ANSWER_DONE);
	assert_int_equal(later.calls, 1);
	memshed_unregister(wants.handle);
	memshed_unregister(later.handle);
}

/* One that puts its count off has the whole count asked for again; and a count is none of the orders done. */
static void test_a_count_put_off_is_busy(void **state)
{
	struct fake now = {.usage = {.fields = MEMSHED_USAGE_BYTES, .bytes = 11}}, off = {0};
	struct ms_table_info before;

	(void)state;
	add(&now, MEMSHED_CACHE_OPTIONS(.name = "now", .count = count));
	add(&off, MEMSHED_CACHE_OPTIONS(.name = "off", .count = count));
	assert_int_equal(ms_table_refresh(&bed.reader), 0);
	before = bed.reader.info;

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_COUNT, 0);

	assert_int_equal(answer.status, MS_ANSWER_BUSY);
	assert_int_equal(answer.caches, 1);
	say_usage(&off, MEMSHED_USAGE_BYTES, 22);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_COUNT, 0).status, MS_ANSWER_DONE);
	assert_int_equal(bed_row(&bed, "off").bytes, 22);
	assert_int_equal(bed.reader.info.orders, before.orders);
	assert_int_equal(bed_do(&bed, "now", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	BED_WAIT_UNTIL(ms_table_refresh(&bed.reader) == 0 && bed.reader.info.rounds == before.rounds + 1);
	assert_int_equal(bed.reader.info.orders, before.orders + 1);
	memshed_unregister(now.handle);
	memshed_unregister(off.handle);
}

static void test_busy_is_asked_again(void **state)
{
	struct fake fake = {.inside = be_busy}, other = {.freed_bytes = 100};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "busy", .priority = -1));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "not busy"));
	busy_left = 2;

	struct ms_answer answer = bed_do(&bed, "busy", MS_LEVEL_CLEAR, 0);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 100);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(fake.calls, 3);

	/* Others first. */
	busy_left = 1;
	answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0);
	assert_int_equal(answer.caches, 2);
	assert_int_equal(answer.claimed_bytes, 200);
	assert_true(other.order < fake.order);
	assert_int_equal(other.calls, 1);

	/* One that is busy for ever is given up soon, and the answer says so. */
	busy_left = UINT32_MAX;
	answer = bed_do(&bed, "busy", MS_LEVEL_CLEAR, 0);
	assert_int_equal(answer.status, MS_ANSWER_BUSY);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(bed_row(&bed, "busy").last.useless, 0);
	memshed_unregister(fake.handle);
	memshed_unregister(other.handle);
}

static uint32_t parts_left;

static void give_a_part(struct fake *fake)
{
	fake->status = parts_left ? MEMSHED_PARTIAL : MEMSHED_DONE;
	parts_left -= parts_left > 0;
}

static void test_the_rest_of_a_part_is_asked_for(void **state)
{
	struct fake fake = {.inside = give_a_part, .freed_bytes = 100};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "in parts"));
	parts_left = 3;

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0);

	assert_int_equal(fake.calls, 4);
	assert_int_equal(answer.claimed_bytes, 400);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(bed_row(&bed, "in parts").last.claimed_bytes, 400);

	/* One that never comes to an end is left soon. */
	parts_left = UINT32_MAX;
	answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0);
	assert_int_equal(answer.status, MS_ANSWER_PARTIAL);
	assert_int_equal(answer.caches, 1);
	memshed_unregister(fake.handle);
}

/* The first part comes back, the second does not: two thirds of what it claims. */
static enum memshed_status unmap_in_parts(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	struct pages *pages = ctx;

	if (pages->calls++ == 0) {
		unmap(pages, request, result);
		return MEMSHED_PARTIAL;
	}
	result->freed_bytes = 8 * MIB;
	return MEMSHED_DONE;
}

static void test_all_parts_are_one_lesson(void **state)
{
	struct pages pages = {0};

	(void)state;
	add_pages(&pages, MEMSHED_CACHE_OPTIONS(.name = "in parts", .shrink = unmap_in_parts), 16 * MIB);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0).claimed_bytes, 24 * MIB);
	assert_in_range(bed_row(&bed, "in parts").last.returned_per_mille, 600, 750);
	drop_pages(&pages, 16 * MIB);
}

/* ---- thousands ---- */

enum { MANY = 5000 };
#define EACH_BYTES (UINT64_C(100) << 10)

static struct pages many[MANY];

static void test_thousands_of_small_caches(void **state)
{
	unsigned asked = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		add_pages(&many[i], MEMSHED_CACHE_OPTIONS(.name = "tenth of a MiB"), EACH_BYTES);

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 100 * MIB);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_in_range(answer.returned_bytes, CAN_TRIM ? 99 * MIB : 80 * MIB, 120 * MIB);
	assert_in_range(answer.claimed_bytes, 99 * MIB, 120 * MIB);
	for (unsigned i = 0; i < MANY; i++)
		asked += many[i].calls;
	assert_int_equal(asked, answer.caches);
	assert_in_range(asked, 1000, 1100);
	for (unsigned i = 0; i < MANY; i++)
		drop_pages(&many[i], EACH_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_until_enough_came_back),
		cmocka_unit_test(test_hollow_claims_are_seen_through),
		cmocka_unit_test(test_ratio_may_exceed_one),
		cmocka_unit_test(test_estimates_are_corrected_and_bounded),
		cmocka_unit_test(test_trim_is_shared_by_claims),
		cmocka_unit_test(test_trim_without_claims),
		cmocka_unit_test(test_the_small_last_and_the_manual_never),
		cmocka_unit_test(test_group_is_all_of_one_name),
		cmocka_unit_test(test_count_of_all),
		cmocka_unit_test(test_a_count_gives_way),
		cmocka_unit_test(test_a_count_put_off_is_busy),
		cmocka_unit_test(test_busy_is_asked_again),
		cmocka_unit_test(test_the_rest_of_a_part_is_asked_for),
		cmocka_unit_test(test_all_parts_are_one_lesson),
		cmocka_unit_test(test_thousands_of_small_caches),
	};

	return BED_RUN_GROUP(&bed, tests);
}

/* SPDX-License-Identifier: MIT */
/* The collector (MEMSHED_CACHE_COLLECTOR): asked in a round where claims are hollow, and there alone. */
#include "lib_pages.h"

static struct bed bed;

/* What its callback lets go stays resident until the collector comes by. */
static struct {
	struct pages pages;
	uint64_t mapped_bytes; /* what the cache does not hold of them is garbage */
	bool collects;
	unsigned collections;
} cyclic;

static enum memshed_status let_go(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	struct pages *pages = ctx;
	uint64_t bytes = request->target_bytes && request->target_bytes < pages->bytes ? request->target_bytes : pages->bytes;

	bed_meet();
	pages->calls++;
	pages->bytes -= bytes;
	memshed_uncharge(pages->handle, bytes, bytes / 4096);
	result->freed_bytes = bytes;
	bed_meet();
	return bytes ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static enum memshed_status collect_garbage(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	bed_meet();
	cyclic.collections++;
	result->freed_entries = 1;
	if (cyclic.collects)
		madvise(cyclic.pages.at + cyclic.pages.bytes, cyclic.mapped_bytes - cyclic.pages.bytes, MADV_DONTNEED);
	bed_meet();
	return MEMSHED_DONE;
}

static struct memshed_cache *add_collector(bool collects, uint64_t bytes)
{
	struct memshed_cache *handle;

	cyclic.collects = collects;
	cyclic.collections = 0;
	cyclic.mapped_bytes = bytes;
	assert_int_equal(memshed_register(&MEMSHED_CACHE_OPTIONS(.name = "collector", .shrink = collect_garbage,
								 .flags = MEMSHED_CACHE_COLLECTOR), &handle), 0);
	add_pages(&cyclic.pages, MEMSHED_CACHE_OPTIONS(.name = "cyclic", .shrink = let_go, .priority = -1), bytes);
	return handle;
}

static void drop_collector(struct memshed_cache *handle, uint64_t mapped_bytes)
{
	memshed_unregister(handle);
	drop_pages(&cyclic.pages, mapped_bytes);
	memset(&cyclic, 0, sizeof(cyclic));
}

static void test_the_collector_frees_what_was_let_go(void **state)
{
	struct pages other = {0};
	struct memshed_cache *collector;

	(void)state;
	cyclic.pages.claim_per_mille = 1000;
	collector = add_collector(true, 64 * MIB);
	add_pages(&other, MEMSHED_CACHE_OPTIONS(.name = "other"), 16 * MIB);
	for (unsigned round = 1; round <= 2; round++) {
		struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);

		assert_int_equal(answer.status, MS_ANSWER_DONE);
		assert_in_range(answer.returned_bytes, 15 * MIB, 18 * MIB);
		assert_in_range(answer.claimed_bytes, 15 * MIB, 17 * MIB); /* the collector claims nothing */
		assert_int_equal(cyclic.collections, round);
		assert_int_equal(cyclic.pages.calls, round);
		assert_int_equal(other.calls, 0); /* it was enough */
		/* The claims were true, only late. */
		assert_in_range(bed_row(&bed, "cyclic").last.returned_per_mille, 800, 1200);
	}
	/* Not where what is claimed comes back. */
	bed_do(&bed, "cyclic", MS_LEVEL_CLEAR, 0);
	assert_int_equal(cyclic.collections, 2); /* an order for one row is for this row */
	bed_do(&bed, "collector", MS_LEVEL_CLEAR, 0);
	assert_int_equal(cyclic.collections, 3);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 8 * MIB);
	assert_int_equal(other.calls, 1);
	assert_int_equal(cyclic.collections, 3);

	/* In an emergency too. */
	fill(&cyclic.pages, 64 * MIB);
	assert_in_range(bed_do(&bed, NULL, MS_LEVEL_EMERGENCY, 32 * MIB).returned_bytes, 60 * MIB, 80 * MIB);
	assert_int_equal(cyclic.collections, 4);
	drop_pages(&other, 16 * MIB);
	drop_collector(collector, 64 * MIB);
}

static void test_a_collector_of_no_use_is_left_alone(void **state)
{
	struct memshed_cache *collector;

	(void)state;
	cyclic.pages.claim_per_mille = 1000;
	collector = add_collector(false, 64 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);
	assert_int_equal(cyclic.collections, 1);
	fill(&cyclic.pages, 64 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB); /* within the second */
	assert_int_equal(cyclic.collections, 1);
	/* It is tried again later, and believed when it helps. */
	cyclic.collects = true;
	BED_WAIT_UNTIL((fill(&cyclic.pages, 64 * MIB), bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB), cyclic.collections > 1));
	fill(&cyclic.pages, 64 * MIB);
	bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);
	assert_int_equal(cyclic.collections, 3);
	drop_collector(collector, 64 * MIB);
}

static struct {
	unsigned char *at[8];
	unsigned count;
	bool on;
} growth;

static int grow(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	usage->fields = MEMSHED_USAGE_ENTRIES;
	bed_meet();
	if (!growth.on || growth.count == sizeof(growth.at) / sizeof(growth.at[0]))
		return 0;
	growth.at[growth.count++] = mmap(NULL, 96 * MIB, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return 0;
}

/* What the program takes meanwhile does not make claims hollow whose memory came back. */
static void test_no_collector_where_the_program_grows(void **state)
{
	struct pages true_pages = {0};
	struct fake grower = {.status = MEMSHED_EMPTY};
	struct memshed_cache *collector;

	(void)state;
	collector = add_collector(true, 4096);
	add_pages(&true_pages, MEMSHED_CACHE_OPTIONS(.name = "true"), 64 * MIB);
	add(&grower, MEMSHED_CACHE_OPTIONS(.name = "grower", .count = grow));

	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 32 * MIB);
	struct ms_answer answer;

	order.reason = MEMSHED_REASON_PRESSURE; /* caches are counted first: there it grows */
	growth.on = true;
	answer = bed_ask(&bed, &order);
	growth.on = false;
	assert_true(growth.count > 0);
	assert_in_range(answer.claimed_bytes, 32 * MIB, 80 * MIB);
	assert_int_equal(answer.returned_bytes, 0);
	assert_int_equal(cyclic.collections, 0);
	memshed_unregister(grower.handle);
	while (growth.count)
		munmap(growth.at[--growth.count], 96 * MIB);
	drop_pages(&true_pages, 64 * MIB);
	drop_collector(collector, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* Before the others: no collection was in vain yet. */
		cmocka_unit_test(test_no_collector_where_the_program_grows),
		cmocka_unit_test(test_the_collector_frees_what_was_let_go),
		cmocka_unit_test(test_a_collector_of_no_use_is_left_alone),
	};

#if defined(__SANITIZE_THREAD__)
	fprintf(stderr, "skipped: ThreadSanitizer keeps notes of the memory that the collector is to free\n");
	return 77;
#endif
	return BED_RUN_GROUP(&bed, tests);
}

/* SPDX-License-Identifier: MIT */
/* The public functions: what they refuse, what they accept, and the words they have for values. */
#include <signal.h>

#include "lib_bed.h"

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	(void)result;
	return MEMSHED_EMPTY;
}

static void clear(void *ctx)
{
	(void)ctx;
}

static int register_with(struct memshed_cache_options options)
{
	struct memshed_cache *cache = NULL;
	int error = memshed_register(&options, &cache);

	assert_int_equal(error == 0, cache != NULL);
	memshed_unregister(cache);
	return error;
}

static void test_refused_registrations(void **state)
{
	struct memshed_cache *cache = (struct memshed_cache *)(void *)&cache, *untouched = cache;

	(void)state;
	assert_int_equal(memshed_register(NULL, &cache), -EINVAL);
	assert_ptr_equal(cache, untouched);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.shrink = shrink)), -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "", .shrink = shrink)), -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x")), -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .clear = clear, .priority = 1001)),
			 -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .clear = clear, .priority = -1001)),
			 -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .clear = clear, .flags = 1u << 15)),
			 -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .clear = clear,
							     .thread_class = (enum memshed_thread_class)7)),
			 -EINVAL);
	assert_int_equal(register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .clear = clear, .priority = 1000)),
			 0);
	assert_int_equal(
		register_with(MEMSHED_CACHE_OPTIONS(.name = "x", .shrink = shrink, .priority = -1000)), 0);
}

/* A caller built with another memshed.h. */
static void test_options_of_other_versions(void **state)
{
	struct {
		struct memshed_cache_options known;
		uint64_t later[2];
	} newer = {.known = MEMSHED_CACHE_OPTIONS(.name = "newer", .clear = clear)};
	struct memshed_cache_options older = MEMSHED_CACHE_OPTIONS(.name = "older", .clear = clear);
	struct memshed_cache *cache;

	(void)state;
	newer.known.size = sizeof(newer);
	assert_int_equal(memshed_register(&newer.known, &cache), 0);
	memshed_unregister(cache);
	newer.later[1] = 1;
	assert_int_equal(memshed_register(&newer.known, &cache), -E2BIG);

	/* An older one ends before count: what stands behind it is not looked at. */
	older.size = offsetof(struct memshed_cache_options, count);
	older.count = (memshed_count_fn)(void *)1;
	assert_int_equal(memshed_register(&older, &cache), 0);
	static struct bed bed;

	bed_open(&bed, getpid());
	assert_false(bed_row(&bed, "older").flags & MS_ROW_PULLED);
	bed_close(&bed);
	memshed_unregister(cache);
	older.size = 0;
	assert_int_equal(memshed_register(&older, &cache), -EINVAL);
	older.size = offsetof(struct memshed_cache_options, shrink); /* no callback in it */
	assert_int_equal(memshed_register(&older, &cache), -EINVAL);
}

static int begin(void *ctx)
{
	(void)ctx;
	return 0;
}

static void test_refused_starts(void **state)
{
	struct {
		struct memshed_agent_options known;
		uint64_t later;
	} newer = {.known = {.size = sizeof(newer)}};
	struct memshed_agent_options options = {.size = sizeof(options)};

	(void)state;
	memshed_stop();
	options.mode = (enum memshed_agent_mode)9;
	assert_int_equal(memshed_start(&options), -EINVAL);
	options = (struct memshed_agent_options){
		.size = sizeof(options), .mode = MEMSHED_AGENT_SIGNAL, .signal = 15};
	assert_int_equal(memshed_start(&options), -EINVAL);
	options.signal = SIGCONT; /* would have a stopped process go on */
	assert_int_equal(memshed_start(&options), -EINVAL);
	options = (struct memshed_agent_options){.size = sizeof(options), .signal = 23};
	assert_int_equal(memshed_start(&options), -EINVAL);
	options = (struct memshed_agent_options){.size = sizeof(options), .round_begin = begin};
	assert_int_equal(memshed_start(&options), -EINVAL);
	newer.later = 1;
	assert_int_equal(memshed_start(&newer.known), -E2BIG);
	newer.later = 0;
	assert_int_equal(memshed_start(&newer.known), 0);
	assert_int_equal(memshed_start(NULL), -EALREADY);
	assert_int_equal(memshed_stop(), 0);
	assert_int_equal(memshed_stop(), -ENOENT);
	assert_int_equal(memshed_start(NULL), 0);
	assert_int_equal(memshed_fd(), -ENOENT);
	assert_int_equal(memshed_dispatch(), -ENOENT);
	assert_int_equal(memshed_poll(), 0);
}

static void test_null_handles_do_nothing(void **state)
{
	(void)state;
	memshed_charge(NULL, 1, 1);
	memshed_uncharge(NULL, 1, 1);
	memshed_hit(NULL, 1);
	memshed_miss(NULL, 1);
	memshed_evict(NULL, 1);
	memshed_unregister(NULL);
}

static void test_errno_is_left_alone(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "errno", .clear = clear);
	struct memshed_cache *cache;

	(void)state;
	errno = 4242;
	assert_int_equal(memshed_register(&options, &cache), 0);
	memshed_charge(cache, 1, 1);
	memshed_unregister(cache);
	memshed_stop();
	memshed_start(NULL);
	memshed_poll();
	assert_int_equal(errno, 4242);
}

/* Everything the options say stands in the row, and all counters come out of it. */
static void test_row_says_what_was_registered(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(
		.name = "row", .kind = MEMSHED_KIND_INDEX, .priority = -7, .cost_us = 33, .shrink = shrink,
		.flags = MEMSHED_CACHE_ESTIMATED, .thread_class = MEMSHED_THREAD_OWNER);
	static struct bed bed;
	struct memshed_cache *cache;

	(void)state;
	assert_int_equal(memshed_register(&options, &cache), 0);
	memshed_charge(cache, 1000, 10);
	memshed_uncharge(cache, 300, 3);
	memshed_hit(cache, 5);
	memshed_miss(cache, 6);
	memshed_evict(cache, 7);
	bed_open(&bed, getpid());

	struct ms_row row = bed_row(&bed, "row");

	assert_int_equal(row.kind, MEMSHED_KIND_INDEX);
	assert_int_equal(row.priority, -7);
	assert_int_equal(row.cost_us, 33);
	assert_int_equal(row.flags, MEMSHED_CACHE_ESTIMATED | MS_ROW_PARTIAL | MS_ROW_OWNER_ONLY);
	assert_non_null(strstr(row.source, "test_lib_contract.c:"));
	assert_int_equal(row.bytes, 700);
	assert_int_equal(row.entries, 7);
	assert_int_equal(row.hits, 5);
	assert_int_equal(row.misses, 6);
	assert_int_equal(row.evictions, 7);
	memshed_unregister(cache);
	assert_false(bed_find(&bed, "row", &row));
	bed_close(&bed);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(memshed_kind_name(MEMSHED_KIND_MEMO), "memo");
	assert_string_equal(memshed_kind_name((enum memshed_kind)99), "unknown");
	assert_string_equal(memshed_kind_name((enum memshed_kind)-1), "unknown");
	assert_string_equal(memshed_status_name(MEMSHED_DONE), "done");
	assert_string_equal(memshed_status_name((enum memshed_status)0), "unknown");
	assert_string_equal(memshed_level_name(MEMSHED_LEVEL_EMERGENCY), "emergency");
	assert_string_equal(memshed_level_name((enum memshed_level)0), "unknown");
	assert_int_equal(memshed_version()[0], (char)('0' + MEMSHED_VERSION_MAJOR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_registrations),
		cmocka_unit_test(test_options_of_other_versions),
		cmocka_unit_test(test_refused_starts),
		cmocka_unit_test(test_null_handles_do_nothing),
		cmocka_unit_test(test_errno_is_left_alone),
		cmocka_unit_test(test_row_says_what_was_registered),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

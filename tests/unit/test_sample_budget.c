/* SPDX-License-Identifier: MIT */
/* Which limit binds: captured trees, and trees written for the purpose. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample/budget.h"
#include "sample/pace.h"
#include "sample_fixture.h"
#include "util/clock.h"

#define MiB (UINT64_C(1) << 20)
#define PAGES(bytes) ((unsigned long)((bytes) / ms_process_page_bytes()))

static struct ms_tree tree;
static struct ms_budget budget;

/* Each row has its own figure: SwapCached is not SwapTotal, MemFree is not MemAvailable. */
static void meminfo_takes_the_right_rows(void **state)
{
	(void)state;
	static const char text[] = "MemTotal:       11 kB\nMemFree:        12 kB\nMemAvailable:   13 kB\n"
				   "Buffers:        14 kB\nSwapCached:     15 kB\nSwapTotal:      16 kB\n"
				   "SwapFree:       17 kB\n";
	struct ms_meminfo meminfo;

	assert_int_equal(ms_budget_parse_meminfo(text, &meminfo), 0);
	assert_int_equal(meminfo.total_bytes, 11 * 1024);
	assert_int_equal(meminfo.available_bytes, 13 * 1024);
	assert_int_equal(meminfo.swap_total_bytes, 16 * 1024);
	assert_int_equal(meminfo.swap_free_bytes, 17 * 1024);
	assert_int_equal(ms_budget_parse_meminfo("MemTotal: 1 kB\nMemAvailable: 2 kB\n", &meminfo), 0);
	assert_int_equal(meminfo.swap_total_bytes, 0);
}

static void meminfo_refuses_what_is_none(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"", "\n", "MemTotal: 1 kB\n", "MemAvailable: 1 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n",
		"MemTotal: 1 kB\nMemAvailable: 1", "MemTotal: 1 kB\nMemAvailable: 18446744073709551615 kB\n",
		"MemTotal:1 kB\nMemAvailable: 1 kB\n",
	};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct ms_meminfo meminfo;

		assert_int_equal(ms_budget_parse_meminfo(TEXTS[i], &meminfo), -EBADMSG);
	}
}

static void captured_limits_are_all_listed(void **state)
{
	(void)state;
	static const struct {
		const char *tree;
		pid_t pid;
		enum ms_limit_source binds;
		uint32_t count;
		enum ms_limit_source sources[8];
	} CASES[] = {
		{"cgroup1-6.18", 31349, MS_LIMIT_CGROUP1, 5,
		 {MS_LIMIT_CGROUP1, MS_LIMIT_CGROUP1, MS_LIMIT_RLIMIT_DATA, MS_LIMIT_RLIMIT_AS,
		  MS_LIMIT_MEM_AVAILABLE}},
		{"cgroup2-6.1", 704, MS_LIMIT_CGROUP2_HIGH, 3,
		 {MS_LIMIT_CGROUP2_HIGH, MS_LIMIT_CGROUP2_MAX, MS_LIMIT_MEM_AVAILABLE}},
		{"cgroup2-namespace-6.1", 704, MS_LIMIT_MEM_AVAILABLE, 1, {MS_LIMIT_MEM_AVAILABLE}},
		{"none-6.1", 704, MS_LIMIT_MEM_AVAILABLE, 1, {MS_LIMIT_MEM_AVAILABLE}},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct fixture fixture;
		struct ms_sample sample;
		struct ms_limit limits[8];
		uint32_t count;
		unsigned before = fixture_descriptors();

		fixture_captured(&fixture, CASES[i].tree);
		assert_int_equal(
			ms_sample_once(&fixture.root, CASES[i].pid, 0, &sample, limits, 8, &count), 0);
		assert_int_equal(sample.processes, 3);
		assert_int_equal(sample.limit.source, CASES[i].binds);
		assert_int_equal(count, CASES[i].count);
		for (uint32_t k = 0; k < count; k++)
			assert_int_equal(limits[k].source, CASES[i].sources[k]);
		assert_memory_equal(&sample.limit, &limits[0], sizeof(limits[0]));
		fixture_done(&fixture);
		assert_int_equal(fixture_descriptors(), before);
	}
}

/* A job of one process and a worker, on a machine with figures of the test. */
static void start(struct fixture *fixture, uint64_t rss, uint64_t available, uint64_t option)
{
	char text[128];

	fixture_empty(fixture);
	fixture_process(fixture, 50, 1, "job", 777, PAGES(rss));
	fixture_process(fixture, 51, 50, "worker", 778, PAGES(10 * MiB));
	snprintf(text, sizeof(text), "MemTotal: 99999999 kB\nMemAvailable: %llu kB\n",
		 (unsigned long long)available / 1024);
	fixture_write(fixture, text, "proc/meminfo");
	assert_int_equal(ms_tree_init(&tree, &fixture->root, 50, 0, 0), 0);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(ms_budget_open(&budget, &fixture->root, 50, option), 0);
}

static void finish(struct fixture *fixture)
{
	ms_budget_close(&budget);
	ms_budget_close(&budget);
	ms_tree_fini(&tree);
	fixture_done(fixture);
}

static void the_option_is_a_limit_of_the_trees_rss(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_sample sample;

	start(&fixture, 90 * MiB, 5000 * MiB, 200 * MiB);
	ms_sample_take(&tree, &budget, 1, &sample);
	assert_int_equal(sample.limit.source, MS_LIMIT_OPTION);
	assert_int_equal(sample.limit.max_bytes, 200 * MiB);
	assert_int_equal(sample.limit.used_bytes, 100 * MiB);
	assert_int_equal(sample.rss_bytes, 100 * MiB);
	assert_int_equal(sample.processes, 2);
	assert_string_equal(sample.limit.where, "");
	finish(&fixture);
}

/* What a cleared cache could return, and no page of a mapped file. */
static void the_option_leaves_file_pages_out(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_sample sample;
	char text[64];

	start(&fixture, 90 * MiB, 5000 * MiB, 200 * MiB);
	snprintf(text, sizeof(text), "9999999 %lu %lu 1 0 1 0\n", PAGES(150 * MiB), PAGES(120 * MiB));
	fixture_write(&fixture, text, "proc/50/statm");
	fixture_write(&fixture, "RssAnon: 30720 kB\nRssFile: 112640 kB\nRssShmem: 10240 kB\n", "proc/50/status");
	ms_tree_count_held(&tree);
	ms_sample_take(&tree, &budget, 1, &sample);
	assert_int_equal(sample.limit.source, MS_LIMIT_OPTION);
	assert_int_equal(sample.rss_bytes, 160 * MiB);
	/* The worker's 10 MiB may be its parent's: it was forked, for all that is known. */
	assert_int_equal(sample.limit.used_bytes, (30 + 10) * MiB);
	finish(&fixture);
}

static void the_machine_may_be_nearer(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;

	start(&fixture, 90 * MiB, 50 * MiB, 200 * MiB);
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, 1, &limit);
	assert_int_equal(limit.source, MS_LIMIT_MEM_AVAILABLE);
	assert_int_equal(limit.max_bytes, 150 * MiB);
	assert_int_equal(limit.used_bytes, 100 * MiB);
	finish(&fixture);
}

static void a_reading_of_meminfo_holds_as_long_as_there_is_plenty(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;
	uint64_t now_ns = MS_NS_PER_S;

	start(&fixture, 90 * MiB, 1200 * MiB, 0);
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, now_ns, &limit);
	assert_int_equal(limit.max_bytes, 1300 * MiB);
	/* The target grows: until the next reading what it takes is taken from what was available. */
	fixture_process(&fixture, 50, 1, "job", 777, PAGES(190 * MiB));
	fixture_write(&fixture, "MemTotal: 99999999 kB\nMemAvailable: 1024 kB\n", "proc/meminfo");
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, now_ns += 50 * MS_NS_PER_MS, &limit);
	assert_int_equal(limit.max_bytes, 1300 * MiB);
	assert_int_equal(limit.used_bytes, 200 * MiB);
	ms_budget_sample(&budget, &tree, now_ns += 60 * MS_NS_PER_MS, &limit);
	assert_int_equal(limit.max_bytes, 201 * MiB);
	/* With little left it is read every time. */
	fixture_write(&fixture, "MemTotal: 99999999 kB\nMemAvailable: 2048 kB\n", "proc/meminfo");
	ms_budget_sample(&budget, &tree, now_ns += MS_NS_PER_MS, &limit);
	assert_int_equal(limit.max_bytes, 202 * MiB);
	finish(&fixture);
}

static void write_limits(struct fixture *fixture, int pid, const char *data, const char *as)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "Max data size     %s    unlimited    bytes\nMax address space    %s    9    bytes\n", data, as);
	fixture_write(fixture, text, "proc/%d/limits", pid);
}

static void the_nearest_process_counts_for_resource_limits(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limits[4];
	char data[32];

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, PAGES(90 * MiB));
	fixture_process(&fixture, 51, 50, "worker", 778, PAGES(10 * MiB));
	write_limits(&fixture, 50, "unlimited", "1048576000");
	snprintf(data, sizeof(data), "%llu", (unsigned long long)(10 * MiB + 6 * ms_process_page_bytes()));
	write_limits(&fixture, 51, data, "41943040");
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(ms_budget_open(&budget, &fixture.root, 50, 0), 0);
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, 1, &limits[0]);
	assert_int_equal(ms_budget_list(&budget, &tree, limits, 4), 2);
	assert_int_equal(limits[0].source, MS_LIMIT_RLIMIT_DATA);
	assert_int_equal(limits[0].max_bytes - limits[0].used_bytes, ms_process_page_bytes());
	assert_string_equal(limits[0].where, "pid 51");
	assert_int_equal(limits[1].source, MS_LIMIT_RLIMIT_AS);
	assert_int_equal(limits[1].max_bytes, 40 * MiB);
	assert_int_equal(limits[1].used_bytes, 20 * MiB);
	assert_string_equal(limits[1].where, "pid 51");
	/* They may change: within eight scans it is seen. */
	write_limits(&fixture, 51, "unlimited", "unlimited");
	for (int i = 0; i < 8; i++)
		ms_tree_scan(&tree);
	assert_int_equal(ms_budget_list(&budget, &tree, limits, 4), 1);
	assert_string_equal(limits[0].where, "pid 50");
	finish(&fixture);
}

static void of_two_exceeded_limits_the_worse_binds(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;

	start(&fixture, 90 * MiB, 0, 60 * MiB);
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, 1, &limit);
	assert_int_equal(limit.source, MS_LIMIT_OPTION);
	/* The job's address space is 180 MiB: 80 too much, where its RSS is 40 too much. */
	write_limits(&fixture, 50, "unlimited", "104857600");
	for (int i = 0; i < 8; i++)
		ms_tree_scan(&tree);
	ms_budget_sample(&budget, &tree, 1, &limit);
	assert_int_equal(limit.source, MS_LIMIT_RLIMIT_AS);
	finish(&fixture);
}

static void where_nothing_limits_it_says_so(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, PAGES(90 * MiB));
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	assert_int_equal(ms_budget_open(&budget, &fixture.root, 50, 0), 0);
	ms_tree_sample(&tree);
	ms_budget_sample(&budget, &tree, 1, &limit);
	assert_int_equal(limit.source, MS_LIMIT_NONE);
	assert_true(limit.max_bytes == UINT64_MAX);
	assert_int_equal(limit.used_bytes, 90 * MiB);
	assert_string_equal(ms_limit_source_name(limit.source), "none");
	finish(&fixture);
}

static void a_move_to_another_cgroup_is_followed(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;
	unsigned before = fixture_descriptors();

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, PAGES(90 * MiB));
	fixture_write(&fixture, "1 1 0:1 / /cg rw - cgroup2 x rw\n", "proc/self/mountinfo");
	fixture_write(&fixture, "0::/a\n", "proc/50/cgroup");
	for (int i = 0; i < 2; i++) {
		fixture_write(&fixture, i ? "2000\n" : "1000\n", "cg/%c/memory.max", 'a' + i);
		fixture_write(&fixture, "500\n", "cg/%c/memory.current", 'a' + i);
	}
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	assert_int_equal(ms_budget_open(&budget, &fixture.root, 50, 0), 0);
	ms_budget_sample(&budget, &tree, MS_NS_PER_S, &limit);
	assert_string_equal(limit.where, "/a");
	fixture_write(&fixture, "0::/b\n", "proc/50/cgroup");
	assert_int_equal(ms_budget_follow(&budget, 50), 0);
	ms_budget_sample(&budget, &tree, 4 * MS_NS_PER_S, &limit);
	fixture.deny = "cgroup";
	fixture.deny_error = -EMFILE;
	assert_int_equal(ms_budget_follow(&budget, 50), -EMFILE);
	ms_budget_sample(&budget, &tree, 4 * MS_NS_PER_S, &limit);
	assert_string_equal(limit.where, "/a");
	fixture.deny = NULL;
	/* v1 shows a process that has ended in the root. */
	fixture_write(&fixture, "0 0 0 0 0 0 0\n", "proc/50/statm");
	assert_int_equal(ms_budget_follow(&budget, 50), 0);
	ms_budget_sample(&budget, &tree, 7 * MS_NS_PER_S, &limit);
	assert_string_equal(limit.where, "/a");
	fixture_process(&fixture, 50, 1, "job", 777, PAGES(90 * MiB));
	assert_int_equal(ms_budget_follow(&budget, 50), 1);
	ms_budget_sample(&budget, &tree, 4 * MS_NS_PER_S, &limit);
	assert_string_equal(limit.where, "/b");
	assert_int_equal(limit.max_bytes, 2000);
	assert_int_equal(ms_budget_follow(&budget, 50), 0);
	finish(&fixture);
	assert_int_equal(fixture_descriptors(), before);
}

static void lists_keep_to_their_capacity(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_sample sample;
	struct ms_limit all[8], some[8];
	uint32_t count;

	for (uint32_t capacity = 0; capacity <= 5; capacity++) {
		memset(some, 0x5a, sizeof(some));
		fixture_captured(&fixture, "cgroup1-6.18");
		ms_sample_once(&fixture.root, 31349, 0, &sample, all, 8, &count);
		ms_sample_once(&fixture.root, 31349, 0, &sample, some, capacity, &count);
		assert_int_equal(count, capacity);
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(some[i].source, all[i].source);
		assert_int_equal(((unsigned char *)&some[capacity])[0], 0x5a);
		fixture_done(&fixture);
	}
}

static void the_writers_speed_follows_huge_pages(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	assert_int_equal(ms_budget_writer_bytes_per_s(&fixture.root), MS_PACE_WRITER_BYTES_PER_S);
	fixture_write(&fixture, "[always] madvise never\n", "sys/kernel/mm/transparent_hugepage/enabled");
	assert_int_equal(ms_budget_writer_bytes_per_s(&fixture.root), MS_PACE_HUGE_WRITER_BYTES_PER_S);
	/* numpy asks for them for every large array. */
	fixture_write(&fixture, "always [madvise] never\n", "sys/kernel/mm/transparent_hugepage/enabled");
	assert_int_equal(ms_budget_writer_bytes_per_s(&fixture.root), MS_PACE_HUGE_WRITER_BYTES_PER_S);
	fixture_write(&fixture, "always madvise [never]\n", "sys/kernel/mm/transparent_hugepage/enabled");
	assert_int_equal(ms_budget_writer_bytes_per_s(&fixture.root), MS_PACE_WRITER_BYTES_PER_S);
	fixture_done(&fixture);
}

static void statm_is_off_on_some_kernels(void **state)
{
	(void)state;
	const uint64_t page = ms_process_page_bytes();
	struct fixture fixture;

	assert_int_equal(ms_budget_statm_error_bytes("6.1.0-18-amd64\n", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("6.2.0\n", 2), 3 * 32 * 2 * page);
	assert_int_equal(ms_budget_statm_error_bytes("6.12.5\n", 64), 3 * 128 * 64 * page);
	assert_int_equal(ms_budget_statm_error_bytes("6.15\n", 1), 3 * 32 * page);
	assert_int_equal(ms_budget_statm_error_bytes("6.15.11-arch1", 1), 3 * 32 * page);
	assert_int_equal(ms_budget_statm_error_bytes("6.16.1\n", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("5.10.0\n", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("7.2\n", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("six\n", 64), 0);
	assert_int_equal(ms_budget_statm_error_bytes("nonsense", 64), 0);
	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_write(&fixture, "6.8.0-41-generic\n", "proc/sys/kernel/osrelease");
	assert_int_equal(ms_budget_open(&budget, &fixture.root, 50, 0), 0);
	assert_true(budget.statm_error_bytes >= 3 * 32 * page);
	ms_budget_close(&budget);
	fixture_done(&fixture);
}

static void this_process_has_a_budget(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_sample sample;
	uint32_t count;
	struct ms_limit limits[80];

	fixture_live(&fixture);
	assert_int_equal(ms_sample_once(&fixture.root, getpid(), 0, &sample, limits, 80, &count), 0);
	assert_true(sample.processes >= 1);
	assert_true(sample.rss_bytes > 0);
	assert_true(count >= 1);
	assert_int_not_equal(sample.limit.source, MS_LIMIT_NONE);
	fixture_done(&fixture);
}

static void every_failure_leaks_nothing(void **state)
{
	(void)state;
	static const int ERRORS[] = {-EMFILE, -ENOMEM, -EACCES, -EIO, -ESRCH, -ENOENT, -EINTR};
	unsigned before = fixture_descriptors();

	for (size_t e = 0; e < sizeof(ERRORS) / sizeof(ERRORS[0]); e++) {
		bool reached = true;

		for (unsigned n = 1; reached; n++) {
			struct fixture fixture;
			struct ms_sample sample;
			struct ms_limit limits[8];
			uint32_t count;

			fixture_captured(&fixture, "cgroup1-6.18");
			fixture.fail_at = n;
			fixture.error = ERRORS[e];
			int r = ms_sample_once(&fixture.root, 31349, 0, &sample, limits, 8, &count);

			reached = fixture.calls >= n;
			if (!reached)
				assert_int_equal(r, 0);
			fixture_done(&fixture);
			assert_int_equal(fixture_descriptors(), before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meminfo_takes_the_right_rows),
		cmocka_unit_test(meminfo_refuses_what_is_none),
		cmocka_unit_test(captured_limits_are_all_listed),
		cmocka_unit_test(the_option_is_a_limit_of_the_trees_rss),
		cmocka_unit_test(the_option_leaves_file_pages_out),
		cmocka_unit_test(the_machine_may_be_nearer),
		cmocka_unit_test(a_reading_of_meminfo_holds_as_long_as_there_is_plenty),
		cmocka_unit_test(the_nearest_process_counts_for_resource_limits),
		cmocka_unit_test(of_two_exceeded_limits_the_worse_binds),
		cmocka_unit_test(where_nothing_limits_it_says_so),
		cmocka_unit_test(a_move_to_another_cgroup_is_followed),
		cmocka_unit_test(lists_keep_to_their_capacity),
		cmocka_unit_test(the_writers_speed_follows_huge_pages),
		cmocka_unit_test(statm_is_off_on_some_kernels),
		cmocka_unit_test(this_process_has_a_budget),
		cmocka_unit_test(every_failure_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

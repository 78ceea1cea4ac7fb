/* SPDX-License-Identifier: MIT */
/* The readings of a chain. What finds it is in test_sample_cgroup_open.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample/cgroup.h"
#include "sample_fixture.h"
#include "util/clock.h"

#define MiB (UINT64_C(1) << 20)

static struct ms_cgroup cgroup;

static void bytes_may_be_without_limit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} CASES[] = {
		{"max\n", 0, MS_CGROUP_NO_LIMIT},
		{"9223372036854771712\n", 0, MS_CGROUP_NO_LIMIT}, /* 4 KiB pages */
		{"9223372036854710272\n", 0, MS_CGROUP_NO_LIMIT}, /* 64 KiB pages */
		{"9223372036854775807\n", 0, MS_CGROUP_NO_LIMIT}, /* before Linux 3.19 */
		{"18446744073709551615\n", 0, MS_CGROUP_NO_LIMIT},
		{"0\n", 0, 0},
		{"4096\n", 0, 4096},
		{"1099511627776\n", 0, 1099511627776},
		{"", -EBADMSG, 7},
		{"max", -EBADMSG, 7},
		{"4096", -EBADMSG, 7},
		{"-1\n", -EBADMSG, 7},
		{"18446744073709551616\n", -EBADMSG, 7},
		{"maximum\n", -EBADMSG, 7},
		{"12 34\n", -EBADMSG, 7},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		uint64_t bytes = 7;

		assert_int_equal(ms_cgroup_parse_bytes(CASES[i].text, &bytes), CASES[i].r);
		assert_true(bytes == CASES[i].bytes);
	}
}

/* Rows with names that are beginnings or ends of the wanted ones, each with its own figure. */
static void stat_takes_the_right_rows(void **state)
{
	(void)state;
	static const char v2[] = "anon_thp 1\nanon 100\nfile 2\nfile_mapped 3\nswapcached 4\ninactive_anon 5\n"
				 "active_anon 6\ninactive_file 200\nactive_file 30\nunevictable 7\n"
				 "slab_reclaimable 60\nslab_unreclaimable 8\nslab 68\n";
	static const char v1[] = "cache 1\nrss 2\nrss_huge 3\ninactive_file 4\nactive_file 5\n"
				 "hierarchical_memory_limit 4096\nhierarchical_memsw_limit 6\ntotal_cache 7\n"
				 "total_rss 100\ntotal_rss_huge 8\ntotal_inactive_file 200\ntotal_active_file 30\n";
	struct ms_cgroup_stat stat;

	assert_int_equal(ms_cgroup_parse_stat(v2, MS_CGROUP_V2, &stat), 0);
	assert_int_equal(stat.anon_bytes, 100);
	assert_int_equal(stat.file_lru_bytes, 230);
	assert_int_equal(stat.slab_reclaimable_bytes, 60);
	assert_true(stat.hierarchy_max_bytes == MS_CGROUP_NO_LIMIT);
	assert_int_equal(ms_cgroup_parse_stat("anon 1\ninactive_file 2\nactive_file 3\n", MS_CGROUP_V2, &stat), 0);
	assert_int_equal(stat.slab_reclaimable_bytes, 0); /* kernel memory is not counted */
	assert_int_equal(ms_cgroup_parse_stat(v1, MS_CGROUP_V1, &stat), 0);
	assert_int_equal(stat.anon_bytes, 100);
	assert_int_equal(stat.file_lru_bytes, 230);
	assert_int_equal(stat.hierarchy_max_bytes, 4096);
	assert_int_equal(ms_cgroup_parse_stat(v2, MS_CGROUP_V1, &stat), -EBADMSG);
	assert_int_equal(ms_cgroup_parse_stat("", MS_CGROUP_V2, &stat), -EBADMSG);
	assert_int_equal(ms_cgroup_parse_stat("anon 1\ninactive_file 2\nactive_file 3", MS_CGROUP_V2, &stat),
			 -EBADMSG);
	assert_int_equal(ms_cgroup_parse_stat("anon 1\ninactive_file x\nactive_file 3\n", MS_CGROUP_V2, &stat),
			 -EBADMSG);
	assert_int_equal(ms_cgroup_parse_stat("anon 1\ninactive_file 18446744073709551615\nactive_file 3\n",
					      MS_CGROUP_V2, &stat),
			 -EBADMSG);
}

static void kills_are_not_ooms(void **state)
{
	(void)state;
	uint64_t kills = 0;

	assert_int_equal(ms_cgroup_parse_oom_kills("low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n",
						   &kills),
			 0);
	assert_int_equal(kills, 5);
	assert_int_equal(ms_cgroup_parse_oom_kills("oom_kill_disable 1\nunder_oom 2\noom_kill 3\n", &kills), 0);
	assert_int_equal(kills, 3);
	assert_int_equal(ms_cgroup_parse_oom_kills("oom_kill_disable 1\nunder_oom 2\n", &kills), -ENOENT);
}

static void captured_chains_read_as_they_are(void **state)
{
	(void)state;
	static const struct {
		const char *tree;
		pid_t pid;
		uint32_t count;
		struct {
			enum ms_limit_source source;
			uint64_t max, used;
			const char *where;
		} limits[2];
	} CASES[] = {
		{"cgroup1-6.18", 31349, 2, {
			 {MS_LIMIT_CGROUP1, 268435456, 3026944 - 106496 - 65536, "/memshed-capture/outer"},
			 {MS_LIMIT_CGROUP1, 536870912, 2813952 - 131072 - 77824, "/memshed-capture"},
		 }},
		{"cgroup1-bind-6.18", 31349, 1, {
			 {MS_LIMIT_CGROUP1, 268435456, 3686400 - 270336 - 151552, "/memshed-capture/outer"},
		 }},
		{"cgroup2-6.1", 704, 2, {
			 {MS_LIMIT_CGROUP2_HIGH, 100663296, 1810432 - 479232 - 126976 - 54800, "/outer/inner"},
			 {MS_LIMIT_CGROUP2_MAX, 134217728, 1638400 - 479232 - 126976 - 59048, "/outer"},
		 }},
		{"hybrid-6.1", 704, 2, {
			 {MS_LIMIT_CGROUP2_HIGH, 100663296, 2846720 - 712704 - 835584 - 88848, "/outer/inner"},
			 {MS_LIMIT_CGROUP2_MAX, 134217728, 2666496 - 712704 - 835584 - 88848, "/outer"},
		 }},
		{"cgroup2-namespace-6.1", 704, 0, {{0}}},
		{"cgroup2-outside-6.1", 704, 0, {{0}}},
		{"none-6.1", 704, 0, {{0}}},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct fixture fixture;
		struct ms_limit limits[4];

		fixture_captured(&fixture, CASES[i].tree);
		assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, CASES[i].pid), 0);
		assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
		assert_int_equal(ms_cgroup_limits(&cgroup, limits, 4), CASES[i].count);
		for (uint32_t k = 0; k < CASES[i].count; k++) {
			assert_int_equal(limits[k].source, CASES[i].limits[k].source);
			assert_int_equal(limits[k].max_bytes, CASES[i].limits[k].max);
			assert_int_equal(limits[k].used_bytes, CASES[i].limits[k].used);
			assert_string_equal(limits[k].where, CASES[i].limits[k].where);
		}
		ms_cgroup_close(&cgroup);
		fixture_done(&fixture);
	}
}

/* One v2 group with a limit, made of figures. */
static void write_v2(struct fixture *fixture, uint64_t max, uint64_t usage, uint64_t anon, uint64_t file)
{
	char text[256];

	fixture_write(fixture, "0::/job\n", "proc/50/cgroup");
	fixture_write(fixture, "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "proc/self/mountinfo");
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)max);
	fixture_write(fixture, text, "sys/fs/cgroup/job/memory.max");
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)usage);
	fixture_write(fixture, text, "sys/fs/cgroup/job/memory.current");
	snprintf(text, sizeof(text), "anon %llu\ninactive_file %llu\nactive_file 0\n", (unsigned long long)anon,
		 (unsigned long long)file);
	fixture_write(fixture, text, "sys/fs/cgroup/job/memory.stat");
}

static void write_v2_slab(struct fixture *fixture, uint64_t anon, uint64_t slab)
{
	char text[256];

	snprintf(text, sizeof(text), "anon %llu\ninactive_file 0\nactive_file 0\nslab_reclaimable %llu\n",
		 (unsigned long long)anon, (unsigned long long)slab);
	fixture_write(fixture, text, "sys/fs/cgroup/job/memory.stat");
}

static uint64_t used(void)
{
	struct ms_limit limit;

	assert_int_equal(ms_cgroup_limits(&cgroup, &limit, 1), 1);
	return limit.used_bytes;
}

/* The kernel trades page cache for anonymous memory at a full cgroup: usage stands still, used must not. */
static void an_old_page_cache_figure_hides_no_growth(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t now_ns = MS_NS_PER_S;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 1000 * MiB, 500 * MiB, 480 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 2000 * MiB, 250 * MiB, now_ns), 0);
	assert_int_equal(used(), 520 * MiB);
	/* 300 MiB more in the tree, 5 ms later: memory.stat is not read again so soon. */
	write_v2(&fixture, 1000 * MiB, 1000 * MiB, 800 * MiB, 180 * MiB);
	assert_int_equal(ms_cgroup_sample(&cgroup, 2300 * MiB, 250 * MiB, now_ns += 5 * MS_NS_PER_MS), 0);
	assert_int_equal(used(), 820 * MiB);
	/* At 10 ms it is, because so much changed. */
	write_v2(&fixture, 1000 * MiB, 1000 * MiB, 700 * MiB, 280 * MiB);
	assert_int_equal(ms_cgroup_sample(&cgroup, 2300 * MiB, 250 * MiB, now_ns += 5 * MS_NS_PER_MS), 0);
	assert_int_equal(used(), 720 * MiB);
	/* The largest process is a floor, too: memory.stat was late in the kernel. */
	assert_int_equal(ms_cgroup_sample(&cgroup, 2300 * MiB, 750 * MiB, now_ns += MS_NS_PER_MS), 0);
	assert_int_equal(used(), 750 * MiB);
	/* Never more than usage: a fork doubles what the tree seems to have. */
	assert_int_equal(ms_cgroup_sample(&cgroup, 9000 * MiB, 750 * MiB, now_ns += MS_NS_PER_MS), 0);
	assert_int_equal(used(), 1000 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

/* Dentries and inodes stay until usage is at the limit: that is no shortage, and a clear would not help. */
static void slab_that_the_kernel_takes_back_is_not_used(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t now_ns = MS_NS_PER_S;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 1000 * MiB, 300 * MiB, 0);
	write_v2_slab(&fixture, 300 * MiB, 650 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 300 * MiB, 300 * MiB, now_ns), 0);
	assert_int_equal(used(), 350 * MiB);
	/* It is given up for anonymous memory as page cache is: that must not hide the growth. */
	assert_int_equal(ms_cgroup_sample(&cgroup, 500 * MiB, 300 * MiB, now_ns += 5 * MS_NS_PER_MS), 0);
	assert_int_equal(used(), 550 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

/* A process that moved in brought nothing along: what it has is charged where it came from. */
static void memory_charged_elsewhere_is_no_floor(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t now_ns = MS_NS_PER_S;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 1000 * MiB, 10 * MiB, 900 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 700 * MiB, 700 * MiB, now_ns), 0);
	assert_int_equal(used(), 100 * MiB);
	assert_int_equal(ms_cgroup_sample(&cgroup, 700 * MiB, 700 * MiB, now_ns += MS_NS_PER_MS), 0);
	assert_int_equal(used(), 100 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void stat_is_read_now_and_then(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t now_ns = MS_NS_PER_S;
	unsigned calls = 0;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 800 * MiB, 500 * MiB, 50 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	cgroup.limits_are_told = true;
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns);
	fixture.calls = 0;
	for (int i = 0; i < 900; i++, calls++)
		ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += MS_NS_PER_MS);
	assert_int_equal(fixture.calls, calls); /* usage alone */
	write_v2(&fixture, 1000 * MiB, 800 * MiB, 500 * MiB, 60 * MiB);
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += 200 * MS_NS_PER_MS);
	assert_int_equal(used(), 740 * MiB);
	/* Where usage itself is far from the limit the page cache hides nothing that matters. */
	write_v2(&fixture, 1000 * MiB, 700 * MiB, 500 * MiB, 70 * MiB);
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += MS_NS_PER_S);
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += 8 * MS_NS_PER_S);
	write_v2(&fixture, 1000 * MiB, 700 * MiB, 500 * MiB, 80 * MiB);
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += MS_NS_PER_S);
	assert_int_equal(used(), 630 * MiB);
	ms_cgroup_sample(&cgroup, 500 * MiB, 500 * MiB, now_ns += MS_NS_PER_S);
	assert_int_equal(used(), 620 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void a_limit_may_change(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limit;
	uint64_t now_ns = MS_NS_PER_S;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 600 * MiB, 500 * MiB, 50 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	ms_cgroup_sample(&cgroup, 0, 0, now_ns);
	fixture_write(&fixture, "max\n", "sys/fs/cgroup/job/memory.max");
	ms_cgroup_sample(&cgroup, 0, 0, now_ns += 49 * MS_NS_PER_MS);
	assert_int_equal(ms_cgroup_limits(&cgroup, &limit, 1), 1);
	ms_cgroup_sample(&cgroup, 0, 0, now_ns += MS_NS_PER_MS);
	assert_int_equal(ms_cgroup_limits(&cgroup, &limit, 1), 0);
	/* Where a change is told it is read when that happens, and else seldom. */
	fixture_write(&fixture, "734003200\n", "sys/fs/cgroup/job/memory.max");
	cgroup.limits_are_told = true;
	ms_cgroup_sample(&cgroup, 0, 0, now_ns += 2 * MS_NS_PER_S);
	assert_int_equal(ms_cgroup_limits(&cgroup, &limit, 1), 0);
	ms_cgroup_reread(&cgroup);
	ms_cgroup_sample(&cgroup, 0, 0, now_ns += MS_NS_PER_MS);
	assert_int_equal(ms_cgroup_limits(&cgroup, &limit, 1), 1);
	assert_int_equal(limit.max_bytes, 700 * MiB);
	assert_int_equal(limit.used_bytes, 550 * MiB);
	assert_false(cgroup.moved);
	fixture_write(&fixture, "0::/elsewhere\n", "proc/50/cgroup");
	ms_cgroup_sample(&cgroup, 0, 0, now_ns += 2 * MS_NS_PER_S);
	assert_true(cgroup.moved);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void write_v1(struct fixture *fixture, const char *limit, const char *memsw, const char *hierarchy)
{
	char text[256];

	fixture_write(fixture, "4:memory:/box/job\n0::/\n", "proc/50/cgroup");
	fixture_write(fixture, "35 31 0:32 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
		      "proc/self/mountinfo");
	fixture_write(fixture, limit, "sys/fs/cgroup/memory/job/memory.limit_in_bytes");
	fixture_write(fixture, "9223372036854771712\n", "sys/fs/cgroup/memory/memory.limit_in_bytes");
	fixture_write(fixture, memsw, "sys/fs/cgroup/memory/job/memory.memsw.limit_in_bytes");
	fixture_write(fixture, "419430400\n", "sys/fs/cgroup/memory/job/memory.memsw.usage_in_bytes");
	for (int level = 0; level < 2; level++) {
		const char *folder = level ? "job/" : "";

		fixture_write(fixture, "314572800\n", "sys/fs/cgroup/memory/%smemory.usage_in_bytes", folder);
		snprintf(text, sizeof(text),
			 "hierarchical_memory_limit %s\ntotal_cache 52428800\ntotal_rss 262144000\n"
			 "total_inactive_file 52428800\ntotal_active_file 0\n", hierarchy);
		fixture_write(fixture, text, "sys/fs/cgroup/memory/%smemory.stat", folder);
	}
}

static void v1_counts_swap_with_memory(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limits[4];

	fixture_empty(&fixture);
	write_v1(&fixture, "524288000\n", "629145600\n", "9223372036854771712");
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_true(cgroup.partial);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
	assert_int_equal(ms_cgroup_limits(&cgroup, limits, 4), 2);
	assert_int_equal(limits[0].source, MS_LIMIT_CGROUP1);
	assert_int_equal(limits[0].used_bytes, 250 * MiB);
	assert_string_equal(limits[0].where, "/box/job");
	assert_int_equal(limits[1].source, MS_LIMIT_CGROUP1_MEMSW);
	assert_int_equal(limits[1].max_bytes, 600 * MiB);
	assert_int_equal(limits[1].used_bytes, 350 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

/* v1 has one figure for all kernel memory: of what is more than a quarter of the limit most is dentries. */
static void v1_counts_kernel_memory_up_to_a_quarter(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	write_v1(&fixture, "524288000\n", "9223372036854771712\n", "9223372036854771712");
	fixture_write(&fixture, "419430400\n", "sys/fs/cgroup/memory/job/memory.usage_in_bytes");
	fixture_write(&fixture, "104857600\n", "sys/fs/cgroup/memory/job/memory.kmem.usage_in_bytes");
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 250 * MiB, 250 * MiB, MS_NS_PER_S), 0);
	assert_int_equal(used(), 350 * MiB); /* 100 MiB are the kernel's */
	fixture_write(&fixture, "523239424\n", "sys/fs/cgroup/memory/job/memory.usage_in_bytes");
	fixture_write(&fixture, "208666624\n", "sys/fs/cgroup/memory/job/memory.kmem.usage_in_bytes");
	assert_int_equal(ms_cgroup_sample(&cgroup, 250 * MiB, 250 * MiB, 3 * MS_NS_PER_S), 0);
	assert_int_equal(used(), (250 + 125) * MiB); /* now 199 are */
	/* That memory.stat lags behind what the job took since is no kernel memory. */
	fixture_write(&fixture, "0\n", "sys/fs/cgroup/memory/job/memory.kmem.usage_in_bytes");
	assert_int_equal(ms_cgroup_sample(&cgroup, 250 * MiB, 250 * MiB, 5 * MS_NS_PER_S), 0);
	assert_int_equal(used(), 449 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

/* memory.stat of the topmost group in sight knows the least limit of those out of sight. */
static void v1_tells_of_limits_out_of_sight(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_limit limits[4];

	fixture_empty(&fixture);
	write_v1(&fixture, "9223372036854771712\n", "9223372036854771712\n", "838860800");
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
	assert_int_equal(ms_cgroup_limits(&cgroup, limits, 4), 1);
	assert_int_equal(limits[0].max_bytes, 800 * MiB);
	assert_int_equal(limits[0].used_bytes, 250 * MiB);
	assert_string_equal(limits[0].where, "/box");
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void an_unreadable_reading_leaves_the_last_one(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t kills;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 600 * MiB, 500 * MiB, 50 * MiB);
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
	fixture_write(&fixture, "garbage\n", "sys/fs/cgroup/job/memory.current");
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 2), -EBADMSG);
	assert_int_equal(used(), 550 * MiB);
	fixture.gone_fd = cgroup.levels[0].usage_fd;
	fixture.gone_error = -ENODEV; /* the group was removed */
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 3), -ENODEV);
	assert_int_equal(used(), 550 * MiB);
	assert_int_equal(ms_cgroup_oom_kills(&cgroup, &kills), -ENOENT);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void without_stat_all_usage_is_used(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	write_v2(&fixture, 1000 * MiB, 600 * MiB, 500 * MiB, 50 * MiB);
	fixture.deny = "memory.stat";
	fixture.deny_error = -EACCES;
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 50), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
	assert_int_equal(used(), 600 * MiB);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_may_be_without_limit),
		cmocka_unit_test(stat_takes_the_right_rows),
		cmocka_unit_test(kills_are_not_ooms),
		cmocka_unit_test(captured_chains_read_as_they_are),
		cmocka_unit_test(an_old_page_cache_figure_hides_no_growth),
		cmocka_unit_test(slab_that_the_kernel_takes_back_is_not_used),
		cmocka_unit_test(memory_charged_elsewhere_is_no_floor),
		cmocka_unit_test(stat_is_read_now_and_then),
		cmocka_unit_test(a_limit_may_change),
		cmocka_unit_test(v1_counts_swap_with_memory),
		cmocka_unit_test(v1_counts_kernel_memory_up_to_a_quarter),
		cmocka_unit_test(v1_tells_of_limits_out_of_sight),
		cmocka_unit_test(an_unreadable_reading_leaves_the_last_one),
		cmocka_unit_test(without_stat_all_usage_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Finding a process's cgroup and its ancestors, however they are mounted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample/cgroup.h"
#include "sample_fixture.h"

static struct ms_cgroup cgroup;

static void mounts_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int r;
		enum ms_cgroup_version version;
		const char *root, *point;
	} CASES[] = {
		{"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory", 0, MS_CGROUP_V1,
		 "/", "/sys/fs/cgroup/memory"},
		{"35 31 0:32 / /c rw shared:9 master:3 - cgroup x rw,cpu,memory,pids\n", 0, MS_CGROUP_V1, "/",
		 "/c"},
		{"30 25 0:26 /a/b /sys/fs/cgroup ro - cgroup2 cgroup2 rw,nsdelegate", 0, MS_CGROUP_V2, "/a/b",
		 "/sys/fs/cgroup"},
		{"30 25 0:26 /a\\040b\\134c\\011d /p\\040q\\012r rw - cgroup2 none rw", 0, MS_CGROUP_V2,
		 "/a b\\c\td", "/p q\nr"},
		{"30 25 0:26 /a\\9 /\\40 rw - cgroup2 none rw", 0, MS_CGROUP_V2, "/a\\9", "/\\40"},
		{"35 31 0:32 / /c rw - cgroup cgroup rw,cpu,memorylike", -ENOENT, 0, NULL, NULL},
		{"35 31 0:32 / /c rw - cgroup cgroup rw,name=memory", -ENOENT, 0, NULL, NULL},
		{"35 31 0:32 / /c rw - cgroupfs cgroup rw,memory", -ENOENT, 0, NULL, NULL},
		{"22 27 0:21 / /proc rw,relatime - proc proc rw", -ENOENT, 0, NULL, NULL},
		{"", -ENOENT, 0, NULL, NULL},
		{" - cgroup2 cgroup2 rw", -EBADMSG, 0, NULL, NULL},
		{"30 25 - cgroup2 cgroup2 rw", -EBADMSG, 0, NULL, NULL},
		{"30 25 0:26 / rel rw - cgroup2 cgroup2 rw", -EBADMSG, 0, NULL, NULL},
		{"30 25 0:26 /\\000 /p rw - cgroup2 cgroup2 rw", -EBADMSG, 0, NULL, NULL},
		{"30 25 0:26 / /p rw - cgroup2 ", -EBADMSG, 0, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		static struct ms_cgroup_mount mount;

		assert_int_equal(ms_cgroup_parse_mount(CASES[i].line, &mount), CASES[i].r);
		if (CASES[i].r != 0)
			continue;
		assert_int_equal(mount.version, CASES[i].version);
		assert_string_equal(mount.root, CASES[i].root);
		assert_string_equal(mount.point, CASES[i].point);
	}
}

static void membership_prefers_v1_memory(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int r;
		enum ms_cgroup_version version;
		const char *path;
	} CASES[] = {
		{"0::/a/b\n", 0, MS_CGROUP_V2, "/a/b"},
		{"9:name=systemd:/\n4:memory:/x y\n1:cpu:/\n0::/a\n", 0, MS_CGROUP_V1, "/x y"},
		{"4:cpu,memory,pids:/x:y\n", 0, MS_CGROUP_V1, "/x:y"},
		{"1:freezer:/\n0::/a\n", 0, MS_CGROUP_V2, "/a"},
		{"2:name=memory:/n\n0::/\n", 0, MS_CGROUP_V2, "/"},
		{"0::/a (deleted)\n", 0, MS_CGROUP_V2, "/a"},
		{"0::/../sibling\n", 0, MS_CGROUP_V2, "/../sibling"},
		{"1:freezer:/\n", -ENOENT, 0, NULL},
		{"", -ENOENT, 0, NULL},
		{"garbage\n", -EBADMSG, 0, NULL},
		{"0::/a", -EBADMSG, 0, NULL},
		{"0:/a\n", -EBADMSG, 0, NULL},
		{"0::a\n", -EBADMSG, 0, NULL},
		{"99999999999999999999:memory:/\n", -EBADMSG, 0, NULL},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		enum ms_cgroup_version version;
		static char path[MS_CGROUP_PATH_BYTES];

		assert_int_equal(ms_cgroup_parse_membership(CASES[i].text, &version, path), CASES[i].r);
		if (CASES[i].r != 0)
			continue;
		assert_int_equal(version, CASES[i].version);
		assert_string_equal(path, CASES[i].path);
	}
}

static void captured_chains_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *tree;
		pid_t pid;
		enum ms_cgroup_version version;
		bool partial;
		const char *levels[5];
	} CASES[] = {
		{"cgroup1-6.18", 31353, MS_CGROUP_V1, false,
		 {"/memshed-capture/outer/job", "/memshed-capture/outer", "/memshed-capture", "/"}},
		{"cgroup1-bind-6.18", 31353, MS_CGROUP_V1, true,
		 {"/memshed-capture/outer/job", "/memshed-capture/outer"}},
		{"cgroup2-6.1", 704, MS_CGROUP_V2, false, {"/outer/inner/job", "/outer/inner", "/outer"}},
		{"hybrid-6.1", 704, MS_CGROUP_V2, false, {"/outer/inner/job", "/outer/inner", "/outer"}},
		{"cgroup2-namespace-6.1", 704, MS_CGROUP_V2, true, {"/"}},
		{"cgroup2-outside-6.1", 704, MS_CGROUP_V2, true, {NULL}},
		{"none-6.1", 704, MS_CGROUP_NONE, true, {NULL}},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct fixture fixture;
		uint32_t count = 0;
		unsigned before = fixture_descriptors();

		fixture_captured(&fixture, CASES[i].tree);
		assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, CASES[i].pid), 0);
		assert_int_equal(cgroup.version, CASES[i].version);
		assert_int_equal(cgroup.partial, CASES[i].partial);
		for (; CASES[i].levels[count]; count++)
			assert_string_equal(cgroup.levels[count].path, CASES[i].levels[count]);
		assert_int_equal(cgroup.level_count, count);
		ms_cgroup_close(&cgroup);
		ms_cgroup_close(&cgroup);
		fixture_done(&fixture);
		assert_int_equal(fixture_descriptors(), before);
	}
}

/* A v2 group in the tree of a test, with its usage alone. */
static void add_group(struct fixture *fixture, const char *folder)
{
	fixture_write(fixture, "4096\n", "%smemory.current", folder);
}

static void open_synthetic(struct fixture *fixture, const char *membership, const char *mountinfo)
{
	fixture_write(fixture, membership, "proc/50/cgroup");
	fixture_write(fixture, mountinfo, "proc/self/mountinfo");
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture->root, 50), 0);
}

static void the_mount_that_shows_most_is_taken(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	add_group(&fixture, "all/a/b/");
	add_group(&fixture, "all/a/");
	add_group(&fixture, "bind/b/");
	add_group(&fixture, "again/a/b/");
	open_synthetic(&fixture, "0::/a/b\n",
		       "1 1 0:1 /a /bind rw - cgroup2 x rw\n1 1 0:1 / /all rw - cgroup2 x rw\n"
		       "1 1 0:1 /a /bind rw - cgroup2 x rw\n1 1 0:1 /ab /other rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 2);
	assert_string_equal(cgroup.levels[1].path, "/a");
	ms_cgroup_close(&cgroup);
	/* Of equals the later one: it hides the earlier where both are mounted on one point. */
	open_synthetic(&fixture, "0::/a/b\n",
		       "1 1 0:1 / /all rw - cgroup2 x rw\n1 1 0:1 / /again rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 1);
	ms_cgroup_close(&cgroup);
	/* "/a" is no ancestor of "/ab". */
	add_group(&fixture, "bind/");
	open_synthetic(&fixture, "0::/ab\n", "1 1 0:1 /a /bind rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 0);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void blanks_in_names_are_found(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	add_group(&fixture, "my groups/a b\\c/");
	add_group(&fixture, "my groups/");
	open_synthetic(&fixture, "0::/top one/a b\\c\n",
		       "1 1 0:1 /top\\040one /my\\040groups rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 2);
	assert_string_equal(cgroup.levels[0].path, "/top one/a b\\c");
	assert_string_equal(cgroup.levels[1].path, "/top one");
	assert_true(cgroup.partial);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

/* The path names groups that do not exist here; the container's own is at the mount's root. */
static void a_container_may_see_only_its_own_group(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_empty(&fixture);
	add_group(&fixture, "sys/fs/cgroup/");
	open_synthetic(&fixture, "0::/docker/0123abc\n", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 1);
	assert_string_equal(cgroup.levels[0].path, "/");
	assert_true(cgroup.partial);
	ms_cgroup_close(&cgroup);
	/* Without a namespace: path and mount root agree. */
	open_synthetic(&fixture, "0::/docker/0123abc\n",
		       "1 1 0:1 /docker/0123abc /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 1);
	assert_string_equal(cgroup.levels[0].path, "/docker/0123abc");
	ms_cgroup_close(&cgroup);
	/* Mounted outside the namespace: an ancestor by unknown names. */
	open_synthetic(&fixture, "0::/job\n", "1 1 0:1 /../.. /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 1);
	assert_string_equal(cgroup.levels[0].path, "/../..");
	assert_true(cgroup.partial);
	ms_cgroup_close(&cgroup);
	/* A sibling of the namespace is under no mount, unless it is mounted itself. */
	open_synthetic(&fixture, "0::/../other\n", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 0);
	assert_true(cgroup.partial);
	ms_cgroup_close(&cgroup);
	open_synthetic(&fixture, "0::/../other\n", "1 1 0:1 /../other /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, 1);
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void a_mount_line_may_have_any_length(void **state)
{
	(void)state;
	static char mountinfo[70000];
	struct fixture fixture;
	const char *good = "\n1 1 0:1 / /sys/fs/cgroup rw - cgroup2 x rw\n";

	fixture_empty(&fixture);
	add_group(&fixture, "sys/fs/cgroup/a/");
	for (size_t length = 100; length < sizeof(mountinfo) - 100; length = length * 3 / 2) {
		memset(mountinfo, 'x', length);
		strcpy(mountinfo + length, good);
		open_synthetic(&fixture, "0::/a\n", mountinfo);
		assert_int_equal(cgroup.level_count, 1);
		ms_cgroup_close(&cgroup);
	}
	/* The rest of a line that was too long is no line, wherever it was cut. */
	add_group(&fixture, "wrong/a/");
	add_group(&fixture, "wrong/");
	for (size_t length = 12288; length <= 49152; length += 4096) {
		const size_t first = strlen(good + 1);

		strcpy(mountinfo, good + 1);
		memset(mountinfo + first, 'x', length);
		strcpy(mountinfo + first + length, "1 1 0:1 / /wrong rw - cgroup2 x rw\n");
		open_synthetic(&fixture, "0::/a\n", mountinfo);
		assert_int_equal(cgroup.level_count, 1);
		ms_cgroup_close(&cgroup);
	}
	fixture_done(&fixture);
}

static void a_chain_may_be_deeper_than_what_is_kept(void **state)
{
	(void)state;
	struct fixture fixture;
	char path[2048] = "", folder[2100], membership[2100];

	fixture_empty(&fixture);
	for (int i = 0; i < MS_CGROUP_LEVELS + 5; i++) {
		sprintf(path + strlen(path), "/level-of-some-length-%d", i);
		snprintf(folder, sizeof(folder), "sys/fs/cgroup%s/", path);
		add_group(&fixture, folder);
	}
	snprintf(membership, sizeof(membership), "0::%s\n", path);
	open_synthetic(&fixture, membership, "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 x rw\n");
	assert_int_equal(cgroup.level_count, MS_CGROUP_LEVELS);
	assert_true(cgroup.partial);
	/* A name that is too long keeps its end. */
	const char *shown = cgroup.levels[0].path;

	assert_int_equal(strlen(shown), MS_LIMIT_WHERE_BYTES - 1);
	assert_memory_equal(shown, "...", 3);
	assert_string_equal(shown + 3, path + strlen(path) - strlen(shown + 3));
	ms_cgroup_close(&cgroup);
	fixture_done(&fixture);
}

static void what_cannot_be_read_does_not_limit(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"proc/31349/cgroup", "mountinfo", "memory.usage_in_bytes"};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		struct fixture fixture;

		fixture_captured(&fixture, "cgroup1-6.18");
		fixture.deny = NAMES[i];
		fixture.deny_error = -EACCES;
		assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 31349), 0);
		assert_int_equal(cgroup.level_count, 0);
		assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, 1), 0);
		ms_cgroup_close(&cgroup);
		fixture_done(&fixture);
	}
}

static void nobody_has_no_cgroup(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_captured(&fixture, "cgroup1-6.18");
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 1), -ESRCH);
	fixture_done(&fixture);
}

static void garbage_is_no_cgroup(void **state)
{
	(void)state;
	struct fixture fixture;

	fixture_captured(&fixture, "cgroup1-6.18");
	fixture.instead = "4:memory:no path\n";
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 31349), 0);
	assert_int_equal(cgroup.level_count, 0);
	fixture.instead = "";
	assert_int_equal(ms_cgroup_open(&cgroup, &fixture.root, 31349), 0);
	assert_int_equal(cgroup.level_count, 0);
	fixture_done(&fixture);
}

static void every_failure_leaks_nothing(void **state)
{
	(void)state;
	static const int ERRORS[] = {-EMFILE, -ENFILE, -ENOMEM, -EACCES, -EIO, -ESRCH, -ENOENT, -ENODEV};
	static const char *const TREES[] = {"cgroup1-6.18", "cgroup2-6.1"};
	unsigned before = fixture_descriptors();

	for (size_t i = 0; i < sizeof(ERRORS) / sizeof(ERRORS[0]) * 2; i++) {
		int error = ERRORS[i / 2];
		bool reached = true;

		for (unsigned n = 1; reached; n++) {
			struct fixture fixture;

			fixture_captured(&fixture, TREES[i % 2]);
			fixture.fail_at = n;
			fixture.error = error;
			int r = ms_cgroup_open(&cgroup, &fixture.root, i % 2 ? 704 : 31349);

			/* Running out of something is an error; what cannot be read does not limit. */
			reached = fixture.calls >= n;
			if (reached && (error == -EMFILE || error == -ENFILE || error == -ENOMEM))
				assert_int_equal(r, error);
			if (r == 0) {
				ms_cgroup_sample(&cgroup, 0, 0, 1);
				reached = fixture.calls >= n;
				ms_cgroup_close(&cgroup);
			}
			fixture_done(&fixture);
			assert_int_equal(fixture_descriptors(), before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_are_told_apart),
		cmocka_unit_test(membership_prefers_v1_memory),
		cmocka_unit_test(captured_chains_are_found),
		cmocka_unit_test(the_mount_that_shows_most_is_taken),
		cmocka_unit_test(blanks_in_names_are_found),
		cmocka_unit_test(a_container_may_see_only_its_own_group),
		cmocka_unit_test(a_mount_line_may_have_any_length),
		cmocka_unit_test(a_chain_may_be_deeper_than_what_is_kept),
		cmocka_unit_test(what_cannot_be_read_does_not_limit),
		cmocka_unit_test(nobody_has_no_cgroup),
		cmocka_unit_test(garbage_is_no_cgroup),
		cmocka_unit_test(every_failure_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

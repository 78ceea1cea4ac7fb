/* SPDX-License-Identifier: MIT */
/* The marks of the control page: what a watch writes, and what of nonsense and of halves a process believes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memshed.h"
#include "table/marks.h"
#include "util/inode.h"
#include "watch/marks.h"
#include "watch/watch.h"

#define MIB (UINT64_C(1) << 20)
#define NOW (100 * MS_NS_PER_S)

static struct ms_control_abi page;
static char directory[MS_MARKS_DIRECTORY_BYTES];

static struct ms_marks_body good(void)
{
	struct ms_marks_body body = {
		.kind = MS_USAGE_CGROUP2,
		.sharers = 3,
		.written_ns = NOW,
		.until_ns = NOW + MS_MARKS_LIFE_NS,
		.device = 7,
		.inode = 8,
		.high_bytes = 900,
		.low_bytes = 800,
		.brake_bytes = 910,
		.max_bytes = 1000,
		.usage_offset = -50,
		.anon_offset = 60,
	};

	body.generation = ms_marks_generation(body.kind, body.device, body.inode, directory);
	return body;
}

static int set_up(void **state)
{
	(void)state;
	memset(&page, 0, sizeof(page));
	memset(directory, 0, sizeof(directory));
	strcpy(directory, "/sys/fs/cgroup/job");
	return 0;
}

static bool is_believed(struct ms_marks_body body)
{
	struct ms_marks_body read;

	ms_marks_write(&page, &body, directory);
	return ms_marks_read(&page, NOW, &read);
}

static void what_is_written_is_read(void **state)
{
	struct ms_marks_body body = good(), read;
	char where[MS_MARKS_DIRECTORY_BYTES];

	(void)state;
	assert_false(ms_marks_read(&page, NOW, &read));
	assert_true(ms_marks_write(&page, &body, directory));
	assert_false(ms_marks_write(&page, &body, directory)); /* the same file */
	assert_true(ms_marks_read(&page, NOW, &read));
	assert_memory_equal(&read, &body, sizeof(body));
	assert_true(ms_marks_read_directory(&page, &read, where));
	assert_string_equal(where, directory);
}

static void they_end(void **state)
{
	struct ms_marks_body body = good(), read;

	(void)state;
	ms_marks_write(&page, &body, directory);
	assert_true(ms_marks_read(&page, NOW + MS_MARKS_LIFE_NS - 1, &read));
	assert_false(ms_marks_read(&page, NOW + MS_MARKS_LIFE_NS, &read));
	body.until_ns = UINT64_MAX; /* for ever is a lie */
	assert_false(is_believed(body));
}

/* A writer that has no time for the rest: a reader that came before goes by what it read then. */
static void the_last_ones_count_while_they_are_written(void **state)
{
	struct ms_marks_body body = good(), kept = {0}, read;

	(void)state;
	assert_false(ms_marks_read_kept(&page, NOW, &kept));
	ms_marks_write(&page, &body, directory);
	assert_true(ms_marks_read_kept(&page, NOW, &kept));
	assert_memory_equal(&kept, &body, sizeof(body));
	page.marks.check++;
	assert_false(ms_marks_read(&page, NOW, &read));
	assert_true(ms_marks_read_kept(&page, NOW + MS_MARKS_LIFE_NS - 1, &kept));
	assert_memory_equal(&kept, &body, sizeof(body));
	body.kind = MS_USAGE_NONE; /* taken back */
	ms_marks_write(&page, &body, directory);
	assert_false(ms_marks_read_kept(&page, NOW, &kept));
	page.marks.check++;
	assert_false(ms_marks_read_kept(&page, NOW, &kept));
	body = good();
	ms_marks_write(&page, &body, directory);
	assert_true(ms_marks_read_kept(&page, NOW, &kept));
	page.marks.check++;
	assert_false(ms_marks_read_kept(&page, NOW + MS_MARKS_LIFE_NS, &kept));
}

static void nonsense_is_not_believed(void **state)
{
	struct ms_marks_body body = good();

	(void)state;
	assert_true(is_believed(body));
	for (uint32_t kind = 0; kind < 100; kind++) {
		body.kind = kind;
		assert_true(is_believed(body) == (kind >= MS_USAGE_CGROUP1 && kind <= MS_USAGE_ANON));
	}
	body = good();
	body.low_bytes = 900;
	assert_false(is_believed(body));
	body.low_bytes = 0;
	assert_false(is_believed(body));
	body = good();
	body.brake_bytes = 899;
	assert_false(is_believed(body));
	body.brake_bytes = 1001;
	assert_false(is_believed(body));
}

static void sharers_come_within_bounds(void **state)
{
	struct ms_marks_body body = good(), read;

	(void)state;
	body.sharers = 0;
	ms_marks_write(&page, &body, directory);
	assert_true(ms_marks_read(&page, NOW, &read));
	assert_int_equal(read.sharers, 1);
	body.sharers = UINT32_MAX;
	ms_marks_write(&page, &body, directory);
	assert_true(ms_marks_read(&page, NOW, &read));
	assert_int_equal(read.sharers, MS_MARKS_SHARERS_MOST);
}

/* A writer that was killed half way, or two of them: each word may be of the one or of the other. */
static void a_mix_is_not_believed(void **state)
{
	struct ms_marks_body one = good(), other = good(), read;
	uint64_t words[2][sizeof(one) / 8];

	(void)state;
	other.high_bytes += 7;
	other.brake_bytes += 7;
	other.written_ns += 1000;
	other.until_ns -= 5;
	other.usage_offset = -77;
	memcpy(words[0], &one, sizeof(one));
	memcpy(words[1], &other, sizeof(other));
	for (size_t cut = 1; cut < sizeof(one) / 8; cut++) {
		bool same = memcmp(words[0], words[1], cut * 8) == 0 ||
			    memcmp(words[0] + cut, words[1] + cut, sizeof(one) - cut * 8) == 0;

		ms_marks_write(&page, &one, directory);
		memcpy(&page.marks.body, words[1], cut * 8);
		assert_true(ms_marks_read(&page, NOW, &read) == (same && memcmp(words[0], words[1], cut * 8) == 0));
	}
}

static bool is_found(const char *text)
{
	struct ms_marks_body body = good();
	char where[MS_MARKS_DIRECTORY_BYTES] = "untouched";

	memset(directory, 0, sizeof(directory));
	memcpy(directory, text, strlen(text));
	body.generation = ms_marks_generation(body.kind, body.device, body.inode, directory);
	ms_marks_write(&page, &body, directory);
	if (ms_marks_read_directory(&page, &body, where))
		return true;
	assert_string_equal(where, "untouched");
	return false;
}

static void directories_that_lead_elsewhere(void **state)
{
	char longest[MS_MARKS_DIRECTORY_BYTES + 1];
	struct ms_marks_body body;
	char where[MS_MARKS_DIRECTORY_BYTES];

	(void)state;
	assert_true(is_found("/"));
	assert_true(is_found("/a/..b/c.."));
	assert_false(is_found(""));
	assert_false(is_found("a/b"));
	assert_false(is_found("/.."));
	assert_false(is_found("/a/../b"));
	assert_false(is_found("/a/b/.."));
	memset(longest, '/', sizeof(longest));
	longest[MS_MARKS_DIRECTORY_BYTES] = '\0';
	assert_false(is_found(longest)); /* it does not end */
	longest[MS_MARKS_DIRECTORY_BYTES - 1] = '\0';
	assert_true(is_found(longest));

	/* Another one than the generation says: it is being written. */
	set_up(NULL);
	body = good();
	ms_marks_write(&page, &body, directory);
	page.marks.directory[5]++;
	assert_false(ms_marks_read_directory(&page, &body, where));
}

static void used_saturates(void **state)
{
	(void)state;
	assert_true(ms_marks_used(100, -30) == 70);
	assert_true(ms_marks_used(100, 30) == 130);
	assert_true(ms_marks_used(100, -101) == 0);
	assert_true(ms_marks_used(100, INT64_MIN) == 0);
	assert_true(ms_marks_used(UINT64_MAX - 5, 6) == UINT64_MAX);
}

/* ---- the watch's side ---- */

static struct ms_watch watch;
static struct memshed_cache *cache;

static void do_clear(void *ctx)
{
	(void)ctx;
}

/* This process as the only member of a job, and a reading as the test says. */
static int set_up_watch(void **state)
{
	const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "mine", .clear = do_clear);
	struct ms_process_stat stat;
	static struct ms_root root;

	(void)state;
	if (!cache)
		assert_int_equal(memshed_register(&options, &cache), 0);
	assert_int_equal(ms_root_init(&root, "/"), 0);
	assert_int_equal(ms_process_read_stat(&root, getpid(), 0, &stat), 0);
	watch.config = ms_policy_defaults();
	assert_int_equal(ms_tree_init(&watch.reading.tree, &root, getpid(), 0, 0), 0);
	assert_int_equal(ms_tree_sample(&watch.reading.tree), 1);
	ms_members_init(&watch.members, &root, NULL);
	ms_members_add(&watch.members, 0, getpid(), stat.start_ticks, ms_clock_ns());
	assert_int_equal(ms_members_look(&watch.members, 0, ms_clock_ns()), 1);
	watch.reading.sample = (struct ms_sample){
		.at_ns = ms_clock_ns(),
		.processes = 1,
		.limit = {.source = MS_LIMIT_OPTION, .max_bytes = 1000 * MIB, .used_bytes = 500 * MIB},
	};
	watch.reading.marks = ms_policy_marks(&watch.config, 1000 * MIB, 0);
	return 0;
}

static int tear_down_watch(void **state)
{
	(void)state;
	ms_members_remove(&watch.members, 0);
	ms_tree_fini(&watch.reading.tree);
	memset(&watch, 0, sizeof(watch));
	return 0;
}

static struct ms_marks_body told(void)
{
	struct ms_marks_body body;

	assert_true(ms_marks_read(watch.members.at[0].client.page, ms_clock_ns(), &body));
	return body;
}

static void a_member_is_told(void **state)
{
	const struct ms_process_memory *memory = &ms_tree_member(&watch.reading.tree, 0)->memory;
	const struct ms_control_abi *control = watch.members.at[0].client.page;
	uint32_t doorbell = control->header.doorbell;
	struct ms_marks_body body;

	(void)state;
	memset(&watch.members.at[0].client.page->marks, 0, MS_MARKS_BYTES);
	ms_watch_tell_marks(&watch);
	body = told();
	assert_int_not_equal(control->header.doorbell, doorbell); /* there is something to open */
	assert_int_equal(body.kind, MS_USAGE_ANON);
	assert_int_equal(body.sharers, 1);
	assert_true(body.high_bytes == 900 * MIB && body.low_bytes == 800 * MIB && body.max_bytes == 1000 * MIB);
	assert_true(body.brake_bytes > 900 * MIB && body.brake_bytes < 920 * MIB);
	assert_true(ms_marks_used(memory->resident_bytes - memory->shared_bytes, body.anon_offset) == 500 * MIB);
	assert_int_equal(body.flags, 0);
	assert_true(body.until_ns - body.written_ns == MS_MARKS_LIFE_NS);
}

/* High is lowered because the watch may come late; a process does not. */
static void a_margin_does_not_move_them(void **state)
{
	struct ms_marks_body before, after;

	(void)state;
	ms_watch_tell_marks(&watch);
	before = told();
	watch.reading.marks = ms_policy_marks(&watch.config, 1000 * MIB, 400 * MIB);
	watch.options.no_brake = true;
	ms_watch_tell_member(&watch, 0);
	after = told();
	assert_true(after.high_bytes == before.high_bytes && after.low_bytes == before.low_bytes);
	assert_true(after.brake_bytes == before.brake_bytes);
	assert_int_equal(after.flags, MS_MARKS_NO_BRAKE);
}

/* Small rounds, as soon as the member looks by itself. */
static void low_is_near_where_a_member_looks(void **state)
{
	(void)state;
	watch.reading.looks = true;
	ms_watch_tell_marks(&watch);
	assert_true(told().high_bytes == 900 * MIB && told().low_bytes > 880 * MIB);
	watch.reading.looks = false;
	ms_watch_tell_marks(&watch);
	assert_true(told().high_bytes == 900 * MIB && told().low_bytes == 800 * MIB);
}

static void without_a_limit_there_are_none(void **state)
{
	struct ms_marks_body body;

	(void)state;
	ms_watch_tell_marks(&watch);
	told();
	watch.reading.sample.limit = (struct ms_limit){.source = MS_LIMIT_NONE, .max_bytes = UINT64_MAX};
	watch.reading.marks = ms_policy_marks(&watch.config, 0, 0);
	ms_watch_tell_marks(&watch);
	assert_false(ms_marks_read(watch.members.at[0].client.page, ms_clock_ns(), &body));
}

/* The file of the level that binds, and a bell when it is another one. */
static void a_cgroup_is_named(void **state)
{
	struct ms_cgroup *cgroup = &watch.reading.budget.cgroup;
	struct ms_control_abi *control = watch.members.at[0].client.page;
	char where[MS_MARKS_DIRECTORY_BYTES];
	struct ms_marks_body body;
	uint32_t doorbell;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	cgroup->version = MS_CGROUP_V2;
	cgroup->level_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		cgroup->levels[i].usage_fd = fds[i];
		cgroup->levels[i].usage_bytes = (600 + i) * MIB;
		snprintf(cgroup->levels[i].path, sizeof(cgroup->levels[i].path), "/job%u", i);
		snprintf(cgroup->levels[i].directory, sizeof(cgroup->levels[i].directory), "/sys/fs/cgroup/job%u", i);
	}
	watch.reading.sample.limit.source = MS_LIMIT_CGROUP2_MAX;
	strcpy(watch.reading.sample.limit.where, "/job1");
	doorbell = control->header.doorbell;
	ms_watch_tell_marks(&watch);
	body = told();
	assert_int_equal(body.kind, MS_USAGE_CGROUP2);
	assert_true(ms_marks_used(601 * MIB, body.usage_offset) == 500 * MIB);
	assert_true(body.inode == ms_inode_of(fds[1]).inode);
	assert_true(ms_marks_read_directory(control, &body, where));
	assert_string_equal(where, "/sys/fs/cgroup/job1");
	assert_int_not_equal(control->header.doorbell, doorbell);

	cgroup->levels[1].directory[0] = '\0'; /* too long to be told */
	ms_watch_tell_marks(&watch);
	assert_int_equal(told().kind, MS_USAGE_ANON);
	close(fds[0]);
	close(fds[1]);
	cgroup->level_count = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_written_is_read, set_up),
		cmocka_unit_test_setup(they_end, set_up),
		cmocka_unit_test_setup(the_last_ones_count_while_they_are_written, set_up),
		cmocka_unit_test_setup(nonsense_is_not_believed, set_up),
		cmocka_unit_test_setup(sharers_come_within_bounds, set_up),
		cmocka_unit_test_setup(a_mix_is_not_believed, set_up),
		cmocka_unit_test_setup(directories_that_lead_elsewhere, set_up),
		cmocka_unit_test_setup(used_saturates, set_up),
		cmocka_unit_test_setup_teardown(a_member_is_told, set_up_watch, tear_down_watch),
		cmocka_unit_test_setup_teardown(a_margin_does_not_move_them, set_up_watch, tear_down_watch),
		cmocka_unit_test_setup_teardown(low_is_near_where_a_member_looks, set_up_watch, tear_down_watch),
		cmocka_unit_test_setup_teardown(without_a_limit_there_are_none, set_up_watch, tear_down_watch),
		cmocka_unit_test_setup_teardown(a_cgroup_is_named, set_up_watch, tear_down_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

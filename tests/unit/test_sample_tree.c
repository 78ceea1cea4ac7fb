/* SPDX-License-Identifier: MIT */
/* Which processes belong to a target, while processes come and go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "sample/tree.h"
#include "sample_fixture.h"

static struct fixture fixture;
static struct ms_tree tree;

static int make_root(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	tree.proc_fd = -1;
	fixture_empty(&fixture);
	return 0;
}

static int end_root(void **state)
{
	(void)state;
	ms_tree_fini(&tree);
	fixture_done(&fixture);
	return 0;
}

/* With a root of the test's own, which is empty. */
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, end_root)

static void start_tree(pid_t root, uint64_t start_ticks, pid_t adopter)
{
	assert_int_equal(ms_tree_init(&tree, &fixture.root, root, start_ticks, adopter), 0);
	assert_int_equal(ms_tree_scan(&tree), 0);
}

/* All changes told now, as "+pid" and "-pid". */
static const char *told(void)
{
	static char text[512];
	struct ms_tree_change change;

	text[0] = '\0';
	while (ms_tree_next_change(&tree, &change))
		sprintf(text + strlen(text), "%s%c%d", text[0] ? " " : "", change.came ? '+' : '-',
			(int)change.pid);
	return text;
}

static void end(int pid)
{
	int slot = ms_tree_find(&tree, pid);

	assert_true(slot >= 0);
	fixture.gone_fd = tree.slots[slot].process.statm_fd;
	fixture.gone_error = -ESRCH;
}

static void forget(int pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/proc/%d", fixture.temporary, pid);
	nftw(path, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	fixture.gone_fd = -1;
}

static void captured_trees_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *tree;
		pid_t root, child, grandchild;
		uint64_t rss_pages, anon_pages, largest_anon_pages;
	} CASES[] = {
		{"cgroup1-6.18", 31349, 31351, 31353, 423 + 410 + 434, 28 + 27 + 27, 28},
		{"cgroup2-6.1", 704, 706, 708, 414 + 398 + 445, 27 + 26 + 26, 27},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const uint64_t page = ms_process_page_bytes();
		unsigned before = fixture_descriptors();

		fixture_captured(&fixture, CASES[i].tree);
		assert_int_equal(ms_tree_init(&tree, &fixture.root, CASES[i].root, 0, 0), 0);
		assert_int_equal(ms_tree_scan(&tree), 0);
		assert_int_equal(ms_tree_sample(&tree), 3);
		assert_true(ms_tree_find(&tree, CASES[i].child) >= 0);
		assert_true(ms_tree_find(&tree, CASES[i].grandchild) >= 0);
		assert_int_equal(tree.memory.rss_bytes, CASES[i].rss_pages * page);
		assert_int_equal(tree.memory.anon_bytes, CASES[i].anon_pages * page);
		assert_int_equal(tree.memory.largest_anon_bytes, CASES[i].largest_anon_pages * page);
		assert_false(tree.incomplete);
		ms_tree_fini(&tree);
		/* The grandchild alone. */
		assert_int_equal(ms_tree_init(&tree, &fixture.root, CASES[i].grandchild, 0, 0), 0);
		assert_int_equal(ms_tree_scan(&tree), 0);
		assert_int_equal(ms_tree_sample(&tree), 1);
		ms_tree_fini(&tree);
		fixture_done(&fixture);
		assert_int_equal(fixture_descriptors(), before);
	}
}

static void several_roots_are_one_tree(void **state)
{
	(void)state;
	fixture_process(&fixture, 1, 0, "init", 1, 10);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_process(&fixture, 60, 1, "other", 778, 50);
	fixture_process(&fixture, 61, 60, "worker", 779, 20);
	fixture_process(&fixture, 62, 1, "stranger", 780, 5);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 777, 0), 0);
	assert_int_equal(ms_tree_add_root(&tree, 60, 999), -ESRCH); /* another process of that number */
	assert_int_equal(ms_tree_add_root(&tree, 60, 778), 0);
	assert_int_equal(ms_tree_add_root(&tree, 60, 778), 0); /* it is one already */
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_string_equal(told(), "+50 +60 +61");
	assert_int_equal(ms_tree_sample(&tree), 3);
	assert_int_equal(tree.memory.rss_bytes, 170 * ms_process_page_bytes());
}

static void what_comes_and_goes_is_told_once(void **state)
{
	(void)state;
	fixture_process(&fixture, 1, 0, "init", 1, 10);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_process(&fixture, 60, 1, "other", 778, 100);
	start_tree(50, 777, 0);
	assert_string_equal(told(), "+50");
	assert_string_equal(told(), "");

	fixture_process(&fixture, 70, 50, "worker", 800, 30);
	fixture_process(&fixture, 71, 70, "helper", 801, 30);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_string_equal(told(), "+70 +71");
	assert_int_equal(ms_tree_sample(&tree), 3);

	/* 70 ends; its child goes to init, and still belongs. */
	end(70);
	assert_int_equal(ms_tree_sample(&tree), 2);
	forget(70);
	fixture_process(&fixture, 71, 1, "helper", 801, 30);
	assert_int_equal(ms_tree_find(&tree, 70), -ESRCH);
	assert_string_equal(told(), "-70");
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_string_equal(told(), "");
	assert_int_equal(tree.members, 2);

	/* The pid comes back: another process, in no relation. */
	fixture_process(&fixture, 70, 1, "stranger", 900, 5);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_string_equal(told(), "");
	/* Came and left before it was asked for. */
	fixture_process(&fixture, 80, 50, "brief", 901, 5);
	assert_int_equal(ms_tree_scan(&tree), 0);
	end(80);
	ms_tree_sample(&tree);
	forget(80);
	assert_string_equal(told(), "");
}

static void a_slot_is_kept_until_its_departure_was_told(void **state)
{
	(void)state;
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_process(&fixture, 51, 50, "a", 778, 100);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	ms_tree_scan(&tree);
	assert_string_equal(told(), "+50 +51");
	int slot = ms_tree_find(&tree, 51);

	end(51);
	ms_tree_sample(&tree);
	forget(51);
	assert_null(ms_tree_member(&tree, (uint32_t)slot));
	fixture_process(&fixture, 52, 50, "b", 779, 100);
	ms_tree_scan(&tree);
	assert_int_not_equal(ms_tree_find(&tree, 52), slot);
	assert_string_equal(told(), "-51 +52");
	fixture_process(&fixture, 53, 50, "c", 780, 100);
	ms_tree_scan(&tree);
	assert_int_equal(ms_tree_find(&tree, 53), slot);
}

/* A child may have a lower pid than its parent: pids wrap. */
static void children_before_their_parents_are_found(void **state)
{
	(void)state;
	fixture_process(&fixture, 5000, 1, "job", 700, 100);
	for (int i = 0; i < 50; i++)
		fixture_process(&fixture, 100 + i, i == 49 ? 5000 : 101 + i, "link", 800, 1);
	start_tree(5000, 0, 0);
	assert_int_equal(tree.members, 51);
}

static void the_adopters_children_belong(void **state)
{
	(void)state;
	fixture_process(&fixture, 1, 0, "init", 1, 10);
	fixture_process(&fixture, 40, 1, "supervisor", 600, 10);
	fixture_process(&fixture, 50, 40, "job", 777, 100);
	fixture_process(&fixture, 60, 40, "orphan", 778, 100);
	fixture_process(&fixture, 61, 60, "its child", 779, 100);
	fixture_process(&fixture, 70, 1, "other", 779, 100);
	start_tree(50, 0, 40);
	assert_int_equal(tree.members, 3);
	assert_int_equal(ms_tree_find(&tree, 40), -ESRCH);
	assert_true(ms_tree_find(&tree, 61) >= 0);
}

/* A process that says hello before a scan has seen it, and its ancestors; and one that does not belong. */
static void a_process_is_sought_between_two_scans(void **state)
{
	(void)state;
	fixture_process(&fixture, 1, 0, "init", 1, 10);
	fixture_process(&fixture, 40, 1, "supervisor", 600, 10);
	fixture_process(&fixture, 50, 40, "job", 777, 100);
	fixture_process(&fixture, 70, 1, "other", 779, 100);
	fixture_process(&fixture, 71, 70, "its child", 779, 100);
	start_tree(50, 0, 40);
	assert_string_equal(told(), "+50");
	fixture_process(&fixture, 60, 40, "orphan", 778, 100);
	fixture_process(&fixture, 61, 60, "its child", 779, 100);
	fixture_process(&fixture, 62, 61, "grandchild", 779, 100);
	fixture_process(&fixture, 63, 62, "not sought", 779, 100);
	assert_true(ms_tree_seek(&tree, 62) >= 0);
	assert_int_equal(ms_tree_seek(&tree, 62), ms_tree_find(&tree, 62));
	assert_string_equal(told(), "+60 +61 +62");
	assert_int_equal(ms_tree_seek(&tree, 71), -ESRCH);
	assert_int_equal(ms_tree_seek(&tree, 40), -ESRCH);
	assert_int_equal(ms_tree_seek(&tree, 99), -ESRCH);
	assert_string_equal(told(), "");
	fixture.error = -ENOMEM;
	fixture.fail_at = fixture.calls + 1;
	assert_int_equal(ms_tree_seek(&tree, 63), -ENOMEM);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_string_equal(told(), "+63");
}

/* A supervisor that was started from within the target does not watch itself. */
static void the_adopter_is_no_member(void **state)
{
	(void)state;
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_process(&fixture, 55, 50, "supervisor", 778, 10);
	fixture_process(&fixture, 60, 55, "its child", 779, 10);
	start_tree(50, 0, 55);
	assert_int_equal(tree.members, 2);
	assert_int_equal(ms_tree_find(&tree, 55), -ESRCH);
}

static void zombies_are_no_members(void **state)
{
	(void)state;
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_write(&fixture, "60 (gone) Z 50 1 1 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 1 0 800 0 0 1\n",
		      "proc/60/stat");
	fixture_write(&fixture, "0 0 0 0 0 0 0\n", "proc/60/statm");
	/* Its main thread alone has ended. */
	fixture_write(&fixture, "70 (half) Z 50 1 1 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 2 0 800 0 0 1\n",
		      "proc/70/stat");
	fixture_write(&fixture, "0 0 0 0 0 0 0\n", "proc/70/statm");
	fixture_write(&fixture, "9 8 7 6 5 4 0\n", "proc/70/task/71/statm");
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 60, 0, 0), -ESRCH);
	start_tree(50, 0, 0);
	assert_string_equal(told(), "+50 +70");
	assert_int_equal(ms_tree_sample(&tree), 2);
	assert_true(tree.scan_soon);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(ms_tree_sample(&tree), 2);
	assert_false(tree.scan_soon);
	assert_int_equal(tree.memory.rss_bytes, 108 * ms_process_page_bytes());
}

static void outsiders_are_not_read_again_and_again(void **state)
{
	(void)state;
	unsigned first, later = 0;

	fixture_process(&fixture, 1, 0, "init", 1, 10);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	for (int pid = 100; pid < 300; pid++)
		fixture_process(&fixture, pid, 1, "other", 500, 1);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	ms_tree_scan(&tree);
	first = fixture.calls;
	for (int i = 0; i < 32; i++) {
		fixture.calls = 0;
		ms_tree_scan(&tree);
		later += fixture.calls;
	}
	/* Each outsider is read every 16th scan, by two calls. */
	assert_true(first > 400);
	assert_true(later / 32 < 400 / 16 + 20);
	/* A pid that changed hands behind the scans' back is noticed within 16 of them. */
	fixture_process(&fixture, 200, 50, "worker", 900, 1);
	for (int i = 0; i < 16; i++)
		ms_tree_scan(&tree);
	assert_true(ms_tree_find(&tree, 200) >= 0);
}

static void more_processes_than_fit_are_said(void **state)
{
	(void)state;
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	for (int pid = 100; pid < 100 + MS_TREE_CAPACITY + 20; pid++)
		fixture_process(&fixture, pid, 50, "worker", 800, 1);
	/* Descriptors run out as well, long before. */
	fixture.deny = "statm";
	fixture.deny_error = -EMFILE;
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), -EMFILE);
	fixture.deny = NULL;
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	fixture.deny = "statm";
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_true(tree.incomplete);
	assert_int_equal(tree.members, MS_TREE_CAPACITY);
	assert_int_equal(ms_tree_sample(&tree), MS_TREE_CAPACITY);
	assert_int_equal(tree.memory.rss_bytes, 100 * ms_process_page_bytes());
}

static void a_member_without_descriptor_gets_one_later(void **state)
{
	(void)state;
	const uint64_t page = ms_process_page_bytes();

	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture_process(&fixture, 51, 50, "worker", 778, 40);
	fixture_process(&fixture, 52, 51, "its child", 779, 2);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	fixture.deny = "statm";
	fixture.deny_error = -ENFILE;
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_true(tree.incomplete);
	assert_int_equal(ms_tree_sample(&tree), 3);
	assert_int_equal(tree.memory.rss_bytes, 100 * page);
	fixture.deny = NULL;
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_false(tree.incomplete);
	assert_int_equal(ms_tree_sample(&tree), 3);
	assert_int_equal(tree.memory.rss_bytes, 142 * page);
}

static void a_reading_that_fails_leaves_the_last_one(void **state)
{
	(void)state;
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	assert_int_equal(ms_tree_sample(&tree), 1);
	end(50);
	fixture.gone_error = -EIO;
	assert_int_equal(ms_tree_sample(&tree), 1);
	assert_int_equal(tree.memory.rss_bytes, 100 * ms_process_page_bytes());
	fixture.gone_fd = -1;
	fixture_write(&fixture, "12 34", "proc/50/statm");
	assert_int_equal(ms_tree_sample(&tree), 1);
	assert_int_equal(tree.memory.rss_bytes, 100 * ms_process_page_bytes());
}

static void sums_stay_at_the_top_instead_of_wrapping(void **state)
{
	(void)state;
	const unsigned long many = UINT64_MAX / ms_process_page_bytes() / 2;

	fixture_process(&fixture, 50, 1, "job", 777, many);
	fixture_process(&fixture, 51, 50, "job", 777, many);
	fixture_process(&fixture, 52, 50, "job", 777, many);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	ms_tree_scan(&tree);
	assert_int_equal(ms_tree_sample(&tree), 3);
	assert_true(tree.memory.rss_bytes == UINT64_MAX);
}

static void a_live_tree_is_followed(void **state)
{
	(void)state;
	int link[2];

	assert_int_equal(pipe2(link, O_CLOEXEC), 0);
	fixture_live(&fixture);
	pid_t child = fork();

	if (child == 0) {
		pid_t pids[2] = {getpid(), fork()};

		if (pids[1] == 0)
			pause();
		if (write(link[1], pids, sizeof(pids)) < 0)
			_exit(1);
		waitpid(pids[1], NULL, 0);
		pause();
		_exit(0);
	}
	pid_t pids[2];

	assert_int_equal(read(link[0], pids, sizeof(pids)), sizeof(pids));
	assert_int_equal(ms_tree_init(&tree, &fixture.root, child, 0, 0), 0);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(ms_tree_sample(&tree), 2);
	assert_true(tree.memory.rss_bytes >= tree.memory.anon_bytes);
	assert_true(tree.memory.anon_bytes >= tree.memory.largest_anon_bytes);

	kill(pids[1], SIGKILL);
	while (ms_tree_sample(&tree) == 2)
		ms_tree_scan(&tree);
	assert_int_equal(ms_tree_find(&tree, pids[1]), -ESRCH);
	/* A zombie that is not reaped has left all the same, after a scan. */
	kill(child, SIGKILL);
	while (!tree.scan_soon)
		assert_int_equal(ms_tree_sample(&tree), 1);
	while (ms_tree_sample(&tree) != 0)
		ms_tree_scan(&tree);
	ms_tree_scan(&tree);
	assert_int_equal(tree.members, 0);
	waitpid(child, NULL, 0);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, child, 0, 0), -ESRCH);
	close(link[0]);
	close(link[1]);
	fixture_done(&fixture);
}

static void every_failure_leaves_a_tree_that_works(void **state)
{
	(void)state;
	static const int ERRORS[] = {-EMFILE, -ENOMEM, -EACCES, -EIO, -ESRCH, -ENOENT, -EINTR};
	unsigned before = fixture_descriptors();

	for (size_t e = 0; e < sizeof(ERRORS) / sizeof(ERRORS[0]); e++) {
		bool reached = true;

		for (unsigned n = 1; reached; n++) {
			fixture_captured(&fixture, "cgroup1-6.18");
			fixture.fail_at = n;
			fixture.error = ERRORS[e];
			if (ms_tree_init(&tree, &fixture.root, 31349, 0, 0) == 0) {
				ms_tree_scan(&tree);
				ms_tree_sample(&tree);
				ms_tree_scan(&tree);
				told();
				/* What is there is found by the next scan, whatever happened. */
				reached = fixture.calls >= n;
				fixture.fail_at = 0;
				for (int i = 0; i < 17; i++)
					assert_int_equal(ms_tree_scan(&tree), 0);
				assert_false(tree.incomplete);
				if (ERRORS[e] != -ESRCH)
					assert_int_equal(ms_tree_sample(&tree), 3);
				ms_tree_fini(&tree);
			}
			fixture_done(&fixture);
			assert_int_equal(fixture_descriptors(), before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured_trees_are_found),
		WITH_ROOT(several_roots_are_one_tree),
		WITH_ROOT(what_comes_and_goes_is_told_once),
		WITH_ROOT(a_slot_is_kept_until_its_departure_was_told),
		WITH_ROOT(children_before_their_parents_are_found),
		WITH_ROOT(the_adopters_children_belong),
		WITH_ROOT(a_process_is_sought_between_two_scans),
		WITH_ROOT(the_adopter_is_no_member),
		WITH_ROOT(zombies_are_no_members),
		WITH_ROOT(outsiders_are_not_read_again_and_again),
		WITH_ROOT(more_processes_than_fit_are_said),
		WITH_ROOT(a_member_without_descriptor_gets_one_later),
		WITH_ROOT(a_reading_that_fails_leaves_the_last_one),
		WITH_ROOT(sums_stay_at_the_top_instead_of_wrapping),
		cmocka_unit_test(a_live_tree_is_followed),
		cmocka_unit_test(every_failure_leaves_a_tree_that_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

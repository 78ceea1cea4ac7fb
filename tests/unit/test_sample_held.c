/* SPDX-License-Identifier: MIT */
/* What of the resident memory a cleared cache could return: of a process, and of a tree that shares pages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "sample/held.h"
#include "sample/tree.h"
#include "sample_fixture.h"
#include "util/clock.h"

#define MiB (UINT64_C(1) << 20)

static struct ms_tree tree;

static void status_and_rollup_take_the_right_rows(void **state)
{
	(void)state;
	static const char status[] = "VmRSS:\t 1 kB\nRssAnon:\t 2 kB\nRssFile:\t 3 kB\nRssShmem:\t 4 kB\n";
	static const char rollup[] = "1-2 ---p 0 0:0 0 [rollup]\nRss: 1 kB\nPss: 2 kB\nPss_Dirty: 3 kB\n"
				     "Pss_Anon: 4 kB\nPss_File: 5 kB\nPss_Shmem: 6 kB\nAnonymous: 7 kB\n";
	uint64_t bytes = 7;

	assert_int_equal(ms_held_parse_status(status, &bytes), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(ms_held_parse_rollup(rollup, &bytes), 0);
	assert_int_equal(bytes, 10240);
	assert_int_equal(ms_held_parse_status("Name:\tjob\nState:\tZ\n", &bytes), -EBADMSG);
	assert_int_equal(ms_held_parse_rollup("Rss: 1 kB\nPss: 2 kB\n", &bytes), -EBADMSG);
	assert_int_equal(ms_held_parse_rollup("Pss_Anon: 18446744073709551615 kB\nPss_Shmem: 1 kB\n", &bytes),
			 -EBADMSG);
	assert_int_equal(bytes, 10240);
}

static void write_status(struct fixture *fixture, uint64_t shmem)
{
	char text[64];

	snprintf(text, sizeof(text), "RssShmem:\t%llu kB\n", (unsigned long long)shmem / 1024);
	fixture_write(fixture, text, "proc/50/status");
}

static uint64_t sample(struct ms_held *held, struct fixture *fixture, uint64_t resident, uint64_t shared)
{
	const struct ms_process_memory memory = {.resident_bytes = resident, .shared_bytes = shared};

	ms_held_sample(held, &fixture->root, &memory);
	return held->bytes;
}

/* A reading between two of status says too much rather than too little. */
static void what_changed_since_counts_as_shmem(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_held held;

	fixture_empty(&fixture);
	write_status(&fixture, 20 * MiB);
	assert_int_equal(ms_held_open(&held, &fixture.root, 50), 0);
	assert_int_equal(sample(&held, &fixture, 200 * MiB, 150 * MiB), 70 * MiB);
	fixture.calls = 0;
	assert_int_equal(sample(&held, &fixture, 201 * MiB, 151 * MiB), 71 * MiB);
	assert_int_equal(fixture.calls, 0); /* it would not be worth a reading */
	fixture.gone_fd = held.status_fd;
	fixture.gone_error = -ENOMEM;
	assert_int_equal(sample(&held, &fixture, 250 * MiB, 200 * MiB), 120 * MiB);
	fixture.gone_fd = -1;
	assert_int_equal(sample(&held, &fixture, 250 * MiB, 200 * MiB), 70 * MiB);
	/* A change that statm does not show is seen when status is asked for again. */
	write_status(&fixture, 90 * MiB);
	assert_int_equal(sample(&held, &fixture, 250 * MiB, 200 * MiB), 70 * MiB);
	ms_held_forget(&held);
	assert_int_equal(sample(&held, &fixture, 250 * MiB, 200 * MiB), 140 * MiB);
	/* Never more than statm has. */
	assert_int_equal(sample(&held, &fixture, 100 * MiB, 60 * MiB), 100 * MiB);
	ms_held_close(&held);
	fixture_done(&fixture);
}

/* Before Linux 4.5, or when there is no descriptor left for it. */
static void without_status_all_that_is_shared_counts(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_held held;

	fixture_empty(&fixture);
	assert_int_equal(ms_held_open(&held, &fixture.root, 50), -ENOENT);
	assert_int_equal(sample(&held, &fixture, 200 * MiB, 150 * MiB), 200 * MiB);
	ms_held_close(&held);
	fixture_write(&fixture, "Name:\tjob\n", "proc/50/status");
	assert_int_equal(ms_held_open(&held, &fixture.root, 50), 0);
	assert_int_equal(sample(&held, &fixture, 200 * MiB, 150 * MiB), 200 * MiB);
	ms_held_close(&held);
	fixture_done(&fixture);
}

static void write_rollup(struct fixture *fixture, int pid, uint64_t pss)
{
	char text[96];

	snprintf(text, sizeof(text), "Pss_Anon: %llu kB\nPss_Shmem: 0 kB\n", (unsigned long long)pss / 1024);
	fixture_write(fixture, text, "proc/%d/smaps_rollup", pid);
}

static uint64_t held_now(void)
{
	ms_tree_sample(&tree);
	return tree.memory.held_bytes;
}

static void put_process(struct fixture *fixture, int pid, int ppid, uint64_t resident)
{
	fixture_process(fixture, pid, ppid, "job", 777 + (unsigned long)pid,
			(unsigned long)(resident / ms_process_page_bytes()) + 10); /* 10 pages are files */
	fixture_write(fixture, "RssShmem: 0 kB\n", "proc/%d/status", pid);
}

/* A fork shows all of the parent's memory a second time; then its pages become its own by and by. */
static void a_fork_holds_nothing_at_first(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t now_ns = MS_NS_PER_S;

	fixture_empty(&fixture);
	put_process(&fixture, 50, 1, 100 * MiB);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	ms_tree_count_held(&tree);
	assert_int_equal(held_now(), 100 * MiB);
	assert_false(ms_tree_wants_measuring(&tree, now_ns, false)); /* one shares with no other */
	put_process(&fixture, 51, 50, 100 * MiB);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(held_now(), 100 * MiB);
	assert_int_equal(tree.memory.rss_bytes, 200 * MiB + 20 * ms_process_page_bytes());
	put_process(&fixture, 51, 50, 130 * MiB);
	assert_int_equal(held_now(), 130 * MiB);

	/* Half of what they share is each one's, and the figures change together. */
	write_rollup(&fixture, 50, 70 * MiB);
	write_rollup(&fixture, 51, 100 * MiB);
	assert_true(ms_tree_wants_measuring(&tree, now_ns, false));
	assert_true(ms_tree_measure(&tree, now_ns));
	assert_int_equal(held_now(), 130 * MiB);
	assert_false(ms_tree_measure(&tree, now_ns));
	assert_int_equal(held_now(), 170 * MiB);
	put_process(&fixture, 51, 50, 150 * MiB); /* not much more */
	assert_int_equal(held_now(), 190 * MiB);
	assert_true(ms_tree_measure(&tree, now_ns));
	assert_false(ms_tree_measure(&tree, now_ns));
	assert_int_equal(held_now(), 170 * MiB);
	assert_false(ms_tree_wants_measuring(&tree, now_ns += MS_NS_PER_S, false));
	put_process(&fixture, 51, 50, 200 * MiB);
	assert_int_equal(held_now(), 220 * MiB);
	assert_true(ms_tree_wants_measuring(&tree, now_ns, false));

	/* What may not be looked into counts whole. */
	fixture.deny = "51/smaps_rollup";
	fixture.deny_error = -EACCES;
	while (ms_tree_measure(&tree, now_ns))
		;
	assert_int_equal(held_now(), 270 * MiB);
	ms_tree_fini(&tree);
	fixture_done(&fixture);
}

/* The kernel's own figures: memory that two processes map is there once. */
static void shared_memory_counts_once(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t before, now_ns = MS_NS_PER_S;
	char *shared = mmap(NULL, 64 * MiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2];
	char byte;

	assert_true(shared != MAP_FAILED);
	assert_int_equal(pipe(ready), 0);
	memset(shared, 1, 64 * MiB);
	fixture_live(&fixture);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, getpid(), 0, 0), 0);
	ms_tree_count_held(&tree);
	before = held_now();
	assert_true(before >= 64 * MiB);
	pid_t pid = fork();

	if (pid == 0) {
		/* By the kernel: a sanitizer notes each read of ours in memory that is not shared. */
		if (madvise(shared, 64 * MiB, MADV_POPULATE_READ) < 0)
			_exit(1);
		(void)!write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(ms_tree_scan(&tree), 0);
	assert_int_equal(tree.members, 2);
	ms_tree_sample(&tree);
	while (ms_tree_measure(&tree, now_ns))
		;
	assert_true(held_now() < before + 32 * MiB);
	assert_true(held_now() >= 64 * MiB);
	assert_true(tree.memory.rss_bytes >= 128 * MiB);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ms_tree_fini(&tree);
	fixture_done(&fixture);
}

static void nothing_stays_open(void **state)
{
	(void)state;
	struct fixture fixture;
	unsigned before = fixture_descriptors();

	fixture_empty(&fixture);
	put_process(&fixture, 50, 1, 100 * MiB);
	put_process(&fixture, 51, 50, 100 * MiB);
	assert_int_equal(ms_tree_init(&tree, &fixture.root, 50, 0, 0), 0);
	ms_tree_count_held(&tree);
	assert_int_equal(ms_tree_scan(&tree), 0);
	ms_tree_sample(&tree);
	while (ms_tree_measure(&tree, 1))
		;
	ms_tree_fini(&tree);
	fixture_done(&fixture);
	assert_int_equal(fixture_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_and_rollup_take_the_right_rows),
		cmocka_unit_test(what_changed_since_counts_as_shmem),
		cmocka_unit_test(without_status_all_that_is_shared_counts),
		cmocka_unit_test(a_fork_holds_nothing_at_first),
		cmocka_unit_test(shared_memory_counts_once),
		cmocka_unit_test(nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

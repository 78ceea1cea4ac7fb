/* SPDX-License-Identifier: MIT */
/* stat, statm and limits of one process: captured, made up, and live. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "sample/process.h"
#include "sample_fixture.h"

#define TAIL " 0 0 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 3 0 173467 3133440 360 1\n"

static void stat_says_who_it_is(void **state)
{
	(void)state;
	struct ms_process_stat stat;

	assert_int_equal(ms_process_parse_stat("10348 (cat) R 10342" TAIL, &stat), 0);
	assert_int_equal(stat.pid, 10348);
	assert_int_equal(stat.ppid, 10342);
	assert_int_equal(stat.state, 'R');
	assert_string_equal(stat.comm, "cat");
	assert_int_equal(stat.threads, 3);
	assert_int_equal(stat.start_ticks, 173467);
}

static void stat_survives_any_name(void **state)
{
	(void)state;
	static const char *const NAMES[] = {
		"",
		" ",
		")",
		"(",
		"a b",
		") R 1 2 3",
		"a) S (b",
		"x\ny",
		"))))((",
		"\xff\x01",
		"kworker/u8:1-ev",
		"123 (456) S 7",
	};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		struct ms_process_stat stat;
		char text[256];

		snprintf(text, sizeof(text), "7 (%s) T 6" TAIL, NAMES[i]);
		assert_int_equal(ms_process_parse_stat(text, &stat), 0);
		assert_string_equal(stat.comm, NAMES[i]);
		assert_int_equal(stat.state, 'T');
		assert_int_equal(stat.ppid, 6);
		assert_int_equal(stat.start_ticks, 173467);
	}
}

static void stat_cuts_a_name_that_is_too_long(void **state)
{
	(void)state;
	struct ms_process_stat stat;
	char text[512], name[200];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "7 (%s) T 6" TAIL, name);
	assert_int_equal(ms_process_parse_stat(text, &stat), 0);
	assert_int_equal(strlen(stat.comm), MS_COMM_BYTES - 1);
	assert_int_equal(stat.ppid, 6);
}

/* Every beginning of a good text: refused, or at least all fields are the true ones. */
static void stat_refuses_what_was_cut_off(void **state)
{
	(void)state;
	static const char whole[] = "10348 (c) at) R 10342" TAIL;
	struct ms_process_stat full, stat;
	char text[sizeof(whole)];

	assert_int_equal(ms_process_parse_stat(whole, &full), 0);
	for (size_t length = 0; length < sizeof(whole); length++) {
		memcpy(text, whole, length);
		text[length] = '\0';
		if (ms_process_parse_stat(text, &stat) != 0)
			continue;
		assert_int_equal(stat.start_ticks, full.start_ticks);
		assert_int_equal(stat.ppid, full.ppid);
		assert_int_equal(stat.threads, full.threads);
	}
}

static void stat_refuses_garbage(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"", "\n", "x", "7", "7 ", "7 (", "7 ()", "7 cat S 1" TAIL, "-7 (cat) S 1" TAIL,
		"7 (cat) 1 1" TAIL, "7 (cat)", "7 (cat) S -1" TAIL, "99999999999 (cat) S 1" TAIL,
		"7 (cat) S 1 0 0 0 -1 1 1 1 1 1 1 1 1 1 20 0 x 0 173467 1\n",
		"7 (cat) S 1 0 0 0 -1 1 1 1 1 1 1 1 1 1 20 0 1 0 99999999999999999999 1\n",
		"7 (cat) S 1  0 0 0 -1 1 1 1 1 1 1 1 1 20 0 1 0 173467 1\n",
	};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct ms_process_stat stat = {.pid = 42};

		assert_int_equal(ms_process_parse_stat(TEXTS[i], &stat), -EBADMSG);
		assert_int_equal(stat.pid, 42);
	}
}

/* Each field has its own number: a wrong index cannot go unnoticed. */
static void statm_fields_are_in_their_places(void **state)
{
	(void)state;
	struct ms_process_memory memory;

	assert_int_equal(ms_process_parse_statm("11 12 13 14 15 16 17\n", 4096, &memory), 0);
	assert_int_equal(memory.size_bytes, 11 * 4096);
	assert_int_equal(memory.resident_bytes, 12 * 4096);
	assert_int_equal(memory.shared_bytes, 13 * 4096);
	assert_int_equal(memory.data_bytes, 16 * 4096);
}

static void statm_refuses_what_is_no_statm(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"",
		"\n",
		"1 2 3 4 5 6\n",
		"1 2 3 4 5 6 7",
		"1 2 3 4 5 6 7 8\n",
		"1  2 3 4 5 6 7\n",
		"-1 2 3 4 5 6 7\n",
		"1 2 3 4 5 6 x\n",
		"18446744073709551615 2 3 4 5 6 7\n",
		"18446744073709551616 2 3 4 5 6 7\n",
	};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct ms_process_memory memory = {.size_bytes = 42};

		assert_int_equal(ms_process_parse_statm(TEXTS[i], 4096, &memory), -EBADMSG);
		assert_int_equal(memory.size_bytes, 42);
	}
}

#define ROW(name, soft) name soft "             1                    bytes     \n"

static void limits_are_the_soft_ones(void **state)
{
	(void)state;
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max cpu time              7            unlimited            seconds   \n" ROW(
			"Max data size             ", "1000") ROW("Max stack size            ", "2000")
			ROW("Max resident set          ", "3000") ROW("Max locked memory         ", "4000")
				ROW("Max address space         ", "unlimited");
	struct ms_process_limits limits;

	assert_int_equal(ms_process_parse_limits(text, &limits), 0);
	assert_int_equal(limits.data_bytes, 1000);
	assert_true(limits.as_bytes == UINT64_MAX);
}

static void limits_refuse_what_lacks_a_row(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"", "\n", ROW("Max data size     ", "1"), ROW("Max address space    ", "1"),
		ROW("Max data size     ", "x") ROW("Max address space    ", "1"),
		ROW("Max data size     ", "1") ROW("Max address space    ", "99999999999999999999"),
		ROW("Max data size     ", "1") "Max address space    12",
	};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct ms_process_limits limits = {.as_bytes = 42};

		assert_int_equal(ms_process_parse_limits(TEXTS[i], &limits), -EBADMSG);
		assert_int_equal(limits.as_bytes, 42);
	}
}

/* Figures as they stand in the captured files, looked up by hand. */
static void captured_processes_read_as_they_are(void **state)
{
	(void)state;
	static const struct {
		const char *tree;
		pid_t pid, ppid;
		uint64_t start_ticks, size, resident, shared, data;
		uint64_t data_limit, as_limit;
	} CASES[] = {
		{"cgroup1-6.18", 31349, 31339, 333809, 648, 423, 395, 91, 1073741824, 4294967296},
		{"cgroup2-6.1", 704, 693, 152, 641, 414, 387, 91, UINT64_MAX, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct fixture fixture;
		struct ms_process process;
		struct ms_process_stat stat;
		struct ms_process_memory memory;
		struct ms_process_limits limits;
		const uint64_t page = ms_process_page_bytes();

		fixture_captured(&fixture, CASES[i].tree);
		assert_int_equal(ms_process_open(&process, &fixture.root, CASES[i].pid, 0, &stat), 0);
		assert_int_equal(stat.ppid, CASES[i].ppid);
		assert_string_equal(stat.comm, "a) R 1 (b");
		assert_int_equal(process.start_ticks, CASES[i].start_ticks);
		assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), 0);
		assert_int_equal(memory.size_bytes, CASES[i].size * page);
		assert_int_equal(memory.resident_bytes, CASES[i].resident * page);
		assert_int_equal(memory.shared_bytes, CASES[i].shared * page);
		assert_int_equal(memory.data_bytes, CASES[i].data * page);
		assert_int_equal(ms_process_read_limits(&fixture.root, CASES[i].pid, &limits), 0);
		assert_true(limits.data_bytes == CASES[i].data_limit);
		assert_true(limits.as_bytes == CASES[i].as_limit);
		ms_process_close(&process);
		fixture_done(&fixture);
	}
}

static void another_process_of_that_pid_is_refused(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_process process;
	struct ms_process_stat stat;
	unsigned before = fixture_descriptors();

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 778, NULL), -ESRCH);
	assert_int_equal(process.statm_fd, -1);
	assert_int_equal(ms_process_read_stat(&fixture.root, 50, 778, &stat), -ESRCH);
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 777, NULL), 0);
	ms_process_close(&process);
	ms_process_close(&process);
	assert_int_equal(ms_process_open(&process, &fixture.root, 51, 0, NULL), -ESRCH);
	fixture_done(&fixture);
	assert_int_equal(fixture_descriptors(), before);
}

static void unreadable_files_say_so(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_process process;
	struct ms_process_limits limits;

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, 100);
	fixture.deny_error = -EACCES;
	fixture.deny = "statm";
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 0, NULL), -EACCES);
	fixture.deny = "stat";
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 0, NULL), -EACCES);
	fixture.deny = "limits";
	assert_int_equal(ms_process_read_limits(&fixture.root, 50, &limits), -EACCES);
	fixture.deny = "proc/50";
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 0, NULL), -EACCES);
	fixture_done(&fixture);
}

/* A real process, reaped: the descriptor knows, whichever process has the pid by then. */
static void a_process_that_vanished_is_gone(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_process process;
	struct ms_process_memory memory;

	fixture_live(&fixture);
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(ms_process_open(&process, &fixture.root, pid, 0, NULL), 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), 0);
	assert_true(memory.resident_bytes > 0 && memory.resident_bytes <= memory.size_bytes);
	kill(pid, SIGKILL);
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), MS_PROCESS_EMPTY);
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), -ESRCH);
	waitpid(pid, NULL, 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), -ESRCH);
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), -ESRCH);
	ms_process_close(&process);
	fixture_done(&fixture);
}

static void *run_on(void *ready)
{
	*(_Atomic int *)ready = 1;
	pause();
	return NULL;
}

static void a_process_without_main_thread_is_read_on(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_process process;
	struct ms_process_memory memory;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_Atomic int *ready = page;

	fixture_live(&fixture);
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, run_on, page);
		pthread_exit(NULL);
	}
	while (!*ready)
		usleep(1000);
	assert_int_equal(ms_process_open(&process, &fixture.root, pid, 0, NULL), 0);
	while (ms_process_sample(&process, &fixture.root, &memory) == 0)
		usleep(1000);
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), 0);
	assert_true(memory.resident_bytes > 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), MS_PROCESS_EMPTY);
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), -ESRCH);
	ms_process_close(&process);
	fixture_done(&fixture);
	munmap(page, 4096);
}

static void threads_without_memory_are_no_help(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_process process;
	unsigned before = fixture_descriptors();

	fixture_empty(&fixture);
	fixture_process(&fixture, 50, 1, "job", 777, 0);
	fixture_write(&fixture, "0 0 0 0 0 0 0\n", "proc/50/statm");
	fixture_write(&fixture, "0 0 0 0 0 0 0\n", "proc/50/task/50/statm");
	fixture_write(&fixture, "garbage\n", "proc/50/task/51/statm");
	assert_int_equal(ms_process_open(&process, &fixture.root, 50, 0, NULL), 0);
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), MS_PROCESS_EMPTY);
	fixture_write(&fixture, "9 8 7 6 5 4 3\n", "proc/50/task/52/statm");
	assert_int_equal(ms_process_adopt_thread(&process, &fixture.root), 0);
	assert_true(process.adopted);
	ms_process_close(&process);
	fixture_done(&fixture);
	assert_int_equal(fixture_descriptors(), before);
}

static void every_failure_is_passed_on_and_leaks_nothing(void **state)
{
	(void)state;
	static const int ERRORS[] = {-EMFILE, -ENOMEM, -EACCES, -EIO, -ESRCH, -ENOENT};
	unsigned before = fixture_descriptors();

	for (size_t e = 0; e < sizeof(ERRORS) / sizeof(ERRORS[0]); e++) {
		for (unsigned n = 1;; n++) {
			struct fixture fixture;
			struct ms_process process;
			struct ms_process_memory memory;
			int r;

			fixture_empty(&fixture);
			fixture_process(&fixture, 50, 1, "job", 777, 100);
			fixture.fail_at = n;
			fixture.error = ERRORS[e];
			r = ms_process_open(&process, &fixture.root, 50, 777, NULL);
			if (r == 0)
				r = ms_process_sample(&process, &fixture.root, &memory);
			ms_process_close(&process);
			bool reached = fixture.calls >= n;

			fixture_done(&fixture);
			assert_int_equal(fixture_descriptors(), before);
			if (!reached) {
				assert_int_equal(r, 0);
				break;
			}
			assert_true(r == ERRORS[e] || (ERRORS[e] == -ENOENT && r == -ESRCH));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_says_who_it_is),
		cmocka_unit_test(stat_survives_any_name),
		cmocka_unit_test(stat_cuts_a_name_that_is_too_long),
		cmocka_unit_test(stat_refuses_what_was_cut_off),
		cmocka_unit_test(stat_refuses_garbage),
		cmocka_unit_test(statm_fields_are_in_their_places),
		cmocka_unit_test(statm_refuses_what_is_no_statm),
		cmocka_unit_test(limits_are_the_soft_ones),
		cmocka_unit_test(limits_refuse_what_lacks_a_row),
		cmocka_unit_test(captured_processes_read_as_they_are),
		cmocka_unit_test(another_process_of_that_pid_is_refused),
		cmocka_unit_test(unreadable_files_say_so),
		cmocka_unit_test(a_process_that_vanished_is_gone),
		cmocka_unit_test(a_process_without_main_thread_is_read_on),
		cmocka_unit_test(threads_without_memory_are_no_help),
		cmocka_unit_test(every_failure_is_passed_on_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

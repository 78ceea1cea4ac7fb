/* SPDX-License-Identifier: MIT */
/* The checks of memshed doctor, on trees written for the purpose. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cmd/doctor.h"

/* A file system of one file. */
struct one_file {
	const char *path, *text;
	int error; /* instead of opening */
};

static int fake_openat(void *ctx, int dirfd, const char *path, int flags)
{
	const struct one_file *file = ctx;

	(void)flags;
	if (strcmp(path, file->path) != 0)
		return -ENOENT;
	return file->error ? file->error : dup(dirfd);
}

static ssize_t fake_pread(void *ctx, int fd, void *buffer, size_t size, off_t offset)
{
	const struct one_file *file = ctx;
	size_t length = strlen(file->text);

	(void)fd;
	if ((size_t)offset >= length)
		return 0;
	length -= (size_t)offset;
	memcpy(buffer, file->text + offset, length < size ? length : size);
	return (ssize_t)(length < size ? length : size);
}

static struct ms_check run(ms_check_fn *check, const char *path, const char *text, int error)
{
	struct one_file file = {.path = path, .text = text, .error = error};
	struct ms_check result = {0};
	struct ms_root root;

	assert_int_equal(ms_root_init(&root, "/"), 0);
	root.ops = (struct ms_io_ops){.openat = fake_openat, .pread = fake_pread, .ctx = &file};
	check(&root, &result);
	ms_root_fini(&root);
	assert_true(result.found[0] != '\0' && result.follows[0] != '\0');
	return result;
}

static void expect(ms_check_fn *check, const char *path, const char *text, enum ms_check_state state)
{
	assert_int_equal(run(check, path, text, 0).state, state);
}

static void test_huge_pages(void **state)
{
	const char *path = "sys/kernel/mm/transparent_hugepage/enabled";

	(void)state;
	expect(ms_check_thp, path, "[always] madvise never\n", MS_CHECK_LIMITED);
	expect(ms_check_thp, path, "always [madvise] never\n", MS_CHECK_OK);
	expect(ms_check_thp, path, "always madvise [never]\n", MS_CHECK_OK);
	expect(ms_check_thp, "nowhere", "", MS_CHECK_OK);
}

static void test_overcommit(void **state)
{
	const char *path = "proc/sys/vm/overcommit_memory";

	(void)state;
	expect(ms_check_overcommit, path, "0\n", MS_CHECK_OK);
	expect(ms_check_overcommit, path, "1\n", MS_CHECK_OK);
	expect(ms_check_overcommit, path, "2\n", MS_CHECK_LIMITED);
	expect(ms_check_overcommit, "nowhere", "", MS_CHECK_LIMITED);
}

static void test_swap_and_memory(void **state)
{
	const char *path = "proc/meminfo";
	const char *with = "MemTotal: 2048 kB\nMemFree: 10 kB\nMemAvailable: 1024 kB\nSwapTotal: 4096 "
			   "kB\nSwapFree: 4096 kB\n";
	const char *without =
		"MemTotal: 2048 kB\nMemFree: 10 kB\nMemAvailable: 1024 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";

	(void)state;
	expect(ms_check_swap, path, with, MS_CHECK_LIMITED);
	expect(ms_check_swap, path, without, MS_CHECK_OK);
	assert_string_equal(run(ms_check_memory, path, with, 0).found, "2M, 1M available");
	expect(ms_check_memory, path, "nonsense\n", MS_CHECK_LIMITED);
}

static void test_hidepid(void **state)
{
	const char *path = "proc/self/mountinfo";
	enum ms_check_state hidden = geteuid() == 0 ? MS_CHECK_OK : MS_CHECK_LIMITED;

	(void)state;
	expect(ms_check_hidepid, path, "22 29 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n", MS_CHECK_OK);
	expect(ms_check_hidepid, path, "22 29 0:21 / /proc rw - proc proc rw,hidepid=0\n", MS_CHECK_OK);
	struct ms_check check =
		run(ms_check_hidepid, path, "22 29 0:21 / /proc rw - proc proc rw,hidepid=invisible\n", 0);
	assert_int_equal(check.state, hidden);
	assert_string_equal(check.found, "hidepid=invisible");
	expect(ms_check_hidepid, path, "22 29 0:21 / /elsewhere rw - proc proc rw,hidepid=2\n",
	       MS_CHECK_LIMITED);
}

static void test_what_is_tried_leaves_this_process_as_it_was(void **state)
{
	struct ms_check check = {0};
	struct ms_root root;

	(void)state;
	assert_int_equal(ms_root_init(&root, "/"), 0);
	ms_check_fifo(&root, &check);
	ms_check_mlock(&root, &check);
	ms_check_oom_score(&root, &check);
	char text[8192], score[32];
	assert_true(ms_root_read_text(&root, text, sizeof(text), "proc/self/status") > 0);
	assert_non_null(strstr(text, "VmLck:\t       0 kB"));
	assert_true(ms_root_read_text(&root, score, sizeof(score), "proc/self/oom_score_adj") > 0);
	char parent[64];
	assert_true(ms_root_read_text(&root, parent, sizeof(parent), "proc/%d/oom_score_adj",
				      (int)getppid()) > 0);
	assert_string_equal(score, parent);
	ms_root_fini(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_overcommit),
		cmocka_unit_test(test_swap_and_memory),
		cmocka_unit_test(test_hidepid),
		cmocka_unit_test(test_what_is_tried_leaves_this_process_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

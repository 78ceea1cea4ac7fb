/* SPDX-License-Identifier: MIT */
/* Lines that are not read: never waited for, counted, and the descriptor's flags left alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/out.h"

enum { MANY = 5000 };

static const char line[] = "a line of some length, so that a pipe is full after some thousand of them\n";

/* In a child with @fd as its stderr, so that this test's own stays. Return: its exit status. */
static int write_many(int fd)
{
	struct ms_out out;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int flags = fcntl(fd, F_GETFL);

		alarm(60); /* a write that waits would wait for ever */
		dup2(fd, STDERR_FILENO);
		ms_out_open_stderr(&out);
		for (unsigned i = 0; i < MANY; i++)
			ms_out_write(&out, line, sizeof(line) - 1);
		_exit(fcntl(fd, F_GETFL) != flags ? 2 : out.lost_lines > 0 ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_full_pipe_loses_lines(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write_many(ends[1]), 1);
	close(ends[0]);
	/* And one that cannot be read any more. */
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(write_many(ends[1]), 1);
	close(ends[1]);
}

static void a_full_socket_loses_lines(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write_many(ends[1]), 1);
	close(ends[0]);
	close(ends[1]);
}

static void a_file_gets_them_all(void **state)
{
	char path[] = "/tmp/memshed-test-out-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "before\n", 7), 7);
	assert_int_equal(write_many(fd), 0);
	/* Behind what was there, and the shared offset moved. */
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 7 + MANY * (sizeof(line) - 1));
	unlink(path);
	close(fd);
}

static void a_journal_is_appended_to(void **state)
{
	char path[] = "/tmp/memshed-test-out-XXXXXX";
	int fd = mkstemp(path);
	struct ms_out out;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ms_out_open_file(&out, path), 0);
		ms_out_write(&out, line, sizeof(line) - 1);
		ms_out_close(&out);
	}
	assert_int_equal(lseek(fd, 0, SEEK_END), 2 * (sizeof(line) - 1));
	unlink(path);
	close(fd);
	assert_true(ms_out_open_file(&out, "/no/such/folder/file") < 0);
}

/* As on a disk that is full and then has room again: each limit lets so many bytes of the file be written. */
static void after_a_cut_line_come_whole_ones(void **state)
{
	const rlim_t limits[] = {
		sizeof(line) - 1 + 10,           /* one line and ten bytes of the next */
		sizeof(line) - 1 + 10 + 1,       /* no more than the missing newline */
		3 * (sizeof(line) - 1) + 10 + 1, /* two more lines */
	};
	char path[] = "/tmp/memshed-test-out-XXXXXX", text[1024] = "";
	int fd = mkstemp(path);
	struct rlimit limit;
	struct ms_out out;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(ms_out_open_file(&out, path), 0);
	for (unsigned i = 0; i < 3; i++) {
		limit.rlim_cur = limits[i];
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		ms_out_write(&out, line, sizeof(line) - 1);
		ms_out_write(&out, line, sizeof(line) - 1);
	}
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(out.lost_lines, 3);
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), limits[2]);

	const char *rest = text + sizeof(line) - 1 + 10;

	assert_memory_equal(rest, "\n", 1);
	assert_memory_equal(rest + 1, line, sizeof(line) - 1);
	assert_string_equal(rest + sizeof(line), line);
	ms_out_close(&out);
	unlink(path);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_pipe_loses_lines),
		cmocka_unit_test(a_full_socket_loses_lines),
		cmocka_unit_test(a_file_gets_them_all),
		cmocka_unit_test(a_journal_is_appended_to),
		cmocka_unit_test(after_a_cut_line_come_whole_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

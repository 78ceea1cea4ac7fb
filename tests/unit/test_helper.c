/* SPDX-License-Identifier: MIT */
/* The helper of --on-exhausted: a command is started, and a helper that was killed is noticed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/helper.h"
#include "run/signals.h"

static struct ms_signals signals;
static struct ms_helper helper;

static void fork_helper(const char *command)
{
	static char *argv[2];
	static struct ms_child_setup setup;

	argv[0] = (char *)(uintptr_t)command;
	setup = (struct ms_child_setup){.argv = argv, .signals = &signals};
	assert_int_equal(ms_helper_fork(&helper, &setup, NULL), 0);
}

/* The supervisor's: where the process is put before it executes anything. */
static struct {
	pid_t pid;
	unsigned count;
	int error; /* what it says */
} placed;

static int place(void *arg, pid_t pid)
{
	(void)arg;
	placed.pid = pid;
	placed.count++;
	return placed.error;
}

static void end_helper(void)
{
	kill(helper.pid, SIGKILL);
	assert_int_equal(waitpid(helper.pid, NULL, 0), helper.pid);
}

static void starts_the_command_again_and_again(void **state)
{
	(void)state;
	fork_helper("true");
	for (unsigned i = 0; i < 3; i++) {
		int status = -1;
		pid_t pid = ms_helper_start(&helper, place, &placed);

		assert_true(pid > 0);
		assert_int_equal(placed.pid, pid);
		assert_int_equal(placed.count, i + 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	end_helper();
}

static void says_why_the_command_cannot_be_started(void **state)
{
	(void)state;
	fork_helper("/nowhere/at/all");
	assert_int_equal(ms_helper_start(&helper, place, &placed), -ENOENT);
	end_helper();
}

static void what_cannot_be_placed_does_not_run(void **state)
{
	int status = 0;

	(void)state;
	fork_helper("true");
	placed.error = -EBUSY;
	assert_int_equal(ms_helper_start(&helper, place, &placed), -EBUSY);
	assert_int_equal(waitpid(placed.pid, &status, 0), placed.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	placed.error = 0;
	end_helper();
}

/* Not -ETIMEDOUT: the supervisor, which has one thread, would see and do nothing for so long. */
static void a_helper_that_was_killed_is_noticed(void **state)
{
	siginfo_t info;

	(void)state;
	fork_helper("true");
	kill(helper.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)helper.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(ms_helper_start(&helper, place, &placed), -ESRCH);
	assert_int_equal(waitpid(helper.pid, NULL, 0), helper.pid); /* that is another one's */
	assert_int_equal(ms_helper_start(&helper, place, &placed), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_the_command_again_and_again),
		cmocka_unit_test(says_why_the_command_cannot_be_started),
		cmocka_unit_test(what_cannot_be_placed_does_not_run),
		cmocka_unit_test(a_helper_that_was_killed_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

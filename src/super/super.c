/* SPDX-License-Identifier: MIT */
/*
 * super/super.c - the order of things from fork to exit code.
 *
 * The child is forked first, then this process makes itself ready, then the child executes the
 * command, then the loop runs until it ends. One thread.
 */
#include "super/super.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "super/child.h"
#include "super/signals.h"
#include "util/cleanup.h"

/*
 * Let go of what the caller handed down: the command has its own copies, and ours would keep pipes
 * and locks alive that it closes. stderr stays, for our lines.
 */
static int drop_inherited(const struct ms_child *child)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (child->start_fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)child->start_fd - 1, 0);
	close_range((unsigned)child->start_fd + 1, ~0u, 0);
	return 0;
}

static void watch(struct ms_signals *signals, struct ms_child *child)
{
	struct pollfd poll_fd = {.fd = signals->fd, .events = POLLIN};

	while (!child->ended) {
		if (ppoll(&poll_fd, 1, NULL, NULL) > 0)
			ms_signals_dispatch(signals, child);
	}
}

void ms_super_run(const struct ms_super_options *options, struct ms_super_outcome *ret_outcome)
{
	struct ms_signals signals;
	struct ms_child child;
	struct ms_child_setup setup = {
		.argv = options->argv, .python_dir = options->python_dir, .signals = &signals};

	*ret_outcome = (struct ms_super_outcome){.end = MS_SUPER_NOT_STARTED, .what = "cannot fork"};
	ms_signals_block(&signals);
	ret_outcome->error = ms_child_fork(&child, &setup);
	if (ret_outcome->error < 0)
		return;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	ret_outcome->what = "cannot get ready";
	ret_outcome->error = drop_inherited(&child);
	if (ret_outcome->error == 0)
		ret_outcome->error = ms_signals_open(&signals);
	if (ret_outcome->error < 0) {
		ms_child_cancel(&child);
		return;
	}
	ret_outcome->error = ms_child_start(&child);
	if (ret_outcome->error < 0) {
		ret_outcome->end = MS_SUPER_CANNOT_EXEC;
		return;
	}
	watch(&signals, &child);
	ret_outcome->end = MS_SUPER_ENDED;
	ret_outcome->exit_code = ms_child_exit_code(&child);
}

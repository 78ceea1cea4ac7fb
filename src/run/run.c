/* SPDX-License-Identifier: MIT */
/*
 * run/run.c - the order of things from fork to exit code.
 *
 * The child is forked first, then this process makes itself ready, then the child executes the
 * command, then the loop runs until it ends. The context is not taken down: the process ends with it.
 * One thread.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch/context.h"
#include "run/live.h"

/*
 * Let go of what the caller handed down: the command has its own copies, and ours would keep pipes
 * and locks alive that it closes. stderr stays, for our lines. "/" opened with O_PATH takes the place of 0
 * and 1: unlike /dev/null it is always there.
 */
static int drop_inherited(const struct ms_child *child)
{
	int stand_in = open("/", O_PATH | O_CLOEXEC);

	if (stand_in < 0 || dup3(stand_in, STDIN_FILENO, O_CLOEXEC) < 0 ||
	    dup3(stand_in, STDOUT_FILENO, O_CLOEXEC) < 0)
		return -errno;
	if (child->start_fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)child->start_fd - 1, 0);
	close_range((unsigned)child->start_fd + 1, ~0u, 0); /* and stand_in, above or below */
	return 0;
}

/* Untouched pages cost nothing in the child, which is forked with this mapped. */
static struct ms_super *allocate(const struct ms_super_options *options)
{
	struct ms_super *super =
		mmap(NULL, sizeof(*super), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (super == MAP_FAILED)
		return NULL;
	super->options = options;
	super->hello_fd = -1;
	super->journal.fd = -1;
	super->root.dirfd = -1;
	snprintf(super->comm, sizeof(super->comm), "%s", basename(options->argv[0]));
	super->config = ms_policy_defaults();
	super->config.high = options->high;
	super->config.low = options->low;
	return super;
}

/* Without these nothing goes: an error is told and the command is not started. */
static int open_own(struct ms_super *super, const char **ret_what)
{
	int error;

	*ret_what = "cannot get ready";
	error = drop_inherited(&super->child);
	if (error < 0)
		return error;
	ms_live_raise_files();
	ms_out_open_stderr(&super->lines);
	error = ms_signals_open(&super->signals);
	if (error < 0)
		return error;
	*ret_what = super->options->journal;
	return super->options->journal ? ms_out_open_file(&super->journal, super->options->journal) : 0;
}

/* In a /proc that was mounted for another pid namespace the number of our command is somebody else's. */
static int check_proc(void)
{
	char self[16] = "";

	if (readlink("/proc/self", self, sizeof(self) - 1) < 0)
		return -errno;
	return atoi(self) == getpid() ? 0 : -EXDEV;
}

/* Without these the command runs all the same, only nobody watches it: said once. */
static void open_watch(struct ms_super *super)
{
	int error = check_proc();

	if (error == 0)
		error = ms_root_init(&super->root, "/");
	super->hello_fd = ms_hello_open(super->hello_name);
	if (error == 0)
		error = ms_loop_prepare(super);
	super->blind_error = error;
}

static int start(struct ms_super *super, struct ms_super_outcome *outcome)
{
	struct ms_child_setup setup = {
		.argv = super->options->argv,
		.socket_name = super->hello_name,
		.python_dir = super->options->python_dir,
		.signals = &super->signals,
	};

	ms_hello_choose_name(super->hello_name);
	ms_signals_block(&super->signals);
	outcome->what = "cannot fork";
	outcome->error = ms_child_fork(&super->child, &setup);
	if (outcome->error < 0)
		return outcome->error;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	outcome->error = open_own(super, &outcome->what);
	if (outcome->error < 0) {
		ms_child_cancel(&super->child);
		return outcome->error;
	}
	open_watch(super);
	outcome->error = ms_child_start(&super->child);
	if (outcome->error < 0)
		outcome->end = MS_SUPER_CANNOT_EXEC;
	return outcome->error;
}

void ms_super_run(const struct ms_super_options *options, struct ms_super_outcome *ret_outcome)
{
	struct ms_super *super = allocate(options);

	*ret_outcome = (struct ms_super_outcome){
		.end = MS_SUPER_NOT_STARTED, .error = -ENOMEM, .what = "cannot get ready"};
	if (!super || start(super, ret_outcome) < 0)
		return;
	ms_loop_run(super);
	ms_loop_finish(super);
	if (WIFSIGNALED(super->child.status))
		ms_signals_die_of(WTERMSIG(super->child.status));
	ret_outcome->end = MS_SUPER_ENDED;
	ret_outcome->exit_code = ms_child_exit_code(&super->child);
}

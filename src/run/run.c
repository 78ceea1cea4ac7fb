/* SPDX-License-Identifier: MIT */
/*
 * run/run.c - the order of things from fork to exit code.
 *
 * The child is forked first, then this process makes itself ready, then the child executes the
 * command, then the loop turns until it ends. Nothing is taken down: the process ends with it.
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

#include "run/child.h"
#include "run/enforce.h"
#include "run/exhausted.h"
#include "run/helper.h"
#include "run/live.h"
#include "run/signals.h"
#include "util/procfs.h"
#include "watch/hello.h"
#include "watch/watch.h"

/* Processes that a command leaves behind often end soon after it. */
#define REST_NS MS_NS_PER_S

/*
 * Close what the caller handed down: the command has its own copies, and ours would keep pipes open and
 * locks taken that it gives up. stderr stays, for our lines. "/" opened with O_PATH takes the place of 0
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

/* All of `memshed run`, in one piece of memory that is locked. */
struct run {
	const struct ms_run_options *options;
	struct ms_signals signals;
	struct ms_child child;
	struct ms_loop loop;
	struct ms_loop_timer rest; /* to say that the job goes on without its command */
	struct ms_report report;
	struct ms_child_setup setup;
	struct ms_exhausted exhausted;
	char hello_name[MS_HELLO_NAME_BYTES];
	struct ms_enforce enforce;
	struct ms_watch watch;
};

/* Untouched pages cost nothing in the child, which is forked with this mapped, nor here. */
static struct run *allocate(const struct ms_run_options *options)
{
	struct run *run =
		mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (run == MAP_FAILED)
		return NULL;
	run->options = options;
	run->report.journal.fd = -1;
	return run;
}

/* Without these nothing works: an error is returned and the command is not started. */
static int open_own(struct run *run, const char **ret_what)
{
	int error;

	*ret_what = "cannot get ready";
	error = drop_inherited(&run->child);
	if (error < 0)
		return error;
	ms_live_raise_files();
	ms_out_open_stderr(&run->report.lines);
	return ms_signals_open(&run->signals);
}

static int open_files(struct run *run, struct ms_run_outcome *outcome)
{
	int error = open_own(run, &outcome->what);

	if (error < 0 || !run->options->journal)
		return error;
	error = ms_out_open_file(&run->report.journal, run->options->journal);
	if (error < 0)
		outcome->end = MS_RUN_NO_JOURNAL;
	return error;
}

static int signal_of(const struct ms_child *child)
{
	return WIFSIGNALED(child->status) ? WTERMSIG(child->status) : 0;
}

/* The command has ended, and what it left behind goes on, not only for the moment that its end takes. */
static void say_exit(void *arg, uint64_t now_ns)
{
	struct run *run = arg;
	struct ms_event event = {.kind = MS_EVENT_EXIT,
				 .as.exit = {ms_child_exit_code(&run->child), signal_of(&run->child)}};

	(void)now_ns;
	run->rest.at_ns = MS_LOOP_NEVER;
	if (!run->child.ended || run->child.job_ended) /* it was started again, or is going to be */
		return;
	ms_report_command(&run->report, &run->watch.reading, &event);
}

static void signal_came(void *arg, short revents, uint64_t now_ns)
{
	struct run *run = arg;
	bool running = !run->child.ended;

	(void)revents;

	ms_signals_dispatch(&run->signals, &run->child);
	ms_watch_notice(&run->watch);
	if (running && run->child.ended)
		run->rest.at_ns = now_ns + REST_NS;
}

static void enforce(struct run *run)
{
	struct ms_root root;

	if (run->options->max_bytes == 0 || run->options->no_cgroup || ms_procfs_check() < 0 ||
	    ms_root_init(&root, "/") < 0)
		return;
	run->enforce.helper = run->exhausted.helper.pid;
	ms_enforce_open(&run->enforce, &root, run->child.pid, run->options->max_bytes,
			run->options->on_exhausted == MS_EXHAUSTED_RESTART);
	ms_root_fini(&root);
}

/* The command runs even where the watch, or a part of it, cannot be had. */
static void open_watch(struct run *run)
{
	struct ms_watch_options options = {
		.roots = {run->child.pid},
		.root_count = 1,
		.adopter_pid = getpid(),
		.max_bytes = run->options->max_bytes,
		.enforced = run->enforce.enforced,
		.enforce_error = run->enforce.error,
		.high = run->options->high,
		.low = run->options->low,
		.no_brake = run->options->no_brake,
		.on_exhausted = run->options->on_exhausted,
		.exhausted = ms_exhausted_came,
		.exhausted_arg = &run->exhausted,
		.python_dir = run->options->python_dir,
		.except_pid = run->exhausted.helper.pid,
		.hello_fd = ms_hello_open(run->hello_name),
		.journal = run->options->journal,
	};
	struct ms_watch_live live;

	ms_loop_init(&run->loop, NULL);
	run->rest = (struct ms_loop_timer){.at_ns = MS_LOOP_NEVER, .fire = say_exit, .arg = run};
	ms_loop_add_timer(&run->loop, &run->rest);
	(void)ms_loop_add(&run->loop, run->signals.fd, POLLIN, signal_came,
			  run); /* the first: there is room */
	ms_report_init(&run->report, run->child.pid, basename(run->options->argv[0]), run->options->quiet);
	ms_exhausted_init(&run->exhausted, &run->watch, &run->signals, &run->child, &run->loop);
	ms_watch_open(&run->watch, &options, &run->report, &run->loop);
	if (run->watch.blind_error == 0)
		ms_signals_keep_rest(&run->signals);
	ms_live_secure(run, sizeof(*run), &live);
	ms_watch_start(&run->watch, &live);
}

/* Before the command's own process: neither inherits a descriptor of the other. */
static int fork_helper(struct run *run)
{
	const struct ms_run_options *options = run->options;

	run->exhausted.action = options->on_exhausted;
	run->exhausted.enforce = &run->enforce;
	run->exhausted.restarts_most = options->restarts_most;
	if (options->on_exhausted != MS_EXHAUSTED_EXEC && options->on_exhausted != MS_EXHAUSTED_RESTART)
		return 0;
	return ms_helper_fork(&run->exhausted.helper, &run->setup, options->hook);
}

static int start(struct run *run, struct ms_run_outcome *outcome)
{
	run->setup = (struct ms_child_setup){
		.argv = run->options->argv,
		.socket_name = run->hello_name,
		.python_dir = run->options->python_dir,
		.signals = &run->signals,
	};

	ms_hello_choose_name(run->hello_name);
	ms_signals_block(&run->signals);
	outcome->what = "cannot fork";
	outcome->error = fork_helper(run);
	if (outcome->error == 0)
		outcome->error = ms_child_fork(&run->child, &run->setup);
	if (outcome->error < 0)
		return outcome->error;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	outcome->error = open_files(run, outcome);
	if (outcome->error < 0) {
		ms_child_cancel(&run->child);
		return outcome->error;
	}
	enforce(run);
	open_watch(run);
	outcome->error = ms_child_start(&run->child);
	if (outcome->error < 0) {
		outcome->end = MS_RUN_CANNOT_EXEC;
		ms_enforce_close(&run->enforce);
	}
	return outcome->error;
}

static void end_watch(struct run *run)
{
	const struct ms_child *child = &run->child;
	const struct ms_watch_end end = {
		.exit_code = ms_child_exit_code(child),
		.signal = signal_of(child),
		.max_rss_bytes = (uint64_t)child->usage.ru_maxrss * 1024,
	};

	ms_watch_end(&run->watch, &end);
}

void ms_run_command(const struct ms_run_options *options, struct ms_run_outcome *ret_outcome)
{
	struct run *run = allocate(options);

	*ret_outcome = (struct ms_run_outcome){
		.end = MS_RUN_NOT_STARTED, .error = -ENOMEM, .what = "cannot get ready"};
	if (!run || start(run, ret_outcome) < 0)
		return;
	while (!ms_exhausted_is_over(&run->exhausted, ms_clock_ns()))
		ms_loop_turn(&run->loop);
	end_watch(run);
	run->enforce.helper = run->signals.helper_pid; /* it may have been killed */
	ms_enforce_close(&run->enforce);
	if (run->exhausted.ended_job) {
		ret_outcome->error = run->exhausted.start_error;
		ret_outcome->end = ret_outcome->error < 0 ? MS_RUN_CANNOT_EXEC : MS_RUN_EXHAUSTED;
		return;
	}
	if (signal_of(&run->child))
		ms_signals_die_of(signal_of(&run->child));
	ret_outcome->end = MS_RUN_ENDED;
	ret_outcome->exit_code = ms_child_exit_code(&run->child);
}

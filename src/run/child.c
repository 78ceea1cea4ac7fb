/* SPDX-License-Identifier: MIT */
/*
 * run/child.c - fork the command's process early, execute the command late.
 *
 * The child is forked before the supervisor opens, locks or raises anything, so it inherits the
 * caller's descriptors, limits, scheduling and oom_score_adj as they were, and nothing has to be
 * undone in it. It then waits on a socket pair for one byte. An error of execvp() comes back through
 * the same socket; end of file on it, which close-on-exec brings about, means the command runs.
 *
 * No parent-death signal: when the supervisor is killed the command goes on. One thread.
 */
#include "run/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table/layout.h"

/* Before: the directory, then what the user had. An empty PYTHONPATH counts as none for Python. */
static int prepend_python_path(const char *dir)
{
	const char *old = getenv("PYTHONPATH");
	char *joined;

	if (!old || !*old)
		return setenv("PYTHONPATH", dir, 1);
	if (asprintf(&joined, "%s:%s", dir, old) < 0)
		return -1;
	return setenv("PYTHONPATH", joined, 1); /* not freed: the process becomes another one */
}

int ms_child_environment(const struct ms_child_setup *setup)
{
	if (setup->socket_name && setenv(MS_HELLO_ENV, setup->socket_name, 1) < 0)
		return -errno;
	if (setup->python_dir && prepend_python_path(setup->python_dir) < 0)
		return -errno;
	return 0;
}

static ssize_t receive(int fd, void *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static _Noreturn void become_command(int fd, const struct ms_child_setup *setup)
{
	char go;
	int error = ms_child_environment(setup);

	if (receive(fd, &go, 1) != 1)
		_exit(EXIT_FAILURE); /* the supervisor gave up, or has ended: our status is not read */
	ms_signals_restore(setup->signals);
	if (error == 0) {
		execvp(setup->argv[0], setup->argv);
		error = -errno;
	}
	(void)!send(fd, &error, sizeof(error), MSG_NOSIGNAL);
	_exit(EXIT_FAILURE);
}

int ms_child_fork(struct ms_child *child, const struct ms_child_setup *setup)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = -errno;

		close(ends[0]);
		close(ends[1]);
		return error;
	}
	if (pid == 0) {
		close(ends[0]);
		become_command(ends[1], setup);
	}
	close(ends[1]);
	*child = (struct ms_child){.pid = pid, .pidfd = -1, .start_fd = ends[0]};
	return 0;
}

static void reap(struct ms_child *child)
{
	assert(child->pid > 0 && !child->ended);
	while (wait4(child->pid, &child->status, 0, &child->usage) < 0 && errno == EINTR)
		;
	child->ended = true;
	child->job_ended = true;
}

int ms_child_start(struct ms_child *child)
{
	int error = 0;

	assert(child->start_fd >= 0 && !child->ended);
	if (send(child->start_fd, "g", 1, MSG_NOSIGNAL) != 1)
		error = -EPIPE;
	else if (receive(child->start_fd, &error, sizeof(error)) <= 0)
		error = 0;
	close(child->start_fd);
	child->start_fd = -1;
	if (error != 0)
		reap(child);
	return error;
}

void ms_child_cancel(struct ms_child *child)
{
	assert(child->start_fd >= 0);
	close(child->start_fd);
	child->start_fd = -1;
	reap(child);
}

int ms_child_exit_code(const struct ms_child *child)
{
	assert(child->ended);
	if (WIFSIGNALED(child->status))
		return 128 + WTERMSIG(child->status);
	return WEXITSTATUS(child->status);
}

/* SPDX-License-Identifier: MIT */
/* run/child.h - start the command, and be told whether it could be executed. See child.c. */
#ifndef MS_RUN_CHILD_H
#define MS_RUN_CHILD_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "run/signals.h"

struct ms_child {
	pid_t pid;
	int pidfd;      /* -1 where the kernel has none */
	int start_fd;   /* our end of the socket pair; -1 once the command runs */
	bool ended;     /* the command itself */
	bool job_ended; /* it, and all that it left behind and that is waited for */
	int status;     /* as wait(2) gives it, once ended */
	struct rusage usage;
};

/* What the child needs to know before it becomes the command. */
struct ms_child_setup {
	char *const *argv;                /* NULL-terminated */
	const char *socket_name;          /* for MEMSHED_SOCKET; NULL = leave unset */
	const char *python_dir;           /* put before PYTHONPATH; NULL = none */
	const struct ms_signals *signals; /* what to restore */
};

/** ms_child_environment - what the command has more in its environment, for this process; Return: 0; -ENOMEM */
int ms_child_environment(const struct ms_child_setup *setup);

/**
 * ms_child_fork - fork; the child waits until ms_child_start()
 *
 * Everything this process opens, locks or changes of itself between the two calls is not the
 * child's. Return: 0; the negative errno of socketpair() or fork().
 */
int ms_child_fork(struct ms_child *child, const struct ms_child_setup *setup);

/**
 * ms_child_start - let it execute the command
 * Return: 0 it runs; -ENOENT, -EACCES and the other errors of execvp(); the child has then ended and
 * was reaped. -EPIPE: it was killed before.
 */
int ms_child_start(struct ms_child *child);

/** ms_child_cancel - the child waits still: end it without executing anything, and reap it */
void ms_child_cancel(struct ms_child *child);

/** ms_child_exit_code - what a shell would make of its status: the code, or 128 + signal */
int ms_child_exit_code(const struct ms_child *child);

#endif

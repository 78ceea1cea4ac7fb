/* SPDX-License-Identifier: MIT */
/* cmd/supervisor.h - the `memshed run` above a process, and the budget it was told on its command line. */
#ifndef MS_CMD_SUPERVISOR_H
#define MS_CMD_SUPERVISOR_H

#include <stdint.h>
#include <sys/types.h>

#include "util/units.h"

struct ms_supervisor {
	pid_t pid;
	pid_t child_pid;    /* the top of the tree under the budget */
	uint64_t max_bytes; /* --max; 0 = none */
	struct ms_mark high, low;
};

/**
 * ms_supervisor_find - look among the ancestors
 * Return: 0; -ENOENT when there is none, or it may not be read.
 */
int ms_supervisor_find(pid_t pid, struct ms_supervisor *ret_supervisor);

/**
 * ms_supervisor_parse - a command line as /proc/PID/cmdline has it
 * Fills in all but the pids. Return: 0; -ENOENT when it is not `memshed run`.
 */
int ms_supervisor_parse(const char *cmdline, size_t length, struct ms_supervisor *ret_supervisor);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/supervisor.h - the budget of a process, seen from outside: with the `memshed run` above it, if any,
 * and what that was told on its command line.
 */
#ifndef MS_CMD_SUPERVISOR_H
#define MS_CMD_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/sample.h"
#include "util/root.h"
#include "util/units.h"

struct ms_supervisor {
	pid_t pid;          /* 0: there is none */
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

/**
 * ms_supervisor_sample - one reading of a process's budget: under a supervisor that of its whole tree, else
 * its own
 * @ret_supervisor: always filled in
 * @ret_sample: limit.source is MS_LIMIT_NONE when nothing is known
 * @limits, @capacity, @ret_limit_count: as ms_sample_once()
 */
void ms_supervisor_sample(const struct ms_root *root, pid_t pid, struct ms_supervisor *ret_supervisor,
			  struct ms_sample *ret_sample, struct ms_limit *limits, uint32_t capacity,
			  uint32_t *ret_limit_count);

#endif

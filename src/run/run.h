/* SPDX-License-Identifier: MIT */
/*
 * run/run.h - run a command under a budget: the whole of `memshed run` but its options.
 *
 * One call, one thread. It changes the process it runs in (signal mask, scheduling, locked memory,
 * closed descriptors), so that the caller should do no more afterwards than say why and exit.
 */
#ifndef MS_RUN_RUN_H
#define MS_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "util/units.h"

struct ms_run_options {
	char *const *argv;  /* the command, NULL-terminated */
	uint64_t max_bytes; /* --max; 0 = none */
	struct ms_mark high, low;
	const char *journal;    /* path; NULL = lines to stderr */
	bool quiet;             /* no summary */
	const char *python_dir; /* the Python adapter; NULL = none found */
	enum ms_exhausted_action on_exhausted;
	const char *hook;       /* MS_EXHAUSTED_EXEC: for the shell */
	uint32_t restarts_most; /* MS_EXHAUSTED_RESTART: in a row */
};

enum ms_run_end {
	MS_RUN_ENDED = 0,   /* the command ran and ended: exit_code is its own */
	MS_RUN_NOT_STARTED, /* the supervisor failed first: error, and what it was doing */
	MS_RUN_NO_JOURNAL,  /* likewise: it cannot be opened */
	MS_RUN_CANNOT_EXEC, /* for the first time, or again: error is execvp()'s */
	MS_RUN_EXHAUSTED,   /* it was ended, as nothing was left that helps */
};

struct ms_run_outcome {
	enum ms_run_end end;
	int exit_code;
	int error;        /* negative errno */
	const char *what; /* MS_RUN_NOT_STARTED: which step failed */
};

/**
 * ms_run_command - run the command until it ends; *ret_outcome is always filled in
 * When a signal ended the command, the same ends this process, unless it is process 1.
 */
void ms_run_command(const struct ms_run_options *options, struct ms_run_outcome *ret_outcome);

#endif

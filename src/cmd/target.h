/* SPDX-License-Identifier: MIT */
/*
 * cmd/target.h - a process with an open table.
 *
 * The table is found among the process's own descriptors, or among those of a watch that holds it: a daemon
 * closes all its own.
 */
#ifndef MS_CMD_TARGET_H
#define MS_CMD_TARGET_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/verb.h"
#include "cmd/command.h"
#include "cmd/watches.h"
#include "sample/pids.h"
#include "table/reader.h"
#include "util/escape.h"

struct ms_target {
	struct ms_pid_facts facts;      /* as of when it was found */
	char command[MS_COMMAND_BYTES]; /* what people call it; escape before printing */
	int pidfd;                      /* -1 where the kernel has none */
	int control_fd;                 /* -1 unless asked for */
	struct ms_table_reader table;
	struct ms_table_scratch scratch;
	char label[MS_ESCAPED_NAME +
		   48]; /* "python3 job.py (pid 4711)", escaped; with a uid not the caller's */
};

/* What ms_target_open() returns beside the errors of ms_table_open_pid(). */
enum {
	MS_TARGET_CLOSED = -EBADFD, /* it has a table, but closed the descriptors, and no watch holds them */
};

/**
 * ms_target_open - open the table of a process, and the control page too if @control
 * @watches: NULL: look for them only when the process has closed its own descriptors
 * Return: 0; -ENOMEM; MS_TARGET_CLOSED; else as ms_table_open_pid(). @ret_target is set in any case but
 * -ENOMEM.
 */
int ms_target_open(const struct ms_pid_facts *facts, bool control, const struct ms_watches *watches,
		   struct ms_target **ret_target);
void ms_target_free(struct ms_target *target);

/** ms_target_gone - the process has ended since it was found */
bool ms_target_gone(const struct ms_target *target);

/** ms_target_facts - as of now; Return: 0; -ESRCH when it has ended; another negative errno */
int ms_target_facts(const struct ms_target *target, struct ms_pid_facts *ret_facts);

/** ms_target_state - the state letter now ('T' when stopped), 0 when it is gone */
char ms_target_state(const struct ms_target *target);

/**
 * ms_target_rows - its caches, and the allocator's row first where there is one
 * @ret_rows: free() it
 * Return: how many; a negative errno.
 */
int ms_target_rows(struct ms_target *target, struct ms_row **ret_rows);

/** ms_target_failure - say what ms_target_open() or ms_target_rows() returned; Return: the exit code for it
 */
enum ms_exit ms_target_failure(const struct ms_verb *verb, const struct ms_target *target, int error);

#endif

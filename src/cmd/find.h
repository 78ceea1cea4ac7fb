/* SPDX-License-Identifier: MIT */
/*
 * cmd/find.h - from "PID|NAME" to a process with an open table.
 *
 * NAME is a process's name as the kernel has it (/proc/PID/comm). Of several processes of that name the
 * one with a table is meant. When none has that name, a process with a table is looked for whose
 * program or script is called so: "job.py" for "python3 /srv/job.py".
 */
#ifndef MS_CMD_FIND_H
#define MS_CMD_FIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/verb.h"
#include "sample/pids.h"
#include "table/reader.h"
#include "util/escape.h"

struct ms_target {
	struct ms_pid_facts facts; /* as of when it was found */
	int pidfd;                 /* -1 where the kernel has none */
	int control_fd;            /* -1 unless asked for */
	struct ms_table_reader table;
	struct ms_table_scratch scratch;
	char label[MS_ESCAPED_NAME + 32]; /* "python3 (pid 4711)", escaped */
};

/**
 * ms_target_find - find and open
 * @verb: whose message it is, when it fails
 * @wanted: PID or NAME as typed
 * @control: open the control page too; failing to is an error then
 *
 * Return: MS_EXIT_OK and *ret_target to be freed with ms_target_free(), or the exit code after the reason was
 * said.
 */
enum ms_exit ms_target_find(const struct ms_verb *verb, const char *wanted, bool control,
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

/** ms_open_failure - the exit code for what ms_table_open_pid() returned, after saying why */
enum ms_exit ms_open_failure(const struct ms_verb *verb, const char *label, uid_t uid, int error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/find.h - from "PID|NAME" to a process with an open table.
 *
 * NAME is a process's name as the kernel has it (/proc/PID/comm), or the file name of its program or of the
 * script that it interprets: "job.py" for "python3 /srv/job.py". Looked for in this order:
 *
 *   1. processes of the caller with a table and this name
 *   2. processes of the caller with a table and this program or script
 *   3. processes of others with a table and either; but not where the caller has a process of this name
 *      without a table: the other one may have taken the name on purpose
 *
 * The first of these that finds any decides: one is meant, several are ambiguous.
 */
#ifndef MS_CMD_FIND_H
#define MS_CMD_FIND_H

#include "cmd/target.h"

enum ms_find_control {
	MS_FIND_TABLE,       /* the table alone */
	MS_FIND_CONTROL_TOO, /* the control page too, where that is allowed */
	MS_FIND_CONTROL,     /* the control page too; failing to is an error */
};

/**
 * ms_find_target - find and open
 * @wanted: PID or NAME as typed
 *
 * Return: MS_EXIT_OK and *ret_target to be freed with ms_target_free(), or the exit code after the reason was
 * said.
 */
enum ms_exit ms_find_target(const struct ms_verb *verb, const char *wanted, enum ms_find_control control,
			    struct ms_target **ret_target);

#endif

/* SPDX-License-Identifier: MIT */
/* cmd/command.h - what people call a process: its name, and the script where an interpreter runs one. */
#ifndef MS_CMD_COMMAND_H
#define MS_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "sample/pids.h"

enum { MS_COMMAND_BYTES = 96 };

/**
 * ms_command_name - "python3 job.py", "node server.js", "bash -c", "python3 -m pkg.mod"; else its comm
 * Reads the process's own memory (its command line): not for many processes, never on the alarm path. A
 * process that gave itself another name keeps it. Escape before printing.
 */
void ms_command_name(const struct ms_pid_facts *facts, char text[MS_COMMAND_BYTES]);

/** ms_command_runs - is its program, or the script that it interprets, a file of this name? */
bool ms_command_runs(const struct ms_pid_facts *facts, const char *wanted);

/**
 * ms_command_parse - the same from a command line as /proc/PID/cmdline has it
 * @line: @length bytes, and a NUL behind them
 */
void ms_command_parse(const char *comm, const char *line, size_t length, char text[MS_COMMAND_BYTES]);
bool ms_command_names(const char *line, size_t length, const char *wanted);

#endif

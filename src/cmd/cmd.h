/* SPDX-License-Identifier: MIT */
/*
 * cmd/cmd.h - what the verbs share: the table of verbs, exit codes, and how errors are said.
 *
 * A verb gets argv from its own name on, and returns an exit code.
 * Errors go to stderr once, as "memshed VERB: what: why; what to do".
 */
#ifndef MS_CMD_CMD_H
#define MS_CMD_CMD_H

#include <limits.h>
#include <stdbool.h>

/* Documented in memshed(1). `run` returns its child's status, so its own failures stand apart, as in
 * env(1), timeout(1) and the shell: 125 to 127. */
enum ms_exit {
	MS_EXIT_OK = 0,
	MS_EXIT_FAILURE = 1,       /* something else went wrong; the message says what */
	MS_EXIT_USAGE = 2,         /* unknown verb or option, bad size or duration */
	MS_EXIT_NO_PROCESS = 3,    /* no process of that pid or name */
	MS_EXIT_NO_TABLE = 4,      /* the process registered no cache with libmemshed */
	MS_EXIT_NO_PERMISSION = 5, /* the kernel does not let us read it */
	MS_EXIT_NO_CACHE = 6,      /* no cache of that name in the process */
	MS_EXIT_NO_ANSWER = 7,     /* the agent did not answer in time */
	MS_EXIT_INCOMPLETE = 8,    /* answered, but something was busy, unsupported or stuck, or too little */
	MS_EXIT_AMBIGUOUS = 9,    /* several processes have that name */
	MS_EXIT_RUN_FAILED = 125, /* run: memshed itself failed before CMD started */
	MS_EXIT_RUN_CANNOT_EXEC = 126,
	MS_EXIT_RUN_NOT_FOUND = 127,
};

struct ms_verb {
	const char *name;
	const char *help; /* one line, for `memshed --help` */
	int (*main)(int argc, char **argv);
};

int ms_cmd_run(int argc, char **argv);
int ms_cmd_list(int argc, char **argv);
int ms_cmd_show(int argc, char **argv);
int ms_cmd_clear(int argc, char **argv);
int ms_cmd_shrink(int argc, char **argv);
int ms_cmd_doctor(int argc, char **argv);

/** ms_cmd_python_dir - the Python adapter's folder, put into @path; NULL when there is none */
const char *ms_cmd_python_dir(char path[PATH_MAX]);

struct option;

/**
 * ms_cmd_next_option - getopt_long(), but says what is wrong as everything else is said
 * @letters: begins with ":" or "+:"
 * Return: as getopt_long(); '?' after the message.
 */
int ms_cmd_next_option(const char *verb, const char *letters, const struct option *options, int argc, char **argv);

/**
 * ms_cmd_take_json - the options of a verb that has --json and --help alone, and takes no argument
 * @instead: what an argument was meant for, behind the message; or ""
 * Return: -1 and *ret_json to go on with; else the exit code: help was shown, or what is wrong was said.
 */
int ms_cmd_take_json(const char *verb, const char *help, const char *instead, int argc, char **argv, bool *ret_json);

/** ms_cmd_error - one line to stderr: "memshed VERB: ..." */
void ms_cmd_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

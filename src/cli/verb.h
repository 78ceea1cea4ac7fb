/* SPDX-License-Identifier: MIT */
/*
 * cli/verb.h - what all verbs do the same way: options, help, messages, exit codes. Shared by memshed
 * and by memshed-run, so it needs no library but the C library.
 *
 * A verb is a const struct ms_verb in the verb's own file and a line in the table of cmd/main.c. Its main()
 * gets argv from its own name on and returns an exit code. Help and wrong usage end the program inside
 * ms_verb_next_option() and ms_verb_wrong(), so that no verb handles them.
 *
 * Messages go to stderr once, as "memshed VERB: what: why; what to do".
 */
#ifndef MS_CLI_VERB_H
#define MS_CLI_VERB_H

#include <getopt.h>

/* Documented in memshed(1). `run` returns its child's status, so its own failures have other codes, as in
 * env(1), timeout(1) and the shell: 124 to 127. */
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
	MS_EXIT_AMBIGUOUS = 9,     /* several processes have that name */
	MS_EXIT_RUN_EXHAUSTED = 124, /* run: it ended the job, as nothing was left that helps */
	MS_EXIT_RUN_FAILED = 125,  /* run: memshed itself failed before CMD started */
	MS_EXIT_RUN_CANNOT_EXEC = 126,
	MS_EXIT_RUN_NOT_FOUND = 127,
};

struct ms_verb {
	const char *name;
	const char *summary; /* one line, for `memshed --help` */
	const char *usage;   /* for `memshed VERB --help` */
	int wrong_exit;      /* of a wrong option or argument; 0 = MS_EXIT_USAGE */
	int (*main)(int argc, char **argv);
};

/** ms_verb_prepare - first thing in main() */
void ms_verb_prepare(void);

/** ms_verb_leave - end the program; output that did not arrive (a full disk, a closed pipe) is no success */
_Noreturn void ms_verb_leave(int code);

/**
 * ms_verb_next_option - getopt_long() with help and messages
 * @letters: begins with ":" or "+:"; has "h"
 * @options: has "help" with the value 'h'
 * Return: as getopt_long(), but never 'h', '?' or ':': these end the program.
 */
int ms_verb_next_option(const struct ms_verb *verb, const char *letters, const struct option *options,
			int argc, char **argv);

/** ms_verb_wrong - say what is wrong with the command line, and end the program */
_Noreturn void ms_verb_wrong(const struct ms_verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** ms_verb_error - one line to stderr: "memshed VERB: ..."; "memshed: ..." for NULL */
void ms_verb_error(const struct ms_verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

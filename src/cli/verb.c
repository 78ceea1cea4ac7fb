/* SPDX-License-Identifier: MIT */
/* cli/verb.c - see verb.h. */
#include "cli/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/nearest.h"

/*
 * A caller may have closed 0, 1 or 2, and what is opened next would take their place: output would go to a
 * journal, or a socket be overwritten. "/" opened with O_PATH takes its place: it is there without /dev too,
 * reading and writing fail on it as on a closed descriptor, and a command that is executed does not see it.
 */
static void occupy_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void ms_verb_prepare(void)
{
	occupy_standard_descriptors();
	setlocale(LC_CTYPE, "");
}

/* ---- messages and the end ---- */

static void say(const struct ms_verb *verb, const char *format, va_list args)
{
	fflush(stdout);
	flockfile(stderr);
	fprintf(stderr, verb ? "memshed %s: " : "memshed: ", verb ? verb->name : NULL);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void ms_verb_error(const struct ms_verb *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(verb, format, args);
	va_end(args);
}

void ms_verb_wrong(const struct ms_verb *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(verb, format, args);
	va_end(args);
	ms_verb_leave(verb && verb->wrong_exit ? verb->wrong_exit : MS_EXIT_USAGE);
}

void ms_verb_leave(int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ms_verb_error(NULL, "cannot write to standard output: %s", strerror(errno));
		code = code == MS_EXIT_OK ? MS_EXIT_FAILURE : code;
	}
	exit(code);
}

/* ---- options ---- */

/* @text: "--name" or "--name=value" */
static const struct option *find_long(const struct option *options, const char *text)
{
	size_t length = strcspn(text, "=");

	for (; options->name; options++)
		if (length > 2 && strncmp(options->name, text + 2, length - 2) == 0)
			return options;
	return NULL;
}

static _Noreturn void unknown_long(const struct ms_verb *verb, const struct option *options, const char *text)
{
	int length = (int)strcspn(text, "=");
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "%.*s", length - 2, text + 2);
	struct ms_nearest nearest = ms_nearest_start(wanted);
	for (; options->name; options++)
		ms_nearest_add(&nearest, options->name);
	if (nearest.count > 0)
		ms_verb_wrong(verb, "unknown option '%.*s': did you mean '--%s'?", length, text,
			      nearest.names[0]);
	ms_verb_wrong(verb, "unknown option '%.*s': `memshed %s --help` lists them", length, text,
		      verb->name);
}

/* getopt_long() does not tell which word it means: the one before optind, but for a letter within a word. */
static _Noreturn void wrong_option(const struct ms_verb *verb, const struct option *options, const char *text)
{
	const struct option *meant = strncmp(text, "--", 2) == 0 ? find_long(options, text) : NULL;

	if (meant && optopt == meant->val)
		ms_verb_wrong(verb, "option '--%s' takes no value", meant->name);
	if (optopt)
		ms_verb_wrong(verb, "unknown option '-%c': `memshed %s --help` lists them", optopt,
			      verb->name);
	unknown_long(verb, options, text);
}

int ms_verb_next_option(const struct ms_verb *verb, const char *letters, const struct option *options,
			int argc, char **argv)
{
	opterr = 0;
	int option = getopt_long(argc, argv, letters, options, NULL);

	if (option == 'h') {
		fputs(verb->usage, stdout);
		ms_verb_leave(MS_EXIT_OK);
	}
	if (option == ':')
		ms_verb_wrong(verb, "option '%s' needs a value", argv[optind - 1]);
	if (option == '?')
		wrong_option(verb, options, argv[optind - 1]);
	return option;
}

/* SPDX-License-Identifier: MIT */
/*
 * cmd/main.c - the table of verbs, and the options that stand before a verb.
 *
 * Each verb is a file of its own that gets argv from its own name on and returns an exit code.
 */
#include "cmd/cmd.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/nearest.h"
#include "config.h"

static int help_main(int argc, char **argv);

static const struct ms_verb verbs[] = {
	{.name = "run", .help = "run a command and have its caches shrunk near the limit", .main = ms_cmd_run},
	{.name = "help", .help = "explain memshed, or a verb", .main = help_main},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

void ms_cmd_error(const char *verb, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	flockfile(stderr);
	fprintf(stderr, verb ? "memshed %s: " : "memshed: ", verb);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

static void print_help(FILE *stream)
{
	fputs("Usage: memshed VERB [OPTION...] [ARGUMENT...]\n"
	      "See the caches of running processes, and have them shrunk before the OOM killer comes.\n\n",
	      stream);
	for (unsigned i = 0; i < VERB_COUNT; i++)
		fprintf(stream, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n"
	      "  -h, --help     this text; `memshed VERB --help` for a verb\n"
	      "  -V, --version  the version\n\n"
	      "Exit codes and files: memshed(1).\n",
	      stream);
}

static const struct ms_verb *find_verb(const char *name)
{
	for (unsigned i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int say_unknown(const char *name)
{
	struct ms_nearest nearest = ms_nearest_start(name);

	for (unsigned i = 0; i < VERB_COUNT; i++)
		ms_nearest_add(&nearest, verbs[i].name);
	if (nearest.count > 0)
		ms_cmd_error(NULL, "unknown verb '%s': did you mean '%s'?", name, nearest.names[0]);
	else
		ms_cmd_error(NULL, "unknown verb '%s': `memshed --help` lists them", name);
	return MS_EXIT_USAGE;
}

static int call_verb(const char *name, int argc, char **argv)
{
	const struct ms_verb *verb = find_verb(name);

	return verb ? verb->main(argc, argv) : say_unknown(name);
}

/* "memshed help VERB" is "memshed VERB --help". */
static int help_main(int argc, char **argv)
{
	char help_option[] = "--help";

	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return MS_EXIT_OK;
	}
	char *help_argv[] = {argv[1], help_option, NULL};
	return call_verb(argv[1], 2, help_argv);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	if (argc < 2) {
		print_help(stderr);
		return MS_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help_main(1, argv);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return printf("memshed %s\n", PACKAGE_VERSION) < 0 ? MS_EXIT_FAILURE : MS_EXIT_OK;
	return call_verb(argv[1], argc - 1, argv + 1);
}

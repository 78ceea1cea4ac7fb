/* SPDX-License-Identifier: MIT */
/*
 * cmd/main.c - the table of verbs, and the options before a verb.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/nearest.h"
#include "cli/verb.h"
#include "config.h"

/* Each verb is a file of its own, and a line here. */
#define VERBS(V)                                                                                             \
	V(run)                                                                                               \
	V(list)                                                                                              \
	V(show)                                                                                              \
	V(clear)                                                                                             \
	V(shrink)                                                                                            \
	V(doctor)

#define DECLARE(name)  extern const struct ms_verb ms_verb_##name;
#define POINT_TO(name) &ms_verb_##name,
VERBS(DECLARE)
static const struct ms_verb *const verbs[] = {VERBS(POINT_TO)};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static void print_help(FILE *stream)
{
	fputs("Usage: memshed VERB [OPTION...] [ARGUMENT...]\n"
	      "See the caches of running processes, and have them shrunk before the OOM killer comes.\n\n",
	      stream);
	for (unsigned i = 0; i < VERB_COUNT; i++)
		fprintf(stream, "  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\n"
	      "  -h, --help     this text; `memshed VERB --help` or `memshed help VERB` for a verb\n"
	      "  -V, --version  the version\n\n"
	      "Exit codes and files: memshed(1).\n",
	      stream);
}

static const struct ms_verb *find_verb(const char *name)
{
	for (unsigned i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static _Noreturn void unknown_verb(const char *name)
{
	struct ms_nearest nearest = ms_nearest_start(name);

	for (unsigned i = 0; i < VERB_COUNT; i++)
		ms_nearest_add(&nearest, verbs[i]->name);
	if (nearest.count > 0)
		ms_verb_wrong(NULL, "unknown verb '%s': did you mean '%s'?", name, nearest.names[0]);
	if (name[0] == '-')
		ms_verb_wrong(NULL,
			      "unknown option '%s'; options other than --help and --version follow a verb",
			      name);
	ms_verb_wrong(NULL, "unknown verb '%s': `memshed --help` lists them", name);
}

static int call_verb(int argc, char **argv)
{
	const struct ms_verb *verb = find_verb(argv[0]);

	if (!verb)
		unknown_verb(argv[0]);
	return verb->main(argc, argv);
}

/* "memshed help VERB" is "memshed VERB --help". @argv: from "help" on */
static int help(char *program, int argc, char **argv)
{
	char option[] = "--help";
	char *verb_argv[] = {program, argv[1], option, NULL};

	if (argc > 1 && strcmp(argv[1], "help") != 0)
		return call_verb(2, verb_argv + 1);
	print_help(stdout);
	return MS_EXIT_OK;
}

static int call(int argc, char **argv)
{
	const char *word = argv[1];

	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(argv[0], argc - 1, argv + 1);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts("memshed " PACKAGE_VERSION);
		return MS_EXIT_OK;
	}
	return call_verb(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	ms_verb_prepare();
	setlocale(LC_ALL, "");
	if (argc < 2) {
		print_help(stderr);
		return MS_EXIT_USAGE;
	}
	ms_verb_leave(call(argc, argv));
}

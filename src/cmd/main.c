/* SPDX-License-Identifier: MIT */
/*
 * cmd/main.c - the table of verbs, and the options that stand before a verb.
 *
 * Each verb is a file of its own that gets argv from its own name on and returns an exit code.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/nearest.h"
#include "config.h"

static int help_main(int argc, char **argv);

static const struct ms_verb verbs[] = {
	{.name = "run",
	 .help = "run a command and have its caches shrunk near the limit",
	 .main = ms_cmd_run},
	{.name = "list", .help = "list the processes that have caches", .main = ms_cmd_list},
	{.name = "show", .help = "show one process: its budget and its caches", .main = ms_cmd_show},
	{.name = "clear", .help = "have a process drop caches", .main = ms_cmd_clear},
	{.name = "shrink",
	 .help = "have a process free so many bytes from its caches",
	 .main = ms_cmd_shrink},
	{.name = "doctor",
	 .help = "what this system offers memshed, and what follows",
	 .main = ms_cmd_doctor},
	{.name = "help", .help = "explain memshed, or a verb", .main = help_main},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

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
	else if (name[0] == '-')
		ms_cmd_error(NULL, "unknown option '%s': here are --help and --version, others behind a verb",
			     name);
	else
		ms_cmd_error(NULL, "unknown verb '%s': `memshed --help` lists them", name);
	return MS_EXIT_USAGE;
}

static int call_verb(char *name, int argc, char **argv)
{
	const struct ms_verb *verb = find_verb(name);

	return verb ? verb->main(argc, argv) : say_unknown(name);
}

/* Output that did not arrive (a full disk, a closed pipe) must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	ms_cmd_error(NULL, "standard output: %s", strerror(errno));
	return code == MS_EXIT_OK ? MS_EXIT_FAILURE : code;
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

/*
 * A caller may have closed 0, 1 or 2, and what is opened next would take their place: output would go to a
 * journal, or a socket be overwritten. "/" opened with O_PATH stands in: it is there without /dev too,
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

int main(int argc, char **argv)
{
	occupy_standard_descriptors();
	setlocale(LC_ALL, "");
	if (argc < 2) {
		print_help(stderr);
		return MS_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return finish(help_main(1, argv));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("memshed " PACKAGE_VERSION);
		return finish(MS_EXIT_OK);
	}
	return finish(call_verb(argv[1], argc - 1, argv + 1));
}

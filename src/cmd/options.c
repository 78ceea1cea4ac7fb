/* SPDX-License-Identifier: MIT */
/* cmd/options.c - options that several verbs have, and what is said of wrong ones. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/nearest.h"

/* @text: "--name" or "--name=value" */
static const struct option *find_long(const struct option *options, const char *text)
{
	size_t length = strcspn(text, "=");

	for (; options->name; options++)
		if (length > 2 && strncmp(options->name, text + 2, length - 2) == 0)
			return options;
	return NULL;
}

static void say_unknown_long(const char *verb, const struct option *options, const char *text)
{
	int length = (int)strcspn(text, "=");
	char name[64], wanted[64];

	snprintf(wanted, sizeof(wanted), "%.*s", length - 2, text + 2);
	struct ms_nearest nearest = ms_nearest_start(wanted);
	for (; options->name; options++) {
		snprintf(name, sizeof(name), "%s", options->name);
		ms_nearest_add(&nearest, name);
	}
	if (nearest.count > 0)
		ms_cmd_error(verb, "unknown option '%.*s': did you mean '--%s'?", length, text, nearest.names[0]);
	else
		ms_cmd_error(verb, "unknown option '%.*s': `memshed %s --help` lists them", length, text, verb);
}

/* getopt_long() does not tell which word it means: the one before optind, but for a letter within a word. */
static void say_wrong(const char *verb, const struct option *options, const char *text)
{
	const struct option *meant = strncmp(text, "--", 2) == 0 ? find_long(options, text) : NULL;

	if (meant && optopt == meant->val)
		ms_cmd_error(verb, "option '--%s' takes no value", meant->name);
	else if (optopt)
		ms_cmd_error(verb, "unknown option '-%c': `memshed %s --help` lists them", optopt, verb);
	else
		say_unknown_long(verb, options, text);
}

int ms_cmd_next_option(const char *verb, const char *letters, const struct option *options, int argc, char **argv)
{
	opterr = 0;
	int option = getopt_long(argc, argv, letters, options, NULL);

	if (option == ':')
		ms_cmd_error(verb, "option '%s' wants a value", argv[optind - 1]);
	if (option == '?')
		say_wrong(verb, options, argv[optind - 1]);
	return option == ':' ? '?' : option;
}

int ms_cmd_take_json(const char *verb, const char *help, const char *instead, int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	bool json = false;
	int option;

	while ((option = ms_cmd_next_option(verb, ":h", options, argc, argv)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 ? MS_EXIT_FAILURE : MS_EXIT_OK;
		if (option != 'j')
			return MS_EXIT_USAGE;
		json = true;
	}
	if (optind < argc) {
		ms_cmd_error(verb, "%s: %s takes no argument%s", argv[optind], verb, instead);
		return MS_EXIT_USAGE;
	}
	*ret_json = json;
	return -1;
}

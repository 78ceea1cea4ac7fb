/* SPDX-License-Identifier: MIT */
/* cmd/options.c - options that several verbs have. */
#include <getopt.h>
#include <stdio.h>

#include "cmd/cmd.h"

int ms_cmd_take_json(const char *verb, const char *help, const char *instead, int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
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

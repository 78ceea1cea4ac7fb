/* SPDX-License-Identifier: MIT */
/*
 * run/main.c - the program memshed-run, which `memshed run` becomes: options and exit codes.
 *
 * The work is run.c's. Own ends are 124 to 127, so that they differ from the command's usual ones. Its argv is
 * that of `memshed run`: the verb is argv[1].
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/place.h"
#include "cli/verb.h"
#include "policy/policy.h"
#include "run/run.h"

static const char usage[] =
	"Usage: memshed run [OPTION...] -- CMD [ARGUMENT...]\n"
	"Run CMD; when its memory nears the limit have it shrink its own caches.\n\n"
	"      --max SIZE      the budget (1.5G, 800M); the nearest limit of the system counts too\n"
	"      --high SIZE|%   start shrinking above (default 90% of the limit)\n"
	"      --low SIZE|%    shrink down to (default 80% of the limit)\n"
	"      --on-exhausted ACTION\n"
	"                      when nothing is left that helps: warn (default), term, restart or exec:CMD\n"
	"      --restarts N    of restart: give up after so many in a row (default 10)\n"
	"      --journal FILE  write each decision as a line of JSON there, not to stderr\n"
	"  -q, --quiet         no summary at the end\n"
	"  -h, --help          this text\n\n"
	"Returns CMD's exit status, or ends by the signal that ended it; 124 when memshed ended it, because\n"
	"nothing was left that helps; 125 when memshed itself failed,\n"
	"126 when CMD cannot be executed, 127 when there is none. See memshed-run(1).\n";

static const struct ms_verb verb = {.name = "run", .usage = usage, .wrong_exit = MS_EXIT_RUN_FAILED};

enum { RESTARTS = 10, RESTARTS_MOST = 1000000 };

enum option_value {
	OPTION_MAX = 256,
	OPTION_HIGH,
	OPTION_LOW,
	OPTION_ON_EXHAUSTED,
	OPTION_RESTARTS,
	OPTION_JOURNAL,
};

static const struct option long_options[] = {
	{.name = "max", .has_arg = required_argument, .val = OPTION_MAX},
	{.name = "high", .has_arg = required_argument, .val = OPTION_HIGH},
	{.name = "low", .has_arg = required_argument, .val = OPTION_LOW},
	{.name = "on-exhausted", .has_arg = required_argument, .val = OPTION_ON_EXHAUSTED},
	{.name = "restarts", .has_arg = required_argument, .val = OPTION_RESTARTS},
	{.name = "journal", .has_arg = required_argument, .val = OPTION_JOURNAL},
	{.name = "quiet", .has_arg = no_argument, .val = 'q'},
	{.name = "help", .has_arg = no_argument, .val = 'h'},
	{0},
};

static const char *why_bad(int error)
{
	return error == -ERANGE ? "out of range" : "not a size; write it like 1.5G, 800M or 1048576";
}

static uint64_t parse_max(const char *text)
{
	uint64_t bytes;
	int error = ms_units_parse_bytes(text, &bytes);

	if (error == 0 && bytes == 0)
		error = -ERANGE;
	if (error < 0)
		ms_verb_wrong(&verb, "--max %s: %s", text, why_bad(error));
	return bytes;
}

static struct ms_mark parse_mark(const char *option, const char *text)
{
	struct ms_mark mark;
	int error = ms_units_parse_mark(text, &mark);

	if (error < 0)
		ms_verb_wrong(&verb, "%s %s: %s", option, text,
			      error == -ERANGE ? "out of range"
					       : "neither a size like 800M nor a share like 80%");
	return mark;
}

static void parse_action(const char *text, struct ms_run_options *options)
{
	static const char exec[] = "exec:";

	options->hook = NULL;
	if (strcmp(text, "warn") == 0) {
		options->on_exhausted = MS_EXHAUSTED_WARN;
	} else if (strcmp(text, "term") == 0) {
		options->on_exhausted = MS_EXHAUSTED_TERM;
	} else if (strcmp(text, "restart") == 0) {
		options->on_exhausted = MS_EXHAUSTED_RESTART;
	} else if (strncmp(text, exec, sizeof(exec) - 1) == 0 && text[sizeof(exec) - 1]) {
		options->on_exhausted = MS_EXHAUSTED_EXEC;
		options->hook = text + sizeof(exec) - 1;
	} else {
		ms_verb_wrong(&verb, "--on-exhausted %s: not an action; warn, term, restart or exec:CMD", text);
	}
}

static uint32_t parse_restarts(const char *text)
{
	uint64_t count;

	if (ms_units_parse_u64(text, &count) < 0 || count == 0 || count > RESTARTS_MOST)
		ms_verb_wrong(&verb, "--restarts %s: not a number from 1 to %d", text, RESTARTS_MOST);
	return (uint32_t)count;
}

static void take_option(int option, struct ms_run_options *options)
{
	switch (option) {
	case OPTION_MAX:
		options->max_bytes = parse_max(optarg);
		break;
	case OPTION_HIGH:
		options->high = parse_mark("--high", optarg);
		break;
	case OPTION_LOW:
		options->low = parse_mark("--low", optarg);
		break;
	case OPTION_ON_EXHAUSTED:
		parse_action(optarg, options);
		break;
	case OPTION_RESTARTS:
		options->restarts_most = parse_restarts(optarg);
		break;
	case OPTION_JOURNAL:
		options->journal = optarg;
		break;
	case 'q':
		options->quiet = true;
		break;
	}
}

/* What can be compared already; the rest is brought into line when the limit is known. */
static void check_marks(const struct ms_run_options *options)
{
	static const char *const faults[] = {
		[MS_POLICY_HIGH_IS_ZERO] = "--high must be above 0",
		[MS_POLICY_HIGH_ABOVE_MAX] = "--high must not be above --max",
		[MS_POLICY_LOW_NOT_BELOW_HIGH] =
			"--low must be below --high (which is 90% of the limit by default)",
	};
	const struct ms_policy_config config = {.high = options->high, .low = options->low};
	enum ms_policy_fault fault = ms_policy_check(&config, options->max_bytes);

	if (fault != MS_POLICY_OK)
		ms_verb_wrong(&verb, "%s", faults[fault]);
}

static void check_restarts(struct ms_run_options *options)
{
	if (options->restarts_most && options->on_exhausted != MS_EXHAUSTED_RESTART)
		ms_verb_wrong(&verb, "--restarts is for --on-exhausted restart alone");
	if (!options->restarts_most)
		options->restarts_most = RESTARTS;
}

static int say_outcome(const struct ms_run_options *options, const struct ms_run_outcome *outcome)
{
	switch (outcome->end) {
	case MS_RUN_ENDED:
		return outcome->exit_code;
	case MS_RUN_NOT_STARTED:
		ms_verb_error(&verb, "%s: %s", outcome->what, strerror(-outcome->error));
		return MS_EXIT_RUN_FAILED;
	case MS_RUN_NO_JOURNAL:
		ms_verb_error(&verb, "cannot open the journal %s: %s", options->journal,
			      strerror(-outcome->error));
		return MS_EXIT_RUN_FAILED;
	case MS_RUN_EXHAUSTED:
		return MS_EXIT_RUN_EXHAUSTED;
	case MS_RUN_CANNOT_EXEC:
		break;
	}
	ms_verb_error(&verb, "cannot execute %s: %s", options->argv[0], strerror(-outcome->error));
	return outcome->error == -ENOENT ? MS_EXIT_RUN_NOT_FOUND : MS_EXIT_RUN_CANNOT_EXEC;
}

int main(int argc, char **argv)
{
	struct ms_run_options options = {0};
	struct ms_run_outcome outcome;
	char python_dir[PATH_MAX];
	int option;

	ms_verb_prepare();
	if (argc < 2 || strcmp(argv[1], verb.name) != 0)
		ms_verb_wrong(NULL, "this program is started by `memshed run`");
	argc--;
	argv++;
	while ((option = ms_verb_next_option(&verb, "+:qh", long_options, argc, argv)) != -1)
		take_option(option, &options);
	if (optind >= argc)
		ms_verb_wrong(&verb, "no command given: `memshed run -- CMD [ARGUMENT...]`");
	check_marks(&options);
	check_restarts(&options);
	options.argv = &argv[optind];
	options.python_dir = ms_place_python(ms_place_libexec, python_dir);
	ms_run_command(&options, &outcome);
	ms_verb_leave(say_outcome(&options, &outcome));
}

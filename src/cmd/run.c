/* SPDX-License-Identifier: MIT */
/*
 * cmd/run.c - memshed run: options, the place of the Python adapter, and exit codes.
 *
 * The work is super's. Its own failures are 125 to 127, so that they stand apart from the command's.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "config.h"
#include "policy/policy.h"
#include "run/run.h"

static const char help[] =
	"Usage: memshed run [OPTION...] -- CMD [ARGUMENT...]\n"
	"Run CMD; when its memory nears the limit have it shrink its own caches.\n\n"
	"      --max SIZE      the budget (1.5G, 800M); the nearest limit of the system counts too\n"
	"      --high SIZE|%   start shrinking above (default 90% of the limit)\n"
	"      --low SIZE|%    shrink down to (default 80% of the limit)\n"
	"      --journal FILE  write each decision as a line of JSON there, not to stderr\n"
	"  -q, --quiet         no summary at the end\n"
	"  -h, --help          this text\n\n"
	"Returns CMD's exit status, or dies of the signal that ended it; 125 when memshed itself failed,\n"
	"126 when CMD cannot be executed, 127 when there is none. See memshed-run(1).\n";

enum option_value { OPTION_MAX = 256, OPTION_HIGH, OPTION_LOW, OPTION_JOURNAL };

static const struct option long_options[] = {
	{.name = "max", .has_arg = required_argument, .val = OPTION_MAX},
	{.name = "high", .has_arg = required_argument, .val = OPTION_HIGH},
	{.name = "low", .has_arg = required_argument, .val = OPTION_LOW},
	{.name = "journal", .has_arg = required_argument, .val = OPTION_JOURNAL},
	{.name = "quiet", .has_arg = no_argument, .val = 'q'},
	{.name = "help", .has_arg = no_argument, .val = 'h'},
	{0},
};

static const char *why_bad(int error)
{
	return error == -ERANGE ? "out of range" : "not a size; write it like 1.5G, 800M or 1048576";
}

static int parse_max(const char *text, uint64_t *ret_bytes)
{
	uint64_t bytes;
	int error = ms_units_parse_bytes(text, &bytes);

	if (error == 0 && bytes == 0)
		error = -ERANGE;
	if (error < 0)
		ms_cmd_error("run", "--max %s: %s", text, why_bad(error));
	else
		*ret_bytes = bytes;
	return error;
}

static int parse_mark(const char *option, const char *text, struct ms_mark *ret_mark)
{
	int error = ms_units_parse_mark(text, ret_mark);

	if (error < 0)
		ms_cmd_error("run", "%s %s: %s", option, text,
			     error == -ERANGE ? "out of range" : "neither a size like 800M nor a share like 80%");
	return error;
}

static int take_option(int option, struct ms_super_options *options)
{
	switch (option) {
	case OPTION_MAX:
		return parse_max(optarg, &options->max_bytes);
	case OPTION_HIGH:
		return parse_mark("--high", optarg, &options->high);
	case OPTION_LOW:
		return parse_mark("--low", optarg, &options->low);
	case OPTION_JOURNAL:
		options->journal = optarg;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	default:
		return -EINVAL; /* said already */
	}
}

/* What can be compared already; the rest is brought into line when the limit is known. */
static int check_marks(const struct ms_super_options *options)
{
	static const char *const faults[] = {
		[MS_POLICY_HIGH_IS_ZERO] = "--high must be above 0",
		[MS_POLICY_HIGH_ABOVE_MAX] = "--high must not be above --max",
		[MS_POLICY_LOW_NOT_BELOW_HIGH] = "--low must be below --high (which is 90% of the limit by default)",
	};
	const struct ms_policy_config config = {.high = options->high, .low = options->low};
	enum ms_policy_fault fault = ms_policy_check(&config, options->max_bytes);

	if (fault == MS_POLICY_OK)
		return 0;
	ms_cmd_error("run", "%s", faults[fault]);
	return -EINVAL;
}

/*
 * From the folder of this program to the adapter's, as a path with "..", so that a tree that was
 * installed with one prefix and moved to another still fits together.
 */
static int find_relative(char *path, size_t size, const char *bin_dir, const char *python_dir)
{
	size_t same = 0, n = 0;

	for (size_t i = 0; bin_dir[i] && bin_dir[i] == python_dir[i]; i++)
		if (bin_dir[i] == '/')
			same = i + 1;
	for (const char *rest = bin_dir + same; rest; rest = strchr(rest + 1, '/'))
		n += (size_t)snprintf(path + n, n < size ? size - n : 0, "../");
	n += (size_t)snprintf(path + n, n < size ? size - n : 0, "%s", python_dir + same);
	return n < size ? 0 : -ENAMETOOLONG;
}

static bool holds_adapter(const char *dir)
{
	char file[PATH_MAX];
	int n = snprintf(file, sizeof(file), "%s/sitecustomize.py", dir);

	return n < (int)sizeof(file) && access(file, R_OK) == 0;
}

/* The adapter stands where this program stands: in the build tree beside it, else as installed. */
const char *ms_cmd_python_dir(char path[PATH_MAX])
{
	char dir[PATH_MAX / 2], relative[PATH_MAX / 2 - 1];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0)
		return NULL;
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	snprintf(path, PATH_MAX, "%s/contrib/python", dir);
	if (holds_adapter(path))
		return path;
	if (find_relative(relative, sizeof(relative), MS_BINDIR, MS_PYTHONDIR) < 0)
		return NULL;
	snprintf(path, PATH_MAX, "%s/%s", dir, relative);
	return holds_adapter(path) ? path : NULL;
}

static int say_outcome(const char *command, const struct ms_super_outcome *outcome)
{
	switch (outcome->end) {
	case MS_SUPER_ENDED:
		return outcome->exit_code;
	case MS_SUPER_NOT_STARTED:
		ms_cmd_error("run", "%s: %s", outcome->what, strerror(-outcome->error));
		return MS_EXIT_RUN_FAILED;
	case MS_SUPER_CANNOT_EXEC:
		break;
	}
	ms_cmd_error("run", "%s: %s", command, strerror(-outcome->error));
	return outcome->error == -ENOENT ? MS_EXIT_RUN_NOT_FOUND : MS_EXIT_RUN_CANNOT_EXEC;
}

int ms_cmd_run(int argc, char **argv)
{
	struct ms_super_options options = {0};
	struct ms_super_outcome outcome;
	char python_dir[PATH_MAX];
	int option;

	optind = 0;
	while ((option = ms_cmd_next_option("run", "+:qh", long_options, argc, argv)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return MS_EXIT_OK;
		}
		if (take_option(option, &options) < 0)
			return MS_EXIT_RUN_FAILED;
	}
	if (optind >= argc) {
		ms_cmd_error("run", "say which command: `memshed run -- CMD [ARGUMENT...]`");
		return MS_EXIT_RUN_FAILED;
	}
	if (check_marks(&options) < 0)
		return MS_EXIT_RUN_FAILED;
	options.argv = &argv[optind];
	options.python_dir = ms_cmd_python_dir(python_dir);
	ms_super_run(&options, &outcome);
	return say_outcome(argv[optind], &outcome);
}

/* SPDX-License-Identifier: MIT */
/*
 * cmd/run.c - memshed run: become memshed-run, a program of its own.
 *
 * A supervisor stays for the life of its command with all its memory locked: it must not carry the
 * libraries that the other verbs print and list with. Its options and their help are in run/main.c.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/place.h"
#include "cli/verb.h"

static int execute(int argc, char **argv);

const struct ms_verb ms_verb_run = {
	.name = "run",
	.summary = "run a command and have its caches shrunk near the limit",
	.wrong_exit = MS_EXIT_RUN_FAILED,
	.main = execute,
};

/* argv[-1] is the name of this program: what is executed shows the same command line. */
static int execute(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	execv(ms_place_runner(ms_place_bin, path), argv - 1);
	ms_verb_error(&ms_verb_run, "%s: %s; memshed is not installed completely", path, strerror(errno));
	return MS_EXIT_RUN_FAILED;
}

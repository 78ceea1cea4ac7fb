/* SPDX-License-Identifier: MIT */
/* cmd/run.c - memshed run: start a command; its status becomes ours. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

int ms_cmd_run(int argc, char **argv)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	if (first >= argc) {
		ms_cmd_error("run", "no command; `memshed run -- CMD [ARGUMENT...]`");
		return MS_EXIT_RUN_FAILED;
	}
	execvp(argv[first], &argv[first]);
	ms_cmd_error("run", "%s: %s", argv[first], strerror(errno));
	return errno == ENOENT ? MS_EXIT_RUN_NOT_FOUND : MS_EXIT_RUN_CANNOT_EXEC;
}

/* SPDX-License-Identifier: MIT */
/* cmd/error.c - how a message is said: ms_cmd_error() in cmd.h. */
#include <stdarg.h>
#include <stdio.h>

#include "cmd/cmd.h"

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

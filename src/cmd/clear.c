/* SPDX-License-Identifier: MIT */
/* cmd/clear.c - memshed clear: see order.c. */
#include "cli/verb.h"
#include "cmd/order.h"

static const char usage[] =
	"Usage: memshed clear PID|NAME [CACHE...] [--timeout T] [--dry-run] [--all] [--json]\n"
	"Have a process drop everything in these caches, or in all its caches when none is named, and then\n"
	"have its allocator return free memory.\n\n"
	MS_ORDER_HELP "See memshed-clear(1).\n";

static int clear(int argc, char **argv);

const struct ms_verb ms_verb_clear = {
	.name = "clear",
	.summary = "have a process drop caches",
	.usage = usage,
	.main = clear,
};

static int clear(int argc, char **argv)
{
	return ms_order_main(&ms_verb_clear, false, argc, argv);
}

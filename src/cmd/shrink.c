/* SPDX-License-Identifier: MIT */
/* cmd/shrink.c - memshed shrink: see order.c. */
#include "cli/verb.h"
#include "cmd/order.h"

static const char usage[] =
	"Usage: memshed shrink PID|NAME --bytes SIZE [CACHE...] [--timeout T] [--dry-run] [--all] [--json]\n"
	"Have a process free SIZE from its caches, the cheapest first and no more than needed, as measured by\n"
	"its resident memory. When caches are named, these are asked until they claim to have freed SIZE.\n\n"
	"  -b, --bytes SIZE  how much: 1.5G, 800M, 1048576\n"
	MS_ORDER_HELP "See memshed-shrink(1).\n";

static int shrink(int argc, char **argv);

const struct ms_verb ms_verb_shrink = {
	.name = "shrink",
	.summary = "have a process free so many bytes from its caches",
	.usage = usage,
	.main = shrink,
};

static int shrink(int argc, char **argv)
{
	return ms_order_main(&ms_verb_shrink, true, argc, argv);
}

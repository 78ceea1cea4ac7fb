/* SPDX-License-Identifier: MIT */
/* cmd/shrink.c - memshed shrink: see order.c. */
#include "cli/verb.h"
#include "cmd/order.h"

static const char usage[] =
	"Usage: memshed shrink PID|NAME --bytes SIZE [CACHE...] [--timeout T] [--dry-run] [--all] [--json]\n"
	"Have a process free SIZE from its caches, the cheapest first and no more than needed, as measured "
	"by\n"
	"its own memory; with a CACHE from these, as they claim.\n\n"
	"  -b, --bytes SIZE  how much: 1.5G, 800M, 1048576\n"
	"  CACHE             a cache's name; prefix* for all that begin so; allocator for the allocator\n"
	"      --timeout T   how long an order may take (default 10s; 500ms, 2m)\n"
	"  -n, --dry-run     say what would be asked, ask nothing\n"
	"  -a, --all         a line for every cache, not only the first 40\n"
	"      --json        for scripts\n"
	"  -h, --help        this text\n\n"
	"Claimed is what the caches say they freed, returned is by how much the RSS fell. See "
	"memshed-shrink(1).\n";

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

/* SPDX-License-Identifier: MIT */
/* cmd/clear.c - memshed clear: see order.c. */
#include "cli/verb.h"
#include "cmd/order.h"

static const char usage[] =
	"Usage: memshed clear PID|NAME [CACHE...] [--timeout T] [--dry-run] [--all] [--json]\n"
	"Have a process drop everything that these caches hold, without a CACHE all of them, and then\n"
	"have its allocator give back what it holds free.\n\n"
	"  CACHE            a cache's name; prefix* for all that begin so; allocator for the allocator\n"
	"      --timeout T  how long an order may take (default 10s; 500ms, 2m)\n"
	"  -n, --dry-run    say what would be asked, ask nothing\n"
	"  -a, --all        a line for every cache, not only the first 40\n"
	"      --json       for scripts\n"
	"  -h, --help       this text\n\n"
	"Claimed is what the caches say they freed, returned is by how much the RSS fell. See "
	"memshed-clear(1).\n";

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

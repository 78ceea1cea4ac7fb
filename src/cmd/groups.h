/* SPDX-License-Identifier: MIT */
/*
 * cmd/groups.h - the caches of one process that have one name, as one: the methods of thousands of objects, say.
 *
 * A group is shown as a cache would be that holds all that its caches hold. Plain functions.
 */
#ifndef MS_CMD_GROUPS_H
#define MS_CMD_GROUPS_H

#include "cmd/rows.h"

struct ms_group {
	/* First, so that groups sort as rows do. Counters, and the sums over all orders, are sums; it is as old as the
	 * oldest. "last" is of the last order that asked any, over all that it asked. A flag that rules a cache out
	 * (manual, unhelpful, stuck) is set when all have it, one that says how (an estimate, counted, owner's thread)
	 * when any has. Kind and source are those of the first; a source that not all have is left out. */
	struct ms_row row;
	unsigned caches;
	unsigned stuck; /* how many callbacks are past their deadline and still run */
	unsigned uncounted;
};

/**
 * ms_groups_make - group rows by name
 * @rows: the allocator's is left out
 * @ret_groups: free() it; in no order
 *
 * Takes count * log(count) steps, whatever the names are: they are another process's choice.
 * Return: 0; -ENOMEM.
 */
int ms_groups_make(const struct ms_row *rows, unsigned count, struct ms_group **ret_groups, unsigned *ret_count);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/snapshot.h - all that is known of a process now: the one input of list, show and their JSON.
 *
 * Plain data, gathered by one function that only reads: the process is never stopped, slowed or waited for.
 * Text of other processes is as they wrote it: escape before printing.
 */
#ifndef MS_CMD_SNAPSHOT_H
#define MS_CMD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/activity.h"
#include "cmd/rows.h"
#include "cmd/target.h"
#include "cmd/watches.h"
#include "sample/sample.h"
#include "util/root.h"

enum { MS_SNAPSHOT_LIMITS = 48 };

/* The limit that binds, and where shrinking begins and ends. Of the watch, where there is one: of its whole
 * job; else of the process itself, and as a watch would have it. */
struct ms_budget_view {
	struct ms_limit limit; /* source MS_LIMIT_NONE when not known */
	uint64_t high_bytes, low_bytes;
};

struct ms_snapshot {
	uint64_t now_ns;
	struct ms_pid_facts facts;
	char command[MS_COMMAND_BYTES];
	struct ms_table_info info;
	struct ms_row *rows; /* the allocator's is among them */
	unsigned row_count;
	struct ms_row_totals totals;
	struct ms_row allocator; /* flags and counters; all 0 where there is no such row */
	bool has_allocator;
	struct ms_activity agent;
	struct ms_budget_view budget;
	bool watched;
	bool measured; /* by the watch: it has looked, and can; else the budget is as if unwatched */
	pid_t watch_pid;
	struct ms_state watch; /* all 0 unless watched */
	uint32_t limit_count;  /* 0 unless asked for */
	struct ms_limit limits[MS_SNAPSHOT_LIMITS];
};

/**
 * ms_snapshot_take - gather
 * @sort: of the rows
 * @all_limits: also those that do not bind; takes longer
 * Return: 0 and *ret_snapshot to be freed with ms_snapshot_free(); as ms_target_rows(); -ESRCH; -ENOMEM.
 */
int ms_snapshot_take(struct ms_target *target, const struct ms_watches *watches, const struct ms_root *root,
		     enum ms_row_sort sort, bool all_limits, struct ms_snapshot **ret_snapshot);
void ms_snapshot_free(struct ms_snapshot *snapshot);

/** ms_snapshot_explained - the part of the RSS that caches and allocator account for; false when they claim
 * more than there is, so that nothing follows */
bool ms_snapshot_explained(const struct ms_snapshot *snapshot, uint64_t *ret_bytes);

#endif

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
#include "cmd/groups.h"
#include "cmd/rows.h"
#include "cmd/target.h"
#include "cmd/watches.h"
#include "sample/sample.h"
#include "util/root.h"

enum { MS_SNAPSHOT_LIMITS = 48 };

/* Whether the process has counted its caches for this snapshot, or why not. */
enum ms_counted {
	MS_COUNTED_NOT_ASKED = 0, /* by the user's choice */
	MS_COUNTED_NOW,           /* asked, and all has been counted */
	MS_COUNTED_PARTLY,        /* asked, and it was not done in time */
	MS_COUNTED_NO_ANSWER,     /* asked, and its agent has not begun in time */
	MS_COUNTED_STOPPED,       /* from here on: not asked */
	MS_COUNTED_READ_ONLY,     /* it takes no orders from this user */
	MS_COUNTED_AGENT_BUSY,    /* its agent does something else, or does not run */
	MS_COUNTED_NEAR_LIMIT,    /* it may need its agent for more important things at any moment */
	MS_COUNTED_TOO_MANY,      /* others were asked */
};

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
	struct ms_group *groups; /* the same rows by name, in the same order; the allocator's in none */
	unsigned group_count;
	struct ms_row_totals totals;
	struct ms_row allocator; /* flags and counters; all 0 where there is no such row */
	bool has_allocator;
	struct ms_activity agent;
	enum ms_counted counted;
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

/**
 * ms_snapshot_take_again - the process's facts and rows as they are now; the rest stays
 * @idle: its agent is shown as it was: what it has done since was done for the snapshot
 * Return: as ms_snapshot_take(); on failure all stays as it was.
 */
int ms_snapshot_take_again(struct ms_target *target, enum ms_row_sort sort, bool idle, struct ms_snapshot *snapshot);

/** ms_snapshot_counts_age - how old the oldest count is, of the caches that are asked for theirs; false: none was
 * ever counted */
bool ms_snapshot_counts_age(const struct ms_snapshot *snapshot, uint64_t *ret_us);

/** ms_snapshot_counted_name, ms_snapshot_counted_words - in JSON; for people, without a capital or a stop. Both NULL
 * for MS_COUNTED_NOW. */
const char *ms_snapshot_counted_name(enum ms_counted counted);
const char *ms_snapshot_counted_words(enum ms_counted counted);

/** ms_snapshot_explained - the part of the RSS that caches and allocator account for; false when they claim
 * more than there is, so that nothing follows */
bool ms_snapshot_explained(const struct ms_snapshot *snapshot, uint64_t *ret_bytes);

#endif

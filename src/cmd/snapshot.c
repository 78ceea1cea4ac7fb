/* SPDX-License-Identifier: MIT */
/* cmd/snapshot.c - see snapshot.h. */
#include "cmd/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "sample/budget.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/saturate.h"

void ms_snapshot_free(struct ms_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->rows);
	free(snapshot->groups);
	free(snapshot);
}

bool ms_snapshot_explained(const struct ms_snapshot *snapshot, uint64_t *ret_bytes)
{
	uint64_t bytes = ms_sat_add(snapshot->totals.bytes, snapshot->allocator.bytes);

	if (bytes > snapshot->facts.rss_bytes)
		return false;
	*ret_bytes = bytes;
	return true;
}

static int group_rows(const struct ms_row *rows, unsigned count, enum ms_row_sort sort,
		      struct ms_snapshot *snapshot)
{
	struct ms_group *groups MS_CLEANUP_FREE = NULL;
	unsigned group_count;
	int error = ms_groups_make(rows, count, &groups, &group_count);

	if (error == 0)
		error = ms_rows_sort_items(groups, group_count, sizeof(*groups), sort, snapshot->now_ns);
	if (error < 0)
		return error;
	free(snapshot->groups);
	snapshot->groups = groups;
	snapshot->group_count = group_count;
	groups = NULL;
	return 0;
}

static int read_rows(struct ms_target *target, enum ms_row_sort sort, struct ms_snapshot *snapshot)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	int count = ms_target_rows(target, &rows);
	if (count < 0)
		return count;
	int error = ms_rows_sort(rows, (unsigned)count, sort, snapshot->now_ns);
	if (error < 0)
		return error;
	error = group_rows(rows, (unsigned)count, sort, snapshot);
	if (error < 0)
		return error;

	free(snapshot->rows);
	snapshot->rows = rows;
	rows = NULL;
	snapshot->row_count = (unsigned)count;
	snapshot->totals = ms_rows_total(snapshot->rows, snapshot->row_count);
	assert(snapshot->totals.caches <= snapshot->row_count);
	const struct ms_row *allocator = ms_rows_allocator(snapshot->rows, snapshot->row_count);
	if (allocator) {
		snapshot->has_allocator = true;
		snapshot->allocator = *allocator;
	}
	return 0;
}

/* What the watch says of its limit, checked for what cannot be: it is another process's word. */
static void take_watch(const struct ms_watch_view *watch, struct ms_snapshot *snapshot)
{
	const struct ms_state *state = &watch->state;
	bool known = state->limit_source > MS_LIMIT_NONE && state->limit_source <= MS_LIMIT_CGROUP1_MEMSW;

	snapshot->watched = true;
	snapshot->watch_pid = watch->pid;
	snapshot->watch = *state;
	snapshot->measured = state->blind_error == 0 && state->looked_ns != 0;
	if (!snapshot->measured)
		return;
	snapshot->budget = (struct ms_budget_view){
		.limit.source = known ? (enum ms_limit_source)state->limit_source : MS_LIMIT_NONE,
		.limit.max_bytes = state->limit_max_bytes,
		.limit.used_bytes = state->limit_used_bytes,
		.high_bytes = state->high_bytes,
		.low_bytes = state->low_bytes,
	};
	snprintf(snapshot->budget.limit.where, sizeof(snapshot->budget.limit.where), "%s",
		 state->limit_where);
}

/* As a watch would have it that is given no options. */
static void estimate_budget(const struct ms_sample *sample, struct ms_budget_view *budget)
{
	const struct ms_policy_config config = ms_policy_defaults();

	*budget = (struct ms_budget_view){.limit = sample->limit};
	if (sample->limit.source == MS_LIMIT_NONE)
		return;
	const struct ms_marks marks = ms_policy_marks_of(&config, &sample->limit, 0);
	budget->high_bytes = marks.high_bytes;
	budget->low_bytes = marks.low_bytes;
}

/* The top of the watch's job: the ancestor below the watch's own process; else the process itself. */
static pid_t find_job(const struct ms_snapshot *snapshot)
{
	enum { ANCESTORS = 64 };
	struct ms_pid_facts facts = snapshot->facts;

	for (unsigned i = 0; i < ANCESTORS && snapshot->watched && facts.ppid > 0; i++) {
		if (facts.ppid == snapshot->watch_pid)
			return facts.pid;
		if (ms_pids_facts(facts.ppid, &facts) < 0)
			break;
	}
	return snapshot->facts.pid;
}

static void read_budget(const struct ms_root *root, bool all_limits, struct ms_snapshot *snapshot)
{
	const struct ms_state *watch = &snapshot->watch;
	struct ms_sample sample = {.limit.source = MS_LIMIT_NONE};
	/* Where a cgroup has it as its limit it is among the cgroups' limits. */
	uint64_t option_max_bytes = watch->flags & MS_STATE_ENFORCED ? 0 : watch->option_max_bytes;

	if (snapshot->measured && !all_limits)
		return;
	if (ms_sample_once(root, find_job(snapshot), option_max_bytes, &sample,
			   all_limits ? snapshot->limits : NULL, all_limits ? MS_SNAPSHOT_LIMITS : 0,
			   all_limits ? &snapshot->limit_count : NULL) < 0)
		sample = (struct ms_sample){.limit.source = MS_LIMIT_NONE};
	if (!snapshot->measured)
		estimate_budget(&sample, &snapshot->budget);
}

static void describe_agent(struct ms_snapshot *snapshot)
{
	ms_activity_describe(&snapshot->info, snapshot->rows, snapshot->row_count, snapshot->facts.state,
			     snapshot->now_ns, &snapshot->agent);
}

static int gather(struct ms_target *target, const struct ms_watches *watches, const struct ms_root *root,
		  enum ms_row_sort sort, bool all_limits, struct ms_snapshot *snapshot)
{
	snapshot->now_ns = ms_clock_ns();
	int error = ms_target_facts(target, &snapshot->facts);
	if (error == 0)
		error = read_rows(target, sort, snapshot);
	if (error < 0)
		return error;
	memcpy(snapshot->command, target->command, sizeof(snapshot->command));
	snapshot->info = target->table.info;
	describe_agent(snapshot);
	const struct ms_watch_view *watch = ms_watches_of(watches, &snapshot->facts, snapshot->info.identity);
	if (watch)
		take_watch(watch, snapshot);
	read_budget(root, all_limits, snapshot);
	return 0;
}

int ms_snapshot_take_again(struct ms_target *target, enum ms_row_sort sort, bool idle, struct ms_snapshot *snapshot)
{
	const struct ms_table_info was = snapshot->info;
	struct ms_pid_facts facts;
	int error = ms_target_facts(target, &facts);

	snapshot->now_ns = ms_clock_ns();
	if (error == 0)
		error = read_rows(target, sort, snapshot);
	if (error < 0)
		return error;
	snapshot->facts = facts;
	snapshot->info = target->table.info;
	if (idle) {
		snapshot->info.agent_state = was.agent_state;
		snapshot->info.current_row = was.current_row;
		snapshot->info.current_since_ns = was.current_since_ns;
	}
	describe_agent(snapshot);
	return 0;
}

/* ---- how old the counts are ---- */

bool ms_snapshot_counts_age(const struct ms_snapshot *snapshot, uint64_t *ret_us)
{
	uint64_t oldest_ns = 0;

	for (unsigned i = 0; i < snapshot->row_count; i++) {
		const struct ms_row *row = &snapshot->rows[i];

		if (row->row == MS_ALLOCATOR_ROW || !(row->flags & MS_ROW_PULLED) || row->pulled_at_ns == 0)
			continue;
		if (oldest_ns == 0 || row->pulled_at_ns < oldest_ns)
			oldest_ns = row->pulled_at_ns;
	}
	return ms_age_us(oldest_ns, snapshot->now_ns, ret_us);
}

static const struct {
	const char *name, *words;
} counted_texts[] = {
	[MS_COUNTED_NOT_ASKED] = {"not-asked", "it was not asked"},
	[MS_COUNTED_PARTLY] = {"partly", "its agent was not done in time"},
	[MS_COUNTED_NO_ANSWER] = {"no-answer", "its agent did not answer in time"},
	[MS_COUNTED_STOPPED] = {"stopped", "it is stopped"},
	[MS_COUNTED_READ_ONLY] = {"read-only", "it takes no orders from this user"},
	[MS_COUNTED_AGENT_BUSY] = {"agent-busy", "its agent is not idle"},
	[MS_COUNTED_NEAR_LIMIT] = {"near-limit", "it is not disturbed near its limit"},
	[MS_COUNTED_TOO_MANY] = {"too-many", "it was not asked, there are too many processes"},
};

const char *ms_snapshot_counted_name(enum ms_counted counted)
{
	return counted_texts[counted].name;
}

const char *ms_snapshot_counted_words(enum ms_counted counted)
{
	return counted_texts[counted].words;
}

int ms_snapshot_take(struct ms_target *target, const struct ms_watches *watches, const struct ms_root *root,
		     enum ms_row_sort sort, bool all_limits, struct ms_snapshot **ret_snapshot)
{
	struct ms_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	int error = snapshot ? gather(target, watches, root, sort, all_limits, snapshot) : -ENOMEM;

	if (error < 0)
		ms_snapshot_free(snapshot);
	else
		*ret_snapshot = snapshot;
	return error;
}

/* SPDX-License-Identifier: MIT */
/* cmd/snapshot_columns.c - see snapshot_columns.h: the columns of a process. */
#include "cmd/snapshot_columns.h"

#include <stdio.h>

#include "sample/pids.h"
#include "table/names.h"

/* clang-format off */
enum {
	PID, COMMAND, COMM, UID, STATE, THREADS, RSS, SWAP,
	MAX, USED, USED_SHARE, SOURCE, WHERE, HIGH, LOW, SUPERVISOR_PID,
	CACHES, CACHED, ESTIMATED, EXPLAINED, UNEXPLAINED, REFUSED,
	AGENT, AGENT_MODE, AGENT_STATE, PROCESS_STATE, CALLBACK, SINCE, STUCK,
	AGENT_TID, ORDERS, ROUNDS, TRIMS, TRIMMED,
	OWN_ROUNDS, OWN_CLAIMED, OWN_RETURNED, OWN_US, BRAKES, BRAKED_US, BRAKED_THREADS,
	COUNTED, COUNTS_AGE,
};
/* clang-format on */

#define ALL    (MS_VIEW_LIST | MS_VIEW_LIST_JSON | MS_VIEW_SHOW_JSON)
#define JSON   (MS_VIEW_LIST_JSON | MS_VIEW_SHOW_JSON)
#define SHOW   MS_VIEW_SHOW_JSON
#define LISTED (MS_VIEW_LIST | MS_VIEW_LIST_JSON)

/* In the order of the table for people. */
static const struct ms_column columns[] = {
	{PID, "pid", "PID", MS_RENDER_RIGHT, ALL},
	{COMMAND, "command", "COMMAND", MS_RENDER_LEFT, ALL},
	{COMM, "comm", NULL, 0, JSON},
	{UID, "uid", NULL, 0, JSON},
	{STATE, "state", NULL, 0, JSON},
	{THREADS, "threads", NULL, 0, JSON},
	{RSS, "rss_bytes", "RSS", MS_RENDER_RIGHT, ALL},
	{SWAP, "swap_bytes", NULL, 0, JSON},
	{MAX, "limit.max_bytes", "BUDGET", MS_RENDER_RIGHT, ALL},
	{USED_SHARE, NULL, "USED", MS_RENDER_RIGHT, MS_VIEW_LIST},
	{USED, "limit.used_bytes", NULL, 0, JSON},
	{SOURCE, "limit.source", NULL, 0, JSON},
	{WHERE, "limit.where", NULL, 0, SHOW},
	{HIGH, "limit.high_bytes", NULL, 0, SHOW},
	{LOW, "limit.low_bytes", NULL, 0, SHOW},
	{SUPERVISOR_PID, "supervisor_pid", NULL, 0, MS_VIEW_LIST_JSON},
	{CACHES, "caches", "CACHES", MS_RENDER_RIGHT, LISTED},
	{CACHED, "cached_bytes", "CACHED", MS_RENDER_RIGHT, ALL},
	{ESTIMATED, "bytes_estimated", NULL, 0, JSON},
	{EXPLAINED, "explained_bytes", NULL, 0, SHOW},
	{UNEXPLAINED, "unexplained_bytes", NULL, 0, SHOW},
	{REFUSED, "refused_registrations", NULL, 0, SHOW},
	{AGENT, NULL, "AGENT", MS_RENDER_WRAP, MS_VIEW_LIST},
	{AGENT_MODE, "agent.mode", NULL, 0, JSON},
	{AGENT_STATE, "agent.state", NULL, 0, JSON},
	{PROCESS_STATE, "agent.process_state", NULL, 0, JSON},
	{CALLBACK, "agent.callback", NULL, 0, JSON},
	{SINCE, "agent.since_us", NULL, 0, JSON},
	{STUCK, "agent.stuck", NULL, 0, JSON},
	{AGENT_TID, "agent.tid", NULL, 0, SHOW},
	{ORDERS, "agent.orders", NULL, 0, SHOW},
	{ROUNDS, "agent.rounds", NULL, 0, SHOW},
	{TRIMS, "agent.trims", NULL, 0, SHOW},
	{TRIMMED, "agent.trimmed_bytes", NULL, 0, SHOW},
	{OWN_ROUNDS, "agent.own_rounds", NULL, 0, SHOW},
	{OWN_CLAIMED, "agent.own_claimed_bytes", NULL, 0, SHOW},
	{OWN_RETURNED, "agent.own_returned_bytes", NULL, 0, SHOW},
	{OWN_US, "agent.own_us", NULL, 0, SHOW},
	{BRAKES, "agent.brakes", NULL, 0, SHOW},
	{BRAKED_US, "agent.braked_us", NULL, 0, SHOW},
	{BRAKED_THREADS, "agent.braked_threads", NULL, 0, JSON},
	{COUNTED, "counts.why_old", NULL, 0, JSON},
	{COUNTS_AGE, "counts.age_us", NULL, 0, JSON},
};

static struct ms_value process_value(const struct ms_snapshot *snapshot, int id)
{
	const struct ms_pid_facts *facts = &snapshot->facts;

	switch (id) {
	case PID:
		return ms_value_of(MS_VALUE_COUNT, true, (uint64_t)facts->pid);
	case COMMAND:
		return ms_value_text(MS_VALUE_TEXT, snapshot->command);
	case COMM:
		return ms_value_text(MS_VALUE_TEXT, facts->comm);
	case UID:
		return ms_value_of(MS_VALUE_COUNT, true, facts->uid);
	case STATE:
	case PROCESS_STATE:
		return ms_value_text(MS_VALUE_WORD, ms_pid_state_name(facts->state));
	case THREADS:
		return ms_value_of(MS_VALUE_COUNT, true, facts->threads);
	case RSS:
		return ms_value_bytes(true, false, facts->rss_bytes);
	case SWAP:
		return ms_value_bytes(true, false, facts->swap_bytes);
	}
	return (struct ms_value){0};
}

static struct ms_value budget_value(const struct ms_snapshot *snapshot, int id)
{
	const struct ms_budget_view *budget = &snapshot->budget;
	const struct ms_limit *limit = &budget->limit;
	bool known = limit->source != MS_LIMIT_NONE;

	switch (id) {
	case MAX:
		return ms_value_bytes(known, false, limit->max_bytes);
	case USED:
		return ms_value_bytes(known, false, limit->used_bytes);
	case USED_SHARE:
		return (struct ms_value){.kind = known ? MS_VALUE_SHARE : MS_VALUE_NONE,
					 .number = limit->used_bytes,
					 .whole = limit->max_bytes};
	case SOURCE:
		return ms_value_text(MS_VALUE_WORD, ms_limit_source_name(limit->source));
	case WHERE:
		return ms_value_text(MS_VALUE_TEXT, known && limit->where[0] ? limit->where : NULL);
	case HIGH:
		return ms_value_bytes(known, false, budget->high_bytes);
	case LOW:
		return ms_value_bytes(known, false, budget->low_bytes);
	case SUPERVISOR_PID:
		return ms_value_of(MS_VALUE_COUNT, snapshot->watched, (uint64_t)snapshot->watch_pid);
	}
	return (struct ms_value){0};
}

static struct ms_value cached_value(const struct ms_snapshot *snapshot, int id)
{
	const struct ms_row_totals *totals = &snapshot->totals;
	uint64_t explained = 0;
	bool known = ms_snapshot_explained(snapshot, &explained);

	switch (id) {
	case CACHES:
		return ms_value_of(MS_VALUE_COUNT, true, totals->caches);
	case CACHED:
		return ms_value_bytes(true, totals->estimated, totals->bytes);
	case ESTIMATED:
		return ms_value_of(MS_VALUE_FLAG, true, totals->estimated);
	case EXPLAINED:
		return ms_value_bytes(known, totals->estimated, explained);
	case UNEXPLAINED:
		return ms_value_bytes(known, totals->estimated, snapshot->facts.rss_bytes - explained);
	case REFUSED:
		return ms_value_of(MS_VALUE_COUNT, true, snapshot->info.refused_registrations);
	}
	return (struct ms_value){0};
}

/* What the process did by itself. */
static struct ms_value own_value(const struct ms_table_info *info, int id)
{
	switch (id) {
	case OWN_ROUNDS:
		return ms_value_of(MS_VALUE_COUNT, true, info->own_rounds);
	case OWN_CLAIMED:
		return ms_value_bytes(true, false, info->own_claimed_bytes);
	case OWN_RETURNED:
		return ms_value_bytes(true, false, info->own_returned_bytes);
	case OWN_US:
		return ms_value_of(MS_VALUE_US, true, info->own_us);
	case BRAKES:
		return ms_value_of(MS_VALUE_COUNT, true, info->brakes);
	case BRAKED_US:
		return ms_value_of(MS_VALUE_US, true, info->braked_us);
	case BRAKED_THREADS:
		return ms_value_of(MS_VALUE_COUNT, true, info->braked_threads);
	}
	return (struct ms_value){0};
}

static struct ms_value agent_value(const struct ms_snapshot *snapshot, int id)
{
	const struct ms_table_info *info = &snapshot->info;
	const struct ms_activity *agent = &snapshot->agent;
	bool waits = agent->in_callback || agent->state == MS_AGENT_ENTERING;

	switch (id) {
	case AGENT_MODE:
		return ms_value_text(MS_VALUE_WORD, ms_name_of_agent_mode(agent->mode));
	case AGENT_STATE:
		return ms_value_text(MS_VALUE_WORD, ms_name_of_agent_state(agent->state));
	case CALLBACK:
		return ms_value_text(MS_VALUE_TEXT, agent->in_callback ? agent->callback : NULL);
	case SINCE:
		return ms_value_of(MS_VALUE_US, waits && agent->since_known, agent->since_us);
	case STUCK:
		return ms_value_of(MS_VALUE_COUNT, true, agent->stuck);
	case AGENT_TID:
		return ms_value_of(MS_VALUE_COUNT, info->agent_tid != 0, info->agent_tid);
	case ORDERS:
		return ms_value_of(MS_VALUE_COUNT, true, info->orders);
	case ROUNDS:
		return ms_value_of(MS_VALUE_COUNT, true, info->rounds);
	case TRIMS:
		return ms_value_of(MS_VALUE_COUNT, true, info->trims);
	case TRIMMED:
		return ms_value_bytes(true, false, info->trimmed_bytes);
	}
	return own_value(info, id);
}

/* What it does; and how old the counts are, where they are not of now. */
static struct ms_value agent_text(const struct ms_snapshot *snapshot, char space[MS_VALUE_SPACE])
{
	char age[MS_RENDER_CELL];
	uint64_t age_us = 0;

	if (snapshot->counted == MS_COUNTED_NOW || !ms_snapshot_counts_age(snapshot, &age_us))
		return ms_value_text(MS_VALUE_WORD, snapshot->agent.text);
	snprintf(space, MS_VALUE_SPACE, "%s; counts of %s ago", snapshot->agent.text, ms_render_us(age, true, age_us));
	return ms_value_text(MS_VALUE_WORD, space);
}

static struct ms_value counts_value(const struct ms_snapshot *snapshot, int id)
{
	uint64_t age_us = 0;
	bool known = ms_snapshot_counts_age(snapshot, &age_us);

	if (id == COUNTED)
		return ms_value_text(MS_VALUE_WORD, ms_snapshot_counted_name(snapshot->counted));
	return ms_value_of(MS_VALUE_US, known, age_us);
}

static struct ms_value value(const void *item, int id, char space[MS_VALUE_SPACE])
{
	if (id == AGENT)
		return agent_text(item, space);
	if (id >= COUNTED)
		return counts_value(item, id);
	if (id <= SWAP || id == PROCESS_STATE)
		return process_value(item, id);
	if (id <= SUPERVISOR_PID)
		return budget_value(item, id);
	return id <= REFUSED ? cached_value(item, id) : agent_value(item, id);
}

const struct ms_columns ms_snapshot_columns = {
	.at = columns,
	.count = sizeof(columns) / sizeof(columns[0]),
	.value = value,
};

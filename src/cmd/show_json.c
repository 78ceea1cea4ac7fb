/* SPDX-License-Identifier: MIT */
/* cmd/show_json.c - memshed show --json. The keys are promised in memshed-show(1). */
#include "cmd/show.h"
#include "cmd/snapshot_columns.h"

/* ---- limits ---- */

enum { LIMIT_MAX, LIMIT_USED, LIMIT_SOURCE, LIMIT_WHERE };

static struct ms_value limit_value(const void *item, int id, char space[MS_VALUE_SPACE])
{
	const struct ms_limit *limit = item;

	(void)space;
	switch (id) {
	case LIMIT_MAX:
		return ms_value_bytes(true, false, limit->max_bytes);
	case LIMIT_USED:
		return ms_value_bytes(true, false, limit->used_bytes);
	case LIMIT_SOURCE:
		return ms_value_text(MS_VALUE_WORD, ms_limit_source_name(limit->source));
	}
	return ms_value_text(MS_VALUE_TEXT, limit->where[0] ? limit->where : NULL);
}

static const struct ms_column limit_list[] = {
	{LIMIT_MAX, "max_bytes", NULL, 0, MS_VIEW_JSON},
	{LIMIT_USED, "used_bytes", NULL, 0, MS_VIEW_JSON},
	{LIMIT_SOURCE, "source", NULL, 0, MS_VIEW_JSON},
	{LIMIT_WHERE, "where", NULL, 0, MS_VIEW_JSON},
};
static const struct ms_columns limit_columns = {
	.at = limit_list, .count = sizeof(limit_list) / sizeof(limit_list[0]), .value = limit_value};

/* ---- the supervisor and its watch ---- */

enum {
	WATCH_PID, WATCH_JOB, WATCH_COMMAND, WATCH_PROCESSES, WATCH_RSS, WATCH_PHASE, WATCH_REASON, WATCH_LOWERED,
	WATCH_DANGER, WATCH_MARGIN, WATCH_GROWTH, WATCH_PEAK, WATCH_SHORTAGES, WATCH_ROUNDS, WATCH_ORDERS,
	WATCH_CLAIMED, WATCH_RETURNED, WATCH_LOCKED, WATCH_REAL_TIME, WATCH_JOURNAL,
};

static const char *const phases[] = {
	[MS_STATE_CALM] = "calm",     [MS_STATE_ORDERED] = "ordered", [MS_STATE_SETTLING] = "settling",
	[MS_STATE_PAUSED] = "paused", [MS_STATE_WARNED] = "warned",
};

static struct ms_value watch_number(const struct ms_state *state, int id)
{
	switch (id) {
	case WATCH_PROCESSES:
		return ms_value_of(MS_VALUE_COUNT, true, state->processes);
	case WATCH_RSS:
		return ms_value_bytes(state->processes > 0, false, state->rss_bytes);
	case WATCH_DANGER:
		return ms_value_bytes(state->danger_bytes > 0, false, state->danger_bytes);
	case WATCH_MARGIN:
		return ms_value_bytes(true, false, state->margin_bytes);
	case WATCH_GROWTH:
		return ms_value_bytes(true, false, state->growth_bytes_per_s);
	case WATCH_PEAK:
		return ms_value_bytes(true, false, state->peak_rss_bytes);
	case WATCH_SHORTAGES:
		return ms_value_of(MS_VALUE_COUNT, true, state->shortages);
	case WATCH_ROUNDS:
		return ms_value_of(MS_VALUE_COUNT, true, state->rounds);
	case WATCH_ORDERS:
		return ms_value_of(MS_VALUE_COUNT, true, state->orders);
	case WATCH_CLAIMED:
		return ms_value_bytes(true, false, state->claimed_bytes);
	case WATCH_RETURNED:
		return ms_value_bytes(true, false, state->returned_bytes);
	}
	return (struct ms_value){0};
}

static struct ms_value watch_value(const void *item, int id, char space[MS_VALUE_SPACE])
{
	const struct ms_snapshot *snapshot = item;
	const struct ms_state *state = &snapshot->watch;

	(void)space;
	switch (id) {
	case WATCH_PID:
		return ms_value_of(MS_VALUE_COUNT, true, (uint64_t)snapshot->watch_pid);
	case WATCH_JOB:
		return ms_value_of(MS_VALUE_COUNT, state->root_count > 0, state->root_pids[0]);
	case WATCH_COMMAND:
		return ms_value_text(MS_VALUE_TEXT, state->command[0] ? state->command : NULL);
	case WATCH_PHASE:
		return ms_value_text(MS_VALUE_WORD, phases[state->phase]);
	case WATCH_REASON:
		return ms_value_text(MS_VALUE_TEXT, state->reason[0] ? state->reason : NULL);
	case WATCH_LOWERED:
		return ms_value_of(MS_VALUE_FLAG, true, state->flags & MS_STATE_HIGH_LOWERED);
	case WATCH_LOCKED:
		return ms_value_of(MS_VALUE_FLAG, true, state->flags & MS_STATE_LOCKED);
	case WATCH_REAL_TIME:
		return ms_value_of(MS_VALUE_FLAG, true, state->flags & MS_STATE_FIFO);
	case WATCH_JOURNAL:
		return ms_value_text(MS_VALUE_TEXT, state->journal[0] ? state->journal : NULL);
	}
	return watch_number(state, id);
}

static const struct ms_column watch_list[] = {
	{WATCH_PID, "pid", NULL, 0, MS_VIEW_JSON},
	{WATCH_JOB, "child_pid", NULL, 0, MS_VIEW_JSON},
	{WATCH_COMMAND, "command", NULL, 0, MS_VIEW_JSON},
	{WATCH_PROCESSES, "processes", NULL, 0, MS_VIEW_JSON},
	{WATCH_RSS, "rss_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_PHASE, "phase", NULL, 0, MS_VIEW_JSON},
	{WATCH_REASON, "reason", NULL, 0, MS_VIEW_JSON},
	{WATCH_LOWERED, "high_lowered", NULL, 0, MS_VIEW_JSON},
	{WATCH_DANGER, "danger_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_MARGIN, "margin_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_GROWTH, "growth_bytes_per_s", NULL, 0, MS_VIEW_JSON},
	{WATCH_PEAK, "peak_rss_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_SHORTAGES, "shortages", NULL, 0, MS_VIEW_JSON},
	{WATCH_ROUNDS, "rounds", NULL, 0, MS_VIEW_JSON},
	{WATCH_ORDERS, "orders", NULL, 0, MS_VIEW_JSON},
	{WATCH_CLAIMED, "claimed_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_RETURNED, "returned_bytes", NULL, 0, MS_VIEW_JSON},
	{WATCH_LOCKED, "locked", NULL, 0, MS_VIEW_JSON},
	{WATCH_REAL_TIME, "real_time", NULL, 0, MS_VIEW_JSON},
	{WATCH_JOURNAL, "journal", NULL, 0, MS_VIEW_JSON},
};
static const struct ms_columns watch_columns = {
	.at = watch_list, .count = sizeof(watch_list) / sizeof(watch_list[0]), .value = watch_value};

/* ---- all together ---- */

static json_t *limits_json(const struct ms_snapshot *snapshot)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < snapshot->limit_count; i++)
		json_array_append_new(array, ms_columns_json(&limit_columns, MS_VIEW_JSON, &snapshot->limits[i]));
	return array;
}

static json_t *cache_json(const struct ms_snapshot *snapshot, const struct ms_row *row)
{
	const struct ms_cache_item item = {.row = row, .now_ns = snapshot->now_ns};

	return ms_columns_json(&ms_cache_columns, MS_VIEW_JSON, &item);
}

static json_t *caches_json(const struct ms_snapshot *snapshot)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < snapshot->row_count; i++)
		if (snapshot->rows[i].row != MS_ALLOCATOR_ROW)
			json_array_append_new(array, cache_json(snapshot, &snapshot->rows[i]));
	return array;
}

static json_t *allocator_json(const struct ms_snapshot *snapshot)
{
	const struct ms_row *row = &snapshot->allocator;
	const char *name = snapshot->info.allocator;
	json_t *object = json_object(), *cache = cache_json(snapshot, row);

	ms_json_set(object, "name", ms_json_text(name[0] ? name : NULL));
	ms_json_set(object, "free_bytes",
		    ms_json_number(snapshot->has_allocator && ms_row_is_counted(row), row->bytes));
	ms_json_set(object, "last", json_incref(json_object_get(cache, "last")));
	json_decref(cache);
	return object;
}

void ms_show_print_json(const struct ms_snapshot *snapshot)
{
	json_t *object = ms_columns_json(&ms_snapshot_columns, MS_VIEW_SHOW_JSON, snapshot);

	ms_json_set(object, "limits", limits_json(snapshot));
	ms_json_set(object, "supervisor",
		    snapshot->watched ? ms_columns_json(&watch_columns, MS_VIEW_JSON, snapshot) : json_null());
	ms_json_set(object, "allocator", allocator_json(snapshot));
	ms_json_set(object, "caches", caches_json(snapshot));
	ms_json_print(object);
}

/* SPDX-License-Identifier: MIT */
/* cmd/show_json.c - memshed show --json. The keys are promised in memshed-show(1). */
#include <string.h>

#include "cmd/show.h"
#include "cmd/snapshot_columns.h"

static json_t *limits_json(const struct ms_snapshot *snapshot)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < snapshot->limit_count; i++) {
		const struct ms_limit *limit = &snapshot->limits[i];
		json_t *object = json_object();

		ms_json_set(object, "max_bytes", ms_json_number(true, limit->max_bytes));
		ms_json_set(object, "used_bytes", ms_json_number(true, limit->used_bytes));
		ms_json_set(object, "source", ms_json_text(ms_limit_source_name(limit->source)));
		ms_json_set(object, "where", ms_json_text(limit->where[0] ? limit->where : NULL));
		json_array_append_new(array, object);
	}
	return array;
}

/* The supervisor and its watch. */
static json_t *supervisor_json(const struct ms_snapshot *snapshot)
{
	static const char *const phases[] = {
		[MS_STATE_CALM] = "calm",         [MS_STATE_ORDERED] = "ordered",
		[MS_STATE_SETTLING] = "settling", [MS_STATE_PAUSED] = "paused",
		[MS_STATE_WARNED] = "warned",
	};
	const struct ms_state *state = &snapshot->watch;
	json_t *object = json_object();

	ms_json_set(object, "pid", json_integer(snapshot->watch_pid));
	ms_json_set(object, "child_pid", ms_json_number(state->root_count > 0, state->root_pids[0]));
	ms_json_set(object, "command", ms_json_text(state->command[0] ? state->command : NULL));
	ms_json_set(object, "blind",
		    ms_json_text(state->blind_error ? strerrorname_np(-state->blind_error) : NULL));
	ms_json_set(object, "processes", ms_json_number(true, state->processes));
	ms_json_set(object, "rss_bytes", ms_json_number(state->processes > 0, state->rss_bytes));
	ms_json_set(object, "phase", ms_json_text(phases[state->phase]));
	ms_json_set(object, "reason", ms_json_text(state->reason[0] ? state->reason : NULL));
	ms_json_set(object, "high_lowered", json_boolean(state->flags & MS_STATE_HIGH_LOWERED));
	ms_json_set(object, "danger_bytes", ms_json_number(state->danger_bytes > 0, state->danger_bytes));
	ms_json_set(object, "margin_bytes", ms_json_number(true, state->margin_bytes));
	ms_json_set(object, "growth_bytes_per_s", ms_json_number(true, state->growth_bytes_per_s));
	ms_json_set(object, "peak_rss_bytes", ms_json_number(true, state->peak_rss_bytes));
	ms_json_set(object, "shortages", ms_json_number(true, state->shortages));
	ms_json_set(object, "rounds", ms_json_number(true, state->rounds));
	ms_json_set(object, "orders", ms_json_number(true, state->orders));
	ms_json_set(object, "claimed_bytes", ms_json_number(true, state->claimed_bytes));
	ms_json_set(object, "returned_bytes", ms_json_number(true, state->returned_bytes));
	ms_json_set(object, "locked", json_boolean(state->flags & MS_STATE_LOCKED));
	ms_json_set(object, "real_time", json_boolean(state->flags & MS_STATE_FIFO));
	ms_json_set(object, "enforced", json_boolean(state->flags & MS_STATE_ENFORCED));
	ms_json_set(object, "journal", ms_json_text(state->journal[0] ? state->journal : NULL));
	return object;
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

static json_t *groups_json(const struct ms_snapshot *snapshot)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < snapshot->group_count; i++) {
		const struct ms_group *group = &snapshot->groups[i];
		const struct ms_cache_item item = {.row = &group->row, .group = group, .now_ns = snapshot->now_ns};

		json_array_append_new(array, ms_columns_json(&ms_cache_columns, MS_VIEW_GROUP_JSON, &item));
	}
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
	ms_json_set(object, "supervisor", snapshot->watched ? supervisor_json(snapshot) : json_null());
	ms_json_set(object, "allocator", allocator_json(snapshot));
	ms_json_set(object, "groups", groups_json(snapshot));
	ms_json_set(object, "caches", caches_json(snapshot));
	ms_json_print(object);
}

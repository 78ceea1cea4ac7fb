/* SPDX-License-Identifier: MIT */
/* cmd/show_json.c - memshed show --json. The keys are promised in memshed-show(1). */
#include "memshed.h"

#include "cmd/json.h"
#include "cmd/show.h"
#include "table/names.h"

static json_t *limit_json(const struct ms_limit *limit)
{
	json_t *object = json_object();
	bool known = limit->source != MS_LIMIT_NONE;

	ms_json_set(object, "max_bytes", ms_json_number(known, limit->max_bytes));
	ms_json_set(object, "used_bytes", ms_json_number(known, limit->used_bytes));
	ms_json_set(object, "source", ms_json_text(ms_limit_source_name(limit->source)));
	ms_json_set(object, "where", ms_json_text(known && limit->where[0] ? limit->where : NULL));
	return object;
}

static json_t *binding_json(const struct ms_show *show)
{
	json_t *object = limit_json(&show->sample.limit);
	bool known = show->sample.limit.source != MS_LIMIT_NONE;

	ms_json_set(object, "high_bytes", ms_json_number(known, show->marks.high_bytes));
	ms_json_set(object, "low_bytes", ms_json_number(known, show->marks.low_bytes));
	return object;
}

static json_t *limits_json(const struct ms_show *show)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < show->limit_count; i++)
		json_array_append_new(array, limit_json(&show->limits[i]));
	return array;
}

static json_t *supervisor_json(const struct ms_show *show)
{
	if (show->supervisor.pid == 0)
		return json_null();
	json_t *object = json_object();
	ms_json_set(object, "pid", json_integer(show->supervisor.pid));
	ms_json_set(object, "child_pid", json_integer(show->supervisor.child_pid));
	ms_json_set(object, "processes", json_integer(show->sample.processes));
	ms_json_set(object, "rss_bytes", ms_json_number(show->sample.processes > 0, show->sample.rss_bytes));
	return object;
}

static json_t *agent_json(const struct ms_show *show)
{
	const struct ms_table_info *info = &show->target->table.info;
	json_t *object = ms_agent_json(&show->agent);

	ms_json_set(object, "tid", ms_json_number(info->agent_tid != 0, info->agent_tid));
	ms_json_set(object, "orders", ms_json_number(true, info->orders));
	ms_json_set(object, "rounds", ms_json_number(true, info->rounds));
	ms_json_set(object, "trims", ms_json_number(true, info->trims));
	ms_json_set(object, "trimmed_bytes", ms_json_number(true, info->trimmed_bytes));
	return object;
}

static json_t *last_json(const struct ms_show *show, const struct ms_row_result *last)
{
	json_t *object = json_object();
	bool known = last->order_seq != 0;
	uint64_t ago_us = 0;

	ms_json_set(object, "status", ms_json_text(known ? ms_answer_status_name(last->status) : NULL));
	ms_json_set(object, "claimed_bytes", ms_json_number(known, last->claimed_bytes));
	ms_json_set(object, "entries", ms_json_number(known, last->claimed_entries));
	ms_json_set(object, "duration_us", ms_json_number(known, last->duration_us));
	bool aged = known && ms_age_us(last->finished_ns, show->now_ns, &ago_us);
	ms_json_set(object, "ago_us", ms_json_number(aged, ago_us));
	ms_json_set(object, "level", ms_json_text(known ? ms_order_level_name(last->level) : NULL));
	return object;
}

static json_t *cache_json(const struct ms_show *show, const struct ms_row *row)
{
	json_t *object = json_object();
	bool counted = ms_row_is_counted(row);
	uint64_t age_us = 0;
	bool aged = ms_age_us(row->registered_ns, show->now_ns, &age_us);

	ms_json_set(object, "name", ms_json_text(row->name));
	ms_json_set(object, "kind", ms_json_text(ms_kind_name(row->kind)));
	ms_json_set(object, "bytes", ms_json_number(counted, row->bytes));
	ms_json_set(object, "bytes_estimated", json_boolean(ms_row_is_estimated(row)));
	ms_json_set(object, "entries", ms_json_number(counted, row->entries));
	ms_json_set(object, "hits", ms_json_number(counted, row->hits));
	ms_json_set(object, "misses", ms_json_number(counted, row->misses));
	ms_json_set(object, "hit_rate", ms_json_share(row->hits, ms_row_lookups(row)));
	ms_json_set(object, "evictions", ms_json_number(counted, row->evictions));
	ms_json_set(object, "priority", json_integer(row->priority));
	ms_json_set(object, "cost_us", ms_json_number(row->cost_us != 0, row->cost_us));
	ms_json_set(object, "age_us", ms_json_number(aged, age_us));
	ms_json_set(object, "source", ms_json_text(row->source[0] ? row->source : NULL));
	ms_json_set(object, "partial", json_boolean(row->flags & MS_ROW_PARTIAL));
	ms_json_set(object, "manual", json_boolean(row->flags & MEMSHED_CACHE_MANUAL));
	ms_json_set(object, "owner_only", json_boolean(row->flags & MS_ROW_OWNER_ONLY));
	ms_json_set(object, "stuck", json_boolean(row->flags & MS_ROW_STUCK));
	ms_json_set(object, "unhelpful", json_boolean(row->flags & MS_ROW_UNHELPFUL));
	ms_json_set(object, "orders", ms_json_number(true, row->last.orders));
	ms_json_set(object, "last", last_json(show, &row->last));
	return object;
}

static json_t *caches_json(const struct ms_show *show)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < show->row_count; i++)
		if (show->rows[i].row != MS_ALLOCATOR_ROW)
			json_array_append_new(array, cache_json(show, &show->rows[i]));
	return array;
}

static json_t *allocator_json(const struct ms_show *show)
{
	json_t *object = json_object();
	const struct ms_row *row = show->allocator;
	const char *name = show->target->table.info.allocator;
	const struct ms_row_result never = {0};

	ms_json_set(object, "name", ms_json_text(name[0] ? name : NULL));
	ms_json_set(object, "free_bytes",
		    ms_json_number(row && ms_row_is_counted(row), row ? row->bytes : 0));
	ms_json_set(object, "last", last_json(show, row ? &row->last : &never));
	return object;
}

void ms_show_print_json(const struct ms_show *show)
{
	json_t *object = json_object();
	uint64_t explained = 0;
	bool known = ms_show_explained(show, &explained);

	ms_json_set(object, "pid", json_integer(show->facts.pid));
	ms_json_set(object, "comm", ms_json_text(show->facts.comm));
	ms_json_set(object, "uid", json_integer(show->facts.uid));
	ms_json_set(object, "rss_bytes", ms_json_number(true, show->facts.rss_bytes));
	ms_json_set(object, "swap_bytes", ms_json_number(true, show->facts.swap_bytes));
	ms_json_set(object, "limit", binding_json(show));
	ms_json_set(object, "limits", limits_json(show));
	ms_json_set(object, "supervisor", supervisor_json(show));
	ms_json_set(object, "agent", agent_json(show));
	ms_json_set(object, "cached_bytes", ms_json_number(true, show->totals.bytes));
	ms_json_set(object, "bytes_estimated", json_boolean(show->totals.estimated));
	ms_json_set(object, "explained_bytes", ms_json_number(known, explained));
	ms_json_set(object, "unexplained_bytes", ms_json_number(known, show->facts.rss_bytes - explained));
	ms_json_set(object, "allocator", allocator_json(show));
	ms_json_set(object, "refused_registrations",
		    ms_json_number(true, show->target->table.info.refused_registrations));
	ms_json_set(object, "caches", caches_json(show));
	ms_json_print(object);
}

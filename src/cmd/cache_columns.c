/* SPDX-License-Identifier: MIT */
/* cmd/cache_columns.c - see snapshot_columns.h: the columns of a cache. */
#include <stdio.h>
#include <string.h>

#include "cmd/snapshot_columns.h"
#include "memshed.h"
#include "table/names.h"

/* clang-format off */
enum {
	NAME, BYTES, ESTIMATED, ROUGH, ENTRIES, HITS, MISSES, SHOWN_HITS, SHOWN_MISSES, RATE, EVICTIONS, AGE, KIND,
	LAST, SOURCE, SHORT_SOURCE,
	PRIORITY, COST, PARTIAL, MANUAL, MAY_IO, NO_BRAKE, COLLECTOR, OWNER_ONLY, UNHELPFUL, STUCK,
	LAST_STATUS, LAST_CLAIMED, LAST_ENTRIES, LAST_DURATION, LAST_AGO, LAST_LEVEL, LAST_AFTER,
	ORDERS, TOTAL_CLAIMED, TOTAL_ENTRIES, TOTAL_DURATION, RETURNED,
	CACHES, COUNTED_AGO,
};
/* clang-format on */

#define TABLE (MS_VIEW_NARROW | MS_VIEW_WIDE)
#define JSON  (MS_VIEW_JSON | MS_VIEW_GROUP_JSON)
#define ALL   (TABLE | JSON)
#define ONE   MS_VIEW_JSON /* of a cache alone */

/* In the order of the table for people. */
static const struct ms_column columns[] = {
	{BYTES, "bytes", "BYTES", MS_RENDER_RIGHT, ALL},
	{ESTIMATED, "bytes_estimated", NULL, 0, ALL},
	{ROUGH, "bytes_rough", NULL, 0, ALL},
	{ENTRIES, "entries", "ENTRIES", MS_RENDER_RIGHT, ALL},
	{HITS, "hits", NULL, 0, ALL},
	{SHOWN_HITS, NULL, "HITS", MS_RENDER_RIGHT, TABLE},
	{MISSES, "misses", NULL, 0, ALL},
	{SHOWN_MISSES, NULL, "MISSES", MS_RENDER_RIGHT, TABLE},
	{RATE, "hit_rate", "RATE", MS_RENDER_RIGHT, ALL},
	{EVICTIONS, "evictions", NULL, 0, ONE},
	{AGE, "age_us", "AGE", MS_RENDER_RIGHT, ALL},
	{KIND, "kind", "KIND", MS_RENDER_LEFT, MS_VIEW_WIDE | JSON},
	{LAST, NULL, "LAST", MS_RENDER_LEFT, TABLE},
	{NAME, "name", "NAME", MS_RENDER_WRAP, ALL},
	{SHORT_SOURCE, NULL, "SOURCE", MS_RENDER_LEFT, MS_VIEW_WIDE},
	{SOURCE, "source", NULL, 0, ONE},
	{PRIORITY, "priority", NULL, 0, ONE},
	{COST, "cost_us", NULL, 0, ONE},
	{PARTIAL, "partial", NULL, 0, ONE},
	{MANUAL, "manual", NULL, 0, ONE},
	{MAY_IO, "may_io", NULL, 0, ONE},
	{NO_BRAKE, "no_brake", NULL, 0, ONE},
	{COLLECTOR, "collector", NULL, 0, ONE},
	{OWNER_ONLY, "owner_only", NULL, 0, ONE},
	{STUCK, "stuck", NULL, 0, ALL},
	{UNHELPFUL, "unhelpful", NULL, 0, ONE},
	{ORDERS, "orders", NULL, 0, ONE},
	{TOTAL_CLAIMED, "total_claimed_bytes", NULL, 0, ONE},
	{TOTAL_ENTRIES, "total_claimed_entries", NULL, 0, ONE},
	{TOTAL_DURATION, "total_duration_us", NULL, 0, ONE},
	{RETURNED, "returned_per_mille", NULL, 0, ONE},
	{LAST_STATUS, "last.status", NULL, 0, ALL},
	{LAST_CLAIMED, "last.claimed_bytes", NULL, 0, ALL},
	{LAST_ENTRIES, "last.entries", NULL, 0, ALL},
	{LAST_DURATION, "last.duration_us", NULL, 0, ALL},
	{LAST_AFTER, "last.bytes_after", NULL, 0, ONE},
	{LAST_AGO, "last.ago_us", NULL, 0, ALL},
	{LAST_LEVEL, "last.level", NULL, 0, ALL},
	{CACHES, "caches", NULL, 0, MS_VIEW_GROUP_JSON},
	{COUNTED_AGO, "counted_ago_us", NULL, 0, ONE},
};

/* "done ~100M, 3s ago", for people. */
static struct ms_value last_text(const struct ms_cache_item *item, char space[MS_VALUE_SPACE])
{
	const struct ms_row_result *last = &item->row->last;
	char claimed[MS_RENDER_CELL], ago[MS_RENDER_CELL];
	uint64_t ago_us;

	if (item->group && item->group->caches > 1 && item->group->stuck > 0) {
		snprintf(space, MS_VALUE_SPACE, "%u stuck now", item->group->stuck);
		return ms_value_text(MS_VALUE_WORD, space);
	}
	if (item->row->flags & MS_ROW_STUCK)
		return ms_value_text(MS_VALUE_WORD, "stuck now");
	if (last->order_seq == 0)
		return (struct ms_value){0};
	int at = snprintf(space, MS_VALUE_SPACE, "%s", ms_name_of_status(last->status));
	if (last->claimed_bytes > 0)
		at += snprintf(
			space + at, MS_VALUE_SPACE - (size_t)at, " %s",
			ms_render_bytes(claimed, true, ms_row_is_estimated(item->row), last->claimed_bytes));
	if (item->wide && ms_age_us(last->finished_ns, item->now_ns, &ago_us))
		snprintf(space + at, MS_VALUE_SPACE - (size_t)at, ", %s ago",
			 ms_render_us(ago, true, ago_us));
	return ms_value_text(MS_VALUE_WORD, space);
}

static struct ms_value last_value(const struct ms_cache_item *item, int id)
{
	const struct ms_row_result *last = &item->row->last;
	bool known = last->order_seq != 0, estimated = ms_row_is_estimated(item->row);
	uint64_t ago_us = 0;

	switch (id) {
	case LAST_STATUS:
		return ms_value_text(MS_VALUE_WORD, known ? ms_name_of_status(last->status) : NULL);
	case LAST_CLAIMED:
		return ms_value_bytes(known, estimated, last->claimed_bytes);
	case LAST_ENTRIES:
		return ms_value_of(MS_VALUE_COUNT, known, last->claimed_entries);
	case LAST_DURATION:
		return ms_value_of(MS_VALUE_US, known, last->duration_us);
	case LAST_AFTER:
		return ms_value_bytes(known, estimated, last->bytes_after);
	case LAST_AGO:
		known = known && ms_age_us(last->finished_ns, item->now_ns, &ago_us);
		return ms_value_of(MS_VALUE_US, known, ago_us);
	case LAST_LEVEL:
		return ms_value_text(MS_VALUE_WORD, known ? ms_name_of_level(last->level) : NULL);
	case ORDERS:
		return ms_value_of(MS_VALUE_COUNT, true, last->orders);
	case TOTAL_CLAIMED:
		return ms_value_bytes(true, estimated, last->total_claimed_bytes);
	case TOTAL_ENTRIES:
		return ms_value_of(MS_VALUE_COUNT, true, last->total_claimed_entries);
	case TOTAL_DURATION:
		return ms_value_of(MS_VALUE_US, true, last->total_duration_us);
	case RETURNED:
		return ms_value_of(MS_VALUE_COUNT, last->returned_per_mille != 0, last->returned_per_mille);
	}
	return (struct ms_value){0};
}

static struct ms_value counter_value(const struct ms_cache_item *item, int id)
{
	const struct ms_row *row = item->row;
	bool counted = ms_row_is_counted(row);

	switch (id) {
	case BYTES:
		return ms_value_bytes(counted, ms_row_is_estimated(row), row->bytes);
	case ESTIMATED:
		return ms_value_of(MS_VALUE_FLAG, true, ms_row_is_estimated(row));
	case ROUGH:
		return ms_value_of(MS_VALUE_FLAG, true, row->rough);
	case ENTRIES:
		return ms_value_of(MS_VALUE_SHORT, counted, row->entries);
	case HITS:
		return ms_value_of(MS_VALUE_COUNT, counted, row->hits);
	case MISSES:
		return ms_value_of(MS_VALUE_COUNT, counted, row->misses);
	case SHOWN_HITS:
		return ms_value_of(MS_VALUE_SHORT, ms_row_lookups(row), row->hits);
	case SHOWN_MISSES:
		return ms_value_of(MS_VALUE_SHORT, ms_row_lookups(row), row->misses);
	case RATE:
		return (struct ms_value){.kind = ms_row_lookups(row) ? MS_VALUE_SHARE : MS_VALUE_NONE,
					 .number = row->hits,
					 .whole = ms_row_lookups(row)};
	case EVICTIONS:
		return ms_value_of(MS_VALUE_COUNT, counted, row->evictions);
	}
	return (struct ms_value){0};
}

static uint64_t caches_of(const struct ms_cache_item *item)
{
	return item->group ? item->group->caches : 1;
}

static struct ms_value row_value(const struct ms_cache_item *item, int id)
{
	const struct ms_row *row = item->row;
	uint64_t age_us = 0;
	bool aged = ms_age_us(row->registered_ns, item->now_ns, &age_us);

	switch (id) {
	case NAME:
		return (struct ms_value){.kind = MS_VALUE_TEXT, .text = row->name, .number = caches_of(item)};
	case AGE:
		return ms_value_of(MS_VALUE_US, aged, age_us);
	case KIND:
		return ms_value_text(MS_VALUE_WORD, ms_name_of_kind(row->kind));
	case SOURCE:
		return ms_value_text(MS_VALUE_TEXT, row->source[0] ? row->source : NULL);
	case SHORT_SOURCE: /* "target.c:144": the folders are in the JSON */
		return ms_value_text(MS_VALUE_TEXT, row->source[0] ? basename(row->source) : NULL);
	case PRIORITY:
		return ms_value_of(MS_VALUE_SIGNED, true, (uint64_t)(int64_t)row->priority);
	case COST:
		return ms_value_of(MS_VALUE_US, row->cost_us != 0, row->cost_us);
	case PARTIAL:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MS_ROW_PARTIAL);
	case MANUAL:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MEMSHED_CACHE_MANUAL);
	case MAY_IO:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MEMSHED_CACHE_MAY_IO);
	case NO_BRAKE:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MEMSHED_CACHE_NO_BRAKE);
	case COLLECTOR:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MEMSHED_CACHE_COLLECTOR);
	case OWNER_ONLY:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MS_ROW_OWNER_ONLY);
	case UNHELPFUL:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MS_ROW_UNHELPFUL);
	case STUCK:
		return ms_value_of(MS_VALUE_FLAG, true, row->flags & MS_ROW_STUCK);
	}
	return counter_value(item, id);
}

/* Only a cache that is asked for its counts has them of one moment. */
static struct ms_value counted_ago(const struct ms_cache_item *item)
{
	uint64_t ago_us = 0;
	bool known = item->row->flags & MS_ROW_PULLED && ms_age_us(item->row->pulled_at_ns, item->now_ns, &ago_us);

	return ms_value_of(MS_VALUE_US, known, ago_us);
}

static struct ms_value value(const void *item, int id, char space[MS_VALUE_SPACE])
{
	if (id == CACHES)
		return ms_value_of(MS_VALUE_COUNT, true, caches_of(item));
	if (id == COUNTED_AGO)
		return counted_ago(item);
	if (id == LAST)
		return last_text(item, space);
	return id >= LAST_STATUS ? last_value(item, id) : row_value(item, id);
}

const struct ms_columns ms_cache_columns = {
	.at = columns,
	.count = sizeof(columns) / sizeof(columns[0]),
	.value = value,
};

/* SPDX-License-Identifier: MIT */
/*
 * event/journal.c - events as JSON lines, formatted by hand because jansson allocates.
 *
 * Walks the table of kinds.h and knows no kind. Keys are only ever added.
 */
#include "event/journal.h"

#include <assert.h>

#include "event/kinds.h"
#include "event/phrase.h"
#include "table/names.h"

static void add_fields(struct ms_line *line, const char *comma, const struct ms_field *field, const void *of);

static void add_number(struct ms_line *line, uint64_t number)
{
	if (number == UINT64_MAX)
		ms_line_add(line, "null");
	else
		ms_line_add(line, "%llu", (unsigned long long)number);
}

static void add_caches(struct ms_line *line, const struct ms_event_caches *list)
{
	ms_line_add(line, "[");
	for (uint32_t i = 0; i < list->count; i++) {
		ms_line_add(line, "%s{", i > 0 ? "," : "");
		add_fields(line, "", ms_fields_cache, &list->at[i]);
		ms_line_add(line, "}");
	}
	ms_line_add(line, "]");
}

static const char *limit_name(uint32_t source)
{
	return ms_limit_source_name(source);
}

static void add_name(struct ms_line *line, enum ms_field_type type, uint32_t value)
{
	static const char *(*const names[])(uint32_t) = {
		[MS_FIELD_LIMIT] = limit_name,          [MS_FIELD_REASON] = ms_reason_name,
		[MS_FIELD_LEVEL] = ms_name_of_level, [MS_FIELD_STATUS] = ms_name_of_status,
		[MS_FIELD_AGENT] = ms_name_of_agent_state, [MS_FIELD_ACTION] = ms_action_name,
		[MS_FIELD_PYTHON] = ms_python_fault_name,
	};

	assert(type < sizeof(names) / sizeof(names[0]) && names[type]);
	ms_line_json_string(line, names[type](value));
}

static void add_value(struct ms_line *line, enum ms_field_type type, const void *at)
{
	switch (type) {
	case MS_FIELD_NUMBER:
		add_number(line, *(const uint64_t *)at);
		return;
	case MS_FIELD_INTEGER:
		ms_line_add(line, "%d", (int)*(const int32_t *)at);
		return;
	case MS_FIELD_FLAG:
		ms_line_add(line, *(const bool *)at ? "true" : "false");
		return;
	case MS_FIELD_COMM:
	case MS_FIELD_CACHE:
	case MS_FIELD_WHERE:
		ms_line_json_string(line, at);
		return;
	case MS_FIELD_CACHES:
		add_caches(line, at);
		return;
	default:
		add_name(line, type, *(const uint32_t *)at);
		return;
	}
}

static void add_fields(struct ms_line *line, const char *comma, const struct ms_field *field, const void *of)
{
	for (; field->key; field++) {
		ms_line_add(line, "%s\"%s\":", comma, field->key);
		add_value(line, field->type, (const char *)of + field->offset);
		comma = ",";
	}
}

void ms_journal_event(const struct ms_event *event, struct ms_line *line)
{
	const struct ms_kind *kind = ms_kind_of(event->kind);

	ms_line_add(line, "{\"event\":\"%s\"", kind->name);
	add_fields(line, ",", ms_fields_common, event);
	if (kind->of_process)
		add_fields(line, ",", ms_fields_process, event);
	add_fields(line, ",", kind->fields, &event->as);
	ms_line_add(line, "}");
}

/* SPDX-License-Identifier: MIT */
/*
 * event/journal.c - events as JSON lines, formatted by hand because jansson allocates.
 *
 * Every object has event, at_ms and unix_ms; those with a reading have rss_bytes, used_bytes,
 * max_bytes, high_bytes, low_bytes, limit, growth_bytes_per_s. Keys are only ever added.
 */
#include "event/journal.h"

#include "table/layout.h"
#include "table/names.h"
#include "util/clock.h"

static const char *const event_names[] = {
	[MS_EVENT_START] = "start",
	[MS_EVENT_LIMIT] = "limit",
	[MS_EVENT_MARGIN] = "margin",
	[MS_EVENT_TARGET] = "target",
	[MS_EVENT_ORDER] = "order",
	[MS_EVENT_ANSWER] = "answer",
	[MS_EVENT_RETURNED] = "returned",
	[MS_EVENT_WAIT] = "wait",
	[MS_EVENT_WARN] = "warn",
	[MS_EVENT_RECOVERED] = "recovered",
	[MS_EVENT_STOPPED] = "stopped",
	[MS_EVENT_RESUMED] = "resumed",
	[MS_EVENT_SILENT] = "silent",
	[MS_EVENT_END] = "end",
};

static const char *const why_names[] = {
	[MS_WHY_BELOW_HIGH] = "below-high",
	[MS_WHY_ABOVE_HIGH] = "above-high",
	[MS_WHY_STILL_ABOVE_LOW] = "still-above-low",
	[MS_WHY_ESCALATED] = "escalated",
	[MS_WHY_NEAR_MAX] = "near-max",
	[MS_WHY_HOLD_OFF] = "hold-off",
	[MS_WHY_IN_FLIGHT] = "in-flight",
	[MS_WHY_BACK_OFF] = "back-off",
	[MS_WHY_ONE_MORE_TRY] = "one-more-try",
	[MS_WHY_SILENT] = "silent",
	[MS_WHY_BUSY] = "busy",
	[MS_WHY_NOTHING_LEFT] = "nothing-left",
	[MS_WHY_NOTHING_TO_ASK] = "nothing-to-ask",
	[MS_WHY_DOES_NOT_HELP] = "does-not-help",
	[MS_WHY_NO_CACHES] = "no-caches",
	[MS_WHY_BELOW_LOW] = "below-low",
};

const char *ms_journal_why(enum ms_why why)
{
	return (size_t)why < sizeof(why_names) / sizeof(why_names[0]) ? why_names[why] : "unknown";
}

static void number(struct ms_line *line, const char *key, uint64_t value)
{
	ms_line_add(line, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void string(struct ms_line *line, const char *key, const char *value)
{
	ms_line_add(line, ",\"%s\":", key);
	ms_line_json_string(line, value ? value : "");
}

static void boolean(struct ms_line *line, const char *key, bool value)
{
	ms_line_add(line, ",\"%s\":%s", key, value ? "true" : "false");
}

/* Without a limit there is no max, and with no max no marks: null, so that nobody computes with them. */
static void limit_number(struct ms_line *line, const char *key, const struct ms_event *event, uint64_t value)
{
	if (event->sample->limit.source == MS_LIMIT_NONE)
		ms_line_add(line, ",\"%s\":null", key);
	else
		number(line, key, value);
}

static void add_reading(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_sample *sample = event->sample;

	number(line, "processes", sample->processes);
	number(line, "rss_bytes", sample->rss_bytes);
	number(line, "used_bytes", sample->limit.used_bytes);
	limit_number(line, "max_bytes", event, sample->limit.max_bytes);
	limit_number(line, "high_bytes", event, event->marks->high_bytes);
	limit_number(line, "low_bytes", event, event->marks->low_bytes);
	string(line, "limit", ms_limit_source_name(sample->limit.source));
	string(line, "limit_where", sample->limit.where);
	number(line, "growth_bytes_per_s", sample->growth_bytes_per_s);
}

static void add_process(struct ms_line *line, const struct ms_event *event)
{
	number(line, "pid", (uint64_t)event->pid);
	string(line, "comm", event->comm);
}

/* The allocator's row has no name of its own; "row" 0 says it too. */
static void add_cache(struct ms_line *line, const struct ms_event *event)
{
	add_process(line, event);
	string(line, "cache", event->row == MS_ALLOCATOR_ROW ? "" : event->cache);
	number(line, "row", event->row);
}

static void add_order(struct ms_line *line, const struct ms_event *event)
{
	add_cache(line, event);
	string(line, "reason", ms_journal_why(event->why));
	string(line, "level", ms_order_level_name(event->level));
	number(line, "target_bytes", event->target_bytes);
	number(line, "cache_bytes", event->cache_bytes);
	boolean(line, "estimated", event->estimated);
}

static void add_answer(struct ms_line *line, const struct ms_event *event)
{
	add_cache(line, event);
	string(line, "status", ms_answer_status_name(event->status));
	ms_line_add(line, ",\"error\":%d", (int)event->error);
	number(line, "claimed_bytes", event->claimed_bytes);
	number(line, "claimed_entries", event->claimed_entries);
	boolean(line, "estimated", event->estimated);
	number(line, "duration_us", event->duration_ns / MS_NS_PER_US);
}

static void add_summary(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_summary *summary = event->summary;

	ms_line_add(line, ",\"exit_code\":%d", event->exit_code);
	number(line, "run_ms", summary->run_ns / MS_NS_PER_MS);
	number(line, "peak_rss_bytes", summary->peak_rss_bytes);
	number(line, "shortages", summary->shortages);
	number(line, "rounds", summary->rounds);
	number(line, "orders", summary->orders);
	number(line, "claimed_bytes", summary->claimed_bytes);
	number(line, "returned_bytes", summary->returned_bytes);
	number(line, "shrink_us", summary->shrink_ns / MS_NS_PER_US);
	number(line, "worst_delay_us", summary->worst_delay_ns / MS_NS_PER_US);
	number(line, "worst_growth_bytes", summary->worst_growth_bytes);
	number(line, "wakeups", summary->wakeups);
	number(line, "lost_lines", summary->lost_lines);
	if (summary->oom_kills == UINT64_MAX)
		ms_line_add(line, ",\"oom_kills\":null");
	else
		number(line, "oom_kills", summary->oom_kills);
}

static void add_start(struct ms_line *line, const struct ms_event *event)
{
	add_process(line, event);
	if (event->option_max_bytes)
		number(line, "option_max_bytes", event->option_max_bytes);
	boolean(line, "locked", event->live->locked);
	boolean(line, "fifo", event->live->fifo);
	boolean(line, "oom_protected", event->live->oom_protected);
}

static void add_own(struct ms_line *line, const struct ms_event *event)
{
	switch (event->kind) {
	case MS_EVENT_START:
		add_start(line, event);
		return;
	case MS_EVENT_LIMIT:
		return;
	case MS_EVENT_MARGIN:
		number(line, "margin_bytes", event->margin_bytes);
		number(line, "latency_us", event->latency_ns / MS_NS_PER_US);
		return;
	case MS_EVENT_TARGET:
		add_process(line, event);
		number(line, "caches", event->caches);
		return;
	case MS_EVENT_ORDER:
		add_order(line, event);
		return;
	case MS_EVENT_ANSWER:
		add_answer(line, event);
		return;
	case MS_EVENT_RETURNED:
		number(line, "claimed_bytes", event->claimed_bytes);
		number(line, "returned_bytes", event->returned_bytes);
		number(line, "duration_us", event->duration_ns / MS_NS_PER_US);
		return;
	case MS_EVENT_WAIT:
	case MS_EVENT_WARN:
		string(line, "reason", ms_journal_why(event->why));
		number(line, "pause_ms", event->pause_ns / MS_NS_PER_MS);
		return;
	case MS_EVENT_RECOVERED:
		number(line, "duration_us", event->duration_ns / MS_NS_PER_US);
		return;
	case MS_EVENT_STOPPED:
	case MS_EVENT_RESUMED:
		add_process(line, event);
		return;
	case MS_EVENT_SILENT:
		add_process(line, event);
		string(line, "agent_state", ms_agent_state_name(event->agent_state));
		return;
	case MS_EVENT_END:
		add_summary(line, event);
		return;
	}
}

void ms_journal_event(const struct ms_event *event, struct ms_line *line)
{
	ms_line_add(line, "{\"event\":\"%s\"", event_names[event->kind]);
	number(line, "at_ms", event->since_start_ns / MS_NS_PER_MS);
	number(line, "unix_ms", event->unix_ms);
	add_reading(line, event);
	add_own(line, event);
	ms_line_add(line, "}");
}

/* SPDX-License-Identifier: MIT */
/*
 * super/explain.c - one line per decision, with its reason.
 *
 * Order of a line: when, how full, why, what. Sizes are rounded to three digits; the journal has them
 * exactly. Nothing here allocates.
 */
#include "super/explain.h"

#include "table/layout.h"
#include "table/names.h"
#include "util/clock.h"

static void add_when(struct ms_text *line, const struct ms_event *event)
{
	uint64_t ms = event->since_start_ns / MS_NS_PER_MS;

	ms_text_add(line, "memshed: +%llu.%03llus ", (unsigned long long)(ms / 1000),
		    (unsigned long long)(ms % 1000));
}

/* The binding limit in words: "--max", "cgroup1 limit_in_bytes of /jobs/a". */
static void add_source(struct ms_text *line, const struct ms_limit *limit)
{
	ms_text_add(line, "%s", ms_limit_source_name(limit->source));
	if (limit->where[0]) {
		ms_text_add(line, " of ");
		ms_text_add_name(line, limit->where);
	}
}

static void add_fill(struct ms_text *line, const struct ms_event *event)
{
	ms_text_add_bytes(line, event->sample->limit.used_bytes);
	ms_text_add(line, " of ");
	ms_text_add_bytes(line, event->sample->limit.max_bytes);
}

static void add_mark(struct ms_text *line, const char *words, uint64_t bytes)
{
	ms_text_add(line, "%s ", words);
	ms_text_add_bytes(line, bytes);
}

static void add_process(struct ms_text *line, const struct ms_event *event)
{
	ms_text_add(line, "pid %d", (int)event->pid);
	if (event->comm && event->comm[0]) {
		ms_text_add(line, " (");
		ms_text_add_name(line, event->comm);
		ms_text_add(line, ")");
	}
}

static void add_cache(struct ms_text *line, const struct ms_event *event)
{
	if (event->row == MS_ALLOCATOR_ROW)
		ms_text_add(line, "the allocator");
	else
		ms_text_add_name(line, event->cache);
	ms_text_add(line, " of ");
	add_process(line, event);
}

static void add_why(struct ms_text *line, const struct ms_event *event)
{
	switch (event->why) {
	case MS_WHY_ABOVE_HIGH:
		add_mark(line, "above high", event->marks->high_bytes);
		return;
	case MS_WHY_STILL_ABOVE_LOW:
		add_mark(line, "still above low", event->marks->low_bytes);
		return;
	case MS_WHY_ESCALATED:
		ms_text_add(line, "the last round did not bring enough");
		return;
	case MS_WHY_NEAR_MAX:
		add_mark(line, "in danger above", event->marks->danger_bytes);
		return;
	case MS_WHY_IN_FLIGHT:
		ms_text_add(line, "orders are not answered yet");
		return;
	case MS_WHY_PAUSE_OVER:
		ms_text_add(line, "one more try");
		return;
	case MS_WHY_DOES_NOT_HELP:
		ms_text_add(line, "caches were shrunk again and again, and the memory did not come back");
		return;
	case MS_WHY_STORM_PAUSE:
		ms_text_add(line, "shrinking does not help");
		return;
	case MS_WHY_NOBODY_ANSWERS:
		ms_text_add(line, "nobody can be asked now: every agent is stopped, stuck or busy");
		return;
	case MS_WHY_NOTHING_LEFT:
		add_mark(line, "all caches were asked, and still above high", event->marks->high_bytes);
		return;
	case MS_WHY_NO_CACHES:
		add_mark(line, "above high", event->marks->high_bytes);
		ms_text_add(line, ", but nothing here registered a cache: it is only watched");
		return;
	case MS_WHY_HOLD_OFF:
		ms_text_add(line, "the reading settles");
		return;
	case MS_WHY_BELOW_HIGH:
		add_mark(line, "below high", event->marks->high_bytes);
		return;
	case MS_WHY_BELOW_LOW:
		add_mark(line, "below low", event->marks->low_bytes);
		return;
	}
}

static void explain_budget(struct ms_text *line, const struct ms_event *event)
{
	const struct ms_limit *limit = &event->sample->limit;

	add_mark(line, "max", limit->max_bytes);
	ms_text_add(line, " (");
	add_source(line, limit);
	if (event->option_max_bytes && limit->source != MS_LIMIT_OPTION) {
		ms_text_add(line, ", nearer than --max ");
		ms_text_add_bytes(line, event->option_max_bytes);
	}
	add_mark(line, "), high", event->marks->high_bytes);
	add_mark(line, ", low", event->marks->low_bytes);
}

static void explain_start(struct ms_text *line, const struct ms_event *event)
{
	ms_text_add(line, "watching ");
	add_process(line, event);
	ms_text_add(line, ": ");
	if (event->sample->limit.source == MS_LIMIT_NONE)
		ms_text_add(line, "no limit was found");
	else
		explain_budget(line, event);
}

static void explain_margin(struct ms_text *line, const struct ms_event *event)
{
	add_mark(line, "high lowered to", event->marks->high_bytes);
	ms_text_add(line, ": the command can grow by ");
	ms_text_add_bytes(line, event->margin_bytes);
	ms_text_add(line, " in the ");
	ms_text_add_ns(line, event->latency_ns);
	ms_text_add(line, " that shrinking takes to begin");
}

static void explain_order(struct ms_text *line, const struct ms_event *event)
{
	add_fill(line, event);
	ms_text_add(line, ", ");
	add_why(line, event);
	ms_text_add(line, ": asked ");
	add_cache(line, event);
	if (event->row == MS_ALLOCATOR_ROW) {
		ms_text_add(line, " to give back what is free");
		return;
	}
	if (event->target_bytes && event->level == MS_ORDER_TRIM)
		add_mark(line, " to free", event->target_bytes);
	else
		ms_text_add(line, " to drop everything");
	ms_text_add(line, " (it holds ");
	ms_text_add_bytes(line, event->cache_bytes);
	ms_text_add(line, ")");
}

static void explain_answer(struct ms_text *line, const struct ms_event *event)
{
	add_cache(line, event);
	ms_text_add(line, ": %s, claims ", ms_answer_status_name(event->status));
	ms_text_add_bytes(line, event->claimed_bytes);
	if (event->claimed_entries)
		ms_text_add(line, " in %llu entries", (unsigned long long)event->claimed_entries);
	ms_text_add(line, ", after ");
	ms_text_add_ns(line, event->duration_ns);
}

static void explain_returned(struct ms_text *line, const struct ms_event *event)
{
	ms_text_add_bytes(line, event->returned_bytes);
	ms_text_add(line, " came back of ");
	ms_text_add_bytes(line, event->claimed_bytes);
	ms_text_add(line, " claimed; now ");
	add_fill(line, event);
}

static void explain_wait(struct ms_text *line, const struct ms_event *event)
{
	add_fill(line, event);
	ms_text_add(line, ", ");
	add_why(line, event);
	if (event->pause_ns) {
		ms_text_add(line, "; next try in ");
		ms_text_add_ns(line, event->pause_ns);
	}
}

static void explain_recovered(struct ms_text *line, const struct ms_event *event)
{
	ms_text_add(line, "the shortage is over, after ");
	ms_text_add_ns(line, event->duration_ns);
}

static void explain_silent(struct ms_text *line, const struct ms_event *event)
{
	add_process(line, event);
	switch (event->agent_state) {
	case MS_AGENT_ENTERING:
		ms_text_add(line, " has not begun: its agent waits for the host's lock");
		return;
	case MS_AGENT_RUNNING:
		ms_text_add(line, " has not begun: its agent is busy with another order");
		return;
	default:
		ms_text_add(line, " has not begun: its agent does not look at its orders");
		return;
	}
}

static void explain_work(struct ms_text *line, const struct ms_summary *summary)
{
	ms_text_add(line, ", above high %llu times, shrunk %llu times",
		    (unsigned long long)summary->shortages, (unsigned long long)summary->rounds);
	add_mark(line, ": claimed", summary->claimed_bytes);
	ms_text_add(line, ", ");
	ms_text_add_bytes(line, summary->returned_bytes);
	ms_text_add(line, " came back, in ");
	ms_text_add_ns(line, summary->shrink_ns);
}

static void explain_end(struct ms_text *line, const struct ms_event *event)
{
	const struct ms_summary *summary = event->summary;
	const struct ms_limit *limit = &event->sample->limit;

	add_mark(line, "ended: peak RSS", summary->peak_rss_bytes);
	if (limit->source != MS_LIMIT_NONE) {
		ms_text_add(line, " of ");
		ms_text_add_bytes(line, limit->max_bytes);
		ms_text_add(line, " (");
		add_source(line, limit);
		ms_text_add(line, ")");
	}
	if (summary->shortages == 0)
		ms_text_add(line, ", never above high");
	else
		explain_work(line, summary);
	ms_text_add(line, "; worst sampling delay ");
	ms_text_add_ns(line, summary->worst_delay_ns);
	if (summary->oom_kills && summary->oom_kills != UINT64_MAX)
		ms_text_add(line, "; the kernel OOM-killed %llu", (unsigned long long)summary->oom_kills);
	if (summary->lost_lines)
		ms_text_add(line, "; %llu lines could not be written", (unsigned long long)summary->lost_lines);
}

void ms_explain_event(const struct ms_event *event, struct ms_text *line)
{
	if (event->kind == MS_EVENT_TARGET)
		return;
	add_when(line, event);
	switch (event->kind) {
	case MS_EVENT_START:
		explain_start(line, event);
		return;
	case MS_EVENT_LIMIT:
		ms_text_add(line, "another limit is the nearest: ");
		explain_budget(line, event);
		return;
	case MS_EVENT_MARGIN:
		explain_margin(line, event);
		return;
	case MS_EVENT_ORDER:
		explain_order(line, event);
		return;
	case MS_EVENT_ANSWER:
		explain_answer(line, event);
		return;
	case MS_EVENT_RETURNED:
		explain_returned(line, event);
		return;
	case MS_EVENT_WAIT:
	case MS_EVENT_WARN:
		explain_wait(line, event);
		return;
	case MS_EVENT_RECOVERED:
		explain_recovered(line, event);
		return;
	case MS_EVENT_STOPPED:
		add_process(line, event);
		ms_text_add(line, " is stopped: its orders were taken back until it goes on");
		return;
	case MS_EVENT_RESUMED:
		add_process(line, event);
		ms_text_add(line, " goes on: it can be asked again");
		return;
	case MS_EVENT_SILENT:
		explain_silent(line, event);
		return;
	case MS_EVENT_END:
		explain_end(line, event);
		return;
	case MS_EVENT_TARGET:
		return;
	}
}

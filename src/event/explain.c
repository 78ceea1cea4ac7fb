/* SPDX-License-Identifier: MIT */
/*
 * event/explain.c - events that are a line of their own; orders and answers are in explain_round.c.
 *
 * Order of a line: when, how full, why, what. Sizes are rounded to three digits; the journal has them
 * exactly. Nothing here allocates.
 */
#include "event/explain.h"

#include "event/phrase.h"
#include "table/layout.h"
#include "util/clock.h"

/* A look that came later than this is worth a word. */
#define LATE_NS (100 * MS_NS_PER_MS)

static void explain_budget(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_limit *limit = &event->sample->limit;

	ms_phrase_mark(line, "max", limit->max_bytes);
	ms_line_add(line, " (");
	ms_phrase_limit(line, limit);
	if (event->option_max_bytes && limit->source != MS_LIMIT_OPTION) {
		ms_line_add(line, ", nearer than --max ");
		ms_line_add_bytes(line, event->option_max_bytes);
	}
	ms_phrase_mark(line, "), high", event->marks->high_bytes);
	ms_phrase_mark(line, ", low", event->marks->low_bytes);
}

static void explain_start(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "watching ");
	ms_phrase_process(line, event->pid, event->comm);
	ms_line_add(line, ": ");
	if (event->sample->limit.source == MS_LIMIT_NONE)
		ms_line_add(line, "no limit was found");
	else
		explain_budget(line, event);
}

static void explain_margin(struct ms_line *line, const struct ms_event *event)
{
	ms_phrase_mark(line, "high lowered to", event->marks->high_bytes);
	ms_line_add(line, ": the command can grow by ");
	ms_line_add_bytes(line, event->margin_bytes);
	ms_line_add(line, " in the ");
	ms_line_add_ns(line, event->latency_ns);
	ms_line_add(line, " that shrinking takes to begin");
}

static void explain_wait(struct ms_line *line, const struct ms_event *event)
{
	ms_phrase_fill(line, event);
	ms_line_add(line, ", ");
	ms_phrase_why(line, event);
	if (event->pause_ns) {
		ms_line_add(line, "; next try in ");
		ms_line_add_ns(line, event->pause_ns);
	}
}

/* Without a round just before: the memory went by itself. */
static void explain_recovered(struct ms_line *line, const struct ms_event *event)
{
	ms_phrase_fill(line, event);
	ms_line_add(line, ", the shortage is over after ");
	ms_line_add_ns(line, event->duration_ns);
}

static void explain_silent(struct ms_line *line, const struct ms_event *event)
{
	ms_phrase_process(line, event->pid, event->comm);
	switch (event->agent_state) {
	case MS_AGENT_ENTERING:
		ms_line_add(line, " has not begun: its agent waits for the program's lock (in Python the GIL)");
		return;
	case MS_AGENT_RUNNING:
		ms_line_add(line, " has not begun: its agent is busy with another order");
		return;
	default:
		ms_line_add(line, " has not begun: its agent does not look at its orders");
		return;
	}
}

static void explain_work(struct ms_line *line, const struct ms_summary *summary)
{
	ms_line_add(line, ", above high ");
	ms_phrase_count(line, summary->shortages, "time", "times");
	ms_line_add(line, ", shrunk ");
	ms_phrase_count(line, summary->rounds, "time", "times");
	if (summary->rounds == 0)
		return;
	ms_line_add(line, " in ");
	ms_line_add_ns(line, summary->shrink_ns);
	ms_line_add(line, ": claimed ");
	ms_phrase_bytes(line, summary->claimed_bytes, summary->claimed_estimated);
	ms_line_add(line, ", ");
	ms_line_add_bytes(line, summary->returned_bytes);
	ms_line_add(line, " came back");
}

static void explain_end(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_summary *summary = event->summary;
	const struct ms_limit *limit = &event->sample->limit;

	ms_line_add(line, "ended after ");
	ms_line_add_ns(line, summary->run_ns);
	if (event->exit_code)
		ms_line_add(line, " with exit status %d", event->exit_code);
	ms_phrase_mark(line, ": peak RSS", summary->peak_rss_bytes);
	if (limit->source != MS_LIMIT_NONE) {
		ms_line_add(line, " of ");
		ms_line_add_bytes(line, limit->max_bytes);
		ms_line_add(line, " (");
		ms_phrase_limit(line, limit);
		ms_line_add(line, ")");
	}
	if (summary->shortages == 0)
		ms_line_add(line, ", never above high");
	else
		explain_work(line, summary);
	if (summary->worst_delay_ns >= LATE_NS) {
		ms_line_add(line, "; looked up to ");
		ms_line_add_ns(line, summary->worst_delay_ns);
		ms_line_add(line, " late");
	}
	if (summary->oom_kills && summary->oom_kills != UINT64_MAX) {
		ms_line_add(line, "; the kernel's OOM killer ended ");
		ms_phrase_count(line, summary->oom_kills, "process", "processes");
		ms_line_add(line, " of its cgroup");
	}
	if (summary->lost_lines) {
		ms_line_add(line, "; ");
		ms_phrase_count(line, summary->lost_lines, "line", "lines");
		ms_line_add(line, " could not be written");
	}
}

static void explain(const struct ms_event *event, struct ms_line *line)
{
	switch (event->kind) {
	case MS_EVENT_START:
		explain_start(line, event);
		return;
	case MS_EVENT_LIMIT:
		ms_line_add(line, "another limit is the nearest: ");
		explain_budget(line, event);
		return;
	case MS_EVENT_MARGIN:
		explain_margin(line, event);
		return;
	case MS_EVENT_WAIT:
	case MS_EVENT_WARN:
		explain_wait(line, event);
		return;
	case MS_EVENT_RECOVERED:
		explain_recovered(line, event);
		return;
	case MS_EVENT_STOPPED:
		ms_phrase_process(line, event->pid, event->comm);
		ms_line_add(line, " is stopped: its orders were taken back until it goes on");
		return;
	case MS_EVENT_RESUMED:
		ms_phrase_process(line, event->pid, event->comm);
		ms_line_add(line, " goes on: it can be asked again");
		return;
	case MS_EVENT_SILENT:
		explain_silent(line, event);
		return;
	case MS_EVENT_END:
		explain_end(line, event);
		return;
	case MS_EVENT_TARGET:
	case MS_EVENT_ORDER:
	case MS_EVENT_ANSWER:
	case MS_EVENT_RETURNED:
		return;
	}
}

void ms_explain_event(const struct ms_event *event, struct ms_line *line)
{
	switch (event->kind) {
	case MS_EVENT_TARGET:
	case MS_EVENT_ORDER:
	case MS_EVENT_ANSWER:
	case MS_EVENT_RETURNED:
		return;
	default:
		ms_phrase_when(line, event);
		explain(event, line);
		return;
	}
}

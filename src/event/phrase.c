/* SPDX-License-Identifier: MIT */
/* event/phrase.c - see phrase.h. */
#include "event/phrase.h"

#include "util/clock.h"

void ms_phrase_when(struct ms_line *line, const struct ms_event *event)
{
	uint64_t ms = event->since_start_ns / MS_NS_PER_MS;

	ms_line_add(line, "memshed: +%llu.%03llus ", (unsigned long long)(ms / 1000),
		    (unsigned long long)(ms % 1000));
}

void ms_phrase_fill(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add_bytes(line, event->sample->limit.used_bytes);
	if (event->sample->limit.source == MS_LIMIT_NONE)
		return;
	ms_line_add(line, " of ");
	ms_line_add_bytes(line, event->sample->limit.max_bytes);
}

void ms_phrase_limit(struct ms_line *line, const struct ms_limit *limit)
{
	ms_line_add(line, "%s", ms_limit_source_name(limit->source));
	if (limit->where[0]) {
		ms_line_add(line, " of ");
		ms_line_add_name(line, limit->where);
	}
}

void ms_phrase_bytes(struct ms_line *line, uint64_t bytes, bool estimated)
{
	ms_line_add(line, "%s", estimated ? "~" : "");
	ms_line_add_bytes(line, bytes);
}

void ms_phrase_count(struct ms_line *line, uint64_t count, const char *one, const char *many)
{
	ms_line_add(line, "%llu %s", (unsigned long long)count, count == 1 ? one : many);
}

void ms_phrase_process(struct ms_line *line, pid_t pid, const char *comm)
{
	if (!comm || !comm[0]) {
		ms_line_add(line, "pid %d", (int)pid);
		return;
	}
	ms_line_add_name(line, comm);
	ms_line_add(line, " (pid %d)", (int)pid);
}

void ms_phrase_mark(struct ms_line *line, const char *words, uint64_t bytes)
{
	ms_line_add(line, "%s ", words);
	ms_line_add_bytes(line, bytes);
}

void ms_phrase_why(struct ms_line *line, const struct ms_event *event)
{
	switch (event->why) {
	case MS_WHY_ABOVE_HIGH:
		ms_phrase_mark(line, "above high", event->marks->high_bytes);
		return;
	case MS_WHY_STILL_ABOVE_LOW:
		ms_phrase_mark(line, "still above low", event->marks->low_bytes);
		return;
	case MS_WHY_ESCALATED:
		ms_line_add(line, "the last round did not bring enough");
		return;
	case MS_WHY_NEAR_MAX:
		ms_phrase_mark(line, "in danger above", event->marks->danger_bytes);
		return;
	case MS_WHY_IN_FLIGHT:
		ms_line_add(line, "orders are not answered yet");
		return;
	case MS_WHY_ONE_MORE_TRY:
		ms_line_add(line, "one more try");
		return;
	case MS_WHY_DOES_NOT_HELP:
		ms_line_add(line, "caches were shrunk again and again, and the memory did not come back");
		return;
	case MS_WHY_BACK_OFF:
		ms_line_add(line, "shrinking does not help");
		return;
	case MS_WHY_SILENT:
		ms_line_add(line, "caches cannot be asked now: their agents are stopped, stuck or not started");
		return;
	case MS_WHY_BUSY:
		ms_line_add(line, "caches cannot be asked now: their owners hold their locks");
		return;
	case MS_WHY_NOTHING_TO_ASK:
		ms_phrase_mark(line, "above high", event->marks->high_bytes);
		ms_line_add(line, ", and its caches are empty, or only a person may ask them");
		return;
	case MS_WHY_NOTHING_LEFT:
		ms_phrase_mark(line, "all caches were asked, and still above high", event->marks->high_bytes);
		return;
	case MS_WHY_NO_CACHES:
		ms_phrase_mark(line, "above high", event->marks->high_bytes);
		ms_line_add(line, ", but nothing here registered a cache: it is only watched");
		return;
	case MS_WHY_HOLD_OFF:
		ms_line_add(line, "the reading settles");
		return;
	case MS_WHY_BELOW_HIGH:
		ms_phrase_mark(line, "below high", event->marks->high_bytes);
		return;
	case MS_WHY_BELOW_LOW:
		ms_phrase_mark(line, "below low", event->marks->low_bytes);
		return;
	}
}

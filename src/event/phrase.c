/* SPDX-License-Identifier: MIT */
/* event/phrase.c - see phrase.h; and the reasons of a plan, as a word and as words. */
#include "event/phrase.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The reasons. @mark: that member of an event follows the words; 0 = none. */
static const struct reason {
	const char *name, *words;
	size_t mark;
} reasons[] = {
#define HIGH   offsetof(struct ms_event, high_bytes)
#define LOW    offsetof(struct ms_event, low_bytes)
#define DANGER offsetof(struct ms_event, danger_bytes)
	[MS_WHY_BELOW_HIGH] = {"below-high", "below high", HIGH},
	[MS_WHY_ABOVE_HIGH] = {"above-high", "above high", HIGH},
	[MS_WHY_STILL_ABOVE_LOW] = {"still-above-low", "still above low", LOW},
	[MS_WHY_ESCALATED] = {"escalated", "the last round did not bring enough", 0},
	[MS_WHY_NEAR_MAX] = {"near-max", "above danger", DANGER},
	[MS_WHY_HOLD_OFF] = {"hold-off", "the reading is not settled yet", 0},
	[MS_WHY_IN_FLIGHT] = {"in-flight", "orders are not answered yet", 0},
	[MS_WHY_BACK_OFF] = {"back-off", "shrinking does not help", 0},
	[MS_WHY_ONE_MORE_TRY] = {"one-more-try", "one more try", 0},
	[MS_WHY_SILENT] = {"silent", "every agent is stopped, stuck or not started", 0},
	[MS_WHY_BUSY] = {"busy", "the locks of the caches are taken", 0},
	[MS_WHY_NOTHING_LEFT] = {"nothing-left",
				 "all caches with something in them were asked; still above high", HIGH},
	[MS_WHY_NOTHING_TO_ASK] = {"nothing-to-ask",
				   "all caches are empty, or shrunk by hand alone; above high", HIGH},
	[MS_WHY_DOES_NOT_HELP] = {"does-not-help",
				  "caches were shrunk repeatedly, but the memory did not come back", 0},
	[MS_WHY_NO_CACHES] = {"no-caches", "nothing here registered a cache; above high", HIGH},
	[MS_WHY_BELOW_LOW] = {"below-low", "below low", LOW},
};

static const struct reason *find_reason(uint32_t reason)
{
	assert(reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[reason].name);
	return &reasons[reason];
}

const char *ms_reason_name(uint32_t reason)
{
	return find_reason(reason)->name;
}

const char *ms_reason_words(uint32_t reason)
{
	return find_reason(reason)->words;
}

const char *ms_action_name(uint32_t action)
{
	static const char *const names[] = {
		[MS_EXHAUSTED_WARN] = "warn",
		[MS_EXHAUSTED_TERM] = "term",
		[MS_EXHAUSTED_RESTART] = "restart",
		[MS_EXHAUSTED_EXEC] = "exec",
	};

	assert(action < sizeof(names) / sizeof(names[0]));
	return names[action];
}

const char *ms_phrase_reason(char *text, const struct ms_event *event, uint32_t reason)
{
	const struct reason *found = find_reason(reason);
	const uint64_t *mark = (const uint64_t *)(const void *)((const char *)event + found->mark);

	snprintf(text, MS_PHRASE_REASON, found->mark ? "%s %s" : "%s", found->words,
		 found->mark ? MS_BYTES(*mark) : "");
	return text;
}

const char *ms_phrase_about(char *text, uint64_t bytes, bool estimated)
{
	snprintf(text, MS_UNITS_TEXT + 1, "%s%s", estimated ? "~" : "", MS_BYTES(bytes));
	return text;
}

const char *ms_phrase_count(char *text, uint64_t count, const char *one, const char *many)
{
	snprintf(text, MS_PHRASE_COUNT, "%llu %s", (unsigned long long)count, count == 1 ? one : many);
	return text;
}

const char *ms_phrase_process(char *text, int32_t pid, const char *comm)
{
	size_t length = ms_escape(ms_escape_terminal_charset(), text, MS_ESCAPED_BYTES(MS_COMM_BYTES), comm,
				  strnlen(comm, MS_COMM_BYTES));

	snprintf(text + length, MS_PHRASE_PROCESS - length, length > 0 ? " (pid %d)" : "pid %d", (int)pid);
	return text;
}

const char *ms_phrase_fill(char *text, const struct ms_event *event)
{
	bool limited = event->limit != MS_LIMIT_NONE;

	snprintf(text, 2 * MS_UNITS_TEXT + 4, "%s%s%s", MS_BYTES(event->used_bytes), limited ? " of " : "",
		 limited ? MS_BYTES(event->max_bytes) : "");
	return text;
}

const char *ms_phrase_fate(char *text, int32_t exit_code, int32_t signal)
{
	const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;

	if (name)
		snprintf(text, MS_PHRASE_COUNT, "killed by SIG%s", name);
	else
		snprintf(text, MS_PHRASE_COUNT, signal > 0 ? "killed by signal %d" : "exit %d",
			 (int)(signal > 0 ? signal : exit_code));
	return text;
}

void ms_phrase_when(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "memshed: +%llu.%03llus ", (unsigned long long)(event->at_ms / 1000),
		    (unsigned long long)(event->at_ms % 1000));
}

void ms_phrase_caches(struct ms_line *line, const struct ms_event_caches *list, bool several)
{
	for (uint32_t i = 0; i < list->count; i++) {
		ms_line_add(line, "%s", i > 0 ? ", " : "");
		ms_line_add_name(line, list->at[i].cache);
		if (list->at[i].caches > 1)
			ms_line_add(line, " x %llu", (unsigned long long)list->at[i].caches);
		ms_line_add(line, " %s", MS_ABOUT(list->at[i].bytes, list->at[i].estimated));
		if (several)
			ms_line_add(line, " (pid %d)", (int)list->at[i].pid);
	}
}

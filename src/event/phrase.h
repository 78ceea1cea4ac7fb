/* SPDX-License-Identifier: MIT */
/*
 * event/phrase.h - the parts that the lines for people are made of, each in a buffer that the macro
 * brings along, so that a sentence is one format:
 *
 *	ms_line_add(line, "%s came back in %s", MS_BYTES(bytes), MS_DURATION(us));
 */
#ifndef MS_EVENT_PHRASE_H
#define MS_EVENT_PHRASE_H

#include <stdbool.h>

#include "event/event.h"
#include "event/line.h"
#include "util/escape.h"
#include "util/units.h"

enum {
	MS_PHRASE_COUNT = 64,
	MS_PHRASE_REASON = 160,
	MS_PHRASE_PROCESS = MS_ESCAPED_BYTES(MS_COMM_BYTES) + 24,
};

/* "31M" */
#define MS_BYTES(bytes) ms_units_format_bytes((char[MS_UNITS_TEXT]){0}, bytes)

/* "31M", or "~31M" when it rests on an estimate */
#define MS_ABOUT(bytes, estimated) ms_phrase_about((char[MS_UNITS_TEXT + 1]){0}, bytes, estimated)

/* "4.2ms" */
#define MS_DURATION(us) ms_units_format_duration((char[MS_UNITS_TEXT]){0}, us)

/* "1 round", "37 rounds" */
#define MS_COUNTED(count, one, many) ms_phrase_count((char[MS_PHRASE_COUNT]){0}, count, one, many)

/* "job (pid 42)" */
#define MS_PROCESS(about) ms_phrase_process((char[MS_PHRASE_PROCESS]){0}, (about)->pid, (about)->comm)

/* "316M of 350M"; where there is no limit "316M" */
#define MS_FILL(event) ms_phrase_fill((char[2 *MS_UNITS_TEXT + 4]){0}, event)

/* "above high 180M" */
#define MS_REASON(event, reason) ms_phrase_reason((char[MS_PHRASE_REASON]){0}, event, reason)

/* "exit 1", "killed by SIGKILL" */
#define MS_FATE(exit) ms_phrase_fate((char[MS_PHRASE_COUNT]){0}, (exit)->exit_code, (exit)->signal)

const char *ms_phrase_about(char *text, uint64_t bytes, bool estimated);
const char *ms_phrase_count(char *text, uint64_t count, const char *one, const char *many);
const char *ms_phrase_process(char *text, int32_t pid, const char *comm);
const char *ms_phrase_fill(char *text, const struct ms_event *event);
const char *ms_phrase_reason(char *text, const struct ms_event *event, uint32_t reason);
const char *ms_phrase_fate(char *text, int32_t exit_code, int32_t signal);

/** ms_reason_name - the word for an enum ms_why in JSON: "above-high"; ms_reason_words: "above high" */
const char *ms_reason_name(uint32_t reason);
const char *ms_reason_words(uint32_t reason);

/** ms_action_name - the word for an enum ms_exhausted_action: "term"; as --on-exhausted has it */
const char *ms_action_name(uint32_t action);

/** ms_phrase_when - begins each line: "memshed: +12.345s " */
void ms_phrase_when(struct ms_line *line, const struct ms_event *event);

/** ms_phrase_caches - "parse 30M, lookup ~12M"; @several: of several processes, "parse 30M (pid 42)" */
void ms_phrase_caches(struct ms_line *line, const struct ms_event_caches *list, bool several);

#endif

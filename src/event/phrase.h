/* SPDX-License-Identifier: MIT */
/* event/phrase.h - the parts that the lines for people are made of. */
#ifndef MS_EVENT_PHRASE_H
#define MS_EVENT_PHRASE_H

#include <stdbool.h>

#include "event/event.h"
#include "event/line.h"

/** ms_phrase_when - the head of each line: "memshed: +12.345s " */
void ms_phrase_when(struct ms_line *line, const struct ms_event *event);

/** ms_phrase_fill - "316M of 350M" */
void ms_phrase_fill(struct ms_line *line, const struct ms_event *event);

/** ms_phrase_limit - the limit that binds: "--max", "cgroup1 memory.limit_in_bytes of /jobs/a" */
void ms_phrase_limit(struct ms_line *line, const struct ms_limit *limit);

/** ms_phrase_bytes - "31M", or "~31M" when it rests on an estimate */
void ms_phrase_bytes(struct ms_line *line, uint64_t bytes, bool estimated);

/** ms_phrase_mark - "above high 315M" */
void ms_phrase_mark(struct ms_line *line, const char *words, uint64_t bytes);

/** ms_phrase_count - "1 round", "37 rounds" */
void ms_phrase_count(struct ms_line *line, uint64_t count, const char *one, const char *many);

/** ms_phrase_process - "job (pid 42)" */
void ms_phrase_process(struct ms_line *line, pid_t pid, const char *comm);

/** ms_phrase_why - the reason of a decision; empty for none */
void ms_phrase_why(struct ms_line *line, const struct ms_event *event);

#endif

/* SPDX-License-Identifier: MIT */
/* super/words.h - the parts that the lines for people are made of. */
#ifndef MS_SUPER_WORDS_H
#define MS_SUPER_WORDS_H

#include <stdbool.h>

#include "super/event.h"
#include "super/text.h"

/** ms_words_when - the head of each line: "memshed: +12.345s " */
void ms_words_when(struct ms_text *line, const struct ms_event *event);

/** ms_words_fill - "316M of 350M" */
void ms_words_fill(struct ms_text *line, const struct ms_event *event);

/** ms_words_limit - the limit that binds: "--max", "cgroup1 memory.limit_in_bytes of /jobs/a" */
void ms_words_limit(struct ms_text *line, const struct ms_limit *limit);

/** ms_words_bytes - "31M", or "~31M" when it rests on an estimate */
void ms_words_bytes(struct ms_text *line, uint64_t bytes, bool estimated);

/** ms_words_mark - "above high 315M" */
void ms_words_mark(struct ms_text *line, const char *words, uint64_t bytes);

/** ms_words_count - "1 round", "37 rounds" */
void ms_words_count(struct ms_text *line, uint64_t count, const char *one, const char *many);

/** ms_words_process - "job (pid 42)" */
void ms_words_process(struct ms_text *line, pid_t pid, const char *comm);

/** ms_words_why - the reason of a decision; empty for none */
void ms_words_why(struct ms_text *line, const struct ms_event *event);

#endif

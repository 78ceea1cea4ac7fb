/* SPDX-License-Identifier: MIT */
/* event/journal.h - an event as one JSON object on one line; the keys are in memshed-run(1). */
#ifndef MS_EVENT_JOURNAL_H
#define MS_EVENT_JOURNAL_H

#include "event/event.h"
#include "event/line.h"

/* Always enough: nine names and a path of up to five bytes a character, and the numbers. */
enum { MS_JOURNAL_LINE_BYTES = 8192 };

/** ms_journal_event - the object without the line's end */
void ms_journal_event(const struct ms_event *event, struct ms_line *line);

#endif

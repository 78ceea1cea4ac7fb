/* SPDX-License-Identifier: MIT */
/* event/explain.h - an event as a line that a tired person understands. */
#ifndef MS_EVENT_EXPLAIN_H
#define MS_EVENT_EXPLAIN_H

#include "event/event.h"
#include "event/line.h"

/**
 * ms_explain_event - the line without its end
 *
 * Nothing for events that only a journal wants, and for those of which a digest makes a line.
 */
void ms_explain_event(const struct ms_event *event, struct ms_line *line);

#endif

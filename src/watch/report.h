/* SPDX-License-Identifier: MIT */
/*
 * watch/report.h - the one place where a watch writes: what it saw or did becomes an event.
 *
 * Called after the orders are out, never before: a line can wait, memory cannot. A journal has everything;
 * what goes to stderr is decided in event/digest.c. Nothing allocates, and nothing waits for a reader.
 */
#ifndef MS_WATCH_REPORT_H
#define MS_WATCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "event/digest.h"
#include "event/journal.h"
#include "event/out.h"
#include "watch/members.h"
#include "watch/reading.h"

struct ms_report {
	struct ms_out lines;   /* stderr */
	struct ms_out journal; /* fd -1: none */
	struct ms_digest digest;
	uint64_t started_ns;
	pid_t command_pid;
	char command[MS_COMM_BYTES]; /* for people: the last part of argv[0] */
	char buffer[MS_JOURNAL_LINE_BYTES];
};

/**
 * ms_report_init - after lines and journal were opened
 * @quiet: no summary at the end
 */
void ms_report_init(struct ms_report *report, pid_t command_pid, const char *command, bool quiet);

/** ms_report_say - fill in what all events have, and say it */
void ms_report_say(struct ms_report *report, const struct ms_reading *reading, struct ms_event *event);

/** ms_report_command - likewise, about the command's own process */
void ms_report_command(struct ms_report *report, const struct ms_reading *reading, struct ms_event *event);

/** ms_report_member - likewise, about a process */
void ms_report_member(struct ms_report *report, const struct ms_reading *reading,
		      const struct ms_member *member, struct ms_event *event);

/** ms_report_turn - all of a look was said */
void ms_report_turn(struct ms_report *report, const struct ms_reading *reading);

#endif

/* SPDX-License-Identifier: MIT */
/* watch/report.c - see report.h. */
#include "watch/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / MS_NS_PER_MS;
}

static void complete(const struct ms_report *report, const struct ms_reading *reading, struct ms_event *event)
{
	event->at_ms = (ms_clock_ns() - report->started_ns) / MS_NS_PER_MS;
	event->unix_ms = unix_ms();
	ms_event_read(event, &reading->sample, &reading->marks);
}

static void end_line(struct ms_line *line)
{
	/* A line that was cut has lost its end, but not its newline. */
	if (line->length + 2 > line->size)
		line->length = line->size - 2;
	line->at[line->length++] = '\n';
	line->at[line->length] = '\0';
}

static void write_line(void *arg, struct ms_line *line)
{
	struct ms_report *report = arg;

	end_line(line);
	ms_out_write(&report->lines, line->at, line->length);
}

static void write_journal(struct ms_report *report, const struct ms_event *event)
{
	struct ms_line line;

	ms_line_init(&line, report->buffer, sizeof(report->buffer));
	ms_journal_event(event, &line);
	end_line(&line);
	ms_out_write(&report->journal, line.at, line.length);
}

void ms_report_init(struct ms_report *report, pid_t command_pid, const char *command, bool quiet)
{
	report->started_ns = ms_clock_ns();
	report->command_pid = command_pid;
	snprintf(report->command, sizeof(report->command), "%s", command);
	ms_digest_init(&report->digest, write_line, report, report->buffer, sizeof(report->buffer),
		       report->journal.fd >= 0, quiet);
}

void ms_report_say(struct ms_report *report, const struct ms_reading *reading, struct ms_event *event)
{
	complete(report, reading, event);
	if (report->journal.fd >= 0)
		write_journal(report, event);
	ms_digest_take(&report->digest, event);
}

void ms_report_command(struct ms_report *report, const struct ms_reading *reading, struct ms_event *event)
{
	event->pid = report->command_pid;
	memcpy(event->comm, report->command, sizeof(event->comm));
	ms_report_say(report, reading, event);
}

void ms_report_member(struct ms_report *report, const struct ms_reading *reading,
		      const struct ms_member *member, struct ms_event *event)
{
	event->pid = member->pid;
	memcpy(event->comm, member->comm, sizeof(event->comm));
	ms_report_say(report, reading, event);
}

void ms_report_turn(struct ms_report *report, const struct ms_reading *reading)
{
	struct ms_event now = {0};

	if (!ms_digest_wants_turn(&report->digest))
		return;
	complete(report, reading, &now);
	ms_digest_turn(&report->digest, &now);
}

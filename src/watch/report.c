/* SPDX-License-Identifier: MIT */
/*
 * watch/report.c - the one place where the watch speaks: what it saw or did becomes an event.
 *
 * Called after the orders are out, never before: a line can wait, memory cannot. A journal has
 * everything; what goes to stderr is decided in event/digest.c.
 */
#include <string.h>
#include <time.h>

#include "watch/context.h"

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / MS_NS_PER_MS;
}

static void complete(struct ms_super *super, struct ms_event *event)
{
	event->at_ms = (ms_clock_ns() - super->started_ns) / MS_NS_PER_MS;
	event->unix_ms = unix_ms();
	ms_event_read(event, &super->sample, &super->marks);
}

static void end_line(struct ms_line *line)
{
	/* Of a line that was cut the end is lost, not its newline. */
	if (line->length + 2 > line->size)
		line->length = line->size - 2;
	line->at[line->length++] = '\n';
	line->at[line->length] = '\0';
}

static void write_line(void *arg, struct ms_line *line)
{
	struct ms_super *super = arg;

	end_line(line);
	ms_out_write(&super->lines, line->at, line->length);
}

static void write_journal(struct ms_super *super, const struct ms_event *event)
{
	struct ms_line line;

	ms_line_init(&line, super->line, sizeof(super->line));
	ms_journal_event(event, &line);
	end_line(&line);
	ms_out_write(&super->journal, line.at, line.length);
}

void ms_report(struct ms_super *super, struct ms_event *event)
{
	complete(super, event);
	if (super->journal.fd >= 0)
		write_journal(super, event);
	ms_digest_take(&super->digest, event);
}

void ms_report_prepare(struct ms_super *super)
{
	ms_digest_init(&super->digest, write_line, super, super->line, sizeof(super->line),
		       super->journal.fd >= 0, super->options->quiet);
}

void ms_report_turn(struct ms_super *super)
{
	struct ms_event now = {0};

	if (!ms_digest_wants_turn(&super->digest))
		return;
	complete(super, &now);
	ms_digest_turn(&super->digest, &now);
}

void ms_report_process(struct ms_super *super, enum ms_event_kind kind, uint32_t slot)
{
	const struct ms_member *target = &super->members.at[slot];
	struct ms_event event = {.kind = kind, .pid = target->pid};

	memcpy(event.comm, target->comm, sizeof(event.comm));
	if (kind == MS_EVENT_TARGET)
		event.as.target.caches = target->reader.info.live_rows;
	if (kind == MS_EVENT_SILENT)
		event.as.silent.agent_state = target->reader.info.agent_state;
	ms_report(super, &event);
}

void ms_report_command(struct ms_super *super, struct ms_event *event)
{
	event->pid = super->child.pid;
	memcpy(event->comm, super->comm, sizeof(event->comm));
	ms_report(super, event);
}

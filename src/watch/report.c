/* SPDX-License-Identifier: MIT */
/*
 * watch/report.c - the one place where the supervisor speaks.
 *
 * Called after the orders are out, never before: a line can wait, memory cannot. On stderr a job that
 * never came near its limit leaves one line, its summary; what it was watched against is said first,
 * when there is anything else to say. A journal has everything, and then stderr has the summary alone.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "util/procfs.h"
#include "watch/context.h"

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / MS_NS_PER_MS;
}

static void complete(struct ms_super *super, struct ms_event *event)
{
	event->since_start_ns = ms_clock_ns() - super->started_ns;
	event->unix_ms = unix_ms();
	event->sample = &super->sample;
	event->marks = &super->marks;
	event->option_max_bytes = super->options->max_bytes;
	event->live = &super->live;
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

/* Worth a line before anything happens: the user's --max is not what will be kept to. */
static bool is_surprising(const struct ms_super *super)
{
	return super->options->max_bytes != 0 && super->sample.limit.source != MS_LIMIT_OPTION;
}

static void write_start_once(struct ms_super *super)
{
	struct ms_event start = {.kind = MS_EVENT_START, .pid = super->child.pid, .comm = super->comm};

	if (super->said_start)
		return;
	super->said_start = true;
	complete(super, &start);
	ms_digest_take(&super->digest, &start);
}

static void say_on_stderr(struct ms_super *super, const struct ms_event *event)
{
	switch (event->kind) {
	case MS_EVENT_TARGET:
		return;
	case MS_EVENT_START:
		if (is_surprising(super))
			write_start_once(super);
		return;
	case MS_EVENT_END:
		if (super->options->quiet)
			ms_digest_flush(&super->digest, event);
		else
			ms_digest_take(&super->digest, event);
		return;
	default:
		write_start_once(super);
		ms_digest_take(&super->digest, event);
		return;
	}
}

void ms_report(struct ms_super *super, struct ms_event *event)
{
	complete(super, event);
	if (super->journal.fd < 0) {
		say_on_stderr(super, event);
		return;
	}
	write_journal(super, event);
	if (event->kind == MS_EVENT_END || event->kind == MS_EVENT_START)
		say_on_stderr(super, event);
}

void ms_report_prepare(struct ms_super *super)
{
	ms_digest_init(&super->digest, write_line, super, super->line, sizeof(super->line));
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
	struct ms_event event = {.kind = kind, .pid = target->pid, .comm = target->comm};

	if (target->has_table) {
		event.caches = target->reader.info.live_rows;
		event.agent_state = target->reader.info.agent_state;
	}
	ms_report(super, &event);
}

void ms_report_blind(struct ms_super *super)
{
	struct ms_line line;
	int error = ms_procfs_check();

	ms_line_init(&line, super->line, sizeof(super->line));
	ms_line_add(&line, "memshed: %s runs, but cannot be watched: ", super->comm);
	ms_line_add(&line, "%s", error < 0 ? ms_procfs_fault(error) : strerrordesc_np(-super->blind_error));
	end_line(&line);
	ms_out_write(&super->lines, line.at, line.length);
}

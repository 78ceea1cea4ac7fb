/* SPDX-License-Identifier: MIT */
/*
 * event/digest.c - two lines a round, and one a minute when there are too many rounds.
 *
 * A job that hovers at its limit for hours is shrunk several times a second. After LINES_AT_ONCE lines,
 * of which one more is allowed every LINE_MS, events are only added up and one line every SUM_MS tells
 * the sums, until a whole SUM_MS would have been no longer in full. What is no round (a warning, a
 * stopped process) is told meanwhile too, each kind once in SUM_MS.
 */
#include "event/digest.h"

#include <assert.h>
#include <string.h>

#include "event/kinds.h"
#include "event/phrase.h"

enum {
	LINES_AT_ONCE = 30, /* what fits on a screen */
	LINES_OF_ROUND = 2,
	LINE_MS = 10000,
	SUM_MS = 60000,
};

void ms_digest_init(struct ms_digest *digest, void (*write)(void *arg, struct ms_line *line), void *arg,
		    char *buffer, size_t size, bool brief, bool quiet)
{
	memset(digest, 0, sizeof(*digest));
	digest->write = write;
	digest->arg = arg;
	digest->buffer = buffer;
	digest->size = size;
	digest->brief = brief;
	digest->quiet = quiet;
	digest->start.kind = digest->returned.kind = MS_EVENT_KIND_COUNT;
}

static uint64_t spent_ms(const struct ms_digest *digest, uint64_t at_ms)
{
	uint64_t passed_ms = at_ms - digest->spent_at_ms;

	return digest->spent_ms > passed_ms ? digest->spent_ms - passed_ms : 0;
}

static struct ms_line begin_line(struct ms_digest *digest, const struct ms_event *event)
{
	struct ms_line line;

	ms_line_init(&line, digest->buffer, digest->size);
	ms_phrase_when(&line, event);
	return line;
}

static void end_line(struct ms_digest *digest, const struct ms_event *event, struct ms_line *line)
{
	digest->spent_ms = spent_ms(digest, event->at_ms) + LINE_MS;
	digest->spent_at_ms = event->at_ms;
	digest->write(digest->arg, line);
}

static void write_event(struct ms_digest *digest, const struct ms_event *event)
{
	struct ms_line line = begin_line(digest, event);

	ms_kind_of(event->kind)->say(&line, event);
	end_line(digest, event, &line);
}

static void write_start(struct ms_digest *digest)
{
	if (digest->start.kind != MS_EVENT_START)
		return;
	write_event(digest, &digest->start);
	digest->start.kind = MS_EVENT_KIND_COUNT;
}

/* Worth a line before anything happens: the user's --max is not what will be kept to. */
static bool is_surprising(const struct ms_event *start)
{
	return start->as.start.option_max_bytes != UINT64_MAX && start->limit != MS_LIMIT_OPTION;
}

static void begin_sum(struct ms_digest *digest, const struct ms_event *now)
{
	digest->summing = true;
	digest->sum = (struct ms_digest_sum){
		.since_ms = now->at_ms, .least_bytes = now->used_bytes, .most_bytes = now->used_bytes};
}

static void note_used(struct ms_digest_sum *sum, const struct ms_event *now)
{
	if (now->rss_bytes == 0) /* it ends */
		return;
	sum->least_bytes = now->used_bytes < sum->least_bytes ? now->used_bytes : sum->least_bytes;
	sum->most_bytes = now->used_bytes > sum->most_bytes ? now->used_bytes : sum->most_bytes;
}

static void write_sum(struct ms_digest *digest, const struct ms_event *now)
{
	const struct ms_digest_sum *sum = &digest->sum;

	if (!digest->summing || sum->rounds + sum->others == 0)
		return;
	struct ms_line line = begin_line(digest, now);
	ms_line_add(&line, "%s in the last %s: claimed %s, %s came back; between %s and %s of %s",
		    MS_COUNTED(sum->rounds, "round", "rounds"),
		    MS_DURATION((now->at_ms - sum->since_ms) * 1000),
		    MS_ABOUT(sum->claimed_bytes, sum->estimated), MS_BYTES(sum->returned_bytes),
		    MS_BYTES(sum->least_bytes), MS_BYTES(sum->most_bytes), MS_BYTES(now->max_bytes));
	if (sum->others)
		ms_line_add(&line, "; %s left out", MS_COUNTED(sum->others, "other line", "other lines"));
	end_line(digest, now, &line);
}

/* Whether one more line may be written. When not, summing begins, and a line says so. */
static bool may_write(struct ms_digest *digest, const struct ms_event *event)
{
	if (!digest->brief)
		write_start(digest);
	if (!digest->summing && spent_ms(digest, event->at_ms) >= LINES_AT_ONCE * LINE_MS) {
		struct ms_line line = begin_line(digest, event);

		ms_line_add(&line, "too many lines: one a minute sums them up from here on; "
				   "with --journal FILE all is kept");
		end_line(digest, event, &line);
		begin_sum(digest, event);
	}
	return !digest->summing;
}

static void take_order(struct ms_digest *digest, const struct ms_event *event)
{
	if (!digest->asking)
		digest->round = (struct ms_digest_round){0};
	digest->asking = true;
	digest->warned = false;
	digest->order = *event;
	ms_digest_add_order(&digest->round, event);
}

/* The first line of a round, when all its orders are known. */
static void end_orders(struct ms_digest *digest)
{
	if (!digest->asking)
		return;
	digest->asking = false;
	digest->told = may_write(digest, &digest->order);
	if (!digest->told) {
		digest->sum.rounds++;
		return;
	}
	struct ms_line line = begin_line(digest, &digest->order);
	ms_digest_say_asked(&digest->round, &digest->order, &line);
	end_line(digest, &digest->order, &line);
}

/* The second line, when it is known whether the shortage is over with it; else @recovered is NULL. */
static void end_round(struct ms_digest *digest, const struct ms_event *recovered)
{
	const struct ms_event *returned = &digest->returned;

	if (returned->kind != MS_EVENT_RETURNED)
		return;
	if (digest->told) {
		struct ms_line line = begin_line(digest, returned);

		ms_digest_say_outcome(&digest->round, returned, recovered, &line);
		end_line(digest, returned, &line);
	} else {
		digest->sum.claimed_bytes += digest->round.claimed_bytes;
		digest->sum.returned_bytes += returned->as.returned.returned_bytes;
		digest->sum.estimated |= digest->round.estimated;
	}
	digest->returned.kind = MS_EVENT_KIND_COUNT;
}

/* A warning tells of its pause, and that a command without memory is not short of it is no news. */
static bool is_no_news(const struct ms_digest *digest, const struct ms_event *event)
{
	return (event->kind == MS_EVENT_WAIT && event->as.wait.reason == MS_WHY_BACK_OFF && digest->warned) ||
	       (event->kind == MS_EVENT_RECOVERED && (digest->summing || event->rss_bytes == 0));
}

static void take_other(struct ms_digest *digest, const struct ms_event *event)
{
	if (is_no_news(digest, event))
		return;
	digest->warned = event->kind == MS_EVENT_WARN;
	if (!may_write(digest, event) && digest->sum.said[event->kind]) {
		digest->sum.others++;
		return;
	}
	digest->sum.said[event->kind] = true;
	write_event(digest, event);
}

static void take_start(struct ms_digest *digest, const struct ms_event *event)
{
	digest->start = *event;
	if (is_surprising(event))
		write_start(digest);
}

static void take_end(struct ms_digest *digest, const struct ms_event *event)
{
	write_sum(digest, event);
	digest->summing = false;
	if (!digest->quiet)
		write_event(digest, event);
}

static bool is_said_beside_a_journal(enum ms_event_kind kind)
{
	return kind == MS_EVENT_START || kind == MS_EVENT_EXHAUSTED || kind == MS_EVENT_STOP ||
	       kind == MS_EVENT_RESTART || kind == MS_EVENT_UNLOADED || kind == MS_EVENT_BLIND || kind == MS_EVENT_EXIT ||
	       kind == MS_EVENT_END;
}

void ms_digest_take(struct ms_digest *digest, const struct ms_event *event)
{
	assert(event->kind < MS_EVENT_KIND_COUNT);
	if (digest->brief && !is_said_beside_a_journal(event->kind))
		return;
	if (event->kind != MS_EVENT_ORDER)
		end_orders(digest);
	if (event->kind == MS_EVENT_RECOVERED && digest->returned.kind == MS_EVENT_RETURNED) {
		end_round(digest, event);
		return;
	}
	end_round(digest, NULL);
	switch (event->kind) {
	case MS_EVENT_TARGET:
		return;
	case MS_EVENT_START:
		take_start(digest, event);
		return;
	case MS_EVENT_ORDER:
		take_order(digest, event);
		return;
	case MS_EVENT_ANSWER:
		ms_digest_add_answer(&digest->round, event);
		return;
	case MS_EVENT_RETURNED:
		digest->returned = *event;
		return;
	case MS_EVENT_BLIND:
		write_event(digest, event);
		return;
	case MS_EVENT_END:
		take_end(digest, event);
		return;
	default:
		take_other(digest, event);
		return;
	}
}

void ms_digest_turn(struct ms_digest *digest, const struct ms_event *now)
{
	struct ms_digest_sum *sum = &digest->sum;

	end_orders(digest);
	end_round(digest, NULL);
	if (!digest->summing)
		return;
	note_used(sum, now);
	if (now->at_ms - sum->since_ms < SUM_MS)
		return;
	bool calm = sum->rounds * LINES_OF_ROUND + sum->others <= SUM_MS / LINE_MS;

	write_sum(digest, now);
	begin_sum(digest, now);
	digest->summing = !calm;
}

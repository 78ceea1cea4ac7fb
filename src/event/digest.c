/* SPDX-License-Identifier: MIT */
/*
 * event/digest.c - two lines a round, and one a minute when there are too many rounds.
 *
 * A job that hovers at its limit for hours is shrunk several times a second. After LINES_AT_ONCE lines,
 * of which one more is allowed every LINE_NS, rounds are only added up, and one line every FOLD_NS
 * tells the sums; until a whole FOLD_NS would have been no longer in full. What is no round and is
 * told seldom (a warning, a stopped process) is told meanwhile too, each kind once in FOLD_NS.
 *
 * Nothing here allocates or keeps a pointer that an event brought.
 */
#include "event/digest.h"

#include <stdio.h>
#include <string.h>

#include "event/explain.h"
#include "event/phrase.h"
#include "util/clock.h"

#define LINE_NS (10 * MS_NS_PER_S)
#define FOLD_NS (60 * MS_NS_PER_S)

enum {
	LINES_AT_ONCE = 30, /* what fits on a screen */
	LINES_OF_ROUND = 2,
};

void ms_digest_init(struct ms_digest *digest, void (*write)(void *arg, struct ms_line *line), void *arg,
		    char *buffer, size_t size)
{
	memset(digest, 0, sizeof(*digest));
	digest->write = write;
	digest->arg = arg;
	digest->buffer = buffer;
	digest->size = size;
}

static struct ms_line begin_line(struct ms_digest *digest)
{
	struct ms_line line;

	ms_line_init(&line, digest->buffer, digest->size);
	return line;
}

static void end_line(struct ms_digest *digest, const struct ms_event *event, struct ms_line *line)
{
	uint64_t passed_ns = event->since_start_ns - digest->spent_at_ns;

	digest->spent_ns -= passed_ns < digest->spent_ns ? passed_ns : digest->spent_ns;
	digest->spent_ns += LINE_NS;
	digest->spent_at_ns = event->since_start_ns;
	digest->write(digest->arg, line);
}

static void write_event(struct ms_digest *digest, const struct ms_event *event)
{
	struct ms_line line = begin_line(digest);

	ms_explain_event(event, &line);
	end_line(digest, event, &line);
}

static void begin_fold(struct ms_digest *digest, const struct ms_event *now)
{
	uint64_t used = now->sample->limit.used_bytes;

	digest->folding = true;
	digest->fold = (struct ms_digest_fold){
		.since_ns = now->since_start_ns, .least_bytes = used, .most_bytes = used};
}

static void write_fold(struct ms_digest *digest, const struct ms_event *now)
{
	struct ms_line line = begin_line(digest);

	if (!digest->folding || digest->fold.rounds + digest->fold.lines == 0)
		return;
	ms_explain_fold(&digest->fold, now, &line);
	end_line(digest, now, &line);
}

/* Is there room for a round's lines, or any line? When not, folding begins, and that is said. */
static bool may_write(struct ms_digest *digest, const struct ms_event *event)
{
	uint64_t passed_ns = event->since_start_ns - digest->spent_at_ns;
	struct ms_line line;

	if (digest->folding)
		return false;
	if (digest->spent_ns < LINES_AT_ONCE * LINE_NS + passed_ns)
		return true;
	line = begin_line(digest);
	ms_phrase_when(&line, event);
	ms_line_add(&line, "so many lines: from here on one a minute; --journal keeps every decision");
	end_line(digest, event, &line);
	begin_fold(digest, event);
	return false;
}

static uint64_t size_of(const struct ms_digest_item *item)
{
	return ms_digest_is_partial(item) ? item->target_bytes : item->cache_bytes;
}

static bool is_estimated(const struct ms_digest_item *item)
{
	return item->estimated && !ms_digest_is_partial(item);
}

static struct ms_digest_item item_of(const struct ms_event *event)
{
	struct ms_digest_item item = {
		.pid = event->pid,
		.row = event->row,
		.status = event->status,
		.target_bytes = event->level == MS_LEVEL_TRIM ? event->target_bytes : 0,
		.cache_bytes = event->row == MS_ALLOCATOR_ROW ? 0 : event->cache_bytes,
		.duration_ns = event->duration_ns,
		.estimated = event->estimated,
	};

	snprintf(item.comm, sizeof(item.comm), "%s", event->comm ? event->comm : "");
	snprintf(item.cache, sizeof(item.cache), "%s", event->cache ? event->cache : "");
	return item;
}

/* Keep the largest, in order; equal ones as they come. */
static void add_item(struct ms_digest_list *list, struct ms_digest_item item, bool with_bytes)
{
	uint64_t size = with_bytes ? size_of(&item) : 0;
	uint32_t at = list->count;

	while (at > 0 && with_bytes && size_of(&list->items[at - 1]) < size)
		at--;
	if (list->count == MS_DIGEST_NAMED) {
		struct ms_digest_item out = at < MS_DIGEST_NAMED ? list->items[MS_DIGEST_NAMED - 1] : item;

		list->more++;
		if (with_bytes) {
			list->more_bytes += size_of(&out);
			list->more_estimated |= is_estimated(&out);
		}
		if (at == MS_DIGEST_NAMED)
			return;
		list->count--;
	}
	memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(item));
	list->items[at] = item;
	list->count++;
}

static void add_process(struct ms_digest_round *round, pid_t pid)
{
	for (uint32_t i = 0; i < round->processes; i++)
		if (round->pids[i] == pid)
			return;
	if (round->processes < MS_DIGEST_PROCESSES)
		round->pids[round->processes++] = pid;
}

static void take_order(struct ms_digest *digest, const struct ms_event *event)
{
	struct ms_digest_round *round = &digest->round;
	struct ms_digest_item item = item_of(event);
	struct ms_line line;

	digest->said_pause = false;
	if (!digest->collecting)
		*round = (struct ms_digest_round){.asked_at_ns = event->since_start_ns};
	digest->collecting = event->orders_left > 0;
	round->orders++;
	round->asked_bytes += size_of(&item);
	round->asked_estimated |= is_estimated(&item);
	add_process(round, event->pid);
	add_item(&round->asked, item, true);
	if (digest->collecting)
		return;
	round->told = may_write(digest, event);
	if (!round->told) {
		digest->fold.rounds++;
		return;
	}
	line = begin_line(digest);
	ms_explain_asked(round, event, &line);
	end_line(digest, event, &line);
}

static void take_answer(struct ms_digest *digest, const struct ms_event *event)
{
	struct ms_digest_round *round = &digest->round;

	round->answers++;
	round->answered_at_ns = event->since_start_ns;
	round->claimed_bytes += event->claimed_bytes;
	round->claimed_estimated |= event->estimated && event->claimed_bytes;
	if (event->status == MS_ANSWER_DONE || event->status == MS_ANSWER_PARTIAL)
		return;
	add_item(&round->odd, item_of(event), false);
	if (!round->told && event->status < MS_DIGEST_STATUSES)
		digest->fold.statuses[event->status]++;
}

/* The second line of a round; what comes after it belongs to the next one. */
static void end_round(struct ms_digest *digest, const struct ms_event *now, const struct ms_event *recovered)
{
	struct ms_digest_round *round = &digest->round;
	struct ms_line line = begin_line(digest);

	if (!round->returned)
		return;
	if (round->told) {
		ms_explain_outcome(round, now, recovered, &line);
		end_line(digest, now, &line);
	} else {
		digest->fold.claimed_bytes += round->claimed_bytes;
		digest->fold.returned_bytes += round->returned_bytes;
		digest->fold.estimated |= round->claimed_estimated;
	}
	round->returned = false;
}

/* That a command without memory is no longer short of it is no news: it ends. */
static void take_recovered(struct ms_digest *digest, const struct ms_event *event)
{
	if (digest->round.returned)
		end_round(digest, event, event);
	else if (!digest->folding && event->sample->rss_bytes > 0)
		write_event(digest, event);
}

static void take_other(struct ms_digest *digest, const struct ms_event *event)
{
	uint64_t *said_ns = &digest->said_ns[event->kind][event->why];

	if (event->kind == MS_EVENT_WAIT && event->why == MS_WHY_BACK_OFF && digest->said_pause)
		return;
	digest->said_pause = event->kind == MS_EVENT_WARN && event->pause_ns > 0;
	if (!may_write(digest, event) && *said_ns && event->since_start_ns + 1 - *said_ns < FOLD_NS) {
		digest->fold.lines++;
		return;
	}
	*said_ns = event->since_start_ns + 1;
	write_event(digest, event);
}

void ms_digest_take(struct ms_digest *digest, const struct ms_event *event)
{
	if (event->kind != MS_EVENT_RECOVERED)
		end_round(digest, event, NULL);
	switch (event->kind) {
	case MS_EVENT_ORDER:
		take_order(digest, event);
		return;
	case MS_EVENT_ANSWER:
		take_answer(digest, event);
		return;
	case MS_EVENT_RETURNED:
		digest->round.returned_bytes = event->returned_bytes;
		digest->round.returned = true;
		return;
	case MS_EVENT_RECOVERED:
		take_recovered(digest, event);
		return;
	case MS_EVENT_TARGET:
		return;
	case MS_EVENT_END:
		ms_digest_flush(digest, event);
		write_event(digest, event);
		return;
	case MS_EVENT_START:
		write_event(digest, event);
		return;
	case MS_EVENT_LIMIT:
	case MS_EVENT_MARGIN:
	case MS_EVENT_WAIT:
	case MS_EVENT_WARN:
	case MS_EVENT_STOPPED:
	case MS_EVENT_RESUMED:
	case MS_EVENT_SILENT:
		take_other(digest, event);
		return;
	}
}

void ms_digest_turn(struct ms_digest *digest, const struct ms_event *now)
{
	struct ms_digest_fold *fold = &digest->fold;
	uint64_t used = now->sample->limit.used_bytes;

	end_round(digest, now, NULL);
	if (!digest->folding)
		return;
	if (now->sample->rss_bytes > 0) /* else it ends */
		fold->least_bytes = used < fold->least_bytes ? used : fold->least_bytes;
	fold->most_bytes = used > fold->most_bytes ? used : fold->most_bytes;
	if (now->since_start_ns - fold->since_ns < FOLD_NS)
		return;
	bool calm = fold->rounds * LINES_OF_ROUND + fold->lines <= FOLD_NS / LINE_NS;

	write_fold(digest, now);
	begin_fold(digest, now);
	digest->folding = !calm;
}

void ms_digest_flush(struct ms_digest *digest, const struct ms_event *now)
{
	end_round(digest, now, NULL);
	write_fold(digest, now);
	digest->folding = false;
}

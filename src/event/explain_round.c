/* SPDX-License-Identifier: MIT */
/*
 * event/explain_round.c - the lines of a round, and of many rounds.
 *
 * "Claims" is what the owners of the caches say, with ~ where one of them only estimates. "Came back"
 * is what the kernel says. Of the rest it is not known whether a heap keeps it, the program uses it
 * again, or it was never freed: so "did not" is all that is said.
 */
#include "event/digest.h"

#include "event/phrase.h"
#include "table/names.h"

/* Less than such a part does not show in three digits. */
enum { ROUNDED = 200 };

static bool is_allocator(const struct ms_digest_item *item)
{
	return item->row == MS_ALLOCATOR_ROW;
}

static void add_cache(struct ms_line *line, const struct ms_digest_item *item)
{
	if (is_allocator(item))
		ms_line_add(line, "the allocator");
	else
		ms_line_add_name(line, item->cache);
}

static void add_asked(struct ms_line *line, const struct ms_digest_item *item)
{
	if (is_allocator(item)) {
		ms_line_add(line, "what the allocator holds free");
		return;
	}
	add_cache(line, item);
	if (ms_digest_is_partial(item)) {
		ms_line_add(line, " ");
		ms_line_add_bytes(line, item->target_bytes);
	} else {
		ms_line_add(line, " all");
	}
	if (!item->cache_bytes) /* not counted yet, or it keeps no count */
		return;
	ms_line_add(line, "%s", ms_digest_is_partial(item) ? " of " : " ");
	ms_phrase_bytes(line, item->cache_bytes, item->estimated);
}

static void add_odd(struct ms_line *line, const struct ms_digest_item *item)
{
	add_cache(line, item);
	ms_line_add(line, " %s", ms_answer_status_name(item->status));
	if (item->status == MS_ANSWER_STUCK) {
		ms_line_add(line, " after ");
		ms_line_add_ns(line, item->duration_ns);
	}
}

static bool is_said(const struct ms_digest_list *list, uint32_t i)
{
	for (uint32_t before = 0; before < i; before++)
		if (list->items[before].pid == list->items[i].pid)
			return true;
	return false;
}

/* "a 3M of 9M, b all 2M"; of several processes "job (pid 1): a 3M of 9M, b all 2M; job (pid 2): ...". */
static void add_list(struct ms_line *line, const struct ms_digest_list *list, bool several,
		     void (*add)(struct ms_line *line, const struct ms_digest_item *item))
{
	for (uint32_t i = 0; i < list->count; i++) {
		const char *comma = "";

		if (is_said(list, i))
			continue;
		ms_line_add(line, "%s", i > 0 ? "; " : "");
		if (several) {
			ms_phrase_process(line, list->items[i].pid, list->items[i].comm);
			ms_line_add(line, ": ");
		}
		for (uint32_t j = i; j < list->count; j++) {
			if (list->items[j].pid != list->items[i].pid)
				continue;
			ms_line_add(line, "%s", comma);
			add(line, &list->items[j]);
			comma = ", ";
		}
	}
	if (list->more)
		ms_line_add(line, "%s and %u more", several ? ";" : ",", (unsigned)list->more);
	if (list->more_bytes) {
		ms_line_add(line, ", ");
		ms_phrase_bytes(line, list->more_bytes, list->more_estimated);
	}
}

static void add_processes(struct ms_line *line, const struct ms_digest_round *round)
{
	if (round->processes == 1)
		ms_phrase_process(line, round->asked.items[0].pid, round->asked.items[0].comm);
	else
		ms_phrase_count(line, round->processes, "process", "processes");
}

void ms_explain_asked(const struct ms_digest_round *round, const struct ms_event *event, struct ms_line *line)
{
	ms_phrase_when(line, event);
	ms_phrase_fill(line, event);
	ms_line_add(line, ", ");
	ms_phrase_why(line, event);
	ms_line_add(line, ": asking ");
	add_processes(line, round);
	if (round->asked_bytes) {
		ms_line_add(line, " for ");
		ms_phrase_bytes(line, round->asked_bytes, round->asked_estimated);
	}
	ms_line_add(line, "%s", round->asked_bytes || round->orders > 1 ? ": " : " for ");
	add_list(line, &round->asked, round->processes > 1, add_asked);
}

static void add_claims(struct ms_line *line, const struct ms_digest_round *round)
{
	if (round->claimed_bytes) {
		add_processes(line, round);
		ms_line_add(line, " claim%s ", round->processes == 1 ? "s" : "");
		ms_phrase_bytes(line, round->claimed_bytes, round->claimed_estimated);
	} else {
		ms_line_add(line, "nothing claimed");
	}
	if (round->answered_at_ns > round->asked_at_ns) {
		ms_line_add(line, " in ");
		ms_line_add_ns(line, round->answered_at_ns - round->asked_at_ns);
	}
}

static void add_returned(struct ms_line *line, const struct ms_digest_round *round)
{
	if (!round->claimed_bytes && !round->returned_bytes)
		return;
	ms_line_add(line, ", ");
	if (round->returned_bytes) {
		ms_line_add_bytes(line, round->returned_bytes);
		ms_line_add(line, " came back");
	}
	if (round->returned_bytes >= round->claimed_bytes - round->claimed_bytes / ROUNDED)
		return;
	if (!round->returned_bytes) {
		ms_line_add(line, "nothing came back");
		return;
	}
	ms_line_add(line, ", ");
	ms_phrase_bytes(line, round->claimed_bytes - round->returned_bytes, round->claimed_estimated);
	ms_line_add(line, " did not");
}

void ms_explain_outcome(const struct ms_digest_round *round, const struct ms_event *now,
			const struct ms_event *recovered, struct ms_line *line)
{
	ms_phrase_when(line, now);
	add_claims(line, round);
	add_returned(line, round);
	if (round->odd.count) {
		ms_line_add(line, "; ");
		add_list(line, &round->odd, round->processes > 1, add_odd);
	}
	if (round->answers < round->orders) {
		ms_line_add(line, "; ");
		ms_phrase_count(line, round->orders - round->answers, "order", "orders");
		ms_line_add(line, " not answered");
	}
	if (now->sample->rss_bytes == 0) { /* its memory is gone, but nobody has reaped it yet */
		ms_line_add(line, "; the command has ended");
		return;
	}
	if (recovered && now->sample->limit.used_bytes >= now->marks->high_bytes) {
		ms_line_add(line, "; the shortage was over after "); /* but the program is quick */
		ms_line_add_ns(line, recovered->duration_ns);
		ms_line_add(line, ", now again ");
		ms_phrase_fill(line, now);
		return;
	}
	ms_line_add(line, "; now ");
	ms_phrase_fill(line, now);
	if (recovered) {
		ms_line_add(line, ", the shortage is over after ");
		ms_line_add_ns(line, recovered->duration_ns);
	}
}

static void add_statuses(struct ms_line *line, const struct ms_digest_fold *fold)
{
	const char *before = "; ";

	for (uint32_t status = 0; status < MS_DIGEST_STATUSES; status++) {
		if (!fold->statuses[status])
			continue;
		ms_line_add(line, "%s%u %s", before, (unsigned)fold->statuses[status],
			    ms_answer_status_name(status));
		before = ", ";
	}
}

void ms_explain_fold(const struct ms_digest_fold *fold, const struct ms_event *now, struct ms_line *line)
{
	ms_phrase_when(line, now);
	ms_phrase_count(line, fold->rounds, "round", "rounds");
	ms_line_add(line, " in the last ");
	ms_line_add_ns(line, now->since_start_ns - fold->since_ns);
	if (fold->rounds) {
		ms_line_add(line, ": claimed ");
		ms_phrase_bytes(line, fold->claimed_bytes, fold->estimated);
		ms_line_add(line, ", ");
		ms_line_add_bytes(line, fold->returned_bytes);
		ms_line_add(line, " came back");
	}
	add_statuses(line, fold);
	if (fold->lines) {
		ms_line_add(line, "; ");
		ms_phrase_count(line, fold->lines, "other line", "other lines");
		ms_line_add(line, " left out");
	}
	ms_line_add(line, "; between ");
	ms_line_add_bytes(line, fold->least_bytes);
	ms_line_add(line, " and ");
	ms_line_add_bytes(line, fold->most_bytes);
	if (now->sample->rss_bytes == 0)
		return;
	ms_line_add(line, ", now ");
	ms_phrase_fill(line, now);
}

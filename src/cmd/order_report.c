/* SPDX-License-Identifier: MIT */
/* cmd/order_report.c - what came of memshed clear and memshed shrink, for people and for scripts. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/json.h"
#include "cmd/order.h"
#include "cmd/render.h"
#include "cmd/rows.h"
#include "table/names.h"

const char *ms_order_status(const struct ms_post *post)
{
	switch (post->outcome) {
	case MS_POST_ANSWERED:
		return ms_answer_status_name(post->answer.status);
	case MS_POST_NO_ANSWER:
		return "no-answer";
	case MS_POST_STILL_RUNS:
		return "still-runs";
	case MS_POST_NOT_ASKED:
	case MS_POST_IN_FLIGHT:
		break;
	}
	return "not-asked";
}

static bool answered(const struct ms_post *post)
{
	return post->outcome == MS_POST_ANSWERED;
}

/* Whether a callback came back: only then do the answer's numbers say anything. */
static bool returned(const struct ms_post *post)
{
	return answered(post) && post->answer.status >= MS_ANSWER_DONE &&
	       post->answer.status <= MS_ANSWER_UNSUPPORTED;
}

uint64_t ms_order_claimed(const struct ms_order_report *report, bool *ret_estimated)
{
	uint64_t claimed = 0;

	*ret_estimated = false;
	for (unsigned i = 0; i < report->count; i++) {
		const struct ms_post *post = &report->posts[i];

		if (!answered(post) || post->row.row == MS_ALLOCATOR_ROW)
			continue;
		claimed += post->answer.claimed_bytes;
		*ret_estimated |= ms_row_is_estimated(&post->row) && post->answer.claimed_bytes > 0;
	}
	return claimed;
}

/* ---- for people ---- */

/* What went wrong first, then the most bytes; the allocator last. */
static unsigned trouble(const struct ms_post *post)
{
	if (post->row.row == MS_ALLOCATOR_ROW)
		return 3;
	if (post->outcome == MS_POST_NOT_ASKED)
		return 2;
	return answered(post) && post->answer.status <= MS_ANSWER_EMPTY;
}

static int compare(const void *left, const void *right)
{
	const struct ms_post *a = left, *b = right;

	if (trouble(a) != trouble(b))
		return trouble(a) < trouble(b) ? -1 : 1;
	uint64_t a_bytes = answered(a) ? a->answer.claimed_bytes : a->row.bytes;
	uint64_t b_bytes = answered(b) ? b->answer.claimed_bytes : b->row.bytes;
	if (a_bytes != b_bytes)
		return a_bytes > b_bytes ? -1 : 1;
	return (int)a->row.row - (int)b->row.row;
}

static void add_answer(struct libscols_table *table, const struct ms_post *post)
{
	char claimed[MS_RENDER_CELL], entries[MS_RENDER_CELL], time[MS_RENDER_CELL], name[MS_ESCAPED_NAME];
	bool known = returned(post), is_cache = post->row.row != MS_ALLOCATOR_ROW;
	const char *const cells[] = {
		ms_render_bytes(claimed, known, ms_row_is_estimated(&post->row), post->answer.claimed_bytes),
		ms_render_short(entries, known && is_cache, post->answer.claimed_entries),
		ms_render_us(time, known, post->answer.duration_us),
		ms_order_status(post),
		ms_escape_name(name, ms_row_label(&post->row)),
	};
	ms_render_line(table, cells);
}

static void add_aim(struct libscols_table *table, const struct ms_post *post)
{
	char bytes[MS_RENDER_CELL], entries[MS_RENDER_CELL], target[MS_RENDER_CELL], name[MS_ESCAPED_NAME];
	bool counted = ms_row_is_counted(&post->row), is_cache = post->row.row != MS_ALLOCATOR_ROW;
	const char *const cells[] = {
		ms_render_bytes(bytes, counted, ms_row_is_estimated(&post->row), post->row.bytes),
		ms_render_short(entries, counted && is_cache, post->row.entries),
		post->target_bytes ? ms_render_bytes(target, true, false, post->target_bytes) : "all",
		ms_escape_name(name, ms_row_label(&post->row)),
	};
	ms_render_line(table, cells);
}

static const struct ms_render_column answer_columns[] = {
	{"CLAIMED", MS_RENDER_RIGHT}, {"ENTRIES", MS_RENDER_RIGHT}, {"TIME", MS_RENDER_RIGHT},
	{"STATUS", MS_RENDER_LEFT},   {"CACHE", MS_RENDER_WRAP},
};

static const struct ms_render_column aim_columns[] = {
	{"BYTES", MS_RENDER_RIGHT},
	{"ENTRIES", MS_RENDER_RIGHT},
	{"ASK FOR", MS_RENDER_RIGHT},
	{"CACHE", MS_RENDER_WRAP},
};

/* A line is shown when it is among the first, or the allocator's. Caches that nobody needed to ask are only
 * counted. */
static void print_lines(const struct ms_order_report *report)
{
	struct libscols_table *table =
		report->dry_run ? ms_render_new(aim_columns, 4) : ms_render_new(answer_columns, 5);
	unsigned shown = 0, hidden = 0, spared = 0;

	for (unsigned i = 0; i < report->count; i++) {
		const struct ms_post *post = &report->posts[i];

		if (report->dry_run ? post->tries == 0 : post->outcome == MS_POST_NOT_ASKED)
			spared += post->row.row != MS_ALLOCATOR_ROW;
		else if (shown >= report->shown && post->row.row != MS_ALLOCATOR_ROW)
			hidden++;
		else if (shown++, report->dry_run)
			add_aim(table, post);
		else
			add_answer(table, post);
	}
	if (shown > 0)
		ms_render_print(table);
	else
		ms_render_drop(table);
	if (hidden > 0)
		printf("... and %u more: --all shows them\n", hidden);
	if (spared > 0)
		printf("%u more %s not asked.\n", spared,
		       report->dry_run ? "would be"
		       : spared == 1   ? "was"
				       : "were");
}

static void print_rss(const struct ms_order_report *report)
{
	char before[MS_RENDER_CELL], after[MS_RENDER_CELL], change[MS_RENDER_CELL], claimed[MS_RENDER_CELL],
		time[MS_RENDER_CELL];
	uint64_t from = report->rss_before_bytes, to = report->rss_after_bytes;
	bool estimated;

	ms_render_bytes(claimed, true, false, ms_order_claimed(report, &estimated));
	printf("claimed %s%s in %s; RSS %s before, %s after", estimated ? "~" : "", claimed,
	       ms_render_us(time, true, report->duration_us),
	       ms_render_bytes(before, report->rss_before_known, false, from),
	       ms_render_bytes(after, report->rss_after_known, false, to));
	if (report->rss_before_known && report->rss_after_known)
		printf(to <= from ? ": returned %s" : ": grew by %s",
		       ms_render_bytes(change, true, false, to <= from ? from - to : to - from));
	putchar('\n');
}

void ms_order_print_text(const struct ms_order_report *report)
{
	if (!report->dry_run)
		qsort(report->posts, report->count, sizeof(*report->posts), compare);
	printf("%s%s\n", report->target->label,
	       report->dry_run ? ": nothing is asked, this is what would be" : "");
	if (report->count == 0)
		puts("No caches to ask.");
	else
		print_lines(report);
	if (!report->dry_run)
		print_rss(report);
}

/* ---- for scripts ---- */

static json_t *post_json(const struct ms_order_report *report, const struct ms_post *post)
{
	json_t *object = json_object();
	bool known = returned(post),
	     asked = report->dry_run ? post->tries > 0 : post->outcome != MS_POST_NOT_ASKED;

	ms_json_set(object, "cache", ms_json_text(ms_row_label(&post->row)));
	ms_json_set(object, "kind", ms_json_text(ms_kind_name(post->row.kind)));
	ms_json_set(object, "level", ms_json_text(asked ? ms_order_level_name(post->level) : NULL));
	ms_json_set(object, "target_bytes",
		    ms_json_number(asked && post->target_bytes > 0, post->target_bytes));
	ms_json_set(object, "status",
		    ms_json_text(report->dry_run && asked ? "would-ask" : ms_order_status(post)));
	ms_json_set(object, "claimed_bytes", ms_json_number(known, post->answer.claimed_bytes));
	ms_json_set(object, "bytes_estimated", json_boolean(ms_row_is_estimated(&post->row)));
	ms_json_set(object, "entries", ms_json_number(known, post->answer.claimed_entries));
	ms_json_set(object, "duration_us", ms_json_number(known, post->answer.duration_us));
	ms_json_set(object, "bytes_before", ms_json_number(ms_row_is_counted(&post->row), post->row.bytes));
	return object;
}

void ms_order_print_json(const struct ms_order_report *report)
{
	json_t *object = json_object(), *orders = json_array();
	bool estimated, measured = report->rss_before_known && report->rss_after_known;
	uint64_t claimed = ms_order_claimed(report, &estimated);
	json_int_t returned = (json_int_t)report->rss_before_bytes - (json_int_t)report->rss_after_bytes;

	for (unsigned i = 0; i < report->count; i++)
		json_array_append_new(orders, post_json(report, &report->posts[i]));
	ms_json_set(object, "pid", json_integer(report->target->facts.pid));
	ms_json_set(object, "comm", ms_json_text(report->target->facts.comm));
	ms_json_set(object, "dry_run", json_boolean(report->dry_run));
	ms_json_set(object, "wanted_bytes", ms_json_number(report->wanted_bytes > 0, report->wanted_bytes));
	ms_json_set(object, "orders", orders);
	ms_json_set(object, "claimed_bytes", ms_json_number(!report->dry_run, claimed));
	ms_json_set(object, "bytes_estimated", json_boolean(estimated));
	ms_json_set(object, "duration_us", ms_json_number(!report->dry_run, report->duration_us));
	ms_json_set(object, "rss_before_bytes",
		    ms_json_number(report->rss_before_known, report->rss_before_bytes));
	ms_json_set(object, "rss_after_bytes",
		    ms_json_number(report->rss_after_known, report->rss_after_bytes));
	ms_json_set(object, "returned_bytes", measured ? json_integer(returned) : json_null());
	ms_json_print(object);
}

/* SPDX-License-Identifier: MIT */
/* cmd/order_report.c - what came of memshed clear and memshed shrink, for people and for scripts. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/column.h"
#include "cmd/order.h"
#include "table/names.h"
#include "util/cleanup.h"
#include "util/saturate.h"

/* ---- what is known of an order and of a cache ---- */

static bool is_answered(const struct ms_carried *carried)
{
	return carried->post.state == MS_POST_ENDED && carried->post.end == MS_POST_ANSWERED;
}

static const char *end_name(const struct ms_post *post)
{
	if (post->state == MS_POST_IDLE)
		return "not-asked";
	switch (post->end) {
	case MS_POST_ANSWERED:
		return ms_name_of_status(post->answer.status);
	case MS_POST_STUCK:
	case MS_POST_LEFT:
		return "still-runs";
	default:
		return "no-answer";
	}
}

/* The order that is for a cache: its own, or the one for all; that is the last when it was not answered. */
static const struct ms_carried *order_for(const struct ms_order_report *report,
					  const struct ms_order_row *row)
{
	if (row->meant_by >= 0)
		return &report->orders[row->meant_by];
	return report->order_count == 1 && report->orders[0].order.scope == MS_SCOPE_PROCESS ? report->orders
											     : NULL;
}

/* The word for a cache: an answer's, "not-asked", "no-answer", "still-runs", "would-ask". */
static const char *status_of(const struct ms_order_report *report, const struct ms_order_row *row)
{
	if (report->dry_run)
		return row->would_ask ? "would-ask" : "not-asked";
	const struct ms_carried *meant = order_for(report, row);
	bool answered = !meant || is_answered(meant);

	if (!answered && row->before.row == report->running_row)
		return end_name(&meant->post);
	if (row->after.flags & MS_ROW_STUCK)
		return "stuck";
	if (row->asked_by >= 0)
		return ms_name_of_status(row->after.last.status);
	/* One for all that was answered does not say so of each. */
	if (!meant || (answered && meant->order.scope == MS_SCOPE_PROCESS))
		return "not-asked";
	return answered || meant->post.state == MS_POST_IDLE ? end_name(&meant->post) : "no-answer";
}

static bool is_asked(const struct ms_order_row *row)
{
	return row->asked_by >= 0 && !(row->after.flags & MS_ROW_STUCK);
}

/* Only when a callback came back do the numbers say anything. */
static bool has_numbers(const struct ms_order_row *row)
{
	return is_asked(row) && row->after.last.status >= MS_ANSWER_DONE &&
	       row->after.last.status <= MS_ANSWER_UNSUPPORTED;
}

uint64_t ms_order_claimed(const struct ms_order_report *report, bool *ret_estimated)
{
	uint64_t answered = 0, told = 0;

	*ret_estimated = false;
	for (unsigned i = 0; i < report->order_count; i++)
		if (is_answered(&report->orders[i]) && (report->orders[i].order.scope != MS_SCOPE_ROW ||
							report->orders[i].order.row != MS_ALLOCATOR_ROW))
			answered = ms_sat_add(answered, report->orders[i].post.answer.claimed_bytes);
	for (unsigned i = 0; i < report->row_count; i++) {
		const struct ms_order_row *row = &report->rows[i];

		if (!has_numbers(row) || row->before.row == MS_ALLOCATOR_ROW)
			continue;
		told = ms_sat_add(told, row->after.last.claimed_bytes);
		*ret_estimated |= ms_row_is_estimated(&row->before) && row->after.last.claimed_bytes > 0;
	}
	/* An order that was not answered still had caches give. */
	return told > answered ? told : answered;
}

/* ---- the columns of a cache ---- */

enum { VIEW_ANSWER = 1, VIEW_AIM = 2, VIEW_CACHE_JSON = 4, VIEW_GROUP_JSON = 8 };
#define VIEW_JSON (VIEW_CACHE_JSON | VIEW_GROUP_JSON)
/* clang-format off */
enum {
	CACHE, KIND, BYTES, ENTRIES, AIM, LEVEL, TARGET,
	STATUS, CLAIMED, FREED_ENTRIES, TIME, ESTIMATED, AFTER, CACHES,
};
/* clang-format on */

static const struct ms_column columns[] = {
	{BYTES, "bytes_before", "BYTES", MS_RENDER_RIGHT, VIEW_AIM | VIEW_JSON},
	{ENTRIES, "entries_before", "ENTRIES", MS_RENDER_RIGHT, VIEW_AIM | VIEW_JSON},
	{AIM, NULL, "ASK FOR", MS_RENDER_RIGHT, VIEW_AIM},
	{TARGET, "target_bytes", NULL, 0, VIEW_JSON},
	{CLAIMED, "claimed_bytes", "CLAIMED", MS_RENDER_RIGHT, VIEW_ANSWER | VIEW_JSON},
	{FREED_ENTRIES, "entries", "ENTRIES", MS_RENDER_RIGHT, VIEW_ANSWER | VIEW_JSON},
	{TIME, "duration_us", "TIME", MS_RENDER_RIGHT, VIEW_ANSWER | VIEW_JSON},
	{AFTER, "bytes_after", NULL, 0, VIEW_JSON},
	{LEVEL, "level", NULL, 0, VIEW_JSON},
	{STATUS, "status", "STATUS", MS_RENDER_LEFT, VIEW_ANSWER | VIEW_JSON},
	{CACHE, "cache", "CACHE", MS_RENDER_WRAP, VIEW_ANSWER | VIEW_AIM | VIEW_JSON},
	{KIND, "kind", NULL, 0, VIEW_JSON},
	{ESTIMATED, "bytes_estimated", NULL, 0, VIEW_JSON},
	{CACHES, "caches", NULL, 0, VIEW_GROUP_JSON},
};

struct item {
	const struct ms_order_report *report;
	const struct ms_order_row *row;
	unsigned caches; /* of which row has the sums */
};

static struct ms_value before_value(const struct item *item, int id)
{
	const struct ms_row *row = &item->row->before;
	bool counted = ms_row_is_counted(row), is_cache = row->row != MS_ALLOCATOR_ROW;

	switch (id) {
	case CACHE:
		return (struct ms_value){
			.kind = MS_VALUE_TEXT, .text = ms_row_label(row), .number = item->caches};
	case KIND:
		return ms_value_text(MS_VALUE_WORD, ms_name_of_kind(row->kind));
	case BYTES:
		return ms_value_bytes(counted, ms_row_is_estimated(row), row->bytes);
	case ENTRIES:
		return ms_value_of(MS_VALUE_SHORT, counted && is_cache, row->entries);
	case ESTIMATED:
		return ms_value_of(MS_VALUE_FLAG, true, ms_row_is_estimated(row));
	case AIM:
		return item->row->aim_bytes ? ms_value_bytes(true, false, item->row->aim_bytes)
					    : ms_value_text(MS_VALUE_WORD, "all");
	case TARGET:
		return ms_value_bytes(item->row->aim_bytes > 0, false, item->row->aim_bytes);
	}
	return (struct ms_value){0};
}

static struct ms_value value(const void *generic, int id, char space[MS_VALUE_SPACE])
{
	const struct item *item = generic;
	const struct ms_row_result *last = &item->row->after.last;
	bool known = has_numbers(item->row), is_cache = item->row->before.row != MS_ALLOCATOR_ROW;

	(void)space;
	switch (id) {
	case CACHES:
		return ms_value_of(MS_VALUE_COUNT, true, item->caches);
	case STATUS:
		return ms_value_text(MS_VALUE_WORD, status_of(item->report, item->row));
	case LEVEL:
		return ms_value_text(MS_VALUE_WORD,
				     item->row->asked_by >= 0 ? ms_name_of_level(last->level) : NULL);
	case CLAIMED:
		return ms_value_bytes(known, ms_row_is_estimated(&item->row->before), last->claimed_bytes);
	case FREED_ENTRIES:
		return ms_value_of(MS_VALUE_SHORT, known && is_cache, last->claimed_entries);
	case TIME:
		return ms_value_of(MS_VALUE_US, known, last->duration_us);
	case AFTER:
		return ms_value_bytes(item->row->after.generation != 0 &&
					      ms_row_is_counted(&item->row->after),
				      false, item->row->after.bytes);
	}
	return before_value(item, id);
}

static const struct ms_columns cache_columns = {
	.at = columns, .count = sizeof(columns) / sizeof(columns[0]), .value = value};

/* ---- for people ---- */

/* What went wrong first, then the most bytes; the allocator last. */
static unsigned trouble(const struct ms_order_row *row)
{
	if (row->before.row == MS_ALLOCATOR_ROW)
		return 2;
	return is_asked(row) && row->after.last.status <= MS_ANSWER_EMPTY;
}

static int compare(const void *left, const void *right)
{
	const struct ms_order_row *a = left, *b = right;

	if (trouble(a) != trouble(b))
		return trouble(a) < trouble(b) ? -1 : 1;
	uint64_t a_bytes = has_numbers(a) ? a->after.last.claimed_bytes : a->before.bytes;
	uint64_t b_bytes = has_numbers(b) ? b->after.last.claimed_bytes : b->before.bytes;
	if (a_bytes != b_bytes)
		return a_bytes > b_bytes ? -1 : 1;
	return (a->before.row > b->before.row) - (a->before.row < b->before.row);
}

static bool is_line(const struct ms_order_report *report, const struct ms_order_row *row)
{
	if (report->dry_run)
		return row->would_ask;
	return row->asked_by >= 0 ||
	       (row->meant_by >= 0 && report->orders[row->meant_by].post.state != MS_POST_IDLE) ||
	       row->after.flags & MS_ROW_STUCK || row->before.row == report->running_row ||
	       (!report->shrink && !is_answered(&report->orders[0]));
}

/* A dry run in the order of the ranking. */
static int compare_place(const void *left, const void *right)
{
	const struct ms_order_group *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

/* The groups of those that @is_one lets through, as they are shown; to be freed. */
static struct ms_order_group *group_rows(const struct ms_order_report *report,
					 bool (*is_one)(const struct ms_order_report *report,
							const struct ms_order_row *row),
					 unsigned *ret_rows, unsigned *ret_groups)
{
	const struct ms_order_row **rows MS_CLEANUP_FREE = ms_render_alloc(report->row_count, sizeof(rows[0]));
	unsigned count = 0;

	for (unsigned i = 0; i < report->row_count; i++)
		if (!is_one || is_one(report, &report->rows[i]))
			rows[count++] = &report->rows[i];
	*ret_rows = count;

	struct ms_order_group *groups = ms_order_groups(report, rows, count, status_of, ret_groups);

	qsort(groups, *ret_groups, sizeof(*groups), report->dry_run ? compare_place : compare);
	return groups;
}

/* Caches that it was not needed to ask are only counted. */
static void print_lines(const struct ms_order_report *report)
{
	unsigned view = report->dry_run ? VIEW_AIM : VIEW_ANSWER, shown = 0, cut = 0, lines, count;
	struct libscols_table *table = ms_columns_table(&cache_columns, view);
	struct ms_order_group *groups MS_CLEANUP_FREE = group_rows(report, is_line, &lines, &count);
	unsigned others = report->row_count - lines;

	for (unsigned i = 0; i < count; i++) {
		const struct item item = {.report = report, .row = &groups[i].row, .caches = groups[i].caches};

		if (shown >= report->shown && item.row->before.row != MS_ALLOCATOR_ROW) {
			cut += groups[i].caches;
		} else {
			shown++;
			ms_columns_line(&cache_columns, view, table, &item);
		}
	}
	ms_render_print(table);
	if (cut > 0)
		printf("... and %u more: --all shows them\n", cut);
	if (others > 0)
		printf("%u %s%s%s.\n", others, shown > 0 ? "more " : "",
		       report->dry_run ? "would not be asked"
		       : others == 1   ? "was not asked"
				       : "were not asked",
		       report->shrink ? ""
		       : others == 1  ? ": it is empty"
				      : ": they are empty");
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
	printf("%s%s\n", report->target->label,
	       report->dry_run ? ": nothing is asked, this is what would be" : "");
	if (report->row_count == 0)
		puts("No caches to ask.");
	else
		print_lines(report);
	if (!report->dry_run)
		print_rss(report);
}

/* ---- for scripts ---- */

static json_t *order_json(const struct ms_carried *carried)
{
	static const char *const scopes[] = {
		[MS_SCOPE_PROCESS] = "process", [MS_SCOPE_ROW] = "row", [MS_SCOPE_GROUP] = "group"};
	const struct ms_order *order = &carried->order;
	const struct ms_answer *answer = &carried->post.answer;
	json_t *object = json_object();
	bool known = is_answered(carried);

	ms_json_set(object, "scope", ms_json_text(scopes[order->scope]));
	ms_json_set(object, "level", ms_json_text(ms_name_of_level(order->level)));
	ms_json_set(object, "target_bytes", ms_json_number(order->target_bytes > 0, order->target_bytes));
	ms_json_set(object, "status", ms_json_text(end_name(&carried->post)));
	ms_json_set(object, "claimed_bytes", ms_json_number(known, answer->claimed_bytes));
	ms_json_set(object, "returned_bytes",
		    ms_json_number(known && answer->returned_bytes != MS_NOT_MEASURED, answer->returned_bytes));
	ms_json_set(object, "entries", ms_json_number(known, answer->claimed_entries));
	ms_json_set(object, "caches", ms_json_number(known, answer->caches));
	ms_json_set(object, "duration_us", ms_json_number(known, answer->duration_us));
	return object;
}

static json_t *orders_json(const struct ms_order_report *report)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < report->order_count; i++)
		json_array_append_new(array, order_json(&report->orders[i]));
	return array;
}

static json_t *caches_json(const struct ms_order_report *report)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < report->row_count; i++) {
		const struct item item = {.report = report, .row = &report->rows[i], .caches = 1};
		json_array_append_new(array, ms_columns_json(&cache_columns, VIEW_CACHE_JSON, &item));
	}
	return array;
}

static json_t *groups_json(const struct ms_order_report *report)
{
	unsigned rows, count;
	struct ms_order_group *groups MS_CLEANUP_FREE = group_rows(report, NULL, &rows, &count);
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++) {
		const struct item item = {.report = report, .row = &groups[i].row, .caches = groups[i].caches};
		json_array_append_new(array, ms_columns_json(&cache_columns, VIEW_GROUP_JSON, &item));
	}
	return array;
}

void ms_order_print_json(const struct ms_order_report *report)
{
	json_t *object = json_object();
	bool estimated, measured = report->rss_before_known && report->rss_after_known;
	uint64_t claimed = ms_order_claimed(report, &estimated);
	json_int_t returned = (json_int_t)report->rss_before_bytes - (json_int_t)report->rss_after_bytes;

	ms_json_set(object, "pid", json_integer(report->target->facts.pid));
	ms_json_set(object, "command", ms_json_text(report->target->command));
	ms_json_set(object, "comm", ms_json_text(report->target->facts.comm));
	ms_json_set(object, "uid", json_integer(report->target->facts.uid));
	ms_json_set(object, "dry_run", json_boolean(report->dry_run));
	ms_json_set(object, "wanted_bytes", ms_json_number(report->wanted_bytes > 0, report->wanted_bytes));
	ms_json_set(object, "orders", orders_json(report));
	ms_json_set(object, "groups", groups_json(report));
	ms_json_set(object, "caches", caches_json(report));
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

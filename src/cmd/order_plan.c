/* SPDX-License-Identifier: MIT */
/* cmd/order_plan.c - which orders clear and shrink post, and which cache each of them reached. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/order.h"
#include "memshed.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/saturate.h"

static int add_order(const struct ms_order_options *options, struct ms_order_report *report,
		     const struct ms_order *order)
{
	struct ms_carried *more = reallocarray(report->orders, report->order_count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	report->orders = more;
	struct ms_carried *carried = &report->orders[report->order_count];

	*carried = (struct ms_carried){.order = *order};
	carried->order.seq = report->first_seq + report->order_count;
	carried->order.level = options->shrink ? MS_LEVEL_TRIM : MS_LEVEL_CLEAR;
	carried->order.reason = MEMSHED_REASON_USER;
	carried->order.target_bytes = options->wanted_bytes;
	carried->order.timeout_us = options->timeout_us;
	report->order_count++;
	return 0;
}

/* ---- groups: caches of one name ---- */

static int by_name(const void *left, const void *right)
{
	const struct ms_order_row *a = *(struct ms_order_row *const *)left,
				  *b = *(struct ms_order_row *const *)right;
	int order = strcmp(ms_row_label(&a->before), ms_row_label(&b->before));

	return order ? order : (a > b) - (a < b);
}

/* Rows of one name follow each other in @sorted, the one to be asked first in front: it gets the order. */
static int make_groups(const struct ms_order_options *options, struct ms_order_report *report,
		       struct ms_order_row **sorted, unsigned count, bool *leads)
{
	for (unsigned i = 0; i < count; i++)
		leads[sorted[i] - report->rows] = i == 0 || strcmp(ms_row_label(&sorted[i - 1]->before),
								   ms_row_label(&sorted[i]->before)) != 0;
	for (unsigned i = 0; i < report->row_count; i++) {
		const struct ms_row *row = &report->rows[i].before;
		const struct ms_order order = {
			.scope = row->row == MS_ALLOCATOR_ROW ? MS_SCOPE_ROW : MS_SCOPE_GROUP,
			.row = row->row,
			.generation = row->generation,
		};

		if (leads[i] && add_order(options, report, &order) < 0)
			return -ENOMEM;
		if (leads[i])
			report->rows[i].meant_by = (int)report->order_count - 1;
	}
	for (unsigned i = 0; i < count; i++)
		if (!leads[sorted[i] - report->rows])
			sorted[i]->meant_by = sorted[i - 1]->meant_by;
	return 0;
}

/* An order for each name among those rows that @wanted lets through. */
static int plan_groups(const struct ms_order_options *options, struct ms_order_report *report,
		       bool (*wanted)(const struct ms_order_report *report, const struct ms_order_row *row))
{
	struct ms_order_row **sorted MS_CLEANUP_FREE =
		calloc(report->row_count + 1, sizeof(struct ms_order_row *));
	bool *leads MS_CLEANUP_FREE = calloc(report->row_count + 1, sizeof(*leads));
	unsigned count = 0;

	if (!sorted || !leads)
		return -ENOMEM;
	for (unsigned i = 0; i < report->row_count; i++)
		if (wanted(report, &report->rows[i]))
			sorted[count++] = &report->rows[i];
	qsort(sorted, count, sizeof(sorted[0]), by_name);
	return make_groups(options, report, sorted, count, leads);
}

static bool any_row(const struct ms_order_report *report, const struct ms_order_row *row)
{
	(void)report;
	(void)row;
	return true;
}

/* ---- a dry run ---- */

/* As if every cache gave what the ranking hopes for. */
static void aim(const struct ms_order_options *options, struct ms_order_report *report, uint64_t now_ns)
{
	uint64_t left = options->wanted_bytes;

	for (unsigned i = 0; i < report->row_count; i++) {
		struct ms_order_row *row = &report->rows[i];
		uint64_t worth = ms_row_returnable_bytes(&row->before);

		if (options->shrink &&
		    (left == 0 || (options->name_count == 0 && ms_row_is_never_asked(&row->before, now_ns))))
			continue;
		row->would_ask = true;
		if (options->shrink && row->before.flags & MS_ROW_PARTIAL)
			row->aim_bytes = worth < left ? worth : left;
		left = ms_sat_sub(left, worth);
	}
}

/* ---- all together ---- */

int ms_order_plan(const struct ms_order_options *options, struct ms_order_report *report)
{
	const struct ms_order process = {.scope = MS_SCOPE_PROCESS};

	report->first_seq = ms_clock_ns();
	if (options->dry_run) {
		aim(options, report, report->first_seq);
		return 0;
	}
	if (options->name_count > 0)
		return plan_groups(options, report, any_row);
	return add_order(options, report, &process);
}

static bool is_left(const struct ms_order_report *report, const struct ms_order_row *row)
{
	const struct ms_row *now = &row->after;

	(void)report;
	if (now->generation == 0 || now->flags & MS_ROW_STUCK)
		return false;
	if (row->asked_by >= 0)
		return now->last.status == MS_ANSWER_BUSY;
	return now->bytes > 0 || now->entries > 0 || !ms_row_is_counted(now);
}

int ms_order_plan_rest(const struct ms_order_options *options, struct ms_order_report *report)
{
	unsigned before = report->order_count;
	int error = plan_groups(options, report, is_left);

	return error < 0 ? error : (int)(report->order_count - before);
}

static void take_row(struct ms_order_report *report, struct ms_order_row *row, const struct ms_row *after)
{
	if (!after || after->generation != row->before.generation)
		return;
	row->after = *after;
	uint64_t nth = after->last.order_seq - report->first_seq;

	if (after->last.order_seq >= report->first_seq && nth < report->order_count)
		row->asked_by = (int)nth;
}

int ms_order_read_rows(struct ms_order_report *report, struct ms_target *target)
{
	const struct ms_row **by_number MS_CLEANUP_FREE = calloc(MS_ROW_COUNT, sizeof(struct ms_row *));
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	int count = by_number ? ms_target_rows(target, &rows) : -ENOMEM;

	if (count < 0)
		return count;
	const struct ms_table_info *info = &target->table.info;
	report->running_row = info->agent_state == MS_AGENT_RUNNING ? info->current_row : UINT32_MAX;
	for (int i = 0; i < count; i++) {
		assert(rows[i].row < MS_ROW_COUNT);
		by_number[rows[i].row] = &rows[i];
	}
	for (unsigned i = 0; i < report->row_count; i++)
		take_row(report, &report->rows[i], by_number[report->rows[i].before.row]);
	return 0;
}

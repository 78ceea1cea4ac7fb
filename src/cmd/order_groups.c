/* SPDX-License-Identifier: MIT */
/* cmd/order_groups.c - the caches of one name of which the same came, as one: see order.h. */
#include <stdlib.h>
#include <string.h>

#include "cmd/order.h"
#include "cmd/render.h"
#include "memshed.h"
#include "util/saturate.h"

struct grouping {
	const struct ms_order_report *report;
	ms_order_status_fn *status;
};

/* @ctx: struct grouping */
static int compare(const void *left, const void *right, void *ctx)
{
	const struct grouping *grouping = ctx;
	const struct ms_order_row *a = *(const struct ms_order_row *const *)left,
				  *b = *(const struct ms_order_row *const *)right;
	int order = strcmp(ms_row_label(&a->before), ms_row_label(&b->before));

	if (order == 0)
		order = strcmp(grouping->status(grouping->report, a), grouping->status(grouping->report, b));
	if (order == 0)
		order = (a->aim_bytes == 0) - (b->aim_bytes == 0); /* "all" and a number have no sum */
	return order;
}

/* Of one group those that stand first come first. */
static int compare_place(const void *left, const void *right, void *ctx)
{
	const struct ms_order_row *a = *(const struct ms_order_row *const *)left,
				  *b = *(const struct ms_order_row *const *)right;
	int order = compare(left, right, ctx);

	return order ? order : (a > b) - (a < b);
}

static void add(struct ms_order_group *group, const struct ms_order_row *row)
{
	struct ms_row *before = &group->row.before, *after = &group->row.after;

	if (group->caches++ == 0) {
		group->row = *row;
		group->first = row;
		return;
	}
	before->flags |= row->before.flags & MEMSHED_CACHE_ESTIMATED;
	before->bytes = ms_sat_add(before->bytes, row->before.bytes);
	before->entries = ms_sat_add(before->entries, row->before.entries);
	after->bytes = ms_sat_add(after->bytes, row->after.bytes);
	after->last.claimed_bytes = ms_sat_add(after->last.claimed_bytes, row->after.last.claimed_bytes);
	after->last.claimed_entries = ms_sat_add(after->last.claimed_entries, row->after.last.claimed_entries);
	after->last.duration_us = ms_sat_add(after->last.duration_us, row->after.last.duration_us);
	group->row.aim_bytes = ms_sat_add(group->row.aim_bytes, row->aim_bytes);
}

struct ms_order_group *ms_order_groups(const struct ms_order_report *report, const struct ms_order_row **rows,
				       unsigned count, ms_order_status_fn *status, unsigned *ret_count)
{
	struct grouping grouping = {report, status};
	unsigned group_count = 0;

	qsort_r(rows, count, sizeof(rows[0]), compare_place, &grouping);
	for (unsigned i = 0; i < count; i++)
		group_count += i == 0 || compare(&rows[i - 1], &rows[i], &grouping) != 0;

	struct ms_order_group *groups = ms_render_alloc(group_count, sizeof(*groups)), *at = groups;

	for (unsigned i = 0; i < count; i++) {
		if (i > 0 && compare(&rows[i - 1], &rows[i], &grouping) != 0)
			at++;
		add(at, rows[i]);
	}
	*ret_count = group_count;
	return groups;
}

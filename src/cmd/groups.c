/* SPDX-License-Identifier: MIT */
/* cmd/groups.c - see groups.h. */
#include "cmd/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memshed.h"
#include "util/cleanup.h"
#include "util/saturate.h"

#define OF_ALL ((uint32_t)MEMSHED_CACHE_MANUAL | MS_ROW_UNHELPFUL | MS_ROW_STUCK)

/* Rows of one name in the order in which they stand. */
static int by_name(const void *left, const void *right)
{
	const struct ms_row *a = *(const struct ms_row *const *)left, *b = *(const struct ms_row *const *)right;
	int order = strcmp(a->name, b->name);

	return order ? order : (a > b) - (a < b);
}

static void add_counters(struct ms_row *sum, const struct ms_row *row)
{
	sum->bytes = ms_sat_add(sum->bytes, row->bytes);
	sum->entries = ms_sat_add(sum->entries, row->entries);
	sum->hits = ms_sat_add(sum->hits, row->hits);
	sum->misses = ms_sat_add(sum->misses, row->misses);
	sum->evictions = ms_sat_add(sum->evictions, row->evictions);
	sum->inserts = ms_sat_add(sum->inserts, row->inserts);
	if (row->pulled_at_ns > sum->pulled_at_ns)
		sum->pulled_at_ns = row->pulled_at_ns;
}

/* What came of one order: what was not done says more than what was, and nothing to do says least. */
static uint32_t worse(uint32_t a, uint32_t b)
{
	if (a == MS_ANSWER_EMPTY || b == MS_ANSWER_EMPTY)
		return a == MS_ANSWER_EMPTY ? b : a;
	return a > b ? a : b;
}

static void add_last(struct ms_row_result *sum, const struct ms_row_result *last)
{
	if (last->order_seq == sum->order_seq) {
		sum->status = worse(sum->status, last->status);
		sum->claimed_bytes = ms_sat_add(sum->claimed_bytes, last->claimed_bytes);
		sum->claimed_entries = ms_sat_add(sum->claimed_entries, last->claimed_entries);
		sum->duration_us = ms_sat_add(sum->duration_us, last->duration_us);
		if (last->finished_ns > sum->finished_ns)
			sum->finished_ns = last->finished_ns;
	} else if (last->finished_ns > sum->finished_ns) {
		sum->order_seq = last->order_seq;
		sum->status = last->status;
		sum->level = last->level;
		sum->finished_ns = last->finished_ns;
		sum->claimed_bytes = last->claimed_bytes;
		sum->claimed_entries = last->claimed_entries;
		sum->duration_us = last->duration_us;
	}
	sum->bytes_after = ms_sat_add(sum->bytes_after, last->bytes_after);
	sum->orders = sum->orders > last->orders ? sum->orders : last->orders;
	sum->total_claimed_bytes = ms_sat_add(sum->total_claimed_bytes, last->total_claimed_bytes);
	sum->total_claimed_entries = ms_sat_add(sum->total_claimed_entries, last->total_claimed_entries);
	sum->total_duration_us = ms_sat_add(sum->total_duration_us, last->total_duration_us);
	sum->useless = sum->useless < last->useless ? sum->useless : last->useless;
	if (sum->returned_per_mille != last->returned_per_mille)
		sum->returned_per_mille = 0; /* of the whole it is not known */
}

static void add(struct ms_group *group, const struct ms_row *row)
{
	struct ms_row *sum = &group->row;
	uint32_t of_all = sum->flags & row->flags & OF_ALL;

	group->caches++;
	group->stuck += !!(row->flags & MS_ROW_STUCK);
	group->uncounted += !ms_row_is_counted(row);
	if (group->caches == 1) {
		*sum = *row;
		return;
	}
	sum->flags = ((sum->flags | row->flags) & ~OF_ALL) | of_all;
	sum->priority = row->priority < sum->priority ? row->priority : sum->priority;
	sum->cost_us = row->cost_us == sum->cost_us ? sum->cost_us : 0;
	if (row->registered_ns < sum->registered_ns)
		sum->registered_ns = row->registered_ns;
	if (strcmp(sum->source, row->source) != 0)
		sum->source[0] = '\0';
	add_counters(sum, row);
	add_last(&sum->last, &row->last);
}

int ms_groups_make(const struct ms_row *rows, unsigned count, struct ms_group **ret_groups, unsigned *ret_count)
{
	const struct ms_row **sorted MS_CLEANUP_FREE = calloc(count + 1, sizeof(struct ms_row *));
	unsigned kept = 0, group_count = 0;

	if (!sorted)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		if (rows[i].row != MS_ALLOCATOR_ROW)
			sorted[kept++] = &rows[i];
	qsort(sorted, kept, sizeof(sorted[0]), by_name);
	for (unsigned i = 0; i < kept; i++)
		group_count += i == 0 || strcmp(sorted[i - 1]->name, sorted[i]->name) != 0;

	struct ms_group *groups = calloc(group_count + 1, sizeof(*groups)), *at = groups;

	if (!groups)
		return -ENOMEM;
	for (unsigned i = 0; i < kept; i++) {
		if (i > 0 && strcmp(sorted[i - 1]->name, sorted[i]->name) != 0)
			at++;
		add(at, sorted[i]);
	}
	*ret_groups = groups;
	*ret_count = group_count;
	return 0;
}

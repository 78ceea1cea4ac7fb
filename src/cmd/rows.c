/* SPDX-License-Identifier: MIT */
/* cmd/rows.c - see rows.h. */
#include "cmd/rows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memshed.h"
#include "rank/facts.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/saturate.h"

bool ms_row_is_counted(const struct ms_row *row)
{
	return !(row->flags & MS_ROW_PULLED) || row->pulled_at_ns != 0 || row->bytes != 0;
}

bool ms_row_is_estimated(const struct ms_row *row)
{
	return row->flags & MEMSHED_CACHE_ESTIMATED;
}

uint64_t ms_row_lookups(const struct ms_row *row)
{
	return ms_sat_add(row->hits, row->misses);
}

void ms_rows_add(struct ms_row_totals *totals, const struct ms_row *row)
{
	totals->caches++;
	totals->bytes = ms_sat_add(totals->bytes, row->bytes);
	totals->entries = ms_sat_add(totals->entries, row->entries);
	totals->estimated |= ms_row_is_estimated(row);
	totals->uncounted += !ms_row_is_counted(row);
}

struct ms_row_totals ms_rows_total(const struct ms_row *rows, unsigned count)
{
	struct ms_row_totals totals = {0};

	for (unsigned i = 0; i < count; i++)
		if (rows[i].row != MS_ALLOCATOR_ROW)
			ms_rows_add(&totals, &rows[i]);
	return totals;
}

const struct ms_row *ms_rows_allocator(const struct ms_row *rows, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (rows[i].row == MS_ALLOCATOR_ROW)
			return &rows[i];
	return NULL;
}

const char *ms_row_label(const struct ms_row *row)
{
	return row->row == MS_ALLOCATOR_ROW ? "allocator" : row->name;
}

static const char *const sort_keys[] = {
	[MS_SORT_BYTES] = "bytes",   [MS_SORT_ENTRIES] = "entries",   [MS_SORT_HITS] = "hits",
	[MS_SORT_MISSES] = "misses", [MS_SORT_RATE] = "rate",         [MS_SORT_AGE] = "age",
	[MS_SORT_NAME] = "name",     [MS_SORT_PRIORITY] = "priority", [MS_SORT_CHEAPEST] = "cheapest",
};

int ms_rows_sort_key(const char *text, enum ms_row_sort *ret_sort)
{
	for (unsigned i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
		if (strcmp(text, sort_keys[i]) == 0) {
			*ret_sort = (enum ms_row_sort)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int larger_first(double a, double b)
{
	return a > b ? -1 : a < b;
}

/* Rows without look-ups come after those with misses alone. */
static double rate(const struct ms_row *row)
{
	uint64_t lookups = ms_row_lookups(row);

	return lookups > 0 ? (double)row->hits / (double)lookups : -1;
}

static int compare_by(const struct ms_row *a, const struct ms_row *b, enum ms_row_sort sort)
{
	switch (sort) {
	case MS_SORT_ENTRIES:
		return larger_first((double)a->entries, (double)b->entries);
	case MS_SORT_HITS:
		return larger_first((double)a->hits, (double)b->hits);
	case MS_SORT_MISSES:
		return larger_first((double)a->misses, (double)b->misses);
	case MS_SORT_RATE:
		return larger_first(rate(a), rate(b));
	case MS_SORT_AGE:
		return larger_first((double)b->registered_ns, (double)a->registered_ns);
	case MS_SORT_PRIORITY:
		return larger_first(b->priority, a->priority);
	case MS_SORT_NAME:
		return strcmp(a->name, b->name);
	case MS_SORT_BYTES:
	case MS_SORT_CHEAPEST:
		break;
	}
	return 0;
}

static int compare(const void *left, const void *right, void *ctx)
{
	const struct ms_row *a = left, *b = right;
	int order = compare_by(a, b, *(const enum ms_row_sort *)ctx);

	if (order == 0 && a->bytes != b->bytes)
		order = a->bytes > b->bytes ? -1 : 1;
	if (order == 0)
		order = strcmp(a->name, b->name);
	return order ? order : (int)a->row - (int)b->row;
}

static int by_row(const void *left, const void *right)
{
	const struct ms_row *a = left, *b = right;

	return (a->row > b->row) - (a->row < b->row);
}

/* The ranking sorts keys; a key's row is the place of its row here, in the same order as the rows' numbers.
 */
static uint32_t make_keys(const char *items, unsigned count, size_t bytes, uint64_t now_ns,
			  struct ms_rank_key *keys)
{
	uint32_t ranked = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct ms_row *row = (const void *)(items + i * bytes);
		const struct ms_rank_facts facts = ms_rank_facts_of(row);

		if (row->row == MS_ALLOCATOR_ROW)
			continue;
		ms_rank_key(&facts, now_ns, &keys[ranked]);
		keys[ranked++].row = i;
	}
	return ranked;
}

static int sort_cheapest(char *items, unsigned count, size_t bytes, uint64_t now_ns)
{
	struct ms_rank_key *keys MS_CLEANUP_FREE = calloc(count + 1, sizeof(*keys));
	char *sorted MS_CLEANUP_FREE = calloc(count + 1, bytes);

	if (!keys || !sorted)
		return -ENOMEM;
	qsort(items, count, bytes, by_row);
	uint32_t ranked = make_keys(items, count, bytes, now_ns, keys);
	assert(ranked <= count && count - ranked <= 1);
	ms_rank_sort(keys, ranked);
	for (uint32_t i = 0; i < ranked; i++)
		memcpy(sorted + i * bytes, items + keys[i].row * bytes, bytes);
	if (ranked < count)
		memcpy(sorted + ranked * bytes, items, bytes); /* the allocator's */
	memcpy(items, sorted, count * bytes);
	return 0;
}

int ms_rows_sort_items(void *items, unsigned count, size_t bytes, enum ms_row_sort sort, uint64_t now_ns)
{
	if (sort == MS_SORT_CHEAPEST)
		return sort_cheapest(items, count, bytes, now_ns);
	qsort_r(items, count, bytes, compare, &sort);
	return 0;
}

int ms_rows_sort(struct ms_row *rows, unsigned count, enum ms_row_sort sort, uint64_t now_ns)
{
	return ms_rows_sort_items(rows, count, sizeof(*rows), sort, now_ns);
}

bool ms_row_is_never_asked(const struct ms_row *row, uint64_t now_ns)
{
	const struct ms_rank_facts facts = ms_rank_facts_of(row);
	struct ms_rank_key key;

	ms_rank_key(&facts, now_ns, &key);
	return key.tier >= MS_RANK_STUCK;
}

uint64_t ms_row_returnable_bytes(const struct ms_row *row)
{
	const struct ms_rank_facts facts = ms_rank_facts_of(row);

	return ms_rank_bytes(&facts);
}

static bool equals(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	if (length > 0 && wanted[length - 1] == '*')
		return strncmp(name, wanted, length - 1) == 0;
	return strcmp(name, wanted) == 0;
}

static bool equals_escaped(enum ms_escape_charset charset, const char *name, const char *wanted)
{
	char shown[MS_ESCAPED_NAME];

	ms_escape(charset, shown, sizeof(shown), name, strnlen(name, MS_NAME_BYTES));
	return equals(shown, wanted);
}

bool ms_row_matches(const struct ms_row *row, const char *wanted)
{
	if (row->row == MS_ALLOCATOR_ROW)
		return strcmp(wanted, "allocator") == 0;
	return strcmp(row->name, wanted) == 0 || equals(row->name, wanted) ||
	       equals_escaped(MS_ESCAPE_UTF8, row->name, wanted) ||
	       equals_escaped(MS_ESCAPE_ASCII, row->name, wanted);
}

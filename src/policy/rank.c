/* SPDX-License-Identifier: MIT */
/*
 * policy/rank.c - which caches to ask, the cheapest bytes first.
 *
 * One pass over the rows keeps the best candidates in a short sorted array: there may be tens of
 * thousands of rows, this runs on the alarm path, and a sort from the C library may allocate.
 *
 * The order: tier, priority, then those large enough to matter, then the cost of a freed byte in
 * coarse steps, then size. Coarse, because costs are guesses within a factor of four at best, and
 * within one step a few large orders do less harm than many small ones.
 */
#include "policy/internal.h"

#include <string.h>

#include "memshed.h"
#include "util/clock.h"

enum {
	ENTRY_BYTES = 64,          /* guessed where a cache counts entries alone */
	SMALL_SPAN_DIVISOR = 16,   /* small shrinks with a tiny budget */
	MINOR_DIVISOR = 64,        /* four plans full of such orders would not make up the need */
	ENOUGH_DIVISOR = 64,       /* what may be missing in the end: less than a reading's error */
	REGROWN_COST = 16,         /* two steps up */
	FEW_LOOKUPS = 16,          /* fewer do not make a hit rate */
	SOON_MS = 2000,
};
#define REGROW_NS (10 * MS_NS_PER_S)
#define BRAKE_NS (30 * MS_NS_PER_S)

static bool is_allocator(const struct ms_row *row)
{
	return row->row == MS_ALLOCATOR_ROW;
}

static bool counts(const struct ms_row *row)
{
	return row->bytes || row->entries || row->hits || row->misses || row->inserts || row->evictions ||
	       row->pulled_at_ns;
}

static uint64_t bytes_of(const struct ms_row *row, const struct ms_policy_record *record)
{
	if (row->bytes)
		return row->bytes;
	if (record && record->last_claimed_bytes && row->entries)
		return record->last_claimed_bytes;
	return row->entries > UINT64_MAX / ENTRY_BYTES ? UINT64_MAX : row->entries * ENTRY_BYTES;
}

static bool is_small(const struct ms_policy_round *round, const struct ms_row *row)
{
	uint64_t span = ms_policy_span(round->marks) / SMALL_SPAN_DIVISOR;
	uint64_t small = ms_policy_min(round->config->small_bytes, span);
	bool few_entries = row->entries < round->config->small_entries;

	if (row->entries == 1)
		return true;
	if (row->bytes == 0) /* also one without any count */
		return few_entries;
	/* An estimate may be far too low; then the entries have to agree. */
	return row->bytes < small && (few_entries || !(row->flags & MEMSHED_CACHE_ESTIMATED));
}

static bool is_doubtful(const struct ms_policy_round *round, const struct ms_row *row,
			const struct ms_policy_record *record)
{
	if (row->flags & MS_ROW_UNHELPFUL)
		return true;
	if (round->danger && (row->flags & (MEMSHED_CACHE_MAY_IO | MS_ROW_OWNER_ONLY)))
		return true;
	return record && (record->unreturned || record->empty || record->late);
}

static enum ms_policy_tier tier_of(const struct ms_policy_round *round, const struct ms_row *row,
				   const struct ms_policy_record *record)
{
	if (record && record->spent && !ms_policy_grown(round->marks, record, row->bytes))
		return MS_TIER_SPENT;
	if (is_small(round, row))
		return MS_TIER_SMALL;
	return is_doubtful(round, row, record) ? MS_TIER_DOUBTFUL : MS_TIER_ORDINARY;
}

/* Half of what the last order freed is back within seconds: the program needs it. */
static bool is_braked(const struct ms_policy_round *round, const struct ms_row *row,
		      struct ms_policy_record *record)
{
	if (!record)
		return false;
	if (record->last_claimed_bytes && round->now_ns < record->answered_at_ns + REGROW_NS &&
	    row->bytes >= ms_sat_add(record->bytes_after, record->last_claimed_bytes / 2))
		record->brake_until_ns = round->now_ns + BRAKE_NS;
	return round->now_ns < record->brake_until_ns;
}

/* From a cache that fills again at once: not for the comfort of reaching low, and not in small change
 * for ever when the rest of the program alone is above high. Near max everything is worth it. */
static bool is_worth_it(const struct ms_policy_round *round, uint64_t bytes)
{
	if (round->gentle)
		return false;
	return round->danger || bytes >= ms_policy_span(round->marks) / SMALL_SPAN_DIVISOR;
}

/* Microseconds to make one MiB of it again where the owner did not say; guesses in steps of ten:
 * buffers are only allocated, files are read from the page cache, the rest is computed. */
static double usual_cost(uint32_t kind)
{
	switch (kind) {
	case MEMSHED_KIND_BUFFER:
		return 100;
	case MEMSHED_KIND_FILE:
		return 1000;
	case MEMSHED_KIND_CODE:
		return 100000;
	default:
		return 10000;
	}
}

static double declared_cost(const struct ms_row *row, uint64_t bytes)
{
	double entries = row->entries ? (double)row->entries : (double)bytes / 1024;
	double mib = (double)bytes / 1048576;

	return mib > 0 ? (double)row->cost_us * entries / mib : 0;
}

/* What is never looked up costs nothing to lose; an eighth stays, since the past is not the future. */
static double hit_weight(const struct ms_row *row)
{
	double lookups = (double)row->hits + (double)row->misses;

	if (lookups < FEW_LOOKUPS)
		return 0.5;
	return 0.125 + (double)row->hits / lookups;
}

static uint8_t cost_of(const struct ms_row *row, const struct ms_policy_record *record, uint64_t bytes,
		       bool braked)
{
	double cost = row->cost_us ? declared_cost(row, bytes) : usual_cost(row->kind);

	cost *= hit_weight(row);
	if (record && record->claimed_bytes)
		cost += (double)record->duration_us * 1048576 / (double)record->claimed_bytes;
	if (braked)
		cost *= REGROWN_COST;
	uint64_t whole = cost >= 1e18 ? UINT64_C(1000000000000000000) : (uint64_t)cost;

	return (uint8_t)((63 - __builtin_clzll(whole | 1)) / 2);
}

static bool goes_before(const struct ms_policy_candidate *a, const struct ms_policy_candidate *b)
{
	if (a->tier != b->tier)
		return a->tier < b->tier;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->minor != b->minor)
		return a->minor < b->minor;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	if (a->from->process != b->from->process)
		return a->from->process < b->from->process;
	return a->from->row.row < b->from->row.row;
}

static void keep_best(struct ms_policy_candidates *list, const struct ms_policy_candidate *candidate)
{
	struct ms_policy_candidate *items = list->items;
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (goes_before(candidate, &items[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	if (low == MS_POLICY_CANDIDATES)
		return;
	if (list->count < MS_POLICY_CANDIDATES)
		list->count++;
	memmove(&items[low + 1], &items[low], (list->count - 1 - low) * sizeof(items[0]));
	items[low] = *candidate;
}

/* Not now: somebody works on it, or it said so. Counts those worth waiting for. */
static bool must_not_ask(const struct ms_policy_round *round, const struct ms_policy_row *from,
			 const struct ms_policy_record *record, struct ms_policy_candidates *list)
{
	const struct ms_row *row = &from->row;

	if (row->flags & MS_ROW_STUCK)
		return true;
	if (!from->answers) {
		list->silent++;
		return true;
	}
	if (!record || round->now_ns >= record->not_before_ns)
		return false;
	if ((record->busy || record->late) && round->danger)
		return false;
	if (record->empty && ms_policy_grown(round->marks, record, row->bytes))
		return false;
	if (record->not_before_ns - round->now_ns <= SOON_MS * MS_NS_PER_MS &&
	    (list->soon_ns == 0 || record->not_before_ns < list->soon_ns))
		list->soon_ns = record->not_before_ns;
	return true;
}

static void consider(const struct ms_policy_round *round, const struct ms_policy_wish *wish,
		     const struct ms_policy_row *from, struct ms_policy_candidates *list)
{
	const struct ms_row *row = &from->row;

	if (is_allocator(row))
		return;
	list->caches++;
	if ((row->flags & MEMSHED_CACHE_MANUAL) || (counts(row) && !row->bytes && !row->entries))
		return;
	struct ms_policy_record *record =
		ms_policy_record_find(round->state, from->process, row->row, row->generation);

	struct ms_policy_candidate candidate = {.from = from, .bytes = bytes_of(row, record)};

	list->cached_bytes = ms_sat_add(list->cached_bytes, candidate.bytes);
	if (must_not_ask(round, from, record, list))
		return;
	bool braked = is_braked(round, row, record);

	candidate.tier = (uint8_t)tier_of(round, row, record);
	if (candidate.tier > wish->max_tier || (braked && !is_worth_it(round, candidate.bytes)))
		return;
	candidate.min_level = record ? record->min_level : 0;
	if (!wish->by_size) {
		candidate.priority = row->priority;
		candidate.minor = candidate.bytes < wish->ask_bytes / MINOR_DIVISOR;
		candidate.cost = cost_of(row, record, candidate.bytes, braked);
	}
	keep_best(list, &candidate);
}

void ms_policy_collect(const struct ms_policy_round *round, const struct ms_policy_wish *wish,
		       struct ms_policy_candidates *ret_list)
{
	memset(ret_list, 0, sizeof(*ret_list));
	for (uint32_t i = 0; i < round->row_count; i++)
		consider(round, wish, &round->rows[i], ret_list);
}

static bool same_class(const struct ms_policy_candidate *a, const struct ms_policy_candidate *b)
{
	return a->tier == b->tier && a->priority == b->priority && a->minor == b->minor && a->cost == b->cost;
}

static bool takes_parts(const struct ms_policy_candidate *candidate, uint32_t level)
{
	return level < MS_LEVEL_CLEAR && candidate->min_level < MS_LEVEL_CLEAR &&
	       (candidate->from->row.flags & MS_ROW_PARTIAL);
}

/* The best class's largest; but where one of the class alone covers what remains: one that can give
 * just that, else the smallest that does. */
static struct ms_policy_candidate *next_best(struct ms_policy_candidates *list, uint64_t remaining,
					     uint32_t level)
{
	struct ms_policy_candidate *best = NULL;

	for (uint32_t i = 0; i < list->count; i++) {
		struct ms_policy_candidate *candidate = &list->items[i];

		if (candidate->taken)
			continue;
		if (!best)
			best = candidate;
		if (candidate->bytes < remaining || !same_class(candidate, best))
			break;
		best = candidate;
		if (takes_parts(candidate, level))
			break;
	}
	return best;
}

static uint32_t level_of(const struct ms_policy_candidate *candidate, uint32_t level)
{
	if (level < MS_LEVEL_CLEAR && !takes_parts(candidate, level))
		level = MS_LEVEL_CLEAR;
	if (level < candidate->min_level)
		level = candidate->min_level;
	if (level >= MS_LEVEL_EMERGENCY)
		level = candidate->from->row.flags & MEMSHED_CACHE_MAY_IO ? MS_LEVEL_CLEAR : MS_LEVEL_EMERGENCY;
	return level;
}

uint64_t ms_policy_choose(struct ms_policy_candidates *list, uint64_t ask_bytes, uint32_t level,
			  struct ms_plan *plan)
{
	uint64_t expected = 0;

	while (plan->count < MS_PLAN_ACTIONS && ask_bytes - expected > ask_bytes / ENOUGH_DIVISOR) {
		uint64_t remaining = ask_bytes - expected;
		struct ms_policy_candidate *best = next_best(list, remaining, level);

		if (!best)
			break;
		best->taken = true;
		struct ms_action *action = &plan->actions[plan->count++];
		bool part = takes_parts(best, level);
		bool known = best->from->row.bytes != 0;

		*action = (struct ms_action){
			.process = best->from->process,
			.row = best->from->row.row,
			.generation = best->from->row.generation,
			.level = level_of(best, level),
			.expect_bytes = part ? ms_policy_min(best->bytes, remaining) : best->bytes,
		};
		if (part)
			action->target_bytes = known ? action->expect_bytes : remaining;
		expected = ms_policy_min(ms_sat_add(expected, action->expect_bytes), ask_bytes);
	}
	return expected;
}

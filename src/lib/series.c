/* SPDX-License-Identifier: MIT */
/*
 * lib/series.c - an order for all caches: which ones, and in what order.
 *
 * Runs in the thread that is the agent. The memory for 65,535 candidates is static and becomes
 * resident one page at a time as caches are registered, so that an order in a full memory cgroup
 * finds it there; sorting is in place for the same reason (qsort() may allocate).
 *
 * First come caches with bytes, by priority, then by what a byte costs to recreate, then the large
 * ones; then those of unknown size; last those that have proved unhelpful.
 */

#include "lib/agent.h"
#include "util/rcu.h"

enum { PAGE_BYTES = 4096, PER_PAGE = PAGE_BYTES / sizeof(struct ms_candidate) };
enum { UNKNOWN_SIZE_RANK = 10000, UNHELPFUL_RANK = 20000 };

/* writer: agent; below reserved also registrations, which get there first */
static struct ms_candidate candidates[MS_ROW_COUNT] __attribute__((aligned(4096)));
static uint32_t reserved; /* guarded by [K1] */

_Static_assert(PAGE_BYTES % sizeof(struct ms_candidate) == 0, "no candidate on two pages");

/* Rows are handed out in order, so when this one is new, the agent cannot use its place yet. */
void ms_agent_reserve(uint32_t row)
{
	if (row < reserved)
		return;
	candidates[row].row = row;
	reserved = (row / PER_PAGE + 1) * PER_PAGE;
}

const struct ms_candidate *ms_series_candidate(uint32_t index)
{
	return &candidates[index];
}

static bool is_before(const struct ms_candidate *a, const struct ms_candidate *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->cost_per_byte < b->cost_per_byte || a->cost_per_byte > b->cost_per_byte)
		return a->cost_per_byte < b->cost_per_byte;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	return a->row < b->row;
}

static void swap(struct ms_candidate *a, struct ms_candidate *b)
{
	struct ms_candidate t = *a;

	*a = *b;
	*b = t;
}

static void sift_down(uint32_t from, uint32_t count)
{
	for (uint32_t child = 2 * from + 1; child < count; child = 2 * from + 1) {
		if (child + 1 < count && is_before(&candidates[child], &candidates[child + 1]))
			child++;
		if (!is_before(&candidates[from], &candidates[child]))
			return;
		swap(&candidates[from], &candidates[child]);
		from = child;
	}
}

static void sort(uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift_down(i, count);
	for (uint32_t end = count; end-- > 1;) {
		swap(&candidates[0], &candidates[end]);
		sift_down(0, end);
	}
}

static bool may_be_asked(const struct memshed_cache *cache, const struct ms_order *order)
{
	if (order->level == MS_LEVEL_COUNT)
		return cache->options.count;
	return ms_agent_allows(cache, order);
}

static void describe(const struct memshed_cache *cache, struct ms_candidate *candidate)
{
	const struct ms_row_abi *row = &ms_lib.table.rows[cache->row];
	struct ms_shard_sum sum;

	ms_table_row_sum(&ms_lib.table, cache->row, &sum);
	if (row->pulled.fields & MEMSHED_USAGE_BYTES)
		sum.bytes = row->pulled.bytes;
	if (row->pulled.fields & MEMSHED_USAGE_ENTRIES)
		sum.entries = row->pulled.entries;
	*candidate = (struct ms_candidate){
		.row = cache->row,
		.generation = cache->generation,
		.rank = cache->options.priority,
		.bytes = sum.bytes,
	};
	if (sum.bytes)
		candidate->cost_per_byte = (double)cache->options.cost_us * (double)sum.entries / (double)sum.bytes;
	else
		candidate->rank += UNKNOWN_SIZE_RANK;
	if (atomic_load_explicit(&row->flags, memory_order_relaxed) & MS_ROW_UNHELPFUL)
		candidate->rank += UNHELPFUL_RANK;
}

uint32_t ms_series_collect(const struct ms_order *order)
{
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_acquire); /* [W3] */
	uint32_t count = 0;

	for (uint32_t row = MS_ALLOCATOR_ROW + 1; row < high; row++) {
		ms_rcu_read_lock();
		const struct memshed_cache *cache = ms_rcu_dereference(&ms_lib.by_row[row]);

		if (cache && may_be_asked(cache, order))
			describe(cache, &candidates[count++]);
		ms_rcu_read_unlock();
	}
	sort(count);
	return count;
}

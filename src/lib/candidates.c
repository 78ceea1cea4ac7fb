/* SPDX-License-Identifier: MIT */
/*
 * lib/candidates.c - which caches an order is for, ranked by rank/rank.h on the facts in their rows.
 *
 * Owns the memory for the keys: address space for all rows that there can be, of which a page becomes
 * resident when a cache is registered that may need it. So an order in a full memory cgroup finds it
 * there. Reserving runs under [K1]; collecting in the thread that is the agent; that allocates nothing, and
 * takes [K2] for one row after the other.
 */
#include "lib/candidates.h"

#include <string.h>

#include "lib/lib.h"
#include "lib/registry.h"
#include "table/memfd.h"
#include "util/clock.h"

enum { PAGE_BYTES = 4096, PER_PAGE = PAGE_BYTES / sizeof(struct ms_rank_key) };

_Static_assert(PAGE_BYTES % sizeof(struct ms_rank_key) == 0, "no key on two pages");

int ms_candidates_init(void)
{
	void *keys = NULL;
	int error = ms_lib.candidates.keys ? 0 : ms_memfd_map_private(MS_ROW_COUNT * sizeof(struct ms_rank_key), &keys);

	if (keys)
		ms_lib.candidates.keys = keys;
	return error;
}

/* Rows are handed out in order, so when this one is new, the agent cannot use its place yet. */
void ms_candidates_reserve(void)
{
	struct ms_candidates *candidates = &ms_lib.candidates;
	uint32_t row = ms_lib.table.row_high;

	if (row >= candidates->reserved && row < MS_ROW_COUNT) {
		((volatile struct ms_rank_key *)candidates->keys)[row].row = row;
		candidates->reserved = (row / PER_PAGE + 1) * PER_PAGE;
	}
}

bool ms_candidates_allow(const struct memshed_cache *cache, const struct ms_order *order)
{
	uint32_t flags = cache->options.flags;

	if ((flags & MEMSHED_CACHE_MANUAL) && order->reason != MEMSHED_REASON_USER)
		return false;
	if (order->level == MS_LEVEL_COUNT)
		return cache->options.count;
	return !((flags & MEMSHED_CACHE_MAY_IO) && order->level == MS_LEVEL_EMERGENCY);
}

bool ms_candidates_fit(const struct memshed_cache *cache, const struct ms_order *order)
{
	if (order->scope == MS_SCOPE_GROUP &&
	    strcmp(ms_lib.table.rows[cache->row].name, ms_lib.candidates.group) != 0)
		return false;
	return ms_candidates_allow(cache, order);
}

/* The group's name stands in the row that the order names. */
static bool find_group(const struct ms_order *order)
{
	bool found = false;

	pthread_mutex_lock(&ms_lib.result_lock);
	if (ms_registry_find(order->row, order->generation)) {
		memcpy(ms_lib.candidates.group, ms_lib.table.rows[order->row].name, MS_NAME_BYTES);
		found = true;
	}
	pthread_mutex_unlock(&ms_lib.result_lock);
	return found;
}

static void gather(const struct memshed_cache *cache, const struct ms_shard_sum *sum, struct ms_rank_facts *ret_facts)
{
	const struct ms_row_abi *row = &ms_lib.table.rows[cache->row];
	const struct ms_row_pulled *pulled = &row->pulled; /* the agent is their only writer, but for late ones */
	const struct ms_row_result *last = &row->last;
	uint32_t fields = pulled->fields;

	*ret_facts = (struct ms_rank_facts){
		.row = cache->row,
		.flags = atomic_load_explicit(&row->flags, memory_order_relaxed),
		.priority = cache->options.priority,
		.cost_us = fields & MEMSHED_USAGE_COST ? pulled->cost_us : cache->options.cost_us,
		.bytes = fields & MEMSHED_USAGE_BYTES ? pulled->bytes : sum->bytes,
		.entries = fields & MEMSHED_USAGE_ENTRIES ? pulled->entries : sum->entries,
		.counted = sum->inserts || sum->bytes || fields & (MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES),
		.hits = fields & MEMSHED_USAGE_HITS ? pulled->hits : sum->hits,
		.misses = fields & MEMSHED_USAGE_MISSES ? pulled->misses : sum->misses,
		.orders = last->orders,
		.freed_bytes = last->total_claimed_bytes,
		.duration_us = last->total_duration_us,
		.last_freed_bytes = last->claimed_bytes,
		.bytes_after = last->bytes_after,
		.last_ns = last->finished_ns,
		.returned_per_mille = last->returned_per_mille,
		.useless = last->useless,
	};
}

/* Return: whether the cache in @row is one of those asked. */
static bool describe(uint32_t row, const struct ms_order *order, const struct ms_shard_sum *sum, uint64_t now_ns,
		     struct ms_rank_key *ret_key)
{
	struct ms_rank_facts facts;
	bool found = false;

	pthread_mutex_lock(&ms_lib.result_lock);
	const struct memshed_cache *cache = ms_registry_find(row, 0);

	if (cache && cache->options.flags & MEMSHED_CACHE_COLLECTOR && order->scope == MS_SCOPE_PROCESS) {
		if (order->level != MS_LEVEL_COUNT)
			ms_lib.sweep.row = row;
	} else if (cache && ms_candidates_fit(cache, order)) {
		gather(cache, sum, &facts);
		ms_rank_key(&facts, now_ns, ret_key);
		/* What a person names is asked in any case. */
		found = order->scope == MS_SCOPE_GROUP || order->level == MS_LEVEL_COUNT ||
			ret_key->tier < MS_RANK_STUCK;
	}
	pthread_mutex_unlock(&ms_lib.result_lock);
	return found;
}

int ms_candidates_collect(const struct ms_order *order, struct ms_rank_key **ret_keys)
{
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_acquire); /* [writer.W3] */
	struct ms_rank_key *keys = ms_lib.candidates.keys;
	struct ms_shard_sum sums[MS_TABLE_SUMS];
	uint64_t now = ms_clock_ns();
	uint32_t count = 0;

	*ret_keys = keys;
	if (order->level != MS_LEVEL_COUNT)
		ms_lib.sweep.row = 0;
	if (order->scope == MS_SCOPE_GROUP && !find_group(order))
		return -ESTALE;
	for (uint32_t row = MS_ALLOCATOR_ROW + 1; row < high; row += MS_TABLE_SUMS) {
		uint32_t some = high - row < MS_TABLE_SUMS ? high - row : MS_TABLE_SUMS;

		ms_table_rows_sum(&ms_lib.table, row, some, sums);
		for (uint32_t i = 0; i < some; i++)
			if (describe(row + i, order, &sums[i], now, &keys[count]))
				count++;
	}
	ms_rank_sort(keys, count);
	return (int)count;
}

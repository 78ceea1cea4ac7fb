/* SPDX-License-Identifier: MIT */
/*
 * lib/callback.c - calls one cache's callbacks, and writes what came of it into its row.
 *
 * Threads: the one that runs the cache (executor.c). No lock is held during a callback; [K2] around what is
 * written to the row. Allocates nothing.
 */
#include <stddef.h>
#include <string.h>

#include "lib/callback.h"
#include "lib/lib.h"
#include "util/clock.h"
#include "util/saturate.h"

/* After so many useless or late calls in a row a cache is asked last. */
enum { UNHELPFUL_AFTER = 3 };
#define RESIDENT_LIFE_NS (10 * MS_NS_PER_MS) /* a reading serves the counts of so long */

struct size {
	bool known; /* the size of the cache was given at least once */
	uint64_t bytes, entries;
};

/* What count said replaces what was charged, field by field. */
static struct size measure(const struct memshed_cache *cache, const struct memshed_usage *usage)
{
	struct ms_shard_sum sum;

	ms_table_row_sum(&ms_lib.table, cache->row, &sum);

	struct size size = {
		.known = sum.inserts || sum.bytes,
		.bytes = sum.bytes,
		.entries = sum.entries,
	};

	if (usage->fields & MEMSHED_USAGE_BYTES)
		size.bytes = usage->bytes;
	if (usage->fields & MEMSHED_USAGE_ENTRIES)
		size.entries = usage->entries;
	if (usage->fields & (MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES))
		size.known = true;
	return size;
}

/* It has unregistered itself; executor.c moves it. */
static bool is_dying(const struct memshed_cache *cache)
{
	return atomic_load_explicit(&cache->state, memory_order_relaxed) == MS_CACHE_DYING;
}

/* Return: as the callback's; 0 without one. */
static int count(const struct memshed_cache *cache, struct memshed_usage *usage)
{
	int result = 0;

	*usage = (struct memshed_usage){.size = sizeof(*usage)};
	if (cache->options.count)
		result = cache->options.count(cache->options.ctx, usage);
	if (result < 0)
		usage->fields = 0;
	return result;
}

/* A callback that says nothing, or nonsense, is judged by what it freed. */
static uint32_t judge(unsigned status, const struct ms_outcome *outcome, const struct size *before)
{
	if (status >= MEMSHED_DONE && status <= MEMSHED_UNSUPPORTED)
		return status;
	if (outcome->claimed_bytes || outcome->claimed_entries)
		return MS_ANSWER_DONE;
	return before->known && !before->bytes && !before->entries ? MS_ANSWER_EMPTY : MS_ANSWER_DONE;
}

/* The callbacks of one order: shrink or clear, and count before and after where that tells something.
 * An emergency leaves count out: it was not told that it must not allocate. */
static void call_back(struct memshed_cache *cache, const struct ms_ask *ask, struct memshed_usage *usage,
		      struct size *before, struct ms_outcome *outcome)
{
	const struct memshed_cache_options *options = &cache->options;
	const struct ms_row_pulled *pulled = &ms_lib.table.rows[cache->row].pulled;
	bool counts = ask->level != MS_LEVEL_EMERGENCY;
	struct memshed_result result = {.size = sizeof(result)};
	unsigned status = 0;

	if (!options->shrink && counts)
		count(cache, usage);
	*before = measure(cache, usage);
	/* A callback that unregisters its own cache may free the context: none follows it. */
	if (is_dying(cache)) {
		outcome->status = MS_ANSWER_GONE;
		return;
	}
	if (options->shrink) {
		struct memshed_request request = {
			.size = sizeof(request),
			.target_bytes = ask->target_bytes,
			.deadline_ns = ask->deadline_ns,
			.level = (enum memshed_level)ask->level,
			.reason = (enum memshed_reason)ask->reason,
		};

		status = (unsigned)options->shrink(options->ctx, &request, &result);
	} else {
		options->clear(options->ctx);
	}
	if (counts && !is_dying(cache))
		count(cache, usage);

	/* A shrink that was not counted before can only be compared by what is charged. */
	bool comparable = !options->shrink || !options->count;
	struct size after = measure(cache, usage);

	outcome->claimed_bytes = result.freed_bytes;
	outcome->claimed_entries = result.freed_entries;
	outcome->scanned_entries = result.scanned_entries;
	if (comparable && !outcome->claimed_bytes)
		outcome->claimed_bytes = ms_sat_sub(before->bytes, after.bytes);
	if (comparable && !outcome->claimed_entries)
		outcome->claimed_entries = ms_sat_sub(before->entries, after.entries);
	outcome->status = judge(status, outcome, before);
	outcome->bytes_after = after.bytes;
	if (!(usage->fields & MEMSHED_USAGE_BYTES) && pulled->fields & MEMSHED_USAGE_BYTES)
		outcome->bytes_after = ms_sat_sub(pulled->bytes, outcome->claimed_bytes);
}

/* It freed nothing although there was something. */
static bool is_useless(const struct ms_outcome *outcome, const struct size *before)
{
	return !outcome->claimed_bytes && !outcome->claimed_entries && (before->bytes || before->entries) &&
	       outcome->status != MS_ANSWER_BUSY;
}

void ms_callback_call(struct memshed_cache *cache, const struct ms_ask *ask, struct memshed_usage *usage,
		      struct ms_outcome *ret_outcome)
{
	struct size before = {0};
	uint64_t started = ms_clock_ns(), now;

	*usage = (struct memshed_usage){.fields = 0};
	*ret_outcome = (struct ms_outcome){.status = MS_ANSWER_DONE};
	if (ask->level != MS_LEVEL_COUNT)
		call_back(cache, ask, usage, &before, ret_outcome);
	else if (count(cache, usage) == -EAGAIN)
		ret_outcome->status = MS_ANSWER_BUSY;
	now = ms_clock_ns();
	ret_outcome->duration_us = (now - started) / MS_NS_PER_US;
	ret_outcome->useless = now > ask->deadline_ns || is_useless(ret_outcome, &before);
}

/* ---- the row ---- */

/* @more: of the same order, which it gave a part of before. */
static void add_up(struct ms_row_result *result, const struct ms_outcome *outcome, bool more)
{
	result->status = outcome->status;
	result->finished_ns = ms_clock_ns();
	result->claimed_bytes = ms_sat_add(more ? result->claimed_bytes : 0, outcome->claimed_bytes);
	result->claimed_entries = ms_sat_add(more ? result->claimed_entries : 0, outcome->claimed_entries);
	result->duration_us = outcome->duration_us;
	result->total_claimed_bytes += outcome->claimed_bytes;
	result->total_claimed_entries += outcome->claimed_entries;
	result->total_duration_us += outcome->duration_us;
	result->bytes_after = outcome->bytes_after;
}

static void put(uint32_t row, const struct ms_row_result *result)
{
	if (result->useless >= UNHELPFUL_AFTER)
		ms_table_row_set_flags(&ms_lib.table, row, MS_ROW_UNHELPFUL);
	else
		ms_table_row_clear_flags(&ms_lib.table, row, MS_ROW_UNHELPFUL);
	ms_table_row_result(&ms_lib.table, row, result);
}

void ms_callback_write(uint32_t row, const struct ms_ask *ask, const struct ms_outcome *outcome)
{
	struct ms_row_result result = ms_lib.table.rows[row].last; /* [K2]: written under it alone */
	bool more = result.order_seq == ask->order_seq && result.status == MS_ANSWER_PARTIAL;

	result.order_seq = ask->order_seq;
	result.level = ask->level;
	result.orders++;
	if (outcome->status != MS_ANSWER_BUSY)
		result.useless = outcome->useless ? result.useless + 1 : 0;
	add_up(&result, outcome, more);
	put(row, &result);
}

void ms_callback_write_late(uint32_t row, const struct ms_outcome *outcome)
{
	struct ms_row_result result = ms_lib.table.rows[row].last; /* [K2]: written under it alone */

	result.total_duration_us = ms_sat_sub(result.total_duration_us, result.duration_us); /* as far as it had come */
	add_up(&result, outcome, true);
	put(row, &result);
}

static uint64_t resident_bytes(uint64_t now_ns)
{
	if (now_ns - atomic_load_explicit(&ms_lib.resident_ns, memory_order_relaxed) >= RESIDENT_LIFE_NS) {
		atomic_store_explicit(&ms_lib.resident_bytes, ms_statm_rss_bytes(), memory_order_relaxed);
		atomic_store_explicit(&ms_lib.resident_ns, now_ns, memory_order_relaxed);
	}
	return atomic_load_explicit(&ms_lib.resident_bytes, memory_order_relaxed);
}

/* Of an estimate more has come back than it said: memory of a C library's, perhaps. Under [K2]. */
static uint64_t correct_estimate(const struct memshed_cache *cache, uint64_t bytes)
{
	uint32_t per_mille = ms_lib.table.rows[cache->row].last.returned_per_mille;

	if (per_mille <= 1000)
		return bytes;
	return bytes > UINT64_MAX / per_mille ? UINT64_MAX : bytes * per_mille / 1000;
}

/* What all estimates together say is never more than there is: they are scaled. */
static uint64_t scale_estimate(struct memshed_cache *cache, uint64_t bytes)
{
	uint64_t all, resident;

	if (!(cache->options.flags & MEMSHED_CACHE_ESTIMATED))
		return bytes;
	bytes = correct_estimate(cache, bytes);
	all = atomic_fetch_add_explicit(&ms_lib.estimated_bytes, bytes - cache->estimated_bytes, memory_order_relaxed) +
	      bytes - cache->estimated_bytes;
	cache->estimated_bytes = bytes;
	resident = resident_bytes(ms_clock_ns());
	if (!resident || all <= resident)
		return bytes;
	return (uint64_t)((double)bytes * ((double)resident / (double)all));
}

bool ms_callback_write_usage(struct memshed_cache *cache, const struct memshed_usage *usage)
{
	uint32_t row = cache->row;
	struct ms_row_pulled old = ms_lib.table.rows[row].pulled; /* [K2]: written under it alone */
	struct ms_row_pulled pulled = {
		.fields = usage->fields,
		.cost_us = usage->cost_us < UINT32_MAX ? (uint32_t)usage->cost_us : UINT32_MAX,
		.at_ns = ms_clock_ns(),
		.bytes = usage->fields & MEMSHED_USAGE_BYTES ? scale_estimate(cache, usage->bytes) : usage->bytes,
		.entries = usage->entries,
		.hits = usage->hits,
		.misses = usage->misses,
		.evictions = usage->evictions,
		.inserts = usage->inserts,
	};

	ms_table_row_pulled(&ms_lib.table, row, &pulled);
	old.at_ns = pulled.at_ns;
	return memcmp(&old, &pulled, sizeof(old)) != 0;
}

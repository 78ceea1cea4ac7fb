/* SPDX-License-Identifier: MIT */
/*
 * lib/learn.c - each row learns what comes back of what its cache claims.
 *
 * Runs in the thread that is the agent; [K2] around what is written to a row. Allocates nothing.
 *
 * A claim of a MiB or more teaches: by how much the resident set fell meanwhile, and its share of what the
 * allocator gave back afterwards, which is spread by what each claim was still short of. The ratio may be
 * above one, where an estimate was too low.
 */
#include "lib/learn.h"

#include "lib/lib.h"
#include "lib/registry.h"
#include "util/saturate.h"

#define LEAST_BYTES (UINT64_C(1) << 20) /* pages that other threads touch meanwhile disturb smaller ones */
enum {
	WEIGHT = 4,          /* a new ratio counts one part in this many */
	MOST_PER_MILLE = 8000 /* chosen: a claim of an eighth is not believed to be worse */
};

static uint64_t multiply(uint64_t bytes, uint64_t by, uint64_t over)
{
	return bytes > UINT64_MAX / by ? UINT64_MAX : bytes * by / over;
}

static uint32_t ratio_of(uint32_t row)
{
	uint32_t per_mille = ms_lib.table.rows[row].last.returned_per_mille;

	return per_mille ? per_mille : 1000;
}

uint64_t ms_learn_to_return(uint32_t row, uint64_t claimed_bytes)
{
	return multiply(claimed_bytes, ratio_of(row), 1000);
}

uint64_t ms_learn_to_claim(uint32_t row, uint64_t bytes)
{
	uint64_t claim = multiply(bytes, 1000, ratio_of(row));

	return claim ? claim : 1;
}

void ms_learn_claim(uint32_t row, uint64_t round, uint64_t claimed_bytes, uint64_t fell_bytes)
{
	if (claimed_bytes < LEAST_BYTES)
		return;
	pthread_mutex_lock(&ms_lib.result_lock);
	struct memshed_cache *cache = ms_registry_find(row, 0);

	if (cache) {
		struct ms_lesson part = cache->lesson.round == round ? cache->lesson : (struct ms_lesson){.round = round};

		part.claimed_bytes = ms_sat_add(part.claimed_bytes, claimed_bytes);
		part.fell_bytes = ms_sat_add(part.fell_bytes, fell_bytes);
		cache->lesson = part;
	}
	pthread_mutex_unlock(&ms_lib.result_lock);
}

/* Return: the cache's lesson of @round that is not settled yet, or NULL; as ms_registry_find(). */
static struct ms_lesson *find(const struct ms_rank_key *key, uint64_t round)
{
	struct memshed_cache *cache = ms_registry_find(key->row, 0);

	return cache && cache->lesson.round == round ? &cache->lesson : NULL;
}

static uint64_t sum_short(const struct ms_rank_key *keys, uint32_t count, uint64_t round)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&ms_lib.result_lock);
	for (uint32_t i = 0; i < count; i++) {
		const struct ms_lesson *lesson = find(&keys[i], round);

		if (lesson)
			sum = ms_sat_add(sum, ms_sat_sub(lesson->claimed_bytes, lesson->fell_bytes));
	}
	pthread_mutex_unlock(&ms_lib.result_lock);
	return sum;
}

/* By which an estimate is corrected that is too low (callback.c). */
static uint64_t correction(uint32_t per_mille)
{
	return per_mille > 1000 ? per_mille : 1000;
}

/* What stands in the row of an estimate was corrected by the ratio @before. Under [K2]. */
static void correct_again(uint32_t row, uint32_t before, struct ms_row_result *result)
{
	const struct memshed_cache *cache = ms_registry_find(row, 0);
	struct ms_row_pulled pulled = ms_lib.table.rows[row].pulled;
	uint64_t old = correction(before), new = correction(result->returned_per_mille);

	if (old == new || !cache || !(cache->options.flags & MEMSHED_CACHE_ESTIMATED) || !cache->options.count)
		return;
	pulled.bytes = multiply(pulled.bytes, new, old);
	result->bytes_after = multiply(result->bytes_after, new, old);
	ms_table_row_pulled(&ms_lib.table, row, &pulled);
}

/* Under [K2]. */
static void write_ratio(uint32_t row, uint64_t claimed_bytes, uint64_t fell_bytes)
{
	struct ms_row_result result = ms_lib.table.rows[row].last;
	uint64_t seen = multiply(fell_bytes, 1000, claimed_bytes);

	seen = seen > MOST_PER_MILLE ? MOST_PER_MILLE : seen ? seen : 1;
	if (result.returned_per_mille)
		seen = (result.returned_per_mille * (WEIGHT - 1) + seen + WEIGHT / 2) / WEIGHT;

	uint32_t before = result.returned_per_mille;

	result.returned_per_mille = seen ? (uint32_t)seen : 1;
	correct_again(row, before, &result);
	ms_table_row_result(&ms_lib.table, row, &result);
}

static void settle(uint32_t row, struct ms_lesson *lesson, bool trimmed, uint64_t fell_bytes, uint64_t short_bytes)
{
	uint64_t fell = lesson->fell_bytes;

	if (trimmed && short_bytes) {
		double share = (double)ms_sat_sub(lesson->claimed_bytes, fell) / (double)short_bytes;

		fell = ms_sat_add(fell, (uint64_t)((double)fell_bytes * share));
	}
	lesson->round = 0;
	/* Without a trim little says nothing: it may lie in the allocator. */
	if (trimmed || fell >= lesson->claimed_bytes / 2)
		write_ratio(row, lesson->claimed_bytes, fell);
}

void ms_learn_settle(const struct ms_rank_key *keys, uint32_t count, uint64_t round, bool trimmed, uint64_t fell_bytes)
{
	uint64_t short_bytes = trimmed ? sum_short(keys, count, round) : 0;

	for (uint32_t i = 0; i < count; i++) {
		pthread_mutex_lock(&ms_lib.result_lock);
		struct ms_lesson *lesson = find(&keys[i], round);

		if (lesson)
			settle(keys[i].row, lesson, trimmed, fell_bytes, short_bytes);
		pthread_mutex_unlock(&ms_lib.result_lock);
	}
}

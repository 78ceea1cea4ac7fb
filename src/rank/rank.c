/* SPDX-License-Identifier: MIT */
/* rank/rank.c - see rank.h. */
#include "rank/rank.h"

#include "memshed.h"
#include "table/layout.h"
#include "util/clock.h"
#include "util/saturate.h"

/* All chosen; what each stands for is beside it. */
enum {
	ENTRY_USUAL = 1024,      /* bytes, where a cache counts bytes alone */
	ENTRY_BYTES = 64,        /* guessed where a cache counts entries alone: a small object and its slot */
	SMALL_ENTRIES = 64,      /* half of functools.lru_cache's default; settings objects stay far below */
	USELESS_MOST = 3,        /* in a row */
	RETURNED_LEAST = 50,     /* per mille: below it a claim is not worth its callback */
	UNKNOWN_COST = 10000,    /* microseconds to make a MiB again: computed from memory at 100 MB/s */
	FEW_LOOKUPS = 16,        /* fewer do not make a hit rate */
	GROWN_DIVISOR = 8,
	REGROWN_FACTOR = 16,     /* four steps: a cache that fills at once is needed */
};
#define SMALL_BYTES (UINT64_C(1) << 20) /* a thousandth of the smallest usual limit */
#define REGROW_NS (10 * MS_NS_PER_S)
#define MIB 1048576.0

/* Exact up to the end of the range. */
static uint64_t scaled(uint64_t bytes, uint32_t per_mille)
{
	uint64_t whole = bytes / 1000, rest = bytes % 1000 * per_mille / 1000;

	return per_mille && whole > UINT64_MAX / per_mille ? UINT64_MAX : ms_sat_add(whole * per_mille, rest);
}

static uint64_t counted_bytes(const struct ms_rank_facts *facts)
{
	if (facts->bytes)
		return facts->bytes;
	return facts->entries > UINT64_MAX / ENTRY_BYTES ? UINT64_MAX : facts->entries * ENTRY_BYTES;
}

/* Of what it counts; an estimate that was too low stands in the row corrected. */
static uint32_t per_mille_of(const struct ms_rank_facts *facts)
{
	if (!facts->returned_per_mille || (facts->flags & MEMSHED_CACHE_ESTIMATED && facts->returned_per_mille > 1000))
		return 1000;
	return facts->returned_per_mille;
}

uint64_t ms_rank_bytes(const struct ms_rank_facts *facts)
{
	return scaled(counted_bytes(facts), per_mille_of(facts));
}

/* The same as a share; 1 = not learnt. */
static double returned_share(const struct ms_rank_facts *facts)
{
	return (double)per_mille_of(facts) / 1000;
}

/* Microseconds to make again what makes up one MiB of the resident set, had every entry to be made again. */
static double recreate_us(const struct ms_rank_facts *facts)
{
	uint64_t bytes = counted_bytes(facts);
	double entries = facts->entries ? (double)facts->entries : (double)bytes / ENTRY_USUAL;
	double share = returned_share(facts);

	if (!facts->cost_us || !bytes)
		return share < 1 ? UNKNOWN_COST / share : UNKNOWN_COST;
	return (double)facts->cost_us * entries / ((double)bytes / MIB) / share;
}

/* What is never looked up costs nothing to lose; an eighth stays, since the past is not the future. */
static double hit_weight(const struct ms_rank_facts *facts)
{
	double lookups = (double)facts->hits + (double)facts->misses;

	if (lookups < FEW_LOOKUPS)
		return 0.5;
	return 0.125 + (double)facts->hits / lookups;
}

/* Half of what the last order freed was back within seconds: the program needs it. */
static bool regrew(const struct ms_rank_facts *facts, uint64_t now_ns)
{
	return facts->last_freed_bytes && facts->last_ns && ms_sat_sub(now_ns, facts->last_ns) < REGROW_NS &&
	       facts->bytes >= ms_sat_add(facts->bytes_after, facts->last_freed_bytes / 2);
}

uint32_t ms_rank_cost(const struct ms_rank_facts *facts, uint64_t now_ns)
{
	double cost = recreate_us(facts) * hit_weight(facts);

	if (facts->freed_bytes)
		cost += (double)facts->duration_us * MIB / (double)facts->freed_bytes / returned_share(facts);
	if (regrew(facts, now_ns))
		cost *= REGROWN_FACTOR;
	uint64_t whole = cost >= 1e18 ? UINT64_C(1000000000000000000) : (uint64_t)cost;

	return 63 - (uint32_t)__builtin_clzll(whole | 1);
}

static bool is_small(const struct ms_rank_facts *facts)
{
	bool exact = facts->bytes && !(facts->flags & MEMSHED_CACHE_ESTIMATED);

	if (facts->entries == 1)
		return true;
	/* An estimate may be far too low; so the entries have to agree. */
	return ms_rank_bytes(facts) < SMALL_BYTES && (exact || facts->entries < SMALL_ENTRIES);
}

/* It keeps counters, and they say that nothing is in it. One that counts nothing may hold anything. */
static bool is_empty(const struct ms_rank_facts *facts)
{
	return facts->counted && !facts->bytes && !facts->entries;
}

/* Of no use so often, and since the last order no more has come than an eighth of what was left. */
static bool is_exhausted(const struct ms_rank_facts *facts)
{
	uint64_t more = facts->bytes_after / GROWN_DIVISOR;

	more = more < SMALL_BYTES / GROWN_DIVISOR ? SMALL_BYTES / GROWN_DIVISOR : more;
	return facts->useless >= USELESS_MOST && counted_bytes(facts) <= ms_sat_add(facts->bytes_after, more);
}

static enum ms_rank_tier tier_of(const struct ms_rank_facts *facts)
{
	if (facts->flags & MEMSHED_CACHE_MANUAL || is_empty(facts))
		return MS_RANK_NEVER;
	if (facts->flags & MS_ROW_STUCK)
		return MS_RANK_STUCK;
	if (is_exhausted(facts))
		return MS_RANK_EXHAUSTED;
	if (is_small(facts))
		return MS_RANK_SMALL;
	if (facts->useless >= USELESS_MOST ||
	    (facts->returned_per_mille && facts->returned_per_mille < RETURNED_LEAST))
		return MS_RANK_DOUBTFUL;
	return MS_RANK_ORDINARY;
}

void ms_rank_key(const struct ms_rank_facts *facts, uint64_t now_ns, struct ms_rank_key *ret_key)
{
	*ret_key = (struct ms_rank_key){
		.tier = tier_of(facts),
		.priority = facts->priority,
		.cost = ms_rank_cost(facts, now_ns),
		.bytes = ms_rank_bytes(facts),
		.row = facts->row,
	};
}

bool ms_rank_before(const struct ms_rank_key *a, const struct ms_rank_key *b)
{
	if (a->tier != b->tier)
		return a->tier < b->tier;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	if (a->process != b->process)
		return a->process < b->process;
	return a->row < b->row;
}

static void swap(struct ms_rank_key *a, struct ms_rank_key *b)
{
	struct ms_rank_key t = *a;

	*a = *b;
	*b = t;
}

static void sift_down(struct ms_rank_key *keys, uint32_t from, uint32_t count)
{
	for (uint32_t child = 2 * from + 1; child < count; child = 2 * from + 1) {
		if (child + 1 < count && ms_rank_before(&keys[child], &keys[child + 1]))
			child++;
		if (!ms_rank_before(&keys[from], &keys[child]))
			return;
		swap(&keys[from], &keys[child]);
		from = child;
	}
}

/* Heapsort: in place, and never worse than count * log(count). */
void ms_rank_sort(struct ms_rank_key *keys, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift_down(keys, i, count);
	for (uint32_t end = count; end-- > 1;) {
		swap(&keys[0], &keys[end]);
		sift_down(keys, 0, end);
	}
}

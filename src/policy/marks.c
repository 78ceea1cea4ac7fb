/* SPDX-License-Identifier: MIT */
/*
 * policy/marks.c - the budget: high, low and danger in bytes, and the defaults. Pure.
 */
#include "policy/policy.h"

#include "policy/internal.h"

struct ms_policy_config ms_policy_defaults(void)
{
	/* All chosen, none measured: high and low stay unset, see ms_policy_marks(). */
	return (struct ms_policy_config){
		/* Below 1 MiB a cache is less than one part in a thousand of the smallest usual limit. */
		.small_bytes = UINT64_C(1) << 20,
		/* Half of functools.lru_cache's default of 128: settings objects stay far below. */
		.small_entries = 64,
		/* Long enough for the agent's own trim of the allocator after a round. */
		.hold_off_ns = UINT64_C(200000000),
		.storm_pause_ns = UINT64_C(5000000000),
	};
}

enum {
	HIGH_PER_MILLE = 900,
	LOW_PER_MILLE = 800,
	GAP_DIVISOR = 20,     /* low is 5 % of max below high, unless somebody asked for less */
	LOWEST_DIVISOR = 2,   /* a margin lowers high to half of max, not further */
	DANGER_NEAREST = 8,   /* danger lies between 1/8 and 1/2 of max - high below max */
	DANGER_FARTHEST = 2,
};

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t high_of(const struct ms_policy_config *config, uint64_t max)
{
	struct ms_mark usual = {.unit = MS_MARK_PER_MILLE, .value = HIGH_PER_MILLE};

	return ms_units_resolve(config->high, max, ms_units_resolve(usual, max, 0));
}

static uint64_t low_of(const struct ms_policy_config *config, uint64_t max)
{
	struct ms_mark usual = {.unit = MS_MARK_PER_MILLE, .value = LOW_PER_MILLE};

	return ms_units_resolve(config->low, max, ms_units_resolve(usual, max, 0));
}

/* The least distance between high and low. Who configured a smaller one gets that. */
static uint64_t gap_of(const struct ms_policy_config *config, uint64_t max)
{
	uint64_t gap = max / GAP_DIVISOR, high = high_of(config, max), low = low_of(config, max);

	if (config->low.unit != MS_MARK_UNSET && low < high)
		gap = ms_policy_min(gap, high - low);
	return max_u64(gap, 1);
}

struct ms_marks ms_policy_marks(const struct ms_policy_config *config, uint64_t max_bytes,
				uint64_t margin_bytes)
{
	uint64_t max = max_bytes ? max_bytes : UINT64_MAX;
	uint64_t configured = high_of(config, max);
	uint64_t high = ms_policy_min(max_u64(configured, 1), max);
	uint64_t safe = max - ms_policy_min(margin_bytes, max / LOWEST_DIVISOR);
	struct ms_marks marks = {.max_bytes = max};

	/* A high below half of max was configured so; no margin moves it. */
	high = ms_policy_min(high, safe);
	marks.lowered = high < configured;
	marks.high_bytes = high;
	marks.low_bytes = ms_policy_min(low_of(config, max), ms_sat_sub(high, gap_of(config, max)));
	marks.danger_bytes = max - ms_policy_min(max_u64(margin_bytes, (max - high) / DANGER_NEAREST),
					   (max - high) / DANGER_FARTHEST);
	return marks;
}

/* Marks in bytes and in shares of a max that is not known cannot be compared. */
static bool comparable(struct ms_mark a, struct ms_mark b)
{
	return (a.unit == MS_MARK_BYTES) == (b.unit == MS_MARK_BYTES);
}

enum ms_policy_fault ms_policy_check(const struct ms_policy_config *config, uint64_t max_bytes)
{
	/* Any whole serves to compare shares. */
	uint64_t max = max_bytes ? max_bytes : UINT64_C(1) << 40;
	uint64_t high = high_of(config, max), low = low_of(config, max);

	if (config->high.unit != MS_MARK_UNSET && config->high.value == 0)
		return MS_POLICY_HIGH_IS_ZERO;
	if (max_bytes && high > max_bytes)
		return MS_POLICY_HIGH_ABOVE_MAX;
	if (config->low.unit == MS_MARK_UNSET || (!max_bytes && !comparable(config->high, config->low)))
		return MS_POLICY_OK;
	return low < high ? MS_POLICY_OK : MS_POLICY_LOW_NOT_BELOW_HIGH;
}

/* SPDX-License-Identifier: MIT */
/*
 * policy/marks.c - the budget: high, low and danger in bytes, and the defaults. Pure.
 */
#include "policy/internal.h"
#include "util/clock.h"

/* Where each value is from; "chosen" is by judgement, not measured. */
struct ms_policy_config ms_policy_defaults(void)
{
	return (struct ms_policy_config){
		/* The marks: chosen. With less than half of max a job is better off without a watch. */
		.high_per_mille = 900,
		.low_per_mille = 800,
		/* Chosen. Above memory.high nothing is freed: measured, at 99.7 % of 64 MiB for 100 s, for good. */
		.throttled_high_per_mille = 850,
		.throttled_low_per_mille = 750,
		.gap_divisor = 20,
		/* Chosen: a round of a busy interpreter takes 5 ms, most of it the wait for its lock. */
		.round_ns = 15 * MS_NS_PER_MS,
		.narrow_divisor = 64,
		.lowest_divisor = 2,
		/* Measured: a process stops by itself within a MiB for each of its threads. */
		.brake_divisor = 8,
		.danger_nearest_divisor = 8,
		.danger_farthest_divisor = 2,
		/* Chosen: some ticks of a loaded machine; three more rounds fit in the time left. */
		.hold_off_ns = 200 * MS_NS_PER_MS,
		.hold_off_short_divisor = 8,
		.room_divisor = 4,
		/* Measured: an agent that is scheduled takes an order in 0.6 ms, in 1 at worst. */
		.untaken_ns = 5 * MS_NS_PER_MS,
		.patience_ns = MS_NS_PER_S, /* chosen */
		/* The agent's own where an order names none; measured: a clear of 250 MiB takes 305 ms. */
		.timeout_most_ns = 10 * MS_NS_PER_S,
		.timeout_least_ns = 500 * MS_NS_PER_MS,
		/* Chosen: what grows at all fast is above high again within it. */
		.calm_ns = MS_NS_PER_S,
		/* Chosen: no program keeps a peak for so long by chance. Three more looks fit in the rest of the
		 * time, and a hook or a signal. */
		.exhausted_ns = 5 * MS_NS_PER_S,
		.exhausted_divisor = 4,
		.helpless_useless = 2, /* chosen: whole caches were asked by then */
		/* Chosen: of 60 MiB that CPython freed 11 came back at once, which is not help yet. */
		.helped_divisor = 4,
		.worth_divisor = 8,   /* chosen */
		.enough_divisor = 64, /* chosen: less than a reading's error */
		/* Measured: a trim of 45 MiB takes 1 to 5 ms, a clear of 250 MiB 305 ms. */
		.quick_ns = 20 * MS_NS_PER_MS,
		.useless = {5 * MS_NS_PER_S, 6}, /* chosen: to 5 min */
		/* Chosen: a lock is held for microseconds, or for a whole query: to 5 s. */
		.busy = {20 * MS_NS_PER_MS, 8},
		/* Chosen: its row remembers which cache it was: to 16 s. With 15 s at once a job was killed
		 * that was slow a single time, on a busy machine. */
		.stuck = {500 * MS_NS_PER_MS, 5},
		.danger_tries = 32, /* chosen: every 200 ms to 10 s */
	};
}

static uint64_t high_of(const struct ms_policy_config *config, uint64_t max)
{
	struct ms_mark usual = {.unit = MS_MARK_PER_MILLE, .value = config->high_per_mille};

	return ms_units_resolve(config->high, max, ms_units_resolve(usual, max, 0));
}

static uint64_t low_of(const struct ms_policy_config *config, uint64_t max)
{
	struct ms_mark usual = {.unit = MS_MARK_PER_MILLE, .value = config->low_per_mille};

	return ms_units_resolve(config->low, max, ms_units_resolve(usual, max, 0));
}

/* The least distance between high and low; a smaller one where that was configured. */
static uint64_t gap_of(const struct ms_policy_config *config, uint64_t max)
{
	uint64_t gap = max / config->gap_divisor, high = high_of(config, max), low = low_of(config, max);

	if (config->low.unit != MS_MARK_UNSET && low < high)
		gap = ms_least(gap, high - low);
	return ms_greatest(gap, 1);
}

struct ms_marks ms_policy_marks(const struct ms_policy_config *config, uint64_t max_bytes,
				uint64_t margin_bytes)
{
	uint64_t max = max_bytes ? max_bytes : UINT64_MAX;
	uint64_t configured = high_of(config, max);
	uint64_t high = ms_least(ms_greatest(configured, 1), max);
	uint64_t safe = max - ms_least(margin_bytes, max / config->lowest_divisor);
	struct ms_marks marks = {.max_bytes = max};

	/* A high below half of max was configured so; no margin moves it. */
	high = ms_least(high, safe);
	marks.lowered = high < configured;
	marks.high_bytes = high;
	marks.low_bytes = ms_least(low_of(config, max), ms_sat_sub(high, gap_of(config, max)));
	uint64_t nearest = (max - high) / config->danger_nearest_divisor;
	uint64_t farthest = (max - high) / config->danger_farthest_divisor;

	marks.danger_bytes = max - ms_least(ms_greatest(margin_bytes, nearest), farthest);
	return marks;
}

struct ms_marks ms_policy_marks_of(const struct ms_policy_config *config, const struct ms_limit *limit,
				   uint64_t margin_bytes)
{
	struct ms_policy_config throttled = *config;

	if (limit->source != MS_LIMIT_CGROUP2_HIGH)
		return ms_policy_marks(config, limit->max_bytes, margin_bytes);
	throttled.high_per_mille = config->throttled_high_per_mille;
	throttled.low_per_mille = config->throttled_low_per_mille;
	throttled.danger_nearest_divisor = config->danger_farthest_divisor;
	return ms_policy_marks(&throttled, limit->max_bytes, margin_bytes);
}

void ms_policy_narrow(const struct ms_policy_config *config, uint64_t growth_bytes_per_s, struct ms_marks *marks)
{
	double grown = (double)growth_bytes_per_s * (double)config->round_ns / 1e9;
	uint64_t gap = marks->max_bytes / config->narrow_divisor, now = ms_policy_span(marks);

	if (config->low.unit != MS_MARK_UNSET)
		return;
	if (grown > (double)gap)
		gap = grown < (double)now ? (uint64_t)grown : now;
	marks->low_bytes = marks->high_bytes - ms_least(ms_greatest(gap, 1), now);
}

uint64_t ms_policy_brake_bytes(const struct ms_policy_config *config, const struct ms_marks *marks)
{
	return marks->high_bytes + (marks->max_bytes - marks->high_bytes) / config->brake_divisor;
}

void ms_policy_leave_to_processes(const struct ms_policy_config *config, struct ms_marks *marks)
{
	if (config->high.unit == MS_MARK_UNSET && !marks->lowered)
		marks->high_bytes = ms_policy_brake_bytes(config, marks);
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
	struct ms_policy_config whole = ms_policy_defaults();

	whole.high = config->high;
	whole.low = config->low;
	uint64_t high = high_of(&whole, max), low = low_of(&whole, max);

	if (config->high.unit != MS_MARK_UNSET && config->high.value == 0)
		return MS_POLICY_HIGH_IS_ZERO;
	if (max_bytes && high > max_bytes)
		return MS_POLICY_HIGH_ABOVE_MAX;
	if (config->low.unit == MS_MARK_UNSET || (!max_bytes && !comparable(config->high, config->low)))
		return MS_POLICY_OK;
	return low < high ? MS_POLICY_OK : MS_POLICY_LOW_NOT_BELOW_HIGH;
}

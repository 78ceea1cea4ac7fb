/* SPDX-License-Identifier: MIT */
/*
 * lib/count.c - asks caches that know their own size, about once a second.
 *
 * Runs in the thread that is the agent, between orders. While nothing changes the passes come less
 * often, up to BACK_OFF_LIMIT times the interval, so that an idle process stays idle. The allocator's
 * row is one of the caches, with a pace of its own (allocator.c). A pass over many caches is cut into slices of a
 * two-hundredth of the interval: the host's lock is held meanwhile, and waited for.
 */
#include "lib/count.h"

#include "lib/allocator.h"
#include "lib/executor.h"
#include "lib/hooks.h"
#include "lib/lib.h"
#include "lib/own.h"
#include "lib/registry.h"
#include "util/clock.h"

enum {
	BACK_OFF_LIMIT = 8,
	COUNT_SHARE = 4, /* orders for pressure may come every few ms: counting first takes a fifth of that time at most */
	SLICE_SHARE = 200,
	ROWS_UNTIMED = 16,
};
#define COUNT_TIMEOUT_NS MS_NS_PER_S

static uint64_t shortest_ns(void)
{
	return ms_lib.agent_options.count_interval_ms * MS_NS_PER_MS;
}

void ms_count_reset(void)
{
	ms_lib.count.interval_ns = shortest_ns();
	ms_lib.count.next_row = 0;
	atomic_store_explicit(&ms_lib.count.due_ns, ms_clock_ns() + ms_lib.count.interval_ns, memory_order_relaxed);
}

uint64_t ms_count_due(void)
{
	uint64_t due = atomic_load_explicit(&ms_lib.count.due_ns, memory_order_relaxed);
	uint64_t allocator = ms_allocator_count_due();

	if (!atomic_load_explicit(&ms_lib.pullers, memory_order_relaxed))
		return allocator;
	return due < allocator ? due : allocator;
}

void ms_count_expect(void)
{
	uint64_t soon = ms_clock_ns() + shortest_ns();
	bool first = atomic_load_explicit(&ms_lib.pullers, memory_order_relaxed) == 1;

	/* The first one is looked for at once; the agent may have slept for other reasons until now. */
	if (!first && atomic_load_explicit(&ms_lib.count.due_ns, memory_order_relaxed) <= soon)
		return;
	atomic_store_explicit(&ms_lib.count.due_ns, soon, memory_order_relaxed);
	ms_control_wake(&ms_lib.control);
}

static bool counts(const struct memshed_cache *cache, const struct ms_order *unused)
{
	(void)unused;
	return cache->options.count;
}

int ms_count_one(uint32_t row, uint32_t generation, uint64_t deadline_ns, bool *ret_changed,
		 uint32_t *ret_status)
{
	struct ms_ask ask = {.level = MS_LEVEL_COUNT, .deadline_ns = deadline_ns};
	struct ms_outcome outcome;

	switch (ms_executor_ask(row, generation, &ask, MS_NO_JOB, counts, NULL, &outcome)) {
	case MS_ASKED_LOST:
		return MS_AGENT_LOST;
	case MS_ASKED_QUEUED: /* nothing waits for it */
		outcome.status = MS_ANSWER_BUSY;
		break;
	case MS_ASKED_RAN:
		*ret_changed |= outcome.changed;
		break;
	case MS_ASKED_NOT:
		break;
	}
	*ret_status = outcome.status;
	return 0;
}

/* Return: the cache's generation; 0 when there is none, or one that cannot count. */
static uint32_t find_puller(uint32_t row)
{
	uint32_t generation = 0;

	pthread_mutex_lock(&ms_lib.result_lock);
	const struct memshed_cache *cache = ms_registry_find(row, 0);

	if (cache && cache->options.count)
		generation = cache->generation;
	pthread_mutex_unlock(&ms_lib.result_lock);
	return generation;
}

/* Return: whether an order waits, or the slice is over. */
static bool is_slice_over(uint32_t rows_done, uint64_t end_ns)
{
	return ms_control_posted(&ms_lib.control) || ms_own_is_wanted() ||
	       (rows_done && rows_done % ROWS_UNTIMED == 0 && ms_clock_ns() >= end_ns);
}

/* @sliced: go on where the last pass stopped, and leave the rest for the next one. */
static int count_rows(bool sliced, bool *ret_changed)
{
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_acquire); /* [writer.W3] */
	uint32_t next = sliced ? ms_lib.count.next_row : 0;
	uint32_t first = next > MS_ALLOCATOR_ROW ? next : MS_ALLOCATOR_ROW + 1;
	uint64_t end_ns = ms_clock_ns() + shortest_ns() / SLICE_SHARE;

	ms_lib.count.next_row = 0;
	for (uint32_t row = first; row < high && ms_lib_runs(); row++) {
		uint32_t generation, status;

		if (sliced && is_slice_over(row - first, end_ns)) {
			ms_lib.count.next_row = row;
			*ret_changed = true; /* so that the rest comes soon */
			return 0;
		}
		generation = find_puller(row);
		if (generation &&
		    ms_count_one(row, generation, ms_clock_ns() + COUNT_TIMEOUT_NS, ret_changed, &status) < 0)
			return MS_AGENT_LOST;
	}
	return 0;
}

static int count_caches(uint64_t now_ns)
{
	bool changed = false;
	int result = 0;

	/* Before the callbacks: a thread that gets stuck in one leaves this alone. */
	atomic_store_explicit(&ms_lib.count.due_ns, now_ns + ms_lib.count.interval_ns, memory_order_relaxed);
	if (ms_hooks_begin() < 0)
		return 0;
	result = count_rows(true, &changed);
	ms_hooks_end();
	if (result < 0)
		return result;
	ms_lib.count.interval_ns = changed ? shortest_ns() : 2 * ms_lib.count.interval_ns;
	if (ms_lib.count.interval_ns > BACK_OFF_LIMIT * shortest_ns())
		ms_lib.count.interval_ns = BACK_OFF_LIMIT * shortest_ns();
	atomic_store_explicit(&ms_lib.count.due_ns, now_ns + ms_lib.count.interval_ns, memory_order_relaxed);
	return 0;
}

int ms_count_all(uint64_t now_ns)
{
	bool changed = false;
	uint64_t end;

	if (now_ns < ms_lib.count.all_due_ns || !atomic_load_explicit(&ms_lib.pullers, memory_order_relaxed))
		return 0;
	if (count_rows(false, &changed) < 0)
		return MS_AGENT_LOST;
	end = ms_clock_ns();
	ms_lib.count.all_due_ns = end + COUNT_SHARE * (end - now_ns);
	return 0;
}

int ms_count_when_due(void)
{
	uint64_t now = ms_clock_ns();
	uint32_t status;
	bool changed = false;

	if (atomic_load_explicit(&ms_lib.pullers, memory_order_relaxed) &&
	    now >= atomic_load_explicit(&ms_lib.count.due_ns, memory_order_relaxed) && count_caches(now) < 0)
		return MS_AGENT_LOST;
	if (now < ms_allocator_count_due())
		return 0;
	return ms_count_one(MS_ALLOCATOR_ROW, 0, now + COUNT_TIMEOUT_NS, &changed, &status);
}

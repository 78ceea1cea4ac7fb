/* SPDX-License-Identifier: MIT */
/*
 * lib/owner.c - caches whose callbacks only their owner's thread may run, inside memshed_poll().
 *
 * cache->wish says what the agent wishes of that thread:
 *
 *   from      to        who
 *   NONE      OPEN      agent, while it has the cache claimed; job and ask are written before
 *   OPEN      RUNNING   the owner's thread, in memshed_poll(), when it has claimed the cache
 *   OPEN      NONE      agent: the order's time is over; or unregister
 *   RUNNING   OPEN      the owner's thread: another callback runs just now; it does not begin
 *   RUNNING   ANSWERED  the owner's thread; the outcome is written before
 *   RUNNING   NONE      the same, after a mere count
 *   RUNNING   GIVEN_UP  agent: past the deadline, the callback is stuck
 *   GIVEN_UP  NONE      the owner's thread, when the callback has returned after all, or did not begin
 *   ANSWERED  NONE      agent
 *
 *   [O1] each move away from a state is a release, each look at it an acquire: what was written
 *        before is there.
 */
#include <errno.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "util/rcu.h"

enum ms_wish { NONE = 0, OPEN, RUNNING, ANSWERED, GIVEN_UP };

_Atomic uint32_t ms_poll_word;

static bool move(struct memshed_cache *cache, uint32_t from, uint32_t to)
{
	/* Counted before it is OPEN and until after, so that the count never goes below zero, which would
	 * read as MS_POLL_SIGNAL_MODE. */
	if (to == OPEN)
		atomic_fetch_add_explicit(&ms_poll_word, 1, memory_order_relaxed);

	bool moved = atomic_compare_exchange_strong_explicit(&cache->wish, &from, to, memory_order_acq_rel,
							     memory_order_acquire); /* [O1] */

	if (moved ? from == OPEN : to == OPEN)
		atomic_fetch_sub_explicit(&ms_poll_word, 1, memory_order_relaxed);
	return moved;
}

static uint32_t state_of(const struct memshed_cache *cache)
{
	return atomic_load_explicit(&cache->wish, memory_order_acquire); /* [O1] */
}

int ms_owner_wish(struct memshed_cache *cache, uint32_t job, const struct ms_ask *ask)
{
	/* The cache is claimed, so its owner's thread does not begin meanwhile. */
	if (state_of(cache) == OPEN && cache->wish_ask.level == MS_LEVEL_COUNT)
		move(cache, OPEN, NONE);
	if (state_of(cache) != NONE)
		return -EBUSY;
	cache->wish_job = job;
	cache->wish_ask = *ask;
	move(cache, NONE, OPEN);
	return 0;
}

/* Return: whether the wish is settled; then *ret_outcome says how. */
static bool settle(struct memshed_cache *cache, bool late, struct ms_outcome *ret_outcome, bool *ret_stuck)
{
	switch (state_of(cache)) {
	case ANSWERED:
		*ret_outcome = cache->wish_outcome;
		return move(cache, ANSWERED, NONE);
	case OPEN:
		*ret_outcome = (struct ms_outcome){.status = MS_ANSWER_BUSY};
		return late && move(cache, OPEN, NONE);
	case RUNNING:
		*ret_outcome = (struct ms_outcome){.status = MS_ANSWER_STUCK};
		if (!late || !move(cache, RUNNING, GIVEN_UP))
			return false;
		*ret_stuck = true;
		return true;
	default:
		return false;
	}
}

uint32_t ms_owner_collect(uint32_t job, uint64_t deadline_ns, uint64_t now_ns,
			  void (*fold)(uint32_t job, const struct ms_outcome *outcome))
{
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_acquire); /* [W3] */
	uint32_t open = 0;
	bool stuck = false;

	for (uint32_t row = MS_ALLOCATOR_ROW + 1; row < high; row++) {
		struct ms_outcome outcome;

		ms_rcu_read_lock();
		struct memshed_cache *cache = ms_rcu_dereference(&ms_lib.by_row[row]);
		uint32_t state = cache ? state_of(cache) : NONE;

		if (state != NONE && state != GIVEN_UP && cache->wish_job == job) {
			if (settle(cache, now_ns >= deadline_ns, &outcome, &stuck))
				fold(job, &outcome);
			else
				open++;
		}
		ms_rcu_read_unlock();
	}
	if (stuck)
		ms_call_take_over(MS_CALLER_OWNER, now_ns);
	return open;
}

void ms_owner_forget(struct memshed_cache *cache)
{
	if (move(cache, OPEN, NONE))
		ms_control_wake(&ms_lib.control); /* a job may wait for it */
}

/* Return: whether a callback ran. */
static bool grant(struct memshed_cache *cache)
{
	struct ms_outcome outcome;
	struct ms_ask ask;
	uint64_t epoch;

	if (!move(cache, OPEN, RUNNING)) {
		ms_registry_release(cache);
		return false;
	}
	ask = cache->wish_ask;
	if (!ms_call_try(MS_CALLER_OWNER, cache->row, &ask, &epoch)) {
		if (!move(cache, RUNNING, OPEN)) /* at the next safe point */
			move(cache, GIVEN_UP, NONE);
		ms_registry_release(cache);
		return false;
	}
	ms_run_cache(cache, &ask, epoch, &outcome);
	return true;
}

void ms_owner_answered(struct memshed_cache *cache, const struct ms_ask *ask, const struct ms_outcome *outcome)
{
	uint32_t state = state_of(cache);

	if (state != RUNNING && state != GIVEN_UP) /* it was the agent who ran it */
		return;
	cache->wish_outcome = *outcome;
	if (!move(cache, RUNNING, ask->level == MS_LEVEL_COUNT ? NONE : ANSWERED))
		move(cache, GIVEN_UP, NONE);
}

static bool is_wished_of_me(const struct memshed_cache *cache)
{
	return cache && cache->owner == ms_thread_id() && state_of(cache) == OPEN;
}

static int poll_rows(void)
{
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_acquire); /* [W3] */
	int ran = 0;

	for (uint32_t row = MS_ALLOCATOR_ROW + 1; row < high; row++) {
		struct memshed_cache *cache;

		ms_rcu_read_lock();
		bool mine = is_wished_of_me(ms_rcu_dereference(&ms_lib.by_row[row]));

		ms_rcu_read_unlock();
		if (mine && ms_registry_claim(row, 0, &cache) == MS_CLAIMED && grant(cache))
			ran++;
	}
	return ran;
}

int ms_owner_poll(void)
{
	int ran = 0;

	if (ms_calling)
		return 0;
	/* Counted as being in a callback from before the look at life: memshed_stop() sets that first,
	 * and looks at the count afterwards. Both sequentially consistent: [L1] in start.c. */
	atomic_fetch_add_explicit(&ms_lib.callbacks, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&ms_lib.life, memory_order_seq_cst) == MS_LIFE_RUNNING) /* [L1] */
		ran = poll_rows();
	atomic_fetch_sub_explicit(&ms_lib.callbacks, 1, memory_order_seq_cst); /* [L1] */
	if (ran)
		ms_control_wake(&ms_lib.control);
	ms_lib_returned();
	return ran;
}

void ms_owner_after_fork(void)
{
	atomic_fetch_and_explicit(&ms_poll_word, MS_POLL_SIGNAL_MODE, memory_order_relaxed);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/registry.c - caches come and go; the agent finds them. Guarantees [C1] and [C2] stand in lib.h.
 *
 * Any thread, also from inside a callback. [K1] is held for short, and never across a grace period or
 * the wait for a callback.
 *
 *   [P1] cache->busy is cleared (release) after the callback's last access; pairs with the load
 *        (acquire) in is_idle(), after which the cache is freed. Who waits makes it AWAITED first, and
 *        who clears it then wakes: not every claim ends in a callback, whose return wakes anyway.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "lib/candidates.h"
#include "table/slot.h"
#include "util/clock.h"
#include "util/futex.h"
#include "util/rcu.h"

enum ms_busy { IDLE = 0, BUSY, AWAITED };

static uint32_t row_flags(const struct memshed_cache_options *options)
{
	return options->flags | (options->count ? MS_ROW_PULLED : 0) | (options->shrink ? MS_ROW_PARTIAL : 0) |
	       (options->thread_class == MEMSHED_THREAD_OWNER ? MS_ROW_OWNER_ONLY : 0);
}

static int publish(struct memshed_cache *cache, struct memshed_cache **ret_cache)
{
	const struct memshed_cache_options *options = &cache->options;
	struct ms_row_identity identity = {
		.name = options->name,
		.source_file = options->source_file,
		.source_line = options->source_line,
		.kind = (uint32_t)options->kind,
		.flags = row_flags(options),
		.priority = options->priority,
		.cost_us = options->cost_us,
	};
	int error = ms_table_row_add(&ms_lib.table, &identity, ms_clock_ns(), &cache->row, &cache->generation);

	if (error)
		return error;
	error = ms_candidates_reserve(cache->row);
	if (error) {
		ms_table_row_retire(&ms_lib.table, cache->row, ms_clock_ns());
		return error;
	}
	cache->shard_row_offset = (uint64_t)cache->row * MS_SHARD_ROW_BYTES;
	cache->options.name = NULL;
	cache->options.source_file = NULL;
	if (options->count)
		atomic_fetch_add_explicit(&ms_lib.pullers, 1, memory_order_relaxed);
	*ret_cache = cache; /* before the first callback, which may look there */
	ms_rcu_assign(&ms_lib.by_row[cache->row], cache); /* [R1] in util/rcu.h */
	return 0;
}

MS_PUBLIC int memshed_register(const struct memshed_cache_options *options, struct memshed_cache **ret_cache)
{
	MS_KEEP_ERRNO;
	struct memshed_cache_options copy;
	int error = ms_options_copy_cache(options, &copy);

	if (error)
		return error;
	error = ms_lib_ensure();
	if (error)
		return error;

	struct memshed_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->options = copy;
	cache->owner = ms_thread_id();
	pthread_mutex_lock(&ms_lib.lock);
	error = publish(cache, ret_cache);
	if (!error && copy.count && ms_agent_runs())
		ms_count_expect();
	pthread_mutex_unlock(&ms_lib.lock);
	if (error) {
		free(cache);
		return error;
	}
	return 0;
}

static void withdraw(struct memshed_cache *cache)
{
	pthread_mutex_lock(&ms_lib.lock);
	atomic_store_explicit(&ms_lib.by_row[cache->row], NULL, memory_order_release); /* [C2] */
	cache->next = ms_lib.dying;
	ms_lib.dying = cache;
	if (cache->options.count)
		atomic_fetch_sub_explicit(&ms_lib.pullers, 1, memory_order_relaxed);
	pthread_mutex_unlock(&ms_lib.lock);
}

/* Nobody runs it, nobody can find it. */
static void bury(struct memshed_cache *cache)
{
	pthread_mutex_lock(&ms_lib.lock);
	for (struct memshed_cache **at = &ms_lib.dying; *at; at = &(*at)->next) {
		if (*at == cache) {
			*at = cache->next;
			break;
		}
	}
	ms_table_row_retire(&ms_lib.table, cache->row, ms_clock_ns());
	pthread_mutex_unlock(&ms_lib.lock);
	free(cache);
}

/* False: whoever has it claimed will wake us. */
static bool is_idle(struct memshed_cache *cache)
{
	uint32_t busy = BUSY;

	return !atomic_compare_exchange_strong_explicit(&cache->busy, &busy, AWAITED, memory_order_acquire,
							memory_order_acquire) && /* [P1] */
	       busy == IDLE;
}

static void wait_until_idle(struct memshed_cache *cache)
{
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [L3] */

		if (is_idle(cache))
			return;
		ms_futex_wait(&ms_lib.returns, seen, UINT64_MAX);
	}
}

MS_PUBLIC void memshed_unregister(struct memshed_cache *cache)
{
	MS_KEEP_ERRNO;

	if (!cache || ms_fork_recover() < 0)
		return;
	withdraw(cache);
	if (ms_calling == cache) {
		cache->unregister_on_return = true;
		return;
	}
	ms_rcu_synchronize();
	wait_until_idle(cache);
	ms_owner_forget(cache); /* not earlier: the agent may have been about to wish something of it */
	bury(cache);
}

enum ms_claim ms_registry_claim(uint32_t row, uint32_t generation, struct memshed_cache **ret_cache)
{
	enum ms_claim claim = MS_CLAIM_GONE;
	uint32_t idle = IDLE;

	if (row >= MS_ROW_COUNT)
		return claim;
	ms_rcu_read_lock();

	struct memshed_cache *cache = ms_rcu_dereference(&ms_lib.by_row[row]);

	if (cache && (!generation || generation == cache->generation)) {
		claim = atomic_compare_exchange_strong_explicit(&cache->busy, &idle, BUSY, memory_order_acquire,
								memory_order_relaxed) ? /* [P1] */
				MS_CLAIMED : MS_CLAIM_BUSY;
		*ret_cache = cache;
	}
	ms_rcu_read_unlock();
	return claim;
}

void ms_registry_release(struct memshed_cache *cache)
{
	if (cache->unregister_on_return) {
		ms_rcu_synchronize();
		ms_owner_forget(cache);
		bury(cache);
		return;
	}
	/* It may be gone as soon as it is idle. [P1] */
	if (atomic_exchange_explicit(&cache->busy, IDLE, memory_order_release) == AWAITED)
		ms_lib_returned();
}

/* The threads that ran callbacks or were unregistering are not in this process. */
void ms_registry_after_fork(void)
{
	struct memshed_cache *dying = ms_lib.dying;
	uint32_t high = atomic_load_explicit(&ms_lib.table.header->row_high, memory_order_relaxed);

	ms_lib.dying = NULL;
	while (dying) {
		struct memshed_cache *next = dying->next;

		if (dying == ms_calling) { /* this thread is inside its callback, and ends it itself */
			dying->next = ms_lib.dying;
			ms_lib.dying = dying;
		} else {
			ms_table_row_retire(&ms_lib.table, dying->row, ms_clock_ns());
			free(dying);
		}
		dying = next;
	}
	for (uint32_t row = 0; row < high; row++) {
		struct memshed_cache *cache = atomic_load_explicit(&ms_lib.by_row[row], memory_order_relaxed);

		if (!cache)
			continue;
		/* Looked at first: a page that is not written stays shared with the parent. */
		if (cache != ms_calling && atomic_load_explicit(&cache->busy, memory_order_relaxed))
			atomic_store_explicit(&cache->busy, IDLE, memory_order_relaxed);
		if (atomic_load_explicit(&cache->wish, memory_order_relaxed))
			atomic_store_explicit(&cache->wish, 0, memory_order_relaxed);
	}
}

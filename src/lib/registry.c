/* SPDX-License-Identifier: MIT */
/*
 * lib/registry.c - caches come and go; others find them by their row.
 *
 * Any thread, also from inside a callback. [K1] is held for short.
 *
 *   [registry.R1] what a cache is before it stands in ms_lib.by_row[] (release); pairs with [registry.R2]
 *   [registry.R2] the look there (acquire) before its use; pairs with [registry.R1]
 *
 * A cache is found under [K2] alone. One that is unregistered is taken out of by_row[] first, and freed only
 * after it was moved to DYING (executor.c), which is done under [K2] and not while its callback runs. So
 * a thread that finds it may use it until it releases [K2], and until the callback has returned that it
 * began meanwhile.
 */
#include "lib/registry.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/lib.h"
#include "util/clock.h"

static uint32_t row_flags(const struct memshed_cache_options *options)
{
	return options->flags | (options->count ? MS_ROW_PULLED : 0) | (options->shrink ? MS_ROW_PARTIAL : 0) |
	       (options->thread_class == MEMSHED_THREAD_OWNER ? MS_ROW_OWNER_ONLY : 0);
}

void ms_registry_publish(struct memshed_cache *cache)
{
	atomic_store_explicit(&ms_lib.by_row[cache->row], cache, memory_order_release); /* [registry.R1] */
}

int ms_registry_add(struct memshed_cache *cache, struct memshed_cache **ret_cache)
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
	ms_table_complete(&ms_lib.table);

	int error = ms_table_row_add(&ms_lib.table, &identity, ms_clock_ns(), &cache->row, &cache->generation);

	if (error)
		return error;
	cache->shard_row_offset = (uint64_t)cache->row * MS_SHARD_ROW_BYTES;
	cache->options.name = NULL;
	cache->options.source_file = NULL;
	if (options->count)
		atomic_fetch_add_explicit(&ms_lib.pullers, 1, memory_order_relaxed);
	*ret_cache = cache; /* before the first callback, which may look there */
	ms_registry_publish(cache);
	return 0;
}

void ms_registry_withdraw(struct memshed_cache *cache)
{
	pthread_mutex_lock(&ms_lib.lock);
	atomic_store_explicit(&ms_lib.by_row[cache->row], NULL, memory_order_relaxed);
	cache->next = ms_lib.dying;
	ms_lib.dying = cache;
	if (cache->options.count)
		atomic_fetch_sub_explicit(&ms_lib.pullers, 1, memory_order_relaxed);
	pthread_mutex_unlock(&ms_lib.lock);
}

void ms_registry_bury(struct memshed_cache *cache)
{
	pthread_mutex_lock(&ms_lib.lock);
	for (struct memshed_cache **at = &ms_lib.dying; *at; at = &(*at)->next) {
		if (*at == cache) {
			*at = cache->next;
			break;
		}
	}
	ms_table_row_retire(&ms_lib.table, cache->row, ms_clock_ns());
	atomic_fetch_sub_explicit(&ms_lib.estimated_bytes, cache->estimated_bytes, memory_order_relaxed);
	pthread_mutex_unlock(&ms_lib.lock);
	free(cache);
}

struct memshed_cache *ms_registry_find(uint32_t row, uint32_t generation)
{
	struct memshed_cache *cache = NULL;

	if (row < MS_ROW_COUNT)
		cache = atomic_load_explicit(&ms_lib.by_row[row], memory_order_acquire); /* [registry.R2] */

	return cache && (!generation || generation == cache->generation) ? cache : NULL;
}

/* The threads that were unregistering are not in this process. */
void ms_registry_after_fork(const struct memshed_cache *in_use)
{
	struct memshed_cache *dying = ms_lib.dying;

	ms_lib.dying = NULL;
	while (dying) {
		struct memshed_cache *next = dying->next;

		if (dying == in_use) {
			dying->next = ms_lib.dying;
			ms_lib.dying = dying;
		} else {
			ms_table_row_retire(&ms_lib.table, dying->row, ms_clock_ns());
			free(dying);
		}
		dying = next;
	}
}

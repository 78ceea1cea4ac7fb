/* SPDX-License-Identifier: MIT */
/*
 * lib/cache.c - memshed_register() and memshed_unregister().
 *
 * Any thread, also from inside a callback. [K1] is held for short, and never while a callback is waited for.
 */
#include <stdlib.h>

#include "lib/candidates.h"
#include "lib/count.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "lib/registry.h"

static int publish(struct memshed_cache *cache, struct memshed_cache **ret_cache)
{
	ms_candidates_reserve();

	int error = ms_registry_add(cache, ret_cache);

	if (!error && cache->options.count && ms_lib_runs())
		ms_count_expect();
	return error;
}

MS_PUBLIC int memshed_register(const struct memshed_cache_options *options, struct memshed_cache **ret_cache)
{
	MS_CANCEL_OR_KEEP_CALLER;
	struct memshed_cache_options copy;
	int error = ms_options_copy_cache(options, &copy);

	if (!error)
		error = ms_lib_ensure();
	if (error)
		return error;

	struct memshed_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->options = copy;
	cache->owner = ms_thread_id();
	cache->job = MS_NO_JOB;
	pthread_mutex_lock(&ms_lib.lock);
	error = publish(cache, ret_cache);
	pthread_mutex_unlock(&ms_lib.lock);
	if (error)
		free(cache);
	return error;
}

MS_PUBLIC void memshed_unregister(struct memshed_cache *cache)
{
	MS_KEEP_CALLER;

	if (!cache || ms_enter() < 0)
		return;
	ms_registry_withdraw(cache);
	if (ms_executor_end(cache))
		ms_registry_bury(cache);
}

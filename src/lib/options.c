/* SPDX-License-Identifier: MIT */
/*
 * lib/options.c - options structs that grow from release to release.
 *
 * The caller's size field says which memshed.h it was built with. A smaller struct is an older one:
 * the fields it lacks are zero. A larger one is newer: fine as long as what we do not know is zero.
 * Pure functions, any thread.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/lib.h"
#include "table/slot.h"

static int copy(void *to, size_t to_size, const void *from, size_t from_size)
{
	const unsigned char *bytes = from;

	if (from_size < sizeof(size_t))
		return -EINVAL;
	for (size_t i = to_size; i < from_size; i++)
		if (bytes[i])
			return -E2BIG;
	memset(to, 0, to_size);
	memcpy(to, from, from_size < to_size ? from_size : to_size);
	return 0;
}

int ms_options_copy_cache(const struct memshed_cache_options *from, struct memshed_cache_options *ret)
{
	enum { FLAGS = MEMSHED_CACHE_MAY_IO | MEMSHED_CACHE_ESTIMATED | MEMSHED_CACHE_MANUAL |
	       MEMSHED_CACHE_NO_BRAKE | MEMSHED_CACHE_COLLECTOR };

	if (!from)
		return -EINVAL;
	int error = copy(ret, sizeof(*ret), from, from->size);

	if (error)
		return error;
	if (!ret->name || !ret->name[0] || (!ret->shrink && !ret->clear))
		return -EINVAL;
	if (ret->priority < -1000 || ret->priority > 1000 || (ret->flags & ~(uint32_t)FLAGS))
		return -EINVAL;
	if (ret->flags & MEMSHED_CACHE_COLLECTOR)
		ret->flags |= MEMSHED_CACHE_MANUAL;
	if (ret->thread_class != MEMSHED_THREAD_ANY && ret->thread_class != MEMSHED_THREAD_OWNER)
		return -EINVAL;
	return 0;
}

int ms_options_copy_agent(const struct memshed_agent_options *from, struct memshed_agent_options *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (from) {
		int error = copy(ret, sizeof(*ret), from, from->size);

		if (error)
			return error;
	}
	if (ret->mode == MEMSHED_AGENT_SIGNAL && !ret->signal)
		ret->signal = SIGURG;
	if (ret->mode == MEMSHED_AGENT_SIGNAL ? !ms_slot_signal_fits(ret->signal) : ret->signal != 0)
		return -EINVAL;
	if (ret->mode != MEMSHED_AGENT_THREAD && ret->mode != MEMSHED_AGENT_FD && ret->mode != MEMSHED_AGENT_SIGNAL)
		return -EINVAL;
	if (!ret->round_begin != !ret->round_end || ret->flags & ~(uint32_t)MEMSHED_AGENT_NO_BRAKE)
		return -EINVAL;
	if (!ret->count_interval_ms)
		ret->count_interval_ms = 1000;
	return 0;
}

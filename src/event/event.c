/* SPDX-License-Identifier: MIT */
/* event/event.c - see event.h. */
#include "event/event.h"

#include <assert.h>
#include <string.h>

void ms_event_read(struct ms_event *event, const struct ms_sample *sample, const struct ms_marks *marks)
{
	bool limited = sample->limit.source != MS_LIMIT_NONE;

	event->processes = sample->processes;
	event->rss_bytes = sample->rss_bytes;
	event->used_bytes = sample->limit.used_bytes;
	event->max_bytes = limited ? sample->limit.max_bytes : UINT64_MAX;
	event->danger_bytes = limited ? marks->danger_bytes : UINT64_MAX;
	event->high_bytes = limited ? marks->high_bytes : UINT64_MAX;
	event->low_bytes = limited ? marks->low_bytes : UINT64_MAX;
	event->limit = sample->limit.source;
	memcpy(event->limit_where, sample->limit.where, sizeof(event->limit_where));
	event->growth_bytes_per_s = sample->growth_bytes_per_s;
}

void ms_event_caches_add(struct ms_event_caches *list, const struct ms_event_cache *cache)
{
	uint32_t at = list->count;

	assert(list->count <= MS_EVENT_NAMED);
	while (at > 0 && list->at[at - 1].bytes < cache->bytes)
		at--;
	if (list->count == MS_EVENT_NAMED) {
		list->more++;
		if (at == MS_EVENT_NAMED)
			return;
		list->count--;
	}
	memmove(&list->at[at + 1], &list->at[at], (list->count - at) * sizeof(*cache));
	list->at[at] = *cache;
	list->count++;
}

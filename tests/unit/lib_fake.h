/* SPDX-License-Identifier: MIT */
/* lib_fake.h - a cache of the tests of libmemshed, which does as it is told. */
#ifndef LIB_FAKE_H
#define LIB_FAKE_H

#include <pthread.h>
#include <semaphore.h>

#include "lib_bed.h"

struct fake {
	struct memshed_cache *handle;
	enum memshed_status status;
	uint64_t freed_bytes, freed_entries; /* what it reports */
	uint64_t uncharge_bytes;             /* what it takes off its counters */
	_Atomic unsigned calls;
	unsigned order;                      /* when it was called, among all */
	struct memshed_request last;
	_Atomic bool wait;                   /* until let_go */
	sem_t began, let_go;
	void (*inside)(struct fake *fake);
	struct memshed_usage usage;          /* what count says */
	_Atomic unsigned counts;
};

static _Atomic unsigned call_order;
static pthread_mutex_t usage_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void say_usage(struct fake *fake, uint32_t fields, uint64_t bytes)
{
	pthread_mutex_lock(&usage_lock);
	fake->usage.fields = fields;
	fake->usage.bytes = bytes;
	pthread_mutex_unlock(&usage_lock);
}

static inline enum memshed_status shrink(void *ctx, const struct memshed_request *request,
					 struct memshed_result *result)
{
	struct fake *fake = ctx;

	bed_meet();
	fake->last = *request;
	fake->order = ++call_order;
	fake->calls++;
	memshed_uncharge(fake->handle, fake->uncharge_bytes, 0);
	if (fake->inside)
		fake->inside(fake);
	if (fake->wait) {
		sem_post(&fake->began);
		while (sem_wait(&fake->let_go) < 0)
			;
	}
	result->freed_bytes = fake->freed_bytes;
	result->freed_entries = fake->freed_entries;

	enum memshed_status status = fake->status;

	bed_meet();
	return status;
}

static inline void clear(void *ctx)
{
	struct fake *fake = ctx;

	bed_meet();
	fake->calls++;
	memshed_uncharge(fake->handle, fake->uncharge_bytes, fake->uncharge_bytes != 0);
	bed_meet();
}

static inline int count(void *ctx, struct memshed_usage *usage)
{
	struct fake *fake = ctx;

	pthread_mutex_lock(&usage_lock); /* it is called at any time */
	fake->counts++;
	fake->usage.size = usage->size;
	*usage = fake->usage;

	int result = fake->usage.fields ? 0 : -EAGAIN;

	pthread_mutex_unlock(&usage_lock);
	return result;
}

static inline void add(struct fake *fake, struct memshed_cache_options options)
{
	sem_init(&fake->began, 0, 0);
	sem_init(&fake->let_go, 0, 0);
	if (!fake->status)
		fake->status = MEMSHED_DONE;
	options.ctx = fake;
	if (!options.clear)
		options.shrink = shrink;
	assert_int_equal(memshed_register(&options, &fake->handle), 0);
}

#endif

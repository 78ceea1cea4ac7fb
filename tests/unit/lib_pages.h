/* SPDX-License-Identifier: MIT */
/* Caches of pages of their own, so that what they free comes back at once. */
#ifndef LIB_PAGES_H
#define LIB_PAGES_H

#include <sys/mman.h>

#include "lib_fake.h"

#define MIB (UINT64_C(1) << 20)

struct pages {
	struct memshed_cache *handle;
	unsigned char *at;
	uint64_t bytes;
	uint64_t claim_per_mille; /* what it says of what it frees */
	unsigned order, calls;
	uint64_t target_bytes;    /* of the last request */
	uint32_t level;
};

static inline enum memshed_status unmap(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	struct pages *pages = ctx;
	uint64_t bytes;

	bed_meet();
	bytes = pages->bytes;
	if (request->target_bytes && request->target_bytes * 1000 / pages->claim_per_mille < bytes)
		bytes = (request->target_bytes * 1000 / pages->claim_per_mille + 4095) / 4096 * 4096;
	pages->order = ++call_order;
	pages->calls++;
	pages->target_bytes = request->target_bytes;
	pages->level = request->level;
	madvise(pages->at + pages->bytes - bytes, bytes, MADV_DONTNEED);
	pages->bytes -= bytes;
	memshed_uncharge(pages->handle, bytes, bytes / 4096);
	result->freed_bytes = bytes * pages->claim_per_mille / 1000;
	bed_meet();
	return result->freed_bytes ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static inline void unmap_all(void *ctx)
{
	unmap(ctx, &(struct memshed_request){.level = MEMSHED_LEVEL_CLEAR}, &(struct memshed_result){0});
}

static inline void fill(struct pages *pages, uint64_t bytes)
{
	if (!pages->at)
		pages->at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages->at != MAP_FAILED);
	madvise(pages->at, bytes, MADV_NOHUGEPAGE);
	memset(pages->at, 1, bytes);
	memshed_charge(pages->handle, bytes - pages->bytes, (bytes - pages->bytes) / 4096);
	pages->bytes = bytes;
}

static inline void add_pages(struct pages *pages, struct memshed_cache_options options, uint64_t bytes)
{
	options.ctx = pages;
	if (!options.clear && !options.shrink)
		options.shrink = unmap;
	if (!pages->claim_per_mille)
		pages->claim_per_mille = 1000;
	assert_int_equal(memshed_register(&options, &pages->handle), 0);
	fill(pages, bytes);
}

static inline void drop_pages(struct pages *pages, uint64_t mapped_bytes)
{
	memshed_unregister(pages->handle);
	munmap(pages->at, mapped_bytes);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lib/allocator.c - row 0: the memory allocator's own free memory, and asking it to give that back.
 *
 * Freed is not resident: what callbacks free goes back to the allocator first. Which one the process
 * runs on is found out once, at start, by the library that has malloc. Its row has a shrink and a count like
 * any other cache; these run in the thread that is the agent and call the allocator, which takes its
 * own locks: never in an emergency, when the holder of such a lock may sleep in the kernel for memory.
 *
 * free_bytes as each allocator counts it:
 *   glibc     mallinfo2().fordblks, over all arenas. It goes on counting what malloc_trim() returned
 *             to the kernel from between blocks in use.
 *   jemalloc  stats.resident - stats.allocated
 *   tcmalloc  generic.heap_size - generic.current_allocated_bytes - tcmalloc.pageheap_unmapped_bytes
 *   mimalloc  says nothing
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/allocator.h"
#include "lib/lib.h"
#include "lib/registry.h"
#include "lib/statm.h"
#include "util/clock.h"
#include "util/saturate.h"

/* Less than this is not worth walking the heap for: glibc keeps that much as its own reserve anyway
 * (M_TRIM_THRESHOLD and M_TOP_PAD are 128 KiB each, for every arena). */
#define LEAST_CLAIMED_BYTES (UINT64_C(4) << 20)

/* glibc's mallinfo2() walks the free chunks of every arena under its lock. So it comes at most every 8 s,
 * and so seldom that it takes at most a thousandth of the time. */
#define COUNT_INTERVAL_NS (8 * MS_NS_PER_S)
enum { COUNT_SHARE = 1000 };

struct ms_allocator_kind {
	const char *name;
	const char *symbol; /* one that only this allocator provides, beside malloc */
	void (*give_back)(void);
	bool (*free_bytes)(uint64_t *ret_bytes); /* NULL: it does not say */
};

/* ---- glibc ---- */

static void glibc_give_back(void)
{
	malloc_trim(0);
}

static bool glibc_free_bytes(uint64_t *ret_bytes)
{
	*ret_bytes = mallinfo2().fordblks;
	return true;
}

/* ---- jemalloc ---- */

typedef int (*mallctl_fn)(const char *, void *, size_t *, void *, size_t);

static void jemalloc_give_back(void)
{
	/* 4096 is MALLCTL_ARENAS_ALL. */
	((mallctl_fn)ms_lib.allocator.used.symbol)("arena.4096.purge", NULL, NULL, NULL, 0);
}

static bool jemalloc_free_bytes(uint64_t *ret_bytes)
{
	mallctl_fn mallctl = (mallctl_fn)ms_lib.allocator.used.symbol;
	uint64_t epoch = 1;
	size_t resident = 0, allocated = 0, size = sizeof(size_t);

	mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
	if (mallctl("stats.resident", &resident, &size, NULL, 0) != 0 ||
	    mallctl("stats.allocated", &allocated, &size, NULL, 0) != 0)
		return false;
	*ret_bytes = resident > allocated ? resident - allocated : 0;
	return true;
}

/* ---- tcmalloc (gperftools) ---- */

typedef void (*release_fn)(void);
typedef int (*property_fn)(const char *, size_t *);

static void tcmalloc_give_back(void)
{
	((release_fn)ms_lib.allocator.used.symbol)();
}

static bool tcmalloc_free_bytes(uint64_t *ret_bytes)
{
	property_fn property = (property_fn)ms_lib.allocator.used.property;
	size_t heap = 0, allocated = 0, unmapped = 0;

	if (!property || !property("generic.heap_size", &heap) ||
	    !property("generic.current_allocated_bytes", &allocated))
		return false;
	property("tcmalloc.pageheap_unmapped_bytes", &unmapped);
	*ret_bytes = heap > allocated + unmapped ? heap - allocated - unmapped : 0;
	return true;
}

/* ---- mimalloc ---- */

typedef void (*collect_fn)(bool);

static void mimalloc_give_back(void)
{
	((collect_fn)ms_lib.allocator.used.symbol)(true);
}

static const struct ms_allocator_kind allocators[] = {
	{"jemalloc", "mallctl", jemalloc_give_back, jemalloc_free_bytes},
	{"tcmalloc", "MallocExtension_ReleaseFreeMemory", tcmalloc_give_back, tcmalloc_free_bytes},
	{"mimalloc", "mi_collect", mimalloc_give_back, NULL},
	{"glibc", "malloc_trim", glibc_give_back, glibc_free_bytes},
};

/* An executable that is not position-independent and takes malloc's address has an undefined symbol with
 * an address of its own (its PLT's), and RTLD_DEFAULT answers that: true only for a definition. */
static bool is_defined_at(void *address, Dl_info *ret_info)
{
	ElfW(Sym) *symbol = NULL;

	return address && dladdr1(address, ret_info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
	       symbol->st_shndx != SHN_UNDEF;
}

/* Is malloc defined in the object of that name and base? */
static bool defines_malloc(const Dl_info *object)
{
	void *handle = dlopen(object->dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	Dl_info info;

	if (!handle)
		return false;
	bool defined = is_defined_at(dlsym(handle, "malloc"), &info) && info.dli_fbase == object->dli_fbase;

	dlclose(handle);
	return defined;
}

/* A library may be loaded without being the allocator: the same object must provide malloc. */
static void *find_beside_malloc(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);
	Dl_info of_malloc, of_symbol;

	if (!is_defined_at(address, &of_symbol))
		return NULL;
	if (is_defined_at(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc))
		return of_malloc.dli_fbase == of_symbol.dli_fbase ? address : NULL;
	return defines_malloc(&of_symbol) ? address : NULL;
}

struct ms_allocator_found ms_allocator_find(void)
{
	struct ms_allocator_found found = {.kind = NULL};

	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]) && !found.kind; i++) {
		found.symbol = find_beside_malloc(allocators[i].symbol);
		if (found.symbol)
			found.kind = &allocators[i];
	}
	found.property = dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
	return found;
}

/* ---- the row ---- */

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint64_t before;

	(void)ctx;
	if (!ms_lib.allocator.used.kind || request->level == MEMSHED_LEVEL_EMERGENCY)
		return MEMSHED_UNSUPPORTED;
	before = ms_statm_rss_bytes();
	ms_lib.allocator.used.kind->give_back();
	ms_lib.allocator.gave_back = true;

	uint64_t after = ms_statm_rss_bytes();

	result->freed_bytes = before > after && after ? before - after : 0;
	atomic_fetch_add_explicit(&header->trims, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&header->trimmed_bytes, result->freed_bytes, memory_order_relaxed);
	return result->freed_bytes ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	uint64_t started = ms_clock_ns();
	bool known;

	(void)ctx;
	if (!ms_lib.allocator.used.kind || !ms_lib.allocator.used.kind->free_bytes)
		return -ENOTSUP;
	known = ms_lib.allocator.used.kind->free_bytes(&usage->bytes);
	if (known)
		usage->fields = MEMSHED_USAGE_BYTES;
	if (known && ms_lib.allocator.gave_back) {
		ms_lib.allocator.gave_back = false;
		ms_lib.allocator.held_after_bytes = usage->bytes;
	}

	uint64_t took = ms_clock_ns() - started;
	uint64_t pause = took * COUNT_SHARE > COUNT_INTERVAL_NS ? took * COUNT_SHARE : COUNT_INTERVAL_NS;

	atomic_store_explicit(&ms_lib.allocator.count_due_ns, started + took + pause, memory_order_relaxed);
	return known ? 0 : -ENOTSUP;
}

/* What it still held right after it gave back, it cannot give back. */
static bool holds_enough(void)
{
	const struct ms_row_pulled *pulled = &ms_lib.table.rows[MS_ALLOCATOR_ROW].pulled;

	return pulled->fields & MEMSHED_USAGE_BYTES &&
	       pulled->bytes >= ms_sat_add(ms_lib.allocator.held_after_bytes, LEAST_CLAIMED_BYTES);
}

bool ms_allocator_worth_trimming(uint64_t claimed_bytes, bool or_held)
{
	return ms_lib.allocator.used.kind && (claimed_bytes >= LEAST_CLAIMED_BYTES || (or_held && holds_enough()));
}

uint64_t ms_allocator_count_due(void)
{
	return atomic_load_explicit(&ms_lib.allocator.count_due_ns, memory_order_relaxed);
}

void ms_allocator_start(const struct ms_allocator_found *found)
{
	struct ms_row_identity identity = {
		.name = "allocator",
		.kind = MEMSHED_KIND_ALLOCATOR,
		.flags = MS_ROW_PULLED,
	};
	const struct ms_allocator_kind *kind = found->kind;
	struct ms_table_header *header = ms_lib.table.header;

	ms_lib.allocator.used = *found;
	strncpy(header->allocator, kind ? kind->name : "unknown", sizeof(header->allocator) - 1);
	ms_table_row_add_allocator(&ms_lib.table, &identity, ms_clock_ns());
	ms_lib.allocator_row.generation =
		atomic_load_explicit(&ms_lib.table.rows[MS_ALLOCATOR_ROW].generation, memory_order_relaxed);
	ms_lib.allocator_row.options = (struct memshed_cache_options){
		.kind = MEMSHED_KIND_ALLOCATOR, .shrink = shrink, .count = count};
	atomic_store_explicit(&ms_lib.allocator.count_due_ns, kind && kind->free_bytes ? ms_clock_ns() : UINT64_MAX,
			      memory_order_relaxed);
	ms_registry_publish(&ms_lib.allocator_row);
}

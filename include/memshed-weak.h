/* SPDX-License-Identifier: MIT */
/*
 * memshed-weak.h - use libmemshed where it is there, and nothing where it is not.
 *
 * For the author of a library: include this instead of memshed.h, write the same calls, and link
 * nothing. In a process without libmemshed memshed_register() returns -ENOSYS and leaves the handle
 * NULL, and each further call costs one branch.
 *
 *	#include <memshed-weak.h>
 *
 *	static struct memshed_cache *handle;
 *
 *	static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
 *					  struct memshed_result *result)
 *	{
 *		if (!cache_trylock(ctx))
 *			return MEMSHED_BUSY;
 *		result->freed_bytes = cache_drop_oldest(ctx, request->target_bytes);
 *		cache_unlock(ctx);
 *		return MEMSHED_DONE;
 *	}
 *
 *	void cache_init(struct cache *cache)
 *	{
 *		struct memshed_cache_options options =
 *			MEMSHED_CACHE_OPTIONS(.name = "mylib.cache", .shrink = shrink, .ctx = cache);
 *
 *		memshed_register(&options, &handle);
 *	}
 *
 *	memshed_charge(handle, size, 1);      (for each entry that is added)
 *	memshed_uncharge(handle, size, 1);    (for each that is removed)
 *	memshed_unregister(handle);           (when the cache is destroyed)
 *
 * The library is looked for when a cache is registered: among what the process has loaded; then
 * libmemshed.so.0, if it was loaded privately; and only where a supervisor asks for it
 * (MEMSHED_SOCKET is in the environment) it is loaded. Once found it stays. All files of one program or
 * shared library share what was found. Needs dlopen(), which is in the C library itself from
 * glibc 2.34 on (before: -ldl). C11 or C++11, gcc or clang.
 *
 * The functions are called memshed_weak_*; macros give them the names of memshed.h, unless
 * MEMSHED_WEAK_NO_MACROS is defined before. The contracts are those of memshed.h.
 */
#ifndef MEMSHED_WEAK_H
#define MEMSHED_WEAK_H

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memshed.h"

#ifdef __cplusplus
extern "C" {
#define MEMSHED_WEAK_NULL nullptr
#else
#define MEMSHED_WEAK_NULL NULL
#endif

struct memshed_weak_api {
	int found; /* set last, release; the pointers below never change afterwards */
	int (*start)(const struct memshed_agent_options *options);
	int (*stop)(void);
	int (*register_)(const struct memshed_cache_options *options, struct memshed_cache **ret_cache);
	void (*unregister)(struct memshed_cache *cache);
	void (*charge)(struct memshed_cache *cache, uint64_t bytes, uint64_t entries);
	void (*uncharge)(struct memshed_cache *cache, uint64_t bytes, uint64_t entries);
	void (*hit)(struct memshed_cache *cache, uint64_t n);
	void (*miss)(struct memshed_cache *cache, uint64_t n);
	void (*evict)(struct memshed_cache *cache, uint64_t n);
	int (*fd)(void);
	int (*dispatch)(void);
	int (*poll)(void);
	int (*brake)(uint32_t flags);
	const char *(*version)(void);
};

/* One for all files of a program or shared library. */
__attribute__((weak, visibility("hidden"))) struct memshed_weak_api memshed_weak_api;

/* Several threads may do this at once: they all store the same. */
static inline int memshed_weak_bind(void *library, void *slot, const char *name)
{
	void *address = dlsym(library, name);

	if (!address)
		return 0;
	/* A pointer to a function out of a pointer to an object, as POSIX has it. */
	__atomic_store_n((void **)slot, address, __ATOMIC_RELAXED);
	return 1;
}

static inline void *memshed_weak_library(void)
{
	static const char name[] = "libmemshed.so.0";
	void *everything = dlopen(MEMSHED_WEAK_NULL, RTLD_LAZY); /* what RTLD_DEFAULT is, in any dialect */
	void *library;

	if (everything && dlsym(everything, "memshed_register"))
		return everything;
	if (everything)
		dlclose(everything);
	library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
	if (!library && getenv("MEMSHED_SOCKET"))
		library = dlopen(name, RTLD_NOW);
	return library;
}

/* memshed_weak_resolve - look for the library; Return: whether it is there */
static inline int memshed_weak_resolve(void)
{
	struct memshed_weak_api *api = &memshed_weak_api;
	void *library;

	if (__atomic_load_n(&api->found, __ATOMIC_ACQUIRE)) /* [memshed-weak.E1] */
		return 1;
	library = memshed_weak_library();
	if (!library)
		return 0;
	if (!memshed_weak_bind(library, &api->start, "memshed_start") ||
	    !memshed_weak_bind(library, &api->stop, "memshed_stop") ||
	    !memshed_weak_bind(library, &api->register_, "memshed_register") ||
	    !memshed_weak_bind(library, &api->unregister, "memshed_unregister") ||
	    !memshed_weak_bind(library, &api->charge, "memshed_charge") ||
	    !memshed_weak_bind(library, &api->uncharge, "memshed_uncharge") ||
	    !memshed_weak_bind(library, &api->hit, "memshed_hit") ||
	    !memshed_weak_bind(library, &api->miss, "memshed_miss") ||
	    !memshed_weak_bind(library, &api->evict, "memshed_evict") ||
	    !memshed_weak_bind(library, &api->fd, "memshed_fd") ||
	    !memshed_weak_bind(library, &api->dispatch, "memshed_dispatch") ||
	    !memshed_weak_bind(library, &api->poll, "memshed_poll") ||
	    !memshed_weak_bind(library, &api->brake, "memshed_brake") ||
	    !memshed_weak_bind(library, &api->version, "memshed_version"))
		return 0;
	/* [memshed-weak.E1] the functions before found; pairs with [memshed-weak.E1], the two loads of it */
	__atomic_store_n(&api->found, 1, __ATOMIC_RELEASE);
	return 1;
}

/* Also looks for the library. Return: -ENOSYS when there is none; then *ret_cache is NULL. */
static inline int memshed_weak_register(const struct memshed_cache_options *options,
					struct memshed_cache **ret_cache)
{
	if (!memshed_weak_resolve()) {
		*ret_cache = MEMSHED_WEAK_NULL;
		return -ENOSYS;
	}
	return memshed_weak_api.register_(options, ret_cache);
}

static inline void memshed_weak_unregister(struct memshed_cache *cache)
{
	if (cache)
		memshed_weak_api.unregister(cache);
}

static inline void memshed_weak_charge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries)
{
	if (cache)
		memshed_weak_api.charge(cache, bytes, entries);
}

static inline void memshed_weak_uncharge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries)
{
	if (cache)
		memshed_weak_api.uncharge(cache, bytes, entries);
}

static inline void memshed_weak_hit(struct memshed_cache *cache, uint64_t n)
{
	if (cache)
		memshed_weak_api.hit(cache, n);
}

static inline void memshed_weak_miss(struct memshed_cache *cache, uint64_t n)
{
	if (cache)
		memshed_weak_api.miss(cache, n);
}

static inline void memshed_weak_evict(struct memshed_cache *cache, uint64_t n)
{
	if (cache)
		memshed_weak_api.evict(cache, n);
}

/* Also looks for the library. Return: -ENOSYS when there is none. */
static inline int memshed_weak_start(const struct memshed_agent_options *options)
{
	return memshed_weak_resolve() ? memshed_weak_api.start(options) : -ENOSYS;
}

static inline int memshed_weak_found(void)
{
	return __atomic_load_n(&memshed_weak_api.found, __ATOMIC_ACQUIRE); /* [memshed-weak.E1] */
}

static inline int memshed_weak_stop(void)
{
	return memshed_weak_found() ? memshed_weak_api.stop() : -ENOENT;
}

static inline int memshed_weak_fd(void)
{
	return memshed_weak_found() ? memshed_weak_api.fd() : -ENOENT;
}

static inline int memshed_weak_dispatch(void)
{
	return memshed_weak_found() ? memshed_weak_api.dispatch() : -ENOENT;
}

static inline int memshed_weak_poll(void)
{
	return memshed_weak_found() ? memshed_weak_api.poll() : 0;
}

static inline int memshed_weak_brake(uint32_t flags)
{
	return memshed_weak_found() ? memshed_weak_api.brake(flags) : 0;
}

/* Return: the version of the library that was found, or NULL. */
static inline const char *memshed_weak_version(void)
{
	return memshed_weak_found() ? memshed_weak_api.version() : MEMSHED_WEAK_NULL;
}

#ifndef MEMSHED_WEAK_NO_MACROS
#define memshed_start memshed_weak_start
#define memshed_stop memshed_weak_stop
#define memshed_register memshed_weak_register
#define memshed_unregister memshed_weak_unregister
#define memshed_charge memshed_weak_charge
#define memshed_uncharge memshed_weak_uncharge
#define memshed_hit memshed_weak_hit
#define memshed_miss memshed_weak_miss
#define memshed_evict memshed_weak_evict
#define memshed_fd memshed_weak_fd
#define memshed_dispatch memshed_weak_dispatch
#define memshed_poll memshed_weak_poll
#define memshed_brake memshed_weak_brake
#define memshed_version memshed_weak_version
#endif

#ifdef __cplusplus
}
#endif
#endif

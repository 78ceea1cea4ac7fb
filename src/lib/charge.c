/* SPDX-License-Identifier: MIT */
/*
 * lib/charge.c - the hot path: counters go up.
 *
 * Every user of a cache pays this, so the common case is a function without a frame: the cache, this
 * thread's shard, the table's base, and plain adds to words that no other thread writes. Any thread;
 * no lock, and no system call but once a MiB where memory is watched. The rest (first charge of a thread, shared shard, the child of a raw clone,
 * NULL) is one cold function; there the first charge of a forked child starts the child's agent.
 */
#include <stddef.h>

#include "lib/brake.h"
#include "lib/lib.h"
#include "lib/shards.h"
#include "table/shard.h"

/* NULL: this thread has no shard of its own, or the table is not this process's. */
static inline struct ms_shard_row *find_row(const struct memshed_cache *cache)
{
	unsigned char *base = atomic_load_explicit(&ms_guard.base, memory_order_relaxed); /* [lib.L4] */
	uint64_t shard = ms_shard_offset;

	if (ms_unlikely(!base || !shard))
		return NULL;
	return (struct ms_shard_row *)(void *)(base + shard + cache->shard_row_offset);
}

static inline _Atomic uint64_t *counter_at(struct ms_shard_row *row, size_t offset)
{
	return (_Atomic uint64_t *)(void *)((unsigned char *)row + offset);
}

/* Bytes were charged. Once a MiB, near max more often, the thread looks how much is used: see brake.c. */
static inline void count_down(struct memshed_cache *cache, uint64_t bytes)
{
	if (ms_unlikely(__builtin_sub_overflow(ms_brake_left, bytes, &ms_brake_left)))
		ms_brake_charged(cache);
}

/* Up to two counters that stand side by side; the second only where there is something to add.
 * Return: whether anything was added. */
__attribute__((noinline, cold)) static bool add_slowly(struct memshed_cache *cache, size_t first, uint64_t n,
						       uint64_t second_n)
{
	MS_KEEP_CALLER;
	unsigned char *base = atomic_load_explicit(&ms_guard.base, memory_order_relaxed);

	if (cache && !base && ms_lib_wake() == 0)
		base = atomic_load_explicit(&ms_guard.base, memory_order_acquire); /* [lib.L4] */
	if (!cache || !base)
		return false;
	if (ms_shard_offset || ms_shards_claim()) {
		struct ms_shard_row *row = find_row(cache);

		ms_shard_add(counter_at(row, first), n);
		if (second_n)
			ms_shard_add(counter_at(row, first + sizeof(n)), second_n);
		return true;
	}

	unsigned char *shared = base + ms_shards_shared_offset() + cache->shard_row_offset;
	struct ms_shard_row *row = (struct ms_shard_row *)(void *)shared;

	ms_shard_add_shared(counter_at(row, first), n);
	if (second_n)
		ms_shard_add_shared(counter_at(row, first + sizeof(n)), second_n);
	return true;
}

_Static_assert(offsetof(struct ms_shard_row, added_entries) == offsetof(struct ms_shard_row, added_bytes) + 8, "pair");
_Static_assert(offsetof(struct ms_shard_row, removed_entries) == offsetof(struct ms_shard_row, removed_bytes) + 8,
	       "pair");

__attribute__((noinline, cold)) static void charge_slowly(struct memshed_cache *cache, uint64_t bytes,
							  uint64_t entries)
{
	if (add_slowly(cache, offsetof(struct ms_shard_row, added_bytes), bytes, entries))
		count_down(cache, bytes);
}

MS_PUBLIC void memshed_charge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries)
{
	struct ms_shard_row *row;

	if (ms_unlikely(!cache) || ms_unlikely(!(row = find_row(cache)))) {
		charge_slowly(cache, bytes, entries);
		return;
	}
	ms_shard_add(&row->added_bytes, bytes);
	ms_shard_add(&row->added_entries, entries);
	count_down(cache, bytes);
}

MS_PUBLIC void memshed_uncharge(struct memshed_cache *cache, uint64_t bytes, uint64_t entries)
{
	struct ms_shard_row *row;

	if (ms_unlikely(!cache) || ms_unlikely(!(row = find_row(cache)))) {
		add_slowly(cache, offsetof(struct ms_shard_row, removed_bytes), bytes, entries);
		return;
	}
	ms_shard_add(&row->removed_bytes, bytes);
	ms_shard_add(&row->removed_entries, entries);
}

MS_PUBLIC void memshed_hit(struct memshed_cache *cache, uint64_t n)
{
	struct ms_shard_row *row;

	if (ms_unlikely(!cache) || ms_unlikely(!(row = find_row(cache))))
		add_slowly(cache, offsetof(struct ms_shard_row, hits), n, 0);
	else
		ms_shard_add(&row->hits, n);
}

MS_PUBLIC void memshed_miss(struct memshed_cache *cache, uint64_t n)
{
	struct ms_shard_row *row;

	if (ms_unlikely(!cache) || ms_unlikely(!(row = find_row(cache))))
		add_slowly(cache, offsetof(struct ms_shard_row, misses), n, 0);
	else
		ms_shard_add(&row->misses, n);
}

MS_PUBLIC void memshed_evict(struct memshed_cache *cache, uint64_t n)
{
	struct ms_shard_row *row;

	if (ms_unlikely(!cache) || ms_unlikely(!(row = find_row(cache))))
		add_slowly(cache, offsetof(struct ms_shard_row, evictions), n, 0);
	else
		ms_shard_add(&row->evictions, n);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/shards.c - hands the table's shards to threads.
 *
 * A thread takes a shard at its first charge and gives it back when it ends; the values stay, and the
 * next owner adds to them. Threads that find none share the last shard. Any thread; no locks; what a
 * thread does at its end is called by the C library through a key.
 *
 *   [shards.N1] a shard's values before it is given back (release), and its taking (acquire) before it is
 *        used: the next thread reads what the one before it left; pairs with [shards.N1]
 *   [shards.N2] shard_high goes up (release) before the first value in the shard, and shared_shard_used
 *        likewise: readers look only at shards that were used; pairs with [reader.R1].
 */
#include "lib/shards.h"

#include <limits.h>
#include <unistd.h>

#include "lib/lib.h"

__thread uint64_t ms_shard_offset __attribute__((tls_model("initial-exec")));

/* Of the same thread; apart from the hot word. */
static __thread struct {
	uint64_t id;
	uint32_t shard;
	bool no_shard; /* found none, or is ending: shares the last one from now on */
} own __attribute__((tls_model("initial-exec")));

/* The agent looks then whether it is the last. The control page is not to be touched in a raw clone. */
static void note_end_of_main(void)
{
	if (gettid() != getpid() || !atomic_load_explicit(&ms_guard.home, memory_order_relaxed))
		return;
	atomic_store_explicit(&ms_lib.main_ended, true, memory_order_relaxed);
	if (ms_lib.control.page)
		ms_control_wake(&ms_lib.control);
}

static void give_back(void *value)
{
	(void)value;
	note_end_of_main();
	own.no_shard = true;
	if (!ms_shard_offset)
		return;
	ms_shard_offset = 0;
	atomic_fetch_or_explicit(&ms_lib.shards.free, UINT64_C(1) << own.shard, memory_order_release); /* [shards.N1] */
}

int ms_shards_init(void)
{
	int error = pthread_key_create(&ms_lib.shards.end_key, give_back);

	if (!error && gettid() == getpid())
		pthread_setspecific(ms_lib.shards.end_key, &own);
	return -error;
}

static uint64_t all_shards(uint32_t shard_count)
{
	uint32_t owned = shard_count - 1; /* the last is the shared one */

	return owned >= 64 ? UINT64_MAX : (UINT64_C(1) << owned) - 1;
}

void ms_shards_open(uint32_t shard_count)
{
	atomic_store_explicit(&ms_lib.shards.free, all_shards(shard_count), memory_order_release); /* [shards.N1] */
}

void ms_shards_after_fork(void)
{
	uint64_t shards = all_shards(ms_lib.table.shard_count);

	atomic_store_explicit(&ms_lib.main_ended, false, memory_order_relaxed);
	pthread_setspecific(ms_lib.shards.end_key, &own); /* it is the main thread from now on */
	if (ms_shard_offset)
		shards &= ~(UINT64_C(1) << own.shard);
	atomic_store_explicit(&ms_lib.shards.free, shards, memory_order_relaxed);
}

static bool take_bit(uint32_t *ret_shard)
{
	uint64_t shards = atomic_load_explicit(&ms_lib.shards.free, memory_order_relaxed);

	while (shards) {
		uint32_t shard = (uint32_t)__builtin_ctzll(shards);

		if (atomic_compare_exchange_weak_explicit(&ms_lib.shards.free, &shards, shards & ~(UINT64_C(1) << shard),
							  memory_order_acquire, memory_order_relaxed)) { /* [shards.N1] */
			*ret_shard = shard;
			return true;
		}
	}
	return false;
}

static void raise_shard_high(uint32_t high)
{
	_Atomic uint32_t *word = &ms_lib.table.header->shard_high;
	uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);

	while (seen < high && !atomic_compare_exchange_weak_explicit(word, &seen, high, memory_order_release,
								     memory_order_relaxed)) /* [shards.N2] */
		;
}

static uint64_t offset_of(uint32_t shard)
{
	return (uint64_t)(ms_lib.table.shards - ms_lib.table.base) + (uint64_t)shard * MS_SHARD_BYTES;
}

bool ms_shards_claim(void)
{
	uint32_t shard;

	if (own.no_shard)
		return false;
	own.no_shard = true;
	if (!take_bit(&shard))
		return false;
	own.shard = shard;
	if (pthread_setspecific(ms_lib.shards.end_key, &own) != 0) { /* it would not be given back */
		atomic_fetch_or_explicit(&ms_lib.shards.free, UINT64_C(1) << shard, memory_order_release); /* [shards.N1] */
		return false;
	}
	raise_shard_high(shard + 1);
	own.no_shard = false;
	ms_shard_offset = offset_of(shard);
	return true;
}

uint64_t ms_shards_shared_offset(void)
{
	_Atomic uint32_t *used = &ms_lib.table.header->shared_shard_used;

	if (!atomic_load_explicit(used, memory_order_relaxed))
		atomic_store_explicit(used, 1, memory_order_release); /* [shards.N2] */
	return offset_of(ms_lib.table.shard_count - 1);
}

uint64_t ms_thread_id(void)
{
	if (!own.id)
		own.id = atomic_fetch_add_explicit(&ms_lib.shards.last_thread_id, 1, memory_order_relaxed) + 1;
	return own.id;
}

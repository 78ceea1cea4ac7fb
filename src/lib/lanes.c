/* SPDX-License-Identifier: MIT */
/*
 * lib/lanes.c - hands the table's lanes to threads.
 *
 * A thread takes a lane at its first charge and gives it back when it ends; the values stay, and the
 * next owner adds to them. Threads that find none share the last lane. Any thread; no locks; what a
 * thread does at its end is called by the C library through a key.
 *
 *   [N1] giving a lane back (release) pairs with taking it (acquire): the next owner reads the values
 *        that the one before it left.
 *   [N2] lane_high goes up (release) before the first value in the lane, and shared_lane_used likewise:
 *        readers look only at lanes that were used; pairs with [R1] in table/reader.c.
 */
#include "lib/lanes.h"

#include <limits.h>

#include "lib/lib.h"

__thread uint64_t ms_lane_offset __attribute__((tls_model("initial-exec")));

/* Of the same thread; apart from the hot word. */
static __thread struct {
	uint64_t id;
	uint32_t lane;
	bool no_lane; /* found none, or is ending: shares the last one from now on */
} own __attribute__((tls_model("initial-exec")));

static _Atomic uint64_t free_lanes; /* bit per lane; [N1] */
static _Atomic uint64_t last_thread_id;
static pthread_key_t end_key;

static void give_back(void *value)
{
	(void)value;
	own.no_lane = true;
	if (!ms_lane_offset)
		return;
	ms_lane_offset = 0;
	atomic_fetch_or_explicit(&free_lanes, UINT64_C(1) << own.lane, memory_order_release); /* [N1] */
}

int ms_lanes_init(void)
{
	return -pthread_key_create(&end_key, give_back);
}

static uint64_t all_lanes(uint32_t lane_count)
{
	uint32_t owned = lane_count - 1; /* the last is the shared one */

	return owned >= 64 ? UINT64_MAX : (UINT64_C(1) << owned) - 1;
}

void ms_lanes_open(uint32_t lane_count)
{
	atomic_store_explicit(&free_lanes, all_lanes(lane_count), memory_order_release); /* [N1] */
}

void ms_lanes_after_fork(void)
{
	uint64_t lanes = all_lanes(ms_lib.table.lane_count);

	if (ms_lane_offset)
		lanes &= ~(UINT64_C(1) << own.lane);
	atomic_store_explicit(&free_lanes, lanes, memory_order_relaxed);
}

static bool take_bit(uint32_t *ret_lane)
{
	uint64_t lanes = atomic_load_explicit(&free_lanes, memory_order_relaxed);

	while (lanes) {
		uint32_t lane = (uint32_t)__builtin_ctzll(lanes);

		if (atomic_compare_exchange_weak_explicit(&free_lanes, &lanes, lanes & ~(UINT64_C(1) << lane),
							  memory_order_acquire, memory_order_relaxed)) { /* [N1] */
			*ret_lane = lane;
			return true;
		}
	}
	return false;
}

static void raise_lane_high(uint32_t high)
{
	_Atomic uint32_t *word = &ms_lib.table.header->lane_high;
	uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);

	while (seen < high && !atomic_compare_exchange_weak_explicit(word, &seen, high, memory_order_release,
								     memory_order_relaxed)) /* [N2] */
		;
}

static uint64_t offset_of(uint32_t lane)
{
	return (uint64_t)(ms_lib.table.lanes - ms_lib.table.base) + (uint64_t)lane * MS_LANE_BYTES;
}

bool ms_lanes_claim(void)
{
	uint32_t lane;

	if (own.no_lane)
		return false;
	own.no_lane = true;
	if (!take_bit(&lane))
		return false;
	own.lane = lane;
	if (pthread_setspecific(end_key, &own) != 0) { /* nobody would give it back */
		atomic_fetch_or_explicit(&free_lanes, UINT64_C(1) << lane, memory_order_release); /* [N1] */
		return false;
	}
	raise_lane_high(lane + 1);
	own.no_lane = false;
	ms_lane_offset = offset_of(lane);
	return true;
}

uint64_t ms_lanes_shared_offset(void)
{
	_Atomic uint32_t *used = &ms_lib.table.header->shared_lane_used;

	if (!atomic_load_explicit(used, memory_order_relaxed))
		atomic_store_explicit(used, 1, memory_order_release); /* [N2] */
	return offset_of(ms_lib.table.lane_count - 1);
}

uint64_t ms_thread_id(void)
{
	if (!own.id)
		own.id = atomic_fetch_add_explicit(&last_thread_id, 1, memory_order_relaxed) + 1;
	return own.id;
}

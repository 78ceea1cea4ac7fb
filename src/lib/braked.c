/* SPDX-License-Identifier: MIT */
/*
 * lib/braked.c - see braked.h.
 *
 * A thread that is held may leave by a longjmp() of a signal's handler: it is counted still. It takes that back when it
 * looks again; readers do not believe the count after braked_until_ns; and when none has begun to be held until then,
 * the next one counts anew. Any thread that charges; no locks, and no system call.
 */
#include "lib/braked.h"

#include "lib/lib.h"
#include "util/clock.h"

/* So long after a thread began to be held it is not any more: 200 ms, on a busy machine too. */
#define GONE_NS MS_NS_PER_S

static __thread bool counted __attribute__((tls_model("initial-exec"))); /* this thread is */

/* Never below 0: what has been left behind may have been taken back meanwhile. */
static void take_from(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	while (n && !atomic_compare_exchange_weak_explicit(counter, &n, n - 1, memory_order_relaxed, memory_order_relaxed))
		;
}

void ms_braked_begin(uint64_t now_ns)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint64_t until_ns = atomic_load_explicit(&header->braked_until_ns, memory_order_relaxed);

	if (atomic_exchange_explicit(&header->braked_until_ns, now_ns + GONE_NS, memory_order_relaxed) == until_ns &&
	    until_ns <= now_ns)
		atomic_store_explicit(&header->braked_threads, 0, memory_order_relaxed);
	counted = true;
	atomic_fetch_add_explicit(&header->braked_threads, 1, memory_order_relaxed);
}

void ms_braked_end(void)
{
	if (!counted)
		return;
	counted = false;
	take_from(&ms_lib.table.header->braked_threads);
}

bool ms_braked_any(void)
{
	const struct ms_table_header *header = ms_lib.table.header;

	return header && atomic_load_explicit(&header->braked_threads, memory_order_relaxed);
}

void ms_braked_after_fork(void)
{
	counted = false;
}

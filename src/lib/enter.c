/* SPDX-License-Identifier: MIT */
/*
 * lib/enter.c - what a public call does first: keep what is the caller's, see that the library is ready
 * and that this process is its own.
 *
 * The library gets ready in its constructor, or in the first call of another one that runs before it.
 * Any thread; takes no lock, and calls nothing that takes the loader's.
 *
 * A child of a raw clone() has run no atfork handler: its locks may be held by threads that it does not
 * have, so nothing is touched there. It is known by a word that the kernel zeroes in children (ms_guard),
 * while the one beside the locks is copied.
 *
 *   [enter.E1] the thread's key and the atfork handlers before LOADED (release), and home before LOADING; a
 *              thread that loads these (acquire) may use them; pairs with [enter.E1]
 */
#include <sys/mman.h>

#include "lib/lib.h"
#include "util/futex.h"

enum { FRESH = 0, LOADING, LOADED };

static void load(void)
{
	uint32_t seen = FRESH;

	if (atomic_compare_exchange_strong_explicit(&ms_lib.loaded, &seen, LOADING, memory_order_acq_rel,
						    memory_order_acquire)) { /* [enter.E1] */
		ms_lib.load_error = ms_shards_init();
		if (!ms_lib.load_error)
			ms_lib.load_error = ms_fork_init();
		atomic_store_explicit(&ms_lib.loaded, LOADED, memory_order_release); /* [enter.E1] */
		ms_futex_wake_all(&ms_lib.loaded);
	}
	while (atomic_load_explicit(&ms_lib.loaded, memory_order_acquire) == LOADING) /* [enter.E1] */
		ms_futex_wait(&ms_lib.loaded, LOADING, UINT64_MAX);
}

int ms_enter(void)
{
	uint32_t loaded = atomic_load_explicit(&ms_lib.loaded, memory_order_acquire); /* [enter.E1] */

	if (ms_unlikely(loaded == FRESH)) {
		/* Where the kernel's pages are larger, or it is too old, raw clones are not noticed. */
		madvise(&ms_guard, sizeof(ms_guard), MADV_WIPEONFORK);
		atomic_store_explicit(&ms_guard.home, 1, memory_order_relaxed);
	}
	if (ms_unlikely(!atomic_load_explicit(&ms_guard.home, memory_order_relaxed)))
		return -ENOTSUP;
	if (ms_unlikely(loaded != LOADED))
		load();
	return ms_lib.lost ? -ENOMEM : ms_lib.load_error;
}

__attribute__((constructor)) static void construct(void)
{
	MS_KEEP_CALLER;

	ms_enter();
}

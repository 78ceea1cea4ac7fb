/* SPDX-License-Identifier: MIT */
/* lib/lib.c - the one context. Any thread. */
#include "lib/lib.h"

#include "util/futex.h"

struct ms_guard ms_guard;

struct ms_lib ms_lib; /* PTHREAD_MUTEX_INITIALIZER is all zeroes */

void ms_lib_returned(void)
{
	atomic_fetch_add_explicit(&ms_lib.returns, 1, memory_order_release); /* [lib.L3] */
	ms_futex_wake_all(&ms_lib.returns);
}

void ms_lib_show_agent(enum ms_agent_state state)
{
	_Atomic uint32_t *word = &ms_lib.table.header->agent_state;

	if (atomic_load_explicit(word, memory_order_relaxed) != (uint32_t)state)
		atomic_store_explicit(word, state, memory_order_relaxed);
}

struct ms_kept ms_kept_begin(void)
{
	struct ms_kept kept = {.saved_errno = errno};

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &kept.cancel_state);
	return kept;
}

void ms_kept_end(struct ms_kept *kept)
{
	pthread_setcancelstate(kept->cancel_state, NULL);
	errno = kept->saved_errno;
}

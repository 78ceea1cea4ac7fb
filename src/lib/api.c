/* SPDX-License-Identifier: MIT */
/* lib/api.c - memshed_fd(), memshed_dispatch(), memshed_poll(), memshed_brake(). Any thread. */
#include "lib/brake.h"
#include "lib/lib.h"
#include "lib/mode.h"

MS_PUBLIC int memshed_fd(void)
{
	MS_KEEP_CALLER;

	return ms_lib_wake() < 0 ? -ENOENT : ms_mode_fd_get();
}

MS_PUBLIC int memshed_dispatch(void)
{
	MS_KEEP_CALLER;

	return ms_lib_wake() < 0 ? -ENOENT : ms_mode_fd_dispatch();
}

MS_PUBLIC int memshed_poll(void)
{
	uint32_t word = atomic_load_explicit(&ms_lib.poll_word, memory_order_acquire); /* [mode_poll.O2] */

	if (ms_likely(!word))
		return 0;

	MS_KEEP_CALLER;

	if (ms_lib_wake() < 0)
		return 0;
	word = atomic_load_explicit(&ms_lib.poll_word, memory_order_acquire); /* [mode_poll.O2] */
	return ms_poll_run(word & ~MS_POLL_LAZY);
}

MS_PUBLIC int memshed_brake(uint32_t flags)
{
	if (ms_unlikely(flags & ~(uint32_t)MEMSHED_BRAKE_LOOK))
		return -EINVAL;
	/* Before the start, and in a child that has not used the library yet, there are no marks. */
	if (!atomic_load_explicit(&ms_guard.base, memory_order_relaxed)) /* [lib.L4] */
		return 0;
	return ms_brake_point(flags);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/host.c - the agent in a thread of the host's: memshed_dispatch() and memshed_poll() come by here.
 *
 * ms_lib.dispatching says that some thread is the agent. It stays set when another thread takes over from one
 * with a callback that is late, or that was left by a jump: that one is no longer the agent, and does not
 * reset it.
 *
 *   [host.D1] set before the look at life, while memshed_stop() sets life before it looks at this; both
 *             sequentially consistent, so one sees the other; pairs with [agent.D2]
 */
#include "lib/host.h"

#include <stddef.h>

#include "lib/agent.h"
#include "lib/brake.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "util/clock.h"

enum ms_entry ms_host_enter(void)
{
	ms_brake_exempt();
	if (atomic_exchange_explicit(&ms_lib.dispatching, 1, memory_order_seq_cst) == 0) /* [host.D1] */
		return MS_ENTRY_FREE;
	return ms_executor_take_over(ms_clock_ns(), NULL, 0) ? MS_ENTRY_TAKEN_OVER : MS_ENTRY_REFUSED;
}

void ms_host_leave(void)
{
	atomic_store_explicit(&ms_lib.dispatching, 0, memory_order_seq_cst); /* [host.D1] */
	ms_agent_finish_stop();
	ms_lib_returned();
}

/* Another thread may have stopped the agent and started another mode meanwhile; as long as this one is
 * inside, none of that can happen again. */
static int serve(enum memshed_agent_mode mode, enum ms_entry entry)
{
	int before = 0, answered = 0;

	if (atomic_load_explicit(&ms_lib.life, memory_order_seq_cst) != MS_LIFE_RUNNING || /* [host.D1] */
	    ms_lib.agent_options.mode != mode)
		return 0;
	if (entry == MS_ENTRY_TAKEN_OVER)
		before = ms_agent_resume();
	if (before >= 0)
		answered = ms_agent_serve();
	return before < 0 || answered < 0 ? MS_AGENT_LOST : before + answered;
}

int ms_host_serve(enum memshed_agent_mode mode, enum ms_entry entry)
{
	int answered = serve(mode, entry);

	if (answered < 0) { /* this thread came back late */
		ms_agent_finish_stop();
		return 0;
	}
	ms_lib_show_agent(MS_AGENT_IDLE);
	ms_host_leave();
	return answered;
}

void ms_host_after_fork(void)
{
	/* A host that forks inside its own dispatch goes on being inside. */
	if (!ms_executor_in_fork())
		atomic_store_explicit(&ms_lib.dispatching, 0, memory_order_relaxed);
}

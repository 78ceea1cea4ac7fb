/* SPDX-License-Identifier: MIT */
/*
 * lib/life.c - what starting has in common with the child of a fork: an identity, and an agent in its mode.
 *
 * Under [K1] but for what says otherwise.
 */
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "lib/mode.h"
#include "util/clock.h"

uint64_t ms_lib_new_identity(void)
{
	uint64_t identity = 0;

	if (getrandom(&identity, sizeof(identity), GRND_NONBLOCK) != sizeof(identity))
		identity = ms_clock_ns() ^ (uint64_t)getpid() << 32;
	return identity;
}

static const struct ms_mode *const modes[] = {
	[MEMSHED_AGENT_THREAD] = &ms_mode_thread,
	[MEMSHED_AGENT_FD] = &ms_mode_fd,
	[MEMSHED_AGENT_SIGNAL] = &ms_mode_poll,
};

int ms_lib_start_agent(bool in_child)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint32_t before = ms_lib_life();

	ms_lib.mode = modes[ms_lib.agent_options.mode];
	if (!in_child)
		ms_executor_init();
	ms_table_find_start(&ms_lib.table);
	ms_statm_open();
	/* Where the agent looks first must be in memory when there is none left. */
	mlock(ms_lib.control.page, MS_CONTROL_BYTES);
	mlock(header, MS_HEADER_BYTES);
	ms_agent_reset();
	header->agent_mode = ms_lib.agent_options.mode;
	header->agent_signal = (uint32_t)ms_lib.agent_options.signal;
	atomic_store_explicit(&header->agent_tid, 0, memory_order_relaxed);
	atomic_store_explicit(&ms_lib.life, MS_LIFE_RUNNING, memory_order_seq_cst); /* [agent.D2] [lib.L2] */

	int error = ms_lib.mode->start(in_child);

	if (error) { /* nothing runs that could have seen it */
		atomic_store_explicit(&ms_lib.life, before, memory_order_seq_cst); /* [agent.D2] */
		ms_lib_show_agent(MS_AGENT_NONE);
	}
	return error;
}

void ms_lib_disarm(void)
{
	atomic_fetch_and_explicit(&ms_lib.poll_word, ~MS_POLL_LAZY, memory_order_relaxed);
	/* [lib.L4]: the table is complete for the threads that charge. */
	atomic_store_explicit(&ms_guard.base, ms_lib.table.base, memory_order_release);
}

void ms_lib_fork_agent(void)
{
	if (!ms_lib.mode->has_threads) {
		ms_lib_disarm();
		ms_lib_start_agent(true);
		return;
	}
	atomic_store_explicit(&ms_lib.life, MS_LIFE_LAZY, memory_order_release); /* [lib.L2] */
	ms_lib_show_agent(MS_AGENT_LAZY);
	if (ms_executor_in_fork()) /* a child that ends inside the callback needs none */
		ms_lib_disarm();
	else
		atomic_fetch_or_explicit(&ms_lib.poll_word, MS_POLL_LAZY, memory_order_relaxed);
}

void ms_lib_settle(enum memshed_agent_mode mode)
{
	if (modes[mode]->settle)
		modes[mode]->settle();
}

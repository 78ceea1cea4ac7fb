/* SPDX-License-Identifier: MIT */
/*
 * lib/fork.c - a forked child gets a table and a control page of its own before fork() returns in it, and
 * says hello: it may close all descriptors next. An agent that needs a thread comes with the first call of
 * the library: most children end or exec soon, and some do what a process with threads may not, such as
 * entering a user namespace.
 *
 * The parent's mappings are not inherited (MADV_DONTFORK), so nothing the child does can reach them.
 * The handlers are installed when the library is loaded: early, so that they prepare last and the child
 * repairs itself first, before other handlers can register or charge. prepare takes all locks, outer
 * to inner, so that no other thread was in the middle of something.
 *
 * A child made by a raw clone() runs no handlers, and is left alone (enter.c); so is its child.
 *
 * exec leaves nothing behind: every descriptor is close-on-exec.
 */
#include <errno.h>
#include <stddef.h>

#include "lib/brake.h"
#include "lib/executor.h"
#include "lib/host.h"
#include "lib/lib.h"
#include "lib/own.h"
#include "lib/registry.h"
#include "util/clock.h"

static void prepare(void)
{
	struct ms_kept caller = ms_kept_begin();

	if (!atomic_load_explicit(&ms_guard.home, memory_order_relaxed)) {
		ms_lib.forking.holds_locks = false;
		ms_kept_end(&caller);
		return;
	}
	pthread_mutex_lock(&ms_lib.lock);
	ms_lib.forking.holds_locks = true;
	ms_lib.forking.caller = caller;
	pthread_mutex_lock(&ms_lib.result_lock);
	if (!ms_lib.table.base)
		return;
	/* What is done here the child need not do, where each page that is used costs a fault. */
	ms_lib.forking.identity = ms_lib_new_identity();
	ms_lib.forking.now_ns = ms_clock_ns();
	ms_table_before_fork(&ms_lib.table);
	ms_control_before_fork(&ms_lib.control);
}

static void parent(void)
{
	struct ms_kept caller = ms_lib.forking.caller;

	if (!ms_lib.forking.holds_locks)
		return;
	ms_table_after_fork(&ms_lib.table);
	pthread_mutex_unlock(&ms_lib.result_lock);
	pthread_mutex_unlock(&ms_lib.lock);
	ms_kept_end(&caller);
}

/* Under all locks. Return: whether there is a table that others can see. */
static bool take_memory(void)
{
	uint64_t identity = ms_lib.forking.identity;
	int table = ms_table_recreate(&ms_lib.table, identity, ms_lib.forking.now_ns);
	int control = ms_control_recreate(&ms_lib.control, identity);

	ms_lib.lost = !ms_lib.table.base || !ms_lib.control.page;
	return table >= 0 && control >= 0;
}

static void start_afresh(void)
{
	bool had_agent = ms_lib_runs() || ms_lib_life() == MS_LIFE_LAZY;
	bool seen = take_memory();

	if (ms_lib.lost)
		return;
	atomic_store_explicit(&ms_lib.workers, 0, memory_order_relaxed);
	ms_shards_after_fork();
	ms_executor_after_fork();
	ms_brake_after_fork();
	ms_own_reset();
	ms_host_after_fork();
	if (ms_lib.mode->after_fork)
		ms_lib.mode->after_fork();
	ms_registry_after_fork(ms_executor_in_fork());
	atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPED, memory_order_release); /* [lib.L2] */
	if (had_agent && seen)
		ms_lib_fork_agent();
	else
		ms_lib_disarm();
	if (seen)
		ms_lib_hello_send();
}

static void child(void)
{
	if (!ms_lib.forking.holds_locks)
		return;
	atomic_store_explicit(&ms_guard.home, 1, memory_order_relaxed);
	if (ms_lib.table.base)
		start_afresh();
	pthread_mutex_unlock(&ms_lib.result_lock);
	pthread_mutex_unlock(&ms_lib.lock);
	ms_kept_end(&ms_lib.forking.caller);
}

int ms_fork_init(void)
{
	return -pthread_atfork(prepare, parent, child);
}

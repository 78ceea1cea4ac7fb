/* SPDX-License-Identifier: MIT */
/*
 * lib/fork.c - a forked child gets a table, a control page and an agent of its own.
 *
 * The parent's mappings are not inherited (MADV_DONTFORK), so nothing the child does can reach them.
 * The handlers are installed when the library is loaded: early, so that they prepare last and the child
 * repairs itself first, before other handlers can register or charge. prepare takes all locks, outer
 * to inner, so that no other thread was in the middle of something.
 *
 * A child made by a raw clone() runs no handlers. The guard page reads as zeroes there: charging sees
 * that without a lock and does nothing, and the first call that may take locks repairs the rest. There
 * is nobody to have unlocked what another thread held at that moment, so it only tries.
 *
 * exec leaves nothing behind: every descriptor is close-on-exec.
 */
#include <errno.h>
#include <stddef.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "util/clock.h"
#include "util/rcu.h"

static bool holds_rcu; /* between prepare and the other two; guarded by [K1] */

static void prepare(void)
{
	pthread_mutex_lock(&ms_lib.lock);
	pthread_mutex_lock(&ms_lib.result_lock);
	/* A library that was never used leaves liburcu to whoever else uses it. */
	holds_rcu = ms_lib_life() != MS_LIFE_NEVER;
	if (holds_rcu)
		ms_rcu_before_fork();
	ms_table_before_fork(&ms_lib.table);
}

static void parent(void)
{
	ms_table_after_fork(&ms_lib.table);
	if (holds_rcu)
		ms_rcu_after_fork_parent();
	pthread_mutex_unlock(&ms_lib.result_lock);
	pthread_mutex_unlock(&ms_lib.lock);
}

/* Under all locks. Return: whether there is a table that others can see. */
static bool take_memory(void)
{
	uint64_t identity = ms_lib_new_identity();
	int table = ms_table_recreate(&ms_lib.table, identity, ms_clock_ns());
	int control = ms_control_recreate(&ms_lib.control, identity);

	ms_lib.lost = !ms_lib.table.base || !ms_lib.control.page;
	/* [L4] */
	atomic_store_explicit(&ms_guard.base, ms_lib.lost ? NULL : ms_lib.table.base, memory_order_release);
	return !ms_lib.lost && table >= 0 && control >= 0;
}

static void repair(void)
{
	bool ran = ms_lib_life() == MS_LIFE_RUNNING;
	bool seen = take_memory();

	if (ms_lib.lost)
		return;
	atomic_store_explicit(&ms_lib.workers, 0, memory_order_relaxed);
	atomic_store_explicit(&ms_lib.callbacks, ms_calling ? 1 : 0, memory_order_relaxed);
	ms_shards_after_fork();
	ms_call_after_fork();
	ms_agent_reset();
	ms_owner_after_fork();
	ms_dispatch_after_fork();
	ms_registry_after_fork();
	ms_statm_after_fork();
	atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPED, memory_order_release); /* [L2] */
	if (ran && seen)
		ms_lib_start_agent(true); /* without one the child's caches are still seen */
}

static void child(void)
{
	if (holds_rcu)
		ms_rcu_after_fork_child();
	if (ms_lib.table.base)
		repair();
	pthread_mutex_unlock(&ms_lib.result_lock);
	pthread_mutex_unlock(&ms_lib.lock);
}

int ms_fork_recover(void)
{
	if (ms_likely(atomic_load_explicit(&ms_guard.base, memory_order_relaxed)) || !ms_lib.table.base)
		return ms_lib.lost ? -ENOMEM : 0;
	if (ms_lib.lost)
		return -ENOMEM;
	if (pthread_mutex_trylock(&ms_lib.lock) != 0)
		return -EAGAIN;
	if (pthread_mutex_trylock(&ms_lib.result_lock) != 0) {
		pthread_mutex_unlock(&ms_lib.lock);
		return -EAGAIN;
	}
	if (!atomic_load_explicit(&ms_guard.base, memory_order_relaxed)) {
		ms_rcu_before_fork();
		holds_rcu = true;
		child();
	} else {
		pthread_mutex_unlock(&ms_lib.result_lock);
		pthread_mutex_unlock(&ms_lib.lock);
	}
	return ms_lib.lost ? -ENOMEM : 0;
}

int ms_fork_init(void)
{
	return -pthread_atfork(prepare, parent, child);
}

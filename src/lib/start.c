/* SPDX-License-Identifier: MIT */
/*
 * lib/start.c - the life of the library in a process: loaded, started, stopped, started again, ended.
 *
 * ms_lib.life moves under [K1]:
 *
 *   from              to        by
 *   NEVER, STOPPED    RUNNING   memshed_start(), or the first memshed_register() from NEVER
 *   RUNNING           LAZY      a forked child, at birth (fork.c)
 *   LAZY              RUNNING   the child's first call of the library
 *   LAZY              STOPPED   memshed_stop()
 *   RUNNING           STOPPING  memshed_stop(), or the process exits: no callback begins any more
 *   STOPPING          STOPPED   the last to leave: memshed_stop(), a worker, a dispatch
 *
 *   [agent.D2] life is set to STOPPING before the look at workers, callbacks and dispatch; a thread that goes
 *        inside counts itself before the look at life. All sequentially consistent: one sees the other.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/allocator.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "table/memfd.h"
#include "util/clock.h"
#include "util/futex.h"

/* How long exit() waits for a callback that runs: it may use what the host's own handlers destroy. */
#define EXIT_PATIENCE_NS (200 * MS_NS_PER_MS)


/* ---- start ---- */

/* Of LeakSanitizer, where the host is built with it; it looks into no mapping that it was not told of. */
extern void __lsan_register_root_region(const void *at, size_t bytes) __attribute__((weak));

/* Once; what a start that failed has made is found by the next. */
static int make_rows(void)
{
	const size_t bytes = MS_ROW_COUNT * sizeof(*ms_lib.by_row);
	void *base = NULL;
	int error = ms_lib.by_row ? 0 : ms_memfd_map_private(bytes, &base);

	if (!base)
		return error;
	ms_lib.by_row = base;
	if (__lsan_register_root_region)
		__lsan_register_root_region(base, bytes);
	return 0;
}

static int make_tables(const struct ms_allocator_found *allocator)
{
	uint64_t identity = ms_lib_new_identity();
	int error;

	error = make_rows();
	if (!error)
		error = ms_candidates_init();
	if (!error)
		error = ms_table_create(&ms_lib.table, identity, ms_clock_ns());
	if (error)
		return error;
	error = ms_control_create(&ms_lib.control, identity);
	if (error) {
		ms_table_destroy(&ms_lib.table);
		return error;
	}
	ms_shards_open(ms_lib.table.shard_count);
	ms_allocator_start(allocator);
	return 0;
}

static void leave_process(void);

static int start_locked(const struct memshed_agent_options *options, const struct ms_allocator_found *allocator)
{
	int error = ms_lib.table.base ? 0 : make_tables(allocator);

	if (error)
		return error;
	if (!ms_lib.exit_handler) {
		atexit(leave_process);
		ms_lib.exit_handler = true;
	}
	ms_lib_disarm();
	ms_lib.agent_options = *options;
	error = ms_lib_start_agent(false);
	if (!error) {
		ms_lib_hello_prepare();
		ms_lib_hello_send();
	}
	return error;
}

/* The agent that is stopping must have left. Return: 0 with [K1] held; -EBUSY in the callback itself. */
static int lock_when_settled(void)
{
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [lib.L3] */

		pthread_mutex_lock(&ms_lib.lock);
		if (ms_lib_life() != MS_LIFE_STOPPING)
			return 0;
		pthread_mutex_unlock(&ms_lib.lock);
		ms_agent_finish_stop();
		if (ms_lib_life() != MS_LIFE_STOPPING)
			continue;
		if (ms_executor_is_in_callback())
			return -EBUSY;
		ms_futex_wait(&ms_lib.returns, seen, UINT64_MAX);
	}
}

MS_PUBLIC int memshed_start(const struct memshed_agent_options *options)
{
	MS_CANCEL_OR_KEEP_CALLER;
	struct memshed_agent_options copy;
	int error = ms_options_copy_agent(options, &copy);

	if (!error)
		error = ms_enter();
	if (error)
		return error;

	struct ms_allocator_found allocator = ms_allocator_find();

	error = lock_when_settled();
	if (error)
		return error;
	error = ms_lib_runs() ? -EALREADY : start_locked(&copy, &allocator);
	pthread_mutex_unlock(&ms_lib.lock);
	if (!error)
		ms_lib_settle(copy.mode);
	return error;
}

int ms_lib_wake(void)
{
	int error = ms_enter();

	if (error || ms_lib_life() != MS_LIFE_LAZY || ms_executor_is_in_callback())
		return error;
	pthread_mutex_lock(&ms_lib.lock);
	if (ms_lib_life() == MS_LIFE_LAZY) {
		ms_lib_disarm();
		ms_lib_start_agent(true); /* without one its caches are still seen; the next registration tries again */
	}
	pthread_mutex_unlock(&ms_lib.lock);
	return 0;
}

int ms_lib_ensure(void)
{
	int error = ms_lib_wake();

	if (error || ms_lib_life() != MS_LIFE_NEVER)
		return error;
	error = memshed_start(NULL);
	return error == -EALREADY ? 0 : error;
}

/* ---- stop ---- */

/* Return: 0; -ENOENT when no agent runs. */
static int begin_stop(void)
{
	int error = -ENOENT;

	pthread_mutex_lock(&ms_lib.lock);
	if (ms_lib_life() == MS_LIFE_LAZY) {
		ms_lib_disarm();
		ms_lib_show_agent(MS_AGENT_STOPPED);
		atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPED, memory_order_release); /* [lib.L2] */
		error = 0;
	}
	if (ms_lib_life() == MS_LIFE_RUNNING) {
		if (ms_lib.mode->stop)
			ms_lib.mode->stop();
		atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPING, memory_order_seq_cst); /* [agent.D2] */
		ms_control_wake(&ms_lib.control);
		if (ms_lib.mode->ring)
			ms_lib.mode->ring();
		error = 0;
	}
	pthread_mutex_unlock(&ms_lib.lock);
	return error;
}

static void wait_stopped(uint64_t until_ns)
{
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [lib.L3] */

		ms_agent_finish_stop();
		if (ms_lib_life() != MS_LIFE_STOPPING || ms_clock_ns() >= until_ns)
			return;
		ms_futex_wait(&ms_lib.returns, seen, until_ns);
	}
}

MS_PUBLIC int memshed_stop(void)
{
	MS_KEEP_CALLER;
	int error = ms_enter() < 0 ? -ENOENT : begin_stop();

	if (!error && !ms_executor_is_in_callback())
		wait_stopped(UINT64_MAX);
	return error;
}

/* At exit: no callback begins any more, and one that runs gets a moment. */
static void leave_process(void)
{
	MS_KEEP_CALLER;

	if (ms_enter() == 0 && begin_stop() == 0 && !ms_executor_is_in_callback())
		wait_stopped(ms_clock_ns() + EXIT_PATIENCE_NS);
}

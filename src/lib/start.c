/* SPDX-License-Identifier: MIT */
/*
 * lib/start.c - the life of the library in a process: loaded, started, stopped, started again, ended.
 *
 * ms_lib.life moves under [K1]:
 *
 *   from              to        who
 *   NEVER, STOPPED    RUNNING   memshed_start(), or the first memshed_register() from NEVER
 *   RUNNING           STOPPING  memshed_stop(), or the process exits: no callback begins any more
 *   STOPPING          STOPPED   whoever is the last to leave: memshed_stop(), a worker, a dispatch
 *
 *   [L1] life is set to STOPPING before the look at workers, callbacks and dispatch; who goes inside
 *        counts itself before the look at life. All sequentially consistent: one sees the other.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "table/memfd.h"
#include "util/clock.h"
#include "util/futex.h"

/* How long exit() waits for a callback that runs: it may use what the host's own handlers destroy. */
#define EXIT_PATIENCE_NS (200 * MS_NS_PER_MS)

struct ms_guard ms_guard;

struct ms_lib ms_lib; /* PTHREAD_MUTEX_INITIALIZER is all zeroes */

static int load_error; /* of the constructor */

void ms_errno_restore(struct ms_errno *errno_)
{
	errno = errno_->saved;
}

__attribute__((constructor)) static void load(void)
{
	load_error = ms_shards_init();
	if (!load_error)
		load_error = ms_fork_init();
}

/* ---- start ---- */

uint64_t ms_lib_new_identity(void)
{
	uint64_t identity = 0;

	if (getrandom(&identity, sizeof(identity), GRND_NONBLOCK) != sizeof(identity))
		identity = ms_clock_ns() ^ (uint64_t)getpid() << 32;
	return identity;
}

/* Once; what a start that failed has made is found by the next. */
static int make_rows(void)
{
	void *base = NULL;
	int error = ms_lib.by_row ? 0 : ms_memfd_map_private(MS_ROW_COUNT * sizeof(*ms_lib.by_row), &base);

	if (base)
		ms_lib.by_row = base;
	return error;
}

static int make_tables(void)
{
	uint64_t identity = ms_lib_new_identity();
	int error;

	/* Where the kernel's pages are larger, or it is too old, raw clones are not noticed. */
	madvise(&ms_guard, sizeof(ms_guard), MADV_WIPEONFORK);
	error = make_rows();
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
	ms_statm_open();
	ms_allocator_start();
	/* Where the agent looks first must be in memory when there is none left. */
	mlock(ms_lib.control.page, MS_CONTROL_BYTES);
	mlock(ms_lib.table.header, MS_HEADER_BYTES);
	/* [L4]: the table is complete for the threads that charge. */
	atomic_store_explicit(&ms_guard.base, ms_lib.table.base, memory_order_release);
	return 0;
}

static int start_mode(bool in_child)
{
	switch (ms_lib.agent_options.mode) {
	case MEMSHED_AGENT_FD:
		return ms_fd_start();
	case MEMSHED_AGENT_SIGNAL:
		return ms_signal_start(ms_lib.agent_options.signal);
	default:
		return ms_thread_start(in_child);
	}
}

static void ring_all(void)
{
	ms_control_wake(&ms_lib.control);
	ms_thread_stop();
}

int ms_lib_start_agent(bool in_child)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint32_t before = ms_lib_life();

	ms_agent_reset();
	header->agent_mode = ms_lib.agent_options.mode;
	header->agent_signal = (uint32_t)ms_lib.agent_options.signal;
	atomic_store_explicit(&header->agent_tid, 0, memory_order_relaxed);
	atomic_store_explicit(&ms_lib.life, MS_LIFE_RUNNING, memory_order_seq_cst); /* [L1] [L2] */

	int error = start_mode(in_child);

	if (error) { /* nothing runs that could have seen it */
		atomic_store_explicit(&ms_lib.life, before, memory_order_seq_cst); /* [L1] */
		ms_agent_state(MS_AGENT_NONE);
	}
	return error;
}

static void leave_process(void);

static int start_locked(const struct memshed_agent_options *options)
{
	int error = load_error;

	if (!error && !ms_lib.table.base)
		error = make_tables();
	if (error)
		return error;
	if (!ms_lib.exit_handler) {
		atexit(leave_process);
		ms_lib.exit_handler = true;
	}
	ms_lib.agent_options = *options;
	ms_hello_prepare();
	return ms_lib_start_agent(false);
}

/* The agent that is stopping must have left. Return: 0 with [K1] held; -EBUSY in the callback itself. */
static int lock_when_settled(void)
{
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [L3] */

		pthread_mutex_lock(&ms_lib.lock);
		if (ms_lib_life() != MS_LIFE_STOPPING)
			return 0;
		pthread_mutex_unlock(&ms_lib.lock);
		if (ms_calling)
			return -EBUSY;
		ms_futex_wait(&ms_lib.returns, seen, UINT64_MAX);
	}
}

MS_PUBLIC int memshed_start(const struct memshed_agent_options *options)
{
	MS_KEEP_ERRNO;
	struct memshed_agent_options copy;
	int error = ms_options_copy_agent(options, &copy);

	if (!error)
		error = ms_fork_recover();
	if (!error)
		error = lock_when_settled();
	if (error)
		return error;
	error = ms_lib_life() == MS_LIFE_RUNNING ? -EALREADY : start_locked(&copy);
	pthread_mutex_unlock(&ms_lib.lock);
	if (!error && copy.mode == MEMSHED_AGENT_THREAD)
		ms_thread_wait_warm();
	if (!error && copy.mode == MEMSHED_AGENT_SIGNAL)
		ms_signal_greet();
	return error;
}

int ms_lib_ensure(void)
{
	int error = ms_fork_recover();

	if (error || ms_lib_life() != MS_LIFE_NEVER)
		return error;
	error = memshed_start(NULL);
	return error == -EALREADY ? 0 : error;
}

/* ---- stop ---- */

void ms_lib_returned(void)
{
	atomic_fetch_add_explicit(&ms_lib.returns, 1, memory_order_release); /* [L3] */
	ms_futex_wake_all(&ms_lib.returns);
}

static bool is_empty(void)
{
	return !atomic_load_explicit(&ms_lib.workers, memory_order_seq_cst) &&
	       !atomic_load_explicit(&ms_lib.callbacks, memory_order_seq_cst) && !ms_dispatch_busy(); /* [L1] */
}

void ms_lib_finish_stop(void)
{
	bool stopped = false;

	if (ms_lib_life() != MS_LIFE_STOPPING)
		return;
	pthread_mutex_lock(&ms_lib.lock);
	if (ms_lib_life() == MS_LIFE_STOPPING && is_empty()) {
		stopped = true;
		if (ms_lib.agent_options.mode == MEMSHED_AGENT_FD)
			ms_fd_stop();
		ms_agent_refuse_all();
		ms_agent_state(MS_AGENT_STOPPED);
		atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPED, memory_order_release); /* [L2] */
	}
	pthread_mutex_unlock(&ms_lib.lock);
	if (stopped) /* else who waits for it in vain would wake itself */
		ms_lib_returned();
}

/* Return: 0; -ENOENT when no agent runs. */
static int begin_stop(void)
{
	int error = -ENOENT;

	pthread_mutex_lock(&ms_lib.lock);
	if (ms_lib_life() == MS_LIFE_RUNNING) {
		if (ms_lib.agent_options.mode == MEMSHED_AGENT_SIGNAL)
			ms_signal_stop();
		atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPING, memory_order_seq_cst); /* [L1] */
		ring_all();
		error = 0;
	}
	pthread_mutex_unlock(&ms_lib.lock);
	return error;
}

static void wait_stopped(uint64_t until_ns)
{
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [L3] */

		ms_lib_finish_stop();
		if (ms_lib_life() != MS_LIFE_STOPPING || ms_clock_ns() >= until_ns)
			return;
		ms_futex_wait(&ms_lib.returns, seen, until_ns);
	}
}

MS_PUBLIC int memshed_stop(void)
{
	MS_KEEP_ERRNO;
	int error = ms_fork_recover();

	if (error || !ms_lib.table.base)
		return -ENOENT;
	error = begin_stop();
	if (!error && !ms_calling)
		wait_stopped(UINT64_MAX);
	return error;
}

/* At exit: no callback begins any more, and one that runs gets a moment. */
static void leave_process(void)
{
	if (ms_fork_recover() == 0 && begin_stop() == 0 && !ms_calling)
		wait_stopped(ms_clock_ns() + EXIT_PATIENCE_NS);
}

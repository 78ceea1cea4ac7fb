/* SPDX-License-Identifier: MIT */
/*
 * lib/mode_thread.c - the agent as threads of the library's own: one serves, one stands by.
 *
 * The standby sleeps. When the agent is in a callback past its deadline, it says so (ms_executor_take_over())
 * and is the agent from then on; the other one finds out when its callback returns, and becomes the standby.
 * So one stuck callback stops no other; with two, orders wait.
 *
 *   role        writer: the standby that took over, under [K2]; readers: workers; a late one learns of it
 *               under [K2]
 *   [mode_thread.H2] alarm_bell goes up (release) after what the standby should look at; it loads the bell
 *               (acquire) before it looks, and sleeps only while that is the same; pairs with
 *               [mode_thread.H2]
 *   [mode_thread.H3] warm goes up (release) when a worker is ready; memshed_start() waits for it (acquire);
 *               pairs with [mode_thread.H3]
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "lib/mode.h"
#include "lib/worker.h"
#include "util/clock.h"
#include "util/futex.h"

enum { WORKERS = 2, STANDBY = 1 };

static struct ms_mode_thread *const mode = &ms_lib.mode_thread;

static bool is_agent(uint32_t index)
{
	return atomic_load_explicit(&mode->role, memory_order_relaxed) == index;
}

/* Return: true when this thread is the agent now. */
static bool stand_by(uint32_t index)
{
	uint32_t seen = atomic_load_explicit(&mode->alarm_bell, memory_order_acquire); /* [mode_thread.H2] */
	uint64_t deadline;

	if (ms_executor_take_over(ms_clock_ns(), &mode->role, index))
		return true;
	deadline = ms_executor_watch();
	if (ms_lib_runs())
		ms_futex_wait(&mode->alarm_bell, seen, deadline);
	return false;
}

static void *work(void *index);

/* A forked child has no standby until the first order is answered, and memory is there again: most children
 * get no order. Without a standby orders are served, but no thread takes over from a stuck callback. */
static void have_standby(void)
{
	if (atomic_exchange_explicit(&mode->alone, false, memory_order_relaxed))
		ms_worker_spawn(work, (void *)(uintptr_t)STANDBY);
}

static void be_agent(uint32_t index, bool resume)
{
	atomic_store_explicit(&ms_lib.table.header->agent_tid, (uint32_t)gettid(), memory_order_relaxed);
	prctl(PR_SET_NAME, "memshed-agent");
	if (resume && ms_agent_resume() < 0)
		return;
	for (;;) {
		/* Before the look at life, which memshed_stop() changes before it rings. */
		uint32_t seen = ms_control_doorbell(&ms_lib.control);

		if (!ms_lib_runs() || !is_agent(index))
			return;

		int answered = ms_agent_serve();

		if (answered < 0)
			return;
		if (answered > 0)
			have_standby();
		if (ms_control_doorbell(&ms_lib.control) != seen)
			continue;
		ms_lib_show_agent(MS_AGENT_IDLE);

		uint64_t due = ms_agent_due(), now = ms_clock_ns(), look = ms_worker_look(now);

		due = look < due ? look : due;

		if (due > now)
			ms_control_sleep(&ms_lib.control, seen, (due - now) / MS_NS_PER_US + 1);
	}
}

static void be_worker(uint32_t index)
{
	bool resume = false;

	ms_worker_warm(index ? "memshed-standby" : "memshed-agent", true);
	atomic_fetch_add_explicit(&mode->warm, 1, memory_order_release); /* [mode_thread.H3] */
	ms_futex_wake_all(&mode->warm);
	while (ms_lib_runs()) {
		if (is_agent(index))
			be_agent(index, resume);
		else
			resume = stand_by(index);
	}
}

static void *work(void *index)
{
	pthread_cleanup_push(ms_worker_end, NULL);
	be_worker((uint32_t)(uintptr_t)index);
	pthread_cleanup_pop(1);
	return NULL;
}

static int start(bool in_child)
{
	atomic_store_explicit(&mode->role, 0, memory_order_relaxed);
	atomic_store_explicit(&mode->warm, 0, memory_order_relaxed);
	atomic_store_explicit(&mode->alone, in_child, memory_order_relaxed);
	ms_lib_show_agent(MS_AGENT_IDLE);

	int error = ms_worker_spawn(work, NULL);

	/* At the limit of threads: none takes over from a stuck callback, but orders are served. */
	if (!error && !in_child && ms_worker_spawn(work, (void *)(uintptr_t)STANDBY) < 0)
		atomic_fetch_add_explicit(&mode->warm, 1, memory_order_release); /* [mode_thread.H3] */
	return error;
}

static void settle(void)
{
	uint64_t deadline = ms_clock_ns() + MS_NS_PER_S; /* on a slower machine it gets warm later */
	uint32_t seen;

	while ((seen = atomic_load_explicit(&mode->warm, memory_order_acquire)) < WORKERS && /* [mode_thread.H3] */
	       ms_clock_ns() < deadline)
		ms_futex_wait(&mode->warm, seen, deadline);
}

static void ring(void)
{
	atomic_fetch_add_explicit(&mode->alarm_bell, 1, memory_order_release); /* [mode_thread.H2] */
	ms_futex_wake_all(&mode->alarm_bell);
}

const struct ms_mode ms_mode_thread = {.has_threads = true, .is_agent = true, .start = start, .settle = settle, .ring = ring};

/* SPDX-License-Identifier: MIT */
/*
 * lib/agent_thread.c - the agent as threads of the library's own: one serves, one stands by.
 *
 * The standby sleeps. When the agent is in a callback past its deadline, it marks that stuck
 * (ms_call_take_over()) and is the agent from then on; the other one finds out when its callback
 * returns, and becomes the standby. So one stuck callback stops nobody else; with two, orders wait.
 *
 *   role       writer: the standby that took over; readers: workers [H1] (release, acquire)
 *   alarm_ns   when the standby wakes by itself. Together with the call's deadline [T4] in call.c:
 *              the agent stores the deadline and looks at the alarm; the standby stores the alarm and
 *              looks at the deadline. So the agent rings only when the standby would wake too late,
 *              which a series of callbacks with the same time to live does once.
 *   alarm_bell [H2] goes up (release) after what the standby should look at; it loads the bell (acquire)
 *              before it looks, and sleeps only while that is the same
 *   warm       [H3] goes up (release) when a worker is ready; memshed_start() waits for it (acquire)
 */
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "table/slot.h"
#include "util/clock.h"
#include "util/futex.h"

enum { WORKERS = 2, CHILDHOOD_US = 10000 };

static _Atomic uint32_t role;
static _Atomic uint64_t alarm_ns = UINT64_MAX;
static _Atomic uint32_t alarm_bell; /* futex */
static _Atomic uint32_t warm;       /* workers that are ready; futex */

void ms_agent_alarm(uint64_t deadline_ns)
{
	if (atomic_load_explicit(&alarm_ns, memory_order_seq_cst) <= deadline_ns) /* [T4] */
		return;
	atomic_fetch_add_explicit(&alarm_bell, 1, memory_order_release); /* [H2] */
	ms_futex_wake_all(&alarm_bell);
}

static bool is_agent(uint32_t index)
{
	return atomic_load_explicit(&role, memory_order_acquire) == index; /* [H1] */
}

/* Return: true when this thread is the agent now. */
static bool stand_by(uint32_t index)
{
	uint32_t seen = atomic_load_explicit(&alarm_bell, memory_order_acquire); /* [H2] */
	uint64_t deadline = ms_call_deadline();

	if (ms_call_take_over(MS_CALLER_AGENT, ms_clock_ns())) {
		atomic_store_explicit(&role, index, memory_order_release); /* [H1] */
		return true;
	}
	atomic_store_explicit(&alarm_ns, deadline, memory_order_seq_cst); /* [T4] */
	if (ms_agent_runs() && ms_call_deadline() >= deadline)
		ms_futex_wait(&alarm_bell, seen, deadline);
	return false;
}

static void be_agent(uint32_t index, bool resume)
{
	atomic_store_explicit(&ms_lib.table.header->agent_tid, (uint32_t)gettid(), memory_order_relaxed);
	prctl(PR_SET_NAME, "memshed-agent");
	if (resume && ms_agent_resume() < 0)
		return;
	while (ms_agent_runs() && is_agent(index)) {
		uint32_t seen = ms_control_doorbell(&ms_lib.control);

		if (ms_agent_serve() < 0 || ms_count_when_due() < 0)
			return;
		if (ms_control_doorbell(&ms_lib.control) != seen)
			continue;
		ms_agent_state(MS_AGENT_IDLE);

		uint64_t due = ms_agent_due(), now = ms_clock_ns();

		if (due > now)
			ms_control_sleep(&ms_lib.control, seen, (due - now) / MS_NS_PER_US + 1);
	}
}

static void *work(uint32_t index)
{
	bool resume = false;

	ms_worker_warm(index ? "memshed-standby" : "memshed-agent", true);
	atomic_fetch_add_explicit(&warm, 1, memory_order_release); /* [H3] */
	ms_futex_wake_all(&warm);
	if (index == 0)
		ms_hello_send();
	while (ms_agent_runs()) {
		if (is_agent(index))
			be_agent(index, resume);
		else
			resume = stand_by(index);
	}
	return ms_worker_end();
}

static void *work_as_agent(void *unused)
{
	(void)unused;
	return work(0);
}

static void *work_as_standby(void *unused)
{
	(void)unused;
	return work(1);
}

/* In a forked child, where one thread is started, and only after a while the rest: most children exec or
 * exit at once, and should not pay for more. An order ends the while. */
static void *grow_up(void *unused)
{
	uint32_t seen = ms_control_doorbell(&ms_lib.control);

	if (ms_agent_runs() && !ms_agent_posted())
		ms_control_sleep(&ms_lib.control, seen, CHILDHOOD_US);
	if (ms_agent_runs())
		ms_worker_spawn(work_as_standby, NULL); /* without it nobody takes over; orders are served */
	return work_as_agent(unused);
}

int ms_thread_start(bool in_child)
{
	atomic_store_explicit(&role, 0, memory_order_relaxed);
	atomic_store_explicit(&alarm_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&warm, 0, memory_order_relaxed);
	ms_agent_state(MS_AGENT_IDLE);
	if (in_child)
		return ms_worker_spawn(grow_up, NULL);

	int error = ms_worker_spawn(work_as_agent, NULL);

	/* At the limit of threads: nobody takes over from a stuck callback, but orders are served. */
	if (!error && ms_worker_spawn(work_as_standby, NULL) < 0)
		atomic_fetch_add_explicit(&warm, 1, memory_order_release); /* [H3] */
	return error;
}

void ms_thread_wait_warm(void)
{
	uint64_t deadline = ms_clock_ns() + MS_NS_PER_S; /* a machine slower than that is none of our business */
	uint32_t seen;

	while ((seen = atomic_load_explicit(&warm, memory_order_acquire)) < WORKERS && /* [H3] */
	       ms_clock_ns() < deadline)
		ms_futex_wait(&warm, seen, deadline);
}

void ms_thread_stop(void)
{
	atomic_fetch_add_explicit(&alarm_bell, 1, memory_order_release); /* [H2] */
	ms_futex_wake_all(&alarm_bell);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/mode_poll.c - the agent at the host's safe points, for memshed_poll(). No thread at all.
 *
 * A client also sends a signal, and its handler sets a flag; memshed_poll() looks at the doorbell too, in
 * case the client could not. In every mode it runs what is queued for the calling thread (executor.c).
 *
 *   [mode_poll.O2] poll_word: the mode's bit is released when all that memshed_poll() looks at is set, and
 *              acquired by memshed_poll(); its count of what is queued needs no order, since that is looked
 *              at under [K2]; pairs with [mode_poll.O2]
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "lib/agent.h"
#include "lib/executor.h"
#include "lib/host.h"
#include "lib/lib.h"
#include "lib/mode.h"
#include "util/clock.h"

static struct ms_mode_poll *const mode = &ms_lib.mode_poll;

static void handle(int signal, siginfo_t *info, void *context)
{
	const struct sigaction *before = &mode->handler_before;

	atomic_store_explicit(&mode->signalled, 1, memory_order_relaxed);
	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(signal, info, context);
	else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
		before->sa_handler(signal);
}

static int start(bool in_child)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
	int number = ms_lib.agent_options.signal;
	struct sigaction before;

	(void)in_child;
	sigemptyset(&action.sa_mask);
	if (sigaction(number, &action, &before) < 0)
		return -errno;
	/* In a forked child, or under a handler that was put over ours, it is ours already. */
	if (!(before.sa_flags & SA_SIGINFO) || before.sa_sigaction != handle)
		mode->handler_before = before;
	mode->signal = number;
	atomic_store_explicit(&mode->seen_doorbell, ms_control_doorbell(&ms_lib.control), memory_order_relaxed);
	atomic_fetch_or_explicit(&ms_lib.poll_word, MS_POLL_MODE, memory_order_release); /* [mode_poll.O2] */
	ms_lib_show_agent(MS_AGENT_IDLE);
	return 0;
}

static void stop(void)
{
	struct sigaction now;

	atomic_fetch_and_explicit(&ms_lib.poll_word, ~MS_POLL_MODE, memory_order_release); /* [mode_poll.O2] */
	/* A handler that was put over ours calls ours: leave it. */
	if (sigaction(mode->signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle)
		sigaction(mode->signal, &mode->handler_before, NULL);
}

const struct ms_mode ms_mode_poll = {.start = start, .stop = stop};

/* ---- what the host calls ---- */

static bool is_due(void)
{
	struct timespec coarse;

	if (atomic_load_explicit(&mode->signalled, memory_order_relaxed) ||
	    ms_control_doorbell(&ms_lib.control) != atomic_load_explicit(&mode->seen_doorbell, memory_order_relaxed))
		return true;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
	return (uint64_t)coarse.tv_sec * MS_NS_PER_S + (uint64_t)coarse.tv_nsec >= ms_agent_due();
}

static int serve(void)
{
	enum ms_entry entry = is_due() ? ms_host_enter() : MS_ENTRY_REFUSED;

	if (entry == MS_ENTRY_REFUSED)
		return 0;
	atomic_store_explicit(&mode->signalled, 0, memory_order_relaxed);
	atomic_store_explicit(&mode->seen_doorbell, ms_control_doorbell(&ms_lib.control), memory_order_relaxed);
	return ms_host_serve(MEMSHED_AGENT_SIGNAL, entry);
}

int ms_poll_run(uint32_t word)
{
	int ran = 0;

	if (ms_executor_is_in_callback() && !ms_executor_is_overdue())
		return 0;
	if (word & ~MS_POLL_MODE)
		ran += ms_executor_poll();
	if (word & MS_POLL_MODE)
		ran += serve();
	/* memshed_stop() in one of the callbacks did not wait. */
	ms_agent_finish_stop();
	return ran;
}

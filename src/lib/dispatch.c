/* SPDX-License-Identifier: MIT */
/*
 * lib/dispatch.c - the agent in the host's own threads: memshed_fd(), memshed_dispatch(), memshed_poll().
 *
 * fd mode: the doorbell is a futex, which cannot be polled, so a small thread (the relay) turns it into
 * an eventfd. The relay runs no callback; it also says in the table when one is past its deadline.
 * Signal mode: no thread at all. The handler sets a flag, and memshed_poll() looks at the doorbell too,
 * in case the client could not send the signal.
 *
 *   poll word  [O2] the mode's bit is released when all that memshed_poll() looks at is set, and acquired
 *              by memshed_poll(); its count of wishes needs no order (owner.c)
 *   inside     writer: any thread, by exchange [D1] (acquire); cleared by the same (release)
 *   event_fd   [D2] released when it is made, acquired by whoever hands it out
 *   notified   the relay has made the descriptor readable and waits for memshed_dispatch() to clear it
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "table/order.h"
#include "util/clock.h"

static _Atomic uint32_t inside;
static _Atomic int event_fd = -1; /* writer: start, stop and fork, under [K1] */
static _Atomic uint32_t notified;
static uint32_t seen_doorbell; /* writer: who is inside */
static volatile sig_atomic_t signalled;
static struct sigaction handler_before;
static int handled_signal;
static bool hello_due; /* a forked child says it at its first safe point, not inside fork() */

bool ms_dispatch_enter(void)
{
	/* Sequentially consistent with the look at life that follows: memshed_stop() sets life first, and
	 * looks at this afterwards. [D1] */
	return atomic_exchange_explicit(&inside, 1, memory_order_seq_cst) == 0;
}

void ms_dispatch_leave(void)
{
	atomic_store_explicit(&inside, 0, memory_order_seq_cst); /* [D1] */
	ms_lib_finish_stop();
	ms_lib_returned();
}

bool ms_dispatch_busy(void)
{
	return atomic_load_explicit(&inside, memory_order_seq_cst); /* [D1] */
}

void ms_dispatch_after_fork(void)
{
	/* A host that forks inside its own dispatch goes on being inside. */
	if (!ms_calling)
		atomic_store_explicit(&inside, 0, memory_order_relaxed);
	atomic_store_explicit(&notified, 0, memory_order_relaxed);
}

/* By who is inside. */
static int serve(void)
{
	if (atomic_load_explicit(&ms_lib.life, memory_order_seq_cst) != MS_LIFE_RUNNING) /* [D1] */
		return 0;
	seen_doorbell = ms_control_doorbell(&ms_lib.control);

	int answered = ms_agent_serve();

	if (answered >= 0)
		ms_count_when_due();
	ms_agent_state(MS_AGENT_IDLE);
	return answered > 0 ? answered : 0;
}

/* ---- fd mode ---- */

static void notify(void)
{
	uint64_t one = 1;

	atomic_store_explicit(&notified, 1, memory_order_relaxed);
	if (write(atomic_load_explicit(&event_fd, memory_order_relaxed), &one, sizeof(one)) < 0)
		return; /* full: it is readable */
}

static void *relay(void *argument)
{
	uint32_t rung = (uint32_t)(uintptr_t)argument;

	ms_worker_warm("memshed-relay", false);
	ms_hello_send();
	while (ms_agent_runs()) {
		uint64_t now = ms_clock_ns();
		uint32_t seen = ms_control_doorbell(&ms_lib.control);
		uint64_t late = ms_call_deadline();
		uint64_t due = atomic_load_explicit(&notified, memory_order_relaxed) ? UINT64_MAX : ms_agent_due();

		if (late <= now) {
			ms_call_flag_late(now);
			late = UINT64_MAX;
		}
		if (seen != rung || due <= now) {
			rung = seen;
			notify();
			continue;
		}
		due = late < due ? late : due;
		ms_control_sleep(&ms_lib.control, seen, due == UINT64_MAX ? UINT64_MAX : (due - now) / MS_NS_PER_US + 1);
	}
	return ms_worker_end();
}

int ms_fd_start(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	atomic_store_explicit(&event_fd, fd, memory_order_release); /* [D2] */
	atomic_store_explicit(&notified, 0, memory_order_relaxed);
	ms_agent_state(MS_AGENT_IDLE);

	int error = ms_worker_spawn(relay, (void *)(uintptr_t)ms_control_doorbell(&ms_lib.control));

	if (error)
		ms_fd_stop();
	return error;
}

void ms_fd_stop(void)
{
	int fd = atomic_exchange_explicit(&event_fd, -1, memory_order_acq_rel); /* [D2] */

	if (fd >= 0)
		close(fd);
}

MS_PUBLIC int memshed_fd(void)
{
	MS_KEEP_ERRNO;

	if (ms_fork_recover() < 0)
		return -ENOENT;
	int fd = atomic_load_explicit(&event_fd, memory_order_acquire); /* [D2] */

	return fd < 0 ? -ENOENT : fd;
}

static bool is_mode(enum memshed_agent_mode mode)
{
	return ms_lib_life() == MS_LIFE_RUNNING && ms_lib.agent_options.mode == mode;
}

MS_PUBLIC int memshed_dispatch(void)
{
	MS_KEEP_ERRNO;
	uint64_t count;

	if (ms_fork_recover() < 0 || !is_mode(MEMSHED_AGENT_FD))
		return -ENOENT;
	if (!ms_dispatch_enter())
		return -EBUSY;
	if (read(atomic_load_explicit(&event_fd, memory_order_relaxed), &count, sizeof(count)) < 0)
		count = 0; /* called without need: fine */
	/* Before the look for orders: one that comes later rings again. */
	atomic_store_explicit(&notified, 0, memory_order_relaxed);

	int answered = serve();

	ms_control_wake(&ms_lib.control); /* the relay sleeps until the next time something is due */
	ms_dispatch_leave();
	return answered;
}

/* ---- signal mode ---- */

static void handle(int signal, siginfo_t *info, void *context)
{
	signalled = 1;
	if (handler_before.sa_flags & SA_SIGINFO)
		handler_before.sa_sigaction(signal, info, context);
	else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN)
		handler_before.sa_handler(signal);
}

int ms_signal_start(int signal)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
	struct sigaction before;

	sigemptyset(&action.sa_mask);
	if (sigaction(signal, &action, &before) < 0)
		return -errno;
	/* In a forked child, or under a handler that was put over ours, it is ours already. */
	if (!(before.sa_flags & SA_SIGINFO) || before.sa_sigaction != handle)
		handler_before = before;
	handled_signal = signal;
	seen_doorbell = ms_control_doorbell(&ms_lib.control);
	atomic_fetch_or_explicit(&ms_poll_word, MS_POLL_SIGNAL_MODE, memory_order_release); /* [O2] */
	ms_agent_state(MS_AGENT_IDLE);
	hello_due = true;
	return 0;
}

void ms_signal_stop(void)
{
	struct sigaction now;

	atomic_fetch_and_explicit(&ms_poll_word, ~MS_POLL_SIGNAL_MODE, memory_order_release); /* [O2] */
	/* A handler that was put over ours calls ours: leave it. */
	if (sigaction(handled_signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle)
		sigaction(handled_signal, &handler_before, NULL);
}

static void say_hello(void)
{
	if (hello_due)
		ms_hello_send();
	hello_due = false;
}

void ms_signal_greet(void)
{
	if (ms_dispatch_enter()) {
		say_hello();
		ms_dispatch_leave();
	}
}

static bool is_due(void)
{
	struct timespec coarse;

	if (signalled || hello_due || ms_control_doorbell(&ms_lib.control) != seen_doorbell)
		return true;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
	return (uint64_t)coarse.tv_sec * MS_NS_PER_S + (uint64_t)coarse.tv_nsec >= ms_agent_due();
}

static int poll_signal(void)
{
	int answered = 0;

	if (ms_calling || !is_due() || !ms_dispatch_enter())
		return 0;
	signalled = 0;
	say_hello();
	answered = serve();
	ms_dispatch_leave();
	return answered;
}

MS_PUBLIC int memshed_poll(void)
{
	uint32_t word = atomic_load_explicit(&ms_poll_word, memory_order_acquire); /* [O2] */

	if (ms_likely(!word))
		return 0;

	MS_KEEP_ERRNO;
	int ran = 0;

	if (ms_fork_recover() < 0)
		return 0;
	if (word & ~MS_POLL_SIGNAL_MODE)
		ran += ms_owner_poll();
	if (word & MS_POLL_SIGNAL_MODE)
		ran += poll_signal();
	return ran;
}

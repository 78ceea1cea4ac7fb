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
 *   event_fd   [D2] released when it is made, acquired by whoever hands it out. The host may close it, and
 *              then have a file of its own by that number: looked at before each use.
 *   notified   the relay has made the descriptor readable and waits for memshed_dispatch() to clear it
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/inode.h"

/* All eventfds are one inode. Ours carries a mark: the signal it would send if it were asked to. */
enum { EVENT_MARK = SIGURG };

static _Atomic uint32_t inside;
static _Atomic int event_fd = -1; /* writer: start, stop, fork and memshed_fd(), under [K1] */
static struct ms_inode event_held; /* written before the first relay; the same for all that come */
static _Atomic uint32_t notified;
static _Atomic uint32_t seen_doorbell; /* writer: who is inside; readers: any thread in memshed_poll() */
static _Atomic uint32_t signalled;     /* writers: the handler, and who is inside; a hint like the next */
static struct sigaction handler_before;
static int handled_signal;
static _Atomic bool hello_due; /* a forked child says it at its first safe point, not inside fork() */

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
	ms_fd_stop(); /* the parent's */
	atomic_store_explicit(&notified, 0, memory_order_relaxed);
}

/* By who is inside. Another thread may have stopped the agent and started another mode meanwhile; as long
 * as we are inside, none of that can happen again. */
static int serve(enum memshed_agent_mode mode)
{
	if (atomic_load_explicit(&ms_lib.life, memory_order_seq_cst) != MS_LIFE_RUNNING || /* [D1] */
	    ms_lib.agent_options.mode != mode)
		return 0;
	atomic_store_explicit(&seen_doorbell, ms_control_doorbell(&ms_lib.control), memory_order_relaxed);

	int answered = ms_agent_serve();

	if (answered >= 0)
		ms_count_when_due();
	ms_agent_state(MS_AGENT_IDLE);
	return answered > 0 ? answered : 0;
}

/* ---- fd mode ---- */

static bool is_ours(int fd)
{
	return ms_inode_is(fd, &event_held) && fcntl(fd, F_GETSIG) == EVENT_MARK;
}

static void make_readable(int fd)
{
	uint64_t one = 1;

	if (is_ours(fd) && write(fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable */
}

static void notify(void)
{
	atomic_store_explicit(&notified, 1, memory_order_relaxed);
	make_readable(atomic_load_explicit(&event_fd, memory_order_relaxed));
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

/* Return: a descriptor, which is event_fd now; a negative errno. */
static int make_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	fd = ms_fd_raise(fd);
	if (!event_held.inode)
		event_held = ms_inode_of(fd);
	if (fcntl(fd, F_SETSIG, EVENT_MARK) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	atomic_store_explicit(&event_fd, fd, memory_order_release); /* [D2] */
	return fd;
}

int ms_fd_start(void)
{
	int fd = make_event();

	if (fd < 0)
		return fd;
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

	if (is_ours(fd))
		close(fd);
}

static bool is_mode(enum memshed_agent_mode mode)
{
	return ms_lib_life() == MS_LIFE_RUNNING && ms_lib.agent_options.mode == mode;
}

/* The host has closed it: another one, readable, for what the first one was told. */
static int make_again(void)
{
	int fd;

	pthread_mutex_lock(&ms_lib.lock);
	fd = atomic_load_explicit(&event_fd, memory_order_relaxed);
	if (!is_mode(MEMSHED_AGENT_FD)) {
		fd = -ENOENT;
	} else if (!is_ours(fd)) {
		fd = make_event();
		make_readable(fd);
	}
	pthread_mutex_unlock(&ms_lib.lock);
	return fd;
}

MS_PUBLIC int memshed_fd(void)
{
	MS_KEEP_CALLER;

	if (ms_enter() < 0)
		return -ENOENT;
	int fd = atomic_load_explicit(&event_fd, memory_order_acquire); /* [D2] */

	if (fd < 0)
		return -ENOENT;
	return is_ours(fd) ? fd : make_again();
}

static void clear_event(int fd)
{
	uint64_t count;

	if (is_ours(fd) && read(fd, &count, sizeof(count)) < 0)
		return; /* called without need: fine */
}

MS_PUBLIC int memshed_dispatch(void)
{
	MS_KEEP_CALLER;

	if (ms_enter() < 0 || !is_mode(MEMSHED_AGENT_FD))
		return -ENOENT;
	if (!ms_dispatch_enter())
		return -EBUSY;
	clear_event(atomic_load_explicit(&event_fd, memory_order_relaxed));
	/* Before the look for orders: one that comes later rings again. */
	atomic_store_explicit(&notified, 0, memory_order_relaxed);

	int answered = serve(MEMSHED_AGENT_FD);

	ms_control_wake(&ms_lib.control); /* the relay sleeps until the next time something is due */
	ms_dispatch_leave();
	return answered;
}

/* ---- signal mode ---- */

static void handle(int signal, siginfo_t *info, void *context)
{
	atomic_store_explicit(&signalled, 1, memory_order_relaxed);
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
	atomic_store_explicit(&seen_doorbell, ms_control_doorbell(&ms_lib.control), memory_order_relaxed);
	atomic_fetch_or_explicit(&ms_poll_word, MS_POLL_SIGNAL_MODE, memory_order_release); /* [O2] */
	ms_agent_state(MS_AGENT_IDLE);
	atomic_store_explicit(&hello_due, true, memory_order_relaxed);
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
	if (atomic_exchange_explicit(&hello_due, false, memory_order_relaxed))
		ms_hello_send();
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

	if (atomic_load_explicit(&signalled, memory_order_relaxed) ||
	    atomic_load_explicit(&hello_due, memory_order_relaxed) ||
	    ms_control_doorbell(&ms_lib.control) != atomic_load_explicit(&seen_doorbell, memory_order_relaxed))
		return true;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
	return (uint64_t)coarse.tv_sec * MS_NS_PER_S + (uint64_t)coarse.tv_nsec >= ms_agent_due();
}

static int poll_signal(void)
{
	int answered = 0;

	if (ms_calling || !is_due() || !ms_dispatch_enter())
		return 0;
	atomic_store_explicit(&signalled, 0, memory_order_relaxed);
	say_hello();
	answered = serve(MEMSHED_AGENT_SIGNAL);
	ms_dispatch_leave();
	return answered;
}

MS_PUBLIC int memshed_poll(void)
{
	uint32_t word = atomic_load_explicit(&ms_poll_word, memory_order_acquire); /* [O2] */

	if (ms_likely(!word))
		return 0;

	MS_KEEP_CALLER;
	int ran = 0;

	if (ms_enter() < 0)
		return 0;
	if (word & ~MS_POLL_SIGNAL_MODE)
		ran += ms_owner_poll();
	if (word & MS_POLL_SIGNAL_MODE)
		ran += poll_signal();
	return ran;
}

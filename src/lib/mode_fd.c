/* SPDX-License-Identifier: MIT */
/*
 * lib/mode_fd.c - the agent in the host's own event loop, for memshed_fd() and memshed_dispatch().
 *
 * The doorbell is a futex, which cannot be polled, so a small thread (the relay) turns it into an eventfd. It
 * runs no callback; it also says in the table when one is past its deadline, and has the host come by
 * then, so that another thread of it, or the same one that has left the callback by a jump, takes over.
 *
 *   event_number  the host may close it, and then have a file of its own by that number: looked at before
 *                 each use
 *   [mode_fd.D2] it is released when the descriptor is made, acquired by a thread that uses it; pairs with
 *                [mode_fd.D2]
 *   notified   set by the relay when it has made the descriptor readable; it waits for memshed_dispatch() to
 *              clear it
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/agent.h"
#include "lib/executor.h"
#include "lib/host.h"
#include "lib/lib.h"
#include "lib/mode.h"
#include "lib/worker.h"
#include "util/clock.h"
#include "util/fd.h"

/* All eventfds are one inode. Ours carries a mark: the signal it would send if it were asked to. */
enum { EVENT_MARK = SIGURG };

static struct ms_mode_fd *const mode = &ms_lib.mode_fd;

static bool is_ours(int fd)
{
	return fd >= 0 && ms_inode_is(fd, &mode->event_held) && fcntl(fd, F_GETSIG) == EVENT_MARK;
}

/* -1: none */
static int event_fd(void)
{
	return atomic_load_explicit(&mode->event_number, memory_order_acquire) - 1; /* [mode_fd.D2] */
}

static void make_readable(int fd)
{
	uint64_t one = 1;

	if (is_ours(fd) && write(fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable */
}

static void notify(void)
{
	atomic_store_explicit(&mode->notified, 1, memory_order_relaxed);
	make_readable(event_fd());
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void be_relay(uint32_t rung)
{
	uint64_t told_late = 0; /* the deadline that was passed when the host was last told */

	ms_worker_warm("memshed-relay", false);
	for (;;) {
		/* Before the look at life, which memshed_stop() changes before it rings. */
		uint32_t seen = ms_control_doorbell(&ms_lib.control);

		if (!ms_lib_runs())
			return;

		uint64_t now = ms_clock_ns(), late = ms_executor_watch();
		bool notified = atomic_load_explicit(&mode->notified, memory_order_relaxed);
		uint64_t due = notified ? UINT64_MAX : ms_agent_due();

		if (late <= now && late != told_late) {
			told_late = late;
			ms_executor_flag_late(now);
			notify();
		}
		if (late <= now)
			late = UINT64_MAX;
		if ((seen != rung && ms_control_posted(&ms_lib.control)) || due <= now) {
			rung = seen;
			notify();
			continue;
		}
		rung = seen;
		due = earlier(earlier(due, late), ms_worker_look(now));
		ms_control_sleep(&ms_lib.control, seen, due == UINT64_MAX ? UINT64_MAX : (due - now) / MS_NS_PER_US + 1);
	}
}

static void *relay(void *rung)
{
	pthread_cleanup_push(ms_worker_end, NULL);
	be_relay((uint32_t)(uintptr_t)rung);
	pthread_cleanup_pop(1);
	return NULL;
}

/* Return: a descriptor, which is event_fd now; a negative errno. */
static int make_event(void)
{
	int fd = ms_fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	if (fd < 0)
		return -errno;
	if (!mode->event_held.inode)
		mode->event_held = ms_inode_of(fd);
	if (fcntl(fd, F_SETSIG, EVENT_MARK) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	atomic_store_explicit(&mode->event_number, fd + 1, memory_order_release); /* [mode_fd.D2] */
	return fd;
}

static void close_event(void)
{
	int fd = atomic_exchange_explicit(&mode->event_number, 0, memory_order_acq_rel) - 1; /* [mode_fd.D2] */

	if (is_ours(fd))
		close(fd);
}

static int start(bool in_child)
{
	int fd = make_event(), error;

	(void)in_child;
	if (fd < 0)
		return fd;
	atomic_store_explicit(&mode->notified, 0, memory_order_relaxed);
	ms_lib_show_agent(MS_AGENT_IDLE);
	error = ms_worker_spawn(relay, (void *)(uintptr_t)ms_control_doorbell(&ms_lib.control));
	if (error)
		close_event();
	return error;
}

static void ring(void)
{
	ms_control_wake(&ms_lib.control);
}

static void after_fork(void)
{
	close_event(); /* the parent's */
	atomic_store_explicit(&mode->notified, 0, memory_order_relaxed);
}

const struct ms_mode ms_mode_fd = {
	.has_threads = true,
	.start = start,
	.ring = ring,
	.stopped = close_event,
	.after_fork = after_fork,
};

/* ---- what the host calls ---- */

static bool is_on(void)
{
	return ms_lib_runs() && ms_lib.mode == &ms_mode_fd;
}

/* The host has closed it: another one, readable, for what the first one was told. */
static int make_again(void)
{
	int fd;

	pthread_mutex_lock(&ms_lib.lock);
	fd = event_fd();
	if (!is_on()) {
		fd = -ENOENT;
	} else if (!is_ours(fd)) {
		fd = make_event();
		make_readable(fd);
	}
	pthread_mutex_unlock(&ms_lib.lock);
	return fd;
}

int ms_mode_fd_get(void)
{
	int fd = event_fd();

	if (fd < 0)
		return -ENOENT;
	return is_ours(fd) ? fd : make_again();
}

static void clear_event(void)
{
	int fd = event_fd();
	uint64_t count;

	if (is_ours(fd) && read(fd, &count, sizeof(count)) < 0)
		return; /* called without need: fine */
}

int ms_mode_fd_dispatch(void)
{
	if (!is_on())
		return -ENOENT;
	/* Also where another thread is inside, so that a host that polls does not spin. */
	clear_event();

	enum ms_entry entry = ms_host_enter();

	if (entry == MS_ENTRY_REFUSED)
		return -EBUSY;
	/* Before the look for orders: one that comes later rings again. */
	atomic_store_explicit(&mode->notified, 0, memory_order_relaxed);

	int answered = ms_host_serve(MEMSHED_AGENT_FD, entry);

	ms_control_wake(&ms_lib.control); /* the relay sleeps until the next time something is due */
	return answered;
}

/* SPDX-License-Identifier: MIT */
/*
 * watch/loop.h - a table of sources (a descriptor and a function) and of timers, and one place to sleep.
 *
 * A module that waits for something registers it here; the loop knows nothing of what it is. One turn
 * sleeps until a source is ready or a timer is due, then calls the functions of the ready sources, then
 * those of the timers that are due. A function may add and remove sources, and move any timer.
 *
 * The loop never spins. A source that is ready again and again is left alone for a while
 * (MS_LOOP_BURST in a row, then MS_LOOP_PER_S); one without an open descriptor is dropped. When polling
 * is refused altogether (a filter of system calls, no memory in the kernel) the loop sleeps by the clock
 * and asks all sources in turn: so their functions must not block, and may be called in vain
 * (revents 0). A signal that comes on a signalfd is then heard MS_LOOP_BLIND_NS later at the latest.
 *
 * One thread. Nothing is allocated or opened, and no lock is taken.
 */
#ifndef MS_WATCH_LOOP_H
#define MS_WATCH_LOOP_H

#include <poll.h>
#include <stdint.h>
#include <time.h>

#include "util/clock.h"

enum {
	MS_LOOP_SOURCES = 32,
	MS_LOOP_TIMERS = 8,
	MS_LOOP_BURST = 16,  /* wake-ups of one source in a row ... */
	MS_LOOP_PER_S = 100, /* ... and then so many a second */
};
#define MS_LOOP_BLIND_NS (20 * MS_NS_PER_MS)
#define MS_LOOP_NEVER UINT64_MAX

/* What the loop asks of the kernel: a test may refuse. As the system calls, but -errno instead of -1. */
struct ms_loop_ops {
	int (*poll)(void *ctx, struct pollfd *fds, nfds_t count, const struct timespec *timeout);
	int (*sleep)(void *ctx, uint64_t ns);
	uint64_t (*now)(void *ctx);
	void *ctx;
};

struct ms_loop_source {
	int fd;
	short events; /* as poll(2); 0 = left alone for now */
	void (*ready)(void *arg, short revents, uint64_t now_ns);
	void *arg;
	uint64_t spent_ns; /* its wake-ups, as the time that they may take, reach to then */
};

/* The owner's memory; @at_ns may be set at any time. */
struct ms_loop_timer {
	uint64_t at_ns; /* MS_LOOP_NEVER = off; set so before it fires */
	void (*fire)(void *arg, uint64_t now_ns);
	void *arg;
};

struct ms_loop {
	struct ms_loop_ops ops;
	uint32_t source_count, timer_count;
	struct ms_loop_source sources[MS_LOOP_SOURCES];
	struct ms_loop_timer *timers[MS_LOOP_TIMERS];
	uint64_t wakeups;
	uint64_t late_ns; /* the last sleep ended by the clock, and so much too late; 0 otherwise */
};

/** ms_loop_init - @ops: NULL for the real ones */
void ms_loop_init(struct ms_loop *loop, const struct ms_loop_ops *ops);

/**
 * ms_loop_add - call @ready when @fd is
 * Return: 0; -ENOSPC. The descriptor stays the caller's; remove it before it is closed.
 */
int ms_loop_add(struct ms_loop *loop, int fd, short events,
		void (*ready)(void *arg, short revents, uint64_t now_ns), void *arg);

/** ms_loop_events - wait for other events of a source, or with 0 for none */
void ms_loop_events(struct ms_loop *loop, int fd, short events);

/** ms_loop_remove - no-op for a descriptor that is no source */
void ms_loop_remove(struct ms_loop *loop, int fd);

/** ms_loop_add_timer - asserts that there is room: timers are made once */
void ms_loop_add_timer(struct ms_loop *loop, struct ms_loop_timer *timer);

/** ms_loop_turn - sleep once, then call what is ready and what is due */
void ms_loop_turn(struct ms_loop *loop);

#endif

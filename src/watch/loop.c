/* SPDX-License-Identifier: MIT */
/* watch/loop.c - see loop.h. */
#include "watch/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define COST_NS (MS_NS_PER_S / MS_LOOP_PER_S)

static int real_poll(void *ctx, struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	int n = ppoll(fds, count, timeout, NULL);

	(void)ctx;
	return n < 0 ? -errno : n;
}

/* Two ways, because a filter of system calls may refuse one of them. */
static int real_sleep(void *ctx, uint64_t ns)
{
	struct timespec time = ms_clock_timespec(ns);
	sigset_t none;

	(void)ctx;
	if (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL) == 0)
		return 0;
	sigemptyset(&none);
	return sigtimedwait(&none, NULL, &time) < 0 && errno != EAGAIN ? -errno : 0;
}

static uint64_t real_now(void *ctx)
{
	(void)ctx;
	return ms_clock_ns();
}

void ms_loop_init(struct ms_loop *loop, const struct ms_loop_ops *ops)
{
	static const struct ms_loop_ops real = {.poll = real_poll, .sleep = real_sleep, .now = real_now};

	*loop = (struct ms_loop){.ops = ops ? *ops : real};
}

static struct ms_loop_source *find(struct ms_loop *loop, int fd)
{
	for (uint32_t i = 0; i < loop->source_count; i++)
		if (loop->sources[i].fd == fd)
			return &loop->sources[i];
	return NULL;
}

int ms_loop_add(struct ms_loop *loop, int fd, short events,
		void (*ready)(void *arg, short revents, uint64_t now_ns), void *arg)
{
	assert(fd >= 0 && !find(loop, fd));
	if (loop->source_count == MS_LOOP_SOURCES)
		return -ENOSPC;
	loop->sources[loop->source_count++] =
		(struct ms_loop_source){.fd = fd, .events = events, .ready = ready, .arg = arg};
	return 0;
}

void ms_loop_events(struct ms_loop *loop, int fd, short events)
{
	struct ms_loop_source *source = find(loop, fd);

	if (source)
		source->events = events;
}

void ms_loop_remove(struct ms_loop *loop, int fd)
{
	struct ms_loop_source *source = find(loop, fd);

	if (source)
		*source = loop->sources[--loop->source_count];
}

void ms_loop_add_timer(struct ms_loop *loop, struct ms_loop_timer *timer)
{
	assert(loop->timer_count < MS_LOOP_TIMERS && timer->fire);
	loop->timers[loop->timer_count++] = timer;
}

/* Until when a source is left alone; 0 = it is not. */
static uint64_t muted_until_ns(const struct ms_loop_source *source, uint64_t now_ns)
{
	uint64_t ahead = MS_LOOP_BURST * COST_NS;

	return source->spent_ns > now_ns + ahead ? source->spent_ns - ahead : 0;
}

static uint64_t wake_at_ns(const struct ms_loop *loop, uint64_t now_ns)
{
	uint64_t at = MS_LOOP_NEVER;

	for (uint32_t i = 0; i < loop->timer_count; i++)
		if (loop->timers[i]->at_ns < at)
			at = loop->timers[i]->at_ns;
	for (uint32_t i = 0; i < loop->source_count; i++) {
		uint64_t muted = muted_until_ns(&loop->sources[i], now_ns);

		if (muted && loop->sources[i].events && muted < at)
			at = muted;
	}
	return at;
}

/* Return: as poll(2), with the results in @fds; -errno: it is not known what is ready. */
static int sleep_until(struct ms_loop *loop, struct pollfd *fds, uint64_t now_ns, uint64_t at_ns)
{
	uint64_t ns = at_ns > now_ns ? at_ns - now_ns : 0;
	struct timespec timeout = ms_clock_timespec(ns);

	for (uint32_t i = 0; i < loop->source_count; i++) {
		const struct ms_loop_source *source = &loop->sources[i];
		bool waits = source->events && !muted_until_ns(source, now_ns);

		fds[i] = (struct pollfd){.fd = waits ? source->fd : -1, .events = source->events};
	}
	int n = loop->ops.poll(loop->ops.ctx, fds, loop->source_count,
			       at_ns == MS_LOOP_NEVER ? NULL : &timeout);

	if (n == -EINTR) /* stopped and continued: nothing is known, and the next turn polls again */
		return 0;
	if (n < 0 && ns > 0)
		loop->ops.sleep(loop->ops.ctx, ns < MS_LOOP_BLIND_NS ? ns : MS_LOOP_BLIND_NS);
	return n;
}

static void call_sources(struct ms_loop *loop, const struct pollfd *fds, nfds_t count, bool blind,
			 uint64_t now_ns)
{
	for (nfds_t i = 0; i < count; i++) {
		struct ms_loop_source *source = fds[i].fd >= 0 ? find(loop, fds[i].fd) : NULL;

		if (!source || !(blind || fds[i].revents)) /* removed meanwhile, or not ready */
			continue;
		if (!blind && fds[i].revents & POLLNVAL) {
			ms_loop_remove(loop, fds[i].fd);
			continue;
		}
		if (!blind)
			source->spent_ns = (source->spent_ns > now_ns ? source->spent_ns : now_ns) + COST_NS;
		source->ready(source->arg, blind ? 0 : fds[i].revents, now_ns);
	}
}

static void fire_timers(struct ms_loop *loop, uint64_t now_ns)
{
	for (uint32_t i = 0; i < loop->timer_count; i++) {
		struct ms_loop_timer *timer = loop->timers[i];

		if (timer->at_ns > now_ns)
			continue;
		timer->at_ns = MS_LOOP_NEVER;
		timer->fire(timer->arg, now_ns);
	}
}

void ms_loop_turn(struct ms_loop *loop)
{
	struct pollfd fds[MS_LOOP_SOURCES];
	nfds_t count = loop->source_count;
	uint64_t began_ns = loop->ops.now(loop->ops.ctx), at_ns = wake_at_ns(loop, began_ns);
	int n = sleep_until(loop, fds, began_ns, at_ns);
	uint64_t now_ns = loop->ops.now(loop->ops.ctx);

	loop->wakeups++;
	loop->late_ns = n == 0 && at_ns >= began_ns && now_ns > at_ns ? now_ns - at_ns : 0;
	call_sources(loop, fds, n == 0 ? 0 : count, n < 0, now_ns);
	fire_timers(loop, loop->ops.now(loop->ops.ctx));
}

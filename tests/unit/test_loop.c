/* SPDX-License-Identifier: MIT */
/* The loop with a kernel of its own: what is ready is said here, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "watch/loop.h"

/* The fake kernel: time goes on only while the loop sleeps. */
static uint64_t now_ns;
static short ready[16]; /* revents, by descriptor */
static int poll_error, sleep_error;
static unsigned polls, sleeps;
static uint64_t slept_ns;

static int fake_poll(void *ctx, struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	int n = 0;

	(void)ctx;
	polls++;
	if (poll_error)
		return poll_error;
	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = 0;
		if (fds[i].fd >= 0)
			fds[i].revents = ready[fds[i].fd] & (fds[i].events | POLLERR | POLLHUP | POLLNVAL);
		n += fds[i].revents != 0;
	}
	if (n == 0) {
		assert_non_null(timeout); /* else this test would sleep for ever */
		now_ns += (uint64_t)timeout->tv_sec * MS_NS_PER_S + (uint64_t)timeout->tv_nsec;
	}
	return n;
}

static int fake_sleep(void *ctx, uint64_t ns)
{
	(void)ctx;
	sleeps++;
	slept_ns += ns;
	now_ns += ns;
	return sleep_error;
}

static uint64_t fake_now(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static const struct ms_loop_ops fake = {.poll = fake_poll, .sleep = fake_sleep, .now = fake_now};
static struct ms_loop loop;
static unsigned calls[16], fires;
static short last_revents;

static int set_up(void **state)
{
	(void)state;
	now_ns = MS_NS_PER_S;
	memset(ready, 0, sizeof(ready));
	memset(calls, 0, sizeof(calls));
	poll_error = sleep_error = 0;
	polls = sleeps = fires = 0;
	slept_ns = 0;
	ms_loop_init(&loop, &fake);
	return 0;
}

static void count_call(void *arg, short revents, uint64_t at_ns)
{
	assert_int_equal(at_ns, now_ns);
	last_revents = revents;
	++*(unsigned *)arg;
}

static void add(int fd, short events)
{
	assert_int_equal(ms_loop_add(&loop, fd, events, count_call, &calls[fd]), 0);
}

static void count_fire(void *arg, uint64_t at_ns)
{
	(void)at_ns;
	++*(unsigned *)arg;
}

static struct ms_loop_timer timer;

static void add_timer(uint64_t in_ns)
{
	timer = (struct ms_loop_timer){.at_ns = now_ns + in_ns, .fire = count_fire, .arg = &fires};
	ms_loop_add_timer(&loop, &timer);
}

static void turn_for(uint64_t ns)
{
	uint64_t until_ns = now_ns + ns;

	while (now_ns < until_ns && polls < 100000)
		ms_loop_turn(&loop);
}

static void a_ready_source_is_called(void **state)
{
	(void)state;
	add(3, POLLIN);
	add(4, POLLIN);
	ready[4] = POLLIN | POLLOUT;
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 0);
	assert_int_equal(calls[4], 1);
	assert_int_equal(last_revents, POLLIN);
}

static void a_timer_fires_once_when_it_is_due(void **state)
{
	(void)state;
	add_timer(5 * MS_NS_PER_MS);
	ms_loop_turn(&loop);
	assert_int_equal(fires, 1);
	assert_true(timer.at_ns == MS_LOOP_NEVER);
	assert_int_equal(loop.late_ns, 0);
}

static void a_source_does_not_bring_a_timer_forward(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(5 * MS_NS_PER_MS);
	ready[3] = POLLIN;
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 1);
	assert_int_equal(fires, 0);
}

static void a_source_without_events_is_left_alone(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(0);
	ready[3] = POLLIN;
	ms_loop_events(&loop, 3, 0);
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 0);
	ms_loop_events(&loop, 3, POLLIN);
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 1);
}

static void remove_the_other(void *arg, short revents, uint64_t at_ns)
{
	(void)revents;
	(void)at_ns;
	ms_loop_remove(&loop, *(int *)arg);
	calls[5]++;
}

static void a_source_may_remove_another(void **state)
{
	static int first = 5, other = 3;

	(void)state;
	assert_int_equal(ms_loop_add(&loop, first, POLLIN, remove_the_other, &other), 0);
	add(3, POLLIN);
	ready[3] = ready[5] = POLLIN;
	ms_loop_turn(&loop);
	assert_int_equal(calls[5], 1);
	assert_int_equal(calls[3], 0);
	assert_int_equal(loop.source_count, 1);
	ms_loop_remove(&loop, 9); /* no source */
	assert_int_equal(loop.source_count, 1);
}

static void a_source_that_is_always_ready_does_not_spin(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(3600 * MS_NS_PER_S);
	ready[3] = POLLIN;
	turn_for(10 * MS_NS_PER_S);
	assert_in_range(calls[3], 900, 1000 + MS_LOOP_BURST);
	assert_true(polls < 2200);
}

static void an_error_of_a_source_does_not_spin(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(3600 * MS_NS_PER_S);
	ready[3] = POLLERR | POLLHUP;
	turn_for(10 * MS_NS_PER_S);
	assert_in_range(calls[3], 900, 1000 + MS_LOOP_BURST);
	assert_int_equal(last_revents, POLLERR | POLLHUP);
}

static void a_quiet_source_is_heard_at_once_again(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(3600 * MS_NS_PER_S);
	ready[3] = POLLIN;
	turn_for(MS_NS_PER_S);
	ready[3] = 0;
	timer.at_ns = now_ns + MS_NS_PER_S;
	turn_for(MS_NS_PER_S);
	ready[3] = POLLIN;
	calls[3] = 0;
	uint64_t before_ns = now_ns;
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 1);
	assert_int_equal(now_ns, before_ns);
}

static void a_closed_descriptor_is_dropped(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(MS_NS_PER_S);
	ready[3] = POLLNVAL;
	ms_loop_turn(&loop);
	assert_int_equal(loop.source_count, 0);
	assert_int_equal(calls[3], 0);
	ms_loop_turn(&loop);
	assert_int_equal(fires, 1);
}

/* Deaf it must not be: every source is asked, and not in a busy loop. */
static void when_polling_is_refused_sources_are_asked_by_the_clock(void **state)
{
	(void)state;
	add(3, POLLIN);
	add(4, POLLIN);
	add_timer(MS_NS_PER_S);
	ms_loop_events(&loop, 4, 0);
	poll_error = -EPERM;
	turn_for(MS_NS_PER_S);
	assert_in_range(calls[3], 50, 51);
	assert_int_equal(calls[4], 0);
	assert_int_equal(last_revents, 0);
	assert_int_equal(fires, 1);
	assert_int_equal(slept_ns, MS_NS_PER_S);
	poll_error = 0;
	ready[3] = POLLIN;
	calls[3] = 0;
	ms_loop_turn(&loop); /* and goes on as before when polling works again */
	assert_int_equal(calls[3], 1);
}

static void an_interrupted_poll_is_no_error(void **state)
{
	(void)state;
	add(3, POLLIN);
	add_timer(MS_NS_PER_S);
	poll_error = -EINTR;
	ms_loop_turn(&loop);
	assert_int_equal(calls[3], 0);
	assert_int_equal(sleeps, 0);
	assert_int_equal(fires, 0);
}

static void full_is_full(void **state)
{
	(void)state;
	for (int i = 0; i < MS_LOOP_SOURCES; i++)
		assert_int_equal(ms_loop_add(&loop, i, POLLIN, count_call, &calls[0]), 0);
	assert_int_equal(ms_loop_add(&loop, MS_LOOP_SOURCES, POLLIN, count_call, &calls[0]), -ENOSPC);
}

static int late_poll(void *ctx, struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	int n = fake_poll(ctx, fds, count, timeout);

	now_ns += 7 * MS_NS_PER_MS;
	return n;
}

static void lateness_is_what_the_clock_alone_did(void **state)
{
	(void)state;
	loop.ops.poll = late_poll;
	add(3, POLLIN);
	add_timer(MS_NS_PER_S);
	ms_loop_turn(&loop);
	assert_int_equal(loop.late_ns, 7 * MS_NS_PER_MS);
	timer.at_ns = now_ns + MS_NS_PER_S;
	ready[3] = POLLIN;
	ms_loop_turn(&loop);
	assert_int_equal(loop.late_ns, 0);
	ready[3] = 0;
	timer.at_ns = now_ns - MS_NS_PER_MS; /* due already: no sleep was too long */
	ms_loop_turn(&loop);
	assert_int_equal(loop.late_ns, 0);
}

static void the_real_kernel_wakes_it(void **state)
{
	(void)state;
	ms_loop_init(&loop, NULL);
	timer = (struct ms_loop_timer){
		.at_ns = ms_clock_ns() + MS_NS_PER_MS, .fire = count_fire, .arg = &fires};
	ms_loop_add_timer(&loop, &timer);
	while (fires == 0)
		ms_loop_turn(&loop);
	assert_int_equal(loop.ops.sleep(NULL, MS_NS_PER_MS), 0);
}

#define WITH_LOOP(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LOOP(a_ready_source_is_called),
		WITH_LOOP(a_timer_fires_once_when_it_is_due),
		WITH_LOOP(a_source_does_not_bring_a_timer_forward),
		WITH_LOOP(a_source_without_events_is_left_alone),
		WITH_LOOP(a_source_may_remove_another),
		WITH_LOOP(a_source_that_is_always_ready_does_not_spin),
		WITH_LOOP(an_error_of_a_source_does_not_spin),
		WITH_LOOP(a_quiet_source_is_heard_at_once_again),
		WITH_LOOP(a_closed_descriptor_is_dropped),
		WITH_LOOP(when_polling_is_refused_sources_are_asked_by_the_clock),
		WITH_LOOP(an_interrupted_poll_is_no_error),
		WITH_LOOP(full_is_full),
		WITH_LOOP(lateness_is_what_the_clock_alone_did),
		WITH_LOOP(the_real_kernel_wakes_it),
	};

	return cmocka_run_group_tests_name("the event loop", tests, NULL, NULL);
}

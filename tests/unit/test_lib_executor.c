/* SPDX-License-Identifier: MIT */
/*
 * What hosts do to callbacks that they should not: stop the agent inside one, leave one by a jump, end the
 * thread in one, count themselves. The process goes on, others are asked, and nothing spins.
 */
#include <poll.h>
#include <setjmp.h>

#include "lib_fake.h"

static struct bed bed;

static struct ms_answer wait_polling(const struct ms_order_handle *handle)
{
	struct ms_answer answer;

	BED_WAIT_UNTIL((memshed_poll(), ms_control_poll(&bed.client, handle, &answer, NULL) == 1));
	return answer;
}

static int stopped_with;

static void stop_it(struct fake *fake)
{
	(void)fake;
	stopped_with = memshed_stop();
}

/* In the owner's thread; the agent's own thread has left long before. */
static void test_stop_inside_a_poll(void **state)
{
	struct fake fake = {.inside = stop_it, .freed_bytes = 7};

	(void)state;
	assert_int_equal(memshed_start(NULL), 0);
	bed_open(&bed, getpid());
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "own", .thread_class = MEMSHED_THREAD_OWNER));

	struct ms_order order = bed_order(&bed, "own", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	stopped_with = 1;
	assert_int_equal(wait_polling(&handle).status, MS_ANSWER_STOPPED);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(stopped_with, 0);
	fake.inside = NULL;
	assert_int_equal(memshed_start(NULL), 0); /* does not wait for ever */
	handle = bed_post(&bed, &order);
	assert_int_equal(wait_polling(&handle).claimed_bytes, 7);
	memshed_unregister(fake.handle);
	assert_int_equal(memshed_stop(), 0);
	bed_close(&bed);
}

/* ---- left by a jump ---- */

static jmp_buf out;

static void jump_out(struct fake *fake)
{
	(void)fake;
	longjmp(out, 1);
}

enum { LOOPS_MOST = 500 };

/* One turn of the host's loop. Return: what memshed_dispatch() said, or 0. */
static int turn(void)
{
	struct pollfd wait = {.fd = memshed_fd(), .events = POLLIN};

	if (poll(&wait, 1, 20) == 0)
		return 0;
	return setjmp(out) ? 0 : memshed_dispatch();
}

static void test_jump_out_of_a_dispatch(void **state)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = MEMSHED_AGENT_FD};
	struct fake bad = {.inside = jump_out}, good = {.freed_bytes = 9};
	struct ms_answer answer = {0};
	unsigned turns = 0;

	(void)state;
	assert_int_equal(memshed_start(&options), 0);
	bed_open(&bed, getpid());
	add(&bad, MEMSHED_CACHE_OPTIONS(.name = "jumps"));
	add(&good, MEMSHED_CACHE_OPTIONS(.name = "returns"));

	struct ms_order order = bed_order(&bed, "jumps", MS_LEVEL_CLEAR, 0);

	order.timeout_us = 300000;

	struct ms_order_handle handle = bed_post(&bed, &order);

	for (; ms_control_poll(&bed.client, &handle, &answer, NULL) == 0 && turns <= LOOPS_MOST; turns++)
		turn();
	assert_int_equal(answer.status, MS_ANSWER_STUCK);
	assert_in_range(turns, 1, LOOPS_MOST);
	assert_int_equal(bad.calls, 1);
	assert_true(bed_row(&bed, "jumps").flags & MS_ROW_STUCK);

	order = bed_order(&bed, "returns", MS_LEVEL_CLEAR, 0);
	handle = bed_post(&bed, &order);
	for (turns = 0; ms_control_poll(&bed.client, &handle, &answer, NULL) == 0 && turns <= LOOPS_MOST;
	     turns++)
		turn();
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_in_range(turns, 1, LOOPS_MOST);
	memshed_unregister(good.handle);
	/* The one that jumped stays late: no thread will ever return from it. */
	bed_close(&bed);
	_exit(0);
}

/* An idle host comes by when there is something to do, and else sleeps. */
static void test_idle_descriptor_is_quiet(void **state)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = MEMSHED_AGENT_FD};
	struct fake fake = {.freed_bytes = 1};
	struct ms_answer answer;
	unsigned readable = 0;

	(void)state;
	assert_int_equal(memshed_start(&options), 0);
	bed_open(&bed, getpid());
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "idle"));

	struct ms_order order = bed_order(&bed, "idle", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	while (ms_control_poll(&bed.client, &handle, &answer, NULL) == 0)
		turn();
	for (unsigned i = 0; i < 20; i++) {
		struct pollfd wait = {.fd = memshed_fd(), .events = POLLIN};

		if (poll(&wait, 1, 10) == 1) {
			readable++;
			memshed_dispatch();
		}
	}
	assert_in_range(readable, 0, 5);
	memshed_unregister(fake.handle);
	assert_int_equal(memshed_stop(), 0);
	bed_close(&bed);
}

/* ---- ended in ---- */

static void end_thread(struct fake *fake)
{
	(void)fake;
	pthread_exit(NULL);
}

static void test_thread_that_ends_in_its_callback(void **state)
{
	struct fake bad = {.inside = end_thread}, good = {.freed_bytes = 9};

	(void)state;
	assert_int_equal(memshed_start(NULL), 0);
	bed_open(&bed, getpid());
	add(&bad, MEMSHED_CACHE_OPTIONS(.name = "ends"));
	add(&good, MEMSHED_CACHE_OPTIONS(.name = "returns"));
	assert_int_equal(bed_do(&bed, "ends", MS_LEVEL_CLEAR, 0).status,
			 MS_ANSWER_STUCK); /* long before its deadline */
	assert_int_equal(bed_do(&bed, "returns", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(memshed_stop(), 0); /* no thread is left that it would wait for */
	bed_close(&bed);
	_exit(0);
}

/* Each in a process of its own: some leave a late callback behind for good. */
static void in_child(void **state)
{
	void (*test)(void **) = *(void (**)(void **))*state;
	pid_t child = fork();

	if (child == 0) {
		const struct CMUnitTest tests[] = {cmocka_unit_test(test)};

		_exit(cmocka_run_group_tests(tests, NULL, NULL));
	}
	bed_expect_child(child, 0);
}

int main(void)
{
	static void (*const all[])(void **) = {
		test_stop_inside_a_poll,
		test_jump_out_of_a_dispatch,
		test_idle_descriptor_is_quiet,
		test_thread_that_ends_in_its_callback,
	};
	struct CMUnitTest tests[sizeof(all) / sizeof(all[0])];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tests[i] = (struct CMUnitTest){.name = "child", .test_func = in_child,
					       .initial_state = (void *)(uintptr_t)&all[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

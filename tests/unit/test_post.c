/* SPDX-License-Identifier: MIT */
/* The client's side of an order: every line of the table at the head of table/post.h. */
#include "control_bed.h"

#include <string.h>
#include <time.h>

#include "table/post.h"

#define MS(n) ((uint64_t)(n)*MS_NS_PER_MS)

static const struct ms_post_patience patience = {
	.silent_us = 50000, .take_us = 200000, .grace_us = 100000, .busy_us = 500000};
static const struct ms_order wanted = {.seq = 9,
				       .scope = MS_SCOPE_PROCESS,
				       .level = MS_LEVEL_TRIM,
				       .target_bytes = 1000,
				       .timeout_us = 300000};

static struct ms_post post_;

static int begin(void **state)
{
	int failed = set_up(state);

	post_ = (struct ms_post){0};
	ms_post_begin(&post_, &wanted, &patience, SECONDS(1));
	return failed;
}

static bool turn(uint64_t after_ns)
{
	return ms_post_turn(&post_, &client, SECONDS(1) + after_ns);
}

static void assert_ended(enum ms_post_end end)
{
	assert_int_equal(post_.state, MS_POST_ENDED);
	assert_int_equal(post_.end, end);
	assert_false(ms_post_is_open(&post_));
}

static void answer_it(uint32_t status, uint64_t claimed, uint64_t returned)
{
	const struct ms_answer given = {.status = status,
					.claimed_bytes = claimed,
					.returned_bytes = returned,
					.caches = 1,
					.duration_us = 7};
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);

	ms_control_answer(&server, &handle, &given);
}

static void fill_slots(struct ms_order_handle handles[MS_SLOT_COUNT])
{
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		handles[i] = post();
}

static void it_is_posted_taken_and_answered(void **state)
{
	(void)state;
	struct ms_order taken;

	assert_none(SECONDS(1));
	assert_false(turn(0));
	assert_int_equal(post_.state, MS_POST_POSTED);
	struct ms_order_handle handle = take(&taken);
	assert_memory_equal(&taken, &wanted, sizeof(wanted));
	assert_false(turn(MS(1)));
	assert_int_equal(post_.state, MS_POST_RUNNING);
	assert_int_equal(post_.posted_ns, SECONDS(1));
	assert_int_equal(post_.since_ns, SECONDS(1) + MS(1));
	ms_control_answer(&server, &handle, &answer);
	assert_true(turn(MS(2)));
	assert_ended(MS_POST_ANSWERED);
	assert_memory_equal(&post_.answer, &answer, sizeof(answer));
	assert_true(turn(MS(3)));
	ms_post_reset(&post_);
	assert_int_equal(post_.state, MS_POST_IDLE);
}

static void a_full_page_is_tried_at_each_turn(void **state)
{
	(void)state;
	struct ms_order_handle others[MS_SLOT_COUNT];

	fill_slots(others);
	assert_false(turn(0));
	assert_false(turn(MS(199)));
	assert_int_equal(post_.state, MS_POST_WAITING);
	ms_control_abandon(&client, &others[4]);
	assert_false(turn(MS(199)));
	assert_int_equal(post_.state, MS_POST_POSTED);
}

static void a_page_that_stays_full_ends_it(void **state)
{
	(void)state;
	struct ms_order_handle others[MS_SLOT_COUNT];

	fill_slots(others);
	assert_false(turn(0));
	assert_true(turn(MS(200)));
	assert_ended(MS_POST_NO_SLOT);
	assert_int_equal(post_.tries, 0);
}

static void a_page_of_nonsense_ends_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		client.page->slots[i].word = 0xff;
	assert_true(turn(0));
	assert_ended(MS_POST_BROKEN);
}

static void one_that_is_not_taken_is_silent_then_taken_back(void **state)
{
	(void)state;
	assert_false(turn(0));
	assert_false(ms_post_is_silent(&post_, SECONDS(1) + MS(50)));
	assert_true(ms_post_is_silent(&post_, SECONDS(1) + MS(51)));
	assert_false(turn(MS(199)));
	assert_true(turn(MS(200)));
	assert_ended(MS_POST_NOT_TAKEN);
	assert_int_equal(state_of(post_.handle), MS_SLOT_FREE);
	assert_none(SECONDS(1));
}

/* Its own time begins when it is taken, however long that took. */
static void one_past_its_time_is_left_to_the_agent(void **state)
{
	(void)state;
	struct ms_order taken;

	assert_false(turn(0));
	take(&taken);
	assert_false(turn(MS(190)));
	assert_false(ms_post_is_silent(&post_, SECONDS(1) + MS(190)));
	assert_false(turn(MS(190 + 399)));
	assert_true(turn(MS(190 + 400)));
	assert_ended(MS_POST_STUCK);
	assert_int_equal(state_of(post_.handle), MS_SLOT_ABANDONED);
}

static void a_lost_slot_ends_it(void **state)
{
	(void)state;
	assert_false(turn(0));
	set_state(post_.handle, MS_SLOT_FREE);
	assert_true(turn(MS(1)));
	assert_ended(MS_POST_LOST);
}

static void busy_is_tried_again_after_growing_pauses(void **state)
{
	(void)state;
	uint64_t at = 0;

	for (unsigned i = 0; i < 4; i++) {
		assert_false(turn(at));
		assert_int_equal(post_.state, MS_POST_POSTED);
		answer_it(MS_ANSWER_BUSY, 0, 0);
		assert_false(turn(at));
		assert_int_equal(post_.state, MS_POST_WAITING);
		at += MS(20 << i);
		assert_false(turn(at - 1));
		assert_int_equal(post_.state, MS_POST_WAITING);
	}
	assert_false(turn(at)); /* 300 ms: the next pause of 320 would end after 500 */
	answer_it(MS_ANSWER_BUSY, 0, 0);
	assert_true(turn(at));
	assert_ended(MS_POST_ANSWERED);
	assert_int_equal(post_.answer.status, MS_ANSWER_BUSY);
	assert_int_equal(post_.tries, 5);
}

static void tries_add_up_and_ask_for_the_rest(void **state)
{
	(void)state;
	assert_false(turn(0));
	answer_it(MS_ANSWER_BUSY, 900, 400);
	assert_false(turn(0));
	assert_int_equal(post_.order.target_bytes, 600);
	assert_false(turn(MS(20)));
	answer_it(MS_ANSWER_DONE, 600, 700);
	assert_true(turn(MS(20)));
	assert_ended(MS_POST_ANSWERED);
	assert_int_equal(post_.answer.status, MS_ANSWER_DONE);
	assert_int_equal(post_.answer.claimed_bytes, 1500);
	assert_int_equal(post_.answer.returned_bytes, 1100);
	assert_int_equal(post_.answer.caches, 2);
	assert_int_equal(post_.answer.duration_us, 14);
}

static void busy_is_final_when_enough_came_or_no_try_is_wanted(void **state)
{
	(void)state;
	const struct ms_post_patience none = {.silent_us = 1, .take_us = 1};

	assert_false(turn(0));
	answer_it(MS_ANSWER_BUSY, 900, 1000);
	assert_true(turn(0));
	assert_ended(MS_POST_ANSWERED);

	ms_post_begin(&post_, &wanted, &none, SECONDS(1));
	assert_false(turn(0));
	answer_it(MS_ANSWER_BUSY, 0, 0);
	assert_true(turn(0));
	assert_ended(MS_POST_ANSWERED);
}

/* ---- taking back ---- */

static void one_that_was_not_posted_is_taken_back(void **state)
{
	(void)state;
	ms_post_take_back(&post_, &client);
	assert_ended(MS_POST_TAKEN_BACK);
	ms_post_take_back(&post_, &client);
	assert_true(turn(0));
	assert_none(SECONDS(1));
}

static void one_in_its_slot_is_taken_back(void **state)
{
	(void)state;
	assert_false(turn(0));
	ms_post_take_back(&post_, &client);
	assert_ended(MS_POST_TAKEN_BACK);
	assert_none(SECONDS(1));
}

/* Taken after the last turn: it says so, although no turn has seen it. */
static void one_that_runs_is_left(void **state)
{
	(void)state;
	struct ms_order taken;

	assert_false(turn(0));
	take(&taken);
	ms_post_take_back(&post_, &client);
	assert_ended(MS_POST_LEFT);
}

static void an_answer_that_has_come_is_not_thrown_away(void **state)
{
	(void)state;
	assert_false(turn(0));
	answer_it(MS_ANSWER_DONE, 5, 5);
	ms_post_take_back(&post_, &client);
	assert_ended(MS_POST_ANSWERED);
	assert_int_equal(post_.answer.claimed_bytes, 5);
}

/* ---- waiting ---- */

static void a_wait_ends_with_the_answer(void **state)
{
	(void)state;
	assert_false(turn(0));
	answer_it(MS_ANSWER_DONE, 5, 5);
	assert_int_equal(ms_post_wait(&post_, &client, LONG_US, SECONDS(1)), 0);
	assert_int_equal(ms_post_wait(&post_, &client, LONG_US, SECONDS(1)), 0);
	assert_true(turn(0));
	assert_ended(MS_POST_ANSWERED);
	assert_int_equal(post_.answer.claimed_bytes, 5);
	assert_int_equal(ms_post_wait(&post_, &client, LONG_US, SECONDS(1)), 0);
}

static void an_answer_waited_for_survives_taking_back(void **state)
{
	(void)state;
	assert_false(turn(0));
	answer_it(MS_ANSWER_DONE, 5, 5);
	ms_post_wait(&post_, &client, LONG_US, SECONDS(1));
	ms_post_take_back(&post_, &client);
	assert_ended(MS_POST_ANSWERED);
	assert_int_equal(post_.answer.claimed_bytes, 5);
}

static void a_wait_ends_with_its_time_and_with_the_pause(void **state)
{
	(void)state;
	assert_false(turn(0));
	assert_int_equal(ms_post_wait(&post_, &client, 1000, SECONDS(1)), 0);
	assert_false(turn(MS(1)));
	answer_it(MS_ANSWER_BUSY, 0, 0);
	assert_false(turn(MS(1)));
	assert_int_equal(ms_post_wait(&post_, &client, LONG_US, SECONDS(1) + MS(20)),
			 0); /* one is left of it */
	assert_false(turn(MS(21)));
	assert_int_equal(post_.state, MS_POST_POSTED);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Again and again, for one that came before the wait would be missed. */
static void a_signal_ends_a_wait(void **state)
{
	(void)state;
	const struct sigaction action = {.sa_handler = on_alarm};
	struct itimerspec every = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
	timer_t timer;

	assert_false(turn(0));
	sigaction(SIGALRM, &action, NULL);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &every, NULL), 0);
	assert_int_equal(ms_post_wait(&post_, &client, LONG_US, SECONDS(1)), -EINTR);
	timer_delete(timer);
}

#define BEGUN(test) cmocka_unit_test_setup_teardown(test, begin, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BEGUN(it_is_posted_taken_and_answered),
		BEGUN(a_full_page_is_tried_at_each_turn),
		BEGUN(a_page_that_stays_full_ends_it),
		BEGUN(a_page_of_nonsense_ends_it),
		BEGUN(one_that_is_not_taken_is_silent_then_taken_back),
		BEGUN(one_past_its_time_is_left_to_the_agent),
		BEGUN(a_lost_slot_ends_it),
		BEGUN(busy_is_tried_again_after_growing_pauses),
		BEGUN(tries_add_up_and_ask_for_the_rest),
		BEGUN(busy_is_final_when_enough_came_or_no_try_is_wanted),
		BEGUN(one_that_was_not_posted_is_taken_back),
		BEGUN(one_in_its_slot_is_taken_back),
		BEGUN(one_that_runs_is_left),
		BEGUN(an_answer_that_has_come_is_not_thrown_away),
		BEGUN(a_wait_ends_with_the_answer),
		BEGUN(an_answer_waited_for_survives_taking_back),
		BEGUN(a_wait_ends_with_its_time_and_with_the_pause),
		BEGUN(a_signal_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

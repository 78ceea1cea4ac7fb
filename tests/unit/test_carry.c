/* SPDX-License-Identifier: MIT */
/* Orders carried out one after the other: by an agent that answers, by none, and until something ends the
 * wait. */
#include "control_bed.h"

#include <poll.h>
#include <sys/pidfd.h>

#include "cmd/carry.h"

enum { ORDERS = 5 };

static struct ms_target target;
static struct ms_carry carry;
static struct ms_carried orders[ORDERS];
static struct sigaction before;

static int open_carry(void **state)
{
	int failed = set_up(state);

	sigaction(SIGTERM, NULL, &before);
	memset(&target, 0, sizeof(target));
	memset(orders, 0, sizeof(orders));
	target.table.info.identity = 42;
	target.control_fd = dup(server.fd);
	target.pidfd = pidfd_open(getpid(), 0);
	for (unsigned i = 0; i < ORDERS; i++)
		orders[i].order = (struct ms_order){.seq = i + 1,
						    .scope = MS_SCOPE_ROW,
						    .row = i,
						    .generation = 1,
						    .level = MS_LEVEL_CLEAR,
						    .timeout_us = LONG_US};
	return failed || ms_carry_open(&carry, &target) < 0;
}

static int close_carry(void **state)
{
	struct sigaction now;

	ms_carry_close(&carry);
	sigaction(SIGTERM, NULL, &now);
	assert_true(now.sa_handler == before.sa_handler);
	close(target.pidfd);
	return tear_down(state);
}

#define CARRIED(test) cmocka_unit_test_setup_teardown(test, open_carry, close_carry)

/* How many orders are in the page. */
static unsigned posted(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		count += ms_slot_state(client.page->slots[i].word) != MS_SLOT_FREE;
	return count;
}

struct agent {
	unsigned answer; /* so many, then take one and leave it, or end */
	bool leave;      /* the next one is taken and not answered */
	int signal;      /* and then sent */
	unsigned rows[ORDERS], seen, most;
};

static void *be_agent(void *arg)
{
	struct agent *agent = arg;
	const struct ms_answer done = {.status = MS_ANSWER_DONE, .claimed_bytes = 7};

	while (agent->seen < agent->answer + agent->leave) {
		uint32_t bell = ms_control_doorbell(&server);
		struct ms_order taken;
		struct ms_order_handle handle;

		if (ms_control_take(&server, ms_clock_ns(), &taken, &handle) == 0) {
			ms_control_sleep(&server, bell, 1000000);
			continue;
		}
		unsigned count = posted();

		agent->most = count > agent->most ? count : agent->most;
		agent->rows[agent->seen++] = taken.row;
		if (agent->seen <= agent->answer)
			ms_control_answer(&server, &handle, &done);
	}
	if (agent->signal)
		kill(getpid(), agent->signal);
	return NULL;
}

static enum ms_carry_end carry_out(struct agent *agent)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, be_agent, agent), 0);
	enum ms_carry_end end = ms_carry_out(&carry, orders, ORDERS);

	pthread_join(thread, NULL);
	return end;
}

static void all_are_answered_in_their_order(void **state)
{
	struct agent agent = {.answer = ORDERS};

	(void)state;
	assert_int_equal(carry_out(&agent), MS_CARRY_ENDED);
	for (unsigned i = 0; i < ORDERS; i++) {
		assert_int_equal(agent.rows[i], i);
		assert_int_equal(orders[i].post.end, MS_POST_ANSWERED);
		assert_int_equal(orders[i].post.answer.claimed_bytes, 7);
	}
	assert_true(agent.most <= 2);
	assert_int_equal(posted(), 0);
}

static void none_is_begun_behind_one_that_is_not_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ORDERS; i++)
		orders[i].order.timeout_us = 1000;
	assert_int_equal(ms_carry_out(&carry, orders, ORDERS), MS_CARRY_FAILED);
	assert_int_equal(orders[0].post.end, MS_POST_NOT_TAKEN);
	for (unsigned i = 1; i < ORDERS; i++)
		assert_int_equal(orders[i].post.state, MS_POST_IDLE);
	assert_int_equal(posted(), 0);
	assert_none(ms_clock_ns());
}

static void a_target_that_has_ended_is_not_waited_for(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	close(target.pidfd);
	target.pidfd = pidfd_open(child, 0);
	struct pollfd ended = {.fd = target.pidfd, .events = POLLIN};

	assert_int_equal(poll(&ended, 1, -1), 1);
	assert_int_equal(ms_carry_out(&carry, orders, ORDERS), MS_CARRY_GONE);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_none(ms_clock_ns());
}

/* nohup stays in force. */
static void an_ignored_signal_stays_ignored(void **state)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction now, hangup;

	open_carry(state);
	ms_carry_close(&carry);
	sigaction(SIGHUP, &ignore, &hangup);
	target.control_fd = dup(server.fd);
	assert_int_equal(ms_carry_open(&carry, &target), 0);
	sigaction(SIGHUP, NULL, &now);
	assert_true(now.sa_handler == SIG_IGN);
	sigaction(SIGTERM, NULL, &now);
	assert_true(now.sa_handler != before.sa_handler);
	close_carry(state);
	sigaction(SIGHUP, &hangup, NULL);
}

/* The last test: a signal ends every wait from then on. */
static void a_signal_ends_the_wait_and_takes_back_the_rest(void **state)
{
	struct agent agent = {.answer = 2, .leave = true, .signal = SIGTERM};

	(void)state;
	assert_int_equal(ms_carry_signal(), 0);
	assert_int_equal(carry_out(&agent), MS_CARRY_INTERRUPTED);
	assert_int_equal(ms_carry_signal(), SIGTERM);
	assert_int_equal(orders[1].post.end, MS_POST_ANSWERED);
	assert_int_equal(orders[2].post.end, MS_POST_LEFT);
	assert_int_equal(orders[4].post.state, MS_POST_IDLE);
	assert_none(ms_clock_ns());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CARRIED(all_are_answered_in_their_order),
		CARRIED(none_is_begun_behind_one_that_is_not_taken),
		CARRIED(a_target_that_has_ended_is_not_waited_for),
		cmocka_unit_test(an_ignored_signal_stays_ignored),
		CARRIED(a_signal_ends_the_wait_and_takes_back_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

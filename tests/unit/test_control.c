/* SPDX-License-Identifier: MIT */
/* Orders and answers through the control page: the state machine, peers that stall or die, and many
 * clients at once. */
#include "control_bed.h"

#include "table/names.h"

/* ---- the ordinary way ---- */

static void an_order_is_taken_and_answered(void **state)
{
	(void)state;
	struct ms_order taken;
	struct ms_answer got;
	bool running = true;
	struct ms_order_handle posted = post();

	assert_int_equal(ms_control_poll(&client, &posted, &got, &running), 0);
	assert_false(running);
	assert_true(ms_control_busy(&server));
	struct ms_order_handle handle = take(&taken);

	assert_memory_equal(&taken, &order, sizeof(order));
	assert_int_equal(ms_control_poll(&client, &posted, &got, &running), 0);
	assert_true(running);
	assert_none(SECONDS(1));
	ms_control_answer(&server, &handle, &answer);
	assert_int_equal(ms_control_poll(&client, &posted, &got, &running), 1);
	assert_memory_equal(&got, &answer, sizeof(answer));
	assert_false(ms_control_busy(&server));
	assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), -ESTALE);
	assert_none(SECONDS(1));
}

static void all_slots_are_served_in_turn(void **state)
{
	(void)state;
	struct ms_order_handle posted[MS_SLOT_COUNT], more, handle;
	struct ms_order taken;
	uint32_t seen = 0;

	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		posted[i] = post();
	assert_int_equal(ms_control_post(&client, &order, &more), -EAGAIN);
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++) {
		handle = take(&taken);
		seen |= 1u << handle.slot;
	}
	assert_int_equal(seen, (1u << MS_SLOT_COUNT) - 1);
	assert_none(SECONDS(100));
	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		assert_int_equal(state_of(posted[i]), MS_SLOT_RUNNING);
}

/* One client that posts without end must not keep another's order from being taken. */
static void nobody_starves(void **state)
{
	(void)state;
	struct ms_order_handle first = post(), second = post(), taken_handle;
	struct ms_order taken;
	struct ms_answer got;
	bool second_taken = false;

	for (int i = 0; i < 3 && !second_taken; i++) {
		taken_handle = take(&taken);
		second_taken = taken_handle.slot == second.slot;
		ms_control_answer(&server, &taken_handle, &answer);
		if (!second_taken) {
			assert_int_equal(ms_control_poll(&client, &first, &got, NULL), 1);
			first = post();
		}
	}
	assert_true(second_taken);
}

static void an_order_can_be_taken_back(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_answer got;

	ms_control_abandon(&client, &posted);
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
	assert_none(SECONDS(1));
	assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), -ESTALE);
}

static void a_running_order_is_left_to_the_agent(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);

	ms_control_abandon(&client, &posted);
	assert_int_equal(state_of(posted), MS_SLOT_ABANDONED);
	assert_none(SECONDS(100)); /* however long it takes, the slot is not swept under the agent */
	assert_int_equal(state_of(posted), MS_SLOT_ABANDONED);
	ms_control_answer(&server, &handle, &answer);
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

static void an_answer_can_be_left_lying(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);

	ms_control_answer(&server, &handle, &answer);
	ms_control_abandon(&client, &posted);
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

/* ---- waiting ---- */

static void a_wait_ends_in_time(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_answer got;
	bool running = true;
	uint64_t before = ms_clock_ns();

	assert_int_equal(ms_control_wait(&client, &posted, 20000, &got, &running), -ETIMEDOUT);
	assert_true(ms_clock_ns() - before >= 20 * MS_NS_PER_MS);
	assert_false(running);
	assert_int_equal(ms_control_wait(&client, &posted, 0, &got, NULL), -ETIMEDOUT);
}

static void *answer_one(void *arg)
{
	struct ms_order taken;
	struct ms_order_handle handle;

	(void)arg;
	for (;;) {
		uint32_t seen = ms_control_doorbell(&server);

		if (ms_control_take(&server, ms_clock_ns(), &taken, &handle) == 1)
			break;
		ms_control_sleep(&server, seen, LONG_US);
	}
	ms_control_answer(&server, &handle, &answer);
	return NULL;
}

static void post_wakes_and_answer_wakes(void **state)
{
	(void)state;
	pthread_t thread;
	struct ms_answer got;

	assert_int_equal(pthread_create(&thread, NULL, answer_one, NULL), 0);
	struct ms_order_handle posted = post();

	assert_int_equal(ms_control_wait(&client, &posted, UINT64_MAX, &got, NULL), 1);
	assert_memory_equal(&got, &answer, sizeof(answer));
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *wake_server(void *arg)
{
	(void)arg;
	ms_control_wake(&server);
	return NULL;
}

static void the_agent_can_be_woken(void **state)
{
	(void)state;
	pthread_t thread;
	uint32_t seen = ms_control_doorbell(&server);

	assert_int_equal(ms_control_sleep(&server, seen, 1000), -ETIMEDOUT);
	assert_int_equal(pthread_create(&thread, NULL, wake_server, NULL), 0);
	while (ms_control_doorbell(&server) == seen)
		assert_int_equal(ms_control_sleep(&server, seen, UINT64_MAX), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ms_control_sleep(&server, seen, LONG_US), 0); /* missed: does not sleep at all */
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void signal_mode_sends_the_signal(void **state)
{
	(void)state;
	struct sigaction action = {.sa_handler = count_signal}, old;
	struct ms_control_client with_signal;
	struct ms_order_handle handle;
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (pidfd < 0)
		skip();
	signals = 0;
	assert_int_equal(sigaction(SIGURG, &action, &old), 0);
	assert_int_equal(ms_control_open(&with_signal, dup(server.fd), 42, pidfd, SIGURG), 0);
	assert_int_equal(ms_control_post(&with_signal, &order, &handle), 0);
	while (!signals) /* sanitizers hand signals on later */
		usleep(100);
	ms_control_close(&with_signal);
	close(pidfd);
	sigaction(SIGURG, &old, NULL);
}

/* ---- peers that stall or die ---- */

static void a_claim_without_order_is_freed(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();

	set_state(posted, MS_SLOT_CLAIMED); /* as if its client had died before posting */
	assert_none(SECONDS(10));
	assert_none(SECONDS(15) - 1);
	assert_int_equal(state_of(posted), MS_SLOT_CLAIMED);
	assert_none(SECONDS(15));
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

static void a_new_claim_has_its_own_patience(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();

	set_state(posted, MS_SLOT_CLAIMED);
	assert_none(SECONDS(10));
	posted.word_ticket++;
	set_state(posted, MS_SLOT_CLAIMED);
	assert_none(SECONDS(16));
	assert_int_equal(state_of(posted), MS_SLOT_CLAIMED);
	assert_none(SECONDS(21));
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

static void an_answer_nobody_reads_is_freed(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);
	struct ms_answer got = {.status = 77};

	ms_control_answer(&server, &handle, &answer);
	assert_none(SECONDS(10));
	assert_int_equal(state_of(posted), MS_SLOT_DONE);
	assert_true(ms_control_busy(&server));
	assert_none(SECONDS(15));
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
	assert_int_equal(ms_control_wait(&client, &posted, LONG_US, &got, NULL), -ESTALE);
	assert_int_equal(got.status, 77);
}

static void an_order_nobody_waits_for_is_carried_out(void **state)
{
	(void)state;
	struct ms_order taken;
	struct ms_order_handle posted = post();

	ms_control_close(&client);
	struct ms_order_handle handle = take(&taken);

	ms_control_answer(&server, &handle, &answer);
	assert_none(SECONDS(10));
	assert_none(SECONDS(15));
	assert_int_equal(open_client(&client), 0);
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

static void a_slot_lost_is_not_touched(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_answer got;
	uint32_t next = (posted.word_ticket + 1) << MS_SLOT_TICKET_SHIFT;

	for (uint32_t other = MS_SLOT_FREE; other <= MS_SLOT_ABANDONED; other++) {
		slot_of(posted)->word = next | other;
		ms_control_abandon(&client, &posted);
		assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), -ESTALE);
		assert_int_equal(ms_control_wait(&client, &posted, LONG_US, &got, NULL), -ESTALE);
		assert_int_equal(slot_of(posted)->word, next | other);
	}
}

/* The agent's answer to an order when another client has its slot. */
static void an_answer_for_a_lost_slot_is_dropped(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);

	posted.word_ticket++;
	set_state(posted, MS_SLOT_RUNNING);
	slot_of(posted)->status = 0;
	ms_control_answer(&server, &handle, &answer);
	assert_int_equal(state_of(posted), MS_SLOT_RUNNING);
	assert_int_equal(slot_of(posted)->status, 0);
	assert_none(SECONDS(10));
	assert_none(SECONDS(15)); /* and RUNNING that the agent does not run is swept */
	assert_int_equal(state_of(posted), MS_SLOT_FREE);
}

static void a_child_gets_a_page_of_its_own(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct ms_control_abi *was = server.page;
		bool good = ms_control_recreate(&server, 43) == 0 && server.page == was &&
			    server.page->header.identity == 43 &&
			    server.page->header.pid == (uint32_t)getpid() &&
			    ms_control_doorbell(&server) == 0 && !ms_control_busy(&server) &&
			    ms_control_take(&server, 1, &taken, &handle) == 0;
		ms_control_answer(&server, &handle, &answer); /* the parent's to answer, so nothing happens */
		_exit(!good);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(state_of(posted), MS_SLOT_RUNNING);
	assert_int_equal(server.page->header.identity, 42);
}

/* ---- all at once ---- */

enum { CLIENTS = 6, ORDERS = 300 };
static _Atomic bool stop;
static _Atomic unsigned wrong;

static void *serve(void *arg)
{
	struct ms_order taken;
	struct ms_order_handle handle;

	(void)arg;
	while (!stop) {
		uint32_t seen = ms_control_doorbell(&server);

		while (ms_control_take(&server, ms_clock_ns(), &taken, &handle) == 1)
			ms_control_answer(&server, &handle,
					  &(struct ms_answer){.status = MS_ANSWER_DONE,
							      .claimed_bytes = taken.target_bytes,
							      .claimed_entries = taken.seq});
		ms_control_sleep(&server, seen, LONG_US);
	}
	return NULL;
}

/* Some wait for the answer, some give up at once; those that get an answer get their own. */
static void *post_many(void *arg)
{
	struct ms_control_client own;
	uint64_t number = (uint64_t)(uintptr_t)arg;

	if (open_client(&own) < 0) {
		wrong++;
		return NULL;
	}
	for (uint64_t i = 1; i <= ORDERS; i++) {
		struct ms_order mine = {
			.seq = i, .scope = MS_SCOPE_PROCESS, .level = MS_LEVEL_TRIM, .target_bytes = number};
		struct ms_order_handle handle;
		struct ms_answer got;
		int error;

		while ((error = ms_control_post(&own, &mine, &handle)) == -EAGAIN)
			usleep(100);
		if (error < 0)
			wrong++;
		if (i % 7 == 0) {
			ms_control_abandon(&own, &handle);
			continue;
		}
		error = ms_control_wait(&own, &handle, LONG_US, &got, NULL);
		if (error != 1 || got.status != MS_ANSWER_DONE || got.claimed_bytes != number ||
		    got.claimed_entries != i)
			wrong++;
	}
	ms_control_close(&own);
	return NULL;
}

static void everybody_gets_their_own_answer(void **state)
{
	(void)state;
	pthread_t agent, clients[CLIENTS];

	stop = false;
	wrong = 0;
	assert_int_equal(pthread_create(&agent, NULL, serve, NULL), 0);
	for (uintptr_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&clients[i], NULL, post_many, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	stop = true;
	ms_control_wake(&server);
	pthread_join(agent, NULL);
	assert_int_equal(wrong, 0);
	assert_false(ms_control_busy(&server));
	assert_int_equal(server.taken, 0);
}

static void statuses_have_names(void **state)
{
	(void)state;
	assert_string_equal(ms_name_of_status(MS_ANSWER_PARTIAL), "partial");
	assert_string_equal(ms_name_of_status(MS_ANSWER_STUCK), "stuck");
	assert_string_equal(ms_name_of_status(99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAGE(an_order_is_taken_and_answered),
		WITH_PAGE(all_slots_are_served_in_turn),
		WITH_PAGE(nobody_starves),
		WITH_PAGE(an_order_can_be_taken_back),
		WITH_PAGE(a_running_order_is_left_to_the_agent),
		WITH_PAGE(an_answer_can_be_left_lying),
		WITH_PAGE(a_wait_ends_in_time),
		WITH_PAGE(post_wakes_and_answer_wakes),
		WITH_PAGE(the_agent_can_be_woken),
		WITH_PAGE(signal_mode_sends_the_signal),
		WITH_PAGE(a_claim_without_order_is_freed),
		WITH_PAGE(a_new_claim_has_its_own_patience),
		WITH_PAGE(an_answer_nobody_reads_is_freed),
		WITH_PAGE(an_order_nobody_waits_for_is_carried_out),
		WITH_PAGE(a_slot_lost_is_not_touched),
		WITH_PAGE(an_answer_for_a_lost_slot_is_dropped),
		WITH_PAGE(a_child_gets_a_page_of_its_own),
		WITH_PAGE(everybody_gets_their_own_answer),
		cmocka_unit_test(statuses_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

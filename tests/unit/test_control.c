/* SPDX-License-Identifier: MIT */
/* Orders and answers through the control page: the state machine, peers that stall, die or lie, and many
 * clients at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table/control.h"
#include "table/order.h"
#include "util/clock.h"

#define SECONDS(n) ((n) * MS_NS_PER_S)
static const uint64_t LONG_US = 60 * 1000 * 1000; /* no test waits so long unless it fails */

static struct ms_control_server server;
static struct ms_control_client client;

static int open_client(struct ms_control_client *ret_client)
{
	return ms_control_open(ret_client, dup(server.fd), 42, -1, 0);
}

static int set_up(void **state)
{
	(void)state;
	return ms_control_create(&server, 42) < 0 || open_client(&client) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	ms_control_close(&client);
	ms_control_destroy(&server);
	return 0;
}

static const struct ms_order order = {
	.seq = 7, .row = 3, .generation = 5, .level = MS_ORDER_TRIM, .reason = 1, .target_bytes = 1000, .timeout_us = 99,
};
static const struct ms_answer answer = {
	.status = MS_ANSWER_PARTIAL, .error = -EAGAIN, .claimed_bytes = 1, .claimed_entries = 2,
	.scanned_entries = 3, .duration_us = 4, .caches = 5,
};

static struct ms_order_handle post(void)
{
	struct ms_order_handle handle = {0};

	assert_int_equal(ms_control_post(&client, &order, &handle), 0);
	return handle;
}

static struct ms_order_handle take(struct ms_order *ret_order)
{
	struct ms_order_handle handle = {0};

	assert_int_equal(ms_control_take(&server, SECONDS(1), ret_order, &handle), 1);
	return handle;
}

static void assert_none(uint64_t now_ns)
{
	struct ms_order taken;
	struct ms_order_handle handle;

	assert_int_equal(ms_control_take(&server, now_ns, &taken, &handle), 0);
}

static struct ms_slot_abi *slot_of(struct ms_order_handle handle)
{
	return &client.page->slots[handle.slot];
}

static uint32_t state_of(struct ms_order_handle handle)
{
	return ms_slot_state(slot_of(handle)->word);
}

static void set_state(struct ms_order_handle handle, uint32_t state)
{
	slot_of(handle)->word = handle.word_ticket << MS_SLOT_TICKET_SHIFT | state;
}

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

/* The agent's answer to an order whose slot another client has meanwhile. */
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

/* ---- peers that lie ---- */

static void assert_invalid(struct ms_order_handle posted)
{
	struct ms_answer got;

	assert_none(SECONDS(1));
	assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), 1);
	assert_int_equal(got.status, MS_ANSWER_INVALID);
	assert_int_equal(got.error, -EINVAL);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	struct ms_order bad = order;
	struct ms_order_handle posted = post();

	slot_of(posted)->target_bytes++; /* the check word no longer fits */
	assert_invalid(posted);

	bad.level = MS_ORDER_EMERGENCY + 1;
	assert_int_equal(ms_control_post(&client, &bad, &posted), 0);
	assert_invalid(posted);

	bad = order;
	bad.row = MS_ROW_COUNT;
	assert_int_equal(ms_control_post(&client, &bad, &posted), 0);
	assert_invalid(posted);
}

static void values_come_within_bounds(void **state)
{
	(void)state;
	struct ms_order odd = {.row = MS_ORDER_ALL_ROWS, .reason = 999, .timeout_us = UINT64_MAX}, taken;
	struct ms_order_handle posted;

	assert_int_equal(ms_control_post(&client, &odd, &posted), 0);
	take(&taken);
	assert_int_equal(taken.row, MS_ORDER_ALL_ROWS);
	assert_int_equal(taken.reason, 0);
	assert_int_equal(taken.timeout_us, 3600u * 1000 * 1000);
	odd.timeout_us = 0;
	assert_int_equal(ms_control_post(&client, &odd, &posted), 0);
	take(&taken);
	assert_int_equal(taken.timeout_us, 10 * 1000 * 1000);
}

static void states_nobody_honest_made_are_swept(void **state)
{
	(void)state;
	static const uint32_t states[] = {MS_SLOT_RUNNING, MS_SLOT_ABANDONED, 6, 77, 255};

	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct ms_order_handle handle = {.slot = i, .word_ticket = 9};

		set_state(handle, states[i]);
		assert_none(SECONDS(10));
		assert_int_equal(state_of(handle), states[i]);
		assert_none(SECONDS(15));
		assert_int_equal(state_of(handle), MS_SLOT_FREE);
	}
}

static void a_running_slot_posted_again_is_not_taken_twice(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_order taken;
	struct ms_order_handle handle = take(&taken);

	set_state(posted, MS_SLOT_POSTED);
	assert_none(SECONDS(1));
	ms_control_answer(&server, &handle, &answer); /* no longer RUNNING: dropped */
	take(&taken);
}

static void a_page_of_nonsense_is_said(void **state)
{
	(void)state;
	struct ms_order_handle handle;

	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		client.page->slots[i].word = 0xffffffff;
	assert_int_equal(ms_control_post(&client, &order, &handle), -EPROTO);
}

static void a_strange_answer_is_tamed(void **state)
{
	(void)state;
	struct ms_order_handle posted = post();
	struct ms_answer got;

	slot_of(posted)->status = 12345;
	slot_of(posted)->error = 17;
	set_state(posted, MS_SLOT_DONE);
	assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), 1);
	assert_int_equal(got.status, MS_ANSWER_INVALID);
	assert_int_equal(got.error, 0);
}

static void tickets_wrap(void **state)
{
	(void)state;
	struct ms_order taken;
	struct ms_answer got;

	for (unsigned i = 0; i < MS_SLOT_COUNT; i++)
		client.page->slots[i].word = 0xffffffu << MS_SLOT_TICKET_SHIFT;
	struct ms_order_handle posted = post();

	assert_int_equal(posted.word_ticket, 0);
	struct ms_order_handle handle = take(&taken);

	ms_control_answer(&server, &handle, &answer);
	assert_int_equal(ms_control_poll(&client, &posted, &got, NULL), 1);
	assert_int_equal(got.status, answer.status);
}

/* ---- opening ---- */

static int open_as(int fd, uint64_t identity, int signal)
{
	struct ms_control_client other;
	int error = ms_control_open(&other, fd, identity, -1, signal);

	if (!error)
		ms_control_close(&other);
	else
		close(fd);
	return error;
}

static void wrong_pages_are_refused(void **state)
{
	(void)state;
	assert_int_equal(open_as(dup(server.fd), 42, SIGURG), 0);
	assert_int_equal(open_as(dup(server.fd), 43, 0), -EBADMSG);
	assert_int_equal(open_as(dup(server.fd), 42, SIGTERM), -EINVAL);
	assert_int_equal(open_as(dup(server.fd), 42, 100000), -EINVAL);
	assert_int_equal(open_as(open("/dev/zero", O_RDWR | O_CLOEXEC), 42, 0), -EBADMSG);

	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, server.page, 256), 256);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(open_as(fd, 42, 0), -EBADMSG); /* too short: touching its end would be SIGBUS */

	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, MS_CONTROL_BYTES), 0);
	assert_int_equal(write(fd, server.page, 256), 256);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(open_as(fd, 42, 0), -EPERM);

	server.page->header.slot_count = 1u << 31;
	assert_int_equal(open_as(dup(server.fd), 42, 0), -EBADMSG);
	server.page->header.slot_count = MS_SLOT_COUNT;
	server.page->header.slot_bytes = 8;
	assert_int_equal(open_as(dup(server.fd), 42, 0), -EBADMSG);
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
			    server.page->header.identity == 43 && server.page->header.pid == (uint32_t)getpid() &&
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

/* Some wait for the answer, some give up at once; who gets an answer gets its own. */
static void *post_many(void *arg)
{
	struct ms_control_client own;
	uint64_t number = (uint64_t)(uintptr_t)arg;

	if (open_client(&own) < 0) {
		wrong++;
		return NULL;
	}
	for (uint64_t i = 1; i <= ORDERS; i++) {
		struct ms_order mine = {.seq = i, .level = MS_ORDER_TRIM, .target_bytes = number};
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
	assert_string_equal(ms_answer_status_name(MS_ANSWER_PARTIAL), "partial");
	assert_string_equal(ms_answer_status_name(MS_ANSWER_STUCK), "stuck");
	assert_string_equal(ms_answer_status_name(99), "unknown");
}

#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
		WITH_PAGE(nonsense_is_refused),
		WITH_PAGE(values_come_within_bounds),
		WITH_PAGE(states_nobody_honest_made_are_swept),
		WITH_PAGE(a_running_slot_posted_again_is_not_taken_twice),
		WITH_PAGE(a_page_of_nonsense_is_said),
		WITH_PAGE(a_strange_answer_is_tamed),
		WITH_PAGE(tickets_wrap),
		WITH_PAGE(wrong_pages_are_refused),
		WITH_PAGE(a_child_gets_a_page_of_its_own),
		WITH_PAGE(everybody_gets_their_own_answer),
		cmocka_unit_test(statuses_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

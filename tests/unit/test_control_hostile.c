/* SPDX-License-Identifier: MIT */
/* A control page on which the other side lies: nonsense in orders, answers, states and headers. */
#include "control_bed.h"

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

	bad.level = MS_LEVEL_EMERGENCY + 1;
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
	struct ms_order odd = {.seq = 1, .scope = MS_SCOPE_PROCESS, .reason = 999, .reuse = 1, .timeout_us = UINT64_MAX},
			taken;
	struct ms_order_handle posted;

	assert_int_equal(ms_control_post(&client, &odd, &posted), 0);
	take(&taken);
	assert_int_equal(taken.scope, MS_SCOPE_PROCESS);
	assert_int_equal(taken.reason, 0);
	assert_int_equal(taken.reuse, 0); /* an own order's alone */
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

/* What the process does with the memory of its own orders, no client asks for. */
static void what_is_for_own_orders_is_not_taken_from_a_page(void **state)
{
	(void)state;
	struct ms_order own = order, taken;
	struct ms_order_handle handle;

	own.reuse = 1;
	assert_int_equal(ms_control_post(&client, &own, &handle), 0);
	take(&taken);
	assert_int_equal(taken.reuse, 0);
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

static void scribble(void)
{
	memset(client.page, 0xa5, offsetof(struct ms_control_header, doorbell));
	assert_int_equal(open_as(dup(server.fd), 42, 0), -EBADMSG);
}

/* The agent does not believe the header but writes it again, whatever it does next. */
static void an_overwritten_header_is_written_again(void **state)
{
	(void)state;
	struct ms_order taken;

	scribble();
	assert_none(SECONDS(1));
	assert_int_equal(open_as(dup(server.fd), 42, 0), 0);
	assert_int_equal(client.page->header.pid, getpid());

	scribble();
	post();
	take(&taken);
	assert_int_equal(open_as(dup(server.fd), 42, 0), 0);

	scribble();
	assert_int_equal(ms_control_sleep(&server, ms_control_doorbell(&server), 1), -ETIMEDOUT);
	assert_int_equal(open_as(dup(server.fd), 42, 0), 0);
}

/* So that it does, the client that could not read the header wakes it. */
static void a_client_that_finds_no_header_wakes_the_agent(void **state)
{
	(void)state;
	uint32_t before = ms_control_doorbell(&server);

	scribble();
	assert_int_not_equal(ms_control_doorbell(&server), before);
	assert_int_equal(ms_control_sleep(&server, before, LONG_US), 0);
	assert_int_equal(open_as(dup(server.fd), 42, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAGE(nonsense_is_refused),
		WITH_PAGE(values_come_within_bounds),
		WITH_PAGE(states_nobody_honest_made_are_swept),
		WITH_PAGE(a_running_slot_posted_again_is_not_taken_twice),
		WITH_PAGE(what_is_for_own_orders_is_not_taken_from_a_page),
		WITH_PAGE(a_page_of_nonsense_is_said),
		WITH_PAGE(a_strange_answer_is_tamed),
		WITH_PAGE(tickets_wrap),
		WITH_PAGE(wrong_pages_are_refused),
		WITH_PAGE(an_overwritten_header_is_written_again),
		WITH_PAGE(a_client_that_finds_no_header_wakes_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

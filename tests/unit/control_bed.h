/* SPDX-License-Identifier: MIT */
/* A control page with both of its ends in one process, for the tests of orders and answers. */
#ifndef MS_TESTS_CONTROL_BED_H
#define MS_TESTS_CONTROL_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table/control.h"
#include "table/slot.h"
#include "util/clock.h"

#define SECONDS(n) ((n) * MS_NS_PER_S)
static const uint64_t LONG_US __attribute__((unused)) =
	60 * 1000 * 1000; /* no test waits so long unless it fails */

static struct ms_control_server server;
static struct ms_control_client client;

static __attribute__((unused)) int open_client(struct ms_control_client *ret_client)
{
	return ms_control_open(ret_client, dup(server.fd), 42, -1, 0);
}

static __attribute__((unused)) int set_up(void **state)
{
	(void)state;
	return ms_control_create(&server, 42) < 0 || open_client(&client) < 0;
}

static __attribute__((unused)) int tear_down(void **state)
{
	(void)state;
	ms_control_close(&client);
	ms_control_destroy(&server);
	return 0;
}

static const struct ms_order order = {
	.seq = 7,
	.scope = MS_SCOPE_ROW,
	.row = 3,
	.generation = 5,
	.level = MS_LEVEL_TRIM,
	.reason = 1,
	.target_bytes = 1000,
	.timeout_us = 99,
};
static const struct ms_answer answer = {
	.status = MS_ANSWER_PARTIAL, .error = -EAGAIN, .claimed_bytes = 1, .claimed_entries = 2,
	.scanned_entries = 3, .duration_us = 4, .caches = 5,
};

static __attribute__((unused)) struct ms_order_handle post(void)
{
	struct ms_order_handle handle = {0};

	assert_int_equal(ms_control_post(&client, &order, &handle), 0);
	return handle;
}

static __attribute__((unused)) struct ms_order_handle take(struct ms_order *ret_order)
{
	struct ms_order_handle handle = {0};

	assert_int_equal(ms_control_take(&server, SECONDS(1), ret_order, &handle), 1);
	return handle;
}

static __attribute__((unused)) void assert_none(uint64_t now_ns)
{
	struct ms_order taken;
	struct ms_order_handle handle;

	assert_int_equal(ms_control_take(&server, now_ns, &taken, &handle), 0);
}

static __attribute__((unused)) struct ms_slot_abi *slot_of(struct ms_order_handle handle)
{
	return &client.page->slots[handle.slot];
}

static __attribute__((unused)) uint32_t state_of(struct ms_order_handle handle)
{
	return ms_slot_state(slot_of(handle)->word);
}

static __attribute__((unused)) void set_state(struct ms_order_handle handle, uint32_t state)
{
	slot_of(handle)->word = handle.word_ticket << MS_SLOT_TICKET_SHIFT | state;
}

#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

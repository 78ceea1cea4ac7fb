/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a control page that a third party scribbles on at any moment.
 *
 * Input: operations of one byte and what each needs. The server must take only orders within bounds, the
 * client return only answers that make sense, marks be in their order, and in the end, when the scribbling stops and every client's
 * patience has passed, every slot must be free again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table/control.h"
#include "table/marks.h"
#include "table/names.h"
#include "table/slot.h"
#include "util/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum operation { SCRIBBLE, TAKE, ANSWER, ADVANCE, POST, POLL, ABANDON, WAIT, REOPEN, STATE, OPERATIONS };
enum { HELD = 64 };

struct input {
	const uint8_t *data;
	size_t size;
};

struct world {
	struct ms_control_server server;
	struct ms_control_client client;
	uint64_t now_ns;
	struct ms_order_handle taken[HELD], posted[HELD];
	unsigned taken_count, posted_count;
};

static void require(int condition)
{
	if (!condition)
		abort();
}

static uint32_t next(struct input *input, size_t bytes)
{
	uint32_t value = 0;

	if (bytes > input->size)
		bytes = input->size;
	memcpy(&value, input->data, bytes);
	input->data += bytes;
	input->size -= bytes;
	return value;
}

static void scribble(struct world *world, struct input *input)
{
	uint32_t offset = next(input, 2) % MS_CONTROL_BYTES;
	uint32_t length = next(input, 1);

	if (length > input->size)
		length = (uint32_t)input->size;
	if (length > MS_CONTROL_BYTES - offset)
		length = MS_CONTROL_BYTES - offset;
	memcpy((unsigned char *)world->server.page + offset, input->data, length);
	input->data += length;
	input->size -= length;
}

static void take(struct world *world)
{
	struct ms_order order;
	struct ms_order_handle handle;

	if (world->taken_count == HELD ||
	    ms_control_take(&world->server, world->now_ns, &order, &handle) != 1)
		return;
	require(order.level <= MS_LEVEL_EMERGENCY);
	require(order.row < MS_ROW_COUNT);
	require(order.reason <= 2);
	require(order.timeout_us > 0 && order.timeout_us <= 3600u * 1000 * 1000);
	require(handle.slot < MS_SLOT_COUNT);
	for (unsigned i = 0; i < world->taken_count; i++)
		require(world->taken[i].slot != handle.slot); /* never two orders in one slot */
	world->taken[world->taken_count++] = handle;
}

static void answer_last(struct world *world)
{
	if (world->taken_count)
		ms_control_answer(&world->server, &world->taken[--world->taken_count],
				  &(struct ms_answer){.status = MS_ANSWER_DONE});
}

static void post(struct world *world, struct input *input)
{
	struct ms_order order = {.seq = 1,
				 .scope = next(input, 1),
				 .row = next(input, 4),
				 .generation = next(input, 1),
				 .level = next(input, 1),
				 .timeout_us = next(input, 4)};
	struct ms_order_handle handle;

	if (world->posted_count < HELD && ms_control_post(&world->client, &order, &handle) == 0)
		world->posted[world->posted_count++] = handle;
}

static void check_answer(int result, const struct ms_answer *answer)
{
	if (result != 1)
		return;
	require(strcmp(ms_name_of_status(answer->status), "unknown") != 0);
	require(answer->status != MS_ANSWER_NONE);
	require(answer->error <= 0 && answer->error >= -4095);
}

static void look(struct world *world, struct input *input, bool wait)
{
	struct ms_order_handle handle = {.slot = next(input, 1), .word_ticket = 1};
	struct ms_answer answer;

	if (world->posted_count)
		handle = world->posted[handle.slot % world->posted_count];
	int result = wait ? ms_control_wait(&world->client, &handle, 0, &answer, NULL)
			  : ms_control_poll(&world->client, &handle, &answer, NULL);

	check_answer(result, &answer);
}

/* Over whatever stands in the header now. */
static void reopen(struct world *world)
{
	struct ms_control_client again;
	int fd = dup(world->server.fd);

	if (ms_control_open(&again, fd, 42, -1, 0) == 0)
		ms_control_close(&again);
	else
		close(fd);
}

static void set_state(struct world *world, struct input *input)
{
	struct ms_slot_abi *slot = &world->server.page->slots[next(input, 1) % MS_SLOT_COUNT];

	slot->word = ms_slot_word(ms_slot_ticket(slot->word), next(input, 1));
}

/* Whatever stands there: in order, or not believed. */
static void check_marks(const struct world *world)
{
	char directory[MS_MARKS_DIRECTORY_BYTES];
	struct ms_marks_body marks;

	if (!ms_marks_read(world->server.page, world->now_ns, &marks))
		return;
	require(marks.low_bytes > 0 && marks.low_bytes < marks.high_bytes);
	require(marks.high_bytes <= marks.brake_bytes && marks.brake_bytes <= marks.max_bytes);
	require(marks.sharers >= 1 && marks.sharers <= MS_MARKS_SHARERS_MOST);
	require(marks.until_ns > world->now_ns && marks.until_ns - world->now_ns <= MS_MARKS_LIFE_NS);
	if (ms_marks_read_directory(world->server.page, &marks, directory))
		require(directory[0] == '/' && memchr(directory, '\0', sizeof(directory)));
}

static void write_marks(struct world *world)
{
	static const char directory[MS_MARKS_DIRECTORY_BYTES] = "/sys/fs/cgroup";
	struct ms_marks_body marks = {.kind = MS_USAGE_CGROUP2,
				      .sharers = 1,
				      .written_ns = world->now_ns,
				      .until_ns = world->now_ns + MS_MARKS_LIFE_NS,
				      .high_bytes = 90,
				      .low_bytes = 80,
				      .brake_bytes = 91,
				      .max_bytes = 100};

	marks.generation = ms_marks_generation(marks.kind, 0, 0, directory);
	ms_marks_write(world->client.page, &marks, directory);
}

static void operate(struct world *world, struct input *input)
{
	switch ((enum operation)(next(input, 1) % OPERATIONS)) {
	case SCRIBBLE:
		scribble(world, input);
		break;
	case TAKE:
		take(world);
		break;
	case ANSWER:
		answer_last(world);
		break;
	case ADVANCE:
		world->now_ns += next(input, 1) * MS_NS_PER_S / 8;
		break;
	case POST:
		post(world, input);
		break;
	case POLL:
		look(world, input, false);
		break;
	case ABANDON:
		if (world->posted_count)
			ms_control_abandon(&world->client, &world->posted[--world->posted_count]);
		break;
	case WAIT:
		look(world, input, true);
		break;
	case REOPEN:
		reopen(world);
		break;
	case STATE:
		set_state(world, input);
		break;
	case OPERATIONS:
		break;
	}
}

static void settle(struct world *world)
{
	for (unsigned i = 0; i < 4 * MS_SLOT_COUNT; i++) {
		take(world);
		answer_last(world);
	}
	while (world->taken_count)
		answer_last(world);
	for (unsigned i = 0; i < 3; i++) {
		world->now_ns += 6 * MS_NS_PER_S;
		take(world);
		answer_last(world);
	}
	require(world->server.taken == 0);
	require(!ms_control_busy(&world->server));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.data = data, .size = size};
	struct world world = {.now_ns = MS_NS_PER_S};

	if (ms_control_create(&world.server, 42) < 0 ||
	    ms_control_open(&world.client, dup(world.server.fd), 42, -1, 0) < 0)
		abort();
	write_marks(&world);
	while (input.size > 0) {
		operate(&world, &input);
		check_marks(&world);
	}
	settle(&world);
	ms_control_close(&world.client);
	ms_control_destroy(&world.server);
	return 0;
}

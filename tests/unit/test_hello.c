/* SPDX-License-Identifier: MIT */
/* What may be sent to the supervisor's socket: with the token and without, with descriptors that matter. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "table/layout.h"
#include "watch/hello.h"

enum { FDS_MAX = 8 };

static char name[MS_HELLO_NAME_BYTES];
static int hello_fd;
static struct ms_hello hello = {.magic = MS_HELLO_MAGIC, .major = MS_TABLE_MAJOR, .pid = 1};

static int set_up(void **state)
{
	(void)state;
	ms_hello_choose_name(name);
	hello.token = strtoull(strchr(name, ':') + 1, NULL, 16);
	hello_fd = ms_hello_open(name);
	return hello_fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return close(hello_fd);
}

/* Return: of sendmsg(), never waiting. */
static ssize_t send_packet(struct ms_hello packet, size_t length, const int *fds, size_t count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = &packet, .iov_len = length};
	struct msghdr message = {.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1};
	const size_t name_length = strcspn(name, ":");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	memcpy(address.sun_path + 1, name + 1, name_length - 1);
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length);
	if (count > 0) {
		control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS,
						  .cmsg_len = CMSG_LEN(count * sizeof(int))};
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	n = sendmsg(fd, &message, MSG_DONTWAIT);
	close(fd);
	return n;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* A pipe with a writing end that is open in packets alone: its reader sees the end when the last is released.
 */
struct traced {
	int reader, writer;
};

static struct traced trace(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	return (struct traced){.reader = ends[0], .writer = ends[1]};
}

static bool is_released(struct traced traced)
{
	char byte;
	ssize_t n = read(traced.reader, &byte, 1);

	assert_true(n == 0 || (n < 0 && errno == EAGAIN));
	return n == 0;
}

static void two_descriptors_are_received_when_wanted(void **state)
{
	struct traced traced = trace();
	struct ms_hello_packet packet;
	int before;

	(void)state;
	assert_int_equal(ms_hello_peek(hello_fd), -EAGAIN);
	assert_int_equal(send_packet(hello, sizeof(hello), (int[]){traced.writer, traced.writer}, 2),
			 sizeof(hello));
	close(traced.writer);
	before = lowest_free_fd();
	for (unsigned i = 0; i < 2; i++) /* what the kernel says, not what the packet says */
		assert_int_equal(ms_hello_peek(hello_fd), getpid());
	assert_int_equal(lowest_free_fd(), before);
	assert_false(is_released(traced));
	assert_int_equal(ms_hello_take(hello_fd, &packet), 0);
	assert_true(packet.table_fd >= 0 && packet.control_fd >= 0);
	assert_int_equal(fcntl(packet.table_fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ms_hello_peek(hello_fd), -EAGAIN);
	close(packet.table_fd);
	close(packet.control_fd);
	assert_true(is_released(traced));
	close(traced.reader);
}

static void what_is_dropped_is_never_received(void **state)
{
	struct traced traced = trace();
	int before = traced.writer;

	(void)state;
	assert_int_equal(send_packet(hello, sizeof(hello), &traced.writer, 1), sizeof(hello));
	close(traced.writer);
	assert_int_equal(ms_hello_peek(hello_fd), getpid());
	ms_hello_drop(hello_fd);
	assert_true(is_released(traced));
	assert_int_equal(lowest_free_fd(), before);
	assert_int_equal(ms_hello_peek(hello_fd), -EAGAIN);
	close(traced.reader);
}

/* Not a byte of it, and its descriptors are released where they were sent. */
static void without_the_token_nothing_arrives(void **state)
{
	struct traced traced = trace();
	struct ms_hello wrong = hello, swapped = hello;
	struct pollfd ready = {.fd = hello_fd, .events = POLLIN};

	(void)state;
	wrong.token ^= 1;
	swapped.token = hello.token << 32 | hello.token >> 32;
	send_packet(wrong, sizeof(wrong), &traced.writer, 1);
	send_packet(swapped, sizeof(swapped), &traced.writer, 1);
	send_packet(hello, offsetof(struct ms_hello, token), &traced.writer, 1);
	close(traced.writer);
	assert_true(is_released(traced));
	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_int_equal(ms_hello_peek(hello_fd), -EAGAIN);
	close(traced.reader);
}

static void a_flood_without_the_token_takes_no_place(void **state)
{
	struct ms_hello wrong = hello;

	(void)state;
	wrong.token++;
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(send_packet(wrong, sizeof(wrong), &hello_fd, 1), sizeof(wrong));
	assert_int_equal(send_packet(hello, sizeof(hello), &hello_fd, 1), sizeof(hello));
	assert_int_equal(ms_hello_peek(hello_fd), getpid());
	ms_hello_drop(hello_fd);
}

static void what_is_no_hello_leaves_no_descriptor(void **state)
{
	struct traced traced = trace();
	const int fds[5] = {traced.writer, traced.writer, traced.writer, traced.writer, traced.writer};
	struct ms_hello other = hello;
	struct ms_hello_packet packet;

	(void)state;
	other.magic++;
	assert_true(send_packet(other, sizeof(other), fds, 2) > 0);
	assert_int_equal(ms_hello_peek(hello_fd), 0);
	ms_hello_drop(hello_fd);
	other = hello;
	other.major++;
	assert_true(send_packet(other, sizeof(other), fds, 2) > 0);
	assert_int_equal(ms_hello_peek(hello_fd), 0);
	ms_hello_drop(hello_fd);
	assert_true(send_packet(hello, sizeof(hello), NULL, 0) > 0);
	assert_int_equal(ms_hello_take(hello_fd, &packet), -EBADMSG);
	assert_true(send_packet(hello, sizeof(hello), fds, 5) > 0);
	close(traced.writer);
	assert_int_equal(ms_hello_take(hello_fd, &packet), 0);
	assert_false(is_released(traced));
	close(packet.table_fd);
	close(packet.control_fd);
	assert_true(is_released(traced));
	close(traced.reader);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_descriptors_are_received_when_wanted),
		TEST(what_is_dropped_is_never_received),
		TEST(without_the_token_nothing_arrives),
		TEST(a_flood_without_the_token_takes_no_place),
		TEST(what_is_no_hello_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

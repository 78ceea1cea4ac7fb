/* SPDX-License-Identifier: MIT */
/* Tables that are said hello with and tables that are found; packets and descriptors that are neither. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memshed.h"
#include "watch/hello.h"
#include "watch/members.h"
#include "util/clock.h"

static struct ms_root root;
static struct ms_members members;
static struct ms_stock stock;
static uint64_t start_ticks;
static char socket_name[MS_HELLO_NAME_BYTES];
static int hello_fd;

static void do_clear(void *ctx)
{
	(void)ctx;
}

static int set_up_group(void **state)
{
	const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "mine", .clear = do_clear);
	struct memshed_cache *cache;
	struct ms_process_stat stat;

	(void)state;
	unsetenv(MS_HELLO_ENV);
	assert_int_equal(memshed_register(&options, &cache), 0);
	memshed_charge(cache, 4096, 1);
	assert_int_equal(ms_root_init(&root, "/"), 0);
	assert_int_equal(ms_process_read_stat(&root, getpid(), 0, &stat), 0);
	start_ticks = stat.start_ticks;
	ms_hello_choose_name(socket_name);
	hello_fd = ms_hello_open(socket_name);
	assert_true(hello_fd >= 0);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	ms_members_init(&members, &root);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ms_members_fini(&members);
	return 0;
}

/* One process, whose one cache holds 4096 bytes. */
static void assert_read(uint32_t slot, bool answers)
{
	struct ms_policy_input input = ms_members_read(&members, 4, ms_clock_ns(), &stock);

	assert_int_equal(input.process_count, 1);
	assert_int_equal(input.processes[0].process, slot);
	assert_int_equal(input.processes[0].answers, answers);
	assert_int_equal(input.processes[0].caches, 1);
	assert_int_equal(input.key_count, 1);
	assert_int_equal(input.keys[0].process, slot);
	assert_int_equal(input.keys[0].bytes, 4096);
}

static void a_table_is_found(void **state)
{
	uint64_t now = ms_clock_ns();

	(void)state;
	ms_members_add(&members, 3, getpid(), start_ticks, now);
	assert_int_equal(ms_members_next_look(&members, 4, now), -EAGAIN);
	assert_true(members.next_look_ns > now);
	now = members.next_look_ns;
	assert_int_equal(ms_members_next_look(&members, 4, now), 3);
	assert_int_equal(ms_members_look(&members, 3, now), 1);
	assert_read(3, true);
	/* Again: the same table. Then nobody is left to be looked at. */
	assert_int_equal(ms_members_look(&members, 3, now), 0);
	assert_int_equal(ms_members_next_look(&members, 4, UINT64_MAX - 1), -EAGAIN);
	members.at[3].stopped = true;
	assert_read(3, false);
	members.at[3].stopped = false;
	members.at[3].in_flight = 1;
	assert_read(3, false);
	ms_members_remove(&members, 3);
	assert_int_equal(members.tables, 0);
	assert_int_equal(ms_members_read(&members, 4, now, &stock).process_count, 0);
}

/* The pid is this process's, the start time is not: a process that has gone, and its number used again. */
static void another_process_of_that_pid_is_not_taken(void **state)
{
	(void)state;
	ms_members_add(&members, 0, getpid(), start_ticks + 1, ms_clock_ns());
	assert_true(ms_members_look(&members, 0, ms_clock_ns()) < 0);
	assert_false(members.at[0].has_table);
}

static void looks_become_seldom(void **state)
{
	uint64_t now = 0, before = 0;

	(void)state;
	ms_members_add(&members, 0, 1 << 22, 1, now); /* above the highest pid: never there */
	for (unsigned i = 0; i < 20; i++) {
		uint64_t pause = members.at[0].look_at_ns - now;

		assert_true(pause >= before && pause <= 60 * MS_NS_PER_S);
		before = pause;
		now += pause;
		assert_true(ms_members_look(&members, 0, now) < 0);
	}
	assert_int_equal(before, 60 * MS_NS_PER_S);
	ms_members_look_soon(&members, 1, now);
	assert_int_equal(ms_members_next_look(&members, 1, now), 0);
}

static int memfd_of(size_t bytes)
{
	int fd = memfd_create(MS_TABLE_MEMFD_NAME, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void what_is_no_table_is_closed(void **state)
{
	int table_fd = memfd_of(4096), control_fd = memfd_of(4096);

	(void)state;
	ms_members_add(&members, 0, getpid(), start_ticks, ms_clock_ns());
	assert_true(ms_members_adopt(&members, 0, table_fd, control_fd) < 0);
	assert_int_equal(fcntl(table_fd, F_GETFD), -1);
	assert_int_equal(fcntl(control_fd, F_GETFD), -1);
	assert_false(members.at[0].has_table);
}

static void send_packet(const void *bytes, size_t length, const int *fds, unsigned count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	union {
		const void *from;
		void *to;
	} body = {.from = bytes};
	struct iovec part = {.iov_base = body.to, .iov_len = length};
	struct msghdr message = {.msg_name = &address,
				 .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(socket_name)),
				 .msg_iov = &part,
				 .msg_iovlen = 1};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, socket_name + 1, strlen(socket_name) - 1);
	if (count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &message, 0), length);
	close(fd);
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void a_hello_brings_two_descriptors(void **state)
{
	const struct ms_hello hello = {.magic = MS_HELLO_MAGIC, .major = MS_TABLE_MAJOR, .pid = 1};
	struct ms_hello_packet packet;
	int fds[2] = {memfd_of(1), memfd_of(1)};

	(void)state;
	assert_int_equal(ms_hello_receive(hello_fd, &packet), -EAGAIN);
	send_packet(&hello, sizeof(hello), fds, 2);
	assert_int_equal(ms_hello_receive(hello_fd, &packet), 1);
	assert_int_equal(packet.pid, getpid()); /* what the kernel says, not what the packet says */
	assert_true(packet.table_fd >= 0 && packet.control_fd >= 0);
	assert_int_equal(fcntl(packet.table_fd, F_GETFD), FD_CLOEXEC);
	for (unsigned i = 0; i < 2; i++)
		close(fds[i]);
	close(packet.table_fd);
	close(packet.control_fd);
}

static void no_hello_leaves_no_descriptor(void **state)
{
	struct ms_hello hello = {.magic = MS_HELLO_MAGIC, .major = MS_TABLE_MAJOR};
	struct ms_hello_packet packet;
	int fds[5], before;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		fds[i] = memfd_of(1);
	before = lowest_free_fd();
	send_packet("x", 1, fds, 2);
	send_packet(&hello, sizeof(hello) - 1, fds, 2);
	send_packet(&hello, sizeof(hello), NULL, 0);
	hello.magic++;
	send_packet(&hello, sizeof(hello), fds, 5);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ms_hello_receive(hello_fd, &packet), 0);
	hello.magic--;
	send_packet(&hello, sizeof(hello), fds, 5);
	assert_int_equal(ms_hello_receive(hello_fd, &packet), 1);
	close(packet.table_fd);
	close(packet.control_fd);
	assert_int_equal(lowest_free_fd(), before);
	for (unsigned i = 0; i < 5; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_table_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process_of_that_pid_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(looks_become_seldom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_table_is_closed, set_up, tear_down),
		cmocka_unit_test(a_hello_brings_two_descriptors),
		cmocka_unit_test(no_hello_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

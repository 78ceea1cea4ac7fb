/* SPDX-License-Identifier: MIT */
/* What comes of a hello: the table that was found meanwhile is not begun with a second time, another one is. */
#include "watch_bed.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "watch/greet.h"
#include "watch/hello.h"

enum { DESCRIPTORS = 2 };

static int make_socket(void **state)
{
	int error = make_watch(state);

	watch.reading.tree.slots[SELF].process.pid = getpid();
	watch.reading.tree.slots[SELF].state = MS_TREE_IN;
	return error;
}

/* As the library says it. */
static void say_hello(int table_fd, int control_fd)
{
	char name[MS_HELLO_NAME_BYTES];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ms_hello hello = {.magic = MS_HELLO_MAGIC, .major = MS_TABLE_MAJOR, .pid = 1};
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(DESCRIPTORS * sizeof(int))}};
	struct iovec part = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {.msg_name = &address,
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ms_hello_choose_name(name);
	watch.options.hello_fd = ms_hello_open(name);
	assert_true(watch.options.hello_fd >= 0);
	hello.token = strtoull(strchr(name, ':') + 1, NULL, 16);
	memcpy(address.sun_path + 1, name + 1, strcspn(name, ":") - 1);
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strcspn(name, ":"));
	memcpy(CMSG_DATA(&control.header), (int[]){table_fd, control_fd}, DESCRIPTORS * sizeof(int));
	assert_int_equal(sendmsg(fd, &message, 0), sizeof(hello));
	close(fd);
	ms_greet_receive(&watch, now);
	close(watch.options.hello_fd);
}

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* What the process did by itself was counted up to its hello alone. */
static void a_table_that_was_found_is_kept(void **state)
{
	int before = lowest_free_fd();

	(void)state;
	table.header->own_rounds = 3;
	say_hello(table.fd, agents[SELF].fd);
	assert_int_equal(lowest_free_fd(), before);
	assert_said("");
	assert_true(watch.members.at[SELF].can_post);
	table.header->own_rounds = 5;
	assert_int_equal(ms_watch_own_sum(&watch, true).rounds, 5 + 5); /* both slots have the bed's table */
}

/* It executes another program: what the one before did is counted, too. */
static void another_table_is_taken(void **state)
{
	struct ms_table other;
	struct ms_control_server agent;

	(void)state;
	assert_int_equal(ms_table_create(&other, IDENTITY + 1, now), 0);
	assert_int_equal(ms_control_create(&agent, IDENTITY + 1), 0);
	table.header->own_rounds = 3;
	other.header->own_rounds = 2;
	say_hello(other.fd, agent.fd);
	assert_said("target");
	assert_int_equal(ms_watch_own_sum(&watch, true).rounds, 3 + 3 + 2);
	ms_control_destroy(&agent);
	ms_table_destroy(&other);
}

/* Its table was found, but not its control page. */
static void a_control_page_is_taken(void **state)
{
	struct ms_member *member = &watch.members.at[SELF];

	(void)state;
	assert_int_equal(ms_members_adopt(&watch.members, SELF, dup(table.fd), -1), 0);
	assert_false(member->can_post);
	table.header->own_rounds = 3;
	say_hello(table.fd, agents[SELF].fd);
	assert_true(member->can_post);
	table.header->own_rounds = 5;
	assert_int_equal(ms_watch_own_sum(&watch, true).rounds, 5 + 5); /* what it does from then on counts */
}

#define WITH_SOCKET(test) cmocka_unit_test_setup_teardown(test, make_socket, end_watch)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SOCKET(a_table_that_was_found_is_kept),
		WITH_SOCKET(another_table_is_taken),
		WITH_SOCKET(a_control_page_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

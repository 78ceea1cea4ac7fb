/* SPDX-License-Identifier: MIT */
/* What anybody may send to the supervisor's socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "watch/hello.h"

static void send_descriptor(const char *name, int descriptor)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = (char[]){"junk"}, .iov_len = 4};
	struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
	assert_int_equal(sendmsg(fd, &message, 0), 4);
	close(fd);
}

/* The last one to close such a socket would wait until its data were sent, or the time is over. */
static void a_socket_that_lingers_holds_up_nobody(void **state)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 3600};
	socklen_t bytes = sizeof(linger);
	int theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ms_hello_packet packet;
	char name[MS_HELLO_NAME_BYTES];

	(void)state;
	ms_hello_choose_name(name);

	int fd = ms_hello_open(name);

	assert_true(fd >= 0 && theirs >= 0);
	assert_int_equal(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	send_descriptor(name, theirs);
	assert_int_equal(ms_hello_receive(fd, &packet), 0);
	assert_int_equal(getsockopt(theirs, SOL_SOCKET, SO_LINGER, &linger, &bytes), 0);
	assert_int_equal(linger.l_onoff, 0);
	close(theirs);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_lingers_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/hello.c - tells the supervisor that started this process where the table is.
 *
 * The address is taken from the environment when the agent starts. The packet is sent then, and by the child
 * of a fork inside fork(). It never waits; where it cannot be sent, a supervisor finds the table by itself.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/lib.h"
#include "util/cleanup.h"

void ms_lib_hello_prepare(void)
{
	const char *path = secure_getenv(MS_HELLO_ENV);
	const char *colon = path ? strrchr(path, ':') : NULL;
	size_t length = colon ? (size_t)(colon - path) : path ? strlen(path) : 0;
	struct ms_greeting *greeting = &ms_lib.greeting;

	greeting->bytes = 0;
	greeting->token = colon ? strtoull(colon + 1, NULL, 16) : 0;
	if (length < 2 || length >= sizeof(greeting->address.sun_path))
		return;
	greeting->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(greeting->address.sun_path, path, length);
	greeting->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	if (path[0] == '@') { /* an abstract name has no final NUL */
		greeting->address.sun_path[0] = '\0';
		greeting->bytes--;
	}
}

void ms_lib_hello_send(void)
{
	const struct ms_table_header *header = ms_lib.table.header;
	struct ms_hello hello = {
		.magic = MS_HELLO_MAGIC,
		.major = MS_TABLE_MAJOR,
		.minor = MS_TABLE_MINOR,
		.pid = header->pid,
		.start_ticks = header->start_ticks,
		.identity = header->identity,
		.token = ms_lib.greeting.token,
	};
	int fds[2] = {ms_lib.table.fd, ms_lib.control.fd};
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(fds))];
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {
		.msg_name = &ms_lib.greeting.address,
		.msg_namelen = ms_lib.greeting.bytes,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	if (!ms_lib.greeting.bytes || !ms_inode_is(fds[0], &ms_lib.table.held) ||
	    !ms_inode_is(fds[1], &ms_lib.control.held))
		return;

	MS_CLEANUP_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	if (fd < 0)
		return;
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(rights), fds, sizeof(fds));
	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* no supervisor listens */
}

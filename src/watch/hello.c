/* SPDX-License-Identifier: MIT */
/* watch/hello.c - see hello.h. */
#include "watch/hello.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "table/layout.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum { DESCRIPTORS = 2, DESCRIPTORS_MAX = 253 /* the kernel's SCM_MAX_FD */ };

void ms_hello_choose_name(char ret_name[MS_HELLO_NAME_BYTES])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = ms_clock_ns() ^ (uint64_t)getpid() << 32;
	snprintf(ret_name, MS_HELLO_NAME_BYTES, "@memshed-%016llx", (unsigned long long)random);
}

int ms_hello_open(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strnlen(name, MS_HELLO_NAME_BYTES);
	const int on = 1;
	MS_CLEANUP_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	memcpy(address.sun_path, name, length);
	address.sun_path[0] = '\0'; /* abstract: the first byte is none, the rest counts */
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -errno;
	return ms_steal_fd(&fd);
}

/* Keep the first two descriptors, in order; whatever else came is closed. */
static void take_descriptors(const struct cmsghdr *part, struct ms_hello_packet *packet)
{
	size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[DESCRIPTORS_MAX];

	memcpy(fds, CMSG_DATA(part), (count < DESCRIPTORS_MAX ? count : DESCRIPTORS_MAX) * sizeof(int));
	for (size_t i = 0; i < count && i < DESCRIPTORS_MAX; i++) {
		/* Closing anybody's socket must not wait for its data to be sent; what is no socket refuses. */
		(void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &(struct linger){0}, sizeof(struct linger));
		if (packet->table_fd < 0)
			packet->table_fd = fds[i];
		else if (packet->control_fd < 0)
			packet->control_fd = fds[i];
		else
			close(fds[i]);
	}
}

static void take_parts(struct msghdr *message, struct ms_hello_packet *packet)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		struct ucred sender;

		if (part->cmsg_level != SOL_SOCKET)
			continue;
		if (part->cmsg_type == SCM_RIGHTS)
			take_descriptors(part, packet);
		if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN(sizeof(sender))) {
			memcpy(&sender, CMSG_DATA(part), sizeof(sender));
			packet->pid = sender.pid;
		}
	}
}

static void drop(struct ms_hello_packet *packet)
{
	if (packet->table_fd >= 0)
		close(packet->table_fd);
	if (packet->control_fd >= 0)
		close(packet->control_fd);
}

int ms_hello_receive(int fd, struct ms_hello_packet *ret_packet)
{
	struct ms_hello_packet packet = {.pid = 0, .table_fd = -1, .control_fd = -1};
	struct ms_hello hello = {0};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -EAGAIN;
	take_parts(&message, &packet);
	if (n < (ssize_t)sizeof(hello) || hello.magic != MS_HELLO_MAGIC || hello.major != MS_TABLE_MAJOR ||
	    packet.pid <= 0 || packet.table_fd < 0) {
		drop(&packet);
		return 0;
	}
	*ret_packet = packet;
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* watch/hello.c - see hello.h. */
#include "watch/hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "table/layout.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum { DESCRIPTORS = 2 };

void ms_hello_choose_name(char ret_name[MS_HELLO_NAME_BYTES])
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random[0] = random[1] = ms_clock_ns() ^ (uint64_t)getpid() << 32;
	snprintf(ret_name, MS_HELLO_NAME_BYTES, "@memshed-%016llx:%016llx", (unsigned long long)random[0],
		 (unsigned long long)random[1]);
}

/* What comes without the token never reaches the queue. A filter loads words as if they came from a network.
 */
static int filter_by_token(int fd, uint64_t token)
{
	const size_t at = offsetof(struct ms_hello, token);
	uint32_t words[2];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + sizeof(words[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	memcpy(words, &token, sizeof(words));
	code[1].k = ntohl(words[0]);
	code[3].k = ntohl(words[1]);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

int ms_hello_open(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strcspn(name, ":");
	const int on = 1;
	MS_CLEANUP_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	int error = filter_by_token(fd, strtoull(name + length + 1, NULL, 16));
	if (error < 0)
		return error;
	memcpy(address.sun_path, name, length);
	address.sun_path[0] = '\0'; /* abstract: the first byte is none, the rest counts */
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -errno;
	return ms_steal_fd(&fd);
}

/* The room behind the credentials says how many descriptors are received: the kernel keeps the others. */
pid_t ms_hello_peek(int fd)
{
	struct ms_hello hello = {0};
	struct ucred sender = {0};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(sender))];
	} control;
	struct iovec part = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return -EAGAIN;
	if (n < (ssize_t)sizeof(hello) || hello.magic != MS_HELLO_MAGIC || hello.major != MS_TABLE_MAJOR)
		return 0;
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS)
		memcpy(&sender, CMSG_DATA(head), sizeof(sender));
	return sender.pid;
}

static void take_descriptors(const struct cmsghdr *head, struct ms_hello_packet *packet)
{
	int fds[DESCRIPTORS] = {-1, -1};

	if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	*packet = (struct ms_hello_packet){.table_fd = fds[0], .control_fd = fds[1]};
}

int ms_hello_take(int fd, struct ms_hello_packet *ret_packet)
{
	struct ms_hello_packet packet = {.table_fd = -1, .control_fd = -1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};

	if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head))
		take_descriptors(head, &packet);
	if (packet.table_fd < 0)
		return -EBADMSG;
	*ret_packet = packet;
	return 0;
}

void ms_hello_drop(int fd)
{
	(void)!recv(fd, NULL, 0, MSG_DONTWAIT);
}

/* SPDX-License-Identifier: MIT */
/*
 * stranger.c - floods a supervisor's socket with hellos: stranger ADDRESS SECONDS. ADDRESS as in
 * MEMSHED_SOCKET; without ":TOKEN" it is what every user can read in /proc/net/unix. Tells how many packets
 * were sent.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "table/layout.h"
#include "util/clock.h"

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ms_hello hello = {.magic = MS_HELLO_MAGIC, .major = MS_TABLE_MAJOR};
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {.msg_name = &address,
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), table = memfd_create(MS_TABLE_MEMFD_NAME, 0);
	unsigned long sent = 0;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	size_t length = strcspn(argv[1], ":");
	uint64_t end_ns = ms_clock_ns() + strtoull(argv[2], NULL, 10) * MS_NS_PER_S;

	memcpy(address.sun_path + 1, argv[1] + 1, length - 1);
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (argv[1][length] == ':')
		hello.token = strtoull(argv[1] + length + 1, NULL, 16);
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&control.header), &table, sizeof(table));
	while (ms_clock_ns() < end_ns)
		sent += sendmsg(fd, &message, MSG_DONTWAIT) > 0;
	printf("%lu\n", sent);
	return 0;
}

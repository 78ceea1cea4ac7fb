/* SPDX-License-Identifier: MIT */
/*
 * watch/hello.h - the socket on which processes of the tree say hello.
 *
 * An abstract datagram socket: nothing on disk, and when the supervisor is gone a hello fails
 * harmlessly. Anybody in the network namespace may send there; the kernel's credentials say who
 * did, and the caller takes only processes of its own tree. Receiving opens the two descriptors
 * that came with the packet and nothing else; nothing allocates.
 */
#ifndef MS_WATCH_HELLO_H
#define MS_WATCH_HELLO_H

#include <sys/types.h>

enum { MS_HELLO_NAME_BYTES = 32 };

struct ms_hello_packet {
	pid_t pid;      /* in our pid namespace, from the kernel */
	int table_fd;   /* the caller's from now on */
	int control_fd; /* likewise; -1 when none came */
};

/** ms_hello_choose_name - "@memshed-" and 16 random hexadecimal digits */
void ms_hello_choose_name(char ret_name[MS_HELLO_NAME_BYTES]);

/** ms_hello_open - Return: a descriptor or a negative errno */
int ms_hello_open(const char *name);

/**
 * ms_hello_receive - one packet, without waiting
 * Return: 1 and *ret_packet; 0 a packet that is no hello was thrown away; -EAGAIN none is there.
 */
int ms_hello_receive(int fd, struct ms_hello_packet *ret_packet);

#endif

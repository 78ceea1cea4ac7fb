/* SPDX-License-Identifier: MIT */
/*
 * watch/hello.h - the socket on which processes of the tree say hello.
 *
 * An abstract datagram socket: nothing on disk, and when the supervisor is gone a hello fails harmlessly.
 * Every process in the network namespace can see its name and send there. So a random token stands beside the
 * name in the job's environment, and a filter in the kernel throws away what comes without it: it neither
 * wakes the supervisor nor takes a place in the queue, and its descriptors are released by the task that sent
 * them. To release what others opened may take for ever (a file system of their own that never answers).
 *
 * What passes the filter is judged by the kernel's credentials before a descriptor is received. The last
 * reference to what the job itself sent is released here: it can only stop its own supervisor.
 *
 * Nothing allocates. One thread.
 */
#ifndef MS_WATCH_HELLO_H
#define MS_WATCH_HELLO_H

#include <sys/types.h>

enum { MS_HELLO_NAME_BYTES = 48 };

struct ms_hello_packet {
	int table_fd;   /* the caller's from now on */
	int control_fd; /* likewise; -1 when none came */
};

/** ms_hello_choose_name - for MEMSHED_SOCKET: "@memshed-", 16 random hexadecimal digits, ":", the token */
void ms_hello_choose_name(char ret_name[MS_HELLO_NAME_BYTES]);

/**
 * ms_hello_open - listen
 * Return: a descriptor or a negative errno, also when the kernel cannot filter: then tables are only looked
 * for.
 */
int ms_hello_open(const char *name);

/**
 * ms_hello_peek - which process sent the next packet; it stays in the queue, its descriptors unreceived
 * Return: the sender's pid in our pid namespace; 0 when it is no hello, or from outside; -EAGAIN there is
 * none.
 */
pid_t ms_hello_peek(int fd);

/** ms_hello_take - the next packet with its descriptors; Return: 0; -EBADMSG a table was missing, nothing is
 * open */
int ms_hello_take(int fd, struct ms_hello_packet *ret_packet);

/** ms_hello_drop - remove the next packet without receiving its descriptors */
void ms_hello_drop(int fd);

#endif

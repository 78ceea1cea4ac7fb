/* SPDX-License-Identifier: MIT */
/*
 * watch/members.h - the processes of a job that registered caches: their tables and control pages.
 *
 * A member stands beside its tree slot and has the same number. A table comes by a hello (pushed) or is
 * looked for below /proc/PID/fd (pulled): soon after the process was found, then more and more
 * seldom. Nothing allocates; opening fails when there is no memory or descriptor left, and is tried
 * again later. The orders of a member are here, and belong to orders.c; what it was asked to count, to precount.c.
 */
#ifndef MS_WATCH_MEMBERS_H
#define MS_WATCH_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "event/event.h"
#include "policy/policy.h"
#include "sample/tree.h"
#include "table/control.h"
#include "table/post.h"
#include "table/reader.h"
#include "table/state.h"
#include "util/root.h"
#include "watch/own.h"

enum {
	MS_MEMBERS_ROWS = 4096,       /* caches that the policy sees at a time, of all processes */
	MS_MEMBERS_ROWS_OF_ONE = 256, /* of one process: the ones with the most bytes */
};

struct ms_member {
	pid_t pid; /* 0 = no process in this slot */
	uint64_t start_ticks;
	char comm[MS_COMM_BYTES]; /* when its table was found; escape before printing */
	bool has_table, can_post;
	int signal;   /* the last one that ms_watch_signal() sent; 0 = none */
	bool stopped; /* by a signal or a debugger: its agent sleeps with it */
	bool said_silent;
	struct ms_post order; /* IDLE: none is out */
	bool order_taken;     /* by its agent, as was seen */
	struct ms_post count; /* as order: it was asked to count its caches */
	uint64_t stuck_seq;   /* of the last own round that had its stuck callback named */
	uint32_t looks;       /* for a table, in vain */
	uint64_t program;     /* changes with exec(); read while it has no table; 0: not read yet */
	uint64_t look_at_ns;
	int pidfd; /* -1, or for a process in signal mode */
	int handle; /* likewise a pidfd, to end it by; -1: none was wanted, or to be had */
	struct ms_table_reader reader;
	struct ms_control_client client;
	uint64_t kept_identity; /* of the table that own.c has added to its sums for good */
	struct ms_watch_own told; /* its sums at the last event of own.c, and of which table, and when */
	uint64_t told_identity, told_ns;
};

/* Where the policy's input is put. */
struct ms_members_stock {
	struct ms_policy_process processes[MS_TREE_CAPACITY];
	struct ms_rank_key keys[MS_MEMBERS_ROWS];
};
_Static_assert((int)MS_POLICY_PROCESSES == (int)MS_TREE_CAPACITY, "a process is its slot in the tree");
_Static_assert((int)MS_STATE_MEMBERS == (int)MS_TREE_CAPACITY, "likewise");

struct ms_members {
	const struct ms_root *root;
	struct ms_state_writer *state; /* where others learn of them; NULL = nowhere */
	bool handles;                  /* each gets a handle when it is found: later there may be no memory for it */
	uint32_t tables;               /* how many have one */
	uint64_t next_look_ns;
	uint32_t noticed; /* the slot up to which ms_members_notice_exec() came */
	struct ms_table_scratch scratch;
	struct ms_row buffer[MS_MEMBERS_ROWS_OF_ONE];
	struct ms_members_stock stock;
	struct ms_member at[MS_TREE_CAPACITY];
};

/** ms_members_init - @members: zeroed memory, of which no more is touched than is needed */
void ms_members_init(struct ms_members *members, const struct ms_root *root, struct ms_state_writer *state);

/** ms_members_add, ms_members_remove - a process came to this slot, or left */
void ms_members_add(struct ms_members *members, uint32_t slot, pid_t pid, uint64_t start_ticks, uint64_t now_ns);
void ms_members_remove(struct ms_members *members, uint32_t slot);

/** ms_members_knows - is that the table it has? @table_fd: still the caller's */
bool ms_members_knows(const struct ms_members *members, uint32_t slot, int table_fd);

/**
 * ms_members_adopt - take over a table and a control page
 * @table_fd, @control_fd: owned from now on, whatever the outcome; @control_fd may be -1
 * Return: 0; the errors of ms_table_open(). A table it had before is given up only on success.
 */
int ms_members_adopt(struct ms_members *members, uint32_t slot, int table_fd, int control_fd);

/**
 * ms_members_notice_exec - search members without a table anew that execute another program now
 * A few system calls, for some members each time. Opens: once a second, and not above danger.
 */
void ms_members_notice_exec(struct ms_members *members, uint32_t slots, uint64_t now_ns);

/**
 * ms_members_next_look - the member with file descriptors that are to be searched for a table now
 * Return: a slot; -EAGAIN none, and @members->next_look_ns says when.
 */
int ms_members_next_look(struct ms_members *members, uint32_t slots, uint64_t now_ns);

/**
 * ms_members_look - search one process for its table
 * Return: 1 a new table was taken over (all that was known of the old one is void); 0 the table it had
 * still is its table, or there is none; a negative errno when it could not be searched.
 */
int ms_members_look(struct ms_members *members, uint32_t slot, uint64_t now_ns);

/** ms_members_look_soon - look for the tables of those without one again, when memory becomes short */
void ms_members_look_soon(struct ms_members *members, uint32_t slots, uint64_t now_ns);

/**
 * ms_members_read - the processes that have a table, and the keys of their caches, for the policy
 * The result stands in @members until the next call.
 */
struct ms_policy_input ms_members_read(struct ms_members *members, uint32_t slots, uint64_t now_ns);

/**
 * ms_members_name - add the caches of a process that hold most
 * @order_seq: not 0: those that claim to have freed most for this order
 * @stuck: NULL, or MS_NAME_BYTES for the name of a cache, where its callback got stuck with that order
 */
void ms_members_name(struct ms_members *members, uint32_t slot, uint64_t order_seq, struct ms_event_caches *list,
		     char *stuck);

/** ms_members_register - has each member a table? False without a member */
bool ms_members_register(const struct ms_members *members, uint32_t slots);

/** ms_members_look_alone - have all members with caches had own rounds? False without a table */
bool ms_members_look_alone(const struct ms_members *members, uint32_t slots);

/** ms_members_brake - have all members with a table held threads back by now? False without a table */
bool ms_members_brake(const struct ms_members *members, uint32_t slots);

/** ms_members_answers - can it be asked: there is an agent, and it is neither stopped nor stuck */
bool ms_members_answers(const struct ms_member *member, uint64_t now_ns);

/** ms_members_signal - by its handle; Return: 0; -ENOENT it has none; -ESRCH it has ended; -EPERM */
int ms_members_signal(const struct ms_member *member, int signal);

/** ms_members_is_stopped - what the kernel says now; false too when it cannot be read */
bool ms_members_is_stopped(const struct ms_members *members, uint32_t slot);

#endif

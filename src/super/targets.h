/* SPDX-License-Identifier: MIT */
/*
 * super/targets.h - the processes of the tree that registered caches: their tables and control pages.
 *
 * A target stands beside its tree slot and has the same number. A table comes by a hello (pushed) or is
 * looked for below /proc/PID/fd (pulled): soon after the process was found, then more and more
 * seldom. Nothing allocates; opening fails when there is no memory or descriptor left, and is tried
 * again later.
 */
#ifndef MS_SUPER_TARGETS_H
#define MS_SUPER_TARGETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/policy.h"
#include "sample/tree.h"
#include "table/control.h"
#include "table/reader.h"
#include "util/root.h"

enum {
	MS_TARGETS_ROWS = 512,        /* caches that the policy sees at a time, of all processes */
	MS_TARGETS_ROWS_OF_ONE = 256, /* of one process: the ones with the most bytes */
};

struct ms_target {
	pid_t pid; /* 0 = no process in this slot */
	uint64_t start_ticks;
	char comm[MS_COMM_BYTES]; /* when its table was found; escape before printing */
	bool has_table, can_post;
	bool stopped;       /* by a signal or a debugger: its agent sleeps with it */
	bool said_silent;
	uint32_t in_flight; /* orders */
	bool refreshing;    /* asked to count its caches */
	struct ms_order_handle refresh;
	uint64_t refresh_ns;
	uint32_t looks;     /* for a table, in vain */
	uint64_t look_at_ns;
	int pidfd; /* -1, or for a target in signal mode */
	struct ms_table_reader reader;
	struct ms_control_client client;
};

struct ms_targets {
	const struct ms_root *root;
	uint32_t tables; /* how many have one */
	uint64_t next_look_ns;
	struct ms_table_scratch scratch;
	struct ms_row buffer[MS_TARGETS_ROWS_OF_ONE];
	struct ms_target at[MS_TREE_CAPACITY];
};

void ms_targets_init(struct ms_targets *targets, const struct ms_root *root);
void ms_targets_fini(struct ms_targets *targets);

/** ms_targets_add, ms_targets_remove - a process came to this slot, or left */
void ms_targets_add(struct ms_targets *targets, uint32_t slot, pid_t pid, uint64_t start_ticks, uint64_t now_ns);
void ms_targets_remove(struct ms_targets *targets, uint32_t slot);

/**
 * ms_targets_adopt - take over a table and a control page
 * @table_fd, @control_fd: owned from now on, whatever the outcome; @control_fd may be -1
 * Return: 0; the errors of ms_table_open(). A table it had before is given up only on success.
 */
int ms_targets_adopt(struct ms_targets *targets, uint32_t slot, int table_fd, int control_fd);

/**
 * ms_targets_next_look - whose file descriptors are to be searched for a table now
 * Return: a slot; -EAGAIN nobody's, and @targets->next_look_ns says when.
 */
int ms_targets_next_look(struct ms_targets *targets, uint32_t slots, uint64_t now_ns);

/**
 * ms_targets_look - search one process for its table
 * Return: 1 a new table was taken over (all that was known of the old one is void); 0 the table it had
 * still is its table, or there is none; a negative errno when it could not be searched.
 */
int ms_targets_look(struct ms_targets *targets, uint32_t slot, uint64_t now_ns);

/** ms_targets_look_soon - look for the tables of those without one again, when memory becomes short */
void ms_targets_look_soon(struct ms_targets *targets, uint32_t slots, uint64_t now_ns);

/**
 * ms_targets_read - the caches of all processes, for the policy
 * Return: how many were put into @rows, at most @capacity.
 */
uint32_t ms_targets_read(struct ms_targets *targets, uint32_t slots, uint64_t now_ns,
			 struct ms_policy_row *rows, uint32_t capacity);

/** ms_targets_is_stopped - what the kernel says now; false too when it cannot be read */
bool ms_targets_is_stopped(const struct ms_targets *targets, uint32_t slot);

#endif

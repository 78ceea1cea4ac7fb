/* SPDX-License-Identifier: MIT */
/*
 * cmd/watches.h - all watches that may be read, and which of them watches a process.
 *
 * A watch may claim any process: only those of the process's own user, and of root, count.
 */
#ifndef MS_CMD_WATCHES_H
#define MS_CMD_WATCHES_H

#include <stddef.h>

#include "sample/pids.h"
#include "table/state.h"

struct ms_watch_view {
	pid_t pid; /* the process it lives in */
	uid_t uid;
	struct ms_state state;
	int member_count;
	struct ms_state_member *members;
};

struct ms_watches {
	size_t count;
	struct ms_watch_view *at;
};

/**
 * ms_watches_find - look through these processes
 * Those that cannot be read are passed over. Return: 0; -ENOMEM.
 */
int ms_watches_find(const struct ms_pid_facts *processes, size_t count, struct ms_watches *ret_watches);
void ms_watches_free(struct ms_watches *watches);

/**
 * ms_watches_of - the watch of a process: the nearest one among its ancestors, else one that holds its table
 * A process that came a moment ago is watched too, although its table is not held yet.
 * @facts, @identity: the process, and the identity of its table
 * Return: NULL when there is none.
 */
const struct ms_watch_view *ms_watches_of(const struct ms_watches *watches, const struct ms_pid_facts *facts,
					  uint64_t identity);

/**
 * ms_watches_open_table - the table of a process that has closed its own descriptors
 * @ret_control_fd: as ms_table_open_pid()
 * Return: 0; -ENOENT no watch holds one; else as ms_table_open_pid().
 */
int ms_watches_open_table(const struct ms_watches *watches, const struct ms_pid_facts *facts,
			  struct ms_table_reader *reader, struct ms_table_scratch *scratch,
			  int *ret_control_fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sample/edge.h - be told by the kernel that usage rises or that a limit was changed, instead of looking.
 *
 *   usage   cgroup v1: thresholds at a half, three quarters and seven eighths of every limit of the chain, on
 *           memory.usage_in_bytes or memory.memsw.usage_in_bytes, all on one eventfd. They count page cache, which
 *           used leaves out: so used is never above usage, and the edge does not come too late.
 *   events  cgroup v2: memory.events of the process's own cgroup, memory.events.local of its ancestors, where
 *           what other children of them meet is not told. An event there says that a limit was met: it is time
 *           to look, but nothing follows from its absence.
 *   limits  inotify on the files of all limits of the chain: a limit that falls is met by a job that did not
 *           grow, and no look would be due.
 *
 * The kernel looks at its thresholds after 128 pages on one CPU: slack_bytes. To put one it waits for every CPU
 * (synchronize_rcu()): 6 to 18 ms were measured, for each. So they are put one at a time, when there is time.
 *
 * All of this asks for kernel memory: not at the limit. What cannot be had is left out, and looking by the clock
 * stays. One thread.
 */
#ifndef MS_SAMPLE_EDGE_H
#define MS_SAMPLE_EDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sample/cgroup.h"

enum {
	MS_EDGE_FILES = 8, /* with thresholds, or events; those nearest to the process go first */
	MS_EDGE_STEPS = 3,
};

/* A file with thresholds: the cgroup it belongs to, and the limit that they are for. */
struct ms_edge_file {
	uint32_t level; /* of the chain */
	bool swap;      /* memory and swap */
	uint32_t steps; /* how many are set, the highest first */
	uint64_t max_bytes;
};

struct ms_edge {
	int usage_fd;  /* eventfd; -1 = none */
	int events_fds[MS_EDGE_FILES]; /* to be polled for POLLPRI; not owned */
	uint32_t events_count;
	int limits_fd; /* inotify; -1 = none */
	uint64_t slack_bytes;
	uint64_t limits_sum; /* of the limits when it was opened */
	uint32_t file_count;
	struct ms_edge_file files[MS_EDGE_FILES];
};

/**
 * ms_edge_open - for the limits that @cgroup had when it was sampled last; no threshold yet
 * The next sample of @cgroup reads its limits again: one that was changed before now is not told.
 */
void ms_edge_open(struct ms_edge *edge, struct ms_cgroup *cgroup);
void ms_edge_close(struct ms_edge *edge);

/** ms_edge_is_whole - are all thresholds set that can be? */
bool ms_edge_is_whole(const struct ms_edge *edge);

/** ms_edge_put_one - put the next threshold; takes milliseconds */
void ms_edge_put_one(struct ms_edge *edge, const struct ms_cgroup *cgroup);

/** ms_edge_is_current - are the limits still those that it was opened for? */
bool ms_edge_is_current(const struct ms_edge *edge, const struct ms_cgroup *cgroup);

/**
 * ms_edge_is_sure - will the eventfd be readable before used gets to a mark?
 * @cgroup: sampled after the last ms_edge_drain()
 * @limit: any; of those that are not the chain's it never is
 */
bool ms_edge_is_sure(const struct ms_edge *edge, const struct ms_cgroup *cgroup, const struct ms_limit *limit,
		     uint64_t mark_bytes);

/** ms_edge_drain - take what one of the descriptors has to say */
void ms_edge_drain(int fd);

#endif

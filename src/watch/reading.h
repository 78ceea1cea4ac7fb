/* SPDX-License-Identifier: MIT */
/*
 * watch/reading.h - what the kernel says of a job now: its members, how much it uses and how fast that
 * grows, which limit binds, the marks that follow, and until when it need not be looked at again.
 *
 * Looking is by the clock (sample/pace.h), as often as the distance to the next mark asks for; where an edge
 * is sure to come before (sample/edge.h), once in a while.
 *
 * Opening files and listing /proc needs kernel memory, which a full memory cgroup does not give. So
 * nothing is opened above danger (policy.h); below it failures are taken as they come. Nothing allocates
 * after ms_reading_open(). One thread.
 */
#ifndef MS_WATCH_READING_H
#define MS_WATCH_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "sample/budget.h"
#include "sample/edge.h"
#include "sample/pace.h"
#include "sample/tree.h"
#include "util/root.h"

/* How long things take, the worst of late: what the job can grow by meanwhile is the margin. */
struct ms_reading_worst {
	struct ms_pace_worst wake, look, order, callback;
};

struct ms_reading {
	struct ms_budget budget;
	struct ms_edge edge;
	struct ms_pace pace;
	struct ms_reading_worst worst;
	struct ms_sample sample;
	struct ms_marks marks;
	uint64_t margin_bytes, latency_ns;
	/* Set by the owner of this. */
	bool brakes; /* its processes hold their threads back: no margin lowers high */
	bool looks;  /* they shrink by themselves, and orders help: low is near to high */
	bool registers; /* each has a table, and those that come say so */
	uint64_t started_ns;
	uint64_t scanned_ns, next_scan_ns;
	uint64_t clocked_until_ns; /* an edge came lately: by the clock until then */
	bool edge_is_waited_for;
	uint64_t edge_took_ns; /* putting a threshold, at the longest */
	uint64_t enforced_bytes; /* --max, where the job's cgroup has it as its limit: 0 once it left that */
	struct ms_tree tree;
};

/**
 * ms_reading_open - open all that is read
 * @roots: pids; their descendants belong to the job
 * @adopter_pid: a process with children that are all members, or 0
 * @enforced: the roots' own cgroup has @option_max_bytes as its limit, and so that is how it counts
 * Return: 0; -ESRCH; another negative errno.
 */
int ms_reading_open(struct ms_reading *reading, const struct ms_root *root, const pid_t *roots, uint32_t root_count,
		    pid_t adopter_pid, uint64_t option_max_bytes, bool enforced, uint64_t now_ns);

/** ms_reading_is_short - above danger: nothing is to be opened now */
bool ms_reading_is_short(const struct ms_reading *reading);

/**
 * ms_reading_scan - look for processes that came, when it is time to
 * Return: whether the chain of cgroups, or a limit of it, is another one: the edges have to be put anew.
 */
bool ms_reading_scan(struct ms_reading *reading, uint64_t now_ns);

/** ms_reading_scan_soon - there is reason to believe that processes came or ended */
void ms_reading_scan_soon(struct ms_reading *reading, uint64_t now_ns);

/** ms_reading_sample - read memory and limits; @ret_grown_bytes: what used rose by since the last time */
void ms_reading_sample(struct ms_reading *reading, const struct ms_policy_config *config, uint64_t now_ns,
		       uint64_t *ret_grown_bytes);

/** ms_reading_narrow - bring low of @marks nearer to high, where processes shrink by themselves */
void ms_reading_narrow(const struct ms_reading *reading, const struct ms_policy_config *config, struct ms_marks *marks);

/** ms_reading_next_ns - until when nothing needs to be read, as far as the marks go */
uint64_t ms_reading_next_ns(const struct ms_reading *reading, const struct ms_policy_config *config,
			    uint64_t now_ns);

/** ms_reading_edge_came - look by the clock for a while: the job may go up and down across the threshold */
void ms_reading_edge_came(struct ms_reading *reading, uint64_t now_ns);

/**
 * ms_reading_put_edge - put one more threshold, which takes milliseconds, if there is time for it
 * Call it last in a look.
 */
void ms_reading_put_edge(struct ms_reading *reading, const struct ms_policy_config *config);

/**
 * ms_reading_measure - see of one more process what it shares with others, if that matters and there is time
 * Likewise.
 */
void ms_reading_measure(struct ms_reading *reading, const struct ms_policy_config *config);

/** ms_reading_wait_for_edge - is the eventfd worth waiting for until the next look? */
bool ms_reading_wait_for_edge(struct ms_reading *reading, uint64_t now_ns);

#endif

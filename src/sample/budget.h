/* SPDX-License-Identifier: MIT */
/*
 * sample/budget.h - all limits of a target, and the one that binds.
 *
 *   limit                          max                          used
 *   --max                          what the user said           what the tree holds (held.h)
 *   cgroup, each ancestor          its limit                    usage without what is reclaimable (cgroup.h)
 *   RLIMIT_AS, each process        /proc/PID/limits             its address space (statm size)
 *   RLIMIT_DATA, each process      /proc/PID/limits             its data and stack (statm data)
 *   the machine                    RSS of the tree + MemAvailable   RSS of the tree
 *
 * Of the tree what it holds is counted where ms_tree_count_held() was called, else its RSS.
 *
 * The one that binds has the least max - used. After ms_budget_open() nothing allocates and nothing is
 * opened. One thread per struct.
 */
#ifndef MS_SAMPLE_BUDGET_H
#define MS_SAMPLE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "sample/cgroup.h"
#include "sample/sample.h"
#include "sample/tree.h"
#include "util/root.h"

/* What is used of /proc/meminfo. */
struct ms_meminfo {
	uint64_t total_bytes, available_bytes;
	uint64_t swap_total_bytes, swap_free_bytes;
};

/** ms_budget_parse_meminfo - Return: 0; -EBADMSG when MemTotal or MemAvailable is missing or no number */
int ms_budget_parse_meminfo(const char *text, struct ms_meminfo *ret_meminfo);

/**
 * ms_budget_writer_bytes_per_s - how fast one thread can fill memory here, for ms_pace_init()
 * More where there are transparent huge pages: with [madvise] too, as numpy asks for them for every large array.
 * Opens a file. See pace.h for the figures.
 */
uint64_t ms_budget_writer_bytes_per_s(const struct ms_root *root);

/**
 * ms_budget_statm_error_bytes - how far statm can be off, for the margin
 * From Linux 6.2 to 6.15 the resident counters are summed per CPU, and a reading leaves out what is not
 * in the sum yet: up to max(32, 2 * CPUs) pages on each CPU, in each of the anonymous, file and shmem
 * counters.
 * Later kernels sum up exactly; in earlier ones each thread may hold back 64 pages, which is not in here.
 * @release: as uname -r; what cannot be understood counts as exact
 */
uint64_t ms_budget_statm_error_bytes(const char *release, unsigned cpus);

struct ms_budget {
	const struct ms_root *root;
	uint64_t option_bytes;      /* --max; 0 = none */
	uint64_t statm_error_bytes; /* to be added to a margin */
	struct ms_cgroup cgroup;
	int meminfo_fd; /* -1: could not be opened */
	struct ms_meminfo meminfo;
	bool meminfo_valid;
	uint64_t meminfo_at_ns;
	uint64_t meminfo_rss_bytes; /* of the tree, when meminfo was read */
};

/**
 * ms_budget_open - open all that limits a process
 * @pid: the process with the cgroup that counts: the tree's root, or the caller before it forks that
 * @option_bytes: --max, 0 = none
 *
 * What cannot be opened does not limit: no cgroup, no /proc/meminfo.
 *
 * Return: 0; -ESRCH no such process; -EMFILE, -ENFILE, -ENOMEM. Nothing stays open then.
 */
int ms_budget_open(struct ms_budget *budget, const struct ms_root *root, pid_t pid, uint64_t option_bytes);
void ms_budget_close(struct ms_budget *budget);

/**
 * ms_budget_follow - open the cgroups again if the process moved to others
 * Slow, opens files: call it beside ms_tree_scan(). Does nothing when it did not move.
 * Return: 1 it moved and is followed; 0 it did not; a negative errno: the old chain stays.
 */
int ms_budget_follow(struct ms_budget *budget, pid_t pid);

/**
 * ms_budget_sample - read all, and find the limit that binds
 * @tree: after ms_tree_sample()
 * @ret_limit: source MS_LIMIT_NONE with max UINT64_MAX when nothing limits; then used is the RSS
 */
void ms_budget_sample(struct ms_budget *budget, const struct ms_tree *tree, uint64_t now_ns,
		      struct ms_limit *ret_limit);

/**
 * ms_budget_list - all limits as of the last ms_budget_sample(), the nearest first
 * Of RLIMIT_AS and RLIMIT_DATA the nearest process's alone.
 * Return: how many were written, at most @capacity.
 */
uint32_t ms_budget_list(const struct ms_budget *budget, const struct ms_tree *tree, struct ms_limit *limits,
			uint32_t capacity);

/**
 * ms_sample_take - one reading of a tree and its budget: sample the tree, find the limit
 * growth is 0: a caller that samples repeatedly keeps a struct ms_pace and fills it in.
 */
void ms_sample_take(struct ms_tree *tree, struct ms_budget *budget, uint64_t now_ns,
		    struct ms_sample *ret_sample);

/**
 * ms_sample_once - one reading of one process and its descendants, for callers that read once
 * @option_bytes: as ms_budget_open()
 * @limits, @capacity, @ret_limit_count: all limits as ms_budget_list(), or NULL, 0, NULL
 *
 * Allocates (the tree) and frees. Return: 0; -ESRCH; -ENOMEM; another negative errno.
 */
int ms_sample_once(const struct ms_root *root, pid_t pid, uint64_t option_bytes, struct ms_sample *ret_sample,
		   struct ms_limit *limits, uint32_t capacity, uint32_t *ret_limit_count);

#endif

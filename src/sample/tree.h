/* SPDX-License-Identifier: MIT */
/*
 * sample/tree.h - a process and all that descend from it, as one target.
 *
 * Two speeds. ms_tree_scan() finds the members: it lists /proc on a kept descriptor and reads the stat
 * of the pids it does not know; milliseconds, now and then (once a second, and after a child was
 * reaped). ms_tree_sample() reads the memory of the known members: one pread each, 1-2 us, on every tick.
 *
 * Members are the root process, the children of members, and the children of the adopter (the
 * supervisor as child subreaper: orphans of the target become its children). A process that was once
 * found to be a member stays one until it ends, also with another parent. Without an adopter, a process
 * is missed if its parent ended before a scan saw the two together.
 *
 * A member has a slot, 0 to MS_TREE_CAPACITY - 1, the same for its whole life, so that callers can keep
 * arrays of their own beside it. A slot is used again only after ms_tree_next_change() told that its
 * process left.
 *
 * The struct is big (about 260 KiB), and little of it is touched where processes are few: allocate it once,
 * zeroed. After ms_tree_init() nothing allocates; a scan opens files, a sample opens none. One descriptor per
 * member: raise RLIMIT_NOFILE. A member for which no descriptor was left counts nothing; each scan tries
 * again, and sets `incomplete`.
 */
#ifndef MS_SAMPLE_TREE_H
#define MS_SAMPLE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/process.h"
#include "util/root.h"

enum {
	MS_TREE_CAPACITY = 1024,
	MS_TREE_OUTSIDERS = 8192, /* remembered pids that do not belong; a cache, so any number works */
	MS_TREE_NEWCOMERS = 512,  /* unknown pids looked at together */
};

enum ms_tree_slot_state {
	MS_TREE_FREE = 0,
	MS_TREE_CAME, /* a member, not told yet */
	MS_TREE_IN,   /* a member */
	MS_TREE_LEFT, /* gone, not told yet */
};

struct ms_tree_member {
	enum ms_tree_slot_state state;
	pid_t ppid; /* when it was found */
	bool empty; /* its last reading was all zero */
	struct ms_process process;
	struct ms_process_memory memory; /* last reading */
	struct ms_process_limits limits; /* last reading; UINT64_MAX when it could not be read */
	char comm[MS_COMM_BYTES];        /* when it was found; escape before printing */
};

/* The sums of the last ms_tree_sample(). */
struct ms_tree_memory {
	uint32_t processes;
	uint64_t rss_bytes;          /* pages they share count in each */
	uint64_t anon_bytes;         /* the same without file and shmem pages */
	uint64_t largest_anon_bytes; /* of one process: counts no page twice */
};

struct ms_tree_outsider {
	pid_t pid;
	uint32_t scan; /* in which it was last seen */
};

struct ms_tree_newcomer {
	pid_t pid, ppid; /* pid 0: dealt with */
	uint64_t start_ticks;
	char comm[MS_COMM_BYTES];
};

struct ms_tree {
	const struct ms_root *root;
	pid_t adopter_pid; /* 0 = none */
	pid_t except_pid;  /* a child of the adopter that is no member, nor what it starts; set after ms_tree_init() */
	int proc_fd;
	uint32_t high;    /* slots from here on were never used */
	uint32_t members; /* CAME and IN */
	uint32_t untold;  /* CAME and LEFT: at most this many changes to tell */
	uint32_t scans;
	uint32_t newcomer_count;
	bool incomplete; /* the last scan left a process out: no slot, no descriptor, no memory to open one */
	bool scan_soon;  /* a sample met a member that only a scan can judge (its main thread ended) */
	struct ms_tree_memory memory;
	struct ms_tree_member slots[MS_TREE_CAPACITY];
	struct ms_tree_outsider outsiders[MS_TREE_OUTSIDERS];
	struct ms_tree_newcomer newcomers[MS_TREE_NEWCOMERS];
};

struct ms_tree_change {
	bool came; /* else it left */
	uint32_t slot;
	pid_t pid;
	uint64_t start_ticks;
};

/**
 * ms_tree_init - start a tree of one; the caller runs the first scan
 * @tree: zeroed memory, or one that was finished
 * @start_ticks: of the root process, or 0
 * @adopter_pid: a process with children that are all members, or 0; never a member itself
 *
 * Return: 0; -ESRCH when @root_pid is not there; another negative errno. Nothing stays open then.
 */
int ms_tree_init(struct ms_tree *tree, const struct ms_root *root, pid_t root_pid, uint64_t start_ticks,
		 pid_t adopter_pid);
void ms_tree_fini(struct ms_tree *tree);

/** ms_tree_add_root - watch another process and what descends from it; Return: as ms_tree_init() */
int ms_tree_add_root(struct ms_tree *tree, pid_t pid, uint64_t start_ticks);

/**
 * ms_tree_scan - find what came and what left; of every eighth member, in turn, read the resource limits again
 * Return: 0; a negative errno when /proc could not be listed to its end: processes found till then are
 * members, and no other left or came.
 */
int ms_tree_scan(struct ms_tree *tree);

/**
 * ms_tree_sample - read the memory of every member
 * Fills @tree->memory. A member that is gone is marked as left; one that cannot be read for another reason
 * counts with its last reading.
 * Return: the number of members, 0 when the target is gone.
 */
uint32_t ms_tree_sample(struct ms_tree *tree);

/**
 * ms_tree_next_change - tell one arrival or departure, each once
 * A process that came and left between two calls is not told at all.
 * Return: whether there was one.
 */
bool ms_tree_next_change(struct ms_tree *tree, struct ms_tree_change *ret_change);

/** ms_tree_member - the member in a slot, or NULL when there is none (any more) */
const struct ms_tree_member *ms_tree_member(const struct ms_tree *tree, uint32_t slot);

/** ms_tree_find - the slot of a pid that is a member; -ESRCH */
int ms_tree_find(const struct ms_tree *tree, pid_t pid);

/**
 * ms_tree_seek - the same, also of a process that came after the last scan: its ancestors are read up to a
 * member. Those between the two become members with it; ms_tree_next_change() tells of all. Return: a slot;
 * -ESRCH it does not belong, or has ended; another negative errno.
 */
int ms_tree_seek(struct ms_tree *tree, pid_t pid);

#endif

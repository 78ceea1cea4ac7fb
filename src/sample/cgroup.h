/* SPDX-License-Identifier: MIT */
/*
 * sample/cgroup.h - the memory limits of a process's cgroup and of all its ancestors.
 *
 * The kernel enforces each ancestor's limit, so the one that binds may be far above the leaf. The whole
 * chain, as far as this process can see it, is opened once and stays open; a sample is a pread per level
 * with a limit. v1 and v2 alike; on a hybrid system the one that has the memory controller.
 *
 * Used is usage minus what the kernel takes back by itself before it calls the OOM killer: the page cache on
 * the file LRU lists (active and inactive), so that a job that reads many files is not short of memory, and
 * reclaimable slab, so that one that looks up many names is not (dentries and inodes stay until usage is at the
 * limit). What stays is anonymous memory, shmem, mlocked pages and the rest of kernel memory. v1 counts
 * kernel memory in all alone: what of it is beyond a quarter of the limit is taken for reclaimable there.
 * All this is known from memory.stat, which costs the kernel a flush and may be up to 2 s old; how an old
 * reading is kept from hiding growth is said at ms_cgroup_sample().
 *
 * After ms_cgroup_open() nothing allocates and nothing is opened. One thread per struct.
 */
#ifndef MS_SAMPLE_CGROUP_H
#define MS_SAMPLE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/sample.h"
#include "util/root.h"

enum {
	MS_CGROUP_LEVELS = 32, /* deeper chains lose the levels furthest from the process */
	MS_CGROUP_PATH_BYTES = 4096, /* PATH_MAX */
	MS_CGROUP_MEMBERSHIP_BYTES = 16384, /* of /proc/PID/cgroup: a line per v1 hierarchy */
	MS_CGROUP_DIRECTORY_BYTES = 640, /* of a directory that is told to others */
};

#define MS_CGROUP_NO_LIMIT UINT64_MAX

enum ms_cgroup_version {
	MS_CGROUP_NONE = 0, /* no memory controller, or none that can be seen */
	MS_CGROUP_V1,
	MS_CGROUP_V2,
};

/* The few figures of memory.stat that are used. v1: the hierarchical total_ ones. */
struct ms_cgroup_stat {
	uint64_t anon_bytes;
	uint64_t file_lru_bytes; /* active_file + inactive_file */
	uint64_t slab_reclaimable_bytes; /* v2; v1 has no such row */
	uint64_t hierarchy_max_bytes; /* v1: the least limit of all ancestors, also of those out of sight */
};

struct ms_cgroup_level {
	/* Descriptors; -1 where the file does not exist or must not be read. */
	int max_fd, high_fd, usage_fd, stat_fd, events_fd, swap_max_fd, swap_usage_fd;
	int kernel_fd;        /* v1: memory.kmem.usage_in_bytes */
	int event_control_fd; /* v1, for edge.h; to be written to */
	int local_events_fd;  /* v2, for edge.h: events_fd without those of the groups below */

	uint64_t max_bytes;      /* memory.max, memory.limit_in_bytes */
	uint64_t high_bytes;     /* memory.high; v1 has none */
	uint64_t swap_max_bytes; /* v2: memory.swap.max, swap alone; v1: memory.memsw..., the sum */
	uint64_t usage_bytes;
	uint64_t swap_usage_bytes; /* likewise; read only where it is limited */
	uint64_t used_bytes;       /* usage without what is reclaimable, as above; where limited */

	/* memory.stat as last read, and what was read with it. */
	struct ms_cgroup_stat stat;
	uint64_t stat_at_ns;          /* 0 = never */
	uint64_t stat_usage_bytes;
	uint64_t kernel_bytes; /* v1: kernel memory in all */
	uint64_t stat_tree_anon_bytes, stat_largest_anon_bytes;

	char path[MS_LIMIT_WHERE_BYTES]; /* as /proc/PID/cgroup names it; cut at the front with "..." */
	char directory[MS_CGROUP_DIRECTORY_BYTES]; /* where it is found here, padded with zeroes; "" = too long */
};

struct ms_cgroup {
	const struct ms_root *root;
	enum ms_cgroup_version version;
	bool partial; /* ancestors exist, or may exist, that cannot be seen from here */
	bool moved;   /* the process is in another cgroup by now: open again, where opening is allowed */
	int membership_fd;
	uint64_t membership_hash;
	uint32_t level_count;
	uint64_t limits_at_ns, membership_at_ns; /* when they were read; 0 = read them next */
	bool limits_are_told; /* ms_cgroup_reread() is called when one changes */
	struct ms_cgroup_level levels[MS_CGROUP_LEVELS]; /* [0] is the process's own */
};

/* One line of mountinfo that shows a cgroup file system. Paths are unescaped. */
struct ms_cgroup_mount {
	enum ms_cgroup_version version;
	char root[MS_CGROUP_PATH_BYTES];
	char point[MS_CGROUP_PATH_BYTES];
};

/**
 * ms_cgroup_parse_mount - one line of mountinfo
 * Return: 0; -ENOENT another file system, or v1 without memory; -EBADMSG. Half written on failure.
 */
int ms_cgroup_parse_mount(const char *line, struct ms_cgroup_mount *ret_mount);

/**
 * ms_cgroup_parse_membership - /proc/PID/cgroup: where its memory is accounted
 * A v1 hierarchy with the memory controller goes before v2: a controller is in one of them only.
 * Return: 0; -ENOENT neither; -EBADMSG; -ENAMETOOLONG
 */
int ms_cgroup_parse_membership(const char *text, enum ms_cgroup_version *ret_version,
			       char ret_path[MS_CGROUP_PATH_BYTES]);

/** ms_cgroup_membership_hash - to notice a move without keeping the text */
uint64_t ms_cgroup_membership_hash(const char *text);

/** ms_cgroup_parse_stat - memory.stat; Return: 0; -EBADMSG when a figure is missing */
int ms_cgroup_parse_stat(const char *text, enum ms_cgroup_version version, struct ms_cgroup_stat *ret_stat);

/** ms_cgroup_parse_bytes - "max", or a number; v1's largest counter is no limit; Return: 0; -EBADMSG */
int ms_cgroup_parse_bytes(const char *text, uint64_t *ret_bytes);

/** ms_cgroup_parse_oom_kills - memory.events or memory.oom_control; Return: 0; -ENOENT before Linux 4.13 */
int ms_cgroup_parse_oom_kills(const char *text, uint64_t *ret_kills);

/**
 * ms_cgroup_open - find and open the chain of a process
 * @pid: in the pid namespace of the root's /proc
 *
 * The mounts are this process's own (/proc/self/mountinfo): it is here that the files are opened.
 *
 * Return: 0, also when there is no memory controller (version is MS_CGROUP_NONE, no levels); -ESRCH no
 * such process; -EMFILE, -ENFILE, -ENOMEM ... Nothing stays open on failure.
 */
int ms_cgroup_open(struct ms_cgroup *cgroup, const struct ms_root *root, pid_t pid);
void ms_cgroup_close(struct ms_cgroup *cgroup);

/**
 * ms_cgroup_find - the directory of a process's memory cgroup, as it is seen here
 * @ret_path: 2 * MS_CGROUP_PATH_BYTES; half written on failure
 * Return: 0; -ENOENT there is no memory controller, or the directory is out of sight; -ESRCH; another negative errno.
 */
int ms_cgroup_find(const struct ms_root *root, pid_t pid, enum ms_cgroup_version *ret_version,
		   char ret_path[2 * MS_CGROUP_PATH_BYTES]);

/**
 * ms_cgroup_sample - read usage, and now and then limits and memory.stat
 * @tree_anon_bytes: anonymous memory of the target, all processes (tree.h): its growth since memory.stat
 *                   was read is growth of used, whatever the page cache was then
 * @largest_anon_bytes: of its largest process: used is never below it while it is charged here
 * @now_ns: CLOCK_MONOTONIC
 *
 * memory.stat is read again when it is a second old (ten where usage, which used never exceeds, is below three
 * quarters of the limit), or when so much changed that it could matter, at most every 10 ms. Limits are read
 * again every 50 ms (10 s where changes are told); every 2 s it is noticed whether the process moved.
 *
 * Return: 0, or the first negative errno; the levels keep their last reading then.
 */
int ms_cgroup_sample(struct ms_cgroup *cgroup, uint64_t tree_anon_bytes, uint64_t largest_anon_bytes,
		     uint64_t now_ns);

/**
 * ms_cgroup_limits - the limits of all levels as of the last sample
 * Return: how many there are; the first @capacity are written.
 */
uint32_t ms_cgroup_limits(const struct ms_cgroup *cgroup, struct ms_limit *limits, uint32_t capacity);

/** ms_cgroup_level_of - the level that this limit is of, or NULL: it is no limit of a cgroup */
const struct ms_cgroup_level *ms_cgroup_level_of(const struct ms_cgroup *cgroup, const struct ms_limit *limit);

/** ms_cgroup_reread - have the next sample read the limits again: one of them was written to */
void ms_cgroup_reread(struct ms_cgroup *cgroup);

/**
 * ms_cgroup_oom_kills - read now: how many processes the OOM killer took
 * v2: in the process's own cgroup and below; v1: in that very cgroup.
 * Return: 0; -ENOENT no cgroup, or a kernel before 4.13; another negative errno.
 */
int ms_cgroup_oom_kills(const struct ms_cgroup *cgroup, uint64_t *ret_kills);

#endif

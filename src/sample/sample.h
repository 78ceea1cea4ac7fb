/* SPDX-License-Identifier: MIT */
/*
 * sample/sample.h - what one reading of the kernel's numbers says. Plain data; see the other headers
 * of this folder for what reads which file: process.h (statm, stat), tree.h (a process and its children),
 * cgroup.h (limits and usage of all ancestors), budget.h (which limit binds, one reading as a whole),
 * pace.h (growth, and when to look again), pids.h (every process, by libproc2).
 */
#ifndef MS_SAMPLE_SAMPLE_H
#define MS_SAMPLE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum ms_limit_source {
	MS_LIMIT_NONE = 0,
	MS_LIMIT_OPTION,       /* --max */
	MS_LIMIT_CGROUP2_MAX,  /* memory.max */
	MS_LIMIT_CGROUP2_HIGH, /* memory.high: the kernel throttles there */
	MS_LIMIT_CGROUP1,      /* memory.limit_in_bytes */
	MS_LIMIT_RLIMIT_AS,    /* one process's address space */
	MS_LIMIT_RLIMIT_DATA,
	MS_LIMIT_MEM_AVAILABLE, /* the machine: what is used plus MemAvailable */
	MS_LIMIT_CGROUP1_MEMSW, /* memory.memsw.limit_in_bytes: memory and swap */
};

enum { MS_LIMIT_WHERE_BYTES = 192 };

/* One limit and how much of it is used, both as this limit counts. */
struct ms_limit {
	enum ms_limit_source source;
	uint64_t max_bytes;
	uint64_t used_bytes;
	char where[MS_LIMIT_WHERE_BYTES]; /* cgroup path, "pid 123", or ""; escape before printing */
};

/* The same limit, whatever its figures are by now. */
static inline bool ms_limit_is_same(const struct ms_limit *a, const struct ms_limit *b)
{
	return a->source == b->source && strcmp(a->where, b->where) == 0;
}

/* One reading for a target: a process and its children. */
struct ms_sample {
	uint64_t at_ns;      /* CLOCK_MONOTONIC */
	uint32_t processes;  /* 0: the target is gone */
	uint64_t rss_bytes;  /* sum over the processes; pages they share count in each */
	uint64_t anon_bytes; /* the same without file and shared pages */
	struct ms_limit limit; /* the one that binds: the least max - used */
	uint64_t growth_bytes_per_s; /* of limit.used_bytes, measured (ms_pace_speed); 0 when it shrinks */
};

/**
 * ms_limit_source_name - "none", "--max", "cgroup2 memory.max", "cgroup2 memory.high",
 * "cgroup1 memory.limit_in_bytes", "RLIMIT_AS", "RLIMIT_DATA", "MemAvailable",
 * "cgroup1 memory.memsw.limit_in_bytes"; these are the names in messages, JSON and manual pages
 */
const char *ms_limit_source_name(enum ms_limit_source source);

#endif

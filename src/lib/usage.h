/* SPDX-License-Identifier: MIT */
/* lib/usage.h - how much of the budget is used, as the process itself can read it at any moment. */
#ifndef MS_LIB_USAGE_H
#define MS_LIB_USAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "util/inode.h"

struct ms_marks_body;

struct ms_usage {
	/* The open file of usage; writer: agent; readers: any thread that looks. */
	_Atomic uint64_t generation; /* of the marks it was opened for; 0: none is open */
	_Atomic int fd;              /* the host may close it */
	_Atomic uint64_t device, inode; /* which file it is */
	/* What of it is page cache, as the agent read it; newer than the marks or void. */
	_Atomic int64_t cache_offset;
	_Atomic uint64_t cache_at_ns; /* 0: never */
	/* The agent's alone. */
	int stat_fd;
	struct ms_inode stat_held;
	uint64_t refused_generation; /* could not be opened ... */
	uint64_t refused_until_ns;   /* ... and is not tried again before */
};

/**
 * ms_usage_bytes - what is used of the budget now, as its watch counts; any thread; 1 us
 * Return: 0 where nothing can be read.
 */
uint64_t ms_usage_bytes(const struct ms_marks_body *marks);

/** ms_usage_fresh - the same, with the page cache as it is now; by the thread that is the agent; 50 us */
uint64_t ms_usage_fresh(const struct ms_marks_body *marks, uint64_t now_ns);

/** ms_usage_open - open the file that the marks name, unless it is open or memory is short; by the agent */
void ms_usage_open(const struct ms_marks_body *marks, uint64_t now_ns);

#endif

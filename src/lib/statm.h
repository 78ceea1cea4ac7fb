/* SPDX-License-Identifier: MIT */
/* lib/statm.h - the resident set of this process, read without allocating or opening anything. */
#ifndef MS_LIB_STATM_H
#define MS_LIB_STATM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/inode.h"

struct ms_statm {
	uint32_t pid; /* of this process; 0: it was not opened yet */
	int fd; /* the host may close it */
	struct ms_inode held; /* all zero: no descriptor */
	bool of_thread; /* of the thread that opened it, not of the main thread */
	/* When to open it again; UINT64_MAX: not. Read by any thread that sleeps for the agent. */
	_Atomic uint64_t due_ns;
};

/** ms_statm_open - unless this process's is open and can be read: a forked child inherits its parent's */
void ms_statm_open(void);
/** ms_statm_look_after - open it again where that is due; by the agent, when it has no order */
void ms_statm_look_after(uint64_t now_ns);
/** ms_statm_rss_bytes - Return: the resident set; 0 where it cannot be read */
uint64_t ms_statm_rss_bytes(void);

#endif

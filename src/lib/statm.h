/* SPDX-License-Identifier: MIT */
/* lib/statm.h - the resident set of this process, read without allocating or opening anything. */
#ifndef MS_LIB_STATM_H
#define MS_LIB_STATM_H

#include <stdint.h>

#include "util/inode.h"

struct ms_statm {
	uint32_t pid; /* of this process; 0: it was not opened yet */
	int fd; /* the host may close it */
	struct ms_inode held; /* all zero: no descriptor */
	uint64_t page_bytes;
};

/** ms_statm_open - unless this process's is open: a forked child inherits its parent's; under [K1] */
void ms_statm_open(void);
/** ms_statm_rss_bytes - Return: the resident set; 0 where it cannot be read */
uint64_t ms_statm_rss_bytes(void);
/** ms_statm_anon_bytes - Return: its anonymous part, without files and shared memory; 0 likewise */
uint64_t ms_statm_anon_bytes(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sample/listing.h - the numbers among the names of a directory: pids of /proc, threads of a task
 * folder. Internal to src/sample. Not opendir(), which allocates.
 */
#ifndef MS_SAMPLE_LISTING_H
#define MS_SAMPLE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/root.h"

struct ms_listing {
	const struct ms_root *root;
	int fd; /* not owned */
	bool rewound;
	size_t length, offset;
	char buffer[4096] __attribute__((aligned(8)));
};

/** ms_listing_start - from the first name of a directory kept open */
void ms_listing_start(struct ms_listing *listing, const struct ms_root *root, int fd);

/** ms_listing_next - Return: 1 and a number; 0 at the end; -EBADMSG; a negative errno */
int ms_listing_next(struct ms_listing *listing, pid_t *ret_number);

#endif

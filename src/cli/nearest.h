/* SPDX-License-Identifier: MIT */
/* cli/nearest.h - which of many names a mistyped one was meant to be. */
#ifndef MS_CLI_NEAREST_H
#define MS_CLI_NEAREST_H

enum { MS_NEAREST_NAMES = 3, MS_NEAREST_BYTES = 128 * 4 + 1 };

/* The best candidates so far, nearest first. */
struct ms_nearest {
	const char *wanted; /* borrowed */
	unsigned count;
	char names[MS_NEAREST_NAMES][MS_NEAREST_BYTES]; /* copies, cut to this length */
	unsigned distances[MS_NEAREST_NAMES];
};

struct ms_nearest ms_nearest_start(const char *wanted);

/** ms_nearest_add - consider @name; kept only when it is near enough and among the nearest */
void ms_nearest_add(struct ms_nearest *nearest, const char *name);

/** ms_nearest_distance - edits (insert, delete, replace, swap neighbours) from @a to @b; UINT_MAX: too long
 */
unsigned ms_nearest_distance(const char *a, const char *b);

#endif

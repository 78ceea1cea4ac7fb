/* SPDX-License-Identifier: MIT */
/* cmd/nearest.h - which of many names a mistyped one was meant to be. */
#ifndef MS_CMD_NEAREST_H
#define MS_CMD_NEAREST_H

enum { MS_NEAREST_NAMES = 3 };

/* The best candidates so far, nearest first; the names are borrowed. */
struct ms_nearest {
	const char *wanted;
	unsigned count;
	const char *names[MS_NEAREST_NAMES];
	unsigned distances[MS_NEAREST_NAMES];
};

struct ms_nearest ms_nearest_start(const char *wanted);

/** ms_nearest_add - consider @name; kept only when it is near enough and among the nearest */
void ms_nearest_add(struct ms_nearest *nearest, const char *name);

/** ms_nearest_distance - edits (insert, delete, replace, swap neighbours) from @a to @b; UINT_MAX: too long */
unsigned ms_nearest_distance(const char *a, const char *b);

#endif

/* SPDX-License-Identifier: MIT */
/* cli/nearest.c - see nearest.h. */
#include "cli/nearest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 127 };

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance, three rows of the matrix at a time. */
unsigned ms_nearest_distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	unsigned rows[3][LONGEST + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	if (a_length > LONGEST || b_length > LONGEST)
		return UINT_MAX;
	for (unsigned j = 0; j <= b_length; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned replaced = last[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min2(replaced, min2(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min2(now[j], before[j - 2] + 1);
		}
		unsigned *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return last[b_length];
}

struct ms_nearest ms_nearest_start(const char *wanted)
{
	return (struct ms_nearest){.wanted = wanted};
}

/* A name that contains what was typed is near whatever its length: "parse" for "job.parse_file". */
static unsigned weigh(const char *wanted, const char *name)
{
	unsigned limit = (unsigned)strlen(wanted) / 3 + 1;
	unsigned distance = ms_nearest_distance(wanted, name);

	if (distance <= limit && distance < strlen(name))
		return distance;
	return wanted[0] != '\0' && strstr(name, wanted) ? LONGEST : UINT_MAX;
}

void ms_nearest_add(struct ms_nearest *nearest, const char *name)
{
	unsigned distance = weigh(nearest->wanted, name);
	unsigned at = nearest->count;

	if (distance == UINT_MAX)
		return;
	while (at > 0 && nearest->distances[at - 1] > distance)
		at--;
	if (at == MS_NEAREST_NAMES)
		return;
	nearest->count = min2(nearest->count + 1, MS_NEAREST_NAMES);
	for (unsigned i = nearest->count - 1; i > at; i--) {
		memcpy(nearest->names[i], nearest->names[i - 1], MS_NEAREST_BYTES);
		nearest->distances[i] = nearest->distances[i - 1];
	}
	snprintf(nearest->names[at], MS_NEAREST_BYTES, "%s", name);
	nearest->distances[at] = distance;
}

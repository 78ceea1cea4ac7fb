/* SPDX-License-Identifier: MIT */
/*
 * bench.h - print figures as run.sh reads them, and the median of repetitions.
 *
 * Figures that are compared come from one run, with their repetitions interleaved, so that whatever
 * else the machine does meets all of them alike.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"

static int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* @share: 0.5 for the median, 0.99 for the 99th percentile. Sorts @values. */
static inline double bench_quantile(double *values, size_t count, double share)
{
	size_t at = (size_t)(share * (double)(count - 1) + 0.5);

	qsort(values, count, sizeof(*values), bench_compare);
	return values[at];
}

/* @baseline: 0 when there is none. */
static inline void bench_line(const char *name, double value, const char *unit, double baseline)
{
	if (baseline > 0)
		printf("%s\t%.6g\t%s\t%.6g\t%.3g\n", name, value, unit, baseline, value / baseline);
	else
		printf("%s\t%.6g\t%s\t-\t-\n", name, value, unit);
	fflush(stdout);
}

#endif

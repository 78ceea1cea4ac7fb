/* SPDX-License-Identifier: MIT */
/*
 * sample/pace.h - how fast the target grows, when to look again, and how far it can get in between.
 *
 * Pure: no clock, no descriptor, no allocation.
 *
 *   growth    exponentially weighted mean of the growth of used, time constant MS_PACE_TAU_NS: after dt,
 *             in which used rose by step,
 *                 growth' = growth * e + step / dt * (1 - e),   e = TAU / (TAU + dt)
 *             A single step of S bytes thus adds about S / TAU and fades, it is not taken for a rate; a
 *             steady rate is reached to 63 % after one TAU. Falls (a shrink, a free) count as no growth,
 *             not as negative growth: what was freed says nothing about how fast it comes back. Up and
 *             down within MS_PACE_NOISE_BYTES is noise (the kernel charges cgroups in batches of 64 pages
 *             per CPU) and counts only where it exceeds the highest level.
 *             Faster than MS_PACE_CEILING_BYTES_PER_S nothing fills memory: what a step has beyond that is a
 *             jump of the count, not a rate (a fork: its shared pages count twice at once).
 *   burst     the same with MS_PACE_BURST_TAU_NS: what it does right now
 *   peak      the largest burst seen; it fades with MS_PACE_PEAK_TAU_NS: the worst case is planned with it
 *   sleep     distance / (2 * speed), between MS_PACE_MIN_NS and MS_PACE_MAX_NS,
 *             speed = max(peak, what a writer could do here); the 2 makes it look again half way
 *   margin    speed * (time between two looks near the mark + wake-up + reading + order + callback)
 *
 * With a floor of 10 GiB/s a target 40 GiB from its mark or further is looked at every two seconds, without huge
 * pages (2.9 GB/s) one 11.6 GB from it.
 */
#ifndef MS_SAMPLE_PACE_H
#define MS_SAMPLE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/clock.h"

#define MS_PACE_MIN_NS MS_NS_PER_MS
#define MS_PACE_MAX_NS (2 * MS_NS_PER_S)
#define MS_PACE_TAU_NS MS_NS_PER_S
#define MS_PACE_BURST_TAU_NS (50 * MS_NS_PER_MS)
#define MS_PACE_PEAK_TAU_NS (20 * MS_NS_PER_S)
#define MS_PACE_WORST_MOST_NS MS_NS_PER_S
#define MS_PACE_NOISE_BYTES (UINT64_C(1) << 20)

/* One thread that touches fresh pages, of 4 KiB or transparent huge ones: measured on one machine; `make
 * bench` measures both on yours. */
#define MS_PACE_WRITER_BYTES_PER_S UINT64_C(2900000000)
#define MS_PACE_HUGE_WRITER_BYTES_PER_S (UINT64_C(10) << 30)
/* Four of the latter. */
#define MS_PACE_CEILING_BYTES_PER_S (4 * MS_PACE_HUGE_WRITER_BYTES_PER_S)

struct ms_pace {
	bool started;
	uint64_t at_ns;       /* last reading; CLOCK_MONOTONIC */
	uint64_t level_bytes; /* highest recent used; falls with it by more than the noise */
	double growth, burst, peak; /* bytes/s */
	uint64_t floor_bytes_per_s;
};

/* How long things take, worst case, for the margin. What is not known yet is 0. */
struct ms_pace_latency {
	uint64_t wake_ns;     /* from the timer to running: 0.1 ms with SCHED_FIFO, a 4 ms tick without */
	uint64_t sample_ns;   /* one reading, decision, posting of the order */
	uint64_t order_ns;    /* from the doorbell to the agent */
	uint64_t callback_ns; /* from there until memory comes back */
};

/* The worst of something that takes time, of late: a new worst counts at once, and fades with
 * MS_PACE_PEAK_TAU_NS, however often it is asked. */
struct ms_pace_worst {
	uint64_t ns, at_ns;
};

/** ms_pace_worst_note - it took @took_ns this time; above MS_PACE_WORST_MOST_NS a process was stopped, not late */
void ms_pace_worst_note(struct ms_pace_worst *worst, uint64_t took_ns, uint64_t now_ns);

/** ms_pace_worst_ns - the worst as it has faded until now */
uint64_t ms_pace_worst_ns(const struct ms_pace_worst *worst, uint64_t now_ns);

/** ms_pace_init - @floor_bytes_per_s: what the machine could do; 0 = MS_PACE_WRITER_BYTES_PER_S */
void ms_pace_init(struct ms_pace *pace, uint64_t floor_bytes_per_s);

/** ms_pace_update - a reading of used; Return: the growth in bytes/s, 0 when it shrinks or rests */
uint64_t ms_pace_update(struct ms_pace *pace, uint64_t used_bytes, uint64_t now_ns);

/**
 * ms_pace_restart - another limit binds now: its used is another count
 * What was learnt stays, the difference between the two counts is no step.
 */
void ms_pace_restart(struct ms_pace *pace, uint64_t used_bytes, uint64_t now_ns);

/** ms_pace_growth - bytes/s as of the last update */
uint64_t ms_pace_growth(const struct ms_pace *pace);

/** ms_pace_speed - bytes/s: growth, or the burst where that is more: what it may go on with right now */
uint64_t ms_pace_speed(const struct ms_pace *pace);

/** ms_pace_peak - bytes/s: the worst it did lately */
uint64_t ms_pace_peak(const struct ms_pace *pace);

/**
 * ms_pace_sleep - until the next look
 * @distance_bytes: from used to the next mark: high while below it, max above
 * Return: ns, MS_PACE_MIN_NS to MS_PACE_MAX_NS.
 */
uint64_t ms_pace_sleep(const struct ms_pace *pace, uint64_t distance_bytes);

/**
 * ms_pace_margin - bytes the target can grow by between crossing a mark and the first freed byte, worst case
 * Two looks near the mark are MS_PACE_MIN_NS apart.
 */
uint64_t ms_pace_margin(const struct ms_pace *pace, const struct ms_pace_latency *latency);

#endif

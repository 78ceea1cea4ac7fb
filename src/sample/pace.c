/* SPDX-License-Identifier: MIT */
/* sample/pace.c - see pace.h. */
#include "sample/pace.h"

#include "util/saturate.h"

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static uint64_t as_u64(double value)
{
	return value >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

void ms_pace_init(struct ms_pace *pace, uint64_t floor_bytes_per_s)
{
	*pace = (struct ms_pace){
		.floor_bytes_per_s = floor_bytes_per_s ? floor_bytes_per_s : MS_PACE_WRITER_BYTES_PER_S,
	};
}

void ms_pace_restart(struct ms_pace *pace, uint64_t used_bytes, uint64_t now_ns)
{
	pace->started = true;
	pace->level_bytes = used_bytes;
	pace->at_ns = now_ns;
}

/* What used rose by above its recent highest, which follows it down when it falls by more than noise. */
static uint64_t take_step(struct ms_pace *pace, uint64_t used_bytes)
{
	uint64_t level = pace->level_bytes;

	if (used_bytes > level) {
		pace->level_bytes = used_bytes;
		return used_bytes - level;
	}
	if (level - used_bytes > MS_PACE_NOISE_BYTES)
		pace->level_bytes = used_bytes;
	return 0;
}

/* step / dt is this interval's rate, 1 - e = dt / (tau + dt) its weight. */
static void blend(double *rate, double tau, double step, double dt)
{
	*rate = *rate * tau / (tau + dt) + step * (double)MS_NS_PER_S / (tau + dt);
}

uint64_t ms_pace_update(struct ms_pace *pace, uint64_t used_bytes, uint64_t now_ns)
{
	if (!pace->started)
		ms_pace_restart(pace, used_bytes, now_ns);
	if (now_ns <= pace->at_ns)
		return ms_pace_growth(pace);
	double dt = (double)(now_ns - pace->at_ns);
	double most = (double)MS_PACE_CEILING_BYTES_PER_S * dt / (double)MS_NS_PER_S;
	double step = (double)ms_least(take_step(pace, used_bytes), as_u64(most));

	pace->at_ns = now_ns;
	blend(&pace->growth, (double)MS_PACE_TAU_NS, step, dt);
	blend(&pace->burst, (double)MS_PACE_BURST_TAU_NS, step, dt);
	pace->peak *= (double)MS_PACE_PEAK_TAU_NS / ((double)MS_PACE_PEAK_TAU_NS + dt);
	pace->peak = larger(pace->peak, pace->burst);
	return ms_pace_growth(pace);
}

uint64_t ms_pace_growth(const struct ms_pace *pace)
{
	return as_u64(pace->growth);
}

uint64_t ms_pace_speed(const struct ms_pace *pace)
{
	return as_u64(larger(pace->growth, pace->burst));
}

uint64_t ms_pace_peak(const struct ms_pace *pace)
{
	return as_u64(pace->peak);
}

static double speed(const struct ms_pace *pace)
{
	return larger((double)pace->floor_bytes_per_s, pace->peak);
}

uint64_t ms_pace_sleep(const struct ms_pace *pace, uint64_t distance_bytes)
{
	double ns = (double)distance_bytes * (double)MS_NS_PER_S / (2 * speed(pace));

	if (ns <= (double)MS_PACE_MIN_NS)
		return MS_PACE_MIN_NS;
	return ns >= (double)MS_PACE_MAX_NS ? MS_PACE_MAX_NS : (uint64_t)ns;
}

uint64_t ms_pace_margin(const struct ms_pace *pace, const struct ms_pace_latency *latency)
{
	double ns = (double)MS_PACE_MIN_NS + (double)latency->wake_ns + (double)latency->sample_ns +
		    (double)latency->order_ns + (double)latency->callback_ns;

	return as_u64(speed(pace) * ns / (double)MS_NS_PER_S);
}

uint64_t ms_pace_worst_ns(const struct ms_pace_worst *worst, uint64_t now_ns)
{
	double dt = now_ns > worst->at_ns ? (double)(now_ns - worst->at_ns) : 0;

	return as_u64((double)worst->ns * (double)MS_PACE_PEAK_TAU_NS / ((double)MS_PACE_PEAK_TAU_NS + dt));
}

void ms_pace_worst_note(struct ms_pace_worst *worst, uint64_t took_ns, uint64_t now_ns)
{
	took_ns = ms_least(took_ns, MS_PACE_WORST_MOST_NS);
	if (took_ns >= ms_pace_worst_ns(worst, now_ns))
		*worst = (struct ms_pace_worst){.ns = took_ns, .at_ns = now_ns};
}

/* SPDX-License-Identifier: MIT */
/* watch/reading.c - see reading.h. */
#include "watch/reading.h"

#include "util/saturate.h"

/* A scan that is brought forward comes no sooner than this after the last one. */
#define SCAN_LEAST_NS (50 * MS_NS_PER_MS)
/* And where the limit counts all processes by itself, and each that there is has a table: those that come and register
 * say so, and the others matter less then. */
#define SCAN_NS        MS_NS_PER_S
#define SCAN_SELDOM_NS (10 * MS_NS_PER_S)
#define CLOCKED_NS MS_NS_PER_S
/* When none was measured: the first order of a job, and putting a threshold. */
#define FIRST_ORDER_NS (5 * MS_NS_PER_MS)
#define FIRST_EDGE_NS  (20 * MS_NS_PER_MS)

/* A round of measuring, at most. */
#define MEASURE_MOST_NS (200 * MS_NS_PER_MS)
enum { LIMITS = 8 };

static int open_tree(struct ms_reading *reading, const struct ms_root *root, const pid_t *roots, uint32_t root_count,
		     pid_t adopter_pid)
{
	int error = ms_tree_init(&reading->tree, root, roots[0], 0, adopter_pid);

	for (uint32_t i = 1; error == 0 && i < root_count; i++)
		error = ms_tree_add_root(&reading->tree, roots[i], 0);
	return error;
}

static void keep_to_option(struct ms_reading *reading, uint64_t max_bytes)
{
	reading->budget.option_bytes = max_bytes;
	if (max_bytes)
		ms_tree_count_held(&reading->tree);
}

int ms_reading_open(struct ms_reading *reading, const struct ms_root *root, const pid_t *roots, uint32_t root_count,
		    pid_t adopter_pid, uint64_t option_max_bytes, bool enforced, uint64_t now_ns)
{
	int error = open_tree(reading, root, roots, root_count, adopter_pid);

	if (error == 0)
		error = ms_budget_open(&reading->budget, root, roots[0], 0);
	if (error < 0)
		return error;
	if (enforced)
		reading->enforced_bytes = option_max_bytes;
	else
		keep_to_option(reading, option_max_bytes);
	ms_pace_init(&reading->pace, ms_budget_writer_bytes_per_s(root));
	reading->started_ns = now_ns;
	reading->edge_took_ns = FIRST_EDGE_NS;
	ms_pace_worst_note(&reading->worst.order, FIRST_ORDER_NS, now_ns);
	return 0;
}

bool ms_reading_is_short(const struct ms_reading *reading)
{
	return reading->sample.limit.used_bytes >= reading->marks.danger_bytes;
}

/* A job forks most while it starts: rare scans at first would miss what its workers do meanwhile. */
static uint64_t scan_interval_ns(const struct ms_reading *reading, uint64_t now_ns)
{
	enum ms_limit_source source = reading->sample.limit.source;
	uint64_t age_ns = now_ns - reading->started_ns;
	bool whole = source == MS_LIMIT_CGROUP1 || source == MS_LIMIT_CGROUP1_MEMSW ||
		     source == MS_LIMIT_CGROUP2_MAX || source == MS_LIMIT_CGROUP2_HIGH;

	if (whole && reading->registers)
		return ms_within(age_ns, SCAN_LEAST_NS, SCAN_SELDOM_NS);
	return ms_within(age_ns / 4, SCAN_LEAST_NS, SCAN_NS);
}

/* The process after which the chain of cgroups goes: the first root that is left, else any member. */
static pid_t leader(const struct ms_reading *reading)
{
	for (uint32_t slot = 0; slot < reading->tree.high; slot++) {
		const struct ms_tree_member *member = ms_tree_member(&reading->tree, slot);

		if (member)
			return member->process.pid;
	}
	return 0;
}

bool ms_reading_scan(struct ms_reading *reading, uint64_t now_ns)
{
	bool moved = false;

	if (now_ns < reading->next_scan_ns || ms_reading_is_short(reading))
		return false;
	reading->scanned_ns = now_ns;
	reading->next_scan_ns = now_ns + scan_interval_ns(reading, now_ns);
	ms_tree_scan(&reading->tree);
	pid_t pid = leader(reading);

	/* A job may be put into another cgroup after its start; the old limits hold until this succeeds. */
	if (pid > 0)
		moved = ms_budget_follow(&reading->budget, pid) == 1;
	if (moved && reading->enforced_bytes) {
		keep_to_option(reading, reading->enforced_bytes);
		reading->enforced_bytes = 0;
	}
	return moved || !ms_edge_is_current(&reading->edge, &reading->budget.cgroup);
}

void ms_reading_scan_soon(struct ms_reading *reading, uint64_t now_ns)
{
	uint64_t soon_ns = reading->scanned_ns + SCAN_LEAST_NS;

	reading->next_scan_ns = ms_least(reading->next_scan_ns, soon_ns > now_ns ? soon_ns : now_ns);
}

/*
 * What the job can grow by between crossing high and the first callback, at the worst rate it was
 * seen to grow with: the pace's floor, what any program might do, would lower high for every job.
 */
static void find_margin(struct ms_reading *reading, uint64_t now_ns)
{
	struct ms_pace measured = reading->pace;
	const struct ms_pace_latency latency = {
		.wake_ns = ms_pace_worst_ns(&reading->worst.wake, now_ns),
		.sample_ns = ms_pace_worst_ns(&reading->worst.look, now_ns),
		.order_ns = ms_pace_worst_ns(&reading->worst.order, now_ns),
		.callback_ns = ms_pace_worst_ns(&reading->worst.callback, now_ns),
	};

	measured.floor_bytes_per_s = 1;
	reading->latency_ns = MS_PACE_MIN_NS + latency.wake_ns + latency.sample_ns + latency.order_ns +
			      latency.callback_ns;
	reading->margin_bytes = ms_pace_margin(&measured, &latency) + reading->budget.statm_error_bytes;
}

/* Threads that are held back do not grow until the first callback. */
static struct ms_marks marks_of(const struct ms_reading *reading, const struct ms_policy_config *config,
				const struct ms_limit *limit)
{
	uint64_t margin_bytes = reading->margin_bytes;

	if (reading->brakes)
		margin_bytes = ms_least(margin_bytes,
					limit->max_bytes - ms_policy_marks_of(config, limit, 0).high_bytes);
	return ms_policy_marks_of(config, limit, margin_bytes);
}

void ms_reading_narrow(const struct ms_reading *reading, const struct ms_policy_config *config, struct ms_marks *marks)
{
	if (reading->looks)
		ms_policy_narrow(config, ms_pace_peak(&reading->pace), marks);
}

static bool wants_edge(const struct ms_reading *reading, uint64_t now_ns)
{
	return reading->edge.usage_fd >= 0 && now_ns >= reading->clocked_until_ns;
}

static bool is_above_high(const struct ms_reading *reading, const struct ms_policy_config *config)
{
	const struct ms_limit *limit = &reading->sample.limit;

	return limit->used_bytes >= ms_policy_marks_of(config, limit, reading->margin_bytes).high_bytes;
}

/* Before caches are dropped for pages that were counted twice. No other limit is as near as --max, at which no
 * OOM killer waits: so there is the time, and memory to open files. */
static bool measure_all(struct ms_reading *reading, uint64_t now_ns)
{
	struct ms_tree *tree = &reading->tree;

	if (reading->sample.limit.source != MS_LIMIT_OPTION || !ms_tree_wants_measuring(tree, now_ns, true) ||
	    ms_tree_measuring_ns(tree) > MEASURE_MOST_NS)
		return false;
	while (ms_tree_measure(tree, now_ns))
		;
	return true;
}

void ms_reading_sample(struct ms_reading *reading, const struct ms_policy_config *config, uint64_t now_ns,
		       uint64_t *ret_grown_bytes)
{
	struct ms_limit before = reading->sample.limit;
	struct ms_sample *sample = &reading->sample;

	/* What came while it was not waited for is old; what comes from now on is later than this reading. */
	if (!reading->edge_is_waited_for && wants_edge(reading, now_ns))
		ms_edge_drain(reading->edge.usage_fd);
	ms_sample_take(&reading->tree, &reading->budget, now_ns, sample);
	if (is_above_high(reading, config) && measure_all(reading, now_ns))
		ms_sample_take(&reading->tree, &reading->budget, now_ns, sample);
	if (reading->tree.scan_soon || !ms_edge_is_current(&reading->edge, &reading->budget.cgroup))
		ms_reading_scan_soon(reading, now_ns);
	*ret_grown_bytes = 0;
	if (ms_limit_is_same(&before, &sample->limit)) {
		ms_pace_update(&reading->pace, sample->limit.used_bytes, now_ns);
		if (sample->limit.used_bytes > before.used_bytes)
			*ret_grown_bytes = sample->limit.used_bytes - before.used_bytes;
	} else {
		ms_pace_restart(&reading->pace, sample->limit.used_bytes, now_ns);
	}
	sample->growth_bytes_per_s = ms_pace_speed(&reading->pace);
	find_margin(reading, now_ns);
	reading->marks = marks_of(reading, config, &sample->limit);
	ms_reading_narrow(reading, config, &reading->marks);
	if (reading->looks)
		ms_policy_leave_to_processes(config, &reading->marks);
}

bool ms_reading_wait_for_edge(struct ms_reading *reading, uint64_t now_ns)
{
	reading->edge_is_waited_for = wants_edge(reading, now_ns);
	return reading->edge_is_waited_for;
}

void ms_reading_edge_came(struct ms_reading *reading, uint64_t now_ns)
{
	reading->clocked_until_ns = now_ns + CLOCKED_NS;
}

/* How long used of a limit stays below its mark for certain, or an edge comes before. */
static uint64_t calm_ns(const struct ms_reading *reading, const struct ms_policy_config *config,
			const struct ms_limit *limit, bool edges)
{
	struct ms_marks marks = marks_of(reading, config, limit);

	if (reading->looks)
		ms_policy_leave_to_processes(config, &marks);
	if (edges && ms_edge_is_sure(&reading->edge, &reading->budget.cgroup, limit, marks.high_bytes))
		return MS_PACE_MAX_NS;
	return ms_pace_sleep(&reading->pace, ms_sat_sub(marks.high_bytes, limit->used_bytes));
}

/* Below all marks the nearest limit is the first to be met, unless it has an edge and the next one has none. */
static uint64_t calm_of_all_ns(const struct ms_reading *reading, const struct ms_policy_config *config, bool edges)
{
	struct ms_limit limits[LIMITS];
	uint32_t count = edges ? ms_budget_list(&reading->budget, &reading->tree, limits, LIMITS) : 0;
	uint64_t calm = calm_ns(reading, config, &reading->sample.limit, edges);

	for (uint32_t i = 0; i < count; i++)
		calm = ms_least(calm, calm_ns(reading, config, &limits[i], edges));
	return calm;
}

/* So that what stopped being shared is noticed; nearer, all are measured at once. */
static bool wants_measuring(const struct ms_reading *reading, uint64_t now_ns)
{
	const struct ms_limit *limit = &reading->sample.limit;

	return limit->source == MS_LIMIT_OPTION && limit->used_bytes >= reading->marks.high_bytes / 2 &&
	       limit->used_bytes < reading->marks.high_bytes && ms_tree_wants_measuring(&reading->tree, now_ns, false);
}

void ms_reading_measure(struct ms_reading *reading, const struct ms_policy_config *config)
{
	uint64_t now_ns = ms_clock_ns();

	if (wants_measuring(reading, now_ns) &&
	    calm_ns(reading, config, &reading->sample.limit, false) >= 2 * ms_tree_measuring_ns(&reading->tree))
		ms_tree_measure(&reading->tree, now_ns);
}

void ms_reading_put_edge(struct ms_reading *reading, const struct ms_policy_config *config)
{
	if (ms_edge_is_whole(&reading->edge) || ms_reading_is_short(reading) ||
	    calm_ns(reading, config, &reading->sample.limit, false) < 2 * reading->edge_took_ns)
		return;
	uint64_t began_ns = ms_clock_ns();

	ms_edge_put_one(&reading->edge, &reading->budget.cgroup);
	uint64_t done_ns = ms_clock_ns();

	if (done_ns - began_ns > reading->edge_took_ns)
		reading->edge_took_ns = done_ns - began_ns;
	/* What usage rose by since it was read has met no threshold: it is counted on after the next reading. */
	if (reading->clocked_until_ns < done_ns)
		reading->clocked_until_ns = done_ns;
}

uint64_t ms_reading_next_ns(const struct ms_reading *reading, const struct ms_policy_config *config,
			    uint64_t now_ns)
{
	const struct ms_limit *limit = &reading->sample.limit;
	uint64_t sleep;

	if (limit->used_bytes < reading->marks.high_bytes)
		sleep = calm_of_all_ns(reading, config, wants_edge(reading, now_ns));
	else
		sleep = ms_pace_sleep(&reading->pace, ms_sat_sub(limit->max_bytes, limit->used_bytes));
	return ms_least(now_ns + sleep, reading->next_scan_ns > now_ns ? reading->next_scan_ns : now_ns + SCAN_NS);
}

/* SPDX-License-Identifier: MIT */
/*
 * watch/look.c - look, decide, order, verify; as often as needed and no more.
 *
 * One look: who belongs to the tree (once a second), how much it uses and which limit binds, what came
 * of the orders, whether to give more; then sleep until the target could be half way to the next
 * mark (sample/pace.h), or a millisecond while orders are out. Signals and hellos wake it earlier.
 *
 * Opening files and listing /proc needs kernel memory, which a full memory cgroup does not give. So
 * nothing is opened above danger (policy.h); below it failures are taken as they come.
 */
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "memshed.h"
#include "watch/context.h"
#include "run/live.h"
#include "util/clock.h"

#define SCAN_NS MS_NS_PER_S
#define FLIGHT_POLL_NS MS_NS_PER_MS
/* Above high with nothing to ask, looking every millisecond would help nobody. */
#define HELPLESS_NS (20 * MS_NS_PER_MS)
#define STOPPED_CHECK_NS (100 * MS_NS_PER_MS)
/* What a wake-up costs at worst before one was measured: with SCHED_FIFO, and up to the next tick. */
#define FIFO_WAKE_NS (200 * MS_NS_PER_US)
#define TICK_NS (4 * MS_NS_PER_MS)
/* Later than this we were stopped, not late. */
#define LATENESS_MOST_NS MS_NS_PER_S
#define FIRST_ORDER_NS (5 * MS_NS_PER_MS)

#define REFRESH_NS (500 * MS_NS_PER_MS)
#define REFRESH_LEAST_NS (50 * MS_NS_PER_MS)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t fade(uint64_t worst, uint64_t now)
{
	uint64_t faded = worst / 64 * 63;

	return now > faded ? now : faded;
}

static bool is_short_of_memory(const struct ms_super *super)
{
	return super->sample.limit.used_bytes >= super->marks.danger_bytes;
}

static void take_changes(struct ms_super *super, uint64_t now_ns)
{
	struct ms_tree_change change;

	while (ms_tree_next_change(&super->tree, &change)) {
		if (change.came) {
			ms_members_add(&super->members, change.slot, change.pid, change.start_ticks, now_ns);
			continue;
		}
		ms_orders_forget(super, change.slot, now_ns);
		ms_members_remove(&super->members, change.slot);
	}
}

/* A job forks most while it starts: seldom at first would miss what its workers do meanwhile. */
static uint64_t scan_interval_ns(const struct ms_super *super, uint64_t now_ns)
{
	uint64_t interval = (now_ns - super->started_ns) / 4;

	if (interval < MS_SCAN_LEAST_NS)
		return MS_SCAN_LEAST_NS;
	return interval < SCAN_NS ? interval : SCAN_NS;
}

static void scan(struct ms_super *super, uint64_t now_ns)
{
	if (now_ns < super->next_scan_ns || is_short_of_memory(super))
		return;
	super->scanned_ns = now_ns;
	super->next_scan_ns = now_ns + scan_interval_ns(super, now_ns);
	ms_tree_scan(&super->tree);
	/* A job may be put into another cgroup after its start; the old limits hold until this succeeds. */
	(void)ms_budget_follow(&super->budget, super->child.pid);
	take_changes(super, now_ns);
	ms_greet_waiting(super, now_ns);
}

/* One process per look, so that many of them do not keep the loop from looking. */
static void look_for_tables(struct ms_super *super, uint64_t now_ns)
{
	int slot = ms_members_next_look(&super->members, super->tree.high, now_ns);

	if (slot < 0 || is_short_of_memory(super))
		return;
	if (ms_members_look(&super->members, (uint32_t)slot, now_ns) == 1)
		ms_greet_report(super, (uint32_t)slot);
}

static void check_stopped(struct ms_super *super, uint64_t now_ns)
{
	if (now_ns < super->next_stopped_check_ns)
		return;
	super->next_stopped_check_ns = now_ns + STOPPED_CHECK_NS;
	for (uint32_t i = 0; i < super->tree.high; i++) {
		struct ms_member *target = &super->members.at[i];

		if (!target->pid || !target->stopped || ms_members_is_stopped(&super->members, i))
			continue;
		target->stopped = false;
		ms_report_process(super, MS_EVENT_RESUMED, i);
	}
}

static bool is_same_limit(const struct ms_limit *a, const struct ms_limit *b)
{
	return a->source == b->source && strcmp(a->where, b->where) == 0;
}

static void note_growth(struct ms_super *super, uint64_t used_before)
{
	uint64_t used = super->sample.limit.used_bytes;

	if (used > used_before && used - used_before > super->summary.worst_growth_bytes)
		super->summary.worst_growth_bytes = used - used_before;
}

/*
 * What the target can grow by between crossing high and the first callback, at the worst rate it was
 * seen to grow with: the pace's floor, what any program might do, would lower high for everybody.
 */
static uint64_t worst_margin(const struct ms_super *super)
{
	struct ms_pace measured = super->pace;
	const struct ms_pace_latency latency = {
		.wake_ns = super->wake_latency_ns,
		.sample_ns = super->step_ns,
		.order_ns = super->order_latency_ns,
	};

	measured.floor_bytes_per_s = 1;
	return ms_pace_margin(&measured, &latency);
}

static void sample(struct ms_super *super, uint64_t now_ns)
{
	struct ms_limit before = super->sample.limit;

	ms_sample_take(&super->tree, &super->budget, now_ns, &super->sample);
	if (super->tree.scan_soon)
		super->next_scan_ns = least(super->next_scan_ns, now_ns + MS_SCAN_LEAST_NS);
	take_changes(super, now_ns);
	if (is_same_limit(&before, &super->sample.limit)) {
		ms_pace_update(&super->pace, super->sample.limit.used_bytes, now_ns);
		note_growth(super, before.used_bytes);
	} else {
		ms_pace_restart(&super->pace, super->sample.limit.used_bytes, now_ns);
	}
	super->sample.growth_bytes_per_s = ms_pace_speed(&super->pace);
	super->margin_bytes = worst_margin(super) + super->budget.statm_error_bytes;
	super->marks = ms_policy_marks(&super->config, super->sample.limit.max_bytes, super->margin_bytes);
	if (super->sample.rss_bytes > super->summary.peak_rss_bytes)
		super->summary.peak_rss_bytes = super->sample.rss_bytes;
}

static uint64_t latency_ns(const struct ms_super *super)
{
	return super->wake_latency_ns + super->step_ns + super->order_latency_ns + MS_PACE_MIN_NS;
}

static uint64_t option_max_bytes(const struct ms_super *super)
{
	return super->options->max_bytes ? super->options->max_bytes : UINT64_MAX;
}

/* Above high for the first time: against which limit, and with which margin. */
static void begin_shortage(struct ms_super *super, uint64_t now_ns)
{
	struct ms_event limit = {.kind = MS_EVENT_LIMIT, .as.limit = {option_max_bytes(super)}};
	struct ms_event margin = {.kind = MS_EVENT_MARGIN,
				  .as.margin = {super->margin_bytes, latency_ns(super) / MS_NS_PER_US}};

	super->shortage_since_ns = now_ns;
	super->summary.shortages++;
	ms_members_look_soon(&super->members, super->tree.high, now_ns);
	if (!is_same_limit(&super->said_limit, &super->sample.limit))
		ms_report(super, &limit);
	super->said_limit = super->sample.limit;
	if (super->marks.lowered && !super->said_margin)
		ms_report(super, &margin);
	super->said_margin |= super->marks.lowered;
}

/* The last round is measured to its end before the shortage is called over. */
static void end_shortage(struct ms_super *super)
{
	struct ms_event event = {.kind = MS_EVENT_RECOVERED};

	if (super->recovered_ns == 0 || super->round.open)
		return;
	event.as.recovered.duration_us = (super->recovered_ns - super->shortage_since_ns) / MS_NS_PER_US;
	super->recovered_ns = 0;
	super->shortage_since_ns = 0;
	super->said_why = MS_WHY_BELOW_HIGH;
	ms_report(super, &event);
}

/* A wait or a warning is said when its reason changes, not at every look. */
static void say_wait(struct ms_super *super, uint64_t now_ns)
{
	struct ms_event event = {.kind = super->plan.kind == MS_PLAN_WARN ? MS_EVENT_WARN : MS_EVENT_WAIT};
	uint64_t until_ns = 0;

	if (super->plan.why == super->said_why || super->plan.why == MS_WHY_HOLD_OFF ||
	    super->plan.why == MS_WHY_IN_FLIGHT)
		return;
	if (super->plan.why == MS_WHY_BACK_OFF && super->policy.rounds == 0)
		return; /* nobody was asked: the warning before said why */
	super->said_why = super->plan.why;
	if (super->plan.not_before_ns > now_ns && super->plan.why != MS_WHY_NO_CACHES)
		until_ns = super->plan.not_before_ns;
	/* The fields of a warning are the same. */
	event.as.wait.reason = super->plan.why;
	event.as.wait.pause_ms = until_ns ? (until_ns - now_ns) / MS_NS_PER_MS : 0;
	event.as.wait.caches = super->plan.caches;
	event.as.wait.silent_caches = super->plan.silent_caches;
	ms_report(super, &event);
}

static void begin_or_go_on(struct ms_super *super, uint64_t now_ns)
{
	if (super->recovered_ns) { /* short again before the last round has settled */
		ms_orders_settle(super, now_ns, true);
		end_shortage(super);
	}
	if (super->shortage_since_ns == 0)
		begin_shortage(super, now_ns);
}

static void decide(struct ms_super *super, uint64_t now_ns)
{
	struct ms_policy_input input = {0};
	uint32_t posted;

	if (ms_policy_wants_rows(&super->config, &super->sample, &super->marks, &super->policy))
		input = ms_members_read(&super->members, super->tree.high, now_ns, &super->stock);
	ms_policy_plan(&super->config, &super->sample, &super->marks, &input, &super->policy, &super->plan);
	switch (super->plan.kind) {
	case MS_PLAN_NOTHING:
		break;
	case MS_PLAN_RECOVERED:
		super->recovered_ns = now_ns;
		break;
	case MS_PLAN_ORDERS:
		posted = ms_orders_post(super, now_ns);
		begin_or_go_on(super, now_ns);
		super->said_why = MS_WHY_BELOW_HIGH;
		if (posted > 0)
			ms_orders_announce(super, now_ns);
		break;
	case MS_PLAN_WAIT:
	case MS_PLAN_WARN:
		begin_or_go_on(super, now_ns);
		say_wait(super, now_ns);
		break;
	}
	end_shortage(super);
}

/* Above low: have the sizes counted that the next plan needs. How much is used says little of them: a
 * cache may fill again what another one freed, in memory that the allocator kept. */
static void count_ahead(struct ms_super *super, uint64_t now_ns)
{
	const struct ms_limit *limit = &super->sample.limit;
	uint64_t growth = super->sample.growth_bytes_per_s, pause_ns = REFRESH_NS;

	if (limit->used_bytes < super->marks.low_bytes || super->flight_count > 0)
		return;
	if (growth > 0 && limit->max_bytes > limit->used_bytes)
		pause_ns = least(pause_ns, (uint64_t)((double)(limit->max_bytes - limit->used_bytes) /
						      (double)growth * (double)MS_NS_PER_S / 4));
	if (pause_ns < REFRESH_LEAST_NS)
		pause_ns = REFRESH_LEAST_NS;
	if (super->refreshed_ns && now_ns - super->refreshed_ns < pause_ns)
		return;
	super->refreshed_ns = now_ns;
	ms_orders_refresh(super, now_ns);
}

static void look(struct ms_super *super, uint64_t now_ns)
{
	scan(super, now_ns);
	sample(super, now_ns);
	ms_orders_collect(super, now_ns);
	ms_orders_settle(super, now_ns, false);
	check_stopped(super, now_ns);
	decide(super, now_ns);
	count_ahead(super, now_ns);
	look_for_tables(super, now_ns);
	ms_report_turn(super);
}

/* Above high with nobody to ask: as often as the worst growth seen makes it worth, lest it is met asleep
 * when the target goes on after a stop, or a stuck callback returns. */
static uint64_t helpless_sleep(const struct ms_super *super, uint64_t sleep_ns, uint64_t room_bytes)
{
	uint64_t peak = ms_pace_peak(&super->pace), left_ns = HELPLESS_NS;

	if (peak > 0 && (double)room_bytes / (double)peak < (double)HELPLESS_NS * 4 / (double)MS_NS_PER_S)
		left_ns = (uint64_t)((double)room_bytes / (double)peak * (double)MS_NS_PER_S / 4);
	return sleep_ns > left_ns ? sleep_ns : left_ns;
}

/* Until when nothing needs to be looked at. */
static uint64_t next_look_ns(const struct ms_super *super, uint64_t now_ns)
{
	uint64_t used = super->sample.limit.used_bytes, high = super->marks.high_bytes;
	uint64_t max = super->sample.limit.max_bytes;
	uint64_t distance = used < high ? high - used : max > used ? max - used : 0;
	uint64_t sleep = ms_pace_sleep(&super->pace, distance);
	bool helpless = super->plan.kind == MS_PLAN_WARN ||
			(super->plan.kind == MS_PLAN_WAIT && super->plan.why != MS_WHY_HOLD_OFF);
	uint64_t next;

	if (super->flight_count > 0)
		return now_ns + FLIGHT_POLL_NS;
	if (helpless)
		sleep = helpless_sleep(super, sleep, distance);
	next = least(now_ns + sleep, super->next_scan_ns > now_ns ? super->next_scan_ns : now_ns + SCAN_NS);
	if (super->plan.kind == MS_PLAN_WAIT && super->plan.not_before_ns > now_ns)
		next = least(next, super->plan.not_before_ns);
	if (super->members.next_look_ns > now_ns)
		next = least(next, super->members.next_look_ns);
	return next;
}

/* Return: how much later than planned we were woken by the timer; 0 when something else woke us. */
static uint64_t sleep_until(struct ms_super *super, uint64_t now_ns, uint64_t until_ns)
{
	struct pollfd fds[] = {
		{.fd = super->signals.fd, .events = POLLIN},
		{.fd = super->hello_fd, .events = POLLIN},
	};
	struct timespec timeout = ms_clock_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
	int n = ppoll(fds, sizeof(fds) / sizeof(fds[0]), &timeout, NULL);
	uint64_t woken_ns = ms_clock_ns();

	super->summary.wakeups++;
	if (n > 0 && fds[1].revents)
		ms_greet_receive(super, woken_ns);
	if (n > 0 && fds[0].revents) {
		ms_signals_dispatch(&super->signals, &super->child);
		super->next_scan_ns = least(super->next_scan_ns, woken_ns + MS_SCAN_LEAST_NS);
		super->next_stopped_check_ns = woken_ns; /* SIGCHLD tells of a stop's end as well */
	}
	return n == 0 && woken_ns > until_ns ? woken_ns - until_ns : 0;
}

/* Nothing could be opened to watch it with: still its signals are forwarded and its end is told. */
static void only_wait(struct ms_super *super)
{
	struct pollfd fd = {.fd = super->signals.fd, .events = POLLIN};
	struct ms_event event = {.kind = MS_EVENT_BLIND, .as.blind = {super->blind_error}};

	super->started_ns = ms_clock_ns();
	ms_report_prepare(super);
	ms_report_command(super, &event);
	while (!super->child.ended)
		if (ppoll(&fd, 1, NULL, NULL) > 0)
			ms_signals_dispatch(&super->signals, &super->child);
}

void ms_loop_run(struct ms_super *super)
{
	uint64_t now_ns = ms_clock_ns();

	if (super->blind_error < 0) {
		only_wait(super);
		return;
	}
	while (!super->child.ended) {
		look(super, now_ns);
		uint64_t done_ns = ms_clock_ns();
		super->step_ns = fade(super->step_ns, done_ns - now_ns);
		uint64_t late_ns = sleep_until(super, done_ns, next_look_ns(super, done_ns));
		super->wake_latency_ns = fade(super->wake_latency_ns, least(late_ns, LATENESS_MOST_NS));
		if (late_ns / MS_NS_PER_US > super->summary.worst_delay_us)
			super->summary.worst_delay_us = late_ns / MS_NS_PER_US;
		now_ns = ms_clock_ns();
	}
}

/* Touch the paths that only a shortage takes, on a copy of nothing. */
static void rehearse(struct ms_super *super)
{
	struct ms_event event = {.kind = MS_EVENT_ORDER};
	struct ms_line line;

	ms_line_init(&line, super->line, sizeof(super->line));
	ms_journal_event(&event, &line);
	ms_members_read(&super->members, super->tree.high, ms_clock_ns(), &super->stock);
}

static void say_start(struct ms_super *super)
{
	struct ms_event event = {.kind = MS_EVENT_START,
				 .as.start = {.option_max_bytes = option_max_bytes(super),
					      .locked = super->live.locked,
					      .fifo = super->live.fifo,
					      .oom_protected = super->live.oom_protected}};

	super->said_limit = super->sample.limit;
	ms_report_command(super, &event);
}

int ms_loop_prepare(struct ms_super *super)
{
	uint64_t now_ns = ms_clock_ns();
	int error;

	ms_report_prepare(super);
	super->started_ns = now_ns;
	error = ms_tree_init(&super->tree, &super->root, super->child.pid, 0, getpid());

	if (error < 0)
		return error;
	error = ms_budget_open(&super->budget, &super->root, super->child.pid, super->options->max_bytes);
	if (error < 0)
		return error;
	ms_members_init(&super->members, &super->root);
	ms_pace_init(&super->pace, ms_budget_writer_bytes_per_s(&super->root));
	super->order_latency_ns = FIRST_ORDER_NS;
	if (ms_cgroup_oom_kills(&super->budget.cgroup, &super->oom_kills_before) < 0)
		super->oom_kills_before = UINT64_MAX;
	ms_live_secure(super, sizeof(*super), &super->live);
	super->wake_latency_ns = super->live.fifo ? FIFO_WAKE_NS : TICK_NS;
	scan(super, now_ns);
	sample(super, now_ns);
	rehearse(super);
	memset(&super->policy, 0, sizeof(super->policy));
	say_start(super);
	return 0;
}

static void count_oom_kills(struct ms_super *super)
{
	uint64_t kills;

	super->summary.oom_kills = UINT64_MAX;
	if (super->oom_kills_before != UINT64_MAX && ms_cgroup_oom_kills(&super->budget.cgroup, &kills) == 0)
		super->summary.oom_kills = kills - super->oom_kills_before;
}

void ms_loop_finish(struct ms_super *super)
{
	struct ms_event event = {.kind = MS_EVENT_END};
	uint64_t peak_bytes = (uint64_t)super->child.usage.ru_maxrss * 1024;

	if (super->blind_error < 0)
		return;
	ms_orders_settle(super, ms_clock_ns(), true);
	super->summary.run_ms = (ms_clock_ns() - super->started_ns) / MS_NS_PER_MS;
	if (peak_bytes > super->summary.peak_rss_bytes)
		super->summary.peak_rss_bytes = peak_bytes;
	super->summary.lost_lines = super->lines.lost_lines + super->journal.lost_lines;
	count_oom_kills(super);
	/* Their tables are still mapped: what they held when they ended can be read. */
	for (uint32_t i = 0; i < super->tree.high; i++)
		ms_members_name(&super->members, i, 0, &super->summary.largest, NULL);
	super->summary.exit_code = ms_child_exit_code(&super->child);
	super->summary.signal = WIFSIGNALED(super->child.status) ? WTERMSIG(super->child.status) : 0;
	event.as.end = super->summary;
	ms_report(super, &event);
}

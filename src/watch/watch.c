/* SPDX-License-Identifier: MIT */
/* watch/watch.c - see watch.h. */
#include "watch/watch.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "util/clock.h"
#include "util/procfs.h"
#include "util/saturate.h"
#include "watch/greet.h"
#include "watch/marks.h"
#include "watch/publish.h"

/* Above high with nothing to ask, looking every millisecond would not help. */
#define HELPLESS_NS (20 * MS_NS_PER_MS)
/* What a wake-up costs at worst before one was measured: with SCHED_FIFO, and up to the next tick. */
#define FIFO_WAKE_NS (200 * MS_NS_PER_US)
#define TICK_NS      (4 * MS_NS_PER_MS)
/* Without SCHED_FIFO what it costs depends on the machine's load: it is tried at once, before it matters. */
#define TRIAL_NS      MS_NS_PER_S
#define TRIAL_STEP_NS (10 * MS_NS_PER_MS)

/* ---- sources ---- */

static void look_now(struct ms_watch *watch, uint64_t now_ns)
{
	watch->look.at_ns = now_ns;
}

static void usage_rose(void *arg, short revents, uint64_t now_ns)
{
	struct ms_watch *watch = arg;

	(void)revents;
	ms_edge_drain(watch->reading.edge.usage_fd);
	ms_reading_edge_came(&watch->reading, now_ns);
	look_now(watch, now_ns);
}

static void limit_was_met(void *arg, short revents, uint64_t now_ns)
{
	struct ms_watch *watch = arg;

	(void)revents;
	for (uint32_t i = 0; i < watch->reading.edge.events_count; i++)
		ms_edge_drain(watch->reading.edge.events_fds[i]);
	look_now(watch, now_ns);
}

static void limit_was_changed(void *arg, short revents, uint64_t now_ns)
{
	struct ms_watch *watch = arg;

	(void)revents;
	ms_edge_drain(watch->reading.edge.limits_fd);
	ms_cgroup_reread(&watch->reading.budget.cgroup);
	look_now(watch, now_ns);
}

static void hello_came(void *arg, short revents, uint64_t now_ns)
{
	(void)revents;
	ms_greet_receive(arg, now_ns);
}

/* A source that finds no room in the loop is left out. */
static void add_source(struct ms_watch *watch, int fd, short events,
		       void (*ready)(void *arg, short revents, uint64_t now_ns))
{
	if (fd >= 0)
		(void)ms_loop_add(watch->loop, fd, events, ready, watch);
}

static void put_edges(struct ms_watch *watch)
{
	struct ms_edge *edge = &watch->reading.edge;

	ms_loop_remove(watch->loop, edge->usage_fd);
	for (uint32_t i = 0; i < edge->events_count; i++)
		ms_loop_remove(watch->loop, edge->events_fds[i]);
	ms_loop_remove(watch->loop, edge->limits_fd);
	ms_edge_close(edge);
	ms_edge_open(edge, &watch->reading.budget.cgroup);
	add_source(watch, edge->usage_fd, POLLIN, usage_rose);
	for (uint32_t i = 0; i < edge->events_count; i++)
		add_source(watch, edge->events_fds[i], POLLPRI, limit_was_met);
	add_source(watch, edge->limits_fd, POLLIN, limit_was_changed);
}

/* ---- one look ---- */

/* One process per look, so that many of them do not keep the loop from looking. */
static void look_for_tables(struct ms_watch *watch, uint64_t now_ns)
{
	int slot = ms_members_next_look(&watch->members, watch->reading.tree.high, now_ns);

	if (slot < 0 || ms_reading_is_short(&watch->reading))
		return;
	if (ms_members_look(&watch->members, (uint32_t)slot, now_ns) == 1)
		ms_greet_report(watch, (uint32_t)slot);
	else
		ms_unloaded_look(watch, (uint32_t)slot);
}

static void scan(struct ms_watch *watch, uint64_t now_ns)
{
	if (ms_reading_scan(&watch->reading, now_ns))
		put_edges(watch);
	ms_greet_follow(watch, now_ns);
	if (watch->reading.scanned_ns == now_ns)
		ms_members_notice_exec(&watch->members, watch->reading.tree.high, now_ns);
}

static void sample(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_event_end *summary = &watch->summary;
	uint64_t grown_bytes;

	watch->reading.brakes =
		!watch->options.no_brake && ms_members_brake(&watch->members, watch->reading.tree.high);
	watch->reading.looks =
		ms_members_look_alone(&watch->members, watch->reading.tree.high) && ms_policy_is_helped(&watch->policy);
	watch->reading.registers =
		watch->options.hello_fd >= 0 && ms_members_register(&watch->members, watch->reading.tree.high);
	ms_reading_sample(&watch->reading, &watch->config, now_ns, &grown_bytes);
	ms_greet_follow(watch, now_ns);
	if (grown_bytes > summary->worst_growth_bytes)
		summary->worst_growth_bytes = grown_bytes;
	if (watch->reading.sample.rss_bytes > summary->peak_rss_bytes)
		summary->peak_rss_bytes = watch->reading.sample.rss_bytes;
}

/* Above high with nothing to ask: a quarter of the time until max at the worst growth seen, so that it is noticed
 * soon when the job goes on after a stop, or a stuck callback returns. */
static uint64_t helpless_ns(const struct ms_watch *watch)
{
	const struct ms_limit *limit = &watch->reading.sample.limit;
	uint64_t room = ms_sat_sub(limit->max_bytes, limit->used_bytes);

	return ms_least(ms_fill_time_ns(room, ms_pace_peak(&watch->reading.pace)) / 4, HELPLESS_NS);
}

/* Until when nothing needs to be looked at. */
static uint64_t next_look_ns(const struct ms_watch *watch, uint64_t now_ns)
{
	uint64_t next = ms_reading_next_ns(&watch->reading, &watch->config, now_ns);

	if (ms_shortage_is_helpless(watch) && next < now_ns + helpless_ns(watch))
		next = now_ns + helpless_ns(watch);
	if (watch->plan.kind == MS_PLAN_WAIT && watch->plan.not_before_ns > now_ns)
		next = ms_least(next, watch->plan.not_before_ns);
	if (watch->members.next_look_ns > now_ns)
		next = ms_least(next, watch->members.next_look_ns);
	next = ms_least(next, ms_orders_next_ns(watch, now_ns));
	if (!watch->live.fifo && now_ns < watch->reading.started_ns + TRIAL_NS)
		next = ms_least(next, now_ns + TRIAL_STEP_NS);
	return next < now_ns + MS_PACE_MIN_NS ? now_ns + MS_PACE_MIN_NS : next;
}

static void note_lateness(struct ms_watch *watch, uint64_t now_ns)
{
	uint64_t late_ns = watch->loop->late_ns;

	if (late_ns / MS_NS_PER_US > watch->summary.worst_delay_us)
		watch->summary.worst_delay_us = late_ns / MS_NS_PER_US;
	ms_pace_worst_note(&watch->reading.worst.wake, late_ns, now_ns);
}

static void look(void *arg, uint64_t now_ns)
{
	struct ms_watch *watch = arg;
	struct ms_reading *reading = &watch->reading;

	note_lateness(watch, now_ns);
	scan(watch, now_ns);
	sample(watch, now_ns);
	ms_watch_tell_marks(watch);
	ms_orders_collect(watch, now_ns);
	ms_silence_resume(watch, now_ns);
	ms_result_settle(watch, now_ns, false);
	ms_shortage_decide(watch, now_ns);
	ms_precount_turn(watch, now_ns);
	look_for_tables(watch, now_ns);
	ms_watch_own_tell(watch, now_ns);
	ms_report_turn(watch->report, reading);
	ms_publish(watch);

	uint64_t done_ns = ms_clock_ns();

	ms_pace_worst_note(&reading->worst.look, done_ns - now_ns, done_ns);
	if (watch->orders.open == 0) {
		ms_reading_put_edge(reading, &watch->config);
		ms_reading_measure(reading, &watch->config);
	}
	watch->look.at_ns = next_look_ns(watch, done_ns);
	ms_loop_events(watch->loop, reading->edge.usage_fd,
		       ms_reading_wait_for_edge(reading, done_ns) ? POLLIN : 0);
}

/* ---- beginning and end ---- */

static int open_all(struct ms_watch *watch)
{
	const struct ms_watch_options *options = &watch->options;
	int error = ms_procfs_check();

	if (error == 0)
		error = ms_root_init(&watch->root, "/");
	if (error == 0)
		error = ms_reading_open(&watch->reading, &watch->root, options->roots, options->root_count,
					options->adopter_pid, options->max_bytes, options->enforced, ms_clock_ns());
	if (error < 0)
		return error;
	watch->reading.tree.except_pid = options->except_pid;
	ms_members_init(&watch->members, &watch->root, &watch->writer);
	watch->members.handles =
		options->on_exhausted == MS_EXHAUSTED_TERM || options->on_exhausted == MS_EXHAUSTED_RESTART;
	if (ms_cgroup_oom_kills(&watch->reading.budget.cgroup, &watch->oom_kills_before) < 0)
		watch->oom_kills_before = UINT64_MAX;
	watch->oom_kills_seen = watch->oom_kills_before;
	add_source(watch, options->hello_fd, POLLIN, hello_came);
	return 0;
}

void ms_watch_open(struct ms_watch *watch, const struct ms_watch_options *options, struct ms_report *report,
		   struct ms_loop *loop)
{
	assert(options->root_count > 0 && options->root_count <= MS_STATE_ROOTS);
	watch->options = *options;
	watch->report = report;
	watch->loop = loop;
	watch->look = (struct ms_loop_timer){.at_ns = MS_LOOP_NEVER, .fire = look, .arg = watch};
	watch->reading.edge = (struct ms_edge){.usage_fd = -1, .limits_fd = -1};
	watch->config = ms_policy_defaults();
	watch->config.high = options->high;
	watch->config.low = options->low;
	watch->summary.in_caches_bytes = watch->summary.unexplained_bytes = UINT64_MAX;
	watch->writer.fd = -1;
	(void)ms_state_create(&watch->writer); /* without it the watch goes on, but cannot be read */
	ms_publish_begin(watch, options->journal);
	ms_loop_add_timer(loop, &watch->look);
	watch->blind_error = open_all(watch);
}

/* Touch the code and the pages that only a shortage uses. */
static void rehearse(struct ms_watch *watch)
{
	struct ms_report *report = watch->report;
	struct ms_event event = {.kind = MS_EVENT_ORDER};
	struct ms_line line;

	ms_line_init(&line, report->buffer, sizeof(report->buffer));
	ms_journal_event(&event, &line);
	ms_members_read(&watch->members, watch->reading.tree.high, ms_clock_ns());
}

static void say_start(struct ms_watch *watch)
{
	struct ms_event event = {.kind = MS_EVENT_START,
				 .as.start = {.option_max_bytes = ms_watch_option_max(watch),
					      .enforced = watch->options.enforced,
					      .enforce_error = watch->options.enforce_error,
					      .locked = watch->live.locked,
					      .fifo = watch->live.fifo,
					      .oom_protected = watch->live.oom_protected}};

	watch->shortage.said_limit = watch->reading.sample.limit;
	ms_report_command(watch->report, &watch->reading, &event);
}

static void say_blind(struct ms_watch *watch)
{
	struct ms_event event = {.kind = MS_EVENT_BLIND, .as.blind = {watch->blind_error}};

	ms_report_command(watch->report, &watch->reading, &event);
	ms_publish(watch);
}

void ms_watch_start(struct ms_watch *watch, const struct ms_watch_live *live)
{
	uint64_t now_ns = ms_clock_ns();

	watch->live = *live;
	if (watch->blind_error < 0) {
		say_blind(watch);
		return;
	}
	ms_pace_worst_note(&watch->reading.worst.wake, live->fifo ? FIFO_WAKE_NS : TICK_NS, now_ns);
	sample(watch, now_ns);
	scan(watch, now_ns); /* which puts the edges for the limits just read */
	rehearse(watch);
	say_start(watch);
	ms_publish(watch);
	look_now(watch, now_ns);
}

void ms_watch_notice(struct ms_watch *watch)
{
	uint64_t now_ns = ms_clock_ns();

	if (watch->blind_error < 0)
		return;
	ms_reading_scan_soon(&watch->reading, now_ns);
	ms_silence_check_soon(watch);
	watch->look.at_ns = ms_least(watch->look.at_ns, watch->reading.next_scan_ns);
}

static int send_one(struct ms_watch *watch, uint32_t slot, int signal)
{
	const struct ms_process *process = &watch->reading.tree.slots[slot].process;
	struct ms_process_memory memory;
	int error = ms_members_signal(&watch->members.at[slot], signal);

	/* What can still be read below the kept descriptor has not ended, so the pid is its own. */
	if (error == -ENOENT && ms_process_sample(process, &watch->root, &memory) >= 0)
		error = kill(process->pid, signal) < 0 ? -errno : 0;
	return error;
}

uint32_t ms_watch_signal(struct ms_watch *watch, int signal)
{
	uint32_t sent = 0;

	for (uint32_t slot = 0; slot < watch->reading.tree.high; slot++) {
		const struct ms_tree_member *known = ms_tree_member(&watch->reading.tree, slot);
		struct ms_member *member = &watch->members.at[slot];

		if (!known || member->pid != known->process.pid || (member->signal == signal && signal != SIGKILL))
			continue;
		member->signal = signal;
		sent += send_one(watch, slot, signal) == 0;
		if (signal == SIGTERM)
			send_one(watch, slot, SIGCONT);
	}
	return sent;
}

void ms_watch_restarted(struct ms_watch *watch, pid_t pid, uint64_t pause_ms)
{
	uint64_t now_ns = ms_clock_ns();
	struct ms_event event = {.kind = MS_EVENT_RESTART,
				 .as.restart = {.restarts = ++watch->summary.restarts, .pause_ms = pause_ms}};

	watch->report->command_pid = pid;
	watch->options.roots[0] = pid;
	watch->state.root_pids[0] = (uint32_t)pid;
	watch->reading.started_ns = now_ns; /* it forks most while it starts */
	ms_policy_restart(&watch->policy);
	if (watch->blind_error < 0)
		return;
	(void)ms_tree_add_root(&watch->reading.tree, pid, 0); /* else the next scan finds it: the adopter's child */
	ms_greet_follow(watch, now_ns);
	ms_report_command(watch->report, &watch->reading, &event);
	ms_watch_notice(watch);
}

bool ms_watch_was_oom_killed(struct ms_watch *watch)
{
	uint64_t kills, before = watch->oom_kills_seen;

	if (watch->blind_error < 0 || before == UINT64_MAX ||
	    ms_cgroup_oom_kills(&watch->reading.budget.cgroup, &kills) < 0)
		return false;
	watch->oom_kills_seen = kills;
	return kills > before;
}

static void count_oom_kills(struct ms_watch *watch)
{
	uint64_t kills;

	watch->summary.oom_kills = UINT64_MAX;
	if (watch->oom_kills_before != UINT64_MAX &&
	    ms_cgroup_oom_kills(&watch->reading.budget.cgroup, &kills) == 0)
		watch->summary.oom_kills = kills - watch->oom_kills_before;
}

void ms_watch_end(struct ms_watch *watch, const struct ms_watch_end *end)
{
	struct ms_event_end *summary = &watch->summary;
	struct ms_report *report = watch->report;
	struct ms_event event = {.kind = MS_EVENT_END};
	struct ms_watch_own own;

	if (watch->blind_error < 0)
		return;
	ms_result_settle(watch, ms_clock_ns(), true);
	own = ms_watch_own_sum(watch, true);
	summary->own_rounds = own.rounds;
	summary->own_claimed_bytes = own.claimed_bytes;
	summary->own_returned_bytes = own.returned_bytes;
	summary->own_us = own.us;
	summary->brakes = own.brakes;
	summary->braked_us = own.braked_us;
	for (uint32_t slot = 0; slot < watch->reading.tree.high; slot++)
		ms_members_name(&watch->members, slot, 0, &summary->largest, NULL);
	summary->run_ms = (ms_clock_ns() - report->started_ns) / MS_NS_PER_MS;
	if (end->max_rss_bytes > summary->peak_rss_bytes)
		summary->peak_rss_bytes = end->max_rss_bytes;
	summary->lost_lines = report->lines.lost_lines + report->journal.lost_lines;
	summary->wakeups = watch->loop->wakeups;
	count_oom_kills(watch);
	summary->exit_code = end->exit_code;
	summary->signal = end->signal;
	event.as.end = *summary;
	ms_report_say(report, &watch->reading, &event);
}

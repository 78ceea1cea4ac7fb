/* SPDX-License-Identifier: MIT */
/* run/exhausted.c - see exhausted.h. */
#include "run/exhausted.h"

#include <assert.h>
#include <signal.h>
#include <sys/wait.h>

#include "util/clock.h"

/* Chosen: what container engines give. */
#define GRACE_NS (10 * MS_NS_PER_S)
#define AGAIN_NS (100 * MS_NS_PER_MS) /* there may be processes that were not known before */
#define BACK_OFF_NS MS_NS_PER_S
enum { DOUBLINGS = 6 }; /* to a minute */
#define BACK_OFF_MOST_NS (60 * MS_NS_PER_S)
/* So long a run is no failed start: what leaks so fast is started again and again. */
#define WELL_NS (600 * MS_NS_PER_S)
#define REST_LOOK_NS MS_NS_PER_S

static void enter(struct ms_exhausted *exhausted, enum ms_exhausted_phase phase, uint64_t now_ns)
{
	exhausted->phase = phase;
	exhausted->since_ns = now_ns;
}

/* ---- exec ---- */

static void run_hook(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	const struct ms_sample *sample = &exhausted->watch->reading.sample;
	const struct ms_event_end *summary = &exhausted->watch->summary;
	const struct ms_helper_facts facts = {
		.pid = exhausted->child->pid,
		.processes = sample->processes,
		.used_bytes = sample->limit.used_bytes,
		.max_bytes = sample->limit.max_bytes,
		.rss_bytes = sample->rss_bytes,
		.in_caches_bytes = summary->in_caches_bytes,
		.unexplained_bytes = summary->unexplained_bytes,
	};

	exhausted->helper.pid = exhausted->signals->helper_pid; /* it may have been killed */
	(void)ms_helper_hook(&exhausted->helper, &facts); /* a hook that still runs was told already */
	exhausted->timer.at_ns = now_ns + REST_LOOK_NS;
}

/* The helper takes memory for the next hook once the job is not exhausted any more. */
static void look_for_rest(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	if (exhausted->watch->policy.exhausted)
		exhausted->timer.at_ns = now_ns + REST_LOOK_NS;
	else
		ms_helper_rest(&exhausted->helper);
}

/* ---- ending the job ---- */

static void say_stop(struct ms_exhausted *exhausted, int signal, uint32_t sent)
{
	struct ms_event event = {.kind = MS_EVENT_STOP, .as.stop = {.signal = signal, .sent = sent}};

	if (exhausted->said_signal == signal || sent == 0)
		return;
	exhausted->said_signal = signal;
	ms_report_say(exhausted->watch->report, &exhausted->watch->reading, &event);
}

/*
 * A signal that came long before says nothing about the end of the run, nor does SIGHUP, which has daemons
 * read their configuration again. But a job that was told to end just now, and ran out of memory while it
 * did, is not started again.
 */
static void forget_signal(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	struct ms_signals *signals = exhausted->signals;

	if (signals->end_signal == SIGHUP || now_ns - signals->end_seen_ns >= GRACE_NS)
		signals->end_signal = 0;
	exhausted->said_signal = 0;
}

static void begin_stop(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	exhausted->sent = ms_watch_signal(exhausted->watch, SIGTERM);
	forget_signal(exhausted, now_ns);
	enter(exhausted, MS_EXHAUSTED_STOPPING, now_ns);
	exhausted->timer.at_ns = now_ns; /* for the words */
}

static void go_on_stopping(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	say_stop(exhausted, SIGTERM, exhausted->sent);
	ms_watch_signal(exhausted->watch, SIGTERM);
	exhausted->timer.at_ns = now_ns + AGAIN_NS;
	if (now_ns - exhausted->since_ns >= GRACE_NS)
		enter(exhausted, MS_EXHAUSTED_KILLING, now_ns);
}

/* Return: how many were left. */
static uint32_t kill_all(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	uint32_t sent = ms_watch_signal(exhausted->watch, SIGKILL);

	sent += ms_signals_kill_rest(exhausted->signals, exhausted->child);
	say_stop(exhausted, SIGKILL, sent);
	exhausted->timer.at_ns = now_ns + AGAIN_NS;
	return sent;
}

void ms_exhausted_came(void *arg, uint64_t now_ns)
{
	struct ms_exhausted *exhausted = arg;

	if (exhausted->action == MS_EXHAUSTED_EXEC)
		run_hook(exhausted, now_ns);
	else if (exhausted->action != MS_EXHAUSTED_WARN && exhausted->phase == MS_EXHAUSTED_IDLE)
		begin_stop(exhausted, now_ns);
}

/* ---- starting it again ---- */

static bool may_restart(const struct ms_exhausted *exhausted)
{
	return exhausted->action == MS_EXHAUSTED_RESTART && exhausted->signals->end_signal == 0 &&
	       exhausted->in_row < exhausted->restarts_most;
}

static uint64_t back_off(const struct ms_exhausted *exhausted)
{
	uint64_t pause_ns = BACK_OFF_NS << (exhausted->in_row < DOUBLINGS ? exhausted->in_row : DOUBLINGS);

	return pause_ns < BACK_OFF_MOST_NS ? pause_ns : BACK_OFF_MOST_NS;
}

static void rest(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	enter(exhausted, MS_EXHAUSTED_RESTING, now_ns);
	exhausted->timer.at_ns = now_ns + back_off(exhausted);
}

static void start_again(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	uint64_t pause_ms = (now_ns - exhausted->since_ns) / MS_NS_PER_MS;

	if (!may_restart(exhausted)) /* a signal came together with this timer: the run is over */
		return;
	if (kill_all(exhausted, now_ns) > 0) /* as process 1 the end of the command is not that of the job */
		return;
	exhausted->helper.pid = exhausted->signals->helper_pid; /* it may have been killed */
	pid_t pid = ms_helper_start(&exhausted->helper, ms_enforce_place, exhausted->enforce);

	if (pid < 0) {
		exhausted->start_error = pid;
		return;
	}
	exhausted->timer.at_ns = MS_LOOP_NEVER;
	exhausted->in_row++;
	exhausted->started_ns = ms_clock_ns();
	exhausted->ended_job = false;
	*exhausted->child = (struct ms_child){.pid = pid, .pidfd = -1, .start_fd = -1};
	enter(exhausted, MS_EXHAUSTED_IDLE, now_ns);
	ms_watch_restarted(exhausted->watch, pid, pause_ms);
}

/* The kernel was faster. */
static bool was_killed_for_memory(struct ms_exhausted *exhausted)
{
	int status = exhausted->child->status;

	return exhausted->action == MS_EXHAUSTED_RESTART && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	       ms_watch_was_oom_killed(exhausted->watch);
}

/* Return: whether the run is over. */
static bool end_job(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	if (exhausted->phase == MS_EXHAUSTED_IDLE) {
		if (!was_killed_for_memory(exhausted))
			return true;
		forget_signal(exhausted, now_ns);
	}
	exhausted->ended_job = true;
	if (now_ns - exhausted->started_ns >= WELL_NS)
		exhausted->in_row = 0;
	if (!may_restart(exhausted))
		return true;
	rest(exhausted, now_ns);
	return false;
}

bool ms_exhausted_is_over(struct ms_exhausted *exhausted, uint64_t now_ns)
{
	if (!exhausted->child->job_ended)
		return false;
	if (exhausted->phase == MS_EXHAUSTED_RESTING)
		return exhausted->start_error < 0 || !may_restart(exhausted);
	return end_job(exhausted, now_ns);
}

/* ---- */

static void fire(void *arg, uint64_t now_ns)
{
	struct ms_exhausted *exhausted = arg;

	exhausted->timer.at_ns = MS_LOOP_NEVER;
	switch (exhausted->phase) {
	case MS_EXHAUSTED_IDLE:
		look_for_rest(exhausted, now_ns);
		break;
	case MS_EXHAUSTED_STOPPING:
		go_on_stopping(exhausted, now_ns);
		break;
	case MS_EXHAUSTED_KILLING:
		kill_all(exhausted, now_ns);
		break;
	case MS_EXHAUSTED_RESTING:
		start_again(exhausted, now_ns);
		break;
	}
}

void ms_exhausted_init(struct ms_exhausted *exhausted, struct ms_watch *watch, struct ms_signals *signals,
		       struct ms_child *child, struct ms_loop *loop)
{
	exhausted->watch = watch;
	exhausted->signals = signals;
	exhausted->child = child;
	exhausted->started_ns = ms_clock_ns();
	exhausted->timer = (struct ms_loop_timer){.at_ns = MS_LOOP_NEVER, .fire = fire, .arg = exhausted};
	signals->helper_pid = exhausted->helper.pid;
	ms_loop_add_timer(loop, &exhausted->timer);
}

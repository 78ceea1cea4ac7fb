/* SPDX-License-Identifier: MIT */
/*
 * watch/watch.h - a watched job: its roots and all that descends from them, its budget, what is decided and
 * asked, and what of it is published.
 *
 * It lives in the loop of its program (`run`: a child and one watch): it registers its own sources there
 * and a timer, and knows nothing of the loop's other sources. One look: the members, how much is used and which
 * limit binds, what came of the orders, whether to give more; then nothing until the job could be half way to
 * the next mark, an edge comes, or orders are to be turned.
 *
 * Each part has the name of its file, and only that file writes it. One thread. After
 * ms_watch_start() nothing allocates, and above danger nothing is opened.
 */
#ifndef MS_WATCH_WATCH_H
#define MS_WATCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/policy.h"
#include "table/state.h"
#include "util/root.h"
#include "util/units.h"
#include "watch/precount.h"
#include "watch/loop.h"
#include "watch/members.h"
#include "watch/orders.h"
#include "watch/own.h"
#include "watch/reading.h"
#include "watch/report.h"
#include "watch/result.h"
#include "watch/shortage.h"
#include "watch/silence.h"
#include "watch/unloaded.h"

struct ms_watch_options {
	pid_t roots[MS_STATE_ROOTS];
	uint32_t root_count; /* at least 1 */
	pid_t adopter_pid;   /* its children are all members; 0 = no process */
	uint64_t max_bytes;  /* --max; 0 = none */
	bool enforced;       /* the roots are in a cgroup with that limit: the kernel counts */
	int enforce_error;   /* negative errno: why they are not; 0 where it was not tried */
	struct ms_mark high, low;
	bool no_brake;       /* no thread of a member is held back */
	enum ms_exhausted_action on_exhausted;
	/* Told once in a shortage, from the alarm path: it must not allocate, open or wait. NULL = nobody is. */
	void (*exhausted)(void *arg, uint64_t now_ns);
	void *exhausted_arg;
	const char *python_dir; /* the adapter for Python, as the job was given it; NULL = it was not */
	pid_t except_pid;    /* a child of the adopter that does not belong to the job; 0 = none */
	int hello_fd;        /* where members say hello; -1: tables are only looked for; not owned */
	const char *journal; /* path, to be published; NULL = none */
};

/* What its process could get of the system, to be told and published. */
struct ms_watch_live {
	bool locked; /* all memory */
	bool fifo;
	bool oom_protected;
};

struct ms_watch {
	struct ms_watch_options options;
	struct ms_watch_live live;
	int blind_error; /* negative errno: nothing is watched */
	struct ms_root root;
	struct ms_loop *loop;
	struct ms_loop_timer look;
	struct ms_report *report;

	struct ms_policy_config config;
	struct ms_orders orders;
	struct ms_result result;
	struct ms_silence silence;
	struct ms_precount precount;
	struct ms_shortage shortage;
	struct ms_unloaded unloaded;
	struct ms_event_end summary;
	struct ms_watch_own own; /* of members that have left */
	uint64_t own_look_ns;    /* when to look next for what members did by themselves */
	uint64_t oom_kills_before, oom_kills_seen;

	struct ms_state_writer writer;
	struct ms_state state;

	struct ms_plan plan;
	struct ms_policy_state policy;
	struct ms_reading reading;
	struct ms_members members;
};

/**
 * ms_watch_open - open all that will be read, and publish
 * @watch: zeroed memory; large, and touched as far as processes are there
 * @report: initialised; not owned, as the loop
 *
 * When that fails, blind_error says why, and the roots go on without a watch. In a /proc of another pid
 * namespace (-EXDEV) their numbers mean other processes.
 */
void ms_watch_open(struct ms_watch *watch, const struct ms_watch_options *options, struct ms_report *report,
		   struct ms_loop *loop);

/** ms_watch_start - read once, touch every path, say that it begins, look from now on */
void ms_watch_start(struct ms_watch *watch, const struct ms_watch_live *live);

/** ms_watch_notice - a process of the job may have ended, stopped or gone on */
void ms_watch_notice(struct ms_watch *watch);

/**
 * ms_watch_signal - send a signal to every process of the job that is known, and has not been sent it before
 * By pidfd where it has one. After SIGTERM comes SIGCONT: what is stopped must go on to end. SIGKILL is sent
 * each time. On the alarm path too: opens nothing.
 * Return: to how many.
 */
uint32_t ms_watch_signal(struct ms_watch *watch, int signal);

/** ms_watch_restarted - the job ended, and its command was started again as @pid */
void ms_watch_restarted(struct ms_watch *watch, pid_t pid, uint64_t pause_ms);

/** ms_watch_was_oom_killed - did the OOM killer end a process of the job's cgroup since the last call? */
bool ms_watch_was_oom_killed(struct ms_watch *watch);

/* How the command ended. */
struct ms_watch_end {
	int exit_code; /* as a shell has it */
	int signal;    /* 0: none ended it */
	uint64_t max_rss_bytes; /* of its largest process */
};

/** ms_watch_end - the last event, with the summary */
void ms_watch_end(struct ms_watch *watch, const struct ms_watch_end *end);

/* --max, or UINT64_MAX where there is none, as events have it */
static inline uint64_t ms_watch_option_max(const struct ms_watch *watch)
{
	return watch->options.max_bytes ? watch->options.max_bytes : UINT64_MAX;
}

#endif

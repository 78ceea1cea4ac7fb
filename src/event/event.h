/* SPDX-License-Identifier: MIT */
/*
 * event/event.h - what the supervisor did or saw, as a plain value. Rendered for people by digest.c
 * and explain.c, for scripts by journal.c; nothing is said anywhere else.
 *
 * Strings point into the context and are valid during the call; names are as the target wrote them.
 */
#ifndef MS_EVENT_EVENT_H
#define MS_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/policy.h"
#include "sample/sample.h"

enum ms_event_kind {
	MS_EVENT_START,     /* the command runs: budget and what live.c achieved */
	MS_EVENT_LIMIT,     /* another limit binds now, or it changed */
	MS_EVENT_MARGIN,    /* high was lowered, because the target could outrun the orders */
	MS_EVENT_TARGET,    /* a table was found: pid, caches */
	MS_EVENT_ORDER,     /* a cache was asked: why, level, target_bytes */
	MS_EVENT_ANSWER,    /* it answered: status, claimed, duration */
	MS_EVENT_RETURNED,  /* all answered and settled: what the kernel says came back */
	MS_EVENT_WAIT,      /* above high, but nothing is asked now: why */
	MS_EVENT_WARN,      /* nothing is left to ask: why */
	MS_EVENT_RECOVERED, /* below low again */
	MS_EVENT_STOPPED,   /* a process with orders is stopped; they were taken back */
	MS_EVENT_RESUMED,
	MS_EVENT_SILENT,    /* its agent did not take an order in time */
	MS_EVENT_END,       /* the command ended: summary */
};

/* What was achieved of ms_live_secure(). */
struct ms_live {
	bool locked; /* all memory */
	bool fifo;
	bool oom_protected;
};

/* Over the whole run. Sizes are sums, times too. */
struct ms_summary {
	uint64_t run_ns;
	uint64_t peak_rss_bytes; /* of the tree, at the samples; of one process, also between them */
	uint64_t shortages;      /* how often above high */
	uint64_t rounds;         /* plans with orders */
	uint64_t orders;
	uint64_t claimed_bytes;
	uint64_t returned_bytes;
	bool claimed_estimated;
	uint64_t shrink_ns; /* from the first order of a round to its last answer */
	uint64_t worst_delay_ns; /* a look that came later than planned */
	uint64_t worst_growth_bytes; /* between two looks */
	uint64_t wakeups;
	uint64_t lost_lines; /* stderr or the journal would have blocked, or failed */
	uint64_t oom_kills;  /* in its cgroup, meanwhile; UINT64_MAX = not known */
};

struct ms_event {
	enum ms_event_kind kind;
	uint64_t since_start_ns;
	uint64_t unix_ms;

	const struct ms_sample *sample;
	const struct ms_marks *marks;
	uint64_t option_max_bytes; /* --max, 0 = none */

	/* About a process or one of its caches. */
	pid_t pid;
	const char *comm;
	uint32_t row;
	const char *cache; /* "" for the allocator's row */
	uint32_t caches;   /* TARGET: live rows */

	/* ORDER, ANSWER, WAIT, WARN */
	enum ms_why why;
	uint32_t level;
	uint32_t orders_left; /* ORDER: of the same plan, to be told after this one */
	uint64_t target_bytes, cache_bytes;
	bool estimated;  /* cache_bytes, claimed_bytes */
	uint32_t status; /* enum ms_answer_status */
	int32_t error;
	uint64_t claimed_bytes, claimed_entries;
	uint64_t duration_ns; /* ANSWER: of the callback; RETURNED, RECOVERED: of the round, the shortage */
	uint64_t returned_bytes;
	uint64_t pause_ns;  /* WAIT: until the next try */
	uint64_t margin_bytes;
	uint64_t latency_ns;
	uint32_t agent_state; /* SILENT: enum ms_agent_state */

	const struct ms_live *live;       /* START */
	const struct ms_summary *summary; /* END */
	int exit_code;                    /* END */
};

#endif

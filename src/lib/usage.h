/* SPDX-License-Identifier: MIT */
/* lib/usage.h - how much of the budget is used, as the process itself can read it at any moment. */
#ifndef MS_LIB_USAGE_H
#define MS_LIB_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "util/inode.h"

struct ms_marks_body;

/* A file that the agent opens, and that any thread reads when it looks. writer: agent */
struct ms_usage_file {
	_Atomic int fd;              /* the host may close it */
	_Atomic uint64_t device, inode; /* which file it is; inode 0: none; [usage.U1] */
};

/* A thread that runs callbacks: its stat and its clock of CPU time. writer: agent */
struct ms_usage_thread {
	struct ms_usage_file stat;
	_Atomic clockid_t clock;
};

struct ms_usage {
	struct ms_usage_file used;   /* what the marks name */
	struct ms_usage_file statm;  /* of this process */
	struct ms_usage_thread agent; /* the thread that is the agent */
	struct ms_usage_thread late;  /* the thread that was the agent before, where its callback is late */
	_Atomic uint64_t generation; /* of the marks that @used was opened for; 0: none is open */
	/* What to add to it for page cache, as the agent read that; used only while newer than the marks. */
	_Atomic int64_t cache_offset;
	_Atomic uint64_t cache_at_ns; /* 0: never */
	/* Only the agent uses these. */
	int stat_fd;
	struct ms_inode stat_held;
	uint64_t refused_generation; /* the file of these marks could not be opened ... */
	uint64_t refused_until_ns;   /* ... and is not tried again before */
	uint64_t statm_due_ns;       /* statm is not opened again before */
	pid_t agent_tid;             /* of @agent; 0: none */
	uint64_t agent_due_ns;       /* its stat could not be opened, and is not tried again before */
};

/**
 * ms_usage_bytes - what is used of the budget now, as its watch counts; any thread; 1 us
 * Return: 0 where nothing can be read.
 */
uint64_t ms_usage_bytes(const struct ms_marks_body *marks);

/** ms_usage_fresh - the same, with the page cache as it is now; by the thread that is the agent; 50 us */
uint64_t ms_usage_fresh(const struct ms_marks_body *marks, uint64_t now_ns);

/**
 * ms_usage_agent_waits - do all threads that run callbacks sleep, also one with a late callback; any thread;
 * 10 us
 * Return: true while each waits for a lock or for something to read, and where that is not known; false where
 * one runs or waits for a CPU, and in a page fault.
 */
bool ms_usage_agent_waits(void);
/** ms_usage_agent_cpu_ns - the CPU time that these threads have used so far; any thread; 0: not known */
uint64_t ms_usage_agent_cpu_ns(void);

/** ms_usage_open - open what the marks ask for, unless it is open or memory is short; by the agent */
void ms_usage_open(const struct ms_marks_body *marks, uint64_t now_ns);
/** ms_usage_pass_agent - the callback of the agent is late: the caller is the agent from now on */
void ms_usage_pass_agent(void);
/** ms_usage_after_fork - in the child: close the files of the parent's own statm and stat; under all locks */
void ms_usage_after_fork(void);

#endif

/* SPDX-License-Identifier: MIT */
/* lib/agent.h - takes orders and answers them. */
#ifndef MS_LIB_AGENT_H
#define MS_LIB_AGENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/round.h"

/* writer: the thread that is the agent. A thread that takes over from it finds all as it was when the late
 * callback began, because both were under [K2] since. */
struct ms_agent {
	struct ms_job jobs[MS_JOB_COUNT]; /* the last one of the own order, see own.c */
	struct ms_job *current; /* with the callback that runs */
	/* Read by any thread that sleeps for the agent. UINT64_MAX: never. */
	_Atomic uint64_t wait_until_ns; /* the first deadline of a waiting job */
	_Atomic uint64_t sweep_ns;      /* when to look after slots that stay busy */
};

/** ms_agent_serve - take the orders that wait and carry them out, and count when that is due
 * Return: how many were answered; MS_AGENT_LOST */
int ms_agent_serve(void);
/** ms_agent_resume - go on where another thread is late in a callback; Return: as ms_agent_serve() */
int ms_agent_resume(void);
/** ms_agent_due - when there is something to do without a new order, CLOCK_MONOTONIC; any thread */
uint64_t ms_agent_due(void);
/** ms_agent_reset - no order is taken; before it starts, under [K1] */
void ms_agent_reset(void);
/** ms_agent_finish_stop - MS_LIFE_STOPPING becomes STOPPED, when no callback runs and no worker is left; by
 * each thread that leaves */
void ms_agent_finish_stop(void);

#endif

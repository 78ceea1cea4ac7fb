/* SPDX-License-Identifier: MIT */
/* lib/host.h - the agent in a thread of the host's, one at a time. */
#ifndef MS_LIB_HOST_H
#define MS_LIB_HOST_H

#include <stdbool.h>

#include "memshed.h"

/* How a thread came to be the agent. */
enum ms_entry { MS_ENTRY_REFUSED = 0, MS_ENTRY_FREE, MS_ENTRY_TAKEN_OVER };

/** ms_host_enter - REFUSED: another thread is the agent, and not late */
enum ms_entry ms_host_enter(void);
/** ms_host_serve - carry out what waits, if that is the @mode, and leave; Return: how many orders were
 * answered */
int ms_host_serve(enum memshed_agent_mode mode, enum ms_entry entry);
/** ms_host_leave - without serving */
void ms_host_leave(void);
void ms_host_after_fork(void);

#endif

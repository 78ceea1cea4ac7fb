/* SPDX-License-Identifier: MIT */
/* lib/count.h - asks caches that know their own size, about once a second. */
#ifndef MS_LIB_COUNT_H
#define MS_LIB_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ms_count {
	/* writer: agent, but for expect(); readers: any thread that sleeps for the agent */
	_Atomic uint64_t due_ns;
	uint64_t interval_ns; /* writer: agent */
	uint32_t next_row;    /* where a pass that took too long goes on; writer: agent */
	uint64_t all_due_ns;  /* no ms_count_all() before; writer: agent */
};

/** ms_count_when_due - refresh the pulled counters of all caches; Return: 0 or MS_AGENT_LOST */
int ms_count_when_due(void);
/** ms_count_all - now, inside the host's hooks, unless that was done a moment ago; Return: 0 or MS_AGENT_LOST */
int ms_count_all(uint64_t now_ns);
/** ms_count_one - Return: 0 or MS_AGENT_LOST; *ret_status: enum ms_answer_status */
int ms_count_one(uint32_t row, uint32_t generation, uint64_t deadline_ns, bool *ret_changed,
		 uint32_t *ret_status);
uint64_t ms_count_due(void);
/** ms_count_expect - a cache that counts was registered: do not sleep for longer than one interval */
void ms_count_expect(void);
void ms_count_reset(void);

#endif

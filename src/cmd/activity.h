/* SPDX-License-Identifier: MIT */
/* cmd/activity.h - what a target's agent is doing, and whether it could answer an order. */
#ifndef MS_CMD_ACTIVITY_H
#define MS_CMD_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#include "table/reader.h"
#include "util/escape.h"

struct ms_activity {
	uint32_t mode, state; /* enum memshed_agent_mode, enum ms_agent_state */
	char process_state;   /* letter of the process: 'T' can answer nothing */
	bool in_callback;
	char callback[MS_NAME_BYTES]; /* the cache in a callback, as the target wrote it */
	bool since_known;
	uint64_t since_us; /* how long it has been in the callback, or waiting for the host's lock */
	unsigned stuck;    /* callbacks past their deadline that still run */
	char text[MS_ESCAPED_NAME + 96]; /* all this for people, escaped */
};

/**
 * ms_activity_describe - from the table's header and the rows
 * @process_state: letter of /proc/PID/stat
 * @now_ns: CLOCK_MONOTONIC
 */
void ms_activity_describe(const struct ms_table_info *info, const struct ms_row *rows, unsigned count,
			  char process_state, uint64_t now_ns, struct ms_activity *ret_activity);

/** ms_age_us - from a target's time stamp until now; false for 0 and for the future (a time namespace) */
bool ms_age_us(uint64_t stamp_ns, uint64_t now_ns, uint64_t *ret_us);

#endif

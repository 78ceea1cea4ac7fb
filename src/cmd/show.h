/* SPDX-License-Identifier: MIT */
/* cmd/show.h - what `memshed show` has gathered, and its two forms. */
#ifndef MS_CMD_SHOW_H
#define MS_CMD_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/agent.h"
#include "cmd/find.h"
#include "cmd/rows.h"
#include "cmd/supervisor.h"
#include "policy/policy.h"
#include "sample/sample.h"

enum { MS_SHOW_LIMITS = 48, MS_SHOW_CACHES = 40 };

struct ms_show {
	const struct ms_target *target;
	struct ms_pid_facts facts; /* now, not when it was found */
	uint64_t now_ns;
	const struct ms_row *rows; /* sorted; the allocator's is among them */
	unsigned row_count;
	struct ms_row_totals totals;
	const struct ms_row *allocator; /* NULL: no such row */
	struct ms_agent agent;
	struct ms_supervisor supervisor;
	struct ms_sample sample; /* of the tree under the budget; limit.source MS_LIMIT_NONE when not known */
	struct ms_marks marks;
	struct ms_limit limits[MS_SHOW_LIMITS];
	uint32_t limit_count;
	unsigned shown; /* caches in the table for people; the largest come first */
};

/** ms_show_explained - the part of the RSS that caches and allocator account for; false when they claim
 * more than there is, so that nothing follows */
bool ms_show_explained(const struct ms_show *show, uint64_t *ret_bytes);

void ms_show_print_text(const struct ms_show *show);
void ms_show_print_json(const struct ms_show *show);

#endif

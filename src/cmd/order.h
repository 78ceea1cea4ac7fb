/* SPDX-License-Identifier: MIT */
/* cmd/order.h - what `memshed clear` and `memshed shrink` did, and its two forms. */
#ifndef MS_CMD_ORDER_H
#define MS_CMD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/find.h"
#include "cmd/post.h"

struct ms_verb;

/** ms_order_main - the whole of memshed clear, or of memshed shrink; Return: the exit code */
int ms_order_main(const struct ms_verb *verb, bool shrink, int argc, char **argv);

enum { MS_ORDER_SHOWN = 40 };

struct ms_order_report {
	const struct ms_target *target;
	struct ms_post *posts;
	unsigned count;
	bool dry_run;
	uint64_t wanted_bytes; /* shrink's SIZE; 0 = everything */
	bool rss_before_known, rss_after_known;
	uint64_t rss_before_bytes, rss_after_bytes;
	uint64_t duration_us; /* all of it */
	unsigned shown;       /* lines in the table for people */
};

/** ms_order_status - the word for how an order ended: an answer's, "not-asked", "no-answer" or "still-runs"
 */
const char *ms_order_status(const struct ms_post *post);

/** ms_order_claimed - bytes claimed by the caches together, the allocator's not among them */
uint64_t ms_order_claimed(const struct ms_order_report *report, bool *ret_estimated);

void ms_order_print_text(const struct ms_order_report *report);
void ms_order_print_json(const struct ms_order_report *report);

#endif

/* SPDX-License-Identifier: MIT */
/* cmd/order.h - what `memshed clear` and `memshed shrink` ask, what came of it, and its two forms. */
#ifndef MS_CMD_ORDER_H
#define MS_CMD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/carry.h"
#include "cmd/rows.h"
#include "cmd/target.h"

/* What the help of both says of their common options, from CACHE on. */
#define MS_ORDER_HELP                                                                                        \
	"  CACHE             a cache's name; prefix* for all that begin so; allocator for the allocator\n"   \
	"      --timeout T   how long an order may take (default 10s; 500ms, 2m)\n"                          \
	"  -n, --dry-run     only say what would be asked\n"                                                 \
	"  -a, --all         all lines, not only the first 40\n"                                             \
	"      --json        for scripts\n"                                                                  \
	"  -h, --help        this text\n\n"                                                                  \
	"Claimed is what the caches say they freed, returned is by how much the RSS fell. "

struct ms_order_options {
	const struct ms_verb *verb;
	bool shrink, dry_run, json, all;
	uint64_t wanted_bytes; /* shrink; 0 = everything */
	uint64_t timeout_us;
	const char *target;
	char **names;
	unsigned name_count;
};

/* A cache that the orders may reach. */
struct ms_order_row {
	struct ms_row before;
	struct ms_row after; /* as read after the orders; generation 0: it was gone by then */
	int asked_by;        /* the order that it was asked by, as its row says; -1: by none */
	int meant_by;        /* the order that is for it; -1: none was made */
	bool would_ask;      /* --dry-run */
	uint64_t aim_bytes;  /* --dry-run: 0 = everything */
};

/* The caches of one name of which the same came: row has the sums. */
struct ms_order_group {
	struct ms_order_row row; /* first, so that groups sort as rows do */
	const struct ms_order_row *first;
	unsigned caches;
};

struct ms_order_report {
	const struct ms_target *target;
	bool shrink, dry_run;
	uint64_t wanted_bytes;
	struct ms_order_row *rows; /* in the order of the ranking */
	unsigned row_count;
	struct ms_carried *orders;
	unsigned order_count;
	uint64_t first_seq;   /* of orders[0]; the others follow */
	uint32_t running_row; /* the row in a callback when the rows were read again; UINT32_MAX = none */
	bool rss_before_known, rss_after_known;
	uint64_t rss_before_bytes, rss_after_bytes;
	uint64_t duration_us;
	unsigned shown; /* lines in the table for people */
};

/* order.c */

/** ms_order_main - the whole of memshed clear, or of memshed shrink; Return: the exit code */
int ms_order_main(const struct ms_verb *verb, bool shrink, int argc, char **argv);

/* order_plan.c */

/**
 * ms_order_plan - make the orders for the rows
 *
 * For named caches one for each name (a group), in the order of the ranking; without names one for the
 * process, which ranks by itself. In a dry run no order is made: the rows say what would be asked.
 * Return: 0; -ENOMEM.
 */
int ms_order_plan(const struct ms_order_options *options, struct ms_order_report *report);

/**
 * ms_order_plan_rest - after clear's order for the process: for caches that it does not reach, and busy ones
 * Return: how many orders were added; -ENOMEM.
 */
int ms_order_plan_rest(const struct ms_order_options *options, struct ms_order_report *report);

/** ms_order_read_rows - put in what the rows say after the orders; Return: 0; a negative errno */
int ms_order_read_rows(struct ms_order_report *report, struct ms_target *target);

/* order_groups.c */

typedef const char *ms_order_status_fn(const struct ms_order_report *report, const struct ms_order_row *row);

/**
 * ms_order_groups - group rows by name, and by what came of them
 * @rows: pointers into report->rows; they are sorted
 * @status: the word for what came of a row
 * Return: free() it; in no order; never NULL (see ms_render_alloc()).
 */
struct ms_order_group *ms_order_groups(const struct ms_order_report *report, const struct ms_order_row **rows,
				       unsigned count, ms_order_status_fn *status, unsigned *ret_count);

/* order_report.c */

/** ms_order_claimed - bytes claimed by the caches of all orders, the allocator's not among them */
uint64_t ms_order_claimed(const struct ms_order_report *report, bool *ret_estimated);

void ms_order_print_text(const struct ms_order_report *report);
void ms_order_print_json(const struct ms_order_report *report);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cmd/order.c - memshed clear and memshed shrink: choose the caches, have them asked, judge what came of it.
 */
#include "cmd/order.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/nearest.h"
#include "cmd/activity.h"
#include "cmd/find.h"
#include "cmd/json.h"
#include "table/names.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/saturate.h"
#include "util/units.h"

enum { DEFAULT_TIMEOUT_US = 10000000, SHOWN = 40 };
#define LONGEST_TIMEOUT_US UINT64_C(86400000000) /* a day */

/* ---- options ---- */

static uint64_t parse_size(const struct ms_verb *verb, const char *text)
{
	uint64_t bytes = 0;
	int error = ms_units_parse_bytes(text, &bytes);

	if (error < 0 || bytes == 0)
		ms_verb_wrong(verb, "--bytes %s: %s", text,
			      error == -ERANGE ? "out of range"
			      : error == 0     ? "nothing to free"
					       : "not a size; write it like 1.5G, 800M or 1048576");
	return bytes;
}

static uint64_t parse_timeout(const struct ms_verb *verb, const char *text)
{
	uint64_t us = 0;
	int error = ms_units_parse_duration(text, &us);

	if (error < 0 || us == 0 || us > LONGEST_TIMEOUT_US)
		ms_verb_wrong(verb, "--timeout %s: %s", text,
			      error == 0 || error == -ERANGE ? "out of range: above 0, and a day at most"
							     : "not a time; write it like 10s, 500ms or 2m");
	return us;
}

static void take_option(int option, struct ms_order_options *options)
{
	switch (option) {
	case 'b':
		options->wanted_bytes = parse_size(options->verb, optarg);
		break;
	case 't':
		options->timeout_us = parse_timeout(options->verb, optarg);
		break;
	case 'n':
		options->dry_run = true;
		break;
	case 'a':
		options->all = true;
		break;
	case 'j':
		options->json = true;
		break;
	}
}

static void parse(int argc, char **argv, struct ms_order_options *options)
{
	static const struct option all_options[] = {
		{.name = "bytes", .has_arg = required_argument, .val = 'b'},
		{.name = "timeout", .has_arg = required_argument, .val = 't'},
		{.name = "dry-run", .has_arg = no_argument, .val = 'n'},
		{.name = "all", .has_arg = no_argument, .val = 'a'},
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	const struct option *clear_options = all_options + 1; /* without --bytes */
	int option;

	while ((option = ms_verb_next_option(options->verb, options->shrink ? ":b:nah" : ":nah",
					     options->shrink ? all_options : clear_options, argc, argv)) !=
	       -1)
		take_option(option, options);
	if (optind >= argc)
		ms_verb_wrong(options->verb, "no process given: `memshed %s PID|NAME ...`",
			      options->verb->name);
	if (options->shrink && options->wanted_bytes == 0)
		ms_verb_wrong(options->verb, "--bytes SIZE is required; `memshed clear` drops everything");
	options->target = argv[optind];
	options->names = &argv[optind + 1];
	options->name_count = (unsigned)(argc - optind - 1);
}

/* ---- which caches ---- */

/* Say which names are near one that is none. */
static enum ms_exit say_no_cache(const struct ms_verb *verb, const char *label, const char *wanted,
				 const struct ms_row *rows, unsigned count)
{
	struct ms_nearest nearest = ms_nearest_start(wanted);
	char list[MS_NEAREST_NAMES * (MS_ESCAPED_NAME + 4)] = "", name[MS_ESCAPED_NAME];
	size_t at = 0;

	for (unsigned i = 0; i < count; i++)
		ms_nearest_add(&nearest, ms_escape_name(name, ms_row_label(&rows[i])));
	for (unsigned i = 0; i < nearest.count; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i > 0 ? ", " : "",
				       nearest.names[i]);
	if (nearest.count > 0)
		ms_verb_error(verb, "%s: no cache '%s'; did you mean: %s", label, wanted, list);
	else
		ms_verb_error(verb, "%s: no cache '%s'; `memshed show` lists them", label, wanted);
	return MS_EXIT_NO_CACHE;
}

static bool is_named(const struct ms_order_options *options, const struct ms_row *row)
{
	bool named = false;

	for (unsigned n = 0; n < options->name_count && !named; n++)
		named = ms_row_matches(row, options->names[n]);
	return named;
}

/* Move the rows that are meant to the front: those named; without names all caches, the allocator none. */
static enum ms_exit select_rows(const struct ms_order_options *options, const char *label,
				struct ms_row *rows, unsigned count, unsigned *ret_count)
{
	unsigned kept = 0;

	for (unsigned n = 0; n < options->name_count; n++) {
		bool found = false;

		for (unsigned i = 0; i < count && !found; i++)
			found = ms_row_matches(&rows[i], options->names[n]);
		if (!found)
			return say_no_cache(options->verb, label, options->names[n], rows, count);
	}
	for (unsigned i = 0; i < count; i++)
		if (options->name_count > 0 ? is_named(options, &rows[i]) : rows[i].row != MS_ALLOCATOR_ROW)
			rows[kept++] = rows[i];
	*ret_count = kept;
	return MS_EXIT_OK;
}

static int take_rows(struct ms_order_report *report, struct ms_row *rows, unsigned count)
{
	int error = ms_rows_sort(rows, count, MS_SORT_CHEAPEST, ms_clock_ns());

	report->rows = calloc(count + 1, sizeof(*report->rows));
	if (error < 0 || !report->rows)
		return -ENOMEM;
	report->row_count = count;
	for (unsigned i = 0; i < count; i++)
		report->rows[i] = (struct ms_order_row){.before = rows[i], .asked_by = -1, .meant_by = -1};
	return 0;
}

/* ---- carried out ---- */

/* How much is asked next depends on what came. */
static enum ms_carry_end shrink_groups(struct ms_carry *carry, struct ms_order_report *report)
{
	enum ms_carry_end end = MS_CARRY_ENDED;
	uint64_t left = report->wanted_bytes;

	for (unsigned i = 0; i < report->order_count && left > 0 && end == MS_CARRY_ENDED; i++) {
		struct ms_carried *carried = &report->orders[i];

		carried->order.target_bytes = left;
		end = ms_carry_out(carry, carried, 1);
		if (carried->order.row != MS_ALLOCATOR_ROW)
			left = ms_sat_sub(left, carried->post.answer.claimed_bytes);
	}
	return end;
}

/* Return: @ret_end, and 0 or a negative errno of reading the rows. */
static int carry_out(const struct ms_order_options *options, struct ms_carry *carry,
		     struct ms_order_report *report, enum ms_carry_end *ret_end)
{
	bool by_process = options->name_count == 0;
	int error, more = 0;

	*ret_end = options->shrink && !by_process ? shrink_groups(carry, report)
						  : ms_carry_out(carry, report->orders, report->order_count);
	error = ms_order_read_rows(report, carry->target);
	if (error == 0 && *ret_end == MS_CARRY_ENDED && !options->shrink && by_process)
		error = more = ms_order_plan_rest(options, report);
	if (more <= 0)
		return error;
	*ret_end = ms_carry_out(carry, report->orders + report->order_count - more, (unsigned)more);
	return ms_order_read_rows(report, carry->target);
}

static void warn_if_stopped(const struct ms_order_options *options, const struct ms_target *target)
{
	char state = ms_target_state(target), timeout[MS_UNITS_TEXT];

	if (state != 'T' && state != 't')
		return;
	ms_verb_error(options->verb, "%s is stopped%s and cannot answer until it goes on%s; waiting %s",
		      target->label, state == 't' ? " by a debugger" : "",
		      state == 'T' ? " (kill -CONT)" : "",
		      ms_units_format_duration(timeout, options->timeout_us));
}

static bool read_rss(const struct ms_target *target, uint64_t *ret_bytes)
{
	struct ms_pid_facts facts;

	if (ms_target_facts(target, &facts) < 0)
		return false;
	*ret_bytes = facts.rss_bytes;
	return true;
}

/* ---- judged ---- */

/* What the agent does instead of answering, as far as its table tells. */
static enum ms_exit say_no_answer(const struct ms_verb *verb, struct ms_target *target)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	struct ms_activity agent = {.text = "unknown"};
	int count = ms_target_rows(target, &rows);

	if (count >= 0)
		ms_activity_describe(&target->table.info, rows, (unsigned)count, ms_target_state(target),
				     ms_clock_ns(), &agent);
	ms_verb_error(verb, "%s: its agent did not answer in time; it is now: %s", target->label, agent.text);
	return MS_EXIT_NO_ANSWER;
}

static const struct ms_post *first_failed(const struct ms_order_report *report)
{
	for (unsigned i = 0; i < report->order_count; i++)
		if (report->orders[i].post.state == MS_POST_ENDED &&
		    report->orders[i].post.end != MS_POST_ANSWERED)
			return &report->orders[i].post;
	return NULL;
}

static enum ms_exit say_failed(const struct ms_verb *verb, struct ms_target *target,
			       const struct ms_post *post)
{
	if (post && post->end == MS_POST_NO_SLOT) {
		ms_verb_error(verb, "%s: its control page is full of other orders; try again",
			      target->label);
		return MS_EXIT_NO_ANSWER;
	}
	if (post && post->end == MS_POST_BROKEN) {
		ms_verb_error(
			verb,
			"%s: its control page cannot be understood: damaged, or made by another version",
			target->label);
		return MS_EXIT_FAILURE;
	}
	return say_no_answer(verb, target);
}

static bool is_incomplete(uint32_t status)
{
	return status == MS_ANSWER_BUSY || status == MS_ANSWER_UNSUPPORTED || status == MS_ANSWER_STUCK ||
	       status == MS_ANSWER_INVALID;
}

static enum ms_exit judge_shrink(const struct ms_order_options *options, const struct ms_order_report *report)
{
	char got[MS_UNITS_TEXT], wanted[MS_UNITS_TEXT];
	const struct ms_answer *answer = &report->orders[0].post.answer;
	bool by_process = options->name_count == 0, estimated;
	uint64_t claimed = ms_order_claimed(report, &estimated);
	bool measured = by_process && answer->returned_bytes != MS_NOT_MEASURED;
	uint64_t bytes = measured && answer->returned_bytes > claimed ? answer->returned_bytes : claimed;

	if (bytes >= options->wanted_bytes || (by_process && answer->status == MS_ANSWER_DONE))
		return MS_EXIT_OK;
	ms_verb_error(options->verb, "%s: %s of %s were freed; the caches gave no more",
		      report->target->label, ms_units_format_bytes(got, bytes),
		      ms_units_format_bytes(wanted, options->wanted_bytes));
	return MS_EXIT_INCOMPLETE;
}

/* What the answers come to, when all were given. */
static enum ms_exit judge(const struct ms_order_options *options, struct ms_target *target,
			  const struct ms_order_report *report)
{
	bool incomplete = false;

	for (unsigned i = 0; i < report->order_count; i++) {
		const struct ms_post *post = &report->orders[i].post;

		if (post->state != MS_POST_ENDED)
			continue;
		if (post->answer.status == MS_ANSWER_STOPPED)
			return say_no_answer(options->verb, target);
		/* The status of an order for all is told by the caches. */
		incomplete |= post->order.scope != MS_SCOPE_PROCESS && post->order.row != MS_ALLOCATOR_ROW &&
			      is_incomplete(post->answer.status);
	}
	for (unsigned i = 0; i < report->row_count && !options->shrink; i++) {
		const struct ms_order_row *row = &report->rows[i];

		incomplete |= row->after.flags & MS_ROW_STUCK ||
			      (row->asked_by >= 0 && is_incomplete(row->after.last.status));
	}
	if (options->shrink)
		return judge_shrink(options, report);
	return incomplete ? MS_EXIT_INCOMPLETE : MS_EXIT_OK;
}

static enum ms_exit judge_end(const struct ms_order_options *options, struct ms_target *target,
			      const struct ms_order_report *report, enum ms_carry_end end)
{
	switch (end) {
	case MS_CARRY_ENDED:
		return judge(options, target, report);
	case MS_CARRY_GONE:
		ms_verb_error(options->verb, "%s: the process ended while it was asked", target->label);
		return MS_EXIT_NO_PROCESS;
	case MS_CARRY_INTERRUPTED:
		ms_verb_error(options->verb, "interrupted; orders not yet begun were taken back");
		return MS_EXIT_FAILURE;
	case MS_CARRY_FAILED:
		break;
	}
	return say_failed(options->verb, target, first_failed(report));
}

/* ---- all together ---- */

static enum ms_exit post(const struct ms_order_options *options, struct ms_target *target,
			 struct ms_order_report *report)
{
	struct ms_carry carry;
	enum ms_carry_end end;
	uint64_t start_ns = ms_clock_ns();

	warn_if_stopped(options, target);
	if (ms_carry_open(&carry, target) < 0) {
		const struct ms_post broken = {.end = MS_POST_BROKEN};
		return say_failed(options->verb, target, &broken);
	}
	int error = carry_out(options, &carry, report, &end);
	report->duration_us = (ms_clock_ns() - start_ns) / MS_NS_PER_US;
	report->rss_after_known = read_rss(target, &report->rss_after_bytes);
	ms_carry_close(&carry);
	if (error < 0 && end != MS_CARRY_GONE)
		return ms_target_failure(options->verb, target, error);
	return judge_end(options, target, report, end);
}

static enum ms_exit order(const struct ms_order_options *options, struct ms_target *target,
			  struct ms_order_report *report)
{
	int error = ms_order_plan(options, report);
	enum ms_exit code = MS_EXIT_OK;

	if (error < 0)
		return ms_target_failure(options->verb, target, error);
	report->rss_before_known = read_rss(target, &report->rss_before_bytes);
	if (!options->dry_run)
		code = post(options, target, report);
	if (options->json)
		ms_order_print_json(report);
	else
		ms_order_print_text(report);
	return code;
}

static enum ms_exit order_target(const struct ms_order_options *options, struct ms_target *target)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	int found = ms_target_rows(target, &rows);
	unsigned count = 0;
	struct ms_order_report report = {
		.target = target,
		.shrink = options->shrink,
		.dry_run = options->dry_run,
		.wanted_bytes = options->wanted_bytes,
		.running_row = UINT32_MAX,
		.shown = options->all ? UINT_MAX : SHOWN,
	};

	if (found < 0)
		return ms_target_failure(options->verb, target, found);
	enum ms_exit code = select_rows(options, target->label, rows, (unsigned)found, &count);
	if (code != MS_EXIT_OK)
		return code;
	uint32_t agent = target->table.info.agent_state;
	if (!options->dry_run && !ms_name_takes_orders(agent)) {
		ms_verb_error(options->verb,
			      agent == MS_AGENT_LAZY ? "%s: a forked child that has not used its caches yet: its agent starts when it does"
						     : "%s: its agent is stopped: no order would be carried out",
			      target->label);
		return MS_EXIT_NO_ANSWER;
	}
	int error = take_rows(&report, rows, count);
	code = error < 0 ? ms_target_failure(options->verb, target, error) : order(options, target, &report);
	free(report.rows);
	free(report.orders);
	return code;
}

int ms_order_main(const struct ms_verb *verb, bool shrink, int argc, char **argv)
{
	struct ms_order_options options = {.verb = verb, .shrink = shrink, .timeout_us = DEFAULT_TIMEOUT_US};
	struct ms_target *target = NULL;

	parse(argc, argv, &options);
	ms_json_start();
	int code = ms_find_target(verb, options.target, options.dry_run ? MS_FIND_TABLE : MS_FIND_CONTROL,
				  &target);
	if (code == MS_EXIT_OK)
		code = order_target(&options, target);
	ms_target_free(target);
	/* The caller sees that a signal ended it. */
	if (ms_carry_signal()) {
		fflush(stdout);
		signal(ms_carry_signal(), SIG_DFL);
		raise(ms_carry_signal());
	}
	return code;
}

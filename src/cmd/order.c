/* SPDX-License-Identifier: MIT */
/*
 * cmd/order.c - memshed clear and memshed shrink: choose the caches, have them asked, say what came of it.
 */
#include "cmd/order.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/agent.h"
#include "cli/verb.h"
#include "cmd/json.h"
#include "cli/nearest.h"
#include "cmd/rows.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/units.h"

enum { IN_FLIGHT = 8, DEFAULT_TIMEOUT_US = 10000000 };
#define LONGEST_TIMEOUT_US UINT64_C(86400000000) /* a day */

struct options {
	const struct ms_verb *verb;
	bool shrink, dry_run, json, all;
	uint64_t wanted_bytes; /* shrink */
	uint64_t timeout_us;
	const char *target;
	char **names;
	unsigned name_count;
};

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

static void take_option(int option, struct options *options)
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

static void parse(int argc, char **argv, struct options *options)
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
					     options->shrink ? all_options : clear_options, argc, argv)) != -1)
		take_option(option, options);
	if (optind >= argc)
		ms_verb_wrong(options->verb, "no process given: `memshed %s PID|NAME ...`", options->verb->name);
	if (options->shrink && options->wanted_bytes == 0)
		ms_verb_wrong(options->verb, "--bytes SIZE is required; `memshed clear` drops everything");
	options->target = argv[optind];
	options->names = &argv[optind + 1];
	options->name_count = (unsigned)(argc - optind - 1);
}

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

/* Move the rows that were named to the front. */
static enum ms_exit select_rows(const struct options *options, const char *label, struct ms_row *rows,
				unsigned count, unsigned *ret_count)
{
	unsigned kept = 0;

	for (unsigned n = 0; n < options->name_count; n++) {
		bool found = false;

		for (unsigned i = 0; i < count && !found; i++)
			found = ms_row_matches(&rows[i], options->names[n]);
		if (!found)
			return say_no_cache(options->verb, label, options->names[n], rows, count);
	}
	for (unsigned i = 0; i < count; i++) {
		bool wanted = options->name_count == 0;

		for (unsigned n = 0; n < options->name_count && !wanted; n++)
			wanted = ms_row_matches(&rows[i], options->names[n]);
		if (wanted)
			rows[kept++] = rows[i];
	}
	*ret_count = kept;
	return MS_EXIT_OK;
}

/* To shrink, a cache that says it is empty need not be asked. */
static unsigned drop_empty(struct ms_row *rows, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++)
		if (rows[i].bytes > 0 || !ms_row_is_counted(&rows[i]) || rows[i].row == MS_ALLOCATOR_ROW)
			rows[kept++] = rows[i];
	return kept;
}

/* For --dry-run: aim as if every cache gave what it holds. */
static void aim_all(struct ms_post *posts, unsigned count, uint64_t wanted_bytes)
{
	uint64_t remaining = wanted_bytes;
	unsigned i = 0;

	for (; i < count && (wanted_bytes == 0 || remaining > 0); i++) {
		ms_post_aim(&posts[i], remaining);
		posts[i].tries = 1; /* would be asked */
		remaining -= posts[i].row.bytes < remaining ? posts[i].row.bytes : remaining;
	}
	for (; i < count; i++)
		if (posts[i].row.row == MS_ALLOCATOR_ROW)
			posts[i].tries = 1;
}

static void warn_if_stopped(const struct options *options, const struct ms_target *target)
{
	char state = ms_target_state(target), timeout[MS_UNITS_TEXT];

	if (state != 'T' && state != 't')
		return;
	ms_verb_error(options->verb, "%s is stopped%s and cannot answer before it goes on%s; waiting %s",
		     target->label, state == 't' ? " by a debugger" : "", state == 'T' ? " (kill -CONT)" : "",
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

/* What the agent does instead of answering, as far as its table tells. */
static enum ms_exit say_no_answer(const struct ms_verb *verb, struct ms_target *target)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	struct ms_agent agent = {.text = "unknown"};
	int count = ms_target_rows(target, &rows);

	if (count >= 0)
		ms_agent_describe(target, rows, (unsigned)count, ms_target_state(target), ms_clock_ns(),
				  &agent);
	ms_verb_error(verb, "%s: its agent did not answer in time; it is now: %s", target->label, agent.text);
	return MS_EXIT_NO_ANSWER;
}

static enum ms_exit say_end(const struct ms_verb *verb, struct ms_target *target, enum ms_post_end end)
{
	switch (end) {
	case MS_POST_ENDED:
		return MS_EXIT_OK;
	case MS_POST_TIMED_OUT:
		return say_no_answer(verb, target);
	case MS_POST_TARGET_GONE:
		ms_verb_error(verb, "%s: the process ended while it was asked", target->label);
		return MS_EXIT_NO_PROCESS;
	case MS_POST_INTERRUPTED:
		ms_verb_error(verb, "interrupted; orders not yet begun were taken back");
		return MS_EXIT_FAILURE;
	case MS_POST_NO_SLOT:
		ms_verb_error(verb, "%s: others have posted as many orders as it takes; try again",
			     target->label);
		return MS_EXIT_NO_ANSWER;
	case MS_POST_BROKEN:
		break;
	}
	ms_verb_error(verb, "%s: its control page cannot be understood: damaged, or made by another version",
		     target->label);
	return MS_EXIT_FAILURE;
}

/* What the answers come to, when all were given. */
static enum ms_exit judge(const struct options *options, struct ms_target *target,
			  const struct ms_order_report *report)
{
	bool incomplete = false, stopped = false, estimated;
	char claimed[MS_UNITS_TEXT], wanted[MS_UNITS_TEXT];

	for (unsigned i = 0; i < report->count; i++) {
		const struct ms_post *post = &report->posts[i];
		uint32_t status = post->answer.status;

		if (post->outcome == MS_POST_NO_ANSWER ||
		    (post->outcome == MS_POST_ANSWERED && status == MS_ANSWER_STOPPED))
			stopped = true;
		else if (post->outcome == MS_POST_ANSWERED && post->row.row != MS_ALLOCATOR_ROW)
			incomplete |= status == MS_ANSWER_BUSY || status == MS_ANSWER_UNSUPPORTED ||
				      status == MS_ANSWER_STUCK || status == MS_ANSWER_INVALID;
	}
	if (stopped)
		return say_no_answer(options->verb, target);
	if (options->shrink && ms_order_claimed(report, &estimated) < options->wanted_bytes) {
		ms_verb_error(options->verb, "%s of %s were claimed: the caches gave no more",
			     ms_units_format_bytes(claimed, ms_order_claimed(report, &estimated)),
			     ms_units_format_bytes(wanted, options->wanted_bytes));
		incomplete = true;
	}
	return incomplete ? MS_EXIT_INCOMPLETE : MS_EXIT_OK;
}

static enum ms_exit post(const struct options *options, struct ms_target *target,
			 struct ms_order_report *report)
{
	struct ms_post_job job = {
		.target = target,
		.posts = report->posts,
		.count = report->count,
		.in_flight =
			options->shrink ? 1 : IN_FLIGHT, /* how much is asked next depends on what came */
		.timeout_us = options->timeout_us,
		.wanted_bytes = options->wanted_bytes,
	};
	uint64_t start_ns = ms_clock_ns();

	warn_if_stopped(options, target);
	enum ms_post_end end = ms_post_all(&job);
	report->duration_us = (ms_clock_ns() - start_ns) / MS_NS_PER_US;
	report->rss_after_known = read_rss(target, &report->rss_after_bytes);
	return end == MS_POST_ENDED ? judge(options, target, report) : say_end(options->verb, target, end);
}

static enum ms_exit order(const struct options *options, struct ms_target *target, struct ms_row *rows,
			  unsigned count)
{
	struct ms_post *posts MS_CLEANUP_FREE = calloc(count + 1, sizeof(*posts));
	struct ms_order_report report = {
		.target = target,
		.posts = posts,
		.count = count,
		.dry_run = options->dry_run,
		.wanted_bytes = options->wanted_bytes,
		.shown = options->all ? UINT_MAX : MS_ORDER_SHOWN,
	};
	enum ms_exit code = MS_EXIT_OK;

	if (!posts)
		return ms_open_failure(options->verb, target->label, 0, -ENOMEM);
	for (unsigned i = 0; i < count; i++)
		posts[i].row = rows[i];
	report.rss_before_known = read_rss(target, &report.rss_before_bytes);
	if (options->dry_run)
		aim_all(posts, count, options->wanted_bytes);
	else
		code = post(options, target, &report);
	if (options->json)
		ms_order_print_json(&report);
	else
		ms_order_print_text(&report);
	return code;
}

static enum ms_exit order_target(const struct options *options, struct ms_target *target)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	int found = ms_target_rows(target, &rows);
	unsigned count = 0;

	if (found < 0)
		return ms_open_failure(options->verb, target->label, target->facts.uid, found);
	enum ms_exit code = select_rows(options, target->label, rows, (unsigned)found, &count);
	if (code != MS_EXIT_OK)
		return code;
	if (options->shrink)
		count = drop_empty(rows, count);
	ms_rows_sort_cheapest(rows, count);
	uint32_t agent = target->table.info.agent_state;
	if (!options->dry_run && (agent == MS_AGENT_NONE || agent == MS_AGENT_STOPPED)) {
		ms_verb_error(options->verb, "%s: its agent is stopped: nobody would carry out an order",
			     target->label);
		return MS_EXIT_NO_ANSWER;
	}
	return order(options, target, rows, count);
}

int ms_order_main(const struct ms_verb *verb, bool shrink, int argc, char **argv)
{
	struct options own = {.verb = verb, .shrink = shrink, .timeout_us = DEFAULT_TIMEOUT_US}, *options = &own;
	struct ms_target *target = NULL;

	parse(argc, argv, options);
	ms_json_start();
	int code = ms_target_find(options->verb, options->target, !options->dry_run, &target);
	if (code == MS_EXIT_OK)
		code = order_target(options, target);
	ms_target_free(target);
	/* The caller sees that a signal ended it. */
	if (ms_post_signal()) {
		fflush(stdout);
		signal(ms_post_signal(), SIG_DFL);
		raise(ms_post_signal());
	}
	return code;
}

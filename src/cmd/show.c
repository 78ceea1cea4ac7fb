/* SPDX-License-Identifier: MIT */
/*
 * cmd/show.c - memshed show: gather what is known of one process. Reads only; the target is never
 * stopped or waited for, so a stopped or hung one is shown as well as any.
 */
#include "cmd/show.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/saturate.h"

static const char usage[] =
	"Usage: memshed show PID|NAME [--sort KEY] [--all] [--json]\n"
	"Show one process: its budget and the limit that binds, its memory, and its caches.\n"
	"Works on a process that is stopped or hung, and never stops or slows it.\n\n"
	"      --sort KEY  bytes (default), entries, hits, misses, rate, age, priority or name\n"
	"  -a, --all       all caches, not only the first 40\n"
	"      --json      for scripts; always all caches\n"
	"  -h, --help      this text\n\n"
	"A size with ~ is an estimate, - is not known. See memshed-show(1).\n";

static int show(int argc, char **argv);

const struct ms_verb ms_verb_show = {
	.name = "show",
	.summary = "show one process: its budget and its caches",
	.usage = usage,
	.main = show,
};

struct options {
	enum ms_row_sort sort;
	bool all, json;
};

bool ms_show_explained(const struct ms_show *show, uint64_t *ret_bytes)
{
	uint64_t bytes = ms_sat_add(show->totals.bytes, show->allocator ? show->allocator->bytes : 0);

	if (bytes > show->facts.rss_bytes)
		return false;
	*ret_bytes = bytes;
	return true;
}

static void read_budget(struct ms_show *show)
{
	struct ms_policy_config config = ms_policy_defaults();
	struct ms_root root;

	if (ms_root_init(&root, "/") < 0)
		return;
	ms_supervisor_sample(&root, show->facts.pid, &show->supervisor, &show->sample, show->limits,
			     MS_SHOW_LIMITS, &show->limit_count);
	ms_root_fini(&root);
	config.high = show->supervisor.high;
	config.low = show->supervisor.low;
	if (show->sample.limit.source != MS_LIMIT_NONE)
		show->marks = ms_policy_marks(&config, show->sample.limit.max_bytes, 0);
}

static int gather(struct ms_target *target, const struct options *options, struct ms_row *rows,
		  unsigned count, struct ms_show *show)
{
	int error = ms_pids_facts(target->facts.pid, &show->facts);

	if (error == 0 && ms_target_gone(target))
		error = -ESRCH;
	if (error < 0)
		return error;
	show->target = target;
	show->now_ns = ms_clock_ns();
	ms_rows_sort(rows, count, options->sort);
	show->rows = rows;
	show->row_count = count;
	show->totals = ms_rows_total(rows, count);
	show->allocator = ms_rows_allocator(rows, count);
	show->shown = options->all ? UINT_MAX : MS_SHOW_CACHES;
	ms_agent_describe(target, rows, count, show->facts.state, show->now_ns, &show->agent);
	read_budget(show);
	return 0;
}

static enum ms_exit show_target(struct ms_target *target, const struct options *options)
{
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	struct ms_show *show MS_CLEANUP_FREE = calloc(1, sizeof(*show));
	int count = show ? ms_target_rows(target, &rows) : -ENOMEM;
	int error = count < 0 ? count : gather(target, options, rows, (unsigned)count, show);

	if (error < 0)
		return ms_open_failure(&ms_verb_show, target->label, target->facts.uid, error);
	if (options->json)
		ms_show_print_json(show);
	else
		ms_show_print_text(show);
	return MS_EXIT_OK;
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{.name = "sort", .has_arg = required_argument, .val = 's'},
		{.name = "all", .has_arg = no_argument, .val = 'a'},
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	int option;

	while ((option = ms_verb_next_option(&ms_verb_show, ":ah", long_options, argc, argv)) != -1) {
		if (option == 'a')
			options->all = true;
		if (option == 'j')
			options->json = true;
		if (option == 's' && ms_rows_sort_key(optarg, &options->sort) < 0)
			ms_verb_wrong(&ms_verb_show, "--sort %s: not a key; bytes, entries, hits, misses, rate, age, "
						     "priority or name", optarg);
	}
	if (argc - optind > 1)
		ms_verb_wrong(&ms_verb_show, "%s: one process at a time", argv[optind + 1]);
	if (argc == optind)
		ms_verb_wrong(&ms_verb_show,
			      "no process given: `memshed show PID|NAME`; `memshed list` shows those with caches");
}

static int show(int argc, char **argv)
{
	struct options options = {0};
	struct ms_target *target = NULL;

	parse(argc, argv, &options);
	ms_json_start();
	int code = ms_target_find(&ms_verb_show, argv[optind], false, &target);
	if (code == MS_EXIT_OK)
		code = show_target(target, &options);
	ms_target_free(target);
	return code;
}

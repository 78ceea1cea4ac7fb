/* SPDX-License-Identifier: MIT */
/*
 * cmd/show.c - memshed show: one process. It is asked to count its caches, and not waited for long (refresh.h);
 * the rest is only read, so that a stopped or hung one is shown as well as any.
 */
#include "cmd/show.h"

#include <limits.h>
#include <string.h>

#include "cli/verb.h"
#include "cmd/find.h"
#include "cmd/json.h"
#include "cmd/refresh.h"
#include "util/cleanup.h"

enum { SHOWN = 40 };

static int show(int argc, char **argv);

const struct ms_verb ms_verb_show = {
	.name = "show",
	.summary = "show one process: its budget and its caches",
	.usage = "Usage: memshed show PID|NAME [--sort KEY] [--all] [--each] [--no-refresh] [--json]\n"
		 "Show one process: its budget and the limit that binds, its memory, and its caches.\n"
		 "Works on a process that is stopped or hung, too. One with an idle agent counts its caches\n"
		 "before, for 50ms at most.\n\n"
		 "      --sort KEY    bytes (default), entries, hits, misses, rate, age, priority, name or "
		 "cheapest\n"
		 "  -a, --all         all of them, not only the first 40 lines\n"
		 "  -e, --each        a line for each cache, also of those with one name\n"
		 "      --no-refresh  only read: do not let it count its caches before\n"
		 "      --json        for scripts; always all caches\n"
		 "  -h, --help        this text\n\n"
		 "A size with ~ is an estimate, - means not known. See memshed-show(1).\n",
	.main = show,
};

struct options {
	enum ms_row_sort sort;
	bool all, each, refresh, json;
};

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{.name = "sort", .has_arg = required_argument, .val = 's'},
		{.name = "all", .has_arg = no_argument, .val = 'a'},
		{.name = "each", .has_arg = no_argument, .val = 'e'},
		{.name = "no-refresh", .has_arg = no_argument, .val = 'r'},
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	int option;

	while ((option = ms_verb_next_option(&ms_verb_show, ":aeh", long_options, argc, argv)) != -1) {
		if (option == 'a')
			options->all = true;
		if (option == 'e')
			options->each = true;
		if (option == 'r')
			options->refresh = false;
		if (option == 'j')
			options->json = true;
		if (option == 's' && ms_rows_sort_key(optarg, &options->sort) < 0)
			ms_verb_wrong(&ms_verb_show,
				      "--sort %s: not a key; bytes, entries, hits, misses, rate, age, "
				      "priority, name "
				      "or cheapest",
				      optarg);
	}
	if (argc - optind > 1)
		ms_verb_wrong(&ms_verb_show, "%s: show takes one process", argv[optind + 1]);
	if (argc == optind)
		ms_verb_wrong(
			&ms_verb_show,
			"no process given: `memshed show PID|NAME`; `memshed list` shows those with caches");
}

static int take(struct ms_target *target, enum ms_row_sort sort, struct ms_snapshot **ret_snapshot)
{
	struct ms_pid_facts *facts MS_CLEANUP_FREE = NULL;
	struct ms_watches watches = {0};
	struct ms_root root;
	size_t count = 0;
	int error = ms_root_init(&root, "/");

	if (error < 0)
		return error;
	error = ms_pids_list(&facts, &count);
	if (error == 0)
		error = ms_watches_find(facts, count, &watches);
	if (error == 0)
		error = ms_snapshot_take(target, &watches, &root, sort, true, ret_snapshot);
	ms_watches_free(&watches);
	ms_root_fini(&root);
	return error;
}

static enum ms_exit show_target(struct ms_target *target, const struct options *options)
{
	struct ms_snapshot *snapshot = NULL;
	int error = take(target, options->sort, &snapshot);

	if (error < 0)
		return ms_target_failure(&ms_verb_show, target, error);
	if (options->refresh)
		ms_refresh_all(&(struct ms_refresh){target, snapshot}, 1, options->sort);
	if (options->json)
		ms_show_print_json(snapshot);
	else
		ms_show_print_text(snapshot, options->all ? UINT_MAX : SHOWN, options->each);
	ms_snapshot_free(snapshot);
	return MS_EXIT_OK;
}

static int show(int argc, char **argv)
{
	struct options options = {.refresh = true};
	struct ms_target *target = NULL;

	parse(argc, argv, &options);
	ms_json_start();
	int code = ms_find_target(&ms_verb_show, argv[optind],
				  options.refresh ? MS_FIND_CONTROL_TOO : MS_FIND_TABLE, &target);
	if (code == MS_EXIT_OK)
		code = show_target(target, &options);
	ms_target_free(target);
	return code;
}

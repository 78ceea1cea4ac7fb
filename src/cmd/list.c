/* SPDX-License-Identifier: MIT */
/*
 * cmd/list.c - memshed list: every process with a table that can be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/verb.h"
#include "cmd/refresh.h"
#include "cmd/snapshot_columns.h"
#include "util/cleanup.h"
#include "util/procfs.h"

static int list(int argc, char **argv);

const struct ms_verb ms_verb_list = {
	.name = "list",
	.summary = "list the processes that have caches",
	.usage = "Usage: memshed list [--no-refresh] [--json]\n"
		 "List the processes that have caches registered with libmemshed and that you may read.\n\n"
		 "      --no-refresh  only read: let no process count its caches before\n"
		 "      --json        for scripts\n"
		 "  -h, --help        this text\n\n"
		 "A size with ~ is an estimate. See memshed-list(1).\n",
	.main = list,
};

struct options {
	bool refresh, json;
};

struct found {
	struct ms_snapshot **snapshots;
	size_t count;
	size_t hidden; /* processes that cannot be read: whether they have a table is not known */
	struct ms_refresh refresh[MS_REFRESH_MOST]; /* those that are asked; their targets are owned */
	size_t refresh_count;
};

/* Each takes three descriptors until all have answered; the rest of the processes must be readable, too. */
static size_t most_asked(void)
{
	enum { OF_ONE = 3, OTHERS = 32 };
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= OF_ONE * MS_REFRESH_MOST + OTHERS)
		return MS_REFRESH_MOST;
	return files.rlim_cur > OTHERS ? (files.rlim_cur - OTHERS) / OF_ONE : 0;
}

/* Return: whether the target was taken over, to be asked later. */
static bool keep(struct found *found, struct ms_target *target, struct ms_snapshot *snapshot)
{
	if (!ms_refresh_may(snapshot, target->control_fd >= 0, &snapshot->counted))
		return false;
	snapshot->counted = MS_COUNTED_TOO_MANY;
	if (found->refresh_count >= most_asked())
		return false;
	found->refresh[found->refresh_count++] = (struct ms_refresh){target, snapshot};
	return true;
}

/* Return: 0, also when there is none; -ENOMEM. */
static int take(struct found *found, const struct ms_pid_facts *facts, const struct ms_watches *watches,
		const struct ms_root *root, bool refresh)
{
	struct ms_target *target = NULL;
	int error = ms_target_open(facts, refresh, watches, &target);
	struct ms_snapshot *snapshot = NULL;

	if (error == 0)
		error = ms_snapshot_take(target, watches, root, MS_SORT_BYTES, false, &snapshot);
	if (error == 0) {
		found->snapshots[found->count++] = snapshot;
		if (refresh && keep(found, target, snapshot))
			target = NULL;
	} else if (error == -EACCES || error == -EPERM) {
		found->hidden++;
	} else if (error == -EBADMSG) {
		ms_verb_error(&ms_verb_list, "pid %d: its table cannot be understood", (int)facts->pid);
	}
	ms_target_free(target);
	return error == -ENOMEM ? error : 0;
}

static int take_all(struct found *found, const struct ms_root *root, bool refresh)
{
	struct ms_pid_facts *facts MS_CLEANUP_FREE = NULL;
	struct ms_watches watches = {0};
	size_t count = 0;
	int error = ms_pids_list(&facts, &count);

	if (error == 0)
		error = ms_watches_find(facts, count, &watches);
	if (error == 0 && !(found->snapshots = calloc(count + 1, sizeof(struct ms_snapshot *))))
		error = -ENOMEM;
	for (size_t i = 0; i < count && error == 0; i++)
		error = take(found, &facts[i], &watches, root, refresh);
	ms_watches_free(&watches);
	ms_refresh_all(found->refresh, found->refresh_count, MS_SORT_BYTES);
	for (size_t i = 0; i < found->refresh_count; i++)
		ms_target_free(found->refresh[i].target);
	return error;
}

static void print_table(const struct found *found)
{
	struct libscols_table *table = ms_columns_table(&ms_snapshot_columns, MS_VIEW_LIST);

	for (size_t i = 0; i < found->count; i++)
		ms_columns_line(&ms_snapshot_columns, MS_VIEW_LIST, table, found->snapshots[i]);
	ms_render_print(table);
}

static void print_json(const struct found *found)
{
	json_t *document = json_object(), *processes = json_array();

	for (size_t i = 0; i < found->count; i++)
		json_array_append_new(processes, ms_columns_json(&ms_snapshot_columns, MS_VIEW_LIST_JSON,
								 found->snapshots[i]));
	ms_json_set(document, "processes", processes);
	ms_json_print(document);
}

static void print_nothing(const struct found *found)
{
	puts("No process here has caches registered with libmemshed.");
	if (found->hidden > 0)
		fprintf(stderr, "%zu processes cannot be read and were not looked at; root sees all.\n",
			found->hidden);
}

static int print_all(const struct ms_root *root, const struct options *options)
{
	struct found found = {0};
	int error = take_all(&found, root, options->refresh);

	if (error < 0)
		ms_verb_error(&ms_verb_list, "the processes cannot be listed: %s", strerror(-error));
	else if (options->json)
		print_json(&found);
	else if (found.count == 0)
		print_nothing(&found);
	else
		print_table(&found);
	for (size_t i = 0; i < found.count; i++)
		ms_snapshot_free(found.snapshots[i]);
	free(found.snapshots);
	return error < 0 ? MS_EXIT_FAILURE : MS_EXIT_OK;
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{.name = "no-refresh", .has_arg = no_argument, .val = 'r'},
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	int option;

	while ((option = ms_verb_next_option(&ms_verb_list, ":h", long_options, argc, argv)) != -1) {
		if (option == 'r')
			options->refresh = false;
		if (option == 'j')
			options->json = true;
	}
}

static int list(int argc, char **argv)
{
	struct options options = {.refresh = true};
	struct ms_root root;

	parse(argc, argv, &options);
	if (optind < argc)
		ms_verb_wrong(&ms_verb_list, "%s: list takes no argument; `memshed show` is for one process",
			      argv[optind]);
	ms_json_start();
	int error = ms_procfs_check();
	if (error < 0) {
		ms_verb_error(&ms_verb_list, "%s", ms_procfs_fault(error));
		return MS_EXIT_FAILURE;
	}
	error = ms_root_init(&root, "/");
	if (error < 0) {
		ms_verb_error(&ms_verb_list, "/: %s", strerror(-error));
		return MS_EXIT_FAILURE;
	}
	int code = print_all(&root, &options);
	ms_root_fini(&root);
	return code;
}

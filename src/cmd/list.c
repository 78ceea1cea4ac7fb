/* SPDX-License-Identifier: MIT */
/*
 * cmd/list.c - memshed list: every process with a table that may be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/agent.h"
#include "cli/verb.h"
#include "cmd/find.h"
#include "cmd/json.h"
#include "cmd/render.h"
#include "cmd/rows.h"
#include "cmd/supervisor.h"
#include "sample/pids.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/escape.h"

static const char usage[] =
	"Usage: memshed list [--json]\n"
	"List the processes that have caches registered with libmemshed and that you may read.\n\n"
	"      --json  for scripts\n"
	"  -h, --help  this text\n\n"
	"A size with ~ is an estimate. See memshed-list(1).\n";

static int list(int argc, char **argv);

const struct ms_verb ms_verb_list = {
	.name = "list",
	.summary = "list the processes that have caches",
	.usage = usage,
	.main = list,
};

/* One line of the list. */
struct entry {
	struct ms_pid_facts facts;
	struct ms_row_totals totals;
	struct ms_limit limit; /* MS_LIMIT_NONE when not known */
	struct ms_supervisor supervisor;
	struct ms_agent agent;
};

struct found {
	struct entry *entries;
	size_t count;
	size_t hidden; /* processes that may not be read: whether they have a table is not known */
};

/* Return: 0; -ENOENT no table; other negative errnos as ms_table_open_pid(). */
static int read_entry(const struct ms_root *root, const struct ms_pid_facts *facts, struct entry *entry)
{
	struct ms_target target = {.facts = *facts, .pidfd = -1, .control_fd = -1};
	struct ms_row *rows MS_CLEANUP_FREE = NULL;
	struct ms_sample sample;
	int error = ms_table_open_pid(&target.table, &target.scratch, facts->pid, NULL);

	if (error < 0)
		return error;
	int count = ms_target_rows(&target, &rows);
	if (count >= 0) {
		*entry = (struct entry){.facts = *facts, .totals = ms_rows_total(rows, (unsigned)count)};
		ms_agent_describe(&target, rows, (unsigned)count, facts->state, ms_clock_ns(), &entry->agent);
		ms_supervisor_sample(root, facts->pid, &entry->supervisor, &sample, NULL, 0, NULL);
		entry->limit = sample.limit;
	}
	ms_table_close(&target.table);
	return count < 0 ? count : 0;
}

static int read_all(const struct ms_root *root, struct found *list)
{
	struct ms_pid_facts *facts MS_CLEANUP_FREE = NULL;
	size_t count = 0;
	int error = ms_pids_list(&facts, &count);

	if (error < 0)
		return error;
	list->entries = calloc(count + 1, sizeof(*list->entries));
	if (!list->entries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		error = read_entry(root, &facts[i], &list->entries[list->count]);
		if (error == 0)
			list->count++;
		else if (error == -EACCES || error == -EPERM)
			list->hidden++;
		else if (error == -EBADMSG)
			ms_verb_error(&ms_verb_list, "pid %d: its table cannot be understood", (int)facts[i].pid);
	}
	return 0;
}

static bool has_limit(const struct entry *entry)
{
	return entry->limit.source != MS_LIMIT_NONE;
}

static void print_table(const struct found *list)
{
	static const struct ms_render_column columns[] = {
		{"PID", MS_RENDER_RIGHT},    {"COMMAND", MS_RENDER_LEFT}, {"RSS", MS_RENDER_RIGHT},
		{"BUDGET", MS_RENDER_RIGHT}, {"USED", MS_RENDER_RIGHT},   {"CACHES", MS_RENDER_RIGHT},
		{"CACHED", MS_RENDER_RIGHT}, {"AGENT", MS_RENDER_WRAP},
	};
	struct libscols_table *table = ms_render_new(columns, sizeof(columns) / sizeof(columns[0]));

	for (size_t i = 0; i < list->count; i++) {
		const struct entry *entry = &list->entries[i];
		char pid[MS_RENDER_CELL], comm[MS_ESCAPED_NAME], rss[MS_RENDER_CELL], budget[MS_RENDER_CELL],
			used[MS_RENDER_CELL], caches[MS_RENDER_CELL], cached[MS_RENDER_CELL];
		const char *const cells[] = {
			ms_render_count(pid, true, (uint64_t)entry->facts.pid),
			ms_escape_name(comm, entry->facts.comm),
			ms_render_bytes(rss, true, false, entry->facts.rss_bytes),
			ms_render_bytes(budget, has_limit(entry), false, entry->limit.max_bytes),
			ms_render_share(used, entry->limit.used_bytes,
					has_limit(entry) ? entry->limit.max_bytes : 0),
			ms_render_count(caches, true, entry->totals.caches),
			ms_render_bytes(cached, true, entry->totals.estimated, entry->totals.bytes),
			entry->agent.text,
		};
		ms_render_line(table, cells);
	}
	ms_render_print(table);
}

static json_t *entry_json(const struct entry *entry)
{
	json_t *object = json_object();
	bool known = has_limit(entry);

	ms_json_set(object, "pid", json_integer(entry->facts.pid));
	ms_json_set(object, "comm", ms_json_text(entry->facts.comm));
	ms_json_set(object, "uid", json_integer(entry->facts.uid));
	ms_json_set(object, "rss_bytes", ms_json_number(true, entry->facts.rss_bytes));
	ms_json_set(object, "swap_bytes", ms_json_number(true, entry->facts.swap_bytes));
	json_t *limit = json_object();
	ms_json_set(limit, "max_bytes", ms_json_number(known, entry->limit.max_bytes));
	ms_json_set(limit, "used_bytes", ms_json_number(known, entry->limit.used_bytes));
	ms_json_set(limit, "source", ms_json_text(ms_limit_source_name(entry->limit.source)));
	ms_json_set(object, "limit", limit);
	ms_json_set(object, "supervisor_pid",
		    ms_json_number(entry->supervisor.pid > 0, (uint64_t)entry->supervisor.pid));
	ms_json_set(object, "caches", json_integer(entry->totals.caches));
	ms_json_set(object, "cached_bytes", ms_json_number(true, entry->totals.bytes));
	ms_json_set(object, "bytes_estimated", json_boolean(entry->totals.estimated));
	ms_json_set(object, "agent", ms_agent_json(&entry->agent));
	return object;
}

static void print_json(const struct found *list)
{
	json_t *document = json_object();
	json_t *processes = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(processes, entry_json(&list->entries[i]));
	ms_json_set(document, "processes", processes);
	ms_json_print(document);
}

static void print_nothing(const struct found *list)
{
	puts("No process here has caches registered with libmemshed.");
	if (list->hidden > 0)
		fprintf(stderr, "%zu processes cannot be read and were not looked at; root sees all.\n",
			list->hidden);
}

static int list_processes(bool json)
{
	struct found list = {0};
	struct ms_root root;
	int error = ms_root_init(&root, "/");

	if (error == 0) {
		error = read_all(&root, &list);
		ms_root_fini(&root);
	}
	if (error < 0)
		ms_verb_error(&ms_verb_list, "the processes cannot be listed: %s", strerror(-error));
	else if (json)
		print_json(&list);
	else if (list.count == 0)
		print_nothing(&list);
	else
		print_table(&list);
	free(list.entries);
	return error < 0 ? MS_EXIT_FAILURE : MS_EXIT_OK;
}

static int list(int argc, char **argv)
{
	bool json = ms_json_option(&ms_verb_list, argc, argv);

	if (optind < argc)
		ms_verb_wrong(&ms_verb_list, "%s: list takes no argument; `memshed show` is for one process",
			      argv[optind]);
	ms_json_start();
	return list_processes(json);
}

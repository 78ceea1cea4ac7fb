/* SPDX-License-Identifier: MIT */
/* cmd/find.c - see find.h. */
#include "cmd/find.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/procfs.h"
#include "util/units.h"

static enum ms_exit open_target(const struct ms_verb *verb, const struct ms_pid_facts *facts,
				enum ms_find_control control, struct ms_target **ret_target)
{
	struct ms_target *target = NULL;
	int error = ms_target_open(facts, control != MS_FIND_TABLE, NULL, &target);
	enum ms_exit code = error < 0 ? ms_target_failure(verb, target, error) : MS_EXIT_OK;

	if (code == MS_EXIT_OK && control == MS_FIND_CONTROL && target->control_fd < 0) {
		ms_verb_error(verb, "%s: its caches can be read, but it takes no orders from this user",
			      target->label);
		code = MS_EXIT_NO_PERMISSION;
	}
	if (code == MS_EXIT_OK)
		*ret_target = target;
	else
		ms_target_free(target);
	return code;
}

/* ---- by pid ---- */

/* hidepid= leaves nothing of it to be seen in /proc. */
static bool is_hidden(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

static enum ms_exit say_no_pid(const struct ms_verb *verb, const char *wanted, uint64_t pid)
{
	if (pid == 0 || pid > INT32_MAX || !is_hidden((pid_t)pid)) {
		ms_verb_error(verb, "%s: no such process", wanted);
		return MS_EXIT_NO_PROCESS;
	}
	ms_verb_error(verb, "%s: cannot be read: /proc hides it (hidepid); run as its user or as root",
		      wanted);
	return MS_EXIT_NO_PERMISSION;
}

static enum ms_exit find_by_pid(const struct ms_verb *verb, const char *wanted, uint64_t pid,
				enum ms_find_control control, struct ms_target **ret_target)
{
	struct ms_pid_facts facts;
	int error = pid == 0 || pid > INT32_MAX ? -ESRCH : ms_pids_facts((pid_t)pid, &facts);

	if (error == -ESRCH)
		return say_no_pid(verb, wanted, pid);
	if (error < 0) {
		ms_verb_error(verb, "%s: %s", wanted, strerror(-error));
		return MS_EXIT_FAILURE;
	}
	if (facts.state == 'Z' || facts.state == 'X') {
		ms_verb_error(verb, "%s: the process has ended (a zombie)", wanted);
		return MS_EXIT_NO_PROCESS;
	}
	return open_target(verb, &facts, control, ret_target);
}

/* ---- by name ---- */

enum relation { OWN = 1, OTHERS = 2 };

/* One search. */
struct search {
	const char *wanted;
	struct ms_pid_facts *processes;
	size_t count;
	struct ms_watches watches;
	struct ms_pid_facts *found; /* with a table, or by name alone */
	size_t found_count;
	size_t named[3]; /* by relation: processes of this name, with a table or without */
	size_t hidden;   /* of them, those that cannot be read */
};

static enum relation relation_of(const struct ms_pid_facts *facts)
{
	return facts->uid == geteuid() ? OWN : OTHERS;
}

static bool is_this_program(const struct ms_pid_facts *facts)
{
	return facts->pid == getpid();
}

/* Return: 0 when the process has a table that can be read; else as ms_target_open(). */
static int try_table(const struct search *search, const struct ms_pid_facts *facts)
{
	struct ms_target *target = NULL;
	int error = ms_target_open(facts, false, &search->watches, &target);

	ms_target_free(target);
	return error;
}

static void take(struct search *search, const struct ms_pid_facts *facts)
{
	int error = try_table(search, facts);

	if (error == 0)
		search->found[search->found_count++] = *facts;
	search->hidden += error == -EACCES || error == -EPERM;
}

static void look_by_name(struct search *search, enum relation relation)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct ms_pid_facts *facts = &search->processes[i];

		if (relation_of(facts) != relation || !ms_pid_has_name(facts, search->wanted) ||
		    is_this_program(facts))
			continue;
		search->named[relation]++;
		take(search, facts);
	}
}

/* The command line is in the process's own memory: it is read only of those with a table. */
static void look_by_command(struct search *search, enum relation relation)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct ms_pid_facts *facts = &search->processes[i];

		if (relation_of(facts) != relation || ms_pid_has_name(facts, search->wanted))
			continue;
		if (try_table(search, facts) == 0 && ms_command_runs(facts, search->wanted))
			search->found[search->found_count++] = *facts;
	}
}

static void look(struct search *search)
{
	look_by_name(search, OWN);
	if (search->found_count == 0)
		look_by_command(search, OWN);
	if (search->found_count > 0)
		return;
	look_by_name(search, OTHERS);
	look_by_command(search, OTHERS);
}

/* ---- what the search came to ---- */

static void append_pid(char *text, size_t size, const struct ms_pid_facts *facts)
{
	size_t length = strlen(text);

	if (relation_of(facts) == OWN)
		snprintf(text + length, size - length, " %d", (int)facts->pid);
	else
		snprintf(text + length, size - length, " %d (uid %u)", (int)facts->pid, (unsigned)facts->uid);
}

static enum ms_exit say_ambiguous(const struct ms_verb *verb, const struct search *search)
{
	enum { SHOWN = 8 };
	char pids[SHOWN * 32] = "";

	for (size_t i = 0; i < search->found_count && i < SHOWN; i++)
		append_pid(pids, sizeof(pids), &search->found[i]);
	ms_verb_error(verb, "%s: ambiguous: %zu processes with a table have that name; give a pid:%s%s",
		      search->wanted, search->found_count, pids, search->found_count > SHOWN ? " ..." : "");
	return MS_EXIT_AMBIGUOUS;
}

/* One of another user, while the caller's own process of this name has no table. */
static enum ms_exit say_doubtful(const struct ms_verb *verb, const struct search *search)
{
	char pids[32] = "";

	append_pid(pids, sizeof(pids), &search->found[0]);
	ms_verb_error(verb,
		      "%s: ambiguous: your own process of that name has no table, but another user's has "
		      "one; to name "
		      "that one give its pid:%s",
		      search->wanted, pids);
	return MS_EXIT_AMBIGUOUS;
}

static enum ms_exit say_none(const struct ms_verb *verb, const struct search *search)
{
	size_t named = search->named[OWN] + search->named[OTHERS];

	if (named == 0) {
		ms_verb_error(verb, "%s: no process of that name%s; `memshed list` shows those with caches",
			      search->wanted,
			      is_hidden(1) && access("/proc/1/stat", R_OK) < 0 ? " can be seen here (hidepid)"
									       : "");
		return MS_EXIT_NO_PROCESS;
	}
	if (search->hidden > 0) {
		ms_verb_error(verb,
			      "%s: %zu of %zu processes of that name cannot be read: permission denied; run "
			      "as their "
			      "user or as root",
			      search->wanted, search->hidden, named);
		return MS_EXIT_NO_PERMISSION;
	}
	ms_verb_error(verb,
		      "%s: %zu processes have that name, and none has a table: they registered no cache with "
		      "libmemshed",
		      search->wanted, named);
	return MS_EXIT_NO_TABLE;
}

/* A process that is the only one of its name is opened even so: to say what is wrong with it alone. */
static const struct ms_pid_facts *only_named(const struct search *search)
{
	const struct ms_pid_facts *only = NULL;

	if (search->named[OWN] + search->named[OTHERS] != 1)
		return NULL;
	for (size_t i = 0; i < search->count; i++)
		if (ms_pid_has_name(&search->processes[i], search->wanted) &&
		    !is_this_program(&search->processes[i]))
			only = &search->processes[i];
	return only;
}

static enum ms_exit decide(const struct ms_verb *verb, const struct search *search, enum ms_find_control control,
			   struct ms_target **ret_target)
{
	const struct ms_pid_facts *only = only_named(search);

	if (search->found_count > 1)
		return say_ambiguous(verb, search);
	if (search->found_count == 1) {
		const struct ms_pid_facts *found = &search->found[0];

		if (relation_of(found) == OTHERS && search->named[OWN] > 0)
			return say_doubtful(verb, search);
		return open_target(verb, found, control, ret_target);
	}
	return only ? open_target(verb, only, control, ret_target) : say_none(verb, search);
}

static enum ms_exit find_by_name(const struct ms_verb *verb, const char *wanted, enum ms_find_control control,
				 struct ms_target **ret_target)
{
	struct search search = {.wanted = wanted};
	enum ms_exit code = MS_EXIT_FAILURE;
	int error = ms_pids_list(&search.processes, &search.count);

	if (error == 0)
		error = ms_watches_find(search.processes, search.count, &search.watches);
	if (error == 0 && !(search.found = calloc(search.count + 1, sizeof(*search.found))))
		error = -ENOMEM;
	if (error == 0) {
		look(&search);
		assert(search.found_count <= search.count);
		code = decide(verb, &search, control, ret_target);
	} else {
		ms_verb_error(verb, "the processes cannot be listed: %s", strerror(-error));
	}
	ms_watches_free(&search.watches);
	free(search.processes);
	free(search.found);
	return code;
}

enum ms_exit ms_find_target(const struct ms_verb *verb, const char *wanted, enum ms_find_control control,
			    struct ms_target **ret_target)
{
	uint64_t pid;

	int error = ms_procfs_check();
	if (error < 0) {
		ms_verb_error(verb, "%s", ms_procfs_fault(error));
		return MS_EXIT_FAILURE;
	}
	if (ms_units_parse_u64(wanted, &pid) == 0)
		return find_by_pid(verb, wanted, pid, control, ret_target);
	return find_by_name(verb, wanted, control, ret_target);
}

/* SPDX-License-Identifier: MIT */
/* cmd/target.c - see target.h. */
#include "cmd/target.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cli/place.h"
#include "sample/python.h"
#include "table/layout.h"
#include "util/cleanup.h"

/* ---- open ---- */

static void set_command(struct ms_target *target, const char *command)
{
	const struct ms_pid_facts *facts = &target->facts;
	char name[MS_ESCAPED_NAME], uid[24] = "";

	if (facts->uid != geteuid())
		snprintf(uid, sizeof(uid), ", uid %u", (unsigned)facts->uid);
	snprintf(target->command, sizeof(target->command), "%s", command);
	snprintf(target->label, sizeof(target->label), "%s (pid %d%s)", ms_escape_name(name, command),
		 (int)facts->pid, uid);
}

static struct ms_target *target_new(const struct ms_pid_facts *facts)
{
	struct ms_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->facts = *facts;
	target->pidfd = -1;
	target->control_fd = -1;
	target->table.fd = -1;
	set_command(target, facts->comm);
	return target;
}

void ms_target_free(struct ms_target *target)
{
	if (!target)
		return;
	if (target->table.fd >= 0)
		ms_table_close(&target->table);
	if (target->control_fd >= 0)
		close(target->control_fd);
	if (target->pidfd >= 0)
		close(target->pidfd);
	free(target);
}

static int open_held(struct ms_target *target, int *control_fd, const struct ms_watches *watches)
{
	struct ms_pid_facts *processes MS_CLEANUP_FREE = NULL;
	struct ms_watches own = {0};
	size_t count = 0;
	int error = 0;

	if (!watches) {
		error = ms_pids_list(&processes, &count);
		if (error == 0)
			error = ms_watches_find(processes, count, &own);
		watches = &own;
	}
	if (error == 0)
		error = ms_watches_open_table(watches, &target->facts, &target->table, &target->scratch,
					      control_fd);
	ms_watches_free(&own);
	return error;
}

/* The mapping stays when the descriptors are closed. */
static bool has_mapped_table(pid_t pid)
{
	char path[32], line[512];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, " /memfd:" MS_TABLE_MEMFD_NAME) != NULL;
	if (maps)
		fclose(maps);
	return found;
}

int ms_target_open(const struct ms_pid_facts *facts, bool control, const struct ms_watches *watches,
		   struct ms_target **ret_target)
{
	struct ms_target *target = target_new(facts);
	char command[MS_COMMAND_BYTES];

	if (!target)
		return -ENOMEM;
	int *control_fd = control ? &target->control_fd : NULL;

	target->pidfd = pidfd_open(facts->pid, 0);
	int error = ms_table_open_pid(&target->table, &target->scratch, facts->pid, control_fd);
	if (error == -ENOENT)
		error = open_held(target, control_fd, watches);
	if (error == -ENOENT && !watches && has_mapped_table(facts->pid))
		error = MS_TARGET_CLOSED;
	/* Found by its pid, it is still the one that was opened, because it has not ended since. */
	if (error == 0 && ms_target_gone(target))
		error = -ESRCH;
	if (error == 0) {
		ms_command_name(facts, command);
		set_command(target, command);
	}
	*ret_target = target;
	return error;
}

/* ---- as of now ---- */

bool ms_target_gone(const struct ms_target *target)
{
	struct pollfd wait = {.fd = target->pidfd, .events = POLLIN};

	if (target->pidfd < 0)
		return ms_target_state(target) == 0;
	return poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN);
}

int ms_target_facts(const struct ms_target *target, struct ms_pid_facts *ret_facts)
{
	struct ms_pid_facts now;
	int error = ms_pids_facts(target->facts.pid, &now);

	if (error < 0)
		return error;
	if (now.start_ticks != target->facts.start_ticks || now.state == 'Z' || now.state == 'X')
		return -ESRCH;
	*ret_facts = now;
	return 0;
}

char ms_target_state(const struct ms_target *target)
{
	struct ms_pid_facts now;

	return ms_target_facts(target, &now) < 0 ? 0 : now.state;
}

int ms_target_rows(struct ms_target *target, struct ms_row **ret_rows)
{
	int error = ms_table_refresh(&target->table);
	if (error < 0)
		return error;

	/* Room for those that register meanwhile. */
	uint32_t capacity = target->table.info.live_rows + 64;
	if (capacity > MS_ROW_COUNT)
		capacity = MS_ROW_COUNT;
	struct ms_row *rows = calloc(capacity, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	int count = ms_table_read_rows(&target->table, rows, capacity);
	if (count < 0) {
		free(rows);
		return count;
	}
	*ret_rows = rows;
	return count;
}

/* ---- what went wrong ---- */

/* A Python that runs without the adapter. Return: whether it is one. */
static bool say_unloaded(const struct ms_verb *verb, const struct ms_target *target)
{
	char python_dir[PATH_MAX];
	const char *dir = ms_place_python(ms_place_bin, python_dir);
	struct ms_root root;
	uint64_t program;

	if (!target || !dir || ms_root_init(&root, "/") < 0)
		return false;
	enum ms_python_fault fault = ms_python_look(&root, target->facts.pid, dir, &program);

	ms_root_fini(&root);
	if (fault == MS_PYTHON_NONE)
		return false;
	ms_verb_error(verb, "%s: has no table: it runs without the adapter for Python: %s; see memshed-run(1)",
		      target->label, ms_python_fault_words(fault));
	return true;
}

enum ms_exit ms_target_failure(const struct ms_verb *verb, const struct ms_target *target, int error)
{
	const char *label = target ? target->label : "memshed";

	switch (error) {
	case -ESRCH:
		ms_verb_error(verb, "%s: the process has ended", label);
		return MS_EXIT_NO_PROCESS;
	case -ENOENT:
		if (say_unloaded(verb, target))
			return MS_EXIT_NO_TABLE;
		ms_verb_error(verb,
			      "%s: has no table: it registered no cache with libmemshed; see memshed-run(1)",
			      label);
		return MS_EXIT_NO_TABLE;
	case MS_TARGET_CLOSED:
		ms_verb_error(
			verb,
			"%s: has a table, but closed all its descriptors, as daemons do: it can be read only "
			"while `memshed run` watches the process",
			label);
		return MS_EXIT_NO_TABLE;
	case -EACCES:
	case -EPERM:
		ms_verb_error(verb, "%s: cannot be read: permission denied; run as that user or as root",
			      label);
		return MS_EXIT_NO_PERMISSION;
	case -EBADMSG:
		ms_verb_error(verb, "%s: its table cannot be understood: damaged, or made by another version",
			      label);
		return MS_EXIT_FAILURE;
	default:
		ms_verb_error(verb, "%s: its table cannot be opened: %s", label, strerror(-error));
		return MS_EXIT_FAILURE;
	}
}

/* SPDX-License-Identifier: MIT */
/* cmd/find.c - see find.h. */
#include "cmd/find.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/units.h"

/* What a search by name came to. */
struct matches {
	struct ms_pid_facts *facts;
	size_t count;  /* kept ones stand first */
	size_t hidden; /* of them, those that may not be read */
};

static struct ms_target *target_new(const struct ms_pid_facts *facts)
{
	struct ms_target *target = calloc(1, sizeof(*target));
	char comm[MS_ESCAPED_NAME];

	if (!target)
		return NULL;
	target->facts = *facts;
	target->pidfd = -1;
	target->control_fd = -1;
	target->table.fd = -1;
	snprintf(target->label, sizeof(target->label), "%s (pid %d)", ms_escape_name(comm, facts->comm),
		 (int)facts->pid);
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

bool ms_target_gone(const struct ms_target *target)
{
	struct pollfd wait = {.fd = target->pidfd, .events = POLLIN};

	if (target->pidfd < 0)
		return ms_target_state(target) == 0;
	return poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN);
}

static bool is_dead(const struct ms_pid_facts *facts)
{
	return facts->state == 'Z' || facts->state == 'X';
}

int ms_target_facts(const struct ms_target *target, struct ms_pid_facts *ret_facts)
{
	struct ms_pid_facts now;
	int error = ms_pids_facts(target->facts.pid, &now);

	if (error < 0)
		return error;
	if (now.start_ticks != target->facts.start_ticks || is_dead(&now))
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

enum ms_exit ms_open_failure(const struct ms_verb *verb, const char *label, uid_t uid, int error)
{
	switch (-error) {
	case ESRCH:
		ms_verb_error(verb, "%s: the process has ended", label);
		return MS_EXIT_NO_PROCESS;
	case ENOENT:
		ms_verb_error(verb,
			     "%s: has no table: it registered no cache with libmemshed; see memshed-run(1)",
			     label);
		return MS_EXIT_NO_TABLE;
	case EACCES:
	case EPERM:
		ms_verb_error(verb, "%s: may not be read: it belongs to uid %u; try as that user, or as root",
			     label, (unsigned)uid);
		return MS_EXIT_NO_PERMISSION;
	case EBADMSG:
		ms_verb_error(verb, "%s: its table cannot be understood: damaged, or made by another version",
			     label);
		return MS_EXIT_FAILURE;
	default:
		ms_verb_error(verb, "%s: its table cannot be opened: %s", label, strerror(-error));
		return MS_EXIT_FAILURE;
	}
}

static enum ms_exit open_target(const struct ms_verb *verb, const struct ms_pid_facts *facts, bool control,
				struct ms_target **ret_target)
{
	struct ms_target *target = target_new(facts);
	int error = -ENOMEM;

	if (!target)
		return ms_open_failure(verb, facts->comm, facts->uid, error);
	target->pidfd = pidfd_open(facts->pid, 0);
	error = ms_table_open_pid(&target->table, &target->scratch, facts->pid,
				  control ? &target->control_fd : NULL);
	/* Whoever was found by its pid is still the one that was opened, for it has not ended since. */
	if (error == 0 && ms_target_gone(target))
		error = -ESRCH;
	enum ms_exit code = error < 0 ? ms_open_failure(verb, target->label, facts->uid, error) : MS_EXIT_OK;
	if (code == MS_EXIT_OK && control && target->control_fd < 0) {
		ms_verb_error(verb, "%s: its caches may be seen, but orders may not be posted to it",
			     target->label);
		code = MS_EXIT_NO_PERMISSION;
	}
	if (code == MS_EXIT_OK)
		*ret_target = target;
	else
		ms_target_free(target);
	return code;
}

static enum ms_exit find_by_pid(const struct ms_verb *verb, const char *wanted, uint64_t pid, bool control,
				struct ms_target **ret_target)
{
	struct ms_pid_facts facts;
	int error = pid == 0 || pid > INT32_MAX ? -ESRCH : ms_pids_facts((pid_t)pid, &facts);

	if (error == -ESRCH) {
		ms_verb_error(verb, "%s: no such process", wanted);
		return MS_EXIT_NO_PROCESS;
	}
	if (error < 0) {
		ms_verb_error(verb, "%s: %s", wanted, strerror(-error));
		return MS_EXIT_FAILURE;
	}
	if (is_dead(&facts)) {
		ms_verb_error(verb, "%s: the process has ended (a zombie)", wanted);
		return MS_EXIT_NO_PROCESS;
	}
	return open_target(verb, &facts, control, ret_target);
}

/* Return: 0 when the process has a table that may be read; else as ms_table_open_pid(). */
static int try_table(pid_t pid)
{
	struct ms_table_reader table;
	struct ms_table_scratch *scratch MS_CLEANUP_FREE = malloc(sizeof(*scratch));
	int error = scratch ? ms_table_open_pid(&table, scratch, pid, NULL) : -ENOMEM;

	if (error == 0)
		ms_table_close(&table);
	return error;
}

/* Keep those with a table, moved to the front. */
static void keep_tables(struct matches *matches)
{
	size_t kept = 0;

	for (size_t i = 0; i < matches->count; i++) {
		int error = try_table(matches->facts[i].pid);

		if (error == 0)
			matches->facts[kept++] = matches->facts[i];
		else if (error == -EACCES || error == -EPERM)
			matches->hidden++;
	}
	matches->count = kept;
}

/* Whether the program, or the first words after it, have this file name. Reads the target's own memory,
 * so it is done only for processes with a table, and only when the name found nobody. */
static bool runs_program(pid_t pid, const char *wanted)
{
	enum { WORDS = 4 };
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	int fd MS_CLEANUP_FD = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	const char *word = text;
	for (unsigned i = 0; i < WORDS && word < text + length; i++, word += strlen(word) + 1)
		if (strcmp(basename(word), wanted) == 0)
			return true;
	return false;
}

static int match_programs(const char *wanted, struct matches *ret_matches)
{
	struct matches all = {0};
	int error = ms_pids_list(&all.facts, &all.count);
	if (error < 0)
		return error;

	keep_tables(&all);
	size_t kept = 0;
	for (size_t i = 0; i < all.count; i++)
		if (runs_program(all.facts[i].pid, wanted))
			all.facts[kept++] = all.facts[i];
	all.count = kept;
	*ret_matches = all;
	return 0;
}

static enum ms_exit say_ambiguous(const struct ms_verb *verb, const char *wanted, const struct matches *matches)
{
	enum { SHOWN = 8 };
	char pids[SHOWN * 12 + 8] = "";
	size_t at = 0;

	for (size_t i = 0; i < matches->count && i < SHOWN; i++)
		at += (size_t)snprintf(pids + at, sizeof(pids) - at, " %d", (int)matches->facts[i].pid);
	ms_verb_error(verb, "%s: %zu processes have that name and a table: say which pid:%s%s", wanted,
		     matches->count, pids, matches->count > SHOWN ? " ..." : "");
	return MS_EXIT_AMBIGUOUS;
}

static enum ms_exit say_none(const struct ms_verb *verb, const char *wanted, size_t same_name, size_t hidden)
{
	if (same_name == 0) {
		ms_verb_error(verb, "%s: no process of that name; `memshed list` shows those with caches",
			     wanted);
		return MS_EXIT_NO_PROCESS;
	}
	if (hidden > 0) {
		ms_verb_error(verb,
			     "%s: %zu of %zu processes of that name may not be read; try as their user, or "
			     "as root",
			     wanted, hidden, same_name);
		return MS_EXIT_NO_PERMISSION;
	}
	ms_verb_error(verb,
		     "%s: %zu processes have that name, and none a table: they registered no cache with "
		     "libmemshed",
		     wanted, same_name);
	return MS_EXIT_NO_TABLE;
}

/* Decide among the matches; those that are not the one are said. */
static enum ms_exit choose(const struct ms_verb *verb, const char *wanted, struct matches *matches, bool control,
			   struct ms_target **ret_target)
{
	size_t same_name = matches->count;

	if (same_name == 1)
		return open_target(verb, &matches->facts[0], control, ret_target);
	keep_tables(matches);
	if (matches->count == 1)
		return open_target(verb, &matches->facts[0], control, ret_target);
	if (matches->count > 1)
		return say_ambiguous(verb, wanted, matches);
	return say_none(verb, wanted, same_name, matches->hidden);
}

static enum ms_exit find_by_name(const struct ms_verb *verb, const char *wanted, bool control,
				 struct ms_target **ret_target)
{
	struct matches matches = {0};
	int error = ms_pids_by_name(wanted, &matches.facts, &matches.count);

	if (error == 0 && matches.count == 0)
		error = match_programs(wanted, &matches);
	if (error < 0) {
		ms_verb_error(verb, "the processes cannot be listed: %s", strerror(-error));
		return MS_EXIT_FAILURE;
	}
	enum ms_exit code = choose(verb, wanted, &matches, control, ret_target);
	free(matches.facts);
	return code;
}

enum ms_exit ms_target_find(const struct ms_verb *verb, const char *wanted, bool control, struct ms_target **ret_target)
{
	uint64_t pid;

	if (ms_units_parse_u64(wanted, &pid) == 0)
		return find_by_pid(verb, wanted, pid, control, ret_target);
	return find_by_name(verb, wanted, control, ret_target);
}

/* SPDX-License-Identifier: MIT */
/* cmd/watches.c - see watches.h. */
#include "cmd/watches.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "table/link.h"
#include "util/cleanup.h"

/* Return: 0; -ENOMEM; another negative errno: no watch that can be read. */
static int read_watch(const struct ms_pid_facts *process, struct ms_watch_view *ret_watch)
{
	struct ms_watch_view watch = {.pid = process->pid, .uid = process->uid};
	struct ms_state_reader reader;
	int error = ms_state_open_pid(&reader, process->pid);

	if (error < 0)
		return error;
	watch.members = calloc(MS_STATE_MEMBERS, sizeof(*watch.members));
	error = watch.members ? ms_state_read(&reader, &watch.state) : -ENOMEM;
	if (error == 0)
		error = watch.member_count = ms_state_members(&reader, watch.members, MS_STATE_MEMBERS);
	ms_state_close(&reader);
	if (error < 0)
		free(watch.members);
	else
		*ret_watch = watch;
	return error < 0 ? error : 0;
}

int ms_watches_find(const struct ms_pid_facts *processes, size_t count, struct ms_watches *ret_watches)
{
	struct ms_watches watches = {0};

	for (size_t i = 0; i < count; i++) {
		struct ms_watch_view watch;
		int error = read_watch(&processes[i], &watch);
		struct ms_watch_view *more =
			error < 0 ? NULL : reallocarray(watches.at, watches.count + 1, sizeof(*watches.at));

		if (error == -ENOMEM || (error == 0 && !more)) {
			ms_watches_free(&watches);
			return -ENOMEM;
		}
		if (error < 0)
			continue;
		watches.at = more;
		watches.at[watches.count++] = watch;
	}
	*ret_watches = watches;
	return 0;
}

void ms_watches_free(struct ms_watches *watches)
{
	for (size_t i = 0; i < watches->count; i++)
		free(watches->at[i].members);
	free(watches->at);
	*watches = (struct ms_watches){0};
}

static bool is_believed(const struct ms_watch_view *watch, const struct ms_pid_facts *facts)
{
	return watch->uid == 0 || watch->uid == facts->uid;
}

static const struct ms_watch_view *find_above(const struct ms_watches *watches,
					      const struct ms_pid_facts *facts)
{
	enum { ANCESTORS = 64 };
	struct ms_pid_facts above = *facts;

	for (unsigned i = 0; i < ANCESTORS && watches->count > 0 && above.ppid > 0; i++) {
		for (size_t n = 0; n < watches->count; n++)
			if (watches->at[n].pid == above.ppid && is_believed(&watches->at[n], facts))
				return &watches->at[n];
		if (ms_pids_facts(above.ppid, &above) < 0)
			break;
	}
	return NULL;
}

const struct ms_watch_view *ms_watches_of(const struct ms_watches *watches, const struct ms_pid_facts *facts,
					  uint64_t identity)
{
	const struct ms_watch_view *above = find_above(watches, facts);

	for (size_t i = 0; i < watches->count && !above; i++) {
		const struct ms_watch_view *watch = &watches->at[i];

		for (int m = 0; m < watch->member_count && is_believed(watch, facts); m++)
			if (watch->members[m].identity == identity)
				return watch;
	}
	return above;
}

/* The number of the process may be that of the watch's own pid namespace: as seen here, or the innermost. */
static bool is_meant(const struct ms_state_member *member, const struct ms_pid_facts *facts,
		     const struct ms_link_facts *link)
{
	return member->start_ticks == facts->start_ticks &&
	       (member->pid == (uint32_t)facts->pid || member->pid == link->pid);
}

/* A table that was handed down to the process by its parent is not its own. */
static int open_checked(const struct ms_watch_view *watch, const struct ms_state_member *member,
			const struct ms_link_facts *link, struct ms_table_reader *reader,
			struct ms_table_scratch *scratch, int *ret_control_fd)
{
	int error = ms_state_open_member(watch->pid, member, reader, scratch, ret_control_fd);

	if (error < 0 || ms_link_rate(link, reader->info.pid, reader->info.start_ticks) > 0)
		return error;
	ms_table_close(reader);
	if (ret_control_fd && *ret_control_fd >= 0)
		close(*ret_control_fd);
	return -ENOENT;
}

int ms_watches_open_table(const struct ms_watches *watches, const struct ms_pid_facts *facts,
			  struct ms_table_reader *reader, struct ms_table_scratch *scratch,
			  int *ret_control_fd)
{
	struct ms_link_facts link;
	int dir MS_CLEANUP_FD = ms_link_open_dir(facts->pid, &link), error = -ENOENT;

	if (dir < 0)
		return dir;
	for (size_t i = 0; i < watches->count && error == -ENOENT; i++) {
		const struct ms_watch_view *watch = &watches->at[i];

		for (int m = 0; m < watch->member_count && error == -ENOENT && is_believed(watch, facts); m++)
			if (is_meant(&watch->members[m], facts, &link))
				error = open_checked(watch, &watch->members[m], &link, reader, scratch,
						     ret_control_fd);
	}
	return error;
}

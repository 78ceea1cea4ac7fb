/* SPDX-License-Identifier: MIT */
/* watch/greet.c - see greet.h. */
#include "watch/greet.h"

#include <errno.h>
#include <unistd.h>

#include "watch/hello.h"
#include "watch/marks.h"
#include "watch/watch.h"

enum { HELLOS_AT_ONCE = 16 };

void ms_greet_follow(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_tree_change change;

	while (ms_tree_next_change(&watch->reading.tree, &change)) {
		if (change.came) {
			ms_members_add(&watch->members, change.slot, change.pid, change.start_ticks, now_ns);
			continue;
		}
		ms_members_name(&watch->members, change.slot, 0, &watch->summary.largest, NULL);
		ms_orders_forget(watch, change.slot, now_ns);
		ms_members_remove(&watch->members, change.slot);
	}
}

void ms_greet_report(struct ms_watch *watch, uint32_t slot)
{
	struct ms_member *member = &watch->members.at[slot];
	struct ms_event event = {.kind = MS_EVENT_TARGET};

	/* First of all: a process that has just started is filling its caches. */
	ms_watch_tell_member(watch, slot);
	if (!member->has_table || ms_table_refresh(&member->reader) < 0)
		return;
	event.as.target.caches = member->reader.info.live_rows;
	/* The buffers for reading rows get their pages before a shortage: once, with the first table. */
	if (watch->members.tables == 1)
		ms_members_read(&watch->members, watch->reading.tree.high, ms_clock_ns());
	ms_report_member(watch->report, &watch->reading, member, &event);
}

/* Return: a slot; -EAGAIN not now; another negative errno: it does not belong. */
static int look_up(struct ms_watch *watch, pid_t pid, uint64_t now_ns)
{
	int slot = ms_tree_find(&watch->reading.tree, pid);

	if (slot >= 0 || pid <= 0)
		return slot;
	if (ms_reading_is_short(&watch->reading))
		return -EAGAIN;
	slot = ms_tree_seek(&watch->reading.tree, pid);
	if (slot >= 0)
		ms_greet_follow(watch, now_ns);
	return ms_root_is_exhausted(slot) ? -EAGAIN : slot;
}

static void close_packet(const struct ms_hello_packet *packet)
{
	close(packet->table_fd);
	if (packet->control_fd >= 0)
		close(packet->control_fd);
}

/* Its table may have been found before its hello was read: then it has not executed another program, and only the
 * control page may be new. */
static void adopt(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_hello_packet packet;

	if (ms_hello_take(watch->options.hello_fd, &packet) < 0)
		return;
	bool known = ms_members_knows(&watch->members, slot, packet.table_fd);

	if (known && watch->members.at[slot].can_post) {
		close_packet(&packet);
		return;
	}
	if (!known)
		ms_orders_forget(watch, slot, now_ns);
	if (ms_members_adopt(&watch->members, slot, packet.table_fd, packet.control_fd) == 0)
		ms_greet_report(watch, slot);
}

void ms_greet_receive(struct ms_watch *watch, uint64_t now_ns)
{
	pid_t stranger = 0; /* looked up once, not for each of its packets */

	for (unsigned i = 0; i < HELLOS_AT_ONCE; i++) {
		pid_t pid = ms_hello_peek(watch->options.hello_fd);

		if (pid < 0)
			return;
		int slot = pid == stranger ? -ESRCH : look_up(watch, pid, now_ns);

		if (slot == -EAGAIN)
			return;
		if (slot >= 0) {
			adopt(watch, (uint32_t)slot, now_ns);
			continue;
		}
		stranger = pid;
		ms_hello_drop(watch->options.hello_fd);
	}
}

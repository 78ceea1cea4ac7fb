/* SPDX-License-Identifier: MIT */
/*
 * watch/greet.c - take over the tables of processes that say hello.
 *
 * Only processes of the tree are taken; one that no scan has seen yet is looked up, with its ancestors,
 * before anything of its packet is received. Opens files to look up, so not above danger: the packets wait
 * then. Nothing allocates.
 */
#include <errno.h>

#include "watch/context.h"

enum { HELLOS_AT_ONCE = 16 };

void ms_greet_report(struct ms_super *super, uint32_t slot)
{
	struct ms_member *target = &super->members.at[slot];

	if (target->has_table && ms_table_refresh(&target->reader) == 0)
		ms_report_process(super, MS_EVENT_TARGET, slot);
}

/* Return: a slot; -EAGAIN not now; another negative errno: it does not belong. */
static int look_up(struct ms_super *super, pid_t pid, uint64_t now_ns)
{
	int slot = ms_tree_find(&super->tree, pid);

	if (slot >= 0 || pid <= 0)
		return slot;
	if (ms_loop_is_short_of_memory(super))
		return -EAGAIN;
	slot = ms_tree_seek(&super->tree, pid);
	if (slot >= 0)
		ms_loop_take_changes(super, now_ns);
	return ms_root_is_exhausted(slot) ? -EAGAIN : slot;
}

static void adopt(struct ms_super *super, uint32_t slot, uint64_t now_ns)
{
	struct ms_hello_packet packet;

	if (ms_hello_take(super->hello_fd, &packet) < 0)
		return;
	ms_orders_forget(super, slot, now_ns);
	if (ms_members_adopt(&super->members, slot, packet.table_fd, packet.control_fd) == 0)
		ms_greet_report(super, slot);
}

void ms_greet_receive(struct ms_super *super, uint64_t now_ns)
{
	pid_t stranger = 0; /* looked up once, not for each of its packets */

	for (unsigned i = 0; i < HELLOS_AT_ONCE; i++) {
		pid_t pid = ms_hello_peek(super->hello_fd);

		if (pid < 0)
			return;
		int slot = pid == stranger ? -ESRCH : look_up(super, pid, now_ns);

		if (slot == -EAGAIN)
			return;
		if (slot >= 0) {
			adopt(super, (uint32_t)slot, now_ns);
			continue;
		}
		stranger = pid;
		ms_hello_drop(super->hello_fd);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * watch/greet.c - take over the tables of processes that say hello.
 *
 * Only processes of the tree are taken. A worker may say hello before any scan has seen it: its hello
 * then brings the next scan forward and waits for it. Who is still unknown after a scan that began
 * later is a stranger. Opens nothing but what came with the packet; nothing allocates.
 */
#include <unistd.h>

#include "watch/context.h"

enum { HELLOS_AT_ONCE = 16 };

static void turn_away(const struct ms_hello_packet *packet)
{
	close(packet->table_fd);
	if (packet->control_fd >= 0)
		close(packet->control_fd);
}

void ms_greet_report(struct ms_super *super, uint32_t slot)
{
	struct ms_member *target = &super->members.at[slot];

	if (target->has_table && ms_table_refresh(&target->reader) == 0)
		ms_report_process(super, MS_EVENT_TARGET, slot);
}

static void adopt(struct ms_super *super, uint32_t slot, const struct ms_hello_packet *packet, uint64_t now_ns)
{
	ms_orders_forget(super, slot, now_ns);
	if (ms_members_adopt(&super->members, slot, packet->table_fd, packet->control_fd) == 0)
		ms_greet_report(super, slot);
}

static void let_wait(struct ms_super *super, const struct ms_hello_packet *packet, uint64_t now_ns)
{
	uint64_t soon = super->scanned_ns + MS_SCAN_LEAST_NS;

	if (super->waiting_count == MS_HELLOS_WAITING) { /* it will be found by its descriptors */
		turn_away(packet);
		return;
	}
	super->waiting[super->waiting_count++] = (struct ms_waiting_hello){.packet = *packet, .since_ns = now_ns};
	if (soon < super->next_scan_ns)
		super->next_scan_ns = soon;
}

void ms_greet_receive(struct ms_super *super, uint64_t now_ns)
{
	struct ms_hello_packet packet;

	for (unsigned i = 0; i < HELLOS_AT_ONCE; i++) {
		int n = ms_hello_receive(super->hello_fd, &packet);

		if (n < 0)
			return;
		if (n == 0)
			continue;
		int slot = ms_tree_find(&super->tree, packet.pid);

		if (slot >= 0)
			adopt(super, (uint32_t)slot, &packet, now_ns);
		else
			let_wait(super, &packet, now_ns);
	}
}

void ms_greet_waiting(struct ms_super *super, uint64_t now_ns)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < super->waiting_count; i++) {
		struct ms_waiting_hello hello = super->waiting[i];
		int slot = ms_tree_find(&super->tree, hello.packet.pid);

		if (slot >= 0)
			adopt(super, (uint32_t)slot, &hello.packet, now_ns);
		else if (hello.since_ns < super->scanned_ns)
			turn_away(&hello.packet);
		else
			super->waiting[kept++] = hello;
	}
	super->waiting_count = kept;
}

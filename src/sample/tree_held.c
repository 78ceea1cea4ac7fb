/* SPDX-License-Identifier: MIT */
/*
 * sample/tree_held.c - what the members of a tree hold, the pages that they share counted once: see held.h.
 *
 * A round measures one member after the other, and its figures count together at its end: a page that two share is
 * half of each then. Had one of them the figure from before a fork, and the other the one from after it, the page
 * would count in neither, or in both.
 */
#include "sample/tree.h"

#include "util/clock.h"
#include "util/saturate.h"

/* Measured: 10 to 16 ms per GiB. */
enum { MEASURED_BYTES_PER_NS = 64 };

/* Pages stop being shared when they are written to. */
static const uint64_t ROUND_EVERY_NS = 30 * MS_NS_PER_S;

enum {
	CHANGE_DIVISOR = 8, /* of what is held: a round is due when it changed by more */
	PAUSES = 4,         /* of the time that a round takes, until the next */
};

void ms_tree_count_held(struct ms_tree *tree)
{
	tree->counts_held = true;
	for (uint32_t slot = 0; slot < tree->high; slot++)
		if (ms_tree_member(tree, slot))
			(void)ms_held_open(&tree->slots[slot].held, tree->root, tree->slots[slot].process.pid);
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

uint64_t ms_tree_measuring_ns(const struct ms_tree *tree)
{
	return tree->memory.rss_bytes / MEASURED_BYTES_PER_NS;
}

bool ms_tree_wants_measuring(const struct ms_tree *tree, uint64_t now_ns, bool urgent)
{
	const struct ms_tree_round *round = &tree->round;
	uint64_t held_bytes = tree->memory.held_bytes, age_ns = ms_sat_sub(now_ns, round->began_ns);

	if (!tree->counts_held || tree->members < 2)
		return false;
	if (round->running || round->began_ns == 0)
		return true;
	if (age_ns < (urgent ? 1 : PAUSES) * ms_tree_measuring_ns(tree))
		return false;
	return round->due || age_ns >= ROUND_EVERY_NS ||
	       difference(held_bytes, round->held_bytes) > held_bytes / CHANGE_DIVISOR;
}

static void begin(struct ms_tree *tree, uint64_t now_ns)
{
	tree->round = (struct ms_tree_round){.running = true, .began_ns = now_ns};
	for (uint32_t slot = 0; slot < tree->high; slot++)
		tree->slots[slot].next_twice_bytes = tree->slots[slot].held.twice_bytes;
}

static void end(struct ms_tree *tree)
{
	uint64_t held_bytes = 0;

	for (uint32_t slot = 0; slot < tree->high; slot++) {
		struct ms_tree_member *member = &tree->slots[slot];

		member->held.twice_bytes = member->next_twice_bytes;
		if (ms_tree_member(tree, slot))
			held_bytes = ms_sat_add(held_bytes, ms_sat_sub(member->held.bytes, member->held.twice_bytes));
	}
	tree->round.running = false;
	tree->round.held_bytes = tree->memory.held_bytes = held_bytes;
}

bool ms_tree_measure(struct ms_tree *tree, uint64_t now_ns)
{
	if (!tree->round.running)
		begin(tree, now_ns);
	while (tree->round.next < tree->high && !ms_tree_member(tree, tree->round.next))
		tree->round.next++;
	if (tree->round.next < tree->high) {
		struct ms_tree_member *member = &tree->slots[tree->round.next++];

		/* Of one that may not be looked into all counts, as nothing is known. */
		if (ms_held_measure(&member->held, tree->root, &member->process, &member->next_twice_bytes) < 0)
			member->next_twice_bytes = 0;
	}
	if (tree->round.next >= tree->high)
		end(tree);
	return tree->round.running;
}

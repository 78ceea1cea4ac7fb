/* SPDX-License-Identifier: MIT */
/* watch/own.c - see own.h. */
#include "watch/own.h"

#include "util/saturate.h"
#include "watch/watch.h"

static void add(struct ms_watch_own *sum, const struct ms_table_info *info)
{
	sum->rounds = ms_sat_add(sum->rounds, info->own_rounds);
	sum->claimed_bytes = ms_sat_add(sum->claimed_bytes, info->own_claimed_bytes);
	sum->returned_bytes = ms_sat_add(sum->returned_bytes, info->own_returned_bytes);
	sum->us = ms_sat_add(sum->us, info->own_us);
	sum->brakes = ms_sat_add(sum->brakes, info->brakes);
	sum->braked_us = ms_sat_add(sum->braked_us, info->braked_us);
}

/* Return: whether its figures are not in the sums yet. A header that makes no sense keeps its last figures. */
static bool is_open(struct ms_member *member, bool fresh)
{
	if (!member->has_table || member->kept_identity == member->reader.info.identity)
		return false;
	if (fresh)
		(void)ms_table_refresh(&member->reader);
	return true;
}

struct ms_watch_own ms_watch_own_sum(struct ms_watch *watch, bool fresh)
{
	struct ms_watch_own sum = watch->own;
	uint32_t left = watch->members.tables;

	for (uint32_t slot = 0; slot < watch->reading.tree.high && left > 0; slot++) {
		left -= watch->members.at[slot].has_table;
		if (is_open(&watch->members.at[slot], fresh))
			add(&sum, &watch->members.at[slot].reader.info);
	}
	return sum;
}

void ms_watch_own_keep(struct ms_watch *watch, uint32_t slot)
{
	struct ms_member *member = &watch->members.at[slot];

	if (!is_open(member, true))
		return;
	add(&watch->own, &member->reader.info);
	member->kept_identity = member->reader.info.identity;
}

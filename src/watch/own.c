/* SPDX-License-Identifier: MIT */
/* watch/own.c - see own.h. */
#include "watch/own.h"

#include "util/saturate.h"
#include "watch/watch.h"

#define LOOK_NS MS_NS_PER_S
#define TELL_NS (60 * MS_NS_PER_S) /* as the summaries of digest.c */

static void add(struct ms_watch_own *sum, const struct ms_table_info *info)
{
	sum->rounds = ms_sat_add(sum->rounds, info->own_rounds);
	sum->claimed_bytes = ms_sat_add(sum->claimed_bytes, info->own_claimed_bytes);
	sum->returned_bytes = ms_sat_add(sum->returned_bytes, info->own_returned_bytes);
	sum->us = ms_sat_add(sum->us, info->own_us);
	sum->brakes = ms_sat_add(sum->brakes, info->brakes);
	sum->braked_us = ms_sat_add(sum->braked_us, info->braked_us);
}

/* Return: whether its figures are still to be added. Where its header makes no sense, the last ones count. */
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

/* What is new since the last event; a figure that has gone down makes no sense, and is 0. */
static struct ms_event news(const struct ms_watch_own *now, const struct ms_watch_own *told)
{
	return (struct ms_event){
		.kind = MS_EVENT_OWN,
		.as.own = {.rounds = ms_sat_sub(now->rounds, told->rounds),
			   .claimed_bytes = ms_sat_sub(now->claimed_bytes, told->claimed_bytes),
			   .returned_bytes = ms_sat_sub(now->returned_bytes, told->returned_bytes),
			   .duration_us = ms_sat_sub(now->us, told->us),
			   .brakes = ms_sat_sub(now->brakes, told->brakes),
			   .braked_us = ms_sat_sub(now->braked_us, told->braked_us)}};
}

static void tell(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = &watch->members.at[slot];
	struct ms_watch_own sum = {0};
	bool is_new = member->told_identity != member->reader.info.identity;

	if (!is_new && now_ns - member->told_ns < TELL_NS)
		return;
	add(&sum, &member->reader.info);

	struct ms_event event = news(&sum, is_new ? &(struct ms_watch_own){0} : &member->told);

	if (event.as.own.rounds == 0)
		return;
	member->told = sum;
	member->told_identity = member->reader.info.identity;
	member->told_ns = now_ns;
	ms_members_name(&watch->members, slot, 0, &event.as.own.largest, NULL);
	ms_report_member(watch->report, &watch->reading, member, &event);
}

void ms_watch_own_tell(struct ms_watch *watch, uint64_t now_ns)
{
	uint32_t left = watch->members.tables;

	if (now_ns < watch->own_look_ns || ms_reading_is_short(&watch->reading))
		return;
	watch->own_look_ns = now_ns + LOOK_NS;
	for (uint32_t slot = 0; slot < watch->reading.tree.high && left > 0; slot++) {
		left -= watch->members.at[slot].has_table;
		if (is_open(&watch->members.at[slot], true))
			tell(watch, slot, now_ns);
	}
}

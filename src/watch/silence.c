/* SPDX-License-Identifier: MIT */
/* watch/silence.c - see silence.h. */
#include "watch/silence.h"

#include "watch/watch.h"

#define CHECK_NS (100 * MS_NS_PER_MS)

static void say(struct ms_watch *watch, const struct ms_member *member, enum ms_event_kind kind)
{
	struct ms_event event = {.kind = kind};

	if (kind == MS_EVENT_SILENT)
		event.as.silent.agent_state = member->reader.info.agent_state;
	ms_report_member(watch->report, &watch->reading, member, &event);
}

/* No agent has taken its order. */
static enum ms_silence_cause look_into(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = &watch->members.at[slot];

	if (member->said_silent)
		return MS_SILENCE_WAIT;
	member->said_silent = true;
	if (!ms_reading_is_short(&watch->reading) && ms_members_look(&watch->members, slot, now_ns) == 1)
		return MS_SILENCE_REPLACED;
	ms_table_refresh(&member->reader);
	say(watch, member, MS_EVENT_SILENT);
	return MS_SILENCE_WAIT;
}

enum ms_silence_cause ms_silence_check(struct ms_watch *watch, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *member = &watch->members.at[slot];

	if (now_ns < watch->silence.next_check_ns || now_ns - member->order.since_ns < MS_SILENT_NS)
		return MS_SILENCE_WAIT;
	if (ms_members_is_stopped(&watch->members, slot)) {
		member->stopped = true;
		say(watch, member, MS_EVENT_STOPPED);
		return MS_SILENCE_STOPPED;
	}
	return ms_post_is_silent(&member->order, now_ns) ? look_into(watch, slot, now_ns) : MS_SILENCE_WAIT;
}

void ms_silence_resume(struct ms_watch *watch, uint64_t now_ns)
{
	if (now_ns < watch->silence.next_check_ns)
		return;
	watch->silence.next_check_ns = now_ns + CHECK_NS;
	for (uint32_t i = 0; i < watch->reading.tree.high; i++) {
		struct ms_member *member = &watch->members.at[i];

		if (!member->pid || !member->stopped || ms_members_is_stopped(&watch->members, i))
			continue;
		member->stopped = false;
		say(watch, member, MS_EVENT_RESUMED);
	}
}

void ms_silence_check_soon(struct ms_watch *watch)
{
	watch->silence.next_check_ns = 0;
}

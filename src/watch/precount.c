/* SPDX-License-Identifier: MIT */
/* watch/precount.c - see count.h. */
#include "watch/precount.h"

#include "util/clock.h"
#include "util/saturate.h"
#include "watch/watch.h"

#define PAUSE_LEAST_NS (50 * MS_NS_PER_MS)
#define PAUSE_MOST_NS  (500 * MS_NS_PER_MS)
#define TIMEOUT_NS     (10 * MS_NS_PER_S)

static void turn(struct ms_member *member, uint64_t now_ns)
{
	if (ms_post_is_open(&member->count))
		ms_post_turn(&member->count, &member->client, now_ns);
	if (member->count.state == MS_POST_ENDED)
		ms_post_reset(&member->count);
}

/* Four times until max at the present growth, within bounds. */
static bool is_due(const struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_sample *sample = &watch->reading.sample;
	uint64_t room = ms_sat_sub(sample->limit.max_bytes, sample->limit.used_bytes);
	uint64_t pause_ns = ms_within(ms_fill_time_ns(room, sample->growth_bytes_per_s) / 4, PAUSE_LEAST_NS,
				      PAUSE_MOST_NS);

	return sample->limit.used_bytes >= watch->reading.marks.low_bytes && watch->orders.open == 0 &&
	       (watch->precount.asked_ns == 0 || now_ns - watch->precount.asked_ns >= pause_ns);
}

void ms_precount_turn(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_policy_order count = {.level = MS_LEVEL_COUNT, .timeout_ns = TIMEOUT_NS};
	bool due = is_due(watch, now_ns);

	if (due)
		watch->precount.asked_ns = now_ns;
	for (uint32_t i = 0; i < watch->reading.tree.high; i++) {
		struct ms_member *member = &watch->members.at[i];

		turn(member, now_ns);
		if (due && member->pid && member->count.state == MS_POST_IDLE &&
		    ms_members_answers(member, now_ns))
			ms_orders_begin(watch, member, &member->count, &count, now_ns);
	}
}

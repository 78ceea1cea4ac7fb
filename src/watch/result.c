/* SPDX-License-Identifier: MIT */
/* watch/result.c - see result.h. */
#include "watch/result.h"

#include "util/clock.h"
#include "util/saturate.h"
#include "watch/watch.h"

static void say_order(struct ms_watch *watch, const struct ms_policy_order *order)
{
	struct ms_event event = {.kind = MS_EVENT_ORDER,
				 .as.order = {.reason = watch->plan.why,
					      .level = order->level,
					      .target_bytes = order->target_bytes}};

	ms_report_member(watch->report, &watch->reading, &watch->members.at[order->process], &event);
}

void ms_result_begin(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_sample *sample = &watch->reading.sample;
	const struct ms_plan *plan = &watch->plan;

	ms_result_settle(watch, now_ns, true);
	watch->summary.rounds++;
	watch->summary.orders += plan->count;
	watch->result = (struct ms_result){.measuring = true,
					   .processes = sample->processes,
					   .rss_before_bytes = sample->rss_bytes,
					   .rss_least_bytes = sample->rss_bytes,
					   .own_before_bytes = ms_watch_own_sum(watch, false).returned_bytes,
					   .sums = {.began_ns = now_ns, .orders = plan->count}};
	for (uint32_t i = 0; i < plan->count; i++) {
		watch->result.sums.asked_bytes =
			ms_sat_add(watch->result.sums.asked_bytes, plan->orders[i].target_bytes);
		say_order(watch, &plan->orders[i]);
	}
}

void ms_result_answer(struct ms_watch *watch, uint64_t claimed_bytes, uint64_t now_ns)
{
	struct ms_result *result = &watch->result;
	struct ms_event_end *summary = &watch->summary;

	result->sums.claimed_bytes = ms_sat_add(result->sums.claimed_bytes, claimed_bytes);
	summary->claimed_bytes = ms_sat_add(summary->claimed_bytes, claimed_bytes);
	if (!result->measuring || watch->orders.open > 0)
		return;
	result->answered_ns = now_ns;
	result->sums.duration_ns = now_ns - result->sums.began_ns;
	summary->shrink_us += result->sums.duration_ns / MS_NS_PER_US;
}

/* What an ended process leaves behind was not given back. One that is ending shows no memory. */
static void note_rss(struct ms_result *result, const struct ms_sample *sample)
{
	if (sample->rss_bytes > 0 && sample->processes >= result->processes)
		result->rss_least_bytes = ms_least(result->rss_least_bytes, sample->rss_bytes);
	result->sums.returned_bytes = result->rss_before_bytes - result->rss_least_bytes;
}

static void leave_out_own(struct ms_watch *watch)
{
	struct ms_result *result = &watch->result;
	uint64_t own = ms_sat_sub(ms_watch_own_sum(watch, true).returned_bytes, result->own_before_bytes);

	result->sums.returned_bytes = ms_sat_sub(result->sums.returned_bytes, own);
}

static void end(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_state_round *sums = &watch->result.sums;

	leave_out_own(watch);
	struct ms_event event = {.kind = MS_EVENT_RETURNED,
				 .as.returned = {.claimed_bytes = sums->claimed_bytes,
						 .returned_bytes = sums->returned_bytes,
						 .answered_us = sums->duration_ns / MS_NS_PER_US,
						 .duration_us = (now_ns - sums->began_ns) / MS_NS_PER_US}};

	watch->result.measuring = false;
	watch->summary.returned_bytes += sums->returned_bytes;
	ms_report_say(watch->report, &watch->reading, &event);
}

void ms_result_settle(struct ms_watch *watch, uint64_t now_ns, bool at_once)
{
	struct ms_result *result = &watch->result;

	if (!result->measuring)
		return;
	note_rss(result, &watch->reading.sample);
	if (at_once || (result->answered_ns && now_ns >= result->answered_ns + watch->config.hold_off_ns))
		end(watch, now_ns);
}

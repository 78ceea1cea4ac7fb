/* SPDX-License-Identifier: MIT */
/* watch/shortage.c - see shortage.h. */
#include "watch/shortage.h"

#include <assert.h>

#include "watch/watch.h"

static void say(struct ms_watch *watch, struct ms_event *event)
{
	ms_report_say(watch->report, &watch->reading, event);
}

/* Above high for the first time: against which limit, and with which margin. */
static void begin(struct ms_watch *watch, uint64_t now_ns)
{
	struct ms_shortage *shortage = &watch->shortage;
	const struct ms_reading *reading = &watch->reading;
	struct ms_event limit = {.kind = MS_EVENT_LIMIT, .as.limit = {ms_watch_option_max(watch)}};
	struct ms_event margin = {.kind = MS_EVENT_MARGIN,
				  .as.margin = {reading->margin_bytes, reading->latency_ns / MS_NS_PER_US}};

	assert(shortage->since_ns == 0 && shortage->recovered_ns == 0);
	shortage->since_ns = now_ns;
	watch->summary.shortages++;
	ms_members_look_soon(&watch->members, reading->tree.high, now_ns);
	if (!ms_limit_is_same(&shortage->said_limit, &reading->sample.limit))
		say(watch, &limit);
	shortage->said_limit = reading->sample.limit;
	if (reading->marks.lowered && !shortage->said_margin)
		say(watch, &margin);
	shortage->said_margin |= reading->marks.lowered;
}

/* The last round is measured to its end before the shortage is called over. */
static void end(struct ms_watch *watch)
{
	struct ms_shortage *shortage = &watch->shortage;
	struct ms_event event = {.kind = MS_EVENT_RECOVERED};

	if (shortage->recovered_ns == 0 || watch->result.measuring)
		return;
	assert(shortage->since_ns != 0);
	event.as.recovered.duration_us = (shortage->recovered_ns - shortage->since_ns) / MS_NS_PER_US;
	shortage->recovered_ns = 0;
	shortage->since_ns = 0;
	shortage->said_why = MS_WHY_BELOW_HIGH;
	say(watch, &event);
}

static void begin_or_go_on(struct ms_watch *watch, uint64_t now_ns)
{
	if (watch->shortage.recovered_ns) { /* short again before the last round has settled */
		ms_result_settle(watch, now_ns, true);
		end(watch);
	}
	if (watch->shortage.since_ns == 0)
		begin(watch, now_ns);
}

/* A wait or a warning is said when its reason changes, not at every look. */
static void say_wait(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_plan *plan = &watch->plan;
	struct ms_event event = {.kind = plan->kind == MS_PLAN_WARN ? MS_EVENT_WARN : MS_EVENT_WAIT};

	if (plan->why == watch->shortage.said_why || plan->why == MS_WHY_HOLD_OFF || plan->why == MS_WHY_IN_FLIGHT)
		return;
	if (plan->why == MS_WHY_BACK_OFF && watch->policy.rounds == 0)
		return; /* nothing was asked: the warning before said why */
	watch->shortage.said_why = plan->why;
	/* The fields of a warning are the same. */
	event.as.wait.reason = plan->why;
	event.as.wait.caches = plan->caches;
	event.as.wait.silent_caches = plan->silent_caches;
	if (plan->not_before_ns > now_ns && plan->why != MS_WHY_NO_CACHES)
		event.as.wait.pause_ms = (plan->not_before_ns - now_ns) / MS_NS_PER_MS;
	say(watch, &event);
}

/* What is done comes before a word about it. */
static void meet_exhaustion(struct ms_watch *watch, uint64_t now_ns)
{
	uint64_t used_bytes = watch->reading.sample.limit.used_bytes, held_bytes = watch->plan.held_bytes;
	struct ms_event event = {.kind = MS_EVENT_EXHAUSTED};

	if (held_bytes > used_bytes) /* estimates */
		held_bytes = used_bytes;
	watch->summary.exhaustions++;
	watch->summary.in_caches_bytes = held_bytes;
	watch->summary.unexplained_bytes = used_bytes - held_bytes;
	if (watch->options.exhausted)
		watch->options.exhausted(watch->options.exhausted_arg, now_ns);
	event.as.exhausted = (struct ms_event_exhausted){.action = watch->options.on_exhausted,
							  .in_caches_bytes = held_bytes,
							  .unexplained_bytes = used_bytes - held_bytes};
	say(watch, &event);
}

static void make_plan(struct ms_watch *watch, uint64_t now_ns)
{
	const struct ms_reading *reading = &watch->reading;
	struct ms_policy_input input = {0};

	if (ms_policy_wants_rows(&watch->config, &reading->sample, &reading->marks, &watch->policy))
		input = ms_members_read(&watch->members, reading->tree.high, now_ns);
	ms_policy_plan(&watch->config, &reading->sample, &reading->marks, &input, &watch->policy, &watch->plan);
}

void ms_shortage_decide(struct ms_watch *watch, uint64_t now_ns)
{
	make_plan(watch, now_ns);
	switch (watch->plan.kind) {
	case MS_PLAN_NOTHING:
		ms_orders_take_back(watch, now_ns);
		break;
	case MS_PLAN_RECOVERED:
		watch->shortage.recovered_ns = now_ns;
		break;
	case MS_PLAN_ORDERS:
		ms_orders_post(watch, now_ns);
		begin_or_go_on(watch, now_ns);
		watch->shortage.said_why = MS_WHY_BELOW_HIGH;
		if (watch->plan.count > 0)
			ms_result_begin(watch, now_ns);
		break;
	case MS_PLAN_WAIT:
	case MS_PLAN_WARN:
		begin_or_go_on(watch, now_ns);
		say_wait(watch, now_ns);
		break;
	}
	if (watch->plan.exhausted)
		meet_exhaustion(watch, now_ns);
	end(watch);
}

bool ms_shortage_is_helpless(const struct ms_watch *watch)
{
	return watch->plan.kind == MS_PLAN_WARN ||
	       (watch->plan.kind == MS_PLAN_WAIT && watch->plan.why != MS_WHY_HOLD_OFF);
}

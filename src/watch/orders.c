/* SPDX-License-Identifier: MIT */
/*
 * watch/orders.c - post a plan's orders, collect the answers, measure what came back.
 *
 * All orders of a plan are posted before a word is said about them. They are then polled at every look
 * of the loop, which goes on sampling meanwhile. Every action is learnt of exactly once: when it is
 * answered, could not be posted, was given up, or its process went away.
 *
 * Patience. An order that an agent has taken may run for as long as the plan says; the agent is told the
 * same, and goes on to the other caches when a callback takes longer.
 * One that is not taken for SILENT_NS is looked into: a stopped process gets its orders taken back
 * at once, one that executes another program is found out, and any other is reported and waited for.
 */
#include <errno.h>
#include <string.h>

#include "memshed.h"
#include "watch/context.h"
#include "util/clock.h"

#define ORDER_TIMEOUT_NS (10 * MS_NS_PER_S)
/* What the agent needs to say "stuck" by itself after the same time. */
#define ORDER_GRACE_NS (500 * MS_NS_PER_MS)
#define SILENT_NS (500 * MS_NS_PER_MS)
#define STATE_CHECK_NS (100 * MS_NS_PER_MS)

static struct ms_flight *free_flight(struct ms_super *super)
{
	for (uint32_t i = 0; i < MS_FLIGHTS; i++)
		if (!super->flights[i].used)
			return &super->flights[i];
	return NULL;
}

static struct ms_event about(const struct ms_super *super, enum ms_event_kind kind, const struct ms_flight *flight)
{
	const struct ms_member *target = &super->members.at[flight->order.process];
	struct ms_event event = {.kind = kind, .pid = target->pid};

	memcpy(event.comm, target->comm, sizeof(event.comm));
	return event;
}

static int post_one(struct ms_super *super, const struct ms_policy_order *order, uint64_t now_ns)
{
	struct ms_member *target = &super->members.at[order->process];
	struct ms_flight *flight = free_flight(super);
	const struct ms_order posted = {
		.seq = ++super->next_seq,
		.scope = MS_SCOPE_PROCESS,
		.level = order->level,
		.reason = MEMSHED_REASON_PRESSURE,
		.target_bytes = order->target_bytes,
		.timeout_us = order->timeout_ns / MS_NS_PER_US,
	};

	if (!flight || !target->can_post)
		return -EAGAIN;
	int error = ms_control_post(&target->client, &posted, &flight->handle);
	if (error < 0)
		return error;
	flight->used = true;
	flight->running = false;
	flight->order = *order;
	flight->posted_ns = now_ns;
	target->in_flight++;
	super->flight_count++;
	return 0;
}

static void learn(struct ms_super *super, uint32_t process, const struct ms_answer *answer, uint64_t now_ns)
{
	const struct ms_policy_answer learnt = {
		.status = answer->status,
		.claimed_bytes = answer->claimed_bytes,
		.returned_bytes = answer->returned_bytes,
	};

	ms_policy_learn(&super->config, &super->policy, process, &learnt, now_ns);
}

static void begin_round(struct ms_super *super, uint64_t now_ns)
{
	ms_orders_settle(super, now_ns, true);
	super->summary.rounds++;
	super->round = (struct ms_round){
		.open = true,
		.began_ns = now_ns,
		.processes = super->sample.processes,
		.rss_before = super->sample.rss_bytes,
		.rss_least = super->sample.rss_bytes,
	};
}

uint32_t ms_orders_post(struct ms_super *super, uint64_t now_ns)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < super->plan.count; i++) {
		const struct ms_policy_order *order = &super->plan.orders[i];

		if (post_one(super, order, now_ns) == 0)
			count++;
		else
			learn(super, order->process, &(struct ms_answer){.status = MS_ANSWER_NONE}, now_ns);
	}
	super->summary.orders += count;
	return count;
}

static bool is_posted_at(const struct ms_flight *flight, uint64_t now_ns)
{
	return flight->used && flight->posted_ns == now_ns;
}

void ms_orders_announce(struct ms_super *super, uint64_t now_ns)
{
	begin_round(super, now_ns);
	for (uint32_t i = 0; i < MS_FLIGHTS; i++) {
		struct ms_event event = about(super, MS_EVENT_ORDER, &super->flights[i]);

		if (!is_posted_at(&super->flights[i], now_ns))
			continue;
		event.as.order = (struct ms_event_order){.reason = super->plan.why,
							 .level = super->flights[i].order.level,
							 .target_bytes = super->flights[i].order.target_bytes};
		ms_report(super, &event);
	}
}

/* Counting may wait for the host's lock: nothing else waits for it here, and no answer is no harm. */
void ms_orders_refresh(struct ms_super *super, uint64_t now_ns)
{
	const struct ms_order order = {
		.seq = ++super->next_seq,
		.scope = MS_SCOPE_PROCESS,
		.level = MS_LEVEL_COUNT,
		.reason = MEMSHED_REASON_PRESSURE,
		.timeout_us = ORDER_TIMEOUT_NS / MS_NS_PER_US,
	};

	for (uint32_t i = 0; i < super->tree.high; i++) {
		struct ms_member *target = &super->members.at[i];

		if (!target->pid || !target->can_post || target->stopped || target->refreshing)
			continue;
		target->refreshing = ms_control_post(&target->client, &order, &target->refresh) == 0;
		target->refresh_ns = now_ns;
	}
}

static void collect_refreshed(struct ms_super *super, uint64_t now_ns)
{
	struct ms_answer answer;

	for (uint32_t i = 0; i < super->tree.high; i++) {
		struct ms_member *target = &super->members.at[i];

		if (!target->pid || !target->refreshing)
			continue;
		if (ms_control_poll(&target->client, &target->refresh, &answer, NULL) != 0) {
			target->refreshing = false;
		} else if (now_ns - target->refresh_ns > ORDER_TIMEOUT_NS) {
			ms_control_abandon(&target->client, &target->refresh);
			target->refreshing = false;
		}
	}
}

/* The end of every order, however it came about. */
static void finish(struct ms_super *super, struct ms_flight *flight, const struct ms_answer *answer,
		   uint64_t now_ns)
{
	struct ms_event event = about(super, MS_EVENT_ANSWER, flight);

	learn(super, flight->order.process, answer, now_ns);
	super->members.at[flight->order.process].in_flight--;
	super->flight_count--;
	flight->used = false;
	super->round.claimed_bytes += answer->claimed_bytes;
	super->summary.claimed_bytes += answer->claimed_bytes;
	if (super->flight_count == 0 && super->round.open) {
		super->round.answered_ns = now_ns;
		super->summary.shrink_us += (now_ns - super->round.began_ns) / MS_NS_PER_US;
	}
	if (answer->status == MS_ANSWER_NONE)
		return; /* taken back: what was wrong with its process has been said */
	event.as.answer = (struct ms_event_answer){.status = answer->status,
						   .error = answer->error,
						   .claimed_bytes = answer->claimed_bytes,
						   .claimed_entries = answer->claimed_entries,
						   .returned_bytes = answer->returned_bytes,
						   .caches = answer->caches,
						   .duration_us = answer->duration_us};
	ms_members_name(&super->members, flight->order.process, super->round.began_ns, &event.as.answer.gave,
			event.as.answer.stuck);
	for (uint32_t i = 0; i < event.as.answer.gave.count; i++)
		event.as.answer.estimated |= event.as.answer.gave.at[i].estimated;
	super->summary.estimated |= event.as.answer.estimated;
	ms_report(super, &event);
}

static void give_up(struct ms_super *super, struct ms_flight *flight, uint32_t status, uint64_t now_ns)
{
	struct ms_member *target = &super->members.at[flight->order.process];
	const struct ms_answer answer = {
		.status = status, .duration_us = (now_ns - flight->posted_ns) / MS_NS_PER_US};

	if (target->can_post)
		ms_control_abandon(&target->client, &flight->handle);
	finish(super, flight, &answer, now_ns);
}

static void give_up_all(struct ms_super *super, uint32_t slot, uint32_t status, uint64_t now_ns)
{
	for (uint32_t i = 0; i < MS_FLIGHTS; i++) {
		struct ms_flight *flight = &super->flights[i];

		if (flight->used && flight->order.process == slot)
			give_up(super, flight, status, now_ns);
	}
}

void ms_orders_forget(struct ms_super *super, uint32_t slot, uint64_t now_ns)
{
	give_up_all(super, slot, MS_ANSWER_GONE, now_ns);
	ms_policy_forget(&super->policy, slot);
}

/* How long it took until something began: for the margin. Fades as new orders do better. */
static void note_latency(struct ms_super *super, const struct ms_flight *flight, uint64_t now_ns)
{
	uint64_t took = now_ns - flight->posted_ns, faded = super->order_latency_ns / 8 * 7;

	super->order_latency_ns = took > faded ? took : faded;
}

/* Is another order of the same process being worked on? Then this one waits its turn. */
static bool is_queued(const struct ms_super *super, const struct ms_flight *flight)
{
	for (uint32_t i = 0; i < MS_FLIGHTS; i++)
		if (super->flights[i].used && super->flights[i].running &&
		    super->flights[i].order.process == flight->order.process)
			return true;
	return false;
}

/* Nobody takes the order of a process that is not stopped. */
static void look_into(struct ms_super *super, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *target = &super->members.at[slot];

	if (target->said_silent)
		return;
	target->said_silent = true;
	if (ms_members_look(&super->members, slot, now_ns) == 1) {
		ms_orders_forget(super, slot, now_ns);
		return;
	}
	ms_table_refresh(&target->reader);
	ms_report_process(super, MS_EVENT_SILENT, slot);
}

static void take_back(struct ms_super *super, uint32_t slot, uint64_t now_ns)
{
	super->members.at[slot].stopped = true;
	ms_report_process(super, MS_EVENT_STOPPED, slot);
	give_up_all(super, slot, MS_ANSWER_NONE, now_ns);
}

/* Not answered yet: is that all right? May end the flight, and others of the same process. */
static void check_patience(struct ms_super *super, struct ms_flight *flight, uint64_t now_ns)
{
	uint32_t slot = flight->order.process;
	uint64_t waited = now_ns - flight->posted_ns;

	if (waited < SILENT_NS || now_ns < super->next_state_check_ns)
		return;
	if (ms_members_is_stopped(&super->members, slot))
		take_back(super, slot, now_ns);
	else if (flight->running && waited > flight->order.timeout_ns + ORDER_GRACE_NS)
		give_up(super, flight, MS_ANSWER_STUCK, now_ns);
	else if (flight->running || is_queued(super, flight))
		return;
	else if (waited > ORDER_TIMEOUT_NS)
		give_up(super, flight, MS_ANSWER_BUSY, now_ns);
	else
		look_into(super, slot, now_ns);
}

/* Return: whether the flight came to its end. */
static bool collect_one(struct ms_super *super, struct ms_flight *flight, uint64_t now_ns)
{
	struct ms_member *target = &super->members.at[flight->order.process];
	struct ms_answer answer;
	bool running = false;
	int n = ms_control_poll(&target->client, &flight->handle, &answer, &running);

	if ((running || n > 0) && !flight->running) {
		note_latency(super, flight, now_ns);
		flight->running = true;
		ms_policy_taken(&super->policy, flight->order.process);
		flight->posted_ns = now_ns; /* its own time begins */
		target->said_silent = false;
	}
	if (n == 1) {
		finish(super, flight, &answer, now_ns);
		return true;
	}
	if (n < 0) {
		give_up(super, flight, MS_ANSWER_STUCK, now_ns);
		return true;
	}
	check_patience(super, flight, now_ns);
	return !flight->used;
}

bool ms_orders_collect(struct ms_super *super, uint64_t now_ns)
{
	bool learnt = false;

	for (uint32_t i = 0; i < MS_FLIGHTS && super->flight_count > 0; i++)
		if (super->flights[i].used && collect_one(super, &super->flights[i], now_ns))
			learnt = true;
	collect_refreshed(super, now_ns);
	if (now_ns >= super->next_state_check_ns)
		super->next_state_check_ns = now_ns + STATE_CHECK_NS;
	return learnt;
}

void ms_orders_settle(struct ms_super *super, uint64_t now_ns, bool at_once)
{
	struct ms_round *round = &super->round;

	if (!round->open)
		return;
	/* What an ended process leaves behind was not given back. One that is ending shows no memory. */
	if (super->sample.rss_bytes > 0 && super->sample.processes >= round->processes &&
	    super->sample.rss_bytes < round->rss_least)
		round->rss_least = super->sample.rss_bytes;
	if (super->flight_count > 0 && !at_once)
		return;
	if (!at_once && now_ns < round->answered_ns + super->config.hold_off_ns)
		return;
	uint64_t answered_ns = round->answered_ns ? round->answered_ns : round->began_ns;
	struct ms_event event = {
		.kind = MS_EVENT_RETURNED,
		.as.returned = {.claimed_bytes = round->claimed_bytes,
				.returned_bytes = round->rss_before - round->rss_least,
				.answered_us = (answered_ns - round->began_ns) / MS_NS_PER_US,
				.duration_us = (now_ns - round->began_ns) / MS_NS_PER_US},
	};
	round->open = false;
	super->summary.returned_bytes += event.as.returned.returned_bytes;
	ms_report(super, &event);
}

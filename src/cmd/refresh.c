/* SPDX-License-Identifier: MIT */
/*
 * cmd/refresh.c - see refresh.h.
 *
 * An order to count is the least that can be asked: the agent gives it up for any other, and callbacks have as long
 * as when the agent counts by itself, so that none is late because of it. An agent that is slower than the
 * patience here goes on alone, and its answer is not read.
 */
#include "cmd/refresh.h"

#include <stdlib.h>
#include <time.h>

#include "memshed.h"
#include "table/post.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum {
	ORDER_US = 4000000, /* a callback gets a quarter */
	SLICE_US = 1000,    /* one of many is waited for, before all are looked at again */
	PAUSE_US = 4000,    /* before a process is asked for the rest: others want to run there, too */
};

/* One process that is asked. */
struct asked {
	struct ms_refresh *process;
	struct ms_control_client client;
	struct ms_post post;
	uint64_t again_ns; /* it put off a part: when to ask for that; 0 = it did not */
};

bool ms_refresh_may(const struct ms_snapshot *snapshot, bool can_post, enum ms_counted *ret_why_not)
{
	const struct ms_budget_view *budget = &snapshot->budget;
	bool near = budget->limit.source != MS_LIMIT_NONE && budget->limit.used_bytes > budget->high_bytes;

	if (snapshot->facts.state == 'T' || snapshot->facts.state == 't')
		*ret_why_not = MS_COUNTED_STOPPED;
	else if (!can_post)
		*ret_why_not = MS_COUNTED_READ_ONLY;
	else if (near || (snapshot->watched && snapshot->watch.phase != MS_STATE_CALM))
		*ret_why_not = MS_COUNTED_NEAR_LIMIT;
	else if (snapshot->info.agent_state != MS_AGENT_IDLE)
		*ret_why_not = MS_COUNTED_AGENT_BUSY;
	else
		return true;
	return false;
}

/* ---- asking ---- */

static void post(struct asked *asked, uint64_t now_ns)
{
	static const struct ms_post_patience patience = {.silent_us = MS_REFRESH_US, .take_us = MS_REFRESH_US};
	const struct ms_order order = {
		.seq = now_ns,
		.scope = MS_SCOPE_PROCESS,
		.level = MS_LEVEL_COUNT,
		.reason = MEMSHED_REASON_USER,
		.timeout_us = ORDER_US,
	};

	asked->again_ns = 0;
	ms_post_begin(&asked->post, &order, &patience, now_ns);
	ms_post_turn(&asked->post, &asked->client, now_ns);
}

static bool begin(struct asked *asked, struct ms_refresh *process, uint64_t now_ns)
{
	struct ms_target *target = process->target;
	const struct ms_table_info *info = &target->table.info;
	int signal = info->agent_mode == MEMSHED_AGENT_SIGNAL ? (int)info->agent_signal : 0;

	*asked = (struct asked){.process = process};
	if (ms_control_open(&asked->client, target->control_fd, info->identity, target->pidfd, signal) < 0) {
		process->snapshot->counted = MS_COUNTED_READ_ONLY;
		return false;
	}
	target->control_fd = -1;
	post(asked, now_ns);
	return true;
}

/* Return: whether there is nothing more to wait for. */
static bool turn(struct asked *asked, uint64_t now_ns)
{
	struct ms_post *sent = &asked->post;

	if (asked->again_ns) {
		if (now_ns >= asked->again_ns) {
			ms_post_reset(sent);
			post(asked, now_ns);
		}
		return false;
	}
	if (!ms_post_turn(sent, &asked->client, now_ns))
		return false;
	if (sent->end != MS_POST_ANSWERED || sent->answer.status != MS_ANSWER_BUSY)
		return true;
	asked->again_ns = now_ns + PAUSE_US * MS_NS_PER_US;
	return false;
}

static void pause_us(uint64_t us)
{
	struct timespec time = ms_clock_timespec(us * MS_NS_PER_US);

	nanosleep(&time, NULL);
}

/* Sleep until the first of the open ones may have answered. */
static void wait_for(struct asked *first, unsigned open, uint64_t left_us, uint64_t now_ns)
{
	uint64_t most_us = open > 1 || left_us < SLICE_US ? SLICE_US : left_us;

	if (first->again_ns)
		pause_us(SLICE_US);
	else
		ms_post_wait(&first->post, &first->client, most_us, now_ns);
}

static void wait_for_all(struct asked *asked, size_t count, uint64_t until_ns)
{
	for (uint64_t now_ns = ms_clock_ns(); now_ns < until_ns; now_ns = ms_clock_ns()) {
		struct asked *first = NULL;
		unsigned open = 0;

		for (size_t i = 0; i < count; i++) {
			if (turn(&asked[i], now_ns))
				continue;
			first = first ? first : &asked[i];
			open++;
		}
		if (open == 0)
			return;
		wait_for(first, open, (until_ns - now_ns) / MS_NS_PER_US, now_ns);
	}
}

/* ---- what came of it ---- */

static enum ms_counted judge(const struct asked *asked)
{
	const struct ms_post *sent = &asked->post;

	if (asked->again_ns || sent->end == MS_POST_LEFT)
		return MS_COUNTED_PARTLY;
	if (sent->end != MS_POST_ANSWERED)
		return MS_COUNTED_NO_ANSWER;
	switch (sent->answer.status) {
	case MS_ANSWER_DONE:
	case MS_ANSWER_EMPTY: /* there is none to be asked */
		return MS_COUNTED_NOW;
	default:
		return MS_COUNTED_PARTLY;
	}
}

static void finish(struct asked *asked, enum ms_row_sort sort)
{
	struct ms_snapshot *snapshot = asked->process->snapshot;

	ms_post_take_back(&asked->post, &asked->client);
	snapshot->counted = judge(asked);
	bool idle = asked->post.end == MS_POST_ANSWERED;

	ms_control_close(&asked->client);
	ms_snapshot_take_again(asked->process->target, sort, idle, snapshot);
}

void ms_refresh_all(struct ms_refresh *processes, size_t count, enum ms_row_sort sort)
{
	struct asked *asked MS_CLEANUP_FREE = calloc(count + 1, sizeof(*asked));
	size_t asked_count = 0;
	uint64_t now_ns = ms_clock_ns();

	for (size_t i = 0; i < count && asked; i++) {
		struct ms_refresh *process = &processes[i];

		if (ms_refresh_may(process->snapshot, process->target->control_fd >= 0, &process->snapshot->counted) &&
		    begin(&asked[asked_count], process, now_ns))
			asked_count++;
	}
	wait_for_all(asked, asked_count, now_ns + MS_REFRESH_US * MS_NS_PER_US);
	for (size_t i = 0; i < asked_count; i++)
		finish(&asked[i], sort);
}

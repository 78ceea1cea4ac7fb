/* SPDX-License-Identifier: MIT */
/* cmd/carry.c - see carry.h. */
#include "cmd/carry.h"

#include <assert.h>
#include <string.h>

#include "memshed.h"
#include "util/clock.h"

enum {
	SLICE_US = 20000,   /* between two looks at signals and at the target */
	GRACE_US = 2000000, /* for the agent to say by itself that a callback is past its deadline */
	BUSY_US = 1000000,  /* caches that said BUSY are asked again for so long */
	AT_A_TIME = 2,
};

/* writer: the handler; reader: the one thread of this program. */
static volatile sig_atomic_t caught;

static const int signals[MS_CARRY_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

static void take_signal(int signal)
{
	caught = signal;
}

int ms_carry_signal(void)
{
	return caught;
}

int ms_carry_open(struct ms_carry *carry, struct ms_target *target)
{
	const struct ms_table_info *info = &target->table.info;
	const struct sigaction action = {.sa_handler = take_signal};
	int signal = info->agent_mode == MEMSHED_AGENT_SIGNAL ? (int)info->agent_signal : 0;
	int error =
		ms_control_open(&carry->client, target->control_fd, info->identity, target->pidfd, signal);

	if (error < 0)
		return error;
	carry->target = target;
	target->control_fd = -1;
	for (unsigned i = 0; i < MS_CARRY_SIGNALS; i++) {
		sigaction(signals[i], NULL, &carry->before[i]);
		if (carry->before[i].sa_handler != SIG_IGN) /* nohup stays in force */
			sigaction(signals[i], &action, NULL);
	}
	return 0;
}

void ms_carry_close(struct ms_carry *carry)
{
	for (unsigned i = 0; i < MS_CARRY_SIGNALS; i++)
		sigaction(signals[i], &carry->before[i], NULL);
	ms_control_close(&carry->client);
}

/* One that is posted behind another waits for that one too. */
static void begin(struct ms_carried *carried, bool is_behind, uint64_t now_ns)
{
	uint64_t timeout_us = carried->order.timeout_us;
	const struct ms_post_patience patience = {
		.silent_us = timeout_us,
		.take_us = is_behind ? 2 * timeout_us + GRACE_US : timeout_us,
		.grace_us = GRACE_US,
		.busy_us = timeout_us < BUSY_US ? timeout_us : BUSY_US,
	};

	ms_post_begin(&carried->post, &carried->order, &patience, now_ns);
}

/* Taken by the agent once, so that the next one may be posted. */
static bool is_taken(const struct ms_post *post)
{
	return post->tries > 0 && post->state != MS_POST_POSTED;
}

static void take_back(struct ms_carry *carry, struct ms_carried *orders, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ms_post_take_back(&orders[i].post, &carry->client);
}

/* Turn those that are on their way. Return: how many of them, from the first on, have ended. */
static unsigned turn(struct ms_carry *carry, struct ms_carried *orders, unsigned count, uint64_t now_ns)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < count; i++)
		ms_post_turn(&orders[i].post, &carry->client, now_ns);
	while (ended < count && orders[ended].post.state == MS_POST_ENDED &&
	       orders[ended].post.end == MS_POST_ANSWERED)
		ended++;
	return ended;
}

static enum ms_carry_end check(const struct ms_carry *carry, const struct ms_carried *head)
{
	if (caught)
		return MS_CARRY_INTERRUPTED;
	if (ms_target_gone(carry->target))
		return MS_CARRY_GONE;
	return head->post.state == MS_POST_ENDED ? MS_CARRY_FAILED : MS_CARRY_ENDED;
}

enum ms_carry_end ms_carry_out(struct ms_carry *carry, struct ms_carried *orders, unsigned count)
{
	unsigned first = 0, next = 0; /* those in between are on their way */
	enum ms_carry_end end = MS_CARRY_ENDED;

	while (first < count && end == MS_CARRY_ENDED) {
		uint64_t now_ns = ms_clock_ns();

		if (next < count && next - first < AT_A_TIME &&
		    (next == first || is_taken(&orders[next - 1].post))) {
			begin(&orders[next], next > first, now_ns);
			next++;
		}
		first += turn(carry, orders + first, next - first, now_ns);
		assert(first <= next && next - first <= AT_A_TIME);
		if (first == next)
			continue;
		end = check(carry, &orders[first]);
		if (end == MS_CARRY_ENDED)
			ms_post_wait(&orders[first].post, &carry->client, SLICE_US, ms_clock_ns());
	}
	take_back(carry, orders + first, next - first);
	return end;
}

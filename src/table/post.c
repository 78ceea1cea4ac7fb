/* SPDX-License-Identifier: MIT */
/* table/post.c - see post.h. */
#include "table/post.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#include "util/clock.h"
#include "util/saturate.h"

enum {
	BUSY_PAUSE_US = 20000, /* after the first BUSY: as long as the agent has tried by itself */
	BUSY_DOUBLINGS = 6,    /* 1.28 s at the longest */
};

bool ms_post_is_open(const struct ms_post *post)
{
	return post->state != MS_POST_IDLE && post->state != MS_POST_ENDED;
}

bool ms_post_is_silent(const struct ms_post *post, uint64_t now_ns)
{
	return post->state == MS_POST_POSTED &&
	       now_ns > post->since_ns + post->patience.silent_us * MS_NS_PER_US;
}

void ms_post_begin(struct ms_post *post, const struct ms_order *order,
		   const struct ms_post_patience *patience, uint64_t now_ns)
{
	assert(!ms_post_is_open(post));
	assert(order->seq != 0 && order->timeout_us != 0);
	*post = (struct ms_post){
		.state = MS_POST_WAITING,
		.order = *order,
		.patience = *patience,
		.begun_ns = now_ns,
		.since_ns = now_ns,
	};
}

void ms_post_reset(struct ms_post *post)
{
	assert(!ms_post_is_open(post));
	*post = (struct ms_post){.state = MS_POST_IDLE};
}

static bool is_past(const struct ms_post *post, uint64_t us, uint64_t now_ns)
{
	return now_ns > post->since_ns && (now_ns - post->since_ns) / MS_NS_PER_US >= us;
}

static void finish(struct ms_post *post, enum ms_post_end end)
{
	assert(ms_post_is_open(post) && end != MS_POST_OPEN);
	post->state = MS_POST_ENDED;
	post->end = end;
}

static void move(struct ms_post *post, enum ms_post_state state, uint64_t since_ns)
{
	assert(ms_post_is_open(post));
	post->state = state;
	post->since_ns = since_ns;
}

static void post_it(struct ms_post *post, struct ms_control_client *client, uint64_t now_ns)
{
	if (now_ns < post->since_ns) /* a pause */
		return;
	int error = ms_control_post(client, &post->order, &post->handle);

	if (error == -EPROTO) {
		finish(post, MS_POST_BROKEN);
	} else if (error == 0) {
		post->tries++;
		post->posted_ns = now_ns;
		move(post, MS_POST_POSTED, now_ns);
	} else if (is_past(post, post->patience.take_us, now_ns)) {
		finish(post, MS_POST_NO_SLOT);
	}
}

/* Earlier tries may have brought something before a lock was taken. */
static void add_answer(struct ms_answer *sum, const struct ms_answer *answer)
{
	struct ms_answer before = *sum;

	*sum = *answer;
	sum->claimed_bytes = ms_sat_add(before.claimed_bytes, answer->claimed_bytes);
	sum->claimed_entries = ms_sat_add(before.claimed_entries, answer->claimed_entries);
	sum->scanned_entries = ms_sat_add(before.scanned_entries, answer->scanned_entries);
	sum->returned_bytes = ms_sat_add(before.returned_bytes, answer->returned_bytes);
	sum->duration_us = ms_sat_add(before.duration_us, answer->duration_us);
	sum->caches = ms_sat_add(before.caches, answer->caches);
}

/* Return: whether a part of the order is still to be done. */
static bool lower_target(struct ms_order *order, const struct ms_answer *answer)
{
	bool measured = order->scope == MS_SCOPE_PROCESS && answer->returned_bytes != MS_NOT_MEASURED;
	uint64_t got = measured ? answer->returned_bytes : answer->claimed_bytes;

	if (order->target_bytes == 0)
		return true;
	if (got >= order->target_bytes)
		return false;
	order->target_bytes -= got;
	return true;
}

static uint64_t pause_us(unsigned tries)
{
	unsigned doublings = tries - 1 < BUSY_DOUBLINGS ? tries - 1 : BUSY_DOUBLINGS;

	return (uint64_t)BUSY_PAUSE_US << doublings;
}

static void judge(struct ms_post *post, const struct ms_answer *answer, uint64_t now_ns)
{
	uint64_t again_ns = now_ns + pause_us(post->tries) * MS_NS_PER_US;
	uint64_t busy_ns = post->begun_ns + post->patience.busy_us * MS_NS_PER_US;

	add_answer(&post->answer, answer);
	if (answer->status == MS_ANSWER_BUSY && again_ns < busy_ns && lower_target(&post->order, answer))
		move(post, MS_POST_WAITING, again_ns);
	else
		finish(post, MS_POST_ANSWERED);
}

static void check_patience(struct ms_post *post, struct ms_control_client *client, uint64_t now_ns)
{
	if (post->state == MS_POST_RUNNING &&
	    is_past(post, ms_sat_add(post->order.timeout_us, post->patience.grace_us), now_ns)) {
		ms_control_abandon(client, &post->handle);
		finish(post, MS_POST_STUCK);
	} else if (post->state == MS_POST_POSTED && is_past(post, post->patience.take_us, now_ns)) {
		finish(post, ms_control_abandon(client, &post->handle) ? MS_POST_LEFT : MS_POST_NOT_TAKEN);
	}
}

static void poll_it(struct ms_post *post, struct ms_control_client *client, uint64_t now_ns)
{
	struct ms_answer answer;
	bool running = false;
	int result = ms_control_poll(client, &post->handle, &answer, &running);

	if (result == 1) {
		judge(post, &answer, now_ns);
	} else if (result < 0) {
		finish(post, MS_POST_LOST);
	} else {
		if (running && post->state == MS_POST_POSTED)
			move(post, MS_POST_RUNNING, now_ns);
		check_patience(post, client, now_ns);
	}
}

bool ms_post_turn(struct ms_post *post, struct ms_control_client *client, uint64_t now_ns)
{
	if (post->got_answer) {
		struct ms_answer answer = post->waited;

		post->got_answer = false;
		judge(post, &answer, now_ns);
	}
	if (post->state == MS_POST_WAITING)
		post_it(post, client, now_ns);
	if (post->state == MS_POST_POSTED || post->state == MS_POST_RUNNING)
		poll_it(post, client, now_ns);
	return post->state == MS_POST_ENDED;
}

static int sleep_us(uint64_t us)
{
	struct timespec time = ms_clock_timespec(us * MS_NS_PER_US);

	return nanosleep(&time, NULL) < 0 ? -errno : 0;
}

int ms_post_wait(struct ms_post *post, struct ms_control_client *client, uint64_t most_us, uint64_t now_ns)
{
	bool running;

	if (post->got_answer || !ms_post_is_open(post))
		return 0;
	if (post->state == MS_POST_WAITING) {
		uint64_t pause =
			post->since_ns > now_ns ? (post->since_ns - now_ns) / MS_NS_PER_US + 1 : most_us;

		return sleep_us(pause < most_us ? pause : most_us);
	}
	int result = ms_control_wait(client, &post->handle, most_us, &post->waited, &running);

	post->got_answer = result == 1;
	return result == -EINTR ? -EINTR : 0; /* the next turn finds a slot that was lost */
}

void ms_post_take_back(struct ms_post *post, struct ms_control_client *client)
{
	struct ms_answer answer = post->waited;

	if (!ms_post_is_open(post))
		return;
	if (post->state == MS_POST_WAITING) {
		finish(post, MS_POST_TAKEN_BACK);
		return;
	}
	int result = post->got_answer ? 1 : ms_control_poll(client, &post->handle, &answer, NULL);

	if (result == 1) {
		add_answer(&post->answer, &answer);
		finish(post, MS_POST_ANSWERED);
	} else {
		finish(post, ms_control_abandon(client, &post->handle) ? MS_POST_LEFT : MS_POST_TAKEN_BACK);
	}
}

/* SPDX-License-Identifier: MIT */
/* cmd/post.c - see post.h. */
#include "cmd/post.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "memshed.h"
#include "util/clock.h"

enum {
	SLICE_US = 20000,      /* between two looks at signals, at the target and at the other orders */
	GRACE_US = 2000000,    /* for the agent to say by itself that a callback is past its deadline */
	BUSY_TRIES = 5,        /* caches whose lock was taken are asked again so often */
	BUSY_PAUSE_US = 20000, /* doubled with each try */
};

/* writer: the handler; reader: the one thread of this program. */
static volatile sig_atomic_t caught;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]) };

static void catch (int signal)
{
	caught = signal;
}

int ms_post_signal(void)
{
	return caught;
}

/* The state of one ms_post_all(). */
struct run {
	struct ms_post_job *job;
	struct ms_control_client client;
	unsigned next, end; /* those from next on and before end are still to be posted */
	unsigned oldest;    /* none before it is in flight */
	unsigned in_flight;
	uint64_t claimed_bytes; /* by caches, not by the allocator */
	uint64_t progress_ns;   /* when something was last answered */
	struct sigaction before[SIGNAL_COUNT];
};

static bool is_allocator(const struct ms_post *post)
{
	return post->row.row == MS_ALLOCATOR_ROW;
}

void ms_post_aim(struct ms_post *post, uint64_t remaining_bytes)
{
	const struct ms_row *row = &post->row;

	post->level = MS_LEVEL_CLEAR;
	post->target_bytes = 0;
	if (remaining_bytes == 0 || !(row->flags & MS_ROW_PARTIAL) || is_allocator(post))
		return;
	post->level = MS_LEVEL_TRIM;
	post->target_bytes = row->bytes > 0 && row->bytes < remaining_bytes ? row->bytes : remaining_bytes;
}

static bool enough(const struct run *run)
{
	return run->job->wanted_bytes > 0 && run->claimed_bytes >= run->job->wanted_bytes;
}

/* Return: 0; -EAGAIN when no slot is free; -EPROTO. */
static int post_one(struct run *run, struct ms_post *post)
{
	uint64_t wanted = run->job->wanted_bytes;

	ms_post_aim(post, wanted > 0 ? wanted - run->claimed_bytes : 0);
	const struct ms_order order = {
		.seq = ms_clock_ns(),
		.scope = MS_SCOPE_ROW,
		.row = post->row.row,
		.generation = post->row.generation,
		.level = post->level,
		.reason = MEMSHED_REASON_USER,
		.target_bytes = post->target_bytes,
		.timeout_us = run->job->timeout_us,
	};
	int error = ms_control_post(&run->client, &order, &post->handle);
	if (error < 0)
		return error;
	post->outcome = MS_POST_IN_FLIGHT;
	post->tries++;
	if (run->in_flight++ == 0)
		run->progress_ns = ms_clock_ns();
	return 0;
}

/* A cache that is not needed any more is passed over; the allocator is always asked. */
static int post_more(struct run *run)
{
	for (; run->next < run->end && run->in_flight < run->job->in_flight; run->next++) {
		struct ms_post *post = &run->job->posts[run->next];

		if (enough(run) && !is_allocator(post))
			continue;
		int error = post_one(run, post);
		if (error < 0)
			return error;
	}
	return 0;
}

static void settle(struct run *run, struct ms_post *post, enum ms_post_outcome outcome)
{
	post->outcome = outcome;
	run->in_flight--;
	run->progress_ns = ms_clock_ns();
	if (outcome == MS_POST_ANSWERED && !is_allocator(post))
		run->claimed_bytes += post->answer.claimed_bytes;
}

/* Return: 1 answered; 0 not yet; -ESTALE the slot is lost. */
static int look(struct run *run, struct ms_post *post, uint64_t wait_us, bool *ret_running)
{
	int status = wait_us == 0 ? ms_control_poll(&run->client, &post->handle, &post->answer, ret_running)
				  : ms_control_wait(&run->client, &post->handle, wait_us, &post->answer,
						    ret_running);

	if (status == 1)
		settle(run, post, MS_POST_ANSWERED);
	else if (status == -ESTALE)
		settle(run, post, MS_POST_NO_ANSWER);
	return status == -ETIMEDOUT || status == -EINTR ? 0 : status;
}

/* Collect answers; when there is none yet, wait a slice for the oldest. Sets *ret_running when some order is
 * being worked on. */
static void collect(struct run *run, bool *ret_running)
{
	struct ms_post *posts = run->job->posts, *oldest = NULL;
	unsigned before = run->in_flight;

	*ret_running = false;
	while (run->oldest < run->next && posts[run->oldest].outcome != MS_POST_IN_FLIGHT)
		run->oldest++;
	for (unsigned i = run->oldest; i < run->next; i++) {
		struct ms_post *post = &posts[i];
		bool running = false;

		if (post->outcome != MS_POST_IN_FLIGHT)
			continue;
		if (look(run, post, 0, &running) != 0)
			continue;
		*ret_running |= running;
		if (!oldest || running)
			oldest = post;
	}
	if (oldest && run->in_flight == before && !caught)
		look(run, oldest, SLICE_US, ret_running);
}

static bool timed_out(const struct run *run, bool running)
{
	uint64_t limit_us = run->job->timeout_us + (running ? GRACE_US : 0);

	return run->in_flight > 0 && (ms_clock_ns() - run->progress_ns) / MS_NS_PER_US > limit_us;
}

static void abandon_all(struct run *run)
{
	for (unsigned i = 0; i < run->job->count; i++) {
		struct ms_post *post = &run->job->posts[i];
		bool running = false;

		if (post->outcome != MS_POST_IN_FLIGHT || look(run, post, 0, &running) != 0)
			continue;
		ms_control_abandon(&run->client, &post->handle);
		settle(run, post, running ? MS_POST_STILL_RUNS : MS_POST_NO_ANSWER);
	}
}

static void pause_us(uint64_t us)
{
	struct timespec time = ms_clock_timespec(us * MS_NS_PER_US);

	nanosleep(&time, NULL); /* cut short by a signal, which is looked for next */
}

/* Until everything before run->end is posted and answered. */
static enum ms_post_end run_through(struct run *run)
{
	bool running;

	run->progress_ns = ms_clock_ns();
	while (run->next < run->end || run->in_flight > 0) {
		int error = post_more(run);

		if (error < 0 && error != -EAGAIN)
			return MS_POST_BROKEN;
		collect(run, &running);
		if (caught)
			return MS_POST_INTERRUPTED;
		if (ms_target_gone(run->job->target))
			return MS_POST_TARGET_GONE;
		if (timed_out(run, running))
			return MS_POST_TIMED_OUT;
		if (error == -EAGAIN && run->in_flight == 0) {
			if ((ms_clock_ns() - run->progress_ns) / MS_NS_PER_US > run->job->timeout_us)
				return MS_POST_NO_SLOT;
			pause_us(SLICE_US);
		}
	}
	return MS_POST_ENDED;
}

static bool is_busy(const struct ms_post *post)
{
	return post->outcome == MS_POST_ANSWERED && post->answer.status == MS_ANSWER_BUSY &&
	       post->tries < BUSY_TRIES;
}

/* Post the busy ones once more, one at a time, for they share a lock as likely as not. */
static enum ms_post_end ask_again(struct run *run, bool *ret_busy)
{
	enum ms_post_end end = MS_POST_ENDED;
	unsigned count = run->end;

	*ret_busy = false;
	for (unsigned i = 0; i < count && end == MS_POST_ENDED && !enough(run); i++) {
		if (!is_busy(&run->job->posts[i]))
			continue;
		run->oldest = run->next = i;
		run->end = i + 1;
		end = run_through(run);
		*ret_busy |= is_busy(&run->job->posts[i]);
	}
	run->next = run->end = count;
	return end;
}

static enum ms_post_end ask_caches(struct run *run)
{
	enum ms_post_end end = run_through(run);
	bool busy = false;

	for (unsigned i = 0; i < run->end; i++)
		busy |= is_busy(&run->job->posts[i]);
	for (uint64_t pause = BUSY_PAUSE_US; end == MS_POST_ENDED && busy && !enough(run); pause *= 2) {
		pause_us(pause);
		end = caught ? MS_POST_INTERRUPTED : ask_again(run, &busy);
	}
	return end;
}

/* The allocator stands last and is asked last: what is freed later would stay with it. */
static enum ms_post_end carry_out(struct run *run)
{
	struct ms_post_job *job = run->job;

	run->end = job->count;
	if (job->count > 0 && is_allocator(&job->posts[job->count - 1]))
		run->end--;
	enum ms_post_end end = ask_caches(run);
	if (end != MS_POST_ENDED)
		return end;
	run->end = job->count;
	return run_through(run);
}

static void catch_signals(struct run *run)
{
	const struct sigaction action = {.sa_handler = catch};

	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		sigaction(signals[i], NULL, &run->before[i]);
		if (run->before[i].sa_handler != SIG_IGN) /* nohup stays in force */
			sigaction(signals[i], &action, NULL);
	}
}

static void release_signals(const struct run *run)
{
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &run->before[i], NULL);
}

enum ms_post_end ms_post_all(struct ms_post_job *job)
{
	struct ms_target *target = job->target;
	const struct ms_table_info *info = &target->table.info;
	int signal = info->agent_mode == MEMSHED_AGENT_SIGNAL ? (int)info->agent_signal : 0;
	struct run run = {.job = job};

	if (ms_control_open(&run.client, target->control_fd, info->identity, target->pidfd, signal) < 0)
		return MS_POST_BROKEN;
	target->control_fd = -1;
	catch_signals(&run);
	enum ms_post_end end = carry_out(&run);
	if (end != MS_POST_ENDED)
		abandon_all(&run);
	release_signals(&run);
	ms_control_close(&run.client);
	return end;
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/round.c - what the agent does for one order: which cache next, when to trim, when it is enough.
 *
 * Runs in the thread that is the agent. Holds no lock, and allocates nothing. choose() alone decides what
 * comes next, from what stands in the job; and the job says what was begun before a callback runs. So when
 * a callback is late, another thread goes on with the same job, and this one returns MS_AGENT_LOST
 * without touching it.
 *
 * An order for the process is for bytes of the resident set. What callbacks free goes back to the allocator
 * first, so after claims for as much as is wanted it is asked to give back. Where little came of that, what
 * they let go may lie with the host: its collector is asked (sweep.c), and the allocator again. What is still
 * short is asked of the next caches. An order that names caches is for bytes as these claim them. So is an
 * own order for reuse (own.c), as the program uses at once what it frees: pages that go back to the kernel
 * and come again would cost more than the round.
 */
#include "lib/round.h"

#include <time.h>

#include "lib/allocator.h"
#include "lib/candidates.h"
#include "lib/count.h"
#include "lib/hooks.h"
#include "lib/learn.h"
#include "lib/lib.h"
#include "lib/own.h"
#include "lib/statm.h"
#include "lib/sweep.h"
#include "util/clock.h"
#include "util/saturate.h"

enum {
	SHARE_OF_TIME = 4, /* one of many callbacks gets this share of the time, so that the others get theirs */
	TRIMS_MOST = 3,    /* in one order; after that claims decide */
	CLAIMS_MOST = 2,   /* times the target, of a TRIM */
	RETURNED_LEAST = 4, /* a quarter of the target: claims without any return are hollow, not reused */
	NEAR = 16,         /* short of it by one part in this many is enough: other threads touch pages meanwhile */
};
#define LEAST_SHARE_NS (10 * MS_NS_PER_MS)
#define TRIM_TIMEOUT_NS (5 * MS_NS_PER_S)
#define SWEEP_TIMEOUT_NS (5 * MS_NS_PER_S)
#define BUSY_PATIENCE_NS (20 * MS_NS_PER_MS) /* locks of caches are held for less */
#define BUSY_PAUSE_NS (MS_NS_PER_MS / 2)
#define SEEN_BYTES (UINT64_C(1) << 20) /* pages that other threads give back meanwhile are fewer */

enum step { COUNT, COLLECT, ASK, RETRY, TRIM, SWEEP, END };

/* ---- how far it is ---- */

static bool is_measured(const struct ms_job *job)
{
	return job->order.scope == MS_SCOPE_PROCESS && job->rss_bytes && !job->order.reuse;
}

static bool pays_to_trim(const struct ms_job *job)
{
	if (job->order.level == MS_LEVEL_COUNT || job->order.reuse || job->trims >= TRIMS_MOST)
		return false;
	return ms_allocator_worth_trimming(job->untrimmed_bytes, job->order.scope == MS_SCOPE_PROCESS);
}

static uint64_t reached(const struct ms_job *job)
{
	if (!is_measured(job))
		return job->answer.claimed_bytes;
	return job->expected_bytes > job->returned_bytes ? job->expected_bytes : job->returned_bytes;
}

static bool is_near(const struct ms_job *job)
{
	uint64_t target = job->order.target_bytes;

	return is_measured(job) && target && job->returned_bytes >= target - target / NEAR;
}

/* Twice the target was claimed, some of it came back, and the allocator has no more to give: the heap reuses
 * the rest before it grows again. More would be dropped for nothing. */
static bool is_reused(const struct ms_job *job)
{
	uint64_t target = job->order.target_bytes;

	return is_measured(job) && target && job->order.level == MS_LEVEL_TRIM && job->trims &&
	       job->answer.claimed_bytes / CLAIMS_MOST >= target && job->returned_bytes >= target / RETURNED_LEAST;
}

bool ms_round_is_enough(const struct ms_job *job)
{
	uint64_t target = job->order.target_bytes;

	if (is_reused(job))
		return true;
	if (!target || reached(job) < target)
		return false;
	return !is_measured(job) || is_near(job) || !pays_to_trim(job);
}

static void measure(struct ms_job *job)
{
	uint64_t now = job->rss_bytes ? ms_statm_rss_bytes() : 0;

	if (!now) {
		job->rss_bytes = 0; /* what is claimed decides from here on */
		return;
	}
	job->rss_now_bytes = now;
	job->returned_bytes = ms_sat_sub(job->rss_bytes, now);
}

/* Where the host grows as fast as caches shrink, what came back is seen in each step's fall alone. */
static uint64_t note_fall(struct ms_job *job, uint64_t before_bytes)
{
	uint64_t fell = ms_sat_sub(before_bytes, job->rss_now_bytes);

	job->fell_bytes = ms_sat_add(job->fell_bytes, fell);
	return fell;
}

static bool is_hollow(const struct ms_job *job)
{
	uint64_t back = job->fell_bytes > job->returned_bytes ? job->fell_bytes : job->returned_bytes;

	return ms_sweep_is_hollow(job->answer.claimed_bytes, back);
}

/* ---- what comes next ---- */

static bool pays_to_sweep(const struct ms_job *job)
{
	uint64_t now = ms_clock_ns();

	return !job->swept && is_measured(job) && !is_near(job) && now < job->deadline_ns &&
	       is_hollow(job) && ms_sweep_may_help(now);
}

/* The allocator is the cheaper one to ask, unless the collector was what helped the last time. */
static enum step sweep_or(const struct ms_job *job, enum step step)
{
	if (!pays_to_sweep(job) || !ms_lib_runs())
		return step;
	return pays_to_trim(job) && !ms_lib.sweep.helped ? TRIM : SWEEP;
}

/* What is small is felt and frees little; first look whether the rest was enough. */
static bool is_before_the_small(const struct ms_job *job)
{
	return job->next && job->next < job->count && job->order.target_bytes && is_measured(job) &&
	       job->keys[job->next].tier >= MS_RANK_SMALL;
}

/* Exhausted caches are the last hope, where the others have given nothing. */
static bool is_hopeless(const struct ms_job *job)
{
	return job->next < job->count && job->order.target_bytes && is_measured(job) && job->answer.claimed_bytes &&
	       job->keys[job->next].tier >= MS_RANK_EXHAUSTED;
}

/* A count is only to be looked at: what waits may be needed. */
static bool gives_way(struct ms_job *job)
{
	if (job->order.level != MS_LEVEL_COUNT || !ms_control_posted(&ms_lib.control))
		return false;
	ms_round_note(job, MS_ANSWER_BUSY); /* the rest was not asked: ask again */
	return true;
}

static bool is_time_left(struct ms_job *job)
{
	if (job->order.scope == MS_SCOPE_ROW || ms_clock_ns() < job->deadline_ns)
		return true;
	ms_round_note(job, MS_ANSWER_BUSY); /* the rest was not asked: ask again */
	return false;
}

static enum step choose(struct ms_job *job)
{
	bool all_asked = job->next >= job->count || is_hopeless(job);

	if (!job->collected)
		return !ms_lib_runs() ? END : job->counted ? COLLECT : COUNT;

	if (ms_round_is_enough(job) || (all_asked && !job->busy))
		return sweep_or(job, END);
	if (!ms_lib_runs()) {
		ms_round_note(job, MS_ANSWER_STOPPED);
		return END;
	}
	if (gives_way(job) || !is_time_left(job))
		return END;
	if (is_measured(job) && job->order.target_bytes &&
	    (reached(job) >= job->order.target_bytes || (is_before_the_small(job) && pays_to_trim(job))))
		return sweep_or(job, TRIM);
	if (job->trims && !pays_to_trim(job) && pays_to_sweep(job))
		return SWEEP;
	if (!all_asked)
		return ASK;
	return ms_clock_ns() < job->busy_until_ns ? RETRY : END;
}

/* ---- outcomes ---- */

void ms_round_note(struct ms_job *job, uint32_t status)
{
	job->statuses |= 1u << status;
}

static void add(struct ms_job *job, const struct ms_replies *replies)
{
	job->statuses |= replies->statuses;
	job->answer.claimed_bytes = ms_sat_add(job->answer.claimed_bytes, replies->claimed_bytes);
	job->answer.claimed_entries = ms_sat_add(job->answer.claimed_entries, replies->claimed_entries);
	job->answer.scanned_entries = ms_sat_add(job->answer.scanned_entries, replies->scanned_entries);
	job->answer.caches += replies->callbacks;
	if (job->order.row != MS_ALLOCATOR_ROW || job->order.scope != MS_SCOPE_ROW)
		job->untrimmed_bytes = ms_sat_add(job->untrimmed_bytes, replies->claimed_bytes);
}

uint32_t ms_round_collect(struct ms_job *job)
{
	struct ms_replies replies;
	uint32_t open = ms_executor_replies(job->handle.slot, &replies);

	add(job, &replies);
	job->expected_bytes = ms_sat_add(job->expected_bytes, replies.claimed_bytes);
	return open;
}

static void put_off(struct ms_job *job, uint32_t index)
{
	struct ms_rank_key key = job->keys[index];

	job->keys[index] = job->keys[job->busy];
	job->keys[job->busy++] = key;
	if (!job->busy_until_ns)
		job->busy_until_ns = ms_clock_ns() + BUSY_PATIENCE_NS;
	if (job->busy_until_ns > job->deadline_ns)
		job->busy_until_ns = job->deadline_ns;
}

/* ---- asking one cache ---- */

static uint64_t callback_deadline(const struct ms_job *job)
{
	uint64_t share = (job->deadline_ns - job->taken_ns) / SHARE_OF_TIME;
	uint64_t deadline = ms_clock_ns() + (share > LEAST_SHARE_NS ? share : LEAST_SHARE_NS);
	bool is_only_one = job->order.scope == MS_SCOPE_ROW || (job->collected && job->count == 1);

	return is_only_one || deadline > job->deadline_ns ? job->deadline_ns : deadline;
}

/* Of what the cache claims, for what is still wanted to come back. */
static uint64_t target_of(const struct ms_job *job, uint32_t row)
{
	uint64_t need = ms_sat_sub(job->order.target_bytes, reached(job));

	if (job->order.level != MS_LEVEL_TRIM || !job->order.target_bytes)
		return 0;
	return is_measured(job) ? ms_learn_to_claim(row, need) : need;
}

static int ask_count(struct ms_job *job, uint32_t row, uint32_t generation)
{
	bool changed = false;
	uint32_t status;

	if (ms_count_one(row, generation, callback_deadline(job), &changed, &status) < 0)
		return MS_AGENT_LOST;
	ms_round_note(job, status);
	if (status == MS_ANSWER_DONE)
		job->answer.caches++;
	return 0;
}

/* There is more to be had soon; one that gave nothing has nothing more. */
static bool is_part(const struct ms_outcome *outcome)
{
	return outcome->status == MS_ANSWER_PARTIAL && (outcome->claimed_bytes || outcome->claimed_entries);
}

static void take_outcome(struct ms_job *job, uint32_t index, const struct ms_outcome *outcome)
{
	struct ms_replies reply = {.callbacks = !is_part(outcome)};
	uint64_t before = job->rss_now_bytes;
	uint32_t row = job->keys[index].row;

	if (outcome->status == MS_ANSWER_BUSY) {
		put_off(job, index);
		return;
	}
	ms_executor_reply_add(&reply, outcome);
	add(job, &reply);
	measure(job);
	ms_own_freed(outcome->claimed_bytes);
	job->expected_bytes = ms_sat_add(job->expected_bytes, ms_learn_to_return(row, outcome->claimed_bytes));
	if (job->rss_bytes)
		ms_learn_claim(row, job->taken_ns, outcome->claimed_bytes, note_fall(job, before));
	/* A lock was taken in the middle. It is counted with those that still are put off at the end, or when it is done. */
	if (is_part(outcome))
		put_off(job, index);
}

static int ask(struct ms_job *job, uint32_t index)
{
	bool one = job->order.scope == MS_SCOPE_ROW;
	uint32_t row = job->keys[index].row, generation = one ? job->order.generation : 0;
	struct ms_ask ask = {
		.order_seq = job->order.seq,
		.level = job->order.level,
		.reason = job->order.reason,
		.target_bytes = target_of(job, row),
		.deadline_ns = callback_deadline(job),
	};
	struct ms_outcome outcome;

	if (job->order.level == MS_LEVEL_COUNT)
		return ask_count(job, row, generation);
	switch (ms_executor_ask(row, generation, &ask, job->handle.slot,
				one ? ms_candidates_allow : ms_candidates_fit, &job->order, &outcome)) {
	case MS_ASKED_LOST:
		return MS_AGENT_LOST;
	case MS_ASKED_RAN:
		take_outcome(job, index, &outcome);
		break;
	case MS_ASKED_QUEUED:
		job->queued = true;
		break;
	case MS_ASKED_NOT:
		ms_round_note(job, outcome.status);
		break;
	}
	return 0;
}

/* ---- the other steps ---- */

/* What comes back where earlier rounds left memory to the allocator says nothing of what this one claims. */
static void settle(struct ms_job *job, bool given_back)
{
	if (!job->kept && !job->order.reuse)
		ms_learn_settle(job->keys, job->asked, job->taken_ns, given_back, job->unlearnt_bytes);
	job->unlearnt_bytes = 0;
}

static void judge_sweep(struct ms_job *job)
{
	if (job->sweep_open)
		ms_sweep_judge(ms_sat_sub(job->returned_bytes, job->sweep_returned_bytes), job->sweep_missing_bytes,
			       job->sweep_took_ns, ms_clock_ns());
	job->sweep_open = false;
}

/* Without the host's lock: the allocator has its own. Where memory is out its holder may sleep in the kernel for
 * some; what this order has freed wakes it, and the order's deadline is the end of it. */
static int trim(struct ms_job *job)
{
	bool emergency = job->order.level == MS_LEVEL_EMERGENCY;
	struct ms_ask ask = {
		.level = MS_LEVEL_TRIM,
		.reason = MEMSHED_REASON_PRESSURE,
		.deadline_ns = emergency ? job->deadline_ns : ms_clock_ns() + TRIM_TIMEOUT_NS,
	};
	struct ms_outcome outcome;

	job->untrimmed_bytes = 0;
	ms_lib.brake.kept_bytes = 0;
	job->trims++;
	measure(job);

	uint64_t before = job->rss_now_bytes;

	switch (ms_executor_ask(MS_ALLOCATOR_ROW, 0, &ask, MS_NO_JOB, ms_candidates_allow, &job->order, &outcome)) {
	case MS_ASKED_LOST:
		return MS_AGENT_LOST;
	case MS_ASKED_RAN:
		measure(job);
		ms_own_freed(0);
		job->expected_bytes = job->returned_bytes;
		job->unlearnt_bytes = ms_sat_add(job->unlearnt_bytes, note_fall(job, before));
		judge_sweep(job);
		if (!pays_to_sweep(job)) /* else more may come of the same claims */
			settle(job, job->rss_bytes);
		break;
	default:
		break;
	}
	return 0;
}

/* What it frees goes back to the allocator, which is asked again where claims are for enough. */
static int sweep(struct ms_job *job)
{
	struct ms_ask ask = {
		.order_seq = job->order.seq,
		.level = MS_LEVEL_CLEAR,
		.reason = job->order.reason,
		.deadline_ns = ms_clock_ns() + SWEEP_TIMEOUT_NS,
	};
	uint64_t started = ms_clock_ns();
	struct ms_outcome outcome;

	job->swept = true;
	measure(job);

	uint64_t before = job->rss_now_bytes;

	job->sweep_returned_bytes = job->returned_bytes;
	job->sweep_missing_bytes = ms_sat_sub(job->answer.claimed_bytes, job->returned_bytes);
	switch (ms_executor_ask(ms_lib.sweep.row, 0, &ask, MS_NO_JOB, ms_sweep_fits, NULL, &outcome)) {
	case MS_ASKED_LOST:
		return MS_AGENT_LOST;
	case MS_ASKED_RAN:
		measure(job);
		ms_own_freed(0);
		job->sweep_open = true;
		job->unlearnt_bytes = ms_sat_add(job->unlearnt_bytes, ms_sat_sub(before, job->rss_now_bytes));
		job->sweep_took_ns = ms_clock_ns() - started;
		job->untrimmed_bytes = job->sweep_missing_bytes;
		job->expected_bytes = ms_sat_add(job->sweep_returned_bytes, job->sweep_missing_bytes);
		break;
	default:
		break;
	}
	return 0;
}

/* Where each that can be asked was, but for those with a lock taken, or that gave a part: leave them time to release it. */
static int retry(struct ms_job *job)
{
	struct timespec pause = {.tv_nsec = (long)BUSY_PAUSE_NS};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	job->next = 0;
	job->count = job->busy;
	job->busy = 0;
	return 0;
}

/* Inside the host's hooks: a host may register there what it has found since. */
static int collect(struct ms_job *job)
{
	int count = ms_candidates_collect(&job->order, &job->keys);

	measure(job); /* the host's lock was waited for, and caches were counted */
	job->collected = true;
	if (count < 0)
		ms_round_note(job, MS_ANSWER_GONE);
	else
		job->count = (uint32_t)count;
	for (uint32_t i = 0; i < job->count; i++)
		job->there_bytes = ms_sat_add(job->there_bytes, job->keys[i].bytes);
	return 0;
}

/* A thread that gets stuck in one leaves the job as one that was counted. */
static int count_all(struct ms_job *job)
{
	job->counted = true;
	return ms_count_all(ms_clock_ns());
}

static int take_step(struct ms_job *job, enum step step)
{
	if (step == COUNT)
		return count_all(job);
	if (step == COLLECT)
		return collect(job);
	if (step == TRIM)
		return trim(job);
	if (step == RETRY)
		return retry(job);
	if (step == SWEEP)
		return sweep(job);
	uint32_t index = job->next++;

	if (job->asked < job->next)
		job->asked = job->next;
	return ask(job, index);
}

/* The host's lock is held for callbacks alone; and by each thread that entered, one that comes back late too. */
int ms_round_go_on(struct ms_job *job)
{
	bool inside = false;
	int result = 0;

	while (result == 0) {
		enum step step = choose(job);
		bool calls_back = step == ASK || step == COLLECT || step == COUNT || step == SWEEP;

		if (!calls_back && inside) {
			ms_hooks_end();
			inside = false;
		}
		if (step == END)
			break;
		if (calls_back && !inside) {
			int refused = ms_hooks_begin();

			if (refused < 0) {
				job->answer.error = refused;
				ms_round_note(job, MS_ANSWER_BUSY);
				break;
			}
			inside = true;
		}
		result = take_step(job, step);
	}
	if (inside)
		ms_hooks_end();
	return result;
}

/* ---- begin and end ---- */

void ms_round_open(struct ms_job *job, const struct ms_order *order, const struct ms_order_handle *handle)
{
	uint64_t now = ms_clock_ns();

	*job = (struct ms_job){
		.phase = MS_JOB_ASKING,
		.order = *order,
		.handle = *handle,
		.taken_ns = now,
		.deadline_ns = now + order->timeout_us * MS_NS_PER_US,
		.rss_bytes = ms_statm_rss_bytes(),
		.one = {.row = order->row},
		.counted = order->scope != MS_SCOPE_PROCESS || order->reason != MEMSHED_REASON_PRESSURE ||
			   (order->level != MS_LEVEL_TRIM && order->level != MS_LEVEL_CLEAR),
		.collected = order->scope == MS_SCOPE_ROW,
		.count = order->scope == MS_SCOPE_ROW,
		.kept = !order->reuse && ms_lib.brake.kept_bytes > 0,
	};
	if (job->kept && order->scope == MS_SCOPE_PROCESS)
		job->untrimmed_bytes = ms_lib.brake.kept_bytes;
	job->rss_now_bytes = job->rss_bytes;
	job->keys = &job->one;
}

static bool came(const struct ms_job *job, enum ms_answer_status status)
{
	return job->statuses & 1u << status;
}

/* One word for many outcomes: what the client should do next decides which. */
static uint32_t sum_up(const struct ms_job *job)
{
	uint64_t target = job->order.target_bytes;
	bool freed = job->answer.claimed_bytes || job->answer.claimed_entries ||
		     (is_measured(job) && job->returned_bytes >= SEEN_BYTES);

	if (job->order.scope == MS_SCOPE_ROW)
		return job->statuses ? (uint32_t)__builtin_ctz(job->statuses) : (uint32_t)MS_ANSWER_BUSY;
	if (came(job, MS_ANSWER_STOPPED))
		return MS_ANSWER_STOPPED;
	if (target && (job->answer.claimed_bytes >= target || is_near(job)))
		return MS_ANSWER_DONE;
	if (came(job, MS_ANSWER_STUCK))
		return MS_ANSWER_STUCK;
	if (came(job, MS_ANSWER_BUSY))
		return freed ? MS_ANSWER_PARTIAL : MS_ANSWER_BUSY;
	if (came(job, MS_ANSWER_PARTIAL) || (freed && target))
		return MS_ANSWER_PARTIAL;
	if (came(job, MS_ANSWER_DONE))
		return target ? MS_ANSWER_EMPTY : MS_ANSWER_DONE;
	if (came(job, MS_ANSWER_GONE) && job->order.scope == MS_SCOPE_GROUP)
		return MS_ANSWER_GONE;
	return came(job, MS_ANSWER_UNSUPPORTED) && !came(job, MS_ANSWER_EMPTY) ? MS_ANSWER_UNSUPPORTED
									       : MS_ANSWER_EMPTY;
}

int ms_round_end(struct ms_job *job)
{
	job->phase = MS_JOB_ENDING;
	if (job->busy) {
		ms_round_note(job, MS_ANSWER_BUSY);
		job->answer.caches += job->busy;
		job->busy = 0;
	}
	measure(job);
	if (!is_near(job) && pays_to_trim(job) && trim(job) < 0)
		return MS_AGENT_LOST;
	judge_sweep(job);
	settle(job, job->swept);
	job->answer.status = sum_up(job);
	job->answer.returned_bytes = job->rss_bytes ? job->returned_bytes : MS_NOT_MEASURED;
	job->answer.duration_us = (ms_clock_ns() - job->taken_ns) / MS_NS_PER_US;
	return 0;
}

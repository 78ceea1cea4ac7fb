/* SPDX-License-Identifier: MIT */
/*
 * lib/agent.c - from an order to its answer.
 *
 * Runs in the thread that is the agent: a thread of the library's (agent_thread.c) or the host's
 * (dispatch.c), one at a time. Holds no lock while a callback runs, and allocates
 * nothing. An order becomes a job, in the place of its slot; a job asks one cache or many, one after
 * the other, and is answered when all have answered, or enough was freed, or its time is over.
 *
 * Caches of MEMSHED_THREAD_OWNER are asked by a wish (owner.c); their jobs wait while others go on.
 *
 * A callback past its deadline: the standby marks it stuck and is the agent from then on. It finds the
 * job as the stuck thread left it in @agent, which that thread does not touch again: every function
 * here returns at once when a callee says MS_AGENT_LOST.
 *   [A1] what is in @agent is handed on by the call token's epoch (call.c): written before HELD, read
 *        after the take-over.
 */
#include "lib/agent.h"

#include "lib/call.h"
#include "table/slot.h"
#include "util/clock.h"

enum { NO_JOB = MS_SLOT_COUNT };

/* Of an order to all caches, one callback gets this share of the time, so that the others get theirs. */
enum { SHARE_OF_TIME = 4 };
#define LEAST_SHARE_NS (10 * MS_NS_PER_MS)
#define TRIM_TIMEOUT_NS (5 * MS_NS_PER_S)
#define SWEEP_NS MS_NS_PER_S

enum phase {
	UNUSED = 0,
	ASKING,   /* callbacks run */
	WAITING,  /* for owners' threads */
	TRIMMING, /* done but for the allocator */
};

struct job {
	enum phase phase;
	struct ms_order order;
	struct ms_order_handle handle;
	struct ms_answer answer;
	uint64_t taken_ns, deadline_ns;
	uint32_t statuses;    /* bit per enum ms_answer_status that came */
	uint32_t next, count; /* the next candidate; a single row counts as one */
	bool wished;          /* some cache of it is left to its owner's thread */
};

static struct {
	struct job jobs[MS_SLOT_COUNT];
	uint32_t current;        /* the job whose callback runs */
	uint64_t claimed_bytes;  /* since the allocator was last asked */
	bool emergency;          /* one of the orders of this round was one: leave the allocator alone */
	/* Written by the agent; read by any thread that sleeps for it. UINT64_MAX: never. */
	_Atomic uint64_t wait_until_ns; /* the first deadline of a waiting job */
	_Atomic uint64_t sweep_ns;      /* when to look after slots that stay busy */
} agent = {.current = NO_JOB, .wait_until_ns = UINT64_MAX, .sweep_ns = UINT64_MAX};

/* ---- what others see ---- */

void ms_agent_state(enum ms_agent_state state)
{
	struct ms_table_header *header = ms_lib.table.header;

	if (atomic_load_explicit(&header->agent_state, memory_order_relaxed) != (uint32_t)state)
		atomic_store_explicit(&header->agent_state, state, memory_order_relaxed);
}

static void add_to(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

bool ms_agent_runs(void)
{
	return ms_lib_life() == MS_LIFE_RUNNING;
}

bool ms_agent_posted(void)
{
	const struct ms_control_server *control = &ms_lib.control;

	for (uint32_t i = 0; control->page && i < MS_SLOT_COUNT; i++) {
		uint32_t word = atomic_load_explicit(&control->page->slots[i].word, memory_order_relaxed);

		if (ms_slot_state(word) == MS_SLOT_POSTED)
			return true;
	}
	return false;
}

uint64_t ms_agent_due(void)
{
	uint64_t due = ms_count_due();
	uint64_t wait_until = atomic_load_explicit(&agent.wait_until_ns, memory_order_relaxed);
	uint64_t sweep = atomic_load_explicit(&agent.sweep_ns, memory_order_relaxed);

	if (wait_until < due)
		due = wait_until;
	return sweep < due ? sweep : due;
}

void ms_agent_reset(void)
{
	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++)
		agent.jobs[i].phase = UNUSED;
	agent.current = NO_JOB;
	agent.claimed_bytes = 0;
	agent.emergency = false;
	atomic_store_explicit(&agent.wait_until_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&agent.sweep_ns, UINT64_MAX, memory_order_relaxed);
	ms_count_reset();
}

/* ---- answers ---- */

static void fold(uint32_t index, const struct ms_outcome *outcome)
{
	struct job *job = &agent.jobs[index];

	job->statuses |= 1u << outcome->status;
	job->answer.claimed_bytes += outcome->claimed_bytes;
	job->answer.claimed_entries += outcome->claimed_entries;
	job->answer.scanned_entries += outcome->scanned_entries;
	job->answer.duration_us += outcome->duration_us;
	job->answer.caches++;
	if (job->order.row != MS_ALLOCATOR_ROW)
		agent.claimed_bytes += outcome->claimed_bytes;
}

/* A cache that was not asked. */
static void fold_status(struct job *job, uint32_t status)
{
	job->statuses |= 1u << status;
}

static bool came(const struct job *job, enum ms_answer_status status)
{
	return job->statuses & 1u << status;
}

static bool is_enough(const struct job *job)
{
	return job->order.target_bytes && job->answer.claimed_bytes >= job->order.target_bytes;
}

/* One word for many outcomes: what the client should do next decides which. */
static uint32_t sum_up(const struct job *job)
{
	bool freed = job->answer.claimed_bytes || job->answer.claimed_entries;

	if (job->count == 1 && job->order.scope == MS_SCOPE_ROW)
		return job->statuses ? (uint32_t)__builtin_ctz(job->statuses) : (uint32_t)MS_ANSWER_BUSY;
	if (is_enough(job))
		return MS_ANSWER_DONE;
	if (came(job, MS_ANSWER_STUCK))
		return MS_ANSWER_STUCK;
	if (came(job, MS_ANSWER_BUSY))
		return freed ? MS_ANSWER_PARTIAL : MS_ANSWER_BUSY;
	if (came(job, MS_ANSWER_PARTIAL))
		return MS_ANSWER_PARTIAL;
	if (came(job, MS_ANSWER_DONE))
		return MS_ANSWER_DONE;
	return came(job, MS_ANSWER_UNSUPPORTED) && !came(job, MS_ANSWER_EMPTY) ? MS_ANSWER_UNSUPPORTED
									       : MS_ANSWER_EMPTY;
}

static void answer(struct job *job)
{
	job->answer.status = sum_up(job);
	job->phase = UNUSED;
	agent.current = NO_JOB;
	add_to(&ms_lib.table.header->orders, 1);
	ms_control_answer(&ms_lib.control, &job->handle, &job->answer);
}

/* ---- asking one cache ---- */

static uint64_t callback_deadline(const struct job *job, uint64_t now_ns)
{
	if (job->order.scope == MS_SCOPE_ROW)
		return job->deadline_ns;

	uint64_t share = (job->deadline_ns - job->taken_ns) / SHARE_OF_TIME;
	uint64_t deadline = now_ns + (share > LEAST_SHARE_NS ? share : LEAST_SHARE_NS);

	return deadline < job->deadline_ns ? deadline : job->deadline_ns;
}

bool ms_agent_allows(const struct memshed_cache *cache, const struct ms_order *order)
{
	uint32_t flags = cache->options.flags;

	if ((flags & MEMSHED_CACHE_MANUAL) && order->reason != MEMSHED_REASON_USER)
		return false;
	return !((flags & MEMSHED_CACHE_MAY_IO) && order->level == MS_LEVEL_EMERGENCY);
}

bool ms_agent_may_run(const struct memshed_cache *cache)
{
	return cache->options.thread_class == MEMSHED_THREAD_ANY || cache->owner == ms_thread_id();
}

static int ask_claimed(struct job *job, struct memshed_cache *cache)
{
	uint64_t now = ms_clock_ns();
	struct ms_ask ask = {
		.order_seq = job->order.seq,
		.level = job->order.level,
		.reason = job->order.reason,
		.target_bytes = job->order.level == MS_LEVEL_TRIM && job->order.target_bytes
					? job->order.target_bytes - job->answer.claimed_bytes : 0,
		.deadline_ns = callback_deadline(job, now),
	};
	struct ms_outcome outcome;

	if (!ms_agent_may_run(cache)) {
		if (ms_owner_wish(cache, job->handle.slot, &ask) < 0)
			fold_status(job, MS_ANSWER_BUSY);
		else
			job->wished = true;
		ms_registry_release(cache);
		return 0;
	}
	if (!ms_run_cache(cache, &ask, ms_call_begin(cache->row, &ask), &outcome))
		return MS_AGENT_LOST;
	fold(job->handle.slot, &outcome);
	return 0;
}

static int ask_count(struct job *job, uint32_t row, uint32_t generation)
{
	uint32_t status;
	bool changed = false;

	if (ms_count_one(row, generation, callback_deadline(job, ms_clock_ns()), &changed, &status) < 0)
		return MS_AGENT_LOST;
	fold_status(job, status);
	return 0;
}

static int ask(struct job *job, uint32_t row, uint32_t generation)
{
	struct memshed_cache *cache;

	if (job->order.level == MS_LEVEL_COUNT)
		return ask_count(job, row, generation);
	switch (ms_registry_claim(row, generation, &cache)) {
	case MS_CLAIM_GONE:
		fold_status(job, MS_ANSWER_GONE);
		return 0;
	case MS_CLAIM_BUSY: /* only a callback that is stuck is still in there */
		fold_status(job, MS_ANSWER_STUCK);
		return 0;
	case MS_CLAIMED:
		break;
	}
	if (!ms_agent_allows(cache, &job->order)) {
		fold_status(job, MS_ANSWER_UNSUPPORTED);
		ms_registry_release(cache);
		return 0;
	}
	return ask_claimed(job, cache);
}

/* ---- one job ---- */

/* The allocator gives back what the callbacks freed: once, after the last order that waits. Until then
 * the order is not answered, so that its client finds the memory returned. */
static bool is_last_before_trim(void)
{
	return !agent.emergency && !ms_agent_posted() && ms_allocator_worth_trimming(agent.claimed_bytes);
}

static int conclude(struct job *job)
{
	agent.current = NO_JOB;
	if (is_last_before_trim()) {
		job->phase = TRIMMING;
		return 0;
	}
	answer(job);
	return 1;
}

static void plan_wait(void)
{
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++)
		if (agent.jobs[i].phase == WAITING && agent.jobs[i].deadline_ns < until)
			until = agent.jobs[i].deadline_ns;
	atomic_store_explicit(&agent.wait_until_ns, until, memory_order_relaxed);
}

/* Return: 1 answered; 0 it waits for owners' threads or the allocator. */
static int finish_or_wait(struct job *job)
{
	uint32_t open = 0;

	if (job->wished)
		open = ms_owner_collect(job->handle.slot, job->deadline_ns, ms_clock_ns(), fold);
	job->phase = open ? WAITING : ASKING;
	agent.current = NO_JOB;
	plan_wait();
	return open ? 0 : conclude(job);
}

static void locate(const struct job *job, uint32_t index, uint32_t *ret_row, uint32_t *ret_generation)
{
	if (job->order.scope == MS_SCOPE_ROW) {
		*ret_row = job->order.row;
		*ret_generation = job->order.generation;
		return;
	}
	*ret_row = ms_series_candidate(index)->row;
	*ret_generation = ms_series_candidate(index)->generation;
}

/* Return: as finish_or_wait(), or MS_AGENT_LOST. */
static int go_on(struct job *job)
{
	while (job->next < job->count && !is_enough(job)) {
		uint32_t row, generation;

		if (!ms_agent_runs()) {
			fold_status(job, MS_ANSWER_STOPPED);
			break;
		}
		if (job->order.scope != MS_SCOPE_ROW && ms_clock_ns() >= job->deadline_ns) {
			fold_status(job, MS_ANSWER_BUSY); /* the rest was not asked: ask again */
			break;
		}
		locate(job, job->next++, &row, &generation);
		if (ask(job, row, generation) < 0)
			return MS_AGENT_LOST;
	}
	return finish_or_wait(job);
}

static struct job *open_job(const struct ms_order *order, const struct ms_order_handle *handle)
{
	struct job *job = &agent.jobs[handle->slot];
	uint64_t now = ms_clock_ns();

	*job = (struct job){
		.phase = ASKING,
		.order = *order,
		.handle = *handle,
		.taken_ns = now,
		.deadline_ns = now + order->timeout_us * MS_NS_PER_US,
		.count = 1,
	};
	agent.current = handle->slot;
	if (order->level == MS_LEVEL_EMERGENCY)
		agent.emergency = true;
	return job;
}

/* ---- rounds ---- */

int ms_agent_enter(void)
{
	if (!ms_lib.agent_options.round_begin)
		return 0;
	ms_agent_state(MS_AGENT_ENTERING);
	return ms_lib.agent_options.round_begin(ms_lib.agent_options.ctx);
}

void ms_agent_leave(void)
{
	if (ms_lib.agent_options.round_end)
		ms_lib.agent_options.round_end(ms_lib.agent_options.ctx);
}

/* Jobs that waited for owners' threads and need not wait any longer. */
static int serve_waiting(void)
{
	int answered = 0;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++)
		if (agent.jobs[i].phase == WAITING)
			answered += finish_or_wait(&agent.jobs[i]);
	return answered;
}

/* @refused: what round_begin said. Return: as go_on(). */
static int serve_one(const struct ms_order *order, const struct ms_order_handle *handle, int refused)
{
	struct job *job = open_job(order, handle);

	if (refused < 0) {
		job->answer.error = refused;
		fold_status(job, MS_ANSWER_BUSY);
		job->next = job->count;
	} else if (order->scope != MS_SCOPE_ROW) {
		job->count = ms_series_collect(order);
	}
	return go_on(job);
}

static int serve_posted(int refused)
{
	struct ms_order_handle handle;
	struct ms_order order;
	int answered = 0;

	while (ms_agent_runs() && ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0) {
		int result = serve_one(&order, &handle, refused);

		if (result < 0)
			return result;
		answered += result;
	}
	return answered;
}

static int serve_round(void)
{
	int refused = ms_agent_enter();

	ms_agent_state(MS_AGENT_RUNNING);
	agent.emergency = false;
	int answered = serve_posted(refused);

	/* By each thread that entered, also one that comes back late: the host's lock is its own. */
	if (refused >= 0)
		ms_agent_leave();
	return answered;
}

/* Without the host's lock: the allocator has its own. */
static int trim(void)
{
	struct ms_ask ask = {
		.level = MS_LEVEL_TRIM,
		.reason = MEMSHED_REASON_PRESSURE,
		.deadline_ns = ms_clock_ns() + TRIM_TIMEOUT_NS,
	};
	struct memshed_cache *allocator;
	struct ms_outcome outcome;

	agent.claimed_bytes = 0;
	if (ms_registry_claim(MS_ALLOCATOR_ROW, 0, &allocator) != MS_CLAIMED)
		return 0;
	return ms_run_cache(allocator, &ask, ms_call_begin(MS_ALLOCATOR_ROW, &ask), &outcome) ? 0 : MS_AGENT_LOST;
}

/* The end of a round: the allocator, and the answers that waited for it. */
static int settle(int answered)
{
	bool waits = false;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++)
		waits |= agent.jobs[i].phase == TRIMMING;
	if (waits && ms_allocator_worth_trimming(agent.claimed_bytes) && trim() < 0)
		return MS_AGENT_LOST;
	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		if (agent.jobs[i].phase == TRIMMING) {
			answer(&agent.jobs[i]);
			answered++;
		}
	}
	if (answered > 0)
		add_to(&ms_lib.table.header->rounds, 1);
	return answered;
}

/* A slot is busy without an order for an honest client too, for as long as it reads its answer. */
static bool is_sweep_due(uint64_t now_ns)
{
	uint64_t sweep = atomic_load_explicit(&agent.sweep_ns, memory_order_relaxed);

	if (!ms_control_busy(&ms_lib.control)) {
		atomic_store_explicit(&agent.sweep_ns, UINT64_MAX, memory_order_relaxed);
		return false;
	}
	if (now_ns >= sweep || sweep == UINT64_MAX)
		atomic_store_explicit(&agent.sweep_ns, now_ns + SWEEP_NS, memory_order_relaxed);
	return now_ns >= sweep;
}

/* In a forked child: who is asked for memory must be seen, and only now pays for it. */
static void complete_table(void)
{
	if (ms_table_is_complete(&ms_lib.table))
		return;
	pthread_mutex_lock(&ms_lib.lock);
	ms_table_complete(&ms_lib.table);
	pthread_mutex_unlock(&ms_lib.lock);
}

int ms_agent_serve(void)
{
	complete_table();
	atomic_store_explicit(&ms_lib.table.header->heartbeat_ns, ms_clock_ns(), memory_order_relaxed);

	int answered = serve_waiting();

	/* The sweep of what dead clients left is a round, because it may find an order. */
	if (ms_agent_posted() || is_sweep_due(ms_clock_ns())) {
		int served = serve_round();

		if (served < 0)
			return served;
		answered += served;
	}
	return settle(answered);
}

/* The stuck callback may hold the host's lock for ever: what needs no further callback is answered
 * before this thread waits for that lock. */
int ms_agent_resume(void)
{
	if (agent.current == NO_JOB)
		return settle(0);

	struct job *job = &agent.jobs[agent.current];

	fold_status(job, MS_ANSWER_STUCK);
	job->answer.caches++;
	if (job->next >= job->count || is_enough(job))
		return settle(finish_or_wait(job));

	int refused = ms_agent_enter();

	ms_agent_state(MS_AGENT_RUNNING);
	if (refused < 0) {
		fold_status(job, MS_ANSWER_BUSY);
		return settle(finish_or_wait(job));
	}
	int result = go_on(job);

	ms_agent_leave();
	return result < 0 ? result : settle(result);
}

void ms_agent_refuse_all(void)
{
	struct ms_order_handle handle;
	struct ms_order order;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		if (agent.jobs[i].phase == UNUSED)
			continue;
		ms_owner_collect(i, 0, UINT64_MAX, fold);
		agent.jobs[i].statuses = 1u << MS_ANSWER_STOPPED;
		agent.jobs[i].count = 1;
		answer(&agent.jobs[i]);
	}
	while (ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0)
		ms_control_answer(&ms_lib.control, &handle, &(struct ms_answer){.status = MS_ANSWER_STOPPED});
}

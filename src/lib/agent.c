/* SPDX-License-Identifier: MIT */
/*
 * lib/agent.c - takes orders and answers them; what is done for one stands in round.c.
 *
 * Runs in the thread that is the agent: a thread of the library's (agent_thread.c) or the host's
 * (dispatch.c), one at a time. Holds no lock while a callback runs, and allocates nothing. An order
 * becomes a job, in the place of its slot, and is answered when all its caches have answered, or enough
 * was freed, or its time is over.
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
#include "lib/round.h"
#include "table/slot.h"
#include "util/clock.h"

enum { NO_JOB = MS_SLOT_COUNT };

#define SWEEP_NS MS_NS_PER_S

static struct {
	struct ms_job jobs[MS_SLOT_COUNT];
	uint32_t current;        /* the job whose callback runs */
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
		agent.jobs[i].phase = MS_JOB_NONE;
	agent.current = NO_JOB;
	atomic_store_explicit(&agent.wait_until_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&agent.sweep_ns, UINT64_MAX, memory_order_relaxed);
	ms_count_reset();
}

/* ---- one job ---- */

static void answer(struct ms_job *job)
{
	job->phase = MS_JOB_NONE;
	agent.current = NO_JOB;
	add_to(&ms_lib.table.header->orders, 1);
	ms_control_answer(&ms_lib.control, &job->handle, &job->answer);
}

bool ms_agent_may_run(const struct memshed_cache *cache)
{
	return cache->options.thread_class == MEMSHED_THREAD_ANY || cache->owner == ms_thread_id();
}

static void fold(uint32_t index, const struct ms_outcome *outcome)
{
	ms_round_add(&agent.jobs[index], outcome);
}

static void plan_wait(void)
{
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++)
		if (agent.jobs[i].phase == MS_JOB_WAITING && agent.jobs[i].deadline_ns < until)
			until = agent.jobs[i].deadline_ns;
	atomic_store_explicit(&agent.wait_until_ns, until, memory_order_relaxed);
}

/* Return: 1 answered; MS_AGENT_LOST. */
static int end(struct ms_job *job)
{
	agent.current = job->handle.slot;
	if (ms_round_end(job) < 0)
		return MS_AGENT_LOST;
	answer(job);
	return 1;
}

/* Return: as end(), or 0: it waits for owners' threads. */
static int end_or_wait(struct ms_job *job)
{
	uint64_t until = ms_round_is_enough(job) ? 0 : job->deadline_ns;

	if (job->queued && ms_owner_collect(job->handle.slot, until, ms_clock_ns(), fold)) {
		job->phase = MS_JOB_WAITING;
		agent.current = NO_JOB;
		plan_wait();
		return 0;
	}
	job->phase = MS_JOB_ENDING;
	plan_wait();
	return end(job);
}

static int go_on(struct ms_job *job)
{
	agent.current = job->handle.slot;
	if (ms_round_go_on(job) < 0)
		return MS_AGENT_LOST;
	return end_or_wait(job);
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

/* Jobs that waited for owners' threads and need not wait any longer. Return: how many; MS_AGENT_LOST */
static int serve_waiting(void)
{
	int answered = 0;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		int result = agent.jobs[i].phase == MS_JOB_WAITING ? end_or_wait(&agent.jobs[i]) : 0;

		if (result < 0)
			return result;
		answered += result;
	}
	return answered;
}

static int serve_posted(void)
{
	struct ms_order_handle handle;
	struct ms_order order;
	int answered = 0;

	while (ms_agent_runs() && ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0) {
		struct ms_job *job = &agent.jobs[handle.slot];

		ms_agent_state(MS_AGENT_RUNNING);
		ms_round_open(job, &order, &handle);

		int result = go_on(job);

		if (result < 0)
			return result;
		answered += result;
	}
	return answered;
}

static int count_round(int answered)
{
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

int ms_agent_serve(void)
{
	atomic_store_explicit(&ms_lib.table.header->heartbeat_ns, ms_clock_ns(), memory_order_relaxed);

	int answered = serve_waiting();

	/* The sweep of what dead clients left is a look for orders, too. */
	if (answered >= 0 && (ms_agent_posted() || is_sweep_due(ms_clock_ns()))) {
		int served = serve_posted();

		answered = served < 0 ? served : answered + served;
	}
	return count_round(answered);
}

/* The stuck callback may hold the host's lock for ever: an order that needs no further one does not ask for it. */
int ms_agent_resume(void)
{
	if (agent.current == NO_JOB)
		return 0;

	struct ms_job *job = &agent.jobs[agent.current];

	if (job->phase == MS_JOB_ENDING) /* it was the allocator */
		return count_round(end(job));
	ms_round_note(job, MS_ANSWER_STUCK);
	job->answer.caches++;
	return count_round(go_on(job));
}

void ms_agent_refuse_all(void)
{
	struct ms_order_handle handle;
	struct ms_order order;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		if (agent.jobs[i].phase == MS_JOB_NONE)
			continue;
		ms_owner_collect(i, 0, UINT64_MAX, fold);
		agent.jobs[i].answer.status = MS_ANSWER_STOPPED;
		answer(&agent.jobs[i]);
	}
	while (ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0)
		ms_control_answer(&ms_lib.control, &handle, &(struct ms_answer){.status = MS_ANSWER_STOPPED});
}

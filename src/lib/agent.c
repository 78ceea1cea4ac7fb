/* SPDX-License-Identifier: MIT */
/*
 * lib/agent.c - takes orders and answers them; what is done for one stands in round.c.
 *
 * Runs in the thread that is the agent: a thread of the library's (mode_thread.c) or the host's (host.c), one at
 * a time. Holds no lock while a callback runs, and allocates nothing. An order becomes a job, in the place of
 * its slot, and is answered when all its caches have answered, or enough was freed, or its time is over. Jobs
 * that wait for owners' threads let others go on.
 *
 * A callback past its deadline: another thread says that it is late, and is the agent from then on. It finds the
 * job as the late thread left it, which that thread does not touch again: every function here returns
 * at once when a callee says MS_AGENT_LOST.
 *
 *   [agent.D2] life is STOPPING before the look at workers and dispatching; a thread that goes inside counts
 *              itself before it looks at life. All sequentially consistent: one sees the other;
 *              pairs with [host.D1], [agent.D2]. Callbacks are counted under [K2], where life is looked at, too.
 */
#include "lib/agent.h"

#include "lib/count.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "lib/own.h"
#include "lib/sweep.h"
#include "util/clock.h"

#define SWEEP_NS MS_NS_PER_S

/* ---- what others see ---- */

uint64_t ms_agent_due(void)
{
	uint64_t due = ms_count_due();
	uint64_t reopen = atomic_load_explicit(&ms_lib.statm.due_ns, memory_order_relaxed);
	uint64_t wait_until = atomic_load_explicit(&ms_lib.agent.wait_until_ns, memory_order_relaxed);
	uint64_t sweep = atomic_load_explicit(&ms_lib.agent.sweep_ns, memory_order_relaxed);

	if (atomic_load_explicit(&ms_lib.executor.replied, memory_order_relaxed) || ms_own_is_wanted())
		return 0;
	if (wait_until < due)
		due = wait_until;
	if (reopen < due)
		due = reopen;
	return sweep < due ? sweep : due;
}

void ms_agent_reset(void)
{
	for (uint32_t i = 0; i < MS_JOB_COUNT; i++)
		ms_lib.agent.jobs[i].phase = MS_JOB_NONE;
	ms_lib.agent.current = NULL;
	atomic_store_explicit(&ms_lib.agent.wait_until_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&ms_lib.agent.sweep_ns, UINT64_MAX, memory_order_relaxed);
	ms_count_reset();
	ms_sweep_reset();
	ms_own_reset();
}

/* ---- one job ---- */

static void answer(struct ms_job *job)
{
	bool is_own = job->handle.slot == MS_OWN_JOB;

	job->phase = MS_JOB_NONE;
	ms_lib.agent.current = NULL;
	ms_own_end(&job->order, &job->answer, job->there_bytes, is_own);
	if (is_own)
		return;
	if (job->order.level != MS_LEVEL_COUNT)
		ms_lib_count(&ms_lib.table.header->orders, 1);
	ms_control_answer(&ms_lib.control, &job->handle, &job->answer);
}

static void plan_wait(void)
{
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 0; i < MS_JOB_COUNT; i++)
		if (ms_lib.agent.jobs[i].phase == MS_JOB_WAITING && ms_lib.agent.jobs[i].deadline_ns < until)
			until = ms_lib.agent.jobs[i].deadline_ns;
	atomic_store_explicit(&ms_lib.agent.wait_until_ns, until, memory_order_relaxed);
}

/* Return: 1 answered; MS_AGENT_LOST. */
static int end(struct ms_job *job)
{
	ms_lib.agent.current = job;
	if (ms_round_end(job) < 0)
		return MS_AGENT_LOST;
	answer(job);
	return 1;
}

/* Return: as end(), or 0: it waits for owners' threads. */
static int end_or_wait(struct ms_job *job)
{
	uint32_t open = job->queued ? ms_round_collect(job) : 0;

	if (open && (ms_round_is_enough(job) || ms_clock_ns() >= job->deadline_ns)) {
		ms_executor_give_up(job->handle.slot);
		open = ms_round_collect(job);
	}
	job->phase = open ? MS_JOB_WAITING : MS_JOB_ENDING;
	ms_lib.agent.current = NULL;
	plan_wait();
	return open ? 0 : end(job);
}

static int go_on(struct ms_job *job)
{
	ms_lib.agent.current = job;
	if (ms_round_go_on(job) < 0)
		return MS_AGENT_LOST;
	return end_or_wait(job);
}

/* ---- all of them ---- */

/* Jobs that waited for owners' threads and need not wait any longer. Return: how many; MS_AGENT_LOST */
static int serve_waiting(void)
{
	int answered = 0;

	atomic_store_explicit(&ms_lib.executor.replied, false, memory_order_relaxed); /* before the look at all of them */
	for (uint32_t i = 0; i < MS_JOB_COUNT; i++) {
		int result = ms_lib.agent.jobs[i].phase == MS_JOB_WAITING ? end_or_wait(&ms_lib.agent.jobs[i]) : 0;

		if (result < 0)
			return result;
		answered += result;
	}
	return answered;
}

static int serve(const struct ms_order *order, const struct ms_order_handle *handle)
{
	struct ms_job *job = &ms_lib.agent.jobs[handle->slot];

	ms_lib_show_agent(MS_AGENT_RUNNING);
	ms_round_open(job, order, handle);
	return go_on(job);
}

/* The process's own order: it is for the shortage that a watch's may be for as well, and nearer to it. */
static int serve_own(void)
{
	const struct ms_job *job = &ms_lib.agent.jobs[MS_OWN_JOB];
	struct ms_order_handle handle = {.slot = MS_OWN_JOB};
	struct ms_order order;

	if (job->phase != MS_JOB_NONE) { /* it waits for owners' threads, and a watch's has ended before it */
		if (ms_own_is_wanted())
			ms_own_begin(&job->order);
		return 0;
	}
	if (!ms_lib_runs() || !ms_own_take(ms_clock_ns(), &order))
		return 0;
	return serve(&order, &handle);
}

static int serve_posted(void)
{
	struct ms_order_handle handle;
	struct ms_order order;
	struct ms_answer done;
	int answered = 0;

	while (ms_lib_runs() && ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0) {
		int result = 1;

		if (ms_own_has_done(&order, ms_clock_ns(), &done)) {
			ms_lib_count(&ms_lib.table.header->orders, 1);
			ms_control_answer(&ms_lib.control, &handle, &done);
		} else {
			ms_own_begin(&order);
			result = serve(&order, &handle);
		}
		if (result < 0)
			return result;
		answered += result;
	}
	return answered;
}

static uint64_t orders_done(void)
{
	return atomic_load_explicit(&ms_lib.table.header->orders, memory_order_relaxed);
}

static int count_round(int answered, uint64_t orders_before)
{
	if (answered > 0 && orders_done() != orders_before)
		ms_lib_count(&ms_lib.table.header->rounds, 1);
	return answered;
}

/* A slot is busy without an order for an honest client too, for as long as it reads its answer. */
static bool is_sweep_due(uint64_t now_ns)
{
	uint64_t sweep = atomic_load_explicit(&ms_lib.agent.sweep_ns, memory_order_relaxed);

	if (!ms_control_busy(&ms_lib.control)) {
		atomic_store_explicit(&ms_lib.agent.sweep_ns, UINT64_MAX, memory_order_relaxed);
		return false;
	}
	if (now_ns >= sweep || sweep == UINT64_MAX)
		atomic_store_explicit(&ms_lib.agent.sweep_ns, now_ns + SWEEP_NS, memory_order_relaxed);
	return now_ns >= sweep;
}

/* In a forked child: a process that is asked for memory must be seen, and only now pays for it. */
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

	ms_own_prepare(ms_clock_ns());

	uint64_t orders_before = orders_done();
	int answered = serve_waiting();

	if (answered >= 0) {
		int served = serve_own();

		answered = served < 0 ? served : answered + served;
	}
	/* The sweep of what dead clients left is a look for orders, too. */
	if (answered >= 0 && (ms_control_posted(&ms_lib.control) || is_sweep_due(ms_clock_ns()))) {
		int served = serve_posted();

		answered = served < 0 ? served : answered + served;
	}
	if (answered == 0)
		ms_statm_look_after(ms_clock_ns());
	if (answered >= 0 && ms_count_when_due() < 0)
		return MS_AGENT_LOST;
	return count_round(answered, orders_before);
}

/* The stuck callback may hold the host's lock for ever: an order that needs no further one does not ask for it. */
int ms_agent_resume(void)
{
	ms_usage_pass_agent();
	if (!ms_lib.agent.current)
		return 0;

	struct ms_job *job = ms_lib.agent.current;
	uint64_t orders_before = orders_done();

	if (job->phase == MS_JOB_ENDING) /* it was the allocator */
		return count_round(end(job), orders_before);
	ms_round_note(job, MS_ANSWER_STUCK);
	job->answer.caches++;
	return count_round(go_on(job), orders_before);
}

/* ---- stop ---- */

static void refuse_all(void)
{
	struct ms_order_handle handle;
	struct ms_order order;

	for (uint32_t i = 0; i < MS_JOB_COUNT; i++) {
		struct ms_job *job = &ms_lib.agent.jobs[i];

		if (job->phase == MS_JOB_NONE)
			continue;
		ms_executor_give_up(i);
		ms_round_collect(job);
		job->answer.status = MS_ANSWER_STOPPED;
		job->answer.returned_bytes = MS_NOT_MEASURED;
		answer(job);
	}
	while (ms_control_take(&ms_lib.control, ms_clock_ns(), &order, &handle) > 0)
		ms_control_answer(&ms_lib.control, &handle, &(struct ms_answer){.status = MS_ANSWER_STOPPED});
}

static bool is_empty(void)
{
	return !atomic_load_explicit(&ms_lib.workers, memory_order_seq_cst) &&      /* [agent.D2] */
	       !atomic_load_explicit(&ms_lib.dispatching, memory_order_seq_cst) && /* [agent.D2] */
	       !ms_executor_inside();
}

void ms_agent_finish_stop(void)
{
	bool stopped = false;

	if (ms_lib_life() != MS_LIFE_STOPPING)
		return;
	pthread_mutex_lock(&ms_lib.lock);
	if (ms_lib_life() == MS_LIFE_STOPPING && is_empty()) {
		stopped = true;
		if (ms_lib.mode->stopped)
			ms_lib.mode->stopped();
		refuse_all();
		ms_own_reset();
		ms_lib_show_agent(MS_AGENT_STOPPED);
		atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPED, memory_order_release); /* [lib.L2] */
	}
	pthread_mutex_unlock(&ms_lib.lock);
	if (stopped) /* else a thread that waits for it in vain would wake itself */
		ms_lib_returned();
}

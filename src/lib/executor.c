/* SPDX-License-Identifier: MIT */
/*
 * lib/executor.c - one callback at a time, in the thread that may run it, until it is late.
 *
 * Each cache has one word that says where it is. All of it is guarded by [K2], which is held for short and
 * never during a callback; tests/model/executor.pml is the same, checked in all interleavings.
 *
 *   from              to       by
 *   IDLE              RUNNING  the agent, when no callback runs that is not late
 *   IDLE              QUEUED   the agent: only the thread of the cache's owner may run it
 *   QUEUED            RUNNING  that thread, in memshed_poll(), when no callback runs that is not late
 *   QUEUED            IDLE     the agent: the order needs it no longer
 *   RUNNING           IDLE     the thread that ran it: the callback has returned
 *   RUNNING           LATE     any other thread: it is past its deadline; others may begin
 *   LATE              IDLE     the thread that ran it: the callback has returned after all
 *   IDLE, QUEUED      DYING    unregister: the caller frees it
 *   RUNNING, LATE     DYING    unregister in its own callback: the thread that ran it frees it
 *
 * executor.running is the callback that is not late, so that one that was unregistered in its own callback is
 * known to be late, too. A thread that comes back to find another there was late, and is not the agent any
 * more.
 *
 * Threads: the agent, owners' threads in memshed_poll(), threads that register and unregister. Allocates
 * nothing; frees a cache that was unregistered in its own callback.
 */
#include "lib/executor.h"

#include "lib/callback.h"
#include "lib/lib.h"
#include "lib/registry.h"
#include "util/clock.h"
#include "util/futex.h"
#include "util/saturate.h"

#define LOOK_AGAIN_NS (10 * MS_NS_PER_MS)

static __thread struct memshed_cache *calling __attribute__((tls_model("initial-exec")));

static struct ms_executor *lock(void)
{
	pthread_mutex_lock(&ms_lib.result_lock);
	return &ms_lib.executor;
}

static void unlock(void)
{
	pthread_mutex_unlock(&ms_lib.result_lock);
}

/* ---- moves; under [K2] ---- */

static enum ms_cache_state state_of(const struct memshed_cache *cache)
{
	return atomic_load_explicit(&cache->state, memory_order_relaxed);
}

static void move(struct memshed_cache *cache, enum ms_cache_state to)
{
	struct ms_executor *executor = &ms_lib.executor;
	enum ms_cache_state from = state_of(cache);

	if (from == MS_CACHE_IDLE)
		cds_list_add_tail(&cache->active, &executor->active);
	if (to == MS_CACHE_IDLE || (to == MS_CACHE_DYING && calling != cache))
		cds_list_del(&cache->active);
	if (from == MS_CACHE_QUEUED)
		atomic_fetch_sub_explicit(&ms_lib.poll_word, 1, memory_order_relaxed);
	if (to == MS_CACHE_QUEUED)
		atomic_fetch_add_explicit(&ms_lib.poll_word, 1, memory_order_relaxed);
	atomic_store_explicit(&cache->state, to, memory_order_relaxed);
}

static void show(uint32_t row, uint64_t since_ns)
{
	struct ms_table_header *header = ms_lib.table.header;

	atomic_store_explicit(&header->current_row, row, memory_order_relaxed);
	atomic_store_explicit(&header->current_since_ns, since_ns, memory_order_relaxed);
}

static void begin(struct ms_executor *executor, struct memshed_cache *cache, const struct ms_ask *ask, bool by_agent)
{
	move(cache, MS_CACHE_RUNNING);
	cache->ask = *ask;
	executor->running = cache;
	executor->by_agent = by_agent;
	executor->deadline_ns = ask->deadline_ns;
	executor->since_ns = ms_clock_ns();
	executor->inside++;
	show(cache->row, executor->since_ns);
	/* A series of callbacks with the same time to live rings once. */
	if (by_agent && ask->deadline_ns < executor->alarm_ns && ms_lib.mode->ring) {
		executor->alarm_ns = ask->deadline_ns;
		ms_lib.mode->ring();
	}
}

static void stop_running(struct ms_executor *executor)
{
	executor->running = NULL;
	show(0, 0);
}

void ms_executor_reply_add(struct ms_replies *replies, const struct ms_outcome *outcome)
{
	replies->statuses |= 1u << outcome->status;
	replies->claimed_bytes = ms_sat_add(replies->claimed_bytes, outcome->claimed_bytes);
	replies->claimed_entries = ms_sat_add(replies->claimed_entries, outcome->claimed_entries);
	replies->scanned_entries = ms_sat_add(replies->scanned_entries, outcome->scanned_entries);
}

/* Its outcome goes to the job that waits for it; @ran: a callback did. */
static void reply(struct ms_executor *executor, struct memshed_cache *cache, const struct ms_outcome *outcome, bool ran)
{
	struct ms_replies *replies = &executor->replies[cache->job % MS_JOB_COUNT];

	if (cache->job == MS_NO_JOB)
		return;
	cache->job = MS_NO_JOB;
	replies->open--;
	replies->callbacks += ran;
	atomic_store_explicit(&executor->replied, true, memory_order_relaxed);
	ms_executor_reply_add(replies, outcome);
}

static void make_late(struct ms_executor *executor)
{
	struct memshed_cache *cache = executor->running;
	struct ms_outcome outcome = {
		.status = MS_ANSWER_STUCK,
		.duration_us = (ms_clock_ns() - executor->since_ns) / MS_NS_PER_US,
		.bytes_after = ms_lib.table.rows[cache->row].last.bytes_after,
		.useless = true,
	};

	stop_running(executor);
	atomic_fetch_add_explicit(&executor->late, 1, memory_order_relaxed);
	if (state_of(cache) == MS_CACHE_RUNNING)
		move(cache, MS_CACHE_LATE);
	ms_table_row_set_flags(&ms_lib.table, cache->row, MS_ROW_STUCK);
	if (cache->ask.level != MS_LEVEL_COUNT)
		ms_callback_write(cache->row, &cache->ask, &outcome);
	reply(executor, cache, &outcome, true);
	if (calling == cache) /* this thread has left it by a jump */
		calling = NULL;
}

/* ---- a callback ---- */

static void finish(struct memshed_cache *cache, const struct memshed_usage *usage, struct ms_outcome *outcome,
		   bool *ret_in_time, bool *ret_dying)
{
	struct ms_executor *executor = lock();
	bool in_time = executor->running == cache;

	if (in_time)
		stop_running(executor);
	if (usage->fields)
		outcome->changed = ms_callback_write_usage(cache, usage);
	if (usage->fields & MEMSHED_USAGE_BYTES)
		outcome->bytes_after = ms_lib.table.rows[cache->row].pulled.bytes;
	if (cache->ask.level != MS_LEVEL_COUNT && in_time)
		ms_callback_write(cache->row, &cache->ask, outcome);
	else if (cache->ask.level != MS_LEVEL_COUNT)
		ms_callback_write_late(cache->row, outcome);
	if (!in_time) {
		atomic_fetch_sub_explicit(&executor->late, 1, memory_order_relaxed);
		ms_table_row_clear_flags(&ms_lib.table, cache->row, MS_ROW_STUCK);
	}
	reply(executor, cache, outcome, true);
	executor->inside--;
	*ret_in_time = in_time;
	*ret_dying = state_of(cache) == MS_CACHE_DYING;
	if (*ret_dying)
		cds_list_del(&cache->active);
	else
		move(cache, MS_CACHE_IDLE); /* it may be gone as soon as [K2] is released */
	unlock();
}

/* Return: whether it was in time. */
static bool run(struct memshed_cache *cache, struct ms_outcome *ret_outcome)
{
	struct memshed_cache *before = calling;
	struct memshed_usage usage;
	struct ms_ask ask = cache->ask;
	bool in_time, dying;

	calling = cache;
	ms_callback_call(cache, &ask, &usage, ret_outcome);
	calling = before;
	finish(cache, &usage, ret_outcome, &in_time, &dying);
	if (dying)
		ms_registry_bury(cache);
	ms_lib_returned();
	return in_time;
}

/* ---- the agent asks ---- */

enum start { BEGUN, QUEUED, REFUSED, WAIT };

static bool may_run(const struct memshed_cache *cache)
{
	return cache->options.thread_class == MEMSHED_THREAD_ANY || cache->owner == ms_thread_id();
}

/* A count without a waiting order gives way. */
static enum start queue(struct ms_executor *executor, struct memshed_cache *cache, const struct ms_ask *ask, uint32_t job)
{
	if (state_of(cache) == MS_CACHE_QUEUED && cache->job != MS_NO_JOB)
		return REFUSED;
	if (state_of(cache) == MS_CACHE_IDLE)
		move(cache, MS_CACHE_QUEUED);
	cache->ask = *ask;
	cache->job = job;
	if (job != MS_NO_JOB)
		executor->replies[job].open++;
	return QUEUED;
}

static enum start start(struct memshed_cache *cache, const struct ms_ask *ask, uint32_t job, uint32_t *ret_status)
{
	struct ms_executor *executor = &ms_lib.executor;
	enum ms_cache_state state = state_of(cache);

	*ret_status = MS_ANSWER_BUSY;
	if (!ms_lib_runs()) {
		*ret_status = MS_ANSWER_STOPPED;
		return REFUSED;
	}
	if (state == MS_CACHE_LATE || state == MS_CACHE_DYING) {
		*ret_status = MS_ANSWER_STUCK;
		return REFUSED;
	}
	if (state != MS_CACHE_RUNNING && !may_run(cache))
		return queue(executor, cache, ask, job);
	if (executor->running)
		return WAIT;
	cache->job = MS_NO_JOB;
	begin(executor, cache, ask, true);
	return BEGUN;
}

/* One that another thread runs: until it has returned, or is late. */
static void wait_for_others(uint32_t seen)
{
	struct ms_executor *executor = lock();
	uint64_t now = ms_clock_ns(), until = now + LOOK_AGAIN_NS;

	if (executor->running && executor->deadline_ns <= now)
		make_late(executor);
	else if (executor->running && executor->deadline_ns < until)
		until = executor->deadline_ns;
	bool wait = executor->running;

	unlock();
	if (wait)
		ms_futex_wait(&ms_lib.returns, seen, until);
}

enum ms_asked ms_executor_ask(uint32_t row, uint32_t generation, const struct ms_ask *ask, uint32_t job,
			      bool (*fits)(const struct memshed_cache *cache, const struct ms_order *order),
			      const struct ms_order *order, struct ms_outcome *ret_outcome)
{
	struct memshed_cache *cache;
	enum start started;

	do {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [lib.L3] */

		*ret_outcome = (struct ms_outcome){.status = MS_ANSWER_GONE};
		started = REFUSED;
		lock();
		cache = ms_registry_find(row, generation); /* C3 in registry.c */
		if (cache && !fits(cache, order))
			ret_outcome->status = MS_ANSWER_UNSUPPORTED;
		else if (cache)
			started = start(cache, ask, job, &ret_outcome->status);
		unlock();
		if (started == WAIT)
			wait_for_others(seen);
	} while (started == WAIT);
	if (started != BEGUN)
		return started == QUEUED ? MS_ASKED_QUEUED : MS_ASKED_NOT;
	return run(cache, ret_outcome) ? MS_ASKED_RAN : MS_ASKED_LOST;
}

uint32_t ms_executor_replies(uint32_t job, struct ms_replies *ret_replies)
{
	struct ms_executor *executor = lock();
	uint32_t open = executor->replies[job].open;

	*ret_replies = executor->replies[job];
	executor->replies[job] = (struct ms_replies){.open = open};
	unlock();
	return open;
}

void ms_executor_give_up(uint32_t job)
{
	struct ms_executor *executor = lock();
	struct memshed_cache *cache, *next;

	if (executor->running && executor->running->job == job)
		make_late(executor);
	cds_list_for_each_entry_safe(cache, next, &executor->active, active) {
		if (state_of(cache) != MS_CACHE_QUEUED || cache->job != job)
			continue;
		reply(executor, cache, &(struct ms_outcome){.status = MS_ANSWER_BUSY}, false);
		move(cache, MS_CACHE_IDLE);
	}
	unlock();
}

/* ---- owners' threads ---- */

/* Return: a cache with a callback that has begun in this thread, or NULL. */
static struct memshed_cache *begin_queued(void)
{
	struct ms_executor *executor = lock();
	struct memshed_cache *cache, *found = NULL;

	cds_list_for_each_entry(cache, &executor->active, active) {
		if (executor->running || !ms_lib_runs())
			break; /* at the next safe point */
		if (state_of(cache) == MS_CACHE_QUEUED && cache->owner == ms_thread_id()) {
			found = cache;
			break;
		}
	}
	if (found) {
		struct ms_ask ask = found->ask;

		begin(executor, found, &ask, false);
	}
	unlock();
	return found;
}

int ms_executor_poll(void)
{
	struct memshed_cache *cache;
	struct ms_outcome outcome;
	int ran = 0;

	while ((cache = begin_queued())) {
		run(cache, &outcome);
		ran++;
	}
	if (ran)
		ms_control_wake(&ms_lib.control); /* a job may wait for it */
	return ran;
}

/* ---- late ones ---- */

static bool is_late(const struct ms_executor *executor, uint64_t now_ns)
{
	return executor->running && executor->by_agent && now_ns >= executor->deadline_ns;
}

bool ms_executor_take_over(uint64_t now_ns, _Atomic uint32_t *role, uint32_t index)
{
	struct ms_executor *executor = lock();
	bool late = is_late(executor, now_ns);

	if (late)
		make_late(executor);
	if (late && role)
		atomic_store_explicit(role, index, memory_order_relaxed);
	unlock();
	return late;
}

void ms_executor_flag_late(uint64_t now_ns)
{
	const struct ms_executor *executor = lock();

	if (is_late(executor, now_ns))
		ms_table_row_set_flags(&ms_lib.table, executor->running->row, MS_ROW_STUCK);
	unlock();
}

uint64_t ms_executor_watch(void)
{
	struct ms_executor *executor = lock();
	uint64_t deadline = executor->running && executor->by_agent ? executor->deadline_ns : UINT64_MAX;

	executor->alarm_ns = deadline;
	unlock();
	return deadline;
}

bool ms_executor_end_thread(void)
{
	struct memshed_cache *cache = calling;

	if (!cache)
		return false;
	struct ms_executor *executor = lock();

	calling = NULL;
	executor->inside--;
	if (executor->running == cache) {
		executor->deadline_ns = 0;
		if (ms_lib.mode->ring)
			ms_lib.mode->ring();
	}
	unlock();
	ms_lib_returned();
	return true;
}

bool ms_executor_is_in_callback(void)
{
	/* A callback that was left by a jump never returns. One that still runs, but late, may as well come
	 * by here; what it does then is done beside others, as for every late one. */
	return calling && state_of(calling) != MS_CACHE_LATE;
}

bool ms_executor_is_calling(void)
{
	return calling;
}

bool ms_executor_is_overdue(void)
{
	bool overdue = is_late(lock(), ms_clock_ns());

	unlock();
	return overdue;
}

const struct memshed_cache *ms_executor_in_fork(void)
{
	return calling;
}

uint32_t ms_executor_inside(void)
{
	uint32_t inside = lock()->inside;

	unlock();
	return inside;
}

/* ---- unregister ---- */

static bool make_dying(struct memshed_cache *cache)
{
	struct ms_executor *executor = lock();
	enum ms_cache_state state = state_of(cache);
	bool idle = state == MS_CACHE_IDLE || state == MS_CACHE_QUEUED;

	if (state == MS_CACHE_QUEUED) {
		reply(executor, cache, &(struct ms_outcome){.status = MS_ANSWER_GONE}, false);
		ms_control_wake(&ms_lib.control); /* a job may wait for it */
	}
	if (state == MS_CACHE_QUEUED)
		move(cache, MS_CACHE_IDLE);
	if (idle || calling == cache)
		move(cache, MS_CACHE_DYING);
	unlock();
	return idle;
}

bool ms_executor_end(struct memshed_cache *cache)
{
	if (calling == cache)
		return make_dying(cache);
	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [lib.L3] */

		if (make_dying(cache))
			return true;
		ms_futex_wait(&ms_lib.returns, seen, UINT64_MAX);
	}
}

/* ---- begin, and after a fork ---- */

void ms_executor_init(void)
{
	struct ms_executor *executor = lock();

	if (!executor->active.next)
		CDS_INIT_LIST_HEAD(&executor->active);
	executor->alarm_ns = 0;
	unlock();
}

/* Only the calling thread is left; it may be in a callback, and comes back late. Under [K2]. */
void ms_executor_after_fork(void)
{
	struct ms_executor *executor = &ms_lib.executor;
	struct memshed_cache *cache, *next;

	if (!executor->active.next)
		return;
	cds_list_for_each_entry_safe(cache, next, &executor->active, active) {
		cache->job = MS_NO_JOB;
		if (cache != calling)
			move(cache, MS_CACHE_IDLE);
		else if (state_of(cache) == MS_CACHE_RUNNING)
			move(cache, MS_CACHE_LATE);
	}
	executor->running = NULL;
	executor->alarm_ns = 0;
	executor->inside = calling ? 1 : 0;
	atomic_store_explicit(&executor->late, executor->inside, memory_order_relaxed);
	for (uint32_t i = 0; i < MS_JOB_COUNT; i++)
		executor->replies[i] = (struct ms_replies){.open = 0};
}

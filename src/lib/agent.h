/* SPDX-License-Identifier: MIT */
/*
 * lib/agent.h - carries out orders: what the three modes share, and what each adds.
 */
#ifndef MS_LIB_AGENT_H
#define MS_LIB_AGENT_H

#include <errno.h>

#include "lib/lib.h"

/* The agent's callback passed its deadline and another thread is the agent now: touch nothing. */
#define MS_AGENT_LOST (-ESTALE)

/* ---- agent.c: by the thread that is the agent (or dispatches) ---- */

/** ms_agent_serve - take the orders that wait and carry them out; Return: how many were answered, or
 * MS_AGENT_LOST */
int ms_agent_serve(void);
/** ms_agent_resume - go on where another thread got stuck in a callback; Return: as ms_agent_serve() */
int ms_agent_resume(void);
/** ms_agent_refuse_all - answer everything MS_ANSWER_STOPPED; when no callback runs */
void ms_agent_refuse_all(void);
/** ms_agent_due - when there is something to do without a new order, CLOCK_MONOTONIC; any thread */
uint64_t ms_agent_due(void);
/** ms_agent_posted - orders wait; any thread */
bool ms_agent_posted(void);
void ms_agent_state(enum ms_agent_state state);
void ms_agent_reset(void);
bool ms_agent_runs(void);
/* The agent's turn for the host's lock; Return: 0 or what round_begin says */
int ms_agent_enter(void);
void ms_agent_leave(void);
/** ms_agent_may_run - false when only the thread of the cache's owner may run its callbacks */
bool ms_agent_may_run(const struct memshed_cache *cache);

/* ---- count.c ---- */

/** ms_count_when_due - refresh the pulled counters of all caches; Return: 0 or MS_AGENT_LOST */
int ms_count_when_due(void);
/** ms_count_one - Return: 0 or MS_AGENT_LOST; *ret_status: enum ms_answer_status */
int ms_count_one(uint32_t row, uint32_t generation, uint64_t deadline_ns, bool *ret_changed,
		 uint32_t *ret_status);
uint64_t ms_count_due(void);
/** ms_count_expect - a cache that counts was registered: do not sleep for longer than one interval */
void ms_count_expect(void);
void ms_count_reset(void);

/* ---- owner.c ---- */

/** ms_owner_wish - have the owner's thread do it at its next memshed_poll(); @cache is claimed
 * Return: 0; -EBUSY when something is wished already */
int ms_owner_wish(struct memshed_cache *cache, uint32_t job, const struct ms_ask *ask);
/** ms_owner_collect - take the answers to @job's wishes; past @deadline_ns give the rest up
 * Return: how many wishes are still open */
uint32_t ms_owner_collect(uint32_t job, uint64_t deadline_ns, uint64_t now_ns,
			  void (*fold)(uint32_t job, const struct ms_outcome *outcome));
/** ms_owner_answered - a callback of @cache has returned; the cache is still claimed */
void ms_owner_answered(struct memshed_cache *cache, const struct ms_ask *ask, const struct ms_outcome *outcome);
void ms_owner_forget(struct memshed_cache *cache);
/** ms_owner_poll - run what is wished of this thread; Return: how many callbacks ran */
int ms_owner_poll(void);
void ms_owner_after_fork(void);

/* 0: memshed_poll() has nothing to do. */
enum { MS_POLL_SIGNAL_MODE = 1u << 31 }; /* the bits below count wishes */
extern _Atomic uint32_t ms_poll_word;

/* ---- agent_thread.c ---- */

/** ms_thread_start - @in_child: in the atfork handler */
int ms_thread_start(bool in_child);
/** ms_thread_wait_warm - until the agent's threads have what they need in memory */
void ms_thread_wait_warm(void);
void ms_thread_stop(void);
/** ms_agent_alarm - a callback must be looked at when it is @deadline_ns */
void ms_agent_alarm(uint64_t deadline_ns);

/* ---- worker.c ---- */

/** ms_worker_spawn - a small detached thread, all signals blocked; counted in ms_lib.workers */
int ms_worker_spawn(void *(*run)(void *), void *argument);
/** ms_worker_warm - in a new thread: have all it needs later in memory now */
void ms_worker_warm(const char *name, bool runs_callbacks);
/** ms_worker_end - the last thing a worker does */
void *ms_worker_end(void);

/* ---- dispatch.c ---- */

int ms_fd_start(void);
void ms_fd_stop(void);
int ms_signal_start(int signal);
void ms_signal_stop(void);
/** ms_signal_greet - say hello; not inside fork() */
void ms_signal_greet(void);

/** ms_dispatch_enter - one thread at a time; false: another one is inside */
bool ms_dispatch_enter(void);
void ms_dispatch_leave(void);
bool ms_dispatch_busy(void);
void ms_dispatch_after_fork(void);

/* ---- allocator.c ---- */

void ms_allocator_start(void);
/** ms_allocator_worth_trimming - was enough claimed, or (@or_held) does the allocator say it holds enough,
 * that it should be asked to give back? */
bool ms_allocator_worth_trimming(uint64_t claimed_bytes, bool or_held);
/** ms_allocator_count_due - when its free bytes may be looked up again */
uint64_t ms_allocator_count_due(void);

#endif

/* SPDX-License-Identifier: MIT */
/* lib/executor.h - which cache's callback runs, which wait for their owner's thread, which are late. */
#ifndef MS_LIB_EXECUTOR_H
#define MS_LIB_EXECUTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ask.h"
#include "table/layout.h"
#include "util/list.h"

struct memshed_cache;
struct ms_order;

/* See executor.c for what moves a cache from where to where. */
enum ms_cache_state {
	MS_CACHE_IDLE = 0,
	MS_CACHE_QUEUED,  /* for the thread of its owner, see memshed_poll() */
	MS_CACHE_RUNNING, /* some thread is in its callback */
	MS_CACHE_LATE,    /* the same, past the deadline: others go on */
	MS_CACHE_DYING,   /* unregistered; freed when no thread is in its callback */
};

/* A job stands in the place of its slot; one more is for the process's own order. */
enum { MS_OWN_JOB = MS_SLOT_COUNT, MS_JOB_COUNT, MS_NO_JOB = MS_JOB_COUNT };

/* What the queued caches of one job have answered so far. */
struct ms_replies {
	uint32_t open;     /* queued or running in their owners' threads */
	uint32_t statuses; /* bit per enum ms_answer_status that came */
	uint32_t callbacks;
	uint64_t claimed_bytes, claimed_entries, scanned_entries;
};

/* All guarded by [K2] but for what says otherwise. */
struct ms_executor {
	struct memshed_cache *running; /* the one callback that is not late */
	bool by_agent;        /* it runs in the thread that is the agent */
	uint64_t deadline_ns; /* of running */
	uint64_t since_ns;
	uint64_t alarm_ns;    /* when the thread that looks after late callbacks wakes by itself */
	uint32_t inside;      /* threads that are in callbacks, late ones too */
	_Atomic uint32_t late; /* callbacks that are late and have not returned; read by any thread as a hint */
	struct cds_list_head active; /* caches that are not idle; all zeroes before the first start */
	struct ms_replies replies[MS_JOB_COUNT];
	_Atomic bool replied; /* since they were last looked at; read by any thread as a hint */
};

/* What ms_executor_ask() did. */
enum ms_asked {
	MS_ASKED_RAN,    /* the outcome is there */
	MS_ASKED_QUEUED, /* it will be in the job's replies */
	MS_ASKED_NOT,    /* outcome.status says why not: GONE, UNSUPPORTED, STUCK, BUSY, STOPPED */
	MS_ASKED_LOST,   /* it was late, and another thread is the agent now: touch nothing of the agent's */
};

/**
 * ms_executor_ask - have the callback of a cache run, here or in its owner's thread
 * By the thread that is the agent. Waits while another thread runs one in time.
 * @generation: 0: whichever cache is in the row
 * @job: its replies get it when it is queued; MS_NO_JOB: of no job
 * @fits: is it still one that is to be asked?
 */
enum ms_asked ms_executor_ask(uint32_t row, uint32_t generation, const struct ms_ask *ask, uint32_t job,
			      bool (*fits)(const struct memshed_cache *cache, const struct ms_order *order),
			      const struct ms_order *order, struct ms_outcome *ret_outcome);

/** ms_executor_reply_add - one outcome more */
void ms_executor_reply_add(struct ms_replies *replies, const struct ms_outcome *outcome);
/** ms_executor_replies - what the queued caches of @job have answered, which is taken away; Return: how many
 * have not yet */
uint32_t ms_executor_replies(uint32_t job, struct ms_replies *ret_replies);
/** ms_executor_give_up - what @job's caches have not begun they need not any more, what runs is late */
void ms_executor_give_up(uint32_t job);

/** ms_executor_poll - run what is queued for this thread; Return: how many callbacks ran */
int ms_executor_poll(void);

/**
 * ms_executor_take_over - if the agent's callback is past its deadline, it is late from now on, and the
 * caller is the agent
 * @role, @index: set before the late thread can find out; NULL where there is no such word
 * Return: whether so.
 */
bool ms_executor_take_over(uint64_t now_ns, _Atomic uint32_t *role, uint32_t index);
/** ms_executor_watch - until when the agent's callback may run, UINT64_MAX when none does. The mode's ring()
 * is called when an earlier deadline than that comes up. */
uint64_t ms_executor_watch(void);
/** ms_executor_flag_late - say in the table that the agent's callback is past its deadline, no more */
void ms_executor_flag_late(uint64_t now_ns);
/** ms_executor_end_thread - this thread ends; Return: whether it was in a callback, which is late now */
bool ms_executor_end_thread(void);

/** ms_executor_is_in_callback - is this thread in one? One that it left by a jump counts until it is late. */
bool ms_executor_is_in_callback(void);
/** ms_executor_is_calling - is this thread in a callback, late or not? */
bool ms_executor_is_calling(void);
/** ms_executor_is_overdue - the callback that runs is past its deadline, and not late yet */
bool ms_executor_is_overdue(void);
/** ms_executor_in_fork - the cache in a callback of this thread, late or not; in the child's handlers */
const struct memshed_cache *ms_executor_in_fork(void);
/** ms_executor_inside - how many threads are in callbacks */
uint32_t ms_executor_inside(void);

/** ms_executor_end - the cache is found no more: wait until no thread is in its callback, and none will be.
 * Return: true; false in that callback itself: its return frees the cache. */
bool ms_executor_end(struct memshed_cache *cache);

void ms_executor_init(void);
void ms_executor_after_fork(void);

#endif

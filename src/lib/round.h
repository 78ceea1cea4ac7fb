/* SPDX-License-Identifier: MIT */
/* lib/round.h - what the agent does for one order: callbacks, the allocator, measuring. */
#ifndef MS_LIB_ROUND_H
#define MS_LIB_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ask.h"
#include "lib/executor.h"
#include "rank/rank.h"
#include "table/control.h"


enum ms_job_phase {
	MS_JOB_NONE = 0,
	MS_JOB_ASKING,   /* callbacks run */
	MS_JOB_WAITING,  /* for the threads of caches that only their owner's thread may run */
	MS_JOB_ENDING,   /* all have answered; what is left is the allocator, and the answer */
};

/* An order that was taken. writer: the thread that is the agent; it is complete before each callback, so
 * that another thread can go on with it. */
struct ms_job {
	enum ms_job_phase phase;
	struct ms_order order;
	struct ms_order_handle handle;
	struct ms_answer answer;
	uint64_t taken_ns, deadline_ns;
	uint32_t statuses;        /* bit per enum ms_answer_status that came */
	struct ms_rank_key *keys; /* the caches in the order in which they are asked */
	struct ms_rank_key one;   /* of an order for one row */
	bool counted;             /* an order for pressure has all caches counted first: it is ranked by sizes of now */
	bool collected;           /* the keys are made */
	uint32_t next, count;     /* keys[next] is asked next; keys[0..busy) said MEMSHED_BUSY or _PARTIAL */
	uint32_t asked;           /* keys[0..asked) were asked */
	uint32_t busy;
	uint64_t busy_until_ns;   /* 0: none has said so yet */
	bool queued;              /* some cache of it is left to its owner's thread */
	uint64_t there_bytes;     /* what the caches held, when they were ranked */
	uint64_t rss_bytes;       /* when it was taken; 0 = it cannot be measured */
	uint64_t rss_now_bytes;   /* as last read */
	uint64_t returned_bytes;  /* by how much it fell since */
	uint64_t fell_bytes;      /* by how much it fell during callbacks and trims */
	uint64_t expected_bytes;  /* to come back: what had come back at the last trim, and what was claimed since */
	uint64_t untrimmed_bytes; /* claimed since the last trim */
	uint64_t unlearnt_bytes;  /* came back by trims and the sweep, and is not in what rows have learnt */
	bool kept;                /* the allocator has what earlier rounds left to it (brake.h) */
	uint32_t trims;
	bool swept;               /* the collector was asked */
	bool sweep_open;          /* and is not judged yet: what it freed may lie in the allocator */
	uint64_t sweep_missing_bytes, sweep_returned_bytes; /* when it was asked: claimed and not back; back */
	uint64_t sweep_took_ns;
};

/** ms_round_open - @job begins with @order, which is complete and checked */
void ms_round_open(struct ms_job *job, const struct ms_order *order, const struct ms_order_handle *handle);
/** ms_round_go_on - ask caches until it is enough; Return: 0; MS_AGENT_LOST */
int ms_round_go_on(struct ms_job *job);
/** ms_round_end - the last trim, and what is learnt; Return: 0 and the answer is complete; MS_AGENT_LOST */
int ms_round_end(struct ms_job *job);
/** ms_round_collect - what owners' threads have answered; Return: how many have not yet */
uint32_t ms_round_collect(struct ms_job *job);
/** ms_round_note - a status without a callback */
void ms_round_note(struct ms_job *job, uint32_t status);
/** ms_round_is_enough - nothing more is to be asked */
bool ms_round_is_enough(const struct ms_job *job);

#endif

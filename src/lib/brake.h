/* SPDX-License-Identifier: MIT */
/* lib/brake.h - the process looks by itself: it shrinks its own caches, and holds its threads back meanwhile. */
#ifndef MS_LIB_BRAKE_H
#define MS_LIB_BRAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

struct memshed_cache;

/* Charged bytes between two looks of a thread; near max it looks more often. */
#define MS_BRAKE_STEP_BYTES (UINT64_C(1) << 20)
/* A watch's order that comes so soon after an own round is for the same shortage. */
#define MS_OWN_ANSWER_NS (100 * MS_NS_PER_MS)

enum ms_own_state { MS_OWN_IDLE = 0, MS_OWN_WANTED, MS_OWN_RUNNING };

struct ms_brake {
	_Atomic uint32_t own;     /* enum ms_own_state; see the table in brake.c for who moves it */
	_Atomic uint32_t turn;    /* futex: goes up when those that are held should look again */
	_Atomic uint32_t ended;   /* goes up at the end of each round; writer: agent */
	_Atomic uint32_t helped;  /* goes up at the end of each round that helped; writer: agent */
	_Atomic uint32_t held;    /* threads */
	_Atomic uint32_t in_vain; /* how often one was held to the end while late callbacks alone ran */
	_Atomic uint64_t ahead_bytes;  /* what the thread that wanted the order is about to add; a hint */
	_Atomic uint64_t again_bytes;  /* below this no own order is wanted: the last one left it above high; 0: any */
	_Atomic uint64_t paused_until_ns; /* shrinking does not help */
	_Atomic uint64_t enough_until_ns; /* so long the program has what a round left to the allocator; writer: agent */
	/* writer: the thread that is the agent */
	uint64_t seq;
	uint32_t weight; /* of rounds that did not help */
	uint32_t pauses; /* in a row */
	bool telling;    /* the last own round has not been told to a watch yet */
	uint64_t ended_ns;
	uint64_t kept_bytes; /* claimed by rounds that left it to the allocator, since that was trimmed last */
	struct ms_answer last; /* of the last own round */
};

/* Bytes that this thread may charge until it looks. */
extern __thread uint64_t ms_brake_left __attribute__((tls_model("initial-exec")));

/** ms_brake_charged - ms_brake_left is used up: look, and perhaps wait; any thread, perhaps with locks of the host */
void ms_brake_charged(struct memshed_cache *cache);
/** ms_brake_point - memshed_brake(); Return: as that */
int ms_brake_point(uint32_t flags);
/** ms_brake_exempt - this thread is, or has been, the agent: it is never held back */
void ms_brake_exempt(void);

/* ---- by the thread that is the agent ---- */

/** ms_brake_prepare - between orders: open what will be read */
void ms_brake_prepare(uint64_t now_ns);
/** ms_brake_is_wanted - an own order waits; any thread */
bool ms_brake_is_wanted(void);
/** ms_brake_take - the own order, if there still is reason for one; Return: whether so */
bool ms_brake_take(uint64_t now_ns, struct ms_order *ret_order);
/** ms_brake_has_done - the last own round was for what a watch orders now: *ret_answer has its figures, once */
bool ms_brake_has_done(const struct ms_order *order, uint64_t now_ns, struct ms_answer *ret_answer);
/** ms_brake_begin - a watch's order is carried out: those that are held wait for it as well */
void ms_brake_begin(const struct ms_order *order);
/** ms_brake_freed - a callback, or the allocator, has freed something: those that are held look again */
void ms_brake_freed(uint64_t claimed_bytes);
/** ms_brake_end - a round ended; @there_bytes: what its caches held, as they count; @is_own: of an own order */
void ms_brake_end(const struct ms_order *order, const struct ms_answer *answer, uint64_t there_bytes, bool is_own);
/** ms_brake_reset - no order is wanted or carried out; before the agent starts, after it stopped, in a child */
void ms_brake_reset(void);
/** ms_brake_after_fork - in the child: no other thread is held; under all locks */
void ms_brake_after_fork(void);

#endif

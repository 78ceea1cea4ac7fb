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

enum ms_own_state { MS_OWN_IDLE = 0, MS_OWN_WANTED, MS_OWN_RUNNING };

struct ms_brake {
	_Atomic uint32_t own;     /* enum ms_own_state; see the table in brake.c for what moves it */
	_Atomic uint32_t turn;    /* futex: goes up when those that are held should look again */
	_Atomic uint32_t ended;   /* goes up at the end of each round; writer: agent */
	_Atomic uint32_t helped;  /* goes up at the end of each round that helped; writer: agent */
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

/** ms_brake_holds - is a thread held? A hint */
bool ms_brake_holds(void);
/** ms_brake_wake - own.c moved something: those that are held look again */
void ms_brake_wake(void);
/** ms_brake_after_fork - in the child: no other thread is held; under all locks */
void ms_brake_after_fork(void);

static inline void ms_brake_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lib/brake.h - the process looks by itself: it holds its threads back while its caches are shrunk. The state
 * that brake.c and own.c share.
 */
#ifndef MS_LIB_BRAKE_H
#define MS_LIB_BRAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

struct memshed_cache;

/* A thread looks each time it has charged so many bytes; near max more often. */
#define MS_BRAKE_STEP_BYTES (UINT64_C(1) << 20)

enum ms_own_state { MS_OWN_IDLE = 0, MS_OWN_WANTED, MS_OWN_RUNNING };

struct ms_brake {
	_Atomic uint32_t own;     /* enum ms_own_state; the table in brake.c says what changes it */
	_Atomic uint32_t turn;    /* futex: goes up when threads that are held should look again */
	_Atomic uint32_t ended;   /* goes up at the end of each round; writer: agent */
	_Atomic uint32_t helped;  /* goes up at the end of each round that helped; writer: agent */
	_Atomic uint32_t in_vain; /* how often a thread was held to the end while only late callbacks ran */
	_Atomic uint64_t ahead_bytes;  /* what the thread that wanted the order is about to add; a hint */
	/* The last round left usage above high: below this no own order is wanted; 0: there is no bound. */
	_Atomic uint64_t again_bytes;
	_Atomic uint64_t paused_until_ns; /* no own orders until then: shrinking does not help */
	/* Until then the program uses what a round left to the allocator; writer: agent. */
	_Atomic uint64_t enough_until_ns;
	/* writer: the thread that is the agent */
	uint64_t seq;
	uint32_t weight; /* of the rounds that did not help; see own.c */
	uint32_t pauses; /* in a row */
	bool telling;    /* no watch has had @last as an answer yet */
	uint64_t ended_ns; /* when that round ended */
	uint64_t kept_bytes; /* claimed by rounds that left it to the allocator, since the last trim */
	struct ms_answer last; /* of the last own round that gave memory back */
};

/* Bytes that this thread may charge before it looks. */
extern __thread uint64_t ms_brake_left __attribute__((tls_model("initial-exec")));

/** ms_brake_charged - ms_brake_left is used up: look, and perhaps wait; any thread, perhaps with locks of the host */
void ms_brake_charged(struct memshed_cache *cache);
/** ms_brake_point - memshed_brake(), but for the check of @flags; Return: as memshed_brake() */
int ms_brake_point(uint32_t flags);
/** ms_brake_exempt - this thread is, or has been, the agent: it is never held back */
void ms_brake_exempt(void);

/** ms_brake_holds - is a thread held back? A hint */
bool ms_brake_holds(void);
/** ms_brake_wake - what threads that are held wait for has changed: they look again */
void ms_brake_wake(void);
/** ms_brake_after_fork - in the child: no other thread is held; under all locks */
void ms_brake_after_fork(void);

#endif

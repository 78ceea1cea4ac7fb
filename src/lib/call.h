/* SPDX-License-Identifier: MIT */
/*
 * lib/call.h - one callback at a time: who is in one, until when, and how it is taken over.
 */
#ifndef MS_LIB_CALL_H
#define MS_LIB_CALL_H

#include "lib/lib.h"

/* Who is in the callback. */
enum ms_caller {
	MS_CALLER_AGENT = 0, /* the thread that is the agent */
	MS_CALLER_OWNER = 1, /* an owner's thread inside memshed_poll() */
};

/** ms_call_try - begin a callback of @row unless another one runs */
bool ms_call_try(enum ms_caller caller, uint32_t row, const struct ms_ask *ask, uint64_t *ret_epoch);

/** ms_call_begin - as ms_call_try(), but waits; one that is past its deadline is marked stuck first */
uint64_t ms_call_begin(uint32_t row, const struct ms_ask *ask);

/** ms_call_end - the callback returned; Return: false when it was late and has been taken over */
bool ms_call_end(uint64_t epoch);

/**
 * ms_call_take_over - mark the callback that runs as stuck, and let others begin
 * Return: true when it was past its deadline, and is now stuck.
 */
bool ms_call_take_over(enum ms_caller caller, uint64_t now_ns);

/** ms_call_flag_late - say in the table that the callback is past its deadline, no more */
void ms_call_flag_late(uint64_t now_ns);

/** ms_call_deadline - of the agent's callback that runs; UINT64_MAX when none does */
uint64_t ms_call_deadline(void);

void ms_call_after_fork(void);

/* The cache whose callback this thread is in, or NULL. */
extern __thread struct memshed_cache *ms_calling __attribute__((tls_model("initial-exec")));

/** ms_run_cache - carry out @ask on a claimed cache, after ms_call_begin() gave @epoch; releases the
 * cache; Return: as ms_call_end() */
bool ms_run_cache(struct memshed_cache *cache, const struct ms_ask *ask, uint64_t epoch,
		  struct ms_outcome *ret_outcome);

/** ms_run_result - write the outcome of an order to the row; under [K2] */
void ms_run_result(uint32_t row, const struct ms_ask *ask, const struct ms_outcome *outcome);

#endif

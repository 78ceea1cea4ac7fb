/* SPDX-License-Identifier: MIT */
/*
 * lib/call.c - the token that only one thread holds while it is inside a callback.
 *
 * Word: epoch << 2 | state. The epoch goes up with each call, so a thread that comes back late finds
 * another word than it left and knows that the agent has gone on without it.
 *
 *   from     to       who
 *   FREE     HELD     the thread that begins a callback; then ask, row, and last the deadline
 *   HELD     CLOSING  that thread, when the callback has returned; or, past the deadline, whoever
 *                     takes over; one of the two wins
 *   CLOSING  FREE     the same, epoch + 1; the deadline says "none" again before that
 *
 *   [T1] ask and row before the deadline (release); pairs with [T2], the load of the deadline.
 *   [T3] CLOSING -> FREE (release) pairs with FREE -> HELD (acquire): whoever begins sees the token's
 *        fields as the last one left them.
 *   [T4] the deadline's store before the look at the standby's alarm, the standby's alarm before its
 *        look at the deadline, all sequentially consistent: one of the two sees the other
 *        (agent_thread.c).
 *
 * Stuck rows: the flag goes up and down under [K2], in one piece with the move away from HELD, so the
 * thread that comes back late always finds it up, and takes it down.
 */
#include "lib/call.h"

#include "lib/agent.h"
#include "table/slot.h"
#include "util/clock.h"
#include "util/futex.h"

enum { FREE = 0, HELD = 1, CLOSING = 2, STATE_MASK = 3, EPOCH_SHIFT = 2 };

static struct {
	_Atomic uint64_t word;
	_Atomic uint64_t deadline_ns; /* UINT64_MAX: none */
	_Atomic uint32_t row;
	_Atomic uint32_t caller; /* enum ms_caller */
	struct ms_ask ask;       /* writer: the holder, before [T1] */
	uint64_t since_ns;       /* likewise */
} call = {.deadline_ns = UINT64_MAX};

static void show(uint32_t row, uint64_t since_ns)
{
	struct ms_table_header *header = ms_lib.table.header;

	atomic_store_explicit(&header->current_row, row, memory_order_relaxed);
	atomic_store_explicit(&header->current_since_ns, since_ns, memory_order_relaxed);
}

bool ms_call_try(enum ms_caller caller, uint32_t row, const struct ms_ask *ask, uint64_t *ret_epoch)
{
	uint64_t word = atomic_load_explicit(&call.word, memory_order_relaxed);

	if ((word & STATE_MASK) != FREE ||
	    !atomic_compare_exchange_strong_explicit(&call.word, &word, word | HELD, memory_order_acquire,
						     memory_order_relaxed)) /* [T3] */
		return false;
	call.ask = *ask;
	call.since_ns = ms_clock_ns();
	show(row, call.since_ns);
	atomic_store_explicit(&call.row, row, memory_order_relaxed);
	atomic_store_explicit(&call.caller, caller, memory_order_relaxed);
	atomic_store_explicit(&call.deadline_ns, ask->deadline_ns, memory_order_seq_cst); /* [T1] [T4] */
	if (caller == MS_CALLER_AGENT)
		ms_agent_alarm(ask->deadline_ns);
	*ret_epoch = word >> EPOCH_SHIFT;
	return true;
}

uint64_t ms_call_begin(uint32_t row, const struct ms_ask *ask)
{
	uint64_t epoch;

	for (;;) {
		uint32_t seen = atomic_load_explicit(&ms_lib.returns, memory_order_acquire); /* [L3] */

		if (ms_call_try(MS_CALLER_AGENT, row, ask, &epoch))
			return epoch;

		uint64_t now = ms_clock_ns();

		if (!ms_call_take_over(MS_CALLER_OWNER, now)) {
			uint64_t deadline = atomic_load_explicit(&call.deadline_ns, memory_order_relaxed);
			uint64_t soon = now + 10 * MS_NS_PER_MS;

			/* A holder that is just opening or closing has no deadline to wait for. */
			ms_futex_wait(&ms_lib.returns, seen, deadline < soon ? deadline : soon);
		}
	}
}

/* From CLOSING, which nobody else moves. */
static void close_call(uint64_t word)
{
	show(0, 0);
	atomic_store_explicit(&call.deadline_ns, UINT64_MAX, memory_order_seq_cst); /* [T4] */
	atomic_store_explicit(&call.word, ((word >> EPOCH_SHIFT) + 1) << EPOCH_SHIFT, memory_order_release); /* [T3] */
}

static bool begin_closing(uint64_t word)
{
	return atomic_compare_exchange_strong_explicit(&call.word, &word, (word & ~(uint64_t)STATE_MASK) | CLOSING,
						       memory_order_acq_rel, memory_order_acquire); /* [T3] */
}

bool ms_call_end(uint64_t epoch)
{
	uint64_t word = epoch << EPOCH_SHIFT | HELD;

	if (!begin_closing(word))
		return false;
	close_call(word);
	return true;
}

/* The word and the row of a call that is past its deadline, as one call's; 0 when there is none. */
static uint64_t find_late(uint64_t now_ns, uint32_t *ret_row, uint32_t *ret_caller)
{
	uint64_t word = atomic_load_explicit(&call.word, memory_order_acquire); /* [T3] */
	uint64_t deadline = atomic_load_explicit(&call.deadline_ns, memory_order_acquire); /* [T2] */

	/* Acquire, so that the second look at the word comes after them. [T3] */
	*ret_row = atomic_load_explicit(&call.row, memory_order_acquire);
	*ret_caller = atomic_load_explicit(&call.caller, memory_order_acquire);
	if ((word & STATE_MASK) != HELD || now_ns < deadline)
		return 0;
	return atomic_load_explicit(&call.word, memory_order_relaxed) == word ? word : 0;
}

static void write_stuck(uint32_t row, uint64_t now_ns)
{
	struct ms_outcome outcome = {
		.status = MS_ANSWER_STUCK,
		.duration_us = (now_ns - call.since_ns) / MS_NS_PER_US,
		.bytes_after = ms_lib.table.rows[row].last.bytes_after,
		.useless = true,
	};

	if (call.ask.level != MS_LEVEL_COUNT)
		ms_run_result(row, &call.ask, &outcome);
}

bool ms_call_take_over(enum ms_caller caller, uint64_t now_ns)
{
	uint32_t row, by;
	uint64_t word = find_late(now_ns, &row, &by);
	bool ours = false;

	if (!word || by != (uint32_t)caller)
		return false;
	pthread_mutex_lock(&ms_lib.result_lock);
	ms_table_row_set_flags(&ms_lib.table, row, MS_ROW_STUCK);
	if (begin_closing(word)) {
		write_stuck(row, now_ns);
		close_call(word);
		ours = true;
	} else {
		ms_table_row_clear_flags(&ms_lib.table, row, MS_ROW_STUCK);
	}
	pthread_mutex_unlock(&ms_lib.result_lock);
	return ours;
}

void ms_call_flag_late(uint64_t now_ns)
{
	uint32_t row, by;
	uint64_t word = find_late(now_ns, &row, &by);

	if (!word)
		return;
	pthread_mutex_lock(&ms_lib.result_lock);
	if (atomic_load_explicit(&call.word, memory_order_acquire) == word) /* [T3] */
		ms_table_row_set_flags(&ms_lib.table, row, MS_ROW_STUCK);
	pthread_mutex_unlock(&ms_lib.result_lock);
}

uint64_t ms_call_deadline(void)
{
	uint64_t deadline = atomic_load_explicit(&call.deadline_ns, memory_order_seq_cst); /* [T4] */

	return atomic_load_explicit(&call.caller, memory_order_relaxed) == MS_CALLER_AGENT ? deadline : UINT64_MAX;
}

void ms_call_after_fork(void)
{
	uint64_t word = atomic_load_explicit(&call.word, memory_order_relaxed);

	/* Whoever held it is not in this process, or comes back late: a new epoch either way. */
	close_call(word);
}

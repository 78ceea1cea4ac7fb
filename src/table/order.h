/* SPDX-License-Identifier: MIT */
/* table/order.h - what both ends of the control page do alike. */
#ifndef MS_TABLE_ORDER_H
#define MS_TABLE_ORDER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

/**
 * ms_order_check - the check word of an order, as memshed-table(5) gives it
 * @ticket: of the slot, so that a late writer's order does not pass for the next client's
 */
uint64_t ms_order_check(uint32_t ticket, const struct ms_order *order);

static inline uint32_t ms_slot_word(uint32_t ticket, enum ms_slot_state state)
{
	return ticket << MS_SLOT_TICKET_SHIFT | (uint32_t)state;
}

static inline uint32_t ms_slot_ticket(uint32_t word)
{
	return word >> MS_SLOT_TICKET_SHIFT;
}

static inline uint32_t ms_slot_state(uint32_t word)
{
	return word & MS_SLOT_STATE_MASK;
}

/* The signals an agent may be woken by: ignored by default, so a stray one kills nobody. Not SIGCONT, which would
 * have somebody's stopped process go on. */
static inline bool ms_order_signal_fits(int number)
{
	return number == SIGURG || number == SIGWINCH;
}

/* The futexes stand in memory of several processes: never FUTEX_PRIVATE. */
/* Return: 0 woken or the value differs; -ETIMEDOUT; -EINTR. @deadline_ns: CLOCK_MONOTONIC, UINT64_MAX = none */
int ms_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns);
void ms_futex_wake_all(_Atomic uint32_t *word);

#endif

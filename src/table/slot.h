/* SPDX-License-Identifier: MIT */
/* table/slot.h - what both ends of the control page do alike. */
#ifndef MS_TABLE_SLOT_H
#define MS_TABLE_SLOT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

/**
 * ms_slot_check - the check word of an order, as memshed-table(5) gives it
 * @ticket: of the slot, so that a late writer's order does not pass for the next client's
 */
uint64_t ms_slot_check(uint32_t ticket, const struct ms_order *order);

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

/* The signals an agent may be woken by: ignored by default, so a stray one does no harm. Not SIGCONT, which
 * would have a stopped process go on. */
static inline bool ms_slot_signal_fits(int number)
{
	return number == SIGURG || number == SIGWINCH;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/slot.c - what both ends of the control page do alike: the check word of an order.
 *
 * No state, no malloc, no locks; any thread.
 */
#include "table/slot.h"

#include <string.h>

_Static_assert(sizeof(struct ms_order) == 48, "six words go into the check");

uint64_t ms_slot_check(uint32_t ticket, const struct ms_order *order)
{
	uint64_t words[6];
	uint64_t check = UINT64_C(0xcbf29ce484222325) ^ ticket; /* the constants of FNV-1a, by words */

	memcpy(words, order, sizeof(words));
	for (unsigned i = 0; i < 6; i++) {
		check = (check ^ words[i]) * UINT64_C(0x100000001b3);
		check ^= check >> 32;
	}
	return check;
}

/* SPDX-License-Identifier: MIT */
/* lib/own.h - the process's own orders, as the thread that is the agent carries them out. */
#ifndef MS_LIB_OWN_H
#define MS_LIB_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "table/control.h"

/* A watch's order that comes within this time after an own round is for the same shortage. */
#define MS_OWN_ANSWER_NS (100 * MS_NS_PER_MS)

/** ms_own_prepare - between orders: open what will be read */
void ms_own_prepare(uint64_t now_ns);
/** ms_own_is_wanted - does an own order wait? Any thread */
bool ms_own_is_wanted(void);
/** ms_own_take - take the own order that waits; Return: whether there is one, and still a reason for it */
bool ms_own_take(uint64_t now_ns, struct ms_order *ret_order);
/** ms_own_has_done - was the last own round for what a watch orders now? Then give its figures, once */
bool ms_own_has_done(const struct ms_order *order, uint64_t now_ns, struct ms_answer *ret_answer);
/** ms_own_begin - a watch's order is carried out: threads that are held wait for it as well */
void ms_own_begin(const struct ms_order *order);
/** ms_own_freed - a callback, or the allocator, has freed something: threads that are held look again */
void ms_own_freed(uint64_t claimed_bytes);
/** ms_own_end - a round ended; @there_bytes: what its caches held, as they count; @is_own: by an own order */
void ms_own_end(const struct ms_order *order, const struct ms_answer *answer, uint64_t there_bytes, bool is_own);
/** ms_own_reset - no order is wanted or carried out; before the agent starts, after it stopped, in a child */
void ms_own_reset(void);

#endif

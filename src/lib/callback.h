/* SPDX-License-Identifier: MIT */
/* lib/callback.h - calls one cache's callbacks, and writes what came of it into its row. */
#ifndef MS_LIB_CALLBACK_H
#define MS_LIB_CALLBACK_H

#include "lib/ask.h"

struct memshed_cache;
struct memshed_usage;

/**
 * ms_callback_call - shrink or clear, and count before and after where that tells something; or count alone
 * @usage: what count said; fields is 0 where it was not called
 */
void ms_callback_call(struct memshed_cache *cache, const struct ms_ask *ask, struct memshed_usage *usage,
		      struct ms_outcome *ret_outcome);

/** ms_callback_write - the outcome of an order; under [K2] */
void ms_callback_write(uint32_t row, const struct ms_ask *ask, const struct ms_outcome *outcome);
/** ms_callback_write_late - the same, of one that was written as stuck before; under [K2] */
void ms_callback_write_late(uint32_t row, const struct ms_outcome *outcome);
/** ms_callback_write_usage - Return: whether the counters are other than before; under [K2] */
bool ms_callback_write_usage(struct memshed_cache *cache, const struct memshed_usage *usage);

#endif

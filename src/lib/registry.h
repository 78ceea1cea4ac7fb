/* SPDX-License-Identifier: MIT */
/* lib/registry.h - caches come and go; others find them by their row. */
#ifndef MS_LIB_REGISTRY_H
#define MS_LIB_REGISTRY_H

#include <stdint.h>

struct memshed_cache;

/** ms_registry_add - @cache gets a row, and is found from now on; under [K1]
 * Return: 0, and *ret_cache is set before it can be found; as ms_table_row_add() */
int ms_registry_add(struct memshed_cache *cache, struct memshed_cache **ret_cache);
/** ms_registry_withdraw - it is found no more */
void ms_registry_withdraw(struct memshed_cache *cache);
/** ms_registry_bury - no thread uses it: retire its row, and free it */
void ms_registry_bury(struct memshed_cache *cache);
/** ms_registry_publish - it is found from now on, in the row that it has already; under [K1] */
void ms_registry_publish(struct memshed_cache *cache);
/** ms_registry_find - under [K2]; @generation 0: any; Return: NULL when there is none */
struct memshed_cache *ms_registry_find(uint32_t row, uint32_t generation);
/** ms_registry_after_fork - @in_use: the cache in a callback of this thread, or NULL; under [K1] */
void ms_registry_after_fork(const struct memshed_cache *in_use);

#endif

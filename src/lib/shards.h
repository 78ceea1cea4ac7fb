/* SPDX-License-Identifier: MIT */
/*
 * lib/shards.h - which thread writes which shard of the table; what charge.c needs of it.
 */
#ifndef MS_LIB_SHARDS_H
#define MS_LIB_SHARDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ms_shards {
	_Atomic uint64_t free; /* bit per shard; [shards.N1] */
	_Atomic uint64_t last_thread_id;
	pthread_key_t end_key;
};

/* Where this thread's shard begins, counted from the table's base, which it never is at: 0 means that
 * the thread has no shard yet, or shares one. */
extern __thread uint64_t ms_shard_offset __attribute__((tls_model("initial-exec")));

/** ms_shards_claim - a shard of its own for this thread; Return: whether ms_shard_offset is set now */
bool ms_shards_claim(void);
/** ms_shards_shared_offset - where the shard that many threads share begins; marks it as used */
uint64_t ms_shards_shared_offset(void);

#endif

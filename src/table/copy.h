/* SPDX-License-Identifier: MIT */
/*
 * table/copy.h - copies between private memory and memory that others write or read meanwhile.
 *
 * Word by word with atomic accesses, so that a race is a mix of old and new words and never undefined.
 * Sizes are multiples of eight and shared addresses are aligned to eight.
 */
#ifndef MS_TABLE_COPY_H
#define MS_TABLE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Every word is a release: whatever this thread stored before, a sequence count for one, is seen by
 * a thread that sees the word: [writer.W1] [writer.W5]. That costs nothing on x86, and a fence in its place
 * could not be followed by ThreadSanitizer. */
static inline void ms_copy_put(void *shared, const void *from, size_t bytes)
{
	uint64_t *to = shared;

	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
		uint64_t word;

		memcpy(&word, (const unsigned char *)from + i * sizeof(word), sizeof(word));
		__atomic_store_n(&to[i], word, __ATOMIC_RELEASE); /* [writer.W1] [state.W1] */
	}
}

static inline void ms_copy_zero(void *shared, size_t bytes)
{
	uint64_t *to = shared;

	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
		__atomic_store_n(&to[i], 0, __ATOMIC_RELEASE); /* [writer.W1] */
}

static inline void ms_copy_get(void *to, const void *shared, size_t bytes)
{
	const uint64_t *from = shared;

	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
		uint64_t word = __atomic_load_n(&from[i], __ATOMIC_RELAXED);

		memcpy((unsigned char *)to + i * sizeof(word), &word, sizeof(word));
	}
}

#endif

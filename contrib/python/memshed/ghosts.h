/* SPDX-License-Identifier: MIT */
/*
 * ghosts.h - which keys of a cache were dropped a short while ago, and which were missed again since.
 *
 * Trims of an unbounded wrapper drop its oldest entries. A key leaves its hash behind as a ghost. When it is missed
 * again before the cache has turned over once (as many entries inserted as it holds), the ghost becomes a mark: the
 * new entry is one that is used, and trims pass over it until the cache has turned over twice.
 *
 * That is so at first. Of the keys that were dropped, those with a mark and those without should be missed
 * again equally often. When those with a mark are missed more often, they were dropped too soon, and marks
 * last longer from then on; when less often, as after a hot set has moved, they last shorter.
 *
 * The set has buckets of SLOTS_PER_BUCKET slots, one cache line each, and no chains. A slot that is too old
 * is overwritten first, then the oldest ghost; a mark never before it is too old. So the set may forget a
 * ghost, and may take one key for another with a chance of one in 2^32 for each slot. All that comes of
 * either is that another entry is dropped.
 *
 * Memory is allocated, and its pages are touched, at a miss (ms_py_ghosts_miss()). A round only says how much
 * it wants (ms_py_ghosts_want()), reads, and writes to slots that are there; ms_py_ghosts_forget() frees.
 *
 * No threads: the GIL guards all of it. This file knows nothing of Python.
 */
#ifndef MS_PY_GHOSTS_H
#define MS_PY_GHOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: none are wanted. */
struct ms_py_ghosts {
	struct ms_py_ghost *slots;
	uint32_t buckets;        /* that @slots has now */
	uint32_t wanted_buckets; /* that it is to have from the next miss on; 0: misses need not be told */
	uint32_t clock;          /* counts misses, from the first order on; wraps */
	uint32_t turnover;       /* entries that the cache holds */
	double mark_turnovers;   /* how long marks last; 0: not known yet */
	uint32_t marked_drops, plain_drops; /* drops of late: with a mark, even an old one; without */
};

/* The cache holds so many entries, of @bytes in all: ghosts take at most a hundredth of that. In a round. */
void ms_py_ghosts_want(struct ms_py_ghosts *ghosts, uint64_t entries, uint64_t bytes);

/* The key with @hash is missed, and its entry is made now. */
void ms_py_ghosts_miss(struct ms_py_ghosts *ghosts, uint32_t hash);

/* Its entry was dropped. In a round. */
void ms_py_ghosts_drop(struct ms_py_ghosts *ghosts, uint32_t hash);

/* Is its entry to be passed over? In a round. */
bool ms_py_ghosts_is_marked(const struct ms_py_ghosts *ghosts, uint32_t hash);

/* The cache is empty, or gone: free all. Until the next order none are wanted. */
void ms_py_ghosts_forget(struct ms_py_ghosts *ghosts);

size_t ms_py_ghosts_bytes(const struct ms_py_ghosts *ghosts);

#endif

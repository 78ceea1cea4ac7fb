/* SPDX-License-Identifier: MIT */
/* ghosts.c - see ghosts.h */
#include "ghosts.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_PER_BUCKET = 8,
	SLOTS_PER_ENTRY = 2,  /* ghosts of one turnover, and marks of two, of which there are fewer */
	BYTES_PER_BYTE = 128, /* of the cache, for each of the set: a hundredth, also where a resize is not due */
	GHOST_TURNOVERS = 1,
	MARK_TURNOVERS = 2,
	CHANGED = 5,          /* a fifth more or less wanted than there is */
};

struct ms_py_ghost {
	uint32_t hash;
	uint32_t stamp_and_mark; /* the lowest bit: it is a mark; above it the clock, without its highest bit; 0: empty */
};

enum { STAMP_MASK = INT32_MAX };

static bool is_mark(const struct ms_py_ghost *slot)
{
	return slot->stamp_and_mark & 1;
}

static uint32_t age(const struct ms_py_ghosts *ghosts, const struct ms_py_ghost *slot)
{
	return (ghosts->clock - (slot->stamp_and_mark >> 1)) & STAMP_MASK;
}

static bool is_live(const struct ms_py_ghosts *ghosts, const struct ms_py_ghost *slot)
{
	uint64_t turnovers = is_mark(slot) ? MARK_TURNOVERS : GHOST_TURNOVERS;

	return slot->stamp_and_mark && age(ghosts, slot) <= turnovers * ghosts->turnover;
}

static struct ms_py_ghost *bucket_of(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	return ghosts->slots + ((uint64_t)hash * ghosts->buckets >> 32) * SLOTS_PER_BUCKET;
}

/* The live slot of @hash, or NULL. */
static struct ms_py_ghost *find(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *bucket;

	if (!ghosts->buckets)
		return NULL;
	bucket = bucket_of(ghosts, hash);
	for (unsigned i = 0; i < SLOTS_PER_BUCKET; i++) {
		if (bucket[i].hash == hash && is_live(ghosts, &bucket[i]))
			return &bucket[i];
	}
	return NULL;
}

/* The slot that can be lost best: NULL where there are only marks. */
static struct ms_py_ghost *find_room(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *bucket = bucket_of(ghosts, hash), *oldest = NULL;

	for (unsigned i = 0; i < SLOTS_PER_BUCKET; i++) {
		if (!is_live(ghosts, &bucket[i]))
			return &bucket[i];
		if (!is_mark(&bucket[i]) && (!oldest || age(ghosts, &bucket[i]) > age(ghosts, oldest)))
			oldest = &bucket[i];
	}
	return oldest;
}

static void write_slot(const struct ms_py_ghosts *ghosts, struct ms_py_ghost *slot, uint32_t hash, bool mark)
{
	slot->hash = hash;
	slot->stamp_and_mark = ghosts->clock << 1 | mark;
}

/* ---- memory ---- */

void ms_py_ghosts_want(struct ms_py_ghosts *ghosts, uint64_t entries, uint64_t bytes)
{
	uint64_t most = bytes / BYTES_PER_BYTE / sizeof(struct ms_py_ghost);
	uint64_t slots = entries * SLOTS_PER_ENTRY;

	if (slots > most)
		slots = most;
	if (slots > STAMP_MASK)
		slots = STAMP_MASK;
	ghosts->wanted_buckets = (uint32_t)(slots / SLOTS_PER_BUCKET);
	ghosts->turnover = (uint32_t)(entries < STAMP_MASK / 4 ? entries : STAMP_MASK / 4);
	if (!ghosts->wanted_buckets)
		ms_py_ghosts_forget(ghosts);
}

/* Live slots of @old find their places in the new set. */
static void carry_over(struct ms_py_ghosts *ghosts, const struct ms_py_ghosts *old)
{
	for (size_t i = 0; i < (size_t)old->buckets * SLOTS_PER_BUCKET; i++) {
		struct ms_py_ghost *slot;

		if (!is_live(old, &old->slots[i]))
			continue;
		slot = find_room(ghosts, old->slots[i].hash);
		if (slot)
			*slot = old->slots[i];
	}
}

/* Without the memory for it there are fewer ghosts, or none. */
static void resize(struct ms_py_ghosts *ghosts)
{
	struct ms_py_ghosts old = *ghosts;
	size_t bytes = (size_t)ghosts->wanted_buckets * SLOTS_PER_BUCKET * sizeof(*ghosts->slots);
	struct ms_py_ghost *slots = aligned_alloc(SLOTS_PER_BUCKET * sizeof(*slots), bytes);

	if (!slots) {
		ghosts->wanted_buckets = ghosts->buckets;
		return;
	}
	memset(slots, 0, bytes);
	ghosts->slots = slots;
	ghosts->buckets = ghosts->wanted_buckets;
	carry_over(ghosts, &old);
	free(old.slots);
}

static bool is_resize_due(const struct ms_py_ghosts *ghosts)
{
	uint32_t slack = ghosts->buckets / CHANGED;

	return ghosts->wanted_buckets > ghosts->buckets + slack || ghosts->wanted_buckets < ghosts->buckets - slack;
}

/* ---- events ---- */

void ms_py_ghosts_miss(struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *slot;

	ghosts->clock++;
	if (is_resize_due(ghosts))
		resize(ghosts);
	slot = find(ghosts, hash);
	if (slot)
		write_slot(ghosts, slot, hash, true);
}

void ms_py_ghosts_drop(struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *slot = find(ghosts, hash);

	if (!slot && ghosts->buckets)
		slot = find_room(ghosts, hash);
	if (slot)
		write_slot(ghosts, slot, hash, false);
}

bool ms_py_ghosts_is_marked(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	const struct ms_py_ghost *slot = find(ghosts, hash);

	return slot && is_mark(slot);
}

void ms_py_ghosts_forget(struct ms_py_ghosts *ghosts)
{
	free(ghosts->slots);
	*ghosts = (struct ms_py_ghosts){0};
}

size_t ms_py_ghosts_bytes(const struct ms_py_ghosts *ghosts)
{
	return (size_t)ghosts->buckets * SLOTS_PER_BUCKET * sizeof(*ghosts->slots);
}

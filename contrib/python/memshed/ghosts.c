/* SPDX-License-Identifier: MIT */
/* ghosts.c - see ghosts.h */
#include "ghosts.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_PER_BUCKET = 8,
	SLOTS_PER_ENTRY = 2,  /* for the ghosts of one turnover, and the marks of two, which are fewer */
	BYTES_PER_BYTE = 128, /* of the cache, for each of the set: below a hundredth, also with the slack */
	GHOST_TURNOVERS = 1,
	MARK_TURNOVERS = 2,   /* at first */
	CHANGED = 5,          /* a resize is due when a fifth more or less is wanted than there is */
};

/* Chosen by simulation, with hot sets that stay and that move. */
static const double least_turnovers = 0.25, most_turnovers = 8;
static const double step = 20; /* sum of the changes in a turnover in which all keys are missed again */

enum kind {
	PLAIN_GHOST,
	MARKED_GHOST, /* its entry was marked */
	MARK,
	KIND_BITS = 2,
	KIND_MASK = (1 << KIND_BITS) - 1,
	STAMP_MASK = UINT32_MAX >> KIND_BITS,
	TURNOVER_MOST = STAMP_MASK / 16, /* so that no age of interest wraps */
};

struct ms_py_ghost {
	uint32_t hash;
	uint32_t stamp_and_kind; /* the clock without its highest bits, then the kind; 0: empty */
};

static enum kind kind_of(const struct ms_py_ghost *slot)
{
	return slot->stamp_and_kind & KIND_MASK;
}

static bool is_mark(const struct ms_py_ghost *slot)
{
	return kind_of(slot) == MARK;
}

static uint32_t age(const struct ms_py_ghosts *ghosts, const struct ms_py_ghost *slot)
{
	return (ghosts->clock - (slot->stamp_and_kind >> KIND_BITS)) & STAMP_MASK;
}

static bool is_live(const struct ms_py_ghosts *ghosts, const struct ms_py_ghost *slot)
{
	double turnovers = is_mark(slot) ? ghosts->mark_turnovers : GHOST_TURNOVERS;

	return slot->stamp_and_kind && age(ghosts, slot) <= turnovers * ghosts->turnover;
}

static struct ms_py_ghost *bucket_of(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	return ghosts->slots + ((uint64_t)hash * ghosts->buckets >> 32) * SLOTS_PER_BUCKET;
}

/* The slot of @hash, even one that is too old; or NULL. */
static struct ms_py_ghost *find_any(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *bucket;

	if (!ghosts->buckets)
		return NULL;
	bucket = bucket_of(ghosts, hash);
	for (unsigned i = 0; i < SLOTS_PER_BUCKET; i++) {
		if (bucket[i].hash == hash && bucket[i].stamp_and_kind)
			return &bucket[i];
	}
	return NULL;
}

static struct ms_py_ghost *find(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *slot = find_any(ghosts, hash);

	return slot && is_live(ghosts, slot) ? slot : NULL;
}

/* The slot that matters least; NULL where all have live marks. An old mark still says that its entry was
 * marked, once that is dropped; an old ghost says nothing. */
static struct ms_py_ghost *find_room(const struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *bucket = bucket_of(ghosts, hash), *oldest = NULL, *old_mark = NULL;

	for (unsigned i = 0; i < SLOTS_PER_BUCKET; i++) {
		bool live = is_live(ghosts, &bucket[i]);

		if (!live && !is_mark(&bucket[i]))
			return &bucket[i];
		if (!live)
			old_mark = &bucket[i];
		else if (!is_mark(&bucket[i]) && (!oldest || age(ghosts, &bucket[i]) > age(ghosts, oldest)))
			oldest = &bucket[i];
	}
	return old_mark ? old_mark : oldest;
}

static void write_slot(const struct ms_py_ghosts *ghosts, struct ms_py_ghost *slot, uint32_t hash, enum kind kind)
{
	slot->hash = hash;
	slot->stamp_and_kind = ghosts->clock << KIND_BITS | (uint32_t)kind;
}

/* ---- memory ---- */

void ms_py_ghosts_want(struct ms_py_ghosts *ghosts, uint64_t entries, uint64_t bytes)
{
	uint64_t most = bytes / BYTES_PER_BYTE / sizeof(struct ms_py_ghost);
	uint64_t slots = entries * SLOTS_PER_ENTRY;

	if (slots > most)
		slots = most;
	if (slots > TURNOVER_MOST)
		slots = TURNOVER_MOST;
	ghosts->wanted_buckets = (uint32_t)(slots / SLOTS_PER_BUCKET);
	ghosts->turnover = (uint32_t)(entries < TURNOVER_MOST ? entries : TURNOVER_MOST);
	if (ghosts->mark_turnovers <= 0)
		ghosts->mark_turnovers = MARK_TURNOVERS;
	if (!ghosts->wanted_buckets)
		ms_py_ghosts_forget(ghosts);
}

/* Copies the live slots of @old into the new set. */
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

/* Where there is no memory for more, the set stays as it is. */
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

/* ---- how long marks last ---- */

static void count_drop(struct ms_py_ghosts *ghosts, bool marked)
{
	*(marked ? &ghosts->marked_drops : &ghosts->plain_drops) += 1;
	if (ghosts->marked_drops + ghosts->plain_drops > ghosts->turnover) {
		ghosts->marked_drops /= 2;
		ghosts->plain_drops /= 2;
	}
}

/* A key is missed again. A miss of one kind has the drops of the other kind as its weight: so the two
 * balance when the same share of each kind is missed again. */
static void learn(struct ms_py_ghosts *ghosts, bool marked)
{
	double drops = 1.0 + ghosts->marked_drops + ghosts->plain_drops;
	double share = (marked ? ghosts->plain_drops : ghosts->marked_drops) / drops;
	double change = ghosts->mark_turnovers * share * step / (ghosts->turnover + 1.0);
	double turnovers = ghosts->mark_turnovers + (marked ? change : -change);

	turnovers = turnovers < least_turnovers ? least_turnovers : turnovers;
	ghosts->mark_turnovers = turnovers > most_turnovers ? most_turnovers : turnovers;
}

/* ---- events ---- */

void ms_py_ghosts_miss(struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *slot;

	ghosts->clock++;
	if (is_resize_due(ghosts))
		resize(ghosts);
	slot = find(ghosts, hash);
	if (!slot)
		return;
	if (!is_mark(slot))
		learn(ghosts, kind_of(slot) == MARKED_GHOST);
	write_slot(ghosts, slot, hash, MARK);
}

void ms_py_ghosts_drop(struct ms_py_ghosts *ghosts, uint32_t hash)
{
	struct ms_py_ghost *slot = find_any(ghosts, hash);
	bool marked = slot && is_mark(slot);

	if (!ghosts->buckets)
		return;
	count_drop(ghosts, marked);
	if (!slot)
		slot = find_room(ghosts, hash);
	if (slot)
		write_slot(ghosts, slot, hash, marked ? MARKED_GHOST : PLAIN_GHOST);
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

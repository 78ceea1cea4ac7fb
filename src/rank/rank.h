/* SPDX-License-Identifier: MIT */
/*
 * rank/rank.h - which cache is asked first: what a byte of it costs to lose.
 *
 * The one ranking of memshed: the agent, the watch, `clear`, `shrink`, --dry-run and the tables' order
 * all use it. Pure functions over the facts in a cache's row: no clock (now is an argument),
 * no memory, no state; any thread.
 *
 * The order:
 *   1. tier       ordinary before doubtful before small before exhausted (enum ms_rank_tier)
 *   2. priority   the owner's, lower first
 *   3. cost       of a byte that comes back, in steps of two, see ms_rank_cost()
 *   4. size       larger first: within a step few large drops do less harm than many small ones
 *   5. process and row, so that the order is total
 */
#ifndef MS_RANK_RANK_H
#define MS_RANK_RANK_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a cache. All of it is in its row. */
struct ms_rank_facts {
	uint32_t row;
	uint32_t flags;    /* enum memshed_cache_flags and enum ms_row_flags */
	int32_t priority;
	uint64_t cost_us;  /* to recreate one entry; 0 = unknown */
	uint64_t bytes, entries; /* as counted or estimated */
	bool counted;            /* it was ever charged or counted: then 0 bytes and 0 entries mean empty */
	uint64_t hits, misses;
	/* Of the orders it was given. */
	uint64_t orders, freed_bytes, duration_us; /* sums */
	uint64_t last_freed_bytes, bytes_after;    /* of the last one */
	uint64_t last_ns;            /* when that ended, CLOCK_MONOTONIC; 0 = never */
	uint32_t returned_per_mille; /* what comes back of what it claims; 0 = not learnt */
	uint32_t useless;            /* how often in a row it freed nothing, or came back late */
};

enum ms_rank_tier {
	MS_RANK_ORDINARY = 0,
	MS_RANK_DOUBTFUL, /* of no use three times in a row, or hardly anything of its claims comes back */
	MS_RANK_SMALL,    /* small, of one entry, or without any count: its loss is felt, its memory is not */
	MS_RANK_EXHAUSTED, /* of no use three times in a row, and hardly more in it since */
	MS_RANK_STUCK,    /* its callback still runs: cannot be asked */
	MS_RANK_NEVER,    /* MEMSHED_CACHE_MANUAL, or empty: only a person asks it */
};

struct ms_rank_key {
	uint32_t tier; /* enum ms_rank_tier */
	int32_t priority;
	uint32_t cost; /* ms_rank_cost() */
	uint64_t bytes; /* ms_rank_bytes() */
	uint32_t row;
	uint32_t process; /* the caller's number for it, where rows of several are ranked together; else 0 */
};

/**
 * ms_rank_bytes - what dropping the whole cache would return to the system, in bytes
 *
 * The bytes it counts, corrected by what came back of earlier claims (more than claimed, too; but in the row of an
 * estimate that was too low the bytes are corrected already). A guess of 64 bytes an entry where it counts entries alone. 0 where nothing
 * is counted, or nothing is in it. At the end of the range it saturates.
 */
uint64_t ms_rank_bytes(const struct ms_rank_facts *facts);

/**
 * ms_rank_cost - what losing a byte costs, logarithm to the base 2
 *
 * Time to recreate (as declared; all unknown ones are equal), times the share of look-ups that hit, plus
 * the time that freeing took, divided by the share that comes back; and more while it fills again at once.
 * An unknown time is one of real bytes: no share above all of them makes it less.
 */
uint32_t ms_rank_cost(const struct ms_rank_facts *facts, uint64_t now_ns);

void ms_rank_key(const struct ms_rank_facts *facts, uint64_t now_ns, struct ms_rank_key *ret_key);

/** ms_rank_before - is @a to be asked before @b? A total order. */
bool ms_rank_before(const struct ms_rank_key *a, const struct ms_rank_key *b);

/**
 * ms_rank_sort - sort in place, the first to be asked first
 * Allocates nothing and takes no lock, as qsort() might.
 */
void ms_rank_sort(struct ms_rank_key *keys, uint32_t count);

#endif

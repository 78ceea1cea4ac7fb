/* SPDX-License-Identifier: MIT */
/*
 * table/writer.h - the target's side of its own table.
 *
 * Owns the mapping of the table and the state of its rows and shards. Which thread may call what is
 * said at each function; the registry (lib) serialises those that change rows. No malloc, no locks.
 */
#ifndef MS_TABLE_WRITER_H
#define MS_TABLE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/layout.h"
#include "util/inode.h"

/* Zeroes are a table that was not made yet. Guarded by the caller's registry lock. */
struct ms_table {
	int fd;              /* the host may close it */
	struct ms_inode held; /* which file it is; zero: none, the mapping is private, see ms_table_recreate() */
	bool handed_on;      /* during a fork: the child inherits the mapping */
	unsigned char *base; /* MADV_DONTFORK; NULL: no table, every call below then does nothing */
	size_t bytes;
	struct ms_table_header *header;
	struct ms_row_abi *rows;
	unsigned char *shards;
	uint32_t shard_count; /* with the shared shard, which is the last */
	uint32_t row_high;   /* as the header has it, unless rows are not shown */
	/* The rows below are in the table; from there on a forked child's wait for ms_table_complete().
	 * MS_ROW_COUNT: all are there. writer: the holder of the registry lock; readers: any thread, as a hint. */
	_Atomic uint32_t shown;
	uint32_t retired_head, retired_count; /* ring of the retired rows, the one retired first at head */
	struct ms_table_private *private;
};

struct ms_row_identity {
	const char *name;
	const char *source_file; /* may be NULL */
	unsigned source_line;
	uint32_t kind, flags; /* flags: as in ms_row_abi */
	int32_t priority;
	uint64_t cost_us;
};

/**
 * ms_table_create - make the memfd, map it, seal it, write the header
 * @identity: the same random number as in the control page
 *
 * Return: 0; a negative errno from memfd_create, ftruncate, mmap or fcntl. Nothing is left behind. Under
 * mlockall(MCL_FUTURE) nothing is filled, but -EAGAIN comes where RLIMIT_MEMLOCK is below @table->bytes.
 */
int ms_table_create(struct ms_table *table, uint64_t identity, uint64_t now_ns);

/**
 * ms_table_before_fork, ms_table_after_fork - around a fork, in the parent; under the registry lock
 *
 * The first looks whether the descriptor is still the table's, and ms_table_recreate() relies on that.
 * Where the host has closed the descriptor that a child would read the counters from, it inherits the
 * mapping until it has read them.
 */
void ms_table_before_fork(struct ms_table *table);
void ms_table_after_fork(struct ms_table *table);

/**
 * ms_table_recreate - in a forked child: a new memfd with the same rows, mapped at the same address
 *
 * In the atfork child handler, when the prepare handler held the registry lock. Rows that were live at
 * the fork are live again with the same generation, whatever the parent did to them since. Their
 * counters are summed into shard 0, with or without an owner; shard_high stays, so that every shard keeps its
 * owner. What other threads of the parent charged between the fork and this call is in the sums too.
 * All agent fields of the header start at zero, and no row is stuck.
 *
 * Only the first MS_FORK_ROWS rows are written at once: the pages of 65,536 rows would take longer than
 * fork() itself, and most children end or call execve() soon. The others, with their counters of now, are
 * kept in private memory until ms_table_complete(). Charging them works meanwhile.
 *
 * Return: 0: every pointer into the old mapping is valid again. 1: something else was at the
 * address meanwhile, so the table has moved: take base, header, rows and shards from @table again.
 * A negative errno: no memfd could be had. Private zeroes are then mapped there (at the same address
 * unless taken, so reload the pointers): charging and registering go on to work, and no reader sees
 * them; @table->fd is -1. Where even that failed, @table->base is NULL.
 */
int ms_table_recreate(struct ms_table *table, uint64_t identity, uint64_t now_ns);

enum { MS_FORK_ROWS = 512 };

/**
 * ms_table_complete - in a forked child: show the rows that ms_table_recreate() did not
 * Under the registry lock, before ms_table_row_add(). Does nothing where all rows are shown.
 */
void ms_table_complete(struct ms_table *table);

static inline bool ms_table_is_complete(const struct ms_table *table)
{
	return atomic_load_explicit(&table->shown, memory_order_relaxed) == MS_ROW_COUNT;
}

/** ms_table_find_start - in a forked child: say when it began, which ms_table_recreate() leaves 0, because to look
 * it up costs a fifth of a fork(); under the registry lock */
void ms_table_find_start(struct ms_table *table);

void ms_table_destroy(struct ms_table *table);

/**
 * ms_table_row_add - take a row and make it LIVE, under the registry lock
 * In a forked child after ms_table_complete().
 * @ret_row, @ret_generation: which
 * Return: 0; -ENOSPC when no row is free or has cooled off.
 */
int ms_table_row_add(struct ms_table *table, const struct ms_row_identity *identity, uint64_t now_ns,
		     uint32_t *ret_row, uint32_t *ret_generation);

/** ms_table_row_add_allocator - as ms_table_row_add(), for row 0, which never retires; once */
void ms_table_row_add_allocator(struct ms_table *table, const struct ms_row_identity *identity,
				uint64_t now_ns);

/** ms_table_row_retire - LIVE -> RETIRED, under the registry lock, when no callback of it runs */
void ms_table_row_retire(struct ms_table *table, uint32_t row, uint64_t now_ns);

/** ms_table_row_set_flags, _clear_flags - atomic, any thread; after ms_table_complete() */
void ms_table_row_set_flags(struct ms_table *table, uint32_t row, uint32_t flags);
void ms_table_row_clear_flags(struct ms_table *table, uint32_t row, uint32_t flags);

/** ms_table_row_pulled, ms_table_row_result - agent only, while the row cannot retire; likewise */
void ms_table_row_pulled(struct ms_table *table, uint32_t row, const struct ms_row_pulled *pulled);
void ms_table_row_result(struct ms_table *table, uint32_t row, const struct ms_row_result *result);

/* ms_table_rows_sum - the counters of up to MS_TABLE_SUMS rows summed over the shards, by the target itself;
 * any thread. One lseek() per shard in use and pass, so that holes stay holes. */
enum { MS_TABLE_SUMS = 32 };
struct ms_shard_sum {
	uint64_t bytes, entries, hits, misses, evictions, inserts; /* inserts: entries ever added */
};
void ms_table_rows_sum(const struct ms_table *table, uint32_t first, uint32_t count, struct ms_shard_sum *ret_sums);
static inline void ms_table_row_sum(const struct ms_table *table, uint32_t row, struct ms_shard_sum *ret_sum)
{
	ms_table_rows_sum(table, row, 1, ret_sum);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/reader.h - read another process's table.
 *
 * Owns a descriptor of the table and nothing of the target. Everything is copied out with pread:
 * a hole in the memfd then costs no page, and a hostile writer can change a byte only before it is
 * copied, never between check and use. Counts, offsets and strings are checked against this
 * program's own bounds. No call stops or slows the target, and none blocks.
 *
 * Nothing here allocates: the caller hands over a struct ms_table_scratch once, which all readers of
 * one thread may share. After ms_table_open() nothing is opened either, so the rest may run on the
 * alarm path. One thread per struct ms_table_reader.
 */
#ifndef MS_TABLE_READER_H
#define MS_TABLE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "table/layout.h"

/* The process a table belongs to, as it says itself: checked for sense, still only a claim. */
struct ms_table_info {
	uint16_t major, minor;
	uint32_t pid; /* in the target's pid namespace */
	uint64_t start_ticks;
	uint64_t identity;
	uint32_t row_high; /* at most MS_ROW_COUNT */
	uint32_t live_rows;
	uint32_t shard_high;
	bool shared_shard_used;
	uint64_t refused_registrations;
	uint32_t generation;
	uint32_t agent_mode;   /* enum memshed_agent_mode */
	uint32_t agent_signal; /* 0 unless it is one that is ignored by default */
	uint32_t agent_state;  /* enum ms_agent_state */
	uint32_t agent_tid;
	uint32_t current_row;
	uint64_t current_since_ns;
	uint64_t rounds, orders, trims, trimmed_bytes, heartbeat_ns;
	uint64_t own_rounds, own_claimed_bytes, own_returned_bytes, own_us;
	uint64_t brakes, braked_us, braked_threads;
	char allocator[16];
};

/* One cache, decoded and checked: what policy, super and cmd see. Plain data. */
struct ms_row {
	uint32_t row;
	uint32_t generation;
	uint32_t flags;        /* enum memshed_cache_flags and enum ms_row_flags */
	uint32_t kind;         /* enum memshed_kind; unknown ones become MEMSHED_KIND_OTHER */
	int32_t priority;      /* clamped to -1000..1000 */
	uint64_t cost_us;      /* per entry; 0 = unknown */
	uint64_t registered_ns;
	char name[MS_NAME_BYTES];     /* always terminated; bytes as the target wrote them: escape */
	char source[MS_SOURCE_BYTES]; /* likewise */
	/* Counters: pulled where the row says so, else summed over the shards. */
	uint64_t bytes, entries, hits, misses, evictions, inserts;
	bool rough;            /* its bytes may be wrong by a factor of two (MEMSHED_USAGE_ROUGH) */
	uint64_t pulled_at_ns; /* 0 = nothing was pulled */
	struct ms_row_result last;
};

enum { MS_SCRATCH_ROWS = 64 };

/* What readers work in; nothing is kept there between calls. 80 KiB: static, or allocated once. */
struct ms_table_scratch {
	struct ms_row_abi rows[MS_SCRATCH_ROWS];   /* one batch of rows */
	struct ms_row_abi again[MS_SCRATCH_ROWS];  /* the same rows, before and after */
	struct ms_shard_row shards[MS_SCRATCH_ROWS]; /* the same rows in one shard */
	struct ms_shard_row sums[MS_SCRATCH_ROWS];  /* and over all shards */
	char entries[8192];                        /* of a directory, for ms_table_open_pid() */
};

struct ms_table_reader {
	int fd;
	struct ms_table_info info; /* as of the last ms_table_refresh() */
	uint64_t file_bytes, rows_offset, shards_offset;
	uint32_t row_count, shard_count;
	struct ms_table_scratch *scratch; /* not owned */
};

/**
 * ms_table_open - take over a descriptor as a table
 * @scratch: must live as long as the reader
 * @fd: a descriptor of what claims to be a table; owned by the reader on success; its offset is left alone
 *
 * Checks that it is a regular memfd of the right size with the seals on before a byte is read.
 *
 * Return: 0; -EBADMSG when it is no table, or one of another major version, byte order or word size;
 * -EPERM when the seals are missing.
 */
int ms_table_open(struct ms_table_reader *reader, struct ms_table_scratch *scratch, int fd);

/**
 * ms_table_open_pid - find and open the table and the control page of a process
 * @pid: in this process's pid namespace
 * @ret_control_fd: descriptor of its control page, or NULL when only reading is wanted; -1 is put
 *                  there when the process has none that may be opened
 *
 * Goes through /proc/PID/fd: O_PATH first, fstat, then reopened only when it is a memfd of ours, so a
 * hostile link is never opened. Of several tables (inherited descriptors) the one with a header that
 * names the process itself is taken.
 *
 * Return: 0; -ESRCH no such process; -ENOENT it has no table; -EACCES or -EPERM may not be read;
 * otherwise as ms_table_open().
 */
int ms_table_open_pid(struct ms_table_reader *reader, struct ms_table_scratch *scratch, pid_t pid,
		      int *ret_control_fd);

void ms_table_close(struct ms_table_reader *reader);

/** ms_table_refresh - copy the header again; Return: 0; -EBADMSG when it makes no sense any more */
int ms_table_refresh(struct ms_table_reader *reader);

/**
 * ms_table_read_rows - copy the live rows with their counters
 * @rows: where to
 * @capacity: how many fit
 *
 * Calls ms_table_refresh() first. Rows that change identity while they are copied are tried a few times
 * and then left out. The allocator's row 0 is among them when it is live, always first; the others come
 * in the table's order while all fit, in no order otherwise.
 *
 * Return: how many rows were put into @rows; a negative errno as ms_table_refresh(). More live rows
 * than @capacity: the ones with the most bytes are kept.
 */
int ms_table_read_rows(struct ms_table_reader *reader, struct ms_row *rows, unsigned capacity);

/**
 * ms_table_visit_rows - as ms_table_read_rows(), but each row is handed to @visit, and none is kept
 * Return: 0; a negative errno as ms_table_refresh().
 */
typedef void ms_table_visit_fn(void *arg, const struct ms_row *row);
int ms_table_visit_rows(struct ms_table_reader *reader, ms_table_visit_fn *visit, void *arg);

/**
 * ms_table_read_row - copy one row with its counters
 * @row, @generation: which; MS_ALLOCATOR_ROW is one too
 * Return: 0; -ENOENT when it is not live with this generation; -EAGAIN when it kept changing while it
 * was copied; otherwise as ms_table_refresh(), which it does not call.
 */
int ms_table_read_row(struct ms_table_reader *reader, uint32_t row, uint32_t generation, struct ms_row *ret_row);

#endif

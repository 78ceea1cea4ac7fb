/* SPDX-License-Identifier: MIT */
/*
 * table/state.h - what a watch publishes of itself: layout, writer, reader.
 *
 * A memfd named "memshed-watch", found and checked like a table (link.h), written by the watch alone. A
 * process that may open it may read the budget, what is decided and what came of it, and reach the table and the
 * control page of each process that the watch knows through the watch's own descriptors, also when that
 * process has closed its own. Described for other languages in memshed-table(5); change the two together.
 *
 * The state is plain data under one sequence count, with the members. Integers are in the watch's own byte
 * order. Everything read is a claim: copied once and checked for sense (strings end, counts are within
 * bounds), and a watch of another user may say what it likes of any pid.
 *
 * Neither end allocates. The writer opens nothing after ms_state_create(), and touches no new page: all of
 * it may run on the alarm path. One thread per struct.
 */
#ifndef MS_TABLE_STATE_H
#define MS_TABLE_STATE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "table/reader.h"

#define MS_STATE_MEMFD_NAME "memshed-watch"
#define MS_STATE_MAGIC 0x3148435744534d00ULL /* bytes "\0MSDWCH1" on a little-endian machine */
#define MS_STATE_MAJOR 1u
#define MS_STATE_MINOR 0u

enum {
	MS_STATE_HEADER_BYTES = 128,
	MS_STATE_BODY_BYTES = 4096 - MS_STATE_HEADER_BYTES,
	MS_STATE_MEMBERS = 1024,
	MS_STATE_ROOTS = 16,
	MS_STATE_COMMAND_BYTES = 64,
	MS_STATE_WHERE_BYTES = 192,
	MS_STATE_WORD_BYTES = 64,
	MS_STATE_JOURNAL_BYTES = 1024,
};

enum ms_state_flags {
	MS_STATE_HIGH_LOWERED = 1u << 0,  /* high is below what was configured: the margin asks for it */
	MS_STATE_LOCKED = 1u << 1,        /* all its memory is locked */
	MS_STATE_FIFO = 1u << 2,          /* it has real-time priority */
	MS_STATE_OOM_PROTECTED = 1u << 3, /* the OOM killer spares it */
	MS_STATE_ENFORCED = 1u << 4,      /* the job is in a cgroup that has --max as its limit */
};

enum ms_state_phase {
	MS_STATE_CALM = 0, /* nothing is asked and nothing is awaited */
	MS_STATE_ORDERED,  /* orders are out */
	MS_STATE_SETTLING, /* they are answered; the kernel's figures follow */
	MS_STATE_PAUSED,   /* shrinking did not help: the next try is later */
	MS_STATE_WARNED,   /* nothing is left to ask */
};

/* The last round: the orders of one plan, and what came of them. */
struct ms_state_round {
	uint64_t began_ns; /* CLOCK_MONOTONIC; 0 = there was none */
	uint64_t asked_bytes, claimed_bytes, returned_bytes;
	uint64_t duration_ns; /* to the last answer; 0 while orders are out */
	uint64_t orders;
};

struct ms_state {
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint64_t looked_ns;  /* the last look at the memory */
	uint32_t flags;      /* enum ms_state_flags */
	int32_t blind_error; /* negative errno: the command runs unwatched, and most of the rest is 0 */
	uint32_t phase;      /* enum ms_state_phase; unknown ones become MS_STATE_CALM */
	uint32_t root_count; /* at most MS_STATE_ROOTS are named */
	uint32_t root_pids[MS_STATE_ROOTS]; /* in the watch's own pid namespace */
	char command[MS_STATE_COMMAND_BYTES]; /* "" where none was started */
	char reason[MS_STATE_WORD_BYTES];     /* of the phase, as the journal's key "reason"; or "" */

	/* The budget. */
	uint64_t option_max_bytes; /* --max; 0 = none */
	uint32_t limit_source;     /* enum ms_limit_source of sample/sample.h */
	uint32_t processes;
	char limit_where[MS_STATE_WHERE_BYTES]; /* cgroup path, "pid 123", or "" */
	uint64_t limit_max_bytes, limit_used_bytes; /* as this limit counts */
	uint64_t high_bytes, low_bytes, danger_bytes;
	uint64_t margin_bytes; /* what the job can grow by before the first callback runs, worst case */
	uint64_t rss_bytes, anon_bytes;
	uint64_t growth_bytes_per_s;

	/* Since it began. */
	uint64_t peak_rss_bytes;
	uint64_t shortages, rounds, orders;
	uint64_t claimed_bytes, returned_bytes;
	struct ms_state_round last;

	char journal[MS_STATE_JOURNAL_BYTES]; /* path; "" = none, or longer than this */
};

/* A process of which the watch holds the table. Numbers of descriptors are the watch's own. */
struct ms_state_member {
	uint32_t pid; /* in the watch's own pid namespace; 0 = no member */
	int32_t table_fd;
	int32_t control_fd; /* -1 = none */
	uint32_t reserved;
	uint64_t start_ticks;
	uint64_t identity; /* of its table */
};

struct ms_state_abi {
	uint64_t magic; /* written last, release: everything else is there */
	uint32_t endian;
	uint16_t major, minor;
	uint32_t state_bytes;    /* struct ms_state, from MS_STATE_HEADER_BYTES on */
	uint32_t members_offset;
	uint32_t member_bytes, member_count;
	uint32_t pid; /* the watch's, in its own pid namespace */
	uint32_t reserved0;
	uint64_t start_ticks;
	uint64_t total_bytes;
	_Atomic uint32_t seq; /* odd while state or a member is written */
	uint8_t reserved[MS_STATE_HEADER_BYTES - 60];
	struct ms_state state;
	uint8_t pad[MS_STATE_BODY_BYTES - sizeof(struct ms_state)];
	struct ms_state_member members[MS_STATE_MEMBERS];
};

_Static_assert(sizeof(struct ms_state) % 8 == 0 && sizeof(struct ms_state_member) == 32, "ABI");
_Static_assert(offsetof(struct ms_state_abi, state) == MS_STATE_HEADER_BYTES, "ABI");
_Static_assert(offsetof(struct ms_state_abi, members) == 4096, "ABI");

/* ---- the watch's end ---- */

struct ms_state_writer {
	int fd;
	struct ms_state_abi *page;
};

/** ms_state_create - make it, touch all of it, publish an empty state; Return: 0 or a negative errno */
int ms_state_create(struct ms_state_writer *writer);
void ms_state_destroy(struct ms_state_writer *writer);

/** ms_state_publish - make this what readers see */
void ms_state_publish(struct ms_state_writer *writer, const struct ms_state *state);

/** ms_state_put_member - @index: below MS_STATE_MEMBERS, the caller's choice; @member: NULL = gone */
void ms_state_put_member(struct ms_state_writer *writer, uint32_t index, const struct ms_state_member *member);

/* ---- a reader's end ---- */

struct ms_state_reader {
	int fd;
	pid_t pid; /* of the process it was found in; 0 = not found through one */
	uint32_t state_bytes, members_offset, member_count;
};

/**
 * ms_state_open - take over a descriptor
 * @fd: owned by the reader on success
 * Return: 0; -EBADMSG it is no state of a watch, or one of another major version; -EPERM seals are missing.
 */
int ms_state_open(struct ms_state_reader *reader, int fd);

/**
 * ms_state_open_pid - find and open the state of a watch
 * @pid: the process in which the watch lives
 * Return: 0; -ESRCH no such process; -ENOENT no watch in it; -EACCES or -EPERM; else as ms_state_open().
 */
int ms_state_open_pid(struct ms_state_reader *reader, pid_t pid);
void ms_state_close(struct ms_state_reader *reader);

/** ms_state_read - Return: 0; -EAGAIN it kept changing; -EBADMSG; pread's errors. Untouched on failure. */
int ms_state_read(const struct ms_state_reader *reader, struct ms_state *ret_state);

/** ms_state_members - Return: how many were written, at most @capacity; errors as ms_state_read() */
int ms_state_members(const struct ms_state_reader *reader, struct ms_state_member *members, uint32_t capacity);

/**
 * ms_state_open_member - open a member's table, and its control page, by the watch's own descriptors
 * @watch_pid: in which the state was found
 * @ret_control_fd: as ms_table_open_pid()
 * Return: 0; -ENOENT the watch gave it up, or it is another table by now; else as ms_table_open_pid().
 */
int ms_state_open_member(pid_t watch_pid, const struct ms_state_member *member, struct ms_table_reader *reader,
			 struct ms_table_scratch *scratch, int *ret_control_fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * table/layout.h - the shared-memory ABI: what is where in the table and in the control page.
 *
 * The table (memfd "memshed-table") is written by the target alone and read by any process that
 * may. The control page (memfd "memshed-control") is written by the target and by every client.
 * Both are described for other languages in memshed-table(5); change the two together.
 *
 * All integers are in the target's own byte order, which the header names. Offsets are fixed within
 * a major version; a minor version only gives a meaning to bytes that were reserved (zero) before.
 *
 * Row states (only the target moves them, one thread at a time under its registry's lock):
 *
 *   from      to        when
 *   FREE      LIVE      register: a row at row_high, when no retired row has cooled off
 *   LIVE      RETIRED   unregister: no callback runs any more; the generation goes up
 *   RETIRED   LIVE      register: the row retired first, once it has cooled off for 2 s, or at once
 *                       when the table is full; the generation goes up
 *
 * So a live row's generation is odd and any other's even, and row_high only grows.
 *
 * Order slot states (ticket in the upper 24 bits of the same word goes up with each FREE -> CLAIMED,
 * so that a client that was away cannot move a slot that is no longer its own; every move is a
 * compare-and-swap of the whole word):
 *
 *   from      to        by    when
 *   FREE      CLAIMED   client  then it fills in the order
 *   CLAIMED   POSTED    client  order complete; then it bumps the doorbell and wakes
 *   CLAIMED   FREE      agent   the client did not post for 5 s by the agent's own clock
 *   POSTED    FREE      client  takes the order back (it timed out)
 *   POSTED    RUNNING   agent   takes the order; then it copies the body and checks it
 *   RUNNING   DONE      agent   answer complete (a refusal too); then it wakes the slot's waiters
 *   RUNNING   ABANDONED client  stops waiting; the agent still works on it
 *   ABANDONED FREE      agent   when the callback has returned
 *   DONE      FREE      client  has read the answer, or agent: it was not read for 5 s
 *   any other FREE      agent   a state, or a RUNNING or ABANDONED, that no honest peer made
 *
 * Guarantees:
 *   [G1] A reader that finds seq even, and the same before and after its copy, has one row's identity,
 *        whole.
 *   [G2] A row found LIVE with the same seq and generation before and after the copy of its shards: the
 *        shards counted for that generation alone.
 *   [G3] The agent reads an order's body once, after RUNNING (acquire), and never trusts it.
 *   [G4] The answer is complete when DONE is seen with acquire, and stays until FREE.
 *   [G5] Sums over the shards, removed first and added afterwards, never go below zero, and never fall
 *        while nothing is removed.
 *   [G6] Marks that fit their check are those of one writer, whole: a writer that was killed half way, or
 *        two that wrote at once, leave marks that are not used.
 */
#ifndef MS_TABLE_LAYOUT_H
#define MS_TABLE_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#define MS_TABLE_MEMFD_NAME "memshed-table"
#define MS_CONTROL_MEMFD_NAME "memshed-control"

#define MS_TABLE_MAGIC 0x324c425444534d00ULL   /* bytes "\0MSDTBL2" on a little-endian machine */
#define MS_CONTROL_MAGIC 0x324c544344534d00ULL /* bytes "\0MSDCTL2" */
#define MS_ENDIAN_MARK 0x01020304u
#define MS_TABLE_MAJOR 2u
#define MS_TABLE_MINOR 1u

enum {
	MS_ROW_COUNT = 65536, /* row 0 is the allocator's */
	MS_ALLOCATOR_ROW = 0,
	MS_HEADER_BYTES = 4096,
	MS_ROW_BYTES = 512,
	MS_SHARD_ROW_BYTES = 64,
	MS_SHARD_BYTES = MS_ROW_COUNT * MS_SHARD_ROW_BYTES,
	MS_SHARDS_MAX = 64,
	MS_SHARDS_MIN = 8,
	MS_NAME_BYTES = 128,
	MS_SOURCE_BYTES = 128,
	MS_SLOT_COUNT = 16,
	MS_SLOT_BYTES = 192,
	MS_CONTROL_BYTES = 4096,
	MS_MARKS_BYTES = 768,
	MS_MARKS_DIRECTORY_BYTES = 640,
};

/* The row of the allocator is LIVE from its first use on; the others are as in the table above. */
enum ms_row_state { MS_ROW_FREE = 0, MS_ROW_LIVE = 1, MS_ROW_RETIRED = 2 };

/* ms_row_abi.flags: enum memshed_cache_flags in the lower 16 bits, these above. */
enum ms_row_flags {
	MS_ROW_PULLED = 1u << 16,    /* has a count callback */
	MS_ROW_PARTIAL = 1u << 17,   /* has shrink, so that less than everything can be asked */
	MS_ROW_OWNER_ONLY = 1u << 18, /* MEMSHED_THREAD_OWNER */
	MS_ROW_STUCK = 1u << 19,     /* its callback is past its deadline and still runs */
	MS_ROW_UNHELPFUL = 1u << 20, /* keeps freeing nothing, or keeps being slow: asked last */
};

enum ms_agent_state {
	MS_AGENT_NONE = 0,     /* not started, or stopped */
	MS_AGENT_IDLE = 1,     /* waits for the doorbell */
	MS_AGENT_ENTERING = 2, /* waits for the host's lock (round_begin) */
	MS_AGENT_RUNNING = 3,  /* in a callback: current_row, current_since_ns */
	MS_AGENT_STOPPED = 4,
	MS_AGENT_LAZY = 5,     /* a forked child that has not used the library: it starts then */
};

/* Counters of one row in one shard. writer: the one thread that owns the shard (the shared shard:
 * any thread, by atomic add); readers: any process. All only ever grow, so that a sum over the
 * shards never goes backwards; a reader takes the removed ones first (see ms_table_read_counters). */
struct ms_shard_row {
	_Atomic uint64_t added_bytes;
	_Atomic uint64_t added_entries;
	_Atomic uint64_t removed_bytes;
	_Atomic uint64_t removed_entries;
	_Atomic uint64_t hits;
	_Atomic uint64_t misses;
	_Atomic uint64_t evictions;
	uint64_t reserved;
};

/* No watch or command counts so far. */
#define MS_OWN_SEQ (UINT64_C(1) << 63)

/* The last order's outcome and the sums over all orders. writer: agent, under result_seq. */
struct ms_row_result {
	uint64_t order_seq;         /* the slot's seq, or with MS_OWN_SEQ that of a round of its own; 0 = never */
	uint32_t status;            /* enum ms_answer_status */
	uint32_t level;             /* enum ms_level */
	uint64_t finished_ns;       /* CLOCK_MONOTONIC */
	uint64_t claimed_bytes;
	uint64_t claimed_entries;
	uint64_t duration_us;
	uint64_t orders;            /* how often asked, in all */
	uint64_t total_claimed_bytes;
	uint64_t total_claimed_entries;
	uint64_t total_duration_us;
	uint64_t bytes_after;       /* what the cache held right after it */
	uint32_t returned_per_mille; /* of what it claims, how much the resident set falls by; 0 = not learnt */
	uint32_t useless;           /* how often in a row it freed nothing, or came back late */
};

/* What count() said last. writer: agent, under result_seq. */
struct ms_row_pulled {
	uint32_t fields; /* enum memshed_usage_fields; 0 = nothing was pulled yet */
	uint32_t cost_us; /* per entry, as measured: in place of the row's; UINT32_MAX also for more */
	uint64_t at_ns;   /* CLOCK_MONOTONIC */
	uint64_t bytes, entries, hits, misses, evictions, inserts;
};

/* One cache. seq guards the identity (up to and with source); result_seq guards pulled and last. */
struct ms_row_abi {
	_Atomic uint32_t seq;        /* odd while the identity is written */
	_Atomic uint32_t state;      /* enum ms_row_state */
	_Atomic uint32_t generation; /* odd while LIVE; goes up with each change between LIVE and not */
	_Atomic uint32_t flags;
	uint32_t kind;
	int32_t priority;
	uint64_t cost_us;            /* per entry; 0 = unknown */
	uint64_t registered_ns;      /* CLOCK_MONOTONIC */
	char name[MS_NAME_BYTES];
	char source[MS_SOURCE_BYTES]; /* "file:line" */
	_Atomic uint32_t result_seq; /* odd while pulled or last is written */
	uint32_t reserved0;
	struct ms_row_pulled pulled;
	struct ms_row_result last;
	uint64_t reserved[6];
};

struct ms_table_header {
	uint64_t magic; /* written last, release: everything else is there */
	uint32_t endian;
	uint16_t word_bytes;
	uint16_t header_bytes;
	uint16_t major, minor;
	uint32_t row_bytes;
	uint32_t row_count;
	uint32_t shard_row_bytes;
	uint32_t shard_count; /* the last one is the shared shard */
	uint32_t pid;        /* in the target's own pid namespace */
	uint64_t rows_offset;
	uint64_t shards_offset;
	uint64_t total_bytes;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	uint64_t identity;    /* random; the control page carries the same */
	uint8_t boot_id[16];
	uint32_t agent_mode;   /* enum memshed_agent_mode */
	uint32_t agent_signal; /* MEMSHED_AGENT_SIGNAL: the signal that wakes it */
	char allocator[16];    /* "glibc", "jemalloc", "tcmalloc", "mimalloc" */
	uint8_t reserved0[96];
	/* From here on the fields change while the process runs. */
	_Atomic uint32_t row_high;     /* rows at and above were never used */
	_Atomic uint32_t live_rows;
	_Atomic uint32_t shard_high;    /* shards at and above were never used, but for the shared one */
	_Atomic uint32_t shared_shard_used;
	_Atomic uint64_t refused_registrations; /* the table was full */
	_Atomic uint32_t generation;   /* goes up with each register and unregister */
	_Atomic uint32_t agent_state;  /* enum ms_agent_state */
	_Atomic uint32_t agent_tid;    /* in the target's own pid namespace; 0 = the host's thread */
	_Atomic uint32_t current_row;
	_Atomic uint64_t current_since_ns; /* CLOCK_MONOTONIC; 0 = in no callback */
	_Atomic uint64_t rounds;       /* series of orders carried out */
	_Atomic uint64_t orders;       /* orders answered; those that only count (MS_LEVEL_COUNT) are in neither */
	_Atomic uint64_t trims;        /* times the allocator was asked to give back */
	_Atomic uint64_t trimmed_bytes; /* by how much RSS fell across those, in all */
	_Atomic uint64_t heartbeat_ns; /* when the agent last looked at its orders */
	/* What the process did by itself, see struct ms_marks_abi. writer: agent */
	_Atomic uint64_t own_rounds;
	_Atomic uint64_t own_claimed_bytes;
	_Atomic uint64_t own_returned_bytes;
	_Atomic uint64_t own_us;
	/* Threads that were held back until memory was freed. writer: each of them, by atomic add */
	_Atomic uint64_t brakes;
	_Atomic uint64_t braked_us;
	_Atomic uint64_t braked_threads; /* now; also those that left by longjmp(), until they look again */
	_Atomic uint64_t braked_until_ns; /* by then all of them go on; CLOCK_MONOTONIC */
};

enum ms_slot_state {
	MS_SLOT_FREE = 0,
	MS_SLOT_CLAIMED = 1,
	MS_SLOT_POSTED = 2,
	MS_SLOT_RUNNING = 3,
	MS_SLOT_DONE = 4,
	MS_SLOT_ABANDONED = 5,
};
#define MS_SLOT_STATE_MASK 0xffu
#define MS_SLOT_TICKET_SHIFT 8

/* Levels as in enum memshed_level, and one that only refreshes the counters: all caches are asked that can
 * count themselves, and those that the host registers meanwhile. It gives way to every other order, and is
 * answered MS_ANSWER_BUSY then, as it is when a cache put its count off. */
enum ms_level { MS_LEVEL_COUNT = 0, MS_LEVEL_TRIM = 1, MS_LEVEL_CLEAR = 2, MS_LEVEL_EMERGENCY = 3 };

/* What an order is for. */
enum ms_scope {
	MS_SCOPE_PROCESS = 1, /* all caches: the agent asks them in the order of rank/rank.h, until enough came back */
	MS_SCOPE_ROW = 2,     /* the cache (row, generation) */
	MS_SCOPE_GROUP = 3,   /* the caches that have the same name as (row, generation) */
};

/* How an order ended: enum memshed_status, and what a callback cannot say. */
enum ms_answer_status {
	MS_ANSWER_NONE = 0,
	MS_ANSWER_DONE = 1,
	MS_ANSWER_PARTIAL = 2,
	MS_ANSWER_EMPTY = 3,
	MS_ANSWER_BUSY = 4,
	MS_ANSWER_UNSUPPORTED = 5,
	MS_ANSWER_GONE = 16,    /* no such row, or another generation */
	MS_ANSWER_INVALID = 17, /* the order makes no sense */
	MS_ANSWER_STUCK = 18,   /* the callback passed its deadline and still runs */
	MS_ANSWER_STOPPED = 19, /* the agent was stopped */
};

/* The target could not read its resident set: there is no /proc, or the host has closed the descriptor. */
#define MS_NOT_MEASURED UINT64_MAX

/* One order and its answer. Every byte is hostile to both sides. */
struct ms_slot_abi {
	_Atomic uint32_t word;   /* ticket << 8 | enum ms_slot_state; the client's futex */
	uint32_t client_pid;     /* for people; never acted on */
	/* the order: writer: client while CLAIMED */
	uint64_t seq;            /* the client's own number for it; not 0 */
	uint32_t scope;          /* enum ms_scope */
	uint32_t row;            /* 0 for MS_SCOPE_PROCESS */
	uint32_t generation;     /* likewise; odd otherwise, as a live row's is */
	uint32_t level;          /* enum ms_level */
	uint32_t reason;         /* enum memshed_reason */
	uint32_t reserved2;
	uint64_t target_bytes;   /* MS_SCOPE_PROCESS: of the resident set, as measured; else as claimed; 0 = everything */
	uint64_t timeout_us;     /* from when the agent takes it; 0 = 10 s */
	uint64_t check;          /* ms_slot_check() of ticket and body */
	uint64_t reserved0[1];
	/* the answer: writer: agent while RUNNING (or POSTED, when it refuses) */
	uint32_t status;         /* enum ms_answer_status */
	int32_t error;           /* negative errno, or 0 */
	uint64_t claimed_bytes;
	uint64_t claimed_entries;
	uint64_t scanned_entries;
	uint64_t returned_bytes; /* by how much the resident set fell meanwhile, or MS_NOT_MEASURED */
	uint64_t duration_us;    /* from taking the order to answering it */
	uint64_t caches;         /* how many callbacks ran */
	uint64_t reserved1[8];
};

struct ms_control_header {
	uint64_t magic;
	uint32_t endian;
	uint16_t major, minor;
	uint32_t header_bytes;
	uint32_t slot_bytes;
	uint32_t slot_count;
	uint32_t pid;
	uint64_t identity; /* as in the table's header */
	uint8_t reserved[80];
	_Atomic uint32_t doorbell; /* the agent's futex; goes up with each order posted */
	uint32_t reserved1;
};

/* What the process reads to know how much is used. */
enum ms_usage_kind {
	MS_USAGE_NONE = 0,    /* no limit is known */
	MS_USAGE_CGROUP1 = 1, /* memory.usage_in_bytes in the directory of the marks */
	MS_USAGE_CGROUP2 = 2, /* memory.current there */
	MS_USAGE_ANON = 3,    /* its own anonymous memory; also where such a file cannot be opened */
};

enum ms_marks_flags {
	MS_MARKS_NO_BRAKE = 1u << 0, /* no thread is to be held back */
	MS_MARKS_SWAP = 1u << 1,     /* swap counts: usage_offset is not page cache alone */
};

/* The budget as a watch sees it. Used is what is read plus an offset, which has all that the process does not
 * read (page cache, the other processes), as of written_ns. */
struct ms_marks_body {
	uint32_t kind;        /* enum ms_usage_kind */
	uint32_t sharers;     /* processes with caches under this budget */
	uint64_t written_ns;  /* CLOCK_MONOTONIC */
	uint64_t until_ns;    /* they hold no longer than to then */
	uint64_t generation;  /* ms_marks_generation() of kind, file and directory; 0: never written */
	uint64_t device, inode; /* of the file, as stat(2) gives them */
	uint64_t high_bytes;  /* above it the process shrinks its caches by itself, to low */
	uint64_t low_bytes;
	uint64_t brake_bytes; /* above it threads that grow are held back until that is done */
	uint64_t max_bytes;
	int64_t usage_offset; /* used - what the file says */
	int64_t anon_offset;  /* used - the process's own anonymous memory */
	uint32_t flags;       /* enum ms_marks_flags */
	uint32_t reserved;
};

/* writer: each watch, at every look; reader: the process. Every byte is hostile. */
struct ms_marks_abi {
	struct ms_marks_body body;
	uint64_t check;     /* of body */
	char directory[MS_MARKS_DIRECTORY_BYTES]; /* of a memory cgroup, absolute, in the watch's mount namespace */
	uint64_t reserved[2];
};

struct ms_control_abi {
	struct ms_control_header header;
	uint8_t pad[256 - sizeof(struct ms_control_header)];
	struct ms_slot_abi slots[MS_SLOT_COUNT];
	struct ms_marks_abi marks;
};

_Static_assert(sizeof(struct ms_shard_row) == MS_SHARD_ROW_BYTES, "ABI");
_Static_assert(sizeof(struct ms_row_abi) == MS_ROW_BYTES, "ABI");
_Static_assert(sizeof(struct ms_table_header) <= MS_HEADER_BYTES, "ABI");
_Static_assert(sizeof(struct ms_slot_abi) == MS_SLOT_BYTES, "ABI");
_Static_assert(sizeof(struct ms_marks_abi) == MS_MARKS_BYTES, "ABI");
_Static_assert(sizeof(struct ms_control_abi) == MS_CONTROL_BYTES, "ABI");

/* The hello: one SOCK_DGRAM packet to the abstract or path address in $MEMSHED_SOCKET ("@name" is
 * abstract; after the last colon a token in hexadecimal digits), with the table's and the control page's
 * descriptors, in this order, as SCM_RIGHTS. */
#define MS_HELLO_ENV "MEMSHED_SOCKET"
#define MS_HELLO_MAGIC 0x4f4c4c4544534d00ULL
struct ms_hello {
	uint64_t magic;
	uint32_t major, minor;
	uint32_t pid; /* in the sender's own pid namespace; the credentials say the receiver's */
	uint32_t reserved;
	uint64_t start_ticks;
	uint64_t identity;
	uint64_t token; /* from the environment; 0 when there is none: shows that the sender is of the job */
};

#endif

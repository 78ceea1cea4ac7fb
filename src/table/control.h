/* SPDX-License-Identifier: MIT */
/*
 * table/control.h - post an order, take an order: both ends of the control page.
 *
 * The slot state machine is at the head of table/layout.h. Client functions run in the
 * supervisor and the tool, server functions in the target's agent. Neither end allocates, opens or
 * locks anything after _open()/_create(); the only system calls are futex, and for a signal-mode
 * target one pidfd_send_signal. The other side's bytes are copied once and checked.
 */
#ifndef MS_TABLE_CONTROL_H
#define MS_TABLE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "table/layout.h"
#include "util/inode.h"

struct ms_order {
	uint64_t seq;
	uint32_t scope; /* enum ms_scope */
	uint32_t row, generation; /* 0 for MS_SCOPE_PROCESS */
	uint32_t level;  /* enum ms_level */
	uint32_t reason; /* enum memshed_reason */
	uint32_t reuse;  /* of an own order: what callbacks free is left to the allocator; see lib/own.c */
	uint64_t target_bytes;
	uint64_t timeout_us;
};

struct ms_answer {
	uint32_t status; /* enum ms_answer_status; unknown ones become MS_ANSWER_INVALID */
	int32_t error;
	uint64_t claimed_bytes, claimed_entries, scanned_entries;
	uint64_t returned_bytes; /* or MS_NOT_MEASURED */
	uint64_t duration_us;
	uint64_t caches;
};

/* ---- client ---- */

struct ms_control_client {
	struct ms_control_abi *page;
	int fd;
	int pidfd;      /* -1, or where to send @signal; not owned */
	int signal;     /* 0 unless the target's agent is in signal mode */
};

/* A posted order: which slot, and the ticket that says it is still ours. */
struct ms_order_handle {
	uint32_t slot;
	uint32_t word_ticket;
};

/**
 * ms_control_open - map a control page for posting
 * @fd: a descriptor of it; owned by the client on success
 * @identity: as in the table's header; another one means it is not this table's page
 * @pidfd, @signal: for a target in signal mode (0 otherwise); SIGURG and SIGWINCH only
 * Where the header is not right, perhaps because another client wrote there, the agent is woken: it writes
 * the header again, and the next try succeeds.
 * Return: 0; -EBADMSG no control page, or another table's; -EPERM seals; -EINVAL signal; mmap's errors.
 */
int ms_control_open(struct ms_control_client *client, int fd, uint64_t identity, int pidfd, int signal);
void ms_control_close(struct ms_control_client *client);

/** ms_control_post - Return: 0 and *ret_handle; -EAGAIN when all slots are taken; -EPROTO on nonsense */
int ms_control_post(struct ms_control_client *client, const struct ms_order *order,
		    struct ms_order_handle *ret_handle);

/** ms_control_ring - have the agent look around: there is something new in the page */
void ms_control_ring(struct ms_control_client *client);

/**
 * ms_control_poll - has it been answered?
 * Return: 1 and *ret_answer (the slot is free again); 0 still posted or running (*ret_running says
 * which, may be NULL); -ESTALE the slot is no longer ours (the agent gave it up, or nonsense).
 */
int ms_control_poll(struct ms_control_client *client, const struct ms_order_handle *handle,
		    struct ms_answer *ret_answer, bool *ret_running);

/** ms_control_wait - as ms_control_poll, but waits; -ETIMEDOUT after @timeout_us; -EINTR */
int ms_control_wait(struct ms_control_client *client, const struct ms_order_handle *handle,
		    uint64_t timeout_us, struct ms_answer *ret_answer, bool *ret_running);

/**
 * ms_control_abandon - stop waiting: takes a posted order back, leaves a running one to the agent
 * Return: whether the agent works on it still.
 */
bool ms_control_abandon(struct ms_control_client *client, const struct ms_order_handle *handle);

/* ---- server: the agent's thread only ---- */

struct ms_control_server {
	int fd;              /* the host may close it */
	struct ms_inode held; /* which file it is */
	struct ms_control_abi *page; /* MADV_DONTFORK */
	uint64_t identity;
	uint32_t pid;
	/* What the agent saw itself, so that slots of clients that ended are freed by its own clock. */
	uint32_t seen_word[MS_SLOT_COUNT];
	uint64_t seen_since_ns[MS_SLOT_COUNT];
	uint32_t next_slot; /* where the search goes on, so that no client starves */
	uint32_t taken;     /* bit per slot: taken and not yet answered, whatever the page says */
};

int ms_control_create(struct ms_control_server *server, uint64_t identity);
/* In the parent, before ms_control_recreate() in the child. */
void ms_control_before_fork(struct ms_control_server *server);
/* In a forked child: a new page at the same address; returns as ms_table_recreate(). No order is taken. */
int ms_control_recreate(struct ms_control_server *server, uint64_t identity);
void ms_control_destroy(struct ms_control_server *server);

/** ms_control_doorbell - the doorbell's value; read before ms_control_take(), hand to _sleep() */
uint32_t ms_control_doorbell(const struct ms_control_server *server);

/** ms_control_sleep - until the doorbell differs from @seen, or @timeout_us; 0, -ETIMEDOUT, -EINTR
 * Before it sleeps, and in each ms_control_take(), the page's header is written again. */
int ms_control_sleep(struct ms_control_server *server, uint32_t seen, uint64_t timeout_us);

/** ms_control_wake - wake the threads that sleep on the doorbell (to stop an agent); any thread */
void ms_control_wake(struct ms_control_server *server);

/**
 * ms_control_take - the next posted order, moved to RUNNING and checked
 * Refuses nonsense by itself, and frees slots that their clients left (5 s by @now_ns, as this
 * agent saw them). Fields come within bounds: level, row, reason; timeout_us is 1 us to 1 hour.
 * More orders may be taken before the first is answered.
 * Return: 1 with *ret_order and *ret_handle; 0 none.
 */
int ms_control_take(struct ms_control_server *server, uint64_t now_ns, struct ms_order *ret_order,
		    struct ms_order_handle *ret_handle);

/** ms_control_answer - put the answer, move to DONE (or FREE when abandoned), wake the client */
void ms_control_answer(struct ms_control_server *server, const struct ms_order_handle *handle,
		       const struct ms_answer *answer);

/** ms_control_posted - orders wait; any thread */
bool ms_control_posted(const struct ms_control_server *server);

/** ms_control_busy - some slot that the agent does not work on is not FREE: sleep a second at most, then
 * ms_control_take() again, which sweeps */
bool ms_control_busy(const struct ms_control_server *server);

#endif

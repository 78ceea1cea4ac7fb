/* SPDX-License-Identifier: MIT */
/*
 * table/control_server.c - the agent's end of the control page: take an order, answer it, keep the
 * slots in order. The state machine is at the head of layout.h.
 *
 * Owns the mapping and descriptor of the process's own control page, and the agent's private record of
 * which slots it took and since when it has seen each one as it is. One thread at a time, the one that
 * is the agent; ms_control_wake() from any. No malloc, no locks; the only system call is futex.
 *
 * Every client can write every byte, so nothing in the page is trusted: the header is never read back
 * but written again and again, an order is copied once and checked, and what a slot's state may mean is
 * decided by @taken, not by the page. A client that ended, stalled or wrote nonsense costs one slot for
 * PATIENCE_NS.
 *
 *   [control_server.S1] RUNNING (acquire) before the body is copied; pairs with [control_client.C1]
 *   [control_server.S2] the doorbell is read (acquire) before the slots are searched, and handed to the
 *                       sleep: an order posted after the search has changed it. So has ms_control_wake(),
 *                       and the sleeper sees what its caller set before;
 *                       pairs with [control_client.C2], [control_server.S2]
 *   [control_server.S3] answer before DONE (release); pairs with [control_client.C3]
 *   [control_server.S4] FREE by the agent (release); pairs with [control_client.C5]
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/control.h"
#include "table/memfd.h"
#include "table/slot.h"
#include "table/killpoint.h"
#include "table/copy.h"
#include "util/clock.h"
#include "util/futex.h"

#define PATIENCE_NS (5 * MS_NS_PER_S)
#define DEFAULT_TIMEOUT_US UINT64_C(10000000)
#define MAX_TIMEOUT_US UINT64_C(3600000000)

enum { MAX_REASON = 2, TRIES = 8 };

/* ---- making the page ---- */

/* Also when clients have the page: storing a word that is there already changes nothing, and what one of
 * them has overwritten is right again for the next. The doorbell is the one word that is left alone. */
static void write_header(const struct ms_control_server *server)
{
	struct ms_control_header header = {
		.magic = MS_CONTROL_MAGIC,
		.endian = MS_ENDIAN_MARK,
		.major = MS_TABLE_MAJOR,
		.minor = MS_TABLE_MINOR,
		.header_bytes = offsetof(struct ms_control_abi, slots),
		.slot_bytes = MS_SLOT_BYTES,
		.slot_count = MS_SLOT_COUNT,
		.pid = server->pid,
		.identity = server->identity,
	};

	ms_copy_put(&server->page->header, &header, offsetof(struct ms_control_header, doorbell));
}

_Static_assert(offsetof(struct ms_control_header, doorbell) % sizeof(uint64_t) == 0, "copied as words");

static int make(void *at, int in_place_of, int *ret_fd, void **ret_page)
{
	return ms_memfd_make_mapped(MS_CONTROL_MEMFD_NAME, MS_CONTROL_BYTES,
				    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, at, in_place_of, ret_fd, ret_page);
}

static void start(struct ms_control_server *server, int fd, void *page, uint64_t identity)
{
	*server = (struct ms_control_server){
		.fd = fd,
		.held = ms_inode_of(fd),
		.page = page,
		.identity = identity,
		.pid = (uint32_t)getpid(),
	};
	write_header(server);
}

int ms_control_create(struct ms_control_server *server, uint64_t identity)
{
	void *page;
	int fd;
	int error = make(NULL, -1, &fd, &page);

	if (!error)
		start(server, fd, page, identity);
	return error;
}

void ms_control_before_fork(struct ms_control_server *server)
{
	if (!ms_inode_is(server->fd, &server->held))
		server->held = (struct ms_inode){0}; /* the host has closed it */
}

int ms_control_recreate(struct ms_control_server *server, uint64_t identity)
{
	void *was = server->page, *page = NULL;
	int old_fd = server->held.inode ? server->fd : -1, fd = -1;

	if (!was)
		return -ENOENT;
	int error = make(was, old_fd, &fd, &page);

	if (error && ms_memfd_map_placeholder(MS_CONTROL_BYTES, was, &page) < 0)
		*server = (struct ms_control_server){.fd = -1};
	else
		start(server, fd, page, identity);
	if (old_fd >= 0 && fd != old_fd)
		close(old_fd);
	return error ? error : page != was;
}

void ms_control_destroy(struct ms_control_server *server)
{
	if (server->page)
		munmap(server->page, MS_CONTROL_BYTES);
	ms_inode_close(server->fd, &server->held);
	*server = (struct ms_control_server){.fd = -1};
}

/* ---- doorbell ---- */

uint32_t ms_control_doorbell(const struct ms_control_server *server)
{
	return atomic_load_explicit(&server->page->header.doorbell, memory_order_acquire); /* [control_server.S2] */
}

int ms_control_sleep(struct ms_control_server *server, uint32_t seen, uint64_t timeout_us)
{
	write_header(server);
	/* [control_server.S2] */
	return ms_futex_wait(&server->page->header.doorbell, seen, ms_clock_deadline(timeout_us));
}

void ms_control_wake(struct ms_control_server *server)
{
	atomic_fetch_add_explicit(&server->page->header.doorbell, 1, memory_order_acq_rel); /* [control_server.S2] */
	ms_futex_wake_all(&server->page->header.doorbell);
}

/* ---- slots ---- */

static bool move(struct ms_slot_abi *slot, uint32_t word, enum ms_slot_state state)
{
	/* Acquire for [control_server.S1], release for [control_server.S3] and [control_server.S4]. */
	return atomic_compare_exchange_strong_explicit(&slot->word, &word,
						       ms_slot_word(ms_slot_ticket(word), state),
						       memory_order_acq_rel, memory_order_relaxed);
}

/* Has the agent seen the slot like this for longer than an honest client needs? */
static bool patience_over(struct ms_control_server *server, uint32_t index, uint32_t word, uint64_t now_ns)
{
	if (server->seen_word[index] != word) {
		server->seen_word[index] = word;
		server->seen_since_ns[index] = now_ns;
		return false;
	}
	return now_ns >= server->seen_since_ns[index] && now_ns - server->seen_since_ns[index] >= PATIENCE_NS;
}

static bool is_taken(const struct ms_control_server *server, uint32_t index)
{
	return server->taken & 1u << index;
}

/* Free a slot that its client left, or that is in a state no honest peer made. */
static void sweep(struct ms_control_server *server, uint32_t index, uint32_t word, uint64_t now_ns)
{
	uint32_t state = ms_slot_state(word);

	if (state == MS_SLOT_FREE || is_taken(server, index))
		return;
	if (patience_over(server, index, word, now_ns) && move(&server->page->slots[index], word, MS_SLOT_FREE))
		ms_futex_wake_all(&server->page->slots[index].word);
}

/* Does the order name what its scope asks for? */
static bool names_rows(const struct ms_order *order)
{
	switch (order->scope) {
	case MS_SCOPE_PROCESS:
		return !order->row && !order->generation;
	case MS_SCOPE_ROW:
	case MS_SCOPE_GROUP:
		return order->row < MS_ROW_COUNT && order->generation & 1;
	}
	return false;
}

/* Return: true and a copy of the order, its values brought within bounds; false for nonsense. */
static bool read_order(const struct ms_slot_abi *slot, uint32_t ticket, struct ms_order *ret_order)
{
	uint64_t check;

	ms_copy_get(ret_order, (const unsigned char *)slot + offsetof(struct ms_slot_abi, seq),
		     sizeof(*ret_order));
	ms_copy_get(&check, &slot->check, sizeof(check));
	if (check != ms_slot_check(ticket, ret_order))
		return false;
	if (!ret_order->seq || ret_order->level > MS_LEVEL_EMERGENCY || !names_rows(ret_order))
		return false;
	ret_order->reuse = 0; /* of own orders alone */
	if (ret_order->reason > MAX_REASON)
		ret_order->reason = 0;
	if (ret_order->timeout_us == 0)
		ret_order->timeout_us = DEFAULT_TIMEOUT_US;
	if (ret_order->timeout_us > MAX_TIMEOUT_US)
		ret_order->timeout_us = MAX_TIMEOUT_US;
	return true;
}

static bool take(struct ms_control_server *server, uint32_t index, uint32_t word, struct ms_order *ret_order,
		 struct ms_order_handle *ret_handle)
{
	struct ms_slot_abi *slot = &server->page->slots[index];
	struct ms_order_handle handle = {.slot = index, .word_ticket = ms_slot_ticket(word)};
	struct ms_order order;

	MS_KILL_POINT("take:before-running");
	if (!move(slot, word, MS_SLOT_RUNNING)) /* [control_server.S1] */
		return false;
	MS_KILL_POINT("take:running");
	server->taken |= 1u << index;
	if (!read_order(slot, handle.word_ticket, &order)) {
		ms_control_answer(server, &handle,
				  &(struct ms_answer){.status = MS_ANSWER_INVALID, .error = -EINVAL});
		return false;
	}
	*ret_order = order;
	*ret_handle = handle;
	return true;
}

int ms_control_take(struct ms_control_server *server, uint64_t now_ns, struct ms_order *ret_order,
		    struct ms_order_handle *ret_handle)
{
	uint32_t start_slot = server->next_slot;

	write_header(server);
	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		uint32_t index = (start_slot + i) % MS_SLOT_COUNT;
		/* A mere look: the move that follows says whether it still holds. */
		uint32_t word = atomic_load_explicit(&server->page->slots[index].word, memory_order_relaxed);

		/* The agent works on it, and it reads POSTED: a hostile peer wrote that. */
		if (ms_slot_state(word) != MS_SLOT_POSTED || is_taken(server, index)) {
			sweep(server, index, word, now_ns);
			continue;
		}
		if (take(server, index, word, ret_order, ret_handle)) {
			server->next_slot = (index + 1) % MS_SLOT_COUNT;
			return 1;
		}
	}
	return 0;
}

/* The client waits, or it has gone; a slot that is no longer ours is left alone. */
static void finish(struct ms_slot_abi *slot, const struct ms_order_handle *handle)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
		uint32_t state = ms_slot_state(word);

		if (ms_slot_ticket(word) != handle->word_ticket)
			return;
		if (state != MS_SLOT_RUNNING && state != MS_SLOT_ABANDONED)
			return;
		MS_KILL_POINT("answer:before-done");
		/* [control_server.S3] [control_server.S4] */
		if (move(slot, word, state == MS_SLOT_RUNNING ? MS_SLOT_DONE : MS_SLOT_FREE))
			return;
	}
}

void ms_control_answer(struct ms_control_server *server, const struct ms_order_handle *handle,
		       const struct ms_answer *answer)
{
	uint32_t index = handle->slot % MS_SLOT_COUNT;
	struct ms_slot_abi *slot = &server->page->slots[index];
	uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	if (!is_taken(server, index))
		return;
	server->taken &= ~(1u << index);
	/* Another order may be there by now: its answer is not for us to write. */
	if (ms_slot_ticket(word) != handle->word_ticket)
		return;
	MS_KILL_POINT("answer:before-body");
	ms_copy_put((unsigned char *)slot + offsetof(struct ms_slot_abi, status), answer, sizeof(*answer));
	MS_KILL_POINT("answer:body");
	finish(slot, handle);
	MS_KILL_POINT("answer:done");
	ms_futex_wake_all(&slot->word);
	MS_KILL_POINT("answer:woken");
}

bool ms_control_posted(const struct ms_control_server *server)
{
	for (uint32_t i = 0; server->page && i < MS_SLOT_COUNT; i++) {
		uint32_t word = atomic_load_explicit(&server->page->slots[i].word, memory_order_relaxed);

		if (ms_slot_state(word) == MS_SLOT_POSTED)
			return true;
	}
	return false;
}

bool ms_control_busy(const struct ms_control_server *server)
{
	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		uint32_t word = atomic_load_explicit(&server->page->slots[i].word, memory_order_relaxed);

		if (ms_slot_state(word) != MS_SLOT_FREE && !is_taken(server, i))
			return true;
	}
	return false;
}

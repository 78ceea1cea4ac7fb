/* SPDX-License-Identifier: MIT */
/*
 * table/control_client.c - post an order and wait for its answer. The state machine is at the head
 * of layout.h.
 *
 * Owns the mapping and descriptor of one control page. One thread per struct ms_control_client; any
 * number of processes per page. After ms_control_open() nothing allocates or opens, so that it works
 * in a memory cgroup that is full. The page is hostile: everything is copied once and checked, no
 * loop's length is the page's to say.
 *
 *   [control_client.C1] body before POSTED (release); pairs with [control_server.S1]
 *   [control_client.C2] POSTED before the doorbell (release); pairs with [control_server.S2]
 *   [control_client.C3] DONE (acquire) before the answer is copied; pairs with [control_server.S3]
 *   [control_client.C4] the answer's copy before FREE (release), as the next client finds it;
 *                       pairs with [control_client.C5]
 *   [control_client.C5] FREE (acquire) before the body is written;
 *                       pairs with [control_client.C4], [control_server.S4]
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table/control.h"
#include "table/slot.h"
#include "table/killpoint.h"
#include "table/copy.h"
#include "util/clock.h"
#include "util/futex.h"

enum { TRIES = 8 }; /* no honest peer moves a slot more often while we look */

static int check_file(int fd)
{
	int need = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;

	if (seals < 0) /* not a memfd; nothing else is asked of it, for its file system may be hostile */
		return -EBADMSG;
	if ((seals & need) != need)
		return -EPERM;
	if (fstat(fd, &status) < 0)
		return -errno;
	return S_ISREG(status.st_mode) && status.st_size == MS_CONTROL_BYTES ? 0 : -EBADMSG;
}

static bool header_fits(const struct ms_control_abi *page, uint64_t identity)
{
	struct ms_control_header header;

	ms_copy_get(&header, &page->header, sizeof(header));
	return header.magic == MS_CONTROL_MAGIC && header.endian == MS_ENDIAN_MARK &&
	       header.major == MS_TABLE_MAJOR && header.slot_bytes == MS_SLOT_BYTES &&
	       header.slot_count == MS_SLOT_COUNT &&
	       header.header_bytes == offsetof(struct ms_control_abi, slots) && header.identity == identity;
}

static void wake_agent(struct ms_control_abi *page)
{
	_Atomic uint32_t *doorbell = &page->header.doorbell;

	atomic_fetch_add_explicit(doorbell, 1, memory_order_acq_rel); /* [control_client.C2] */
	MS_KILL_POINT("post:doorbell");
	ms_futex_wake_all(doorbell);
}

int ms_control_open(struct ms_control_client *client, int fd, uint64_t identity, int pidfd, int signal)
{
	if (signal != 0 && !ms_slot_signal_fits(signal))
		return -EINVAL;
	int error = check_file(fd);

	if (error)
		return error;
	void *page = mmap(NULL, MS_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	madvise(page, MS_CONTROL_BYTES, MADV_DONTFORK);
	if (!header_fits(page, identity)) {
		wake_agent(page);
		munmap(page, MS_CONTROL_BYTES);
		return -EBADMSG;
	}
	*client = (struct ms_control_client){.page = page, .fd = fd, .pidfd = pidfd, .signal = signal};
	return 0;
}

void ms_control_close(struct ms_control_client *client)
{
	if (client->page)
		munmap(client->page, MS_CONTROL_BYTES);
	if (client->fd >= 0)
		close(client->fd);
	client->page = NULL;
	client->fd = -1;
}

/* ---- post ---- */

/* FREE -> CLAIMED, with the next ticket. */
static bool claim(struct ms_slot_abi *slot, uint32_t *ret_ticket, bool *ret_sane)
{
	uint32_t word = atomic_load_explicit(&slot->word, memory_order_acquire); /* [control_client.C5] */

	*ret_sane = ms_slot_state(word) <= MS_SLOT_ABANDONED;
	if (ms_slot_state(word) != MS_SLOT_FREE)
		return false;
	uint32_t ticket = ms_slot_ticket(ms_slot_word(ms_slot_ticket(word) + 1, MS_SLOT_FREE));

	*ret_ticket = ticket;
	return atomic_compare_exchange_strong_explicit(&slot->word, &word, ms_slot_word(ticket, MS_SLOT_CLAIMED),
						       memory_order_acq_rel, memory_order_relaxed); /* [control_client.C5] */
}

static bool fill_and_post(struct ms_slot_abi *slot, uint32_t ticket, const struct ms_order *order)
{
	uint32_t word = ms_slot_word(ticket, MS_SLOT_CLAIMED);
	uint64_t check = ms_slot_check(ticket, order);

	MS_KILL_POINT("post:claimed");
	__atomic_store_n(&slot->client_pid, (uint32_t)getpid(), __ATOMIC_RELAXED);
	ms_copy_put((unsigned char *)slot + offsetof(struct ms_slot_abi, seq), order, sizeof(*order));
	MS_KILL_POINT("post:half-filled");
	ms_copy_put((unsigned char *)slot + offsetof(struct ms_slot_abi, check), &check, sizeof(check));
	MS_KILL_POINT("post:filled");
	return atomic_compare_exchange_strong_explicit(&slot->word, &word, ms_slot_word(ticket, MS_SLOT_POSTED),
						       memory_order_acq_rel, memory_order_relaxed); /* [control_client.C1] */
}

void ms_control_ring(struct ms_control_client *client)
{
	wake_agent(client->page);
	if (client->signal && client->pidfd >= 0)
		pidfd_send_signal(client->pidfd, client->signal, NULL, 0);
	MS_KILL_POINT("post:woken");
}

int ms_control_post(struct ms_control_client *client, const struct ms_order *order,
		    struct ms_order_handle *ret_handle)
{
	uint32_t start = (uint32_t)getpid();
	bool any_sane = false;

	for (uint32_t i = 0; i < MS_SLOT_COUNT; i++) {
		uint32_t index = (start + i) % MS_SLOT_COUNT;
		struct ms_slot_abi *slot = &client->page->slots[index];
		uint32_t ticket;
		bool sane;

		bool ours = claim(slot, &ticket, &sane);

		any_sane = any_sane || sane;
		if (!ours || !fill_and_post(slot, ticket, order))
			continue;
		MS_KILL_POINT("post:posted");
		*ret_handle = (struct ms_order_handle){.slot = index, .word_ticket = ticket};
		ms_control_ring(client);
		return 0;
	}
	return any_sane ? -EAGAIN : -EPROTO;
}

/* ---- answer ---- */

static bool status_known(uint32_t status)
{
	return (status >= MS_ANSWER_DONE && status <= MS_ANSWER_UNSUPPORTED) ||
	       (status >= MS_ANSWER_GONE && status <= MS_ANSWER_STOPPED);
}

static void copy_answer(const struct ms_slot_abi *slot, struct ms_answer *ret_answer)
{
	struct ms_answer answer;

	ms_copy_get(&answer, (const unsigned char *)slot + offsetof(struct ms_slot_abi, status), sizeof(answer));
	if (!status_known(answer.status))
		answer.status = MS_ANSWER_INVALID;
	if (answer.error > 0 || answer.error < -4095)
		answer.error = 0;
	*ret_answer = answer;
}

_Static_assert(offsetof(struct ms_slot_abi, caches) - offsetof(struct ms_slot_abi, status) ==
		       offsetof(struct ms_answer, caches),
	       "an answer is what stands in the slot");
_Static_assert(offsetof(struct ms_slot_abi, timeout_us) - offsetof(struct ms_slot_abi, seq) ==
		       offsetof(struct ms_order, timeout_us),
	       "an order is what stands in the slot");

static int poll_slot(struct ms_control_client *client, const struct ms_order_handle *handle,
		     struct ms_answer *ret_answer, bool *ret_running, uint32_t *ret_word)
{
	struct ms_slot_abi *slot = &client->page->slots[handle->slot % MS_SLOT_COUNT];
	uint32_t word = atomic_load_explicit(&slot->word, memory_order_acquire); /* [control_client.C3] */
	struct ms_answer answer;

	*ret_word = word;
	if (ms_slot_ticket(word) != handle->word_ticket)
		return -ESTALE;
	switch (ms_slot_state(word)) {
	case MS_SLOT_POSTED:
	case MS_SLOT_RUNNING:
		if (ret_running)
			*ret_running = ms_slot_state(word) == MS_SLOT_RUNNING;
		return 0;
	case MS_SLOT_DONE:
		copy_answer(slot, &answer);
		MS_KILL_POINT("answer:copied");
		if (!atomic_compare_exchange_strong_explicit(
			    &slot->word, &word, ms_slot_word(handle->word_ticket, MS_SLOT_FREE),
			    memory_order_acq_rel, memory_order_relaxed)) /* [control_client.C4] */
			return -ESTALE;
		*ret_answer = answer;
		return 1;
	}
	return -ESTALE;
}

int ms_control_poll(struct ms_control_client *client, const struct ms_order_handle *handle,
		    struct ms_answer *ret_answer, bool *ret_running)
{
	uint32_t word;

	return poll_slot(client, handle, ret_answer, ret_running, &word);
}

int ms_control_wait(struct ms_control_client *client, const struct ms_order_handle *handle,
		    uint64_t timeout_us, struct ms_answer *ret_answer, bool *ret_running)
{
	struct ms_slot_abi *slot = &client->page->slots[handle->slot % MS_SLOT_COUNT];
	uint64_t deadline = ms_clock_deadline(timeout_us);

	for (;;) {
		uint32_t word;
		int result = poll_slot(client, handle, ret_answer, ret_running, &word);

		if (result != 0)
			return result;
		if (ms_clock_ns() >= deadline)
			return -ETIMEDOUT;
		MS_KILL_POINT("wait:before-sleep");
		if (ms_futex_wait(&slot->word, word, deadline) == -EINTR)
			return -EINTR;
	}
}

bool ms_control_abandon(struct ms_control_client *client, const struct ms_order_handle *handle)
{
	struct ms_slot_abi *slot = &client->page->slots[handle->slot % MS_SLOT_COUNT];
	uint32_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	for (int i = 0; i < TRIES && ms_slot_ticket(word) == handle->word_ticket; i++) {
		uint32_t state = ms_slot_state(word);
		uint32_t next = state == MS_SLOT_RUNNING ? MS_SLOT_ABANDONED : MS_SLOT_FREE;

		if (state != MS_SLOT_POSTED && state != MS_SLOT_RUNNING && state != MS_SLOT_DONE)
			return false;
		MS_KILL_POINT("abandon:before");
		if (atomic_compare_exchange_strong_explicit(&slot->word, &word,
							    ms_slot_word(handle->word_ticket, next),
							    memory_order_acq_rel, memory_order_relaxed)) /* [control_client.C4] */
			return state == MS_SLOT_RUNNING;
	}
	return false;
}

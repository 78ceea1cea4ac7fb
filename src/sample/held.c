/* SPDX-License-Identifier: MIT */
/* sample/held.c - see held.h. */
#include "sample/held.h"

#include <errno.h>
#include <stdio.h>

#include "sample/text.h"
#include "util/cleanup.h"
#include "util/saturate.h"

/* A change of less is not worth reading status for. */
static const uint64_t NOISE_BYTES = UINT64_C(1) << 20;

static bool take_kib(const char *text, const char *key, uint64_t *ret_bytes)
{
	uint64_t kib;

	return ms_text_row_u64(text, key, &kib) && !__builtin_mul_overflow(kib, 1024, ret_bytes);
}

int ms_held_parse_status(const char *text, uint64_t *ret_shmem_bytes)
{
	return take_kib(text, "RssShmem:", ret_shmem_bytes) ? 0 : -EBADMSG;
}

int ms_held_parse_rollup(const char *text, uint64_t *ret_bytes)
{
	uint64_t anon_bytes, shmem_bytes;

	if (!take_kib(text, "Pss_Anon:", &anon_bytes) || !take_kib(text, "Pss_Shmem:", &shmem_bytes))
		return -EBADMSG;
	*ret_bytes = ms_sat_add(anon_bytes, shmem_bytes);
	return 0;
}

int ms_held_open(struct ms_held *held, const struct ms_root *root, pid_t pid)
{
	*held = (struct ms_held){.status_fd = ms_root_open(root, "proc/%d/status", (int)pid)};
	return held->status_fd < 0 ? held->status_fd : 0;
}

void ms_held_close(struct ms_held *held)
{
	ms_cleanup_close(&held->status_fd);
	held->status_fd = -1;
}

static void read_status(struct ms_held *held, const struct ms_root *root, uint64_t shared_bytes)
{
	char text[MS_TEXT_BYTES];
	uint64_t shmem_bytes;

	if (held->status_fd < 0 || ms_text_read(root, held->status_fd, text, sizeof(text)) < 0 ||
	    ms_held_parse_status(text, &shmem_bytes) < 0)
		return;
	held->known = true;
	held->shmem_bytes = shmem_bytes;
	held->shared_bytes = shared_bytes;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void ms_held_sample(struct ms_held *held, const struct ms_root *root, const struct ms_process_memory *memory)
{
	uint64_t shared_bytes = memory->shared_bytes, shmem_bytes = shared_bytes;

	if (shared_bytes > 0 &&
	    (!held->known || difference(shared_bytes, held->shared_bytes) > NOISE_BYTES))
		read_status(held, root, shared_bytes);
	if (held->known)
		shmem_bytes = ms_sat_add(held->shmem_bytes, ms_sat_sub(shared_bytes, held->shared_bytes));
	shmem_bytes = ms_least(shmem_bytes, shared_bytes);
	held->bytes = ms_sat_add(ms_sat_sub(memory->resident_bytes, shared_bytes), shmem_bytes);
}

void ms_held_forget(struct ms_held *held)
{
	held->known = false;
}

int ms_held_measure(const struct ms_held *held, const struct ms_root *root, const struct ms_process *process,
		    uint64_t *ret_twice_bytes)
{
	char text[MS_TEXT_BYTES];
	struct ms_process_stat stat;
	uint64_t own_bytes;
	MS_CLEANUP_FD int fd = ms_root_open(root, "proc/%d/smaps_rollup", (int)process->pid);

	if (fd < 0)
		return fd;
	ssize_t n = ms_text_read(root, fd, text, sizeof(text));
	int r = n < 0 ? (int)n : ms_held_parse_rollup(text, &own_bytes);

	/* Opened by number: it is of this process if the number is still its own. */
	if (r == 0)
		r = ms_process_read_stat(root, process->pid, process->start_ticks, &stat);
	if (r < 0)
		return r;
	*ret_twice_bytes = ms_sat_sub(held->bytes, own_bytes);
	return 0;
}

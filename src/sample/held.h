/* SPDX-License-Identifier: MIT */
/*
 * sample/held.h - what of a process's resident memory the kernel cannot take back by itself: anonymous memory and
 * shmem, but not the pages of mapped files. A cleared cache can return the former alone, so this is what --max means.
 *
 * statm counts shmem and file pages together; /proc/PID/status has them apart, at five times the cost. So status
 * is read when the two together changed, and what they changed by counts as shmem until then: never less than is
 * held.
 *
 * What processes share counts in each of them (after a fork all of it). How much that is says smaps_rollup, which
 * takes 10 to 16 ms per GiB and holds up the process's mmap() meanwhile: only now and then, and away from the alarm
 * path. A process that was just forked is taken to share all it can with its parent.
 *
 * Nothing allocates; ms_held_open() and ms_held_measure() open files. One thread per struct.
 */
#ifndef MS_SAMPLE_HELD_H
#define MS_SAMPLE_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/process.h"
#include "util/root.h"

struct ms_held {
	int status_fd; /* -1: all shared pages count as shmem */
	bool known;    /* status was read */
	uint64_t shmem_bytes, shared_bytes; /* when status was read, and what statm had then */
	uint64_t bytes;       /* last reading: anonymous + shmem */
	uint64_t twice_bytes; /* of these: counted in another process as well */
};

/** ms_held_parse_status - RssShmem of /proc/PID/status; Return: 0; -EBADMSG: none (a zombie), before Linux 4.5 */
int ms_held_parse_status(const char *text, uint64_t *ret_shmem_bytes);

/** ms_held_parse_rollup - Pss_Anon + Pss_Shmem of smaps_rollup; Return: 0; -EBADMSG before Linux 5.4 */
int ms_held_parse_rollup(const char *text, uint64_t *ret_bytes);

/** ms_held_open - Return: 0; a negative errno: all that is shared counts as shmem then */
int ms_held_open(struct ms_held *held, const struct ms_root *root, pid_t pid);
void ms_held_close(struct ms_held *held);

/** ms_held_sample - @memory: statm as just read */
void ms_held_sample(struct ms_held *held, const struct ms_root *root, const struct ms_process_memory *memory);

/** ms_held_forget - have the next sample read status, whatever statm says */
void ms_held_forget(struct ms_held *held);

/**
 * ms_held_measure - how much of it is counted in other processes as well
 * Return: 0; -EACCES, -ESRCH ...; @ret_twice_bytes is untouched then.
 */
int ms_held_measure(const struct ms_held *held, const struct ms_root *root, const struct ms_process *process,
		    uint64_t *ret_twice_bytes);

#endif

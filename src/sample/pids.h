/* SPDX-License-Identifier: MIT */
/*
 * sample/pids.h - every process of the machine, for `list` and `show`: the only user of libproc2.
 *
 * Allocates, opens and takes milliseconds: never on the alarm path. Reads stat, statm and status; never
 * cmdline or environ, which can fault in the target's swapped pages and wait for its mmap lock. Always the
 * real /proc: libproc2 has no other.
 */
#ifndef MS_SAMPLE_PIDS_H
#define MS_SAMPLE_PIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/process.h"

struct ms_pid_facts {
	pid_t pid, ppid;
	uid_t uid; /* effective */
	char state; /* R S D T t Z X I; T: stopped by a signal, t: by a debugger; Z: all threads have ended */
	uint32_t threads;
	uint64_t start_ticks;
	uint64_t rss_bytes, swap_bytes;
	char comm[MS_COMM_BYTES]; /* escape before printing */
};

/**
 * ms_pids_list - every process that can be seen, by pid
 * @ret_facts: free() it
 * Return: 0; -ENOMEM; another negative errno.
 */
int ms_pids_list(struct ms_pid_facts **ret_facts, size_t *ret_count);

/** ms_pids_facts - of one; Return: 0; -ESRCH; -ENOMEM; another negative errno */
int ms_pids_facts(pid_t pid, struct ms_pid_facts *ret_facts);

/** ms_pid_has_name - is this its comm? Of a name longer than the kernel's 15 bytes these count */
bool ms_pid_has_name(const struct ms_pid_facts *facts, const char *name);

/** ms_pid_state_name - "running", "stopped", ... for the letter in struct ms_pid_facts, or "unknown" */
const char *ms_pid_state_name(char state);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sample/psi.h - how long tasks stalled for memory: the total= counters of a pressure file.
 *
 * Read at each sample instead of armed as a trigger: unprivileged triggers are evaluated every 2 s and fire
 * once falsely after arming. Absent where the kernel has no PSI; then nothing is known.
 */
#ifndef MS_SAMPLE_PSI_H
#define MS_SAMPLE_PSI_H

#include <stdint.h>

#include "util/root.h"

struct ms_psi_totals {
	uint64_t some_us; /* at least one task stalled */
	uint64_t full_us; /* all did; 0 where the kernel does not say */
};

struct ms_psi {
	const struct ms_root *root;
	int fd;
};

/** ms_psi_parse - Return: 0; -EBADMSG */
int ms_psi_parse(const char *text, struct ms_psi_totals *ret_totals);

/**
 * ms_psi_open - @path: below the root: "proc/pressure/memory", or a v2 cgroup's memory.pressure
 * Return: 0; -ENOENT no PSI; -EOPNOTSUPP PSI is switched off; another negative errno.
 */
int ms_psi_open(struct ms_psi *psi, const struct ms_root *root, const char *path);
void ms_psi_close(struct ms_psi *psi);

/** ms_psi_read - one pread; Return: 0; -EBADMSG; a negative errno */
int ms_psi_read(const struct ms_psi *psi, struct ms_psi_totals *ret_totals);

#endif

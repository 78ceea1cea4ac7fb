/* SPDX-License-Identifier: MIT */
/*
 * cmd/doctor.h - what this system offers, one check after the other.
 *
 * A check looks at one thing and says what was found and what follows from it for memshed. Checks that
 * must try something do so in a child process, or undo it at once.
 */
#ifndef MS_CMD_DOCTOR_H
#define MS_CMD_DOCTOR_H

#include <stddef.h>

#include "util/root.h"

enum ms_check_state {
	MS_CHECK_OK = 0,
	MS_CHECK_LIMITED, /* works, but less well */
	MS_CHECK_MISSING, /* memshed does without */
};

struct ms_check {
	enum ms_check_state state;
	char found[320];
	char follows[320];
};

/* Each fills in *ret_check. @root: where /proc and /sys are; what is tried is tried on the real system. */
typedef void ms_check_fn(const struct ms_root *root, struct ms_check *ret_check);

/* doctor_system.c: what files say */
ms_check_fn ms_check_kernel, ms_check_memory, ms_check_swap, ms_check_overcommit, ms_check_thp,
	ms_check_hidepid;
/* doctor_cgroup.c */
ms_check_fn ms_check_cgroup, ms_check_limits, ms_check_child_cgroup;
/* doctor_try.c: what has to be tried */
ms_check_fn ms_check_others, ms_check_memfd, ms_check_pidfd, ms_check_fifo, ms_check_mlock,
	ms_check_oom_score, ms_check_python;

/* doctor_say.c */

/** ms_check_say - set state and both texts; @follows is printf-like */
void ms_check_say(struct ms_check *check, enum ms_check_state state, const char *found, const char *follows,
		  ...) __attribute__((format(printf, 4, 5)));

/** ms_check_read - one file as a line of text without its newline; Return: its length; a negative errno */
ssize_t ms_check_read(const struct ms_root *root, const char *path, char *text, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * run/enforce.h - make --max a limit of the kernel's: a memory cgroup of the job's own, where one may be made.
 *
 * The command's process waits before it executes anything while it is moved there, so that nothing of the job is
 * counted elsewhere. No memory.high is set: see ms_policy_marks_of(). Version 2 of cgroups only: on v1 nothing is
 * delegated, and --max stays what shrinking alone keeps to. Tried in this order:
 *
 *   - a child of our own cgroup, where that hands the memory controller to its children (the root)
 *   - two children of it, one for us and one for the job, where nothing else is in it (a container, a service
 *     with Delegate=): a cgroup with processes in it cannot have children with controllers
 *   - a scope of systemd's, asked for by busctl: of the user's own manager, or for root of the system's;
 *     unless the cgroup that is left then has a limit, or one of its ancestors; and not where the command may be
 *     started again, since systemd removes the scope with its last process
 *
 * What cannot be had is said, and --max is then kept to by shrinking alone. One thread; not on the alarm path.
 */
#ifndef MS_RUN_ENFORCE_H
#define MS_RUN_ENFORCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sample/cgroup.h"

enum { MS_ENFORCE_PATH_BYTES = 2 * MS_CGROUP_PATH_BYTES };

struct ms_enforce {
	bool enforced;
	int error; /* negative errno: why it is not */
	pid_t helper; /* is moved along with us; 0: there is none, or it has ended */
	/* Directories; "" = not ours to remove. */
	char own[MS_ENFORCE_PATH_BYTES];  /* where we were */
	char job[MS_ENFORCE_PATH_BYTES];  /* where the job is */
	char leaf[MS_ENFORCE_PATH_BYTES]; /* where we are meanwhile, of two children */
};

/**
 * ms_enforce_open - make the cgroup and move the command's process
 * @enforce: zeroed but for helper
 * @child: waits, and has executed nothing
 * @again: the command may be started again later
 * Fills in @enforce, whatever comes of it; nothing is left behind where it failed.
 */
void ms_enforce_open(struct ms_enforce *enforce, const struct ms_root *root, pid_t child, uint64_t max_bytes,
		     bool again);

/**
 * ms_enforce_place - the command is started again: move its new process
 * @enforce: a struct ms_enforce
 * @child: waits, and has executed nothing
 * Return: 0, also where nothing is enforced; a negative errno.
 */
int ms_enforce_place(void *enforce, pid_t child);

/** ms_enforce_close - the job has ended: remove what was made; what is still in use stays */
void ms_enforce_close(struct ms_enforce *enforce);

#endif

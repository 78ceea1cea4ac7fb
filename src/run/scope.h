/* SPDX-License-Identifier: MIT */
/*
 * run/scope.h - have systemd put a process into a scope with a memory limit, over D-Bus.
 *
 * busctl, which comes with systemd, makes the call: it is there wherever this can work, needs no library in this
 * process, and its command line is stable. It runs once, before the command is executed, and is given up after
 * some seconds. systemd removes the scope when its last process has ended.
 */
#ifndef MS_RUN_SCOPE_H
#define MS_RUN_SCOPE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/root.h"

/** ms_scope_is_possible - is there a manager to ask: the user's own, or for root the system's */
bool ms_scope_is_possible(void);

/**
 * ms_scope_make - memshed-PID.scope with MemoryMax, and the process in it
 * @pid: a process of ours that waits
 *
 * Return: 0; -EEXIST its cgroup, or an ancestor, has a limit of its own, which it would get out of; -ENOENT no busctl;
 * -EPERM it was refused; -ETIMEDOUT; -ENOTSUP the scope has no memory controller.
 */
int ms_scope_make(const struct ms_root *root, pid_t pid, uint64_t max_bytes);

#endif

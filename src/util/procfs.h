/* SPDX-License-Identifier: MIT */
/*
 * util/procfs.h - is there a /proc, and is it of our own pid namespace?
 *
 * Without it every process seems to be gone; and in one that was mounted for another pid namespace the number
 * of a process of ours is another process's.
 */
#ifndef MS_UTIL_PROCFS_H
#define MS_UTIL_PROCFS_H

/** ms_procfs_check - Return: 0; -ENODEV there is none; -EXDEV it is of another pid namespace */
int ms_procfs_check(void);

/** ms_procfs_fault - what to say of an error of ms_procfs_check(); NULL for other errors */
const char *ms_procfs_fault(int error);

#endif

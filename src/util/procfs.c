/* SPDX-License-Identifier: MIT */
/* util/procfs.c - see procfs.h. */
#include "util/procfs.h"

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

int ms_procfs_check(void)
{
	char self[16] = "";
	struct statfs mount;

	if (statfs("/proc", &mount) < 0 || mount.f_type != PROC_SUPER_MAGIC)
		return -ENODEV;
	if (readlink("/proc/self", self, sizeof(self) - 1) < 0)
		return -EXDEV; /* there is no such number for us in that namespace */
	return atoi(self) == getpid() ? 0 : -EXDEV;
}

const char *ms_procfs_fault(int error)
{
	switch (error) {
	case -ENODEV:
		return "cannot read /proc: is it mounted?";
	case -EXDEV:
		return "/proc is of another pid namespace; mount a new one here";
	default:
		return NULL;
	}
}

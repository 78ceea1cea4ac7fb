/* SPDX-License-Identifier: MIT */
/* cmd/doctor_cgroup.c - the checks on memory cgroups, and on all limits together. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/doctor.h"
#include "sample/budget.h"
#include "util/units.h"

enum { LIMITS = 48 };

void ms_check_cgroup(const struct ms_root *root, struct ms_check *ret_check)
{
	struct ms_cgroup cgroup;
	char found[MS_LIMIT_WHERE_BYTES + 64];

	if (ms_cgroup_open(&cgroup, root, getpid()) < 0 || cgroup.version == MS_CGROUP_NONE) {
		ms_check_say(ret_check, MS_CHECK_MISSING, "no memory controller is visible",
			     "limits of a container or unit would not be noticed; give --max");
		return;
	}
	snprintf(found, sizeof(found), "version %d%s%s", cgroup.version == MS_CGROUP_V1 ? 1 : 2,
		 cgroup.level_count > 0 ? ", " : "", cgroup.level_count > 0 ? cgroup.levels[0].path : "");
	if (cgroup.level_count == 0)
		ms_check_say(ret_check, MS_CHECK_MISSING, found,
			     "its files cannot be read from here; give --max when a limit is in force");
	else if (cgroup.partial)
		ms_check_say(ret_check, MS_CHECK_LIMITED, found,
			     "groups further up cannot be seen from here; give --max when one of them has a "
			     "limit");
	else
		ms_check_say(ret_check, MS_CHECK_OK, found,
			     "limits of all groups above are seen; the nearest counts");
	ms_cgroup_close(&cgroup);
}

void ms_check_limits(const struct ms_root *root, struct ms_check *ret_check)
{
	struct ms_sample sample;
	char found[MS_LIMIT_WHERE_BYTES + 96], max[MS_UNITS_TEXT], used[MS_UNITS_TEXT];

	if (ms_sample_once(root, getpid(), 0, &sample, NULL, 0, NULL) < 0 ||
	    sample.limit.source == MS_LIMIT_NONE) {
		ms_check_say(ret_check, MS_CHECK_LIMITED, "none is known", "give --max");
		return;
	}
	const struct ms_limit *limit = &sample.limit;
	snprintf(found, sizeof(found), "%s, %s%s%s", ms_units_format_bytes(max, limit->max_bytes),
		 ms_limit_source_name(limit->source), limit->where[0] ? " of " : "", limit->where);
	ms_check_say(ret_check, MS_CHECK_OK, found,
		     "the nearest one for a process started here; %s of it used",
		     ms_units_format_bytes(used, limit->used_bytes));
}

/* The directory a level's files are in. Return: 0; -ENOENT. */
static int level_directory(const struct ms_cgroup_level *level, char path[PATH_MAX])
{
	char link[64];

	if (level->usage_fd < 0)
		return -ENOENT;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", level->usage_fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length <= 0)
		return -ENOENT;
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* Make a child group, see whether memory can be limited in it, and remove it again. */
static int try_child(const char *parent)
{
	char child[PATH_MAX];

	if ((size_t)snprintf(child, sizeof(child), "%s/memshed-doctor.%d", parent, (int)getpid()) >=
	    sizeof(child))
		return -ENAMETOOLONG;
	if (mkdir(child, 0755) < 0)
		return -errno;
	int dir = open(child, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = dir < 0 || (faccessat(dir, "memory.max", W_OK, AT_EACCESS) < 0 &&
				faccessat(dir, "memory.limit_in_bytes", W_OK, AT_EACCESS) < 0)
			    ? -ENOTSUP
			    : 0;
	if (dir >= 0)
		close(dir);
	rmdir(child);
	return error;
}

void ms_check_child_cgroup(const struct ms_root *root, struct ms_check *ret_check)
{
	struct ms_cgroup cgroup;
	char parent[PATH_MAX];
	int error = ms_cgroup_open(&cgroup, root, getpid());

	if (error == 0)
		error = cgroup.level_count > 0 ? level_directory(&cgroup.levels[0], parent) : -ENOENT;
	if (error == 0)
		error = try_child(parent);
	if (error == 0)
		ms_check_say(ret_check, MS_CHECK_OK, "one can be made here",
			     "a job can be given a limit of its own");
	else if (error == -ENOTSUP)
		ms_check_say(ret_check, MS_CHECK_LIMITED, "one can be made, but without a limit on memory",
			     "the memory controller is not handed on to children here; --max still works");
	else
		ms_check_say(ret_check, MS_CHECK_MISSING, "none can be made here",
			     "%s; a job cannot be given a limit that the kernel keeps, but --max works",
			     strerror(-error));
	ms_cgroup_close(&cgroup);
}

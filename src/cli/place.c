/* SPDX-License-Identifier: MIT */
/* cli/place.c - see place.h. */
#include "cli/place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

const char ms_place_bin[] = MS_BINDIR;
const char ms_place_libexec[] = MS_PKGLIBEXECDIR;

/* From one folder to another, as a path with "..". */
static int find_relative(char *path, size_t size, const char *from, const char *to)
{
	size_t same = 0, n = 0;

	for (size_t i = 0; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			same = i + 1;
	for (const char *rest = from + same; rest; rest = strchr(rest + 1, '/'))
		n += (size_t)snprintf(path + n, n < size ? size - n : 0, "../");
	n += (size_t)snprintf(path + n, n < size ? size - n : 0, "%s", to + same);
	return n < size ? 0 : -ENAMETOOLONG;
}

static bool holds(const char *dir, const char *file)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, file);

	return n < (int)sizeof(path) && access(path, R_OK) == 0;
}

/* Without /proc the path that it was executed by must do. Return: whether it is known. */
static bool own_folder(char dir[PATH_MAX / 2])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX / 2 - 1);

	if (n > 0)
		dir[n] = '\0';
	else
		snprintf(dir, PATH_MAX / 2, "%s", (const char *)getauxval(AT_EXECFN));
	char *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	return slash;
}

/*
 * Find the folder with @file in it.
 * @built: below the folder of this program in the build tree; @installed: as configured
 */
static bool find_dir(const char *own_dir, const char *built, const char *installed, const char *file,
		     char path[PATH_MAX])
{
	char dir[PATH_MAX / 2], relative[PATH_MAX / 2 - 1];

	if (!own_folder(dir))
		return false;
	snprintf(path, PATH_MAX, "%s/%s", dir, built);
	if (holds(path, file))
		return true;
	if (find_relative(relative, sizeof(relative), own_dir, installed) < 0)
		return false;
	snprintf(path, PATH_MAX, "%s/%s", dir, relative);
	return holds(path, file);
}

const char *ms_place_python(const char *own_dir, char path[PATH_MAX])
{
	return find_dir(own_dir, "contrib/python", MS_PYTHONDIR, "sitecustomize.py", path) ? path : NULL;
}

const char *ms_place_runner(const char *own_dir, char path[PATH_MAX])
{
	static const char name[] = "/memshed-run";

	if (!find_dir(own_dir, ".", ms_place_libexec, name + 1, path) ||
	    strlen(path) + sizeof(name) > PATH_MAX)
		snprintf(path, PATH_MAX, "%s", ms_place_libexec);
	return strncat(path, name, PATH_MAX - strlen(path) - 1);
}

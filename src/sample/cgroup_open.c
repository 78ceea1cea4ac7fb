/* SPDX-License-Identifier: MIT */
/*
 * sample/cgroup_open.c - find the directories of a process's cgroup and of its ancestors, and open their
 * files.
 *
 * /proc/PID/cgroup and the mounts' root fields are both given relative to the cgroup namespace of the
 * reader, so they match each other here whatever namespace the target lives in:
 *
 *   mount root /            the whole hierarchy (of the namespace): point + path
 *   mount root /docker/x    a bind mount, or a container without a namespace: strip it from the path;
 *                           what is above cannot be seen
 *   mount root /..          mounted outside this namespace: the names in between are unknown; only the
 *                           mount's own directory, which is an ancestor
 *   path under no mount     a sibling of another container: nothing to be seen
 *
 * A directory that does not exist here (deleted, or the container sees its own cgroup in place of
 * the root's) is skipped, its ancestors are not.
 */
#include "sample/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sample/text.h"
#include "util/cleanup.h"

enum { LINE_BYTES = 2 * MS_CGROUP_PATH_BYTES + 4096 };

/* Lines of a file of any length through a buffer of one; longer lines are dropped. */
struct lines {
	const struct ms_root *root;
	int fd;
	off_t offset;
	size_t length, used;
	bool dropping;
	char buffer[LINE_BYTES];
};

static int fill(struct lines *lines)
{
	memmove(lines->buffer, lines->buffer + lines->used, lines->length - lines->used);
	lines->length -= lines->used;
	lines->used = 0;
	if (lines->length == sizeof(lines->buffer)) {
		lines->length = 0;
		lines->dropping = true;
	}
	const struct ms_io_ops *ops = &lines->root->ops;
	ssize_t n;

	do {
		n = ops->pread(ops->ctx, lines->fd, lines->buffer + lines->length,
			       sizeof(lines->buffer) - lines->length, lines->offset);
	} while (n == -EINTR);
	if (n <= 0)
		return (int)n;
	lines->length += (size_t)n;
	lines->offset += n;
	return 1;
}

/* Return: 1 and a line without its newline; 0 at the end; a negative errno. */
static int next_line(struct lines *lines, char **ret_line)
{
	for (;;) {
		char *start = lines->buffer + lines->used;
		char *end = memchr(start, '\n', lines->length - lines->used);

		if (!end) {
			int r = fill(lines);

			if (r <= 0)
				return r;
			continue;
		}
		*end = '\0';
		lines->used = (size_t)(end - lines->buffer) + 1;
		if (!lines->dropping) {
			*ret_line = start;
			return 1;
		}
		lines->dropping = false;
	}
}

/* The part of @path below @root, or NULL when it is not below. */
static const char *strip(const char *path, const char *root)
{
	size_t length = strlen(root);

	if (length == 1)
		return path;
	if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
		return NULL;
	return path + length;
}

/* How many "/.." a path begins with; @ret_rest: what follows. */
static unsigned count_ups(const char *path, const char **ret_rest)
{
	unsigned ups = 0;

	while (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0')) {
		path += 3;
		ups++;
	}
	*ret_rest = path;
	return ups;
}

/* Whether a mount's root is an ancestor of the path by unknown names: further up, and straight up. */
static bool is_above(const char *root, const char *path)
{
	const char *root_rest, *path_rest;

	return count_ups(root, &root_rest) > count_ups(path, &path_rest) && *root_rest == '\0';
}

static bool goes_up(const char *path)
{
	const char *rest;

	return count_ups(path, &rest) > 0;
}

/* What was found: the mount that shows the most of the path. */
struct place {
	bool found;
	bool above; /* the mount's own directory only */
	char root[MS_CGROUP_PATH_BYTES], point[MS_CGROUP_PATH_BYTES];
};

/* Of two mounts the one with the higher root shows more ancestors; of equals the later hides the earlier. */
static void consider(struct place *place, const struct ms_cgroup_mount *mount, const char *path)
{
	const char *below = strip(path, mount->root);
	bool above = is_above(mount->root, path);

	if (!above && (!below || goes_up(below)))
		return;
	if (place->found && place->above != above && above)
		return;
	if (place->found && place->above == above && strlen(place->root) < strlen(mount->root))
		return;
	place->found = true;
	place->above = above;
	strcpy(place->root, mount->root);
	strcpy(place->point, mount->point);
}

static int find_mount(const struct ms_root *root, enum ms_cgroup_version version, const char *path,
		      struct place *ret_place)
{
	struct ms_cgroup_mount mount;
	struct lines lines = {.root = root, .fd = -1};
	MS_CLEANUP_FD int fd = ms_root_open(root, "proc/self/mountinfo");
	char *line;
	int r;

	if (fd < 0)
		return fd;
	lines.fd = fd;
	ret_place->found = false;
	while ((r = next_line(&lines, &line)) > 0)
		if (ms_cgroup_parse_mount(line, &mount) == 0 && mount.version == version)
			consider(ret_place, &mount, path);
	return r;
}

/* Where a level keeps the descriptor of which file. */
static const struct {
	size_t offset;
	const char *v1, *v2; /* read, but for event_control, which is written to */
} FILES[] = {
	{offsetof(struct ms_cgroup_level, max_fd), "memory.limit_in_bytes", "memory.max"},
	{offsetof(struct ms_cgroup_level, usage_fd), "memory.usage_in_bytes", "memory.current"},
	{offsetof(struct ms_cgroup_level, stat_fd), "memory.stat", "memory.stat"},
	{offsetof(struct ms_cgroup_level, events_fd), "memory.oom_control", "memory.events"},
	{offsetof(struct ms_cgroup_level, high_fd), NULL, "memory.high"},
	{offsetof(struct ms_cgroup_level, swap_max_fd), "memory.memsw.limit_in_bytes", "memory.swap.max"},
	{offsetof(struct ms_cgroup_level, swap_usage_fd), "memory.memsw.usage_in_bytes",
	 "memory.swap.current"},
	{offsetof(struct ms_cgroup_level, kernel_fd), "memory.kmem.usage_in_bytes", NULL},
	{offsetof(struct ms_cgroup_level, event_control_fd), "cgroup.event_control", NULL},
	{offsetof(struct ms_cgroup_level, local_events_fd), NULL, "memory.events.local"},
};

enum { FILE_COUNT = sizeof(FILES) / sizeof(FILES[0]) };

static int *file_fd(struct ms_cgroup_level *level, unsigned i)
{
	return (int *)((char *)level + FILES[i].offset);
}

static void close_level(struct ms_cgroup_level *level)
{
	for (unsigned i = 0; i < FILE_COUNT; i++)
		ms_cleanup_close(file_fd(level, i));
}

static void clear_level(struct ms_cgroup_level *level)
{
	*level = (struct ms_cgroup_level){
		.max_bytes = MS_CGROUP_NO_LIMIT,
		.high_bytes = MS_CGROUP_NO_LIMIT,
		.swap_max_bytes = MS_CGROUP_NO_LIMIT,
	};
	for (unsigned i = 0; i < FILE_COUNT; i++)
		*file_fd(level, i) = -1;
}

static int open_files(struct ms_cgroup *cgroup, struct ms_cgroup_level *level, int dirfd)
{
	const struct ms_io_ops *ops = &cgroup->root->ops;

	for (unsigned i = 0; i < FILE_COUNT; i++) {
		const char *name = cgroup->version == MS_CGROUP_V1 ? FILES[i].v1 : FILES[i].v2;

		if (!name)
			continue;
		bool writes = file_fd(level, i) == &level->event_control_fd;

		*file_fd(level, i) = ops->openat(ops->ctx, dirfd, name,
						 (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
		if (ms_root_is_exhausted(*file_fd(level, i)))
			return *file_fd(level, i);
	}
	return 0;
}

/* A level without usage (the v2 root, a group without the controller), or that hides it, is left out. */
static int open_level(struct ms_cgroup *cgroup, const char *point, const char *below, size_t length)
{
	struct ms_cgroup_level *level = &cgroup->levels[cgroup->level_count];
	MS_CLEANUP_FD int dirfd = ms_root_open(cgroup->root, "./%s%.*s/.", point + 1, (int)length, below);

	if (ms_root_is_exhausted(dirfd))
		return dirfd;
	if (dirfd < 0) {
		cgroup->partial = true;
		return 0;
	}
	clear_level(level);
	int r = open_files(cgroup, level, dirfd);

	if (r < 0 || level->usage_fd < 0) {
		cgroup->partial = cgroup->partial || level->usage_fd == -EACCES || level->usage_fd == -EPERM;
		close_level(level);
		return r;
	}
	int n = snprintf(level->directory, sizeof(level->directory), "%s%.*s", point, (int)length, below);

	if (n < 0 || (size_t)n >= sizeof(level->directory))
		memset(level->directory, 0, sizeof(level->directory));
	cgroup->level_count++;
	return 0;
}

/* The end of a long path says more than its beginning. */
static void name_level(struct ms_cgroup_level *level, const char *root, const char *below, size_t length)
{
	char path[2 * MS_CGROUP_PATH_BYTES];
	const char *shown = strcmp(root, "/") == 0 ? "" : root;
	int n = snprintf(path, sizeof(path), "%s%.*s", shown, (int)length, below);

	if (n <= 0) {
		strcpy(level->path, "/");
	} else if (n < MS_LIMIT_WHERE_BYTES) {
		memcpy(level->path, path, (size_t)n + 1);
	} else {
		memcpy(level->path, "...", 3);
		memcpy(level->path + 3, path + n - (MS_LIMIT_WHERE_BYTES - 4), MS_LIMIT_WHERE_BYTES - 3);
	}
}

static int open_chain(struct ms_cgroup *cgroup, const struct place *place, const char *path)
{
	const char *below = place->above ? "" : strip(path, place->root);
	size_t length = strcmp(below, "/") == 0 ? 0 : strlen(below);

	cgroup->partial = place->above || strcmp(place->root, "/") != 0;
	for (;;) {
		if (cgroup->level_count == MS_CGROUP_LEVELS) {
			cgroup->partial = true;
			return 0;
		}
		uint32_t before = cgroup->level_count;
		int r = open_level(cgroup, place->point, below, length);

		if (r < 0)
			return r;
		if (cgroup->level_count > before)
			name_level(&cgroup->levels[before], place->root, below, length);
		if (length == 0)
			break;
		while (length > 0 && below[--length] != '/')
			;
	}
	/* The true root of v2 has no usage file: one at the mount's root means there is more above. */
	if (cgroup->version == MS_CGROUP_V2 && cgroup->level_count > 0 &&
	    strcmp(cgroup->levels[cgroup->level_count - 1].path, "/") == 0)
		cgroup->partial = true;
	return 0;
}

/* Return: 0, also when the kernel has no cgroups; -ENOENT when the process is accounted nowhere. */
static int read_membership(struct ms_cgroup *cgroup, pid_t pid, enum ms_cgroup_version *ret_version,
			   char path[MS_CGROUP_PATH_BYTES])
{
	char text[MS_CGROUP_MEMBERSHIP_BYTES];

	cgroup->membership_fd = ms_root_open(cgroup->root, "proc/%d/cgroup", (int)pid);
	if (cgroup->membership_fd < 0)
		return cgroup->membership_fd;
	ssize_t n = ms_text_read(cgroup->root, cgroup->membership_fd, text, sizeof(text));

	if (n < 0)
		return (int)n;
	cgroup->membership_hash = ms_cgroup_membership_hash(text);
	return ms_cgroup_parse_membership(text, ret_version, path);
}

int ms_cgroup_find(const struct ms_root *root, pid_t pid, enum ms_cgroup_version *ret_version,
		   char ret_path[2 * MS_CGROUP_PATH_BYTES])
{
	struct ms_cgroup cgroup = {.root = root};
	char path[MS_CGROUP_PATH_BYTES];
	struct place place;
	int r = read_membership(&cgroup, pid, ret_version, path);

	ms_cleanup_close(&cgroup.membership_fd);
	if (r == 0)
		r = find_mount(root, *ret_version, path, &place);
	if (r < 0)
		return r;
	if (!place.found || place.above)
		return -ENOENT;
	const char *below = strip(path, place.root);

	snprintf(ret_path, 2 * MS_CGROUP_PATH_BYTES, "%s%s", place.point, strcmp(below, "/") == 0 ? "" : below);
	return 0;
}

static int find_and_open(struct ms_cgroup *cgroup, pid_t pid)
{
	enum ms_cgroup_version version;
	char path[MS_CGROUP_PATH_BYTES];
	struct place place;
	int r = read_membership(cgroup, pid, &version, path);

	if (r == 0)
		r = find_mount(cgroup->root, version, path, &place);
	if (r < 0)
		return r;
	if (!place.found) {
		cgroup->partial = true;
		return 0;
	}
	cgroup->version = version;
	return open_chain(cgroup, &place, path);
}

int ms_cgroup_open(struct ms_cgroup *cgroup, const struct ms_root *root, pid_t pid)
{
	cgroup->root = root;
	cgroup->version = MS_CGROUP_NONE;
	cgroup->membership_fd = -1;
	cgroup->membership_hash = 0;
	cgroup->moved = cgroup->partial = false;
	cgroup->level_count = 0;
	cgroup->limits_at_ns = cgroup->membership_at_ns = 0;
	cgroup->limits_are_told = false;
	MS_CLEANUP_FD int dirfd = ms_root_open(root, "proc/%d", (int)pid);

	if (dirfd < 0)
		return dirfd == -ENOENT ? -ESRCH : dirfd;
	int r = find_and_open(cgroup, pid);

	if (r < 0)
		ms_cgroup_close(cgroup);
	return ms_root_is_exhausted(r) || r == -ESRCH ? r : 0;
}

void ms_cgroup_close(struct ms_cgroup *cgroup)
{
	for (uint32_t i = 0; i < cgroup->level_count; i++)
		close_level(&cgroup->levels[i]);
	ms_cleanup_close(&cgroup->membership_fd);
	cgroup->membership_fd = -1;
	cgroup->level_count = 0;
	cgroup->version = MS_CGROUP_NONE;
}

/* SPDX-License-Identifier: MIT */
/* run/enforce.c - see enforce.h. */
#include "run/enforce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "run/scope.h"
#include "sample/process.h"
#include "table/proc.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* A cgroup is in use for a moment after its last process was reaped. */
enum { REMOVE_TRIES = 50 };
#define REMOVE_EVERY_NS (2 * MS_NS_PER_MS)

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[MS_ENFORCE_PATH_BYTES + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	MS_CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static ssize_t read_file(const char *dir, const char *name, char *text, size_t size)
{
	char path[MS_ENFORCE_PATH_BYTES + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return ms_proc_read(AT_FDCWD, path, text, size);
}

/* A word of a line such as "cpu memory pids". */
static bool has_controller(const char *dir, const char *name)
{
	char text[512], *rest = text;

	if (read_file(dir, name, text, sizeof(text)) < 0)
		return false;
	for (char *word; (word = strsep(&rest, " \n"));)
		if (strcmp(word, "memory") == 0)
			return true;
	return false;
}

static int move(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return write_file(dir, "cgroup.procs", text);
}

static void remove_dir(char *dir)
{
	if (!dir[0])
		return;
	for (unsigned i = 0; rmdir(dir) < 0 && errno == EBUSY && i < REMOVE_TRIES; i++) {
		struct timespec pause = ms_clock_timespec(REMOVE_EVERY_NS);

		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	dir[0] = '\0';
}

/* @ret_dir: "" on failure. */
static int make_dir(const char *parent, const char *suffix, char ret_dir[MS_ENFORCE_PATH_BYTES])
{
	int n = snprintf(ret_dir, MS_ENFORCE_PATH_BYTES, "%s/memshed-%d%s", parent, (int)getpid(), suffix);
	int error = -ENAMETOOLONG;

	if (n < MS_ENFORCE_PATH_BYTES) {
		(void)rmdir(ret_dir); /* of one that was killed, and had our number; one in use stays */
		error = mkdir(ret_dir, 0755) < 0 ? -errno : 0;
	}
	if (error < 0)
		ret_dir[0] = '\0';
	return error;
}

/* The job's directory is there: its limit first, so that it never is without one. */
static int limit_and_move(const char *dir, pid_t child, uint64_t max_bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)max_bytes);
	int error = write_file(dir, "memory.max", text);

	return error < 0 ? error : move(dir, child);
}

static int make_child(struct ms_enforce *enforce, pid_t child, uint64_t max_bytes)
{
	int error = make_dir(enforce->own, "", enforce->job);

	return error < 0 ? error : limit_and_move(enforce->job, child, max_bytes);
}

/* systemd wants to be the only one to divide what it has not delegated; it marks what it has. */
static bool may_divide(const char *dir)
{
	char value[8];

	if (access("/run/systemd/system", F_OK) < 0)
		return true;
	return getxattr(dir, "trusted.delegate", value, sizeof(value)) > 0 ||
	       getxattr(dir, "user.delegate", value, sizeof(value)) > 0;
}

/* One child for us and the helper, one for the job. The kernel refuses the controller while another process
 * is in @own. */
static int divide(struct ms_enforce *enforce, pid_t child, uint64_t max_bytes)
{
	int error;

	if (!may_divide(enforce->own))
		return -EPERM;
	if (!has_controller(enforce->own, "cgroup.controllers"))
		return -ENOENT;
	error = make_dir(enforce->own, "-watch", enforce->leaf);
	if (error == 0)
		error = make_dir(enforce->own, "", enforce->job);
	if (error == 0)
		error = move(enforce->leaf, getpid());
	if (error == 0 && enforce->helper)
		error = move(enforce->leaf, enforce->helper);
	if (error == 0)
		error = move(enforce->job, child);
	if (error == 0)
		error = write_file(enforce->own, "cgroup.subtree_control", "+memory");
	return error < 0 ? error : limit_and_move(enforce->job, child, max_bytes);
}

static void undo(struct ms_enforce *enforce, pid_t child)
{
	if (child > 0 && enforce->job[0])
		(void)move(enforce->own, child);
	remove_dir(enforce->job);
	if (!enforce->leaf[0])
		return;
	(void)write_file(enforce->own, "cgroup.subtree_control", "-memory");
	(void)move(enforce->own, getpid());
	if (enforce->helper)
		(void)move(enforce->own, enforce->helper);
	remove_dir(enforce->leaf);
}

static int enforce_v2(struct ms_enforce *enforce, pid_t child, uint64_t max_bytes)
{
	if (has_controller(enforce->own, "cgroup.subtree_control"))
		return make_child(enforce, child, max_bytes);
	return divide(enforce, child, max_bytes);
}

void ms_enforce_open(struct ms_enforce *enforce, const struct ms_root *root, pid_t child, uint64_t max_bytes,
		     bool again)
{
	enum ms_cgroup_version version;

	enforce->enforced = false;
	enforce->job[0] = enforce->leaf[0] = '\0';
	enforce->error = ms_cgroup_find(root, getpid(), &version, enforce->own);
	if (enforce->error < 0)
		return;
	enforce->error = version == MS_CGROUP_V2 ? enforce_v2(enforce, child, max_bytes) : -EOPNOTSUPP;
	if (enforce->error < 0)
		undo(enforce, child);
	if (enforce->error < 0 && version == MS_CGROUP_V2 && !again && ms_scope_is_possible())
		enforce->error = ms_scope_make(root, child, max_bytes);
	enforce->enforced = enforce->error == 0;
}

int ms_enforce_place(void *enforce, pid_t child)
{
	const struct ms_enforce *made = enforce;

	return made->enforced ? move(made->job, child) : 0;
}

void ms_enforce_close(struct ms_enforce *enforce)
{
	undo(enforce, 0);
}

/* SPDX-License-Identifier: MIT */
/* run/scope.c - see scope.h. */
#include "run/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample/cgroup.h"
#include "util/clock.h"

/* A manager answers in milliseconds; a busy machine may take longer. */
#define PATIENCE_NS (5 * MS_NS_PER_S)
#define STEP_NS     (2 * MS_NS_PER_MS)

/* The kernel keeps limits in whole pages, of 64 KiB at most. */
enum { PAGE_MOST = 65536 };

bool ms_scope_is_possible(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[512];

	if (geteuid() == 0)
		return access("/run/systemd/system", F_OK) == 0;
	if (!runtime || snprintf(path, sizeof(path), "%s/systemd/private", runtime) >= (int)sizeof(path))
		return false;
	return access(path, F_OK) == 0;
}

static void pause_a_step(void)
{
	struct timespec step = ms_clock_timespec(STEP_NS);

	clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
}

/* Its own signals, and nothing on our terminal: why it failed is not for the user of the command. */
static int spawn(const char *const *argv, pid_t *ret_pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	extern char **environ;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	char *const *words = (char *const *)(uintptr_t)argv; /* which it does not write to */
	int error = -posix_spawnp(ret_pid, argv[0], &files, &attributes, words, environ);

	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

static int wait_for(pid_t pid, uint64_t until_ns)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (ms_clock_ns() >= until_ns) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		pause_a_step();
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* org.freedesktop.systemd1(5): name, mode, properties, auxiliary units */
static int call(pid_t pid, uint64_t max_bytes, uint64_t until_ns)
{
	char unit[32], number[16], max[32];
	const char *const argv[] = {
		"busctl", geteuid() == 0 ? "--system" : "--user", "call", "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit",
		"ssa(sv)a(sa(sv))", unit, "fail", "3", "PIDs", "au", "1", number, "MemoryMax", "t", max,
		"CollectMode", "s", "inactive-or-failed", "0", NULL};
	pid_t busctl;

	snprintf(unit, sizeof(unit), "memshed-%d.scope", (int)getpid());
	snprintf(number, sizeof(number), "%d", (int)pid);
	snprintf(max, sizeof(max), "%llu", (unsigned long long)max_bytes);
	int error = spawn(argv, &busctl);

	return error < 0 ? error : wait_for(busctl, until_ns);
}

static bool is_limited(const struct ms_cgroup *cgroup)
{
	struct ms_limit limit;

	return ms_cgroup_limits(cgroup, &limit, 1) > 0;
}

/* -EEXIST; or whether the limit is there: 1, 0 */
static int look(const struct ms_root *root, pid_t pid, uint64_t max_bytes)
{
	struct ms_cgroup cgroup;
	int r = ms_cgroup_open(&cgroup, root, pid);

	if (r < 0)
		return r;
	(void)ms_cgroup_sample(&cgroup, 0, 0, ms_clock_ns());
	if (max_bytes == 0)
		r = is_limited(&cgroup) ? -EEXIST : 0;
	else
		r = cgroup.level_count > 0 && max_bytes - cgroup.levels[0].max_bytes < PAGE_MOST;
	ms_cgroup_close(&cgroup);
	return r;
}

int ms_scope_make(const struct ms_root *root, pid_t pid, uint64_t max_bytes)
{
	uint64_t until_ns = ms_clock_ns() + PATIENCE_NS;
	int r = look(root, pid, 0);

	if (r == 0)
		r = call(pid, max_bytes, until_ns);
	if (r < 0)
		return r;
	/* The answer comes before the unit is started. */
	while ((r = look(root, pid, max_bytes)) == 0 && ms_clock_ns() < until_ns)
		pause_a_step();
	return r == 1 ? 0 : r == 0 ? -ENOTSUP : r;
}

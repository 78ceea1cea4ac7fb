/* SPDX-License-Identifier: MIT */
/* cmd/doctor_try.c - the checks that try: in a child process, so that nothing stays. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/place.h"
#include "cmd/doctor.h"
#include "util/cleanup.h"
#include "util/units.h"

/* Run @attempt in a child. Return: 0; the negative errno it returned; -ECHILD when that is not known. */
static int attempt(int (*try)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-try() & 0xff);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -ECHILD;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

static int try_fifo(void)
{
	const struct sched_param param = {.sched_priority = 1};

	return sched_setscheduler(0, SCHED_FIFO, &param) < 0 ? -errno : 0;
}

void ms_check_fifo(const struct ms_root *root, struct ms_check *ret_check)
{
	int error = attempt(try_fifo);

	(void)root;
	if (error == 0)
		ms_check_say(ret_check, MS_CHECK_OK, "SCHED_FIFO is allowed",
			     "the supervisor runs at once, however busy the CPUs are");
	else
		ms_check_say(ret_check, MS_CHECK_LIMITED, "SCHED_FIFO is not allowed",
			     "%s; beside a busy job the supervisor may wait for a tick (4 ms at 250 Hz); "
			     "CAP_SYS_NICE or RLIMIT_RTPRIO changes that",
			     strerror(-error));
}

static int try_mlock(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

void ms_check_mlock(const struct ms_root *root, struct ms_check *ret_check)
{
	struct rlimit limit = {0};
	char found[96], size[MS_UNITS_TEXT];
	int error = attempt(try_mlock);

	(void)root;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	snprintf(found, sizeof(found), "RLIMIT_MEMLOCK is %s",
		 limit.rlim_cur == RLIM_INFINITY ? "unlimited" : ms_units_format_bytes(size, limit.rlim_cur));
	if (error == 0)
		ms_check_say(ret_check, MS_CHECK_OK, found,
			     "the supervisor stays in memory when nothing else does");
	else
		ms_check_say(ret_check, MS_CHECK_LIMITED, found,
			     "%s; the supervisor cannot lock itself in memory and may be paged out; raise "
			     "ulimit -l",
			     strerror(-error));
}

static int try_oom_score(void)
{
	char text[16];
	int fd MS_CLEANUP_FD = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int score;

	if (length <= 0)
		return -ENOENT;
	text[length] = '\0';
	if (sscanf(text, "%d", &score) != 1 || score <= -1000)
		return 0; /* as low as it gets already */
	length = snprintf(text, sizeof(text), "%d", score - 1);
	return pwrite(fd, text, (size_t)length, 0) < 0 ? -errno : 0;
}

void ms_check_oom_score(const struct ms_root *root, struct ms_check *ret_check)
{
	int error = attempt(try_oom_score);

	(void)root;
	if (error == 0)
		ms_check_say(ret_check, MS_CHECK_OK, "oom_score_adj can be lowered",
			     "the OOM killer ends the job before the supervisor");
	else
		ms_check_say(ret_check, MS_CHECK_LIMITED, "oom_score_adj cannot be lowered",
			     "%s; the supervisor is small, so the OOM killer is unlikely to choose it; "
			     "CAP_SYS_RESOURCE changes it",
			     strerror(-error));
}

void ms_check_memfd(const struct ms_root *root, struct ms_check *ret_check)
{
	int fd MS_CLEANUP_FD = memfd_create("memshed-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)root;
	if (fd < 0)
		ms_check_say(ret_check, MS_CHECK_MISSING, "memfd_create does not work",
			     "%s; no program can have a table", strerror(errno));
	else if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
		ms_check_say(ret_check, MS_CHECK_MISSING, "memfd without the seals",
			     "%s; Linux 5.1 has them; no program can have a table", strerror(errno));
	else
		ms_check_say(ret_check, MS_CHECK_OK, "memfd with all seals", "programs can have tables");
}

void ms_check_pidfd(const struct ms_root *root, struct ms_check *ret_check)
{
	int fd MS_CLEANUP_FD = pidfd_open(getpid(), 0);

	(void)root;
	if (fd < 0)
		ms_check_say(ret_check, MS_CHECK_MISSING, "pidfd_open does not work",
			     "%s; only the start time tells a process from a later one with its pid",
			     strerror(errno));
	else
		ms_check_say(ret_check, MS_CHECK_OK, "pidfd is there",
			     "no order reaches a later process of the same pid");
}

enum { CAPABILITY_SYS_PTRACE = 19 };

/* From "CapEff:\t000001ffffffffff" of /proc/self/status. */
static bool has_capability(const struct ms_root *root, unsigned capability)
{
	char text[8192];
	unsigned long long effective = 0;
	const char *line;

	if (ms_root_read_text(root, text, sizeof(text), "proc/self/status") < 0 ||
	    !(line = strstr(text, "\nCapEff:")) || sscanf(line, "\nCapEff: %llx", &effective) != 1)
		return false;
	return effective >> capability & 1;
}

void ms_check_others(const struct ms_root *root, struct ms_check *ret_check)
{
	char found[64];

	snprintf(found, sizeof(found), "uid %u%s", (unsigned)geteuid(),
		 has_capability(root, CAPABILITY_SYS_PTRACE) ? ", CAP_SYS_PTRACE" : "");
	if (has_capability(root, CAPABILITY_SYS_PTRACE))
		ms_check_say(ret_check, MS_CHECK_OK, found, "processes of all users can be seen and asked");
	else
		ms_check_say(ret_check, MS_CHECK_LIMITED, found,
			     "only processes of the same user can be seen and asked");
}

void ms_check_python(const struct ms_root *root, struct ms_check *ret_check)
{
	char path[PATH_MAX], found[300];
	const char *dir = ms_place_python(ms_place_bin, path);

	(void)root;
	snprintf(found, sizeof(found), "adapter in %s", dir ? dir : "");
	if (dir)
		ms_check_say(ret_check, MS_CHECK_OK, found,
			     "`memshed run -- python3 ...` registers every lru_cache");
	else
		ms_check_say(ret_check, MS_CHECK_MISSING, "no adapter beside this program",
			     "Python programs run, but their caches are not known");
}

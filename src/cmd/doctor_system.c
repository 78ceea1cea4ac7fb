/* SPDX-License-Identifier: MIT */
/* cmd/doctor_system.c - the checks that read a file and know what it means. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/doctor.h"
#include "sample/budget.h"
#include "util/cleanup.h"
#include "util/units.h"

void ms_check_kernel(const struct ms_root *root, struct ms_check *ret_check)
{
	char release[128], size[MS_UNITS_TEXT];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (ms_check_read(root, "proc/sys/kernel/osrelease", release, sizeof(release)) < 0) {
		ms_check_say(ret_check, MS_CHECK_LIMITED, "version not known", "/proc/sys cannot be read");
		return;
	}
	char found[192];
	snprintf(found, sizeof(found), "Linux %s, %ld CPUs", release, cpus);
	uint64_t error_bytes = ms_budget_statm_error_bytes(release, (unsigned)cpus);

	if (error_bytes > 0 && cpus > 1)
		ms_check_say(ret_check, MS_CHECK_LIMITED, found,
			     "from 6.2 to 6.15 the RSS of a process can be off by up to about %s on so "
			     "many CPUs; `memshed run` keeps high at least that far from max",
			     ms_units_format_bytes(size, error_bytes));
	else
		ms_check_say(ret_check, MS_CHECK_OK, found, "RSS as read from /proc is exact enough");
}

static int read_meminfo(const struct ms_root *root, struct ms_meminfo *ret_meminfo)
{
	char text[8192];
	ssize_t length = ms_root_read_text(root, text, sizeof(text), "proc/meminfo");

	return length < 0 ? (int)length : ms_budget_parse_meminfo(text, ret_meminfo);
}

void ms_check_memory(const struct ms_root *root, struct ms_check *ret_check)
{
	struct ms_meminfo memory;
	char found[96], total[MS_UNITS_TEXT], available[MS_UNITS_TEXT];

	if (read_meminfo(root, &memory) < 0) {
		ms_check_say(ret_check, MS_CHECK_LIMITED, "MemAvailable not known",
			     "the machine itself cannot be taken as a limit; give --max");
		return;
	}
	snprintf(found, sizeof(found), "%s, %s available", ms_units_format_bytes(total, memory.total_bytes),
		 ms_units_format_bytes(available, memory.available_bytes));
	ms_check_say(ret_check, MS_CHECK_OK, found, "MemAvailable is the limit where no other binds");
}

void ms_check_swap(const struct ms_root *root, struct ms_check *ret_check)
{
	struct ms_meminfo memory;
	char found[96], total[MS_UNITS_TEXT], used[MS_UNITS_TEXT];

	if (read_meminfo(root, &memory) < 0 || memory.swap_total_bytes == 0) {
		ms_check_say(ret_check, MS_CHECK_OK, "none",
			     "at the limit the OOM killer comes at once, nothing slows it");
		return;
	}
	snprintf(found, sizeof(found), "%s, %s used", ms_units_format_bytes(total, memory.swap_total_bytes),
		 ms_units_format_bytes(used, memory.swap_total_bytes - memory.swap_free_bytes));
	ms_check_say(
		ret_check, MS_CHECK_LIMITED, found,
		"a cache may be swapped out, which hides it from the RSS; clearing it reads it back first");
}

void ms_check_overcommit(const struct ms_root *root, struct ms_check *ret_check)
{
	char mode[32];

	if (ms_check_read(root, "proc/sys/vm/overcommit_memory", mode, sizeof(mode)) < 0)
		ms_check_say(ret_check, MS_CHECK_LIMITED, "mode not known", "/proc/sys cannot be read");
	else if (strcmp(mode, "2") == 0)
		ms_check_say(ret_check, MS_CHECK_LIMITED, "mode 2 (strict)",
			     "allocations fail before the RSS reaches a limit, and memshed does not see "
			     "that limit");
	else
		ms_check_say(ret_check, MS_CHECK_OK,
			     strcmp(mode, "1") == 0 ? "mode 1 (always)" : "mode 0 (heuristic)",
			     "memory runs out when pages are touched, and memshed watches that");
}

void ms_check_thp(const struct ms_root *root, struct ms_check *ret_check)
{
	char modes[96];

	if (ms_check_read(root, "sys/kernel/mm/transparent_hugepage/enabled", modes, sizeof(modes)) < 0)
		ms_check_say(ret_check, MS_CHECK_OK, "none", "memory grows by small pages");
	else if (strstr(modes, "[always]"))
		ms_check_say(ret_check, MS_CHECK_LIMITED, "always",
			     "jobs fill memory several times as fast, and freed pieces of a huge page stay "
			     "resident; leave more room between high and max");
	else if (strstr(modes, "[never]"))
		ms_check_say(ret_check, MS_CHECK_OK, "never", "memory grows by small pages");
	else
		ms_check_say(ret_check, MS_CHECK_OK, "only where a program asks (madvise)",
			     "memory grows by small pages elsewhere");
}

/* The options of the mount at /proc, as mountinfo has them after " - ". */
static int find_proc_options(char *text, char **ret_options)
{
	char *state;

	for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		char *rest = strstr(line, " - proc ");

		if (rest && strstr(line, " /proc ") && strstr(line, " /proc ") < rest) {
			*ret_options = rest;
			return 0;
		}
	}
	return -ENOENT;
}

void ms_check_hidepid(const struct ms_root *root, struct ms_check *ret_check)
{
	enum { BYTES = 65536 };
	char *text MS_CLEANUP_FREE = calloc(1, BYTES), *options = NULL;
	ssize_t length = text ? ms_root_read_text(root, text, BYTES, "proc/self/mountinfo") : -ENOMEM;

	if ((length < 0 && length != -EFBIG) || find_proc_options(text, &options) < 0)
		ms_check_say(ret_check, MS_CHECK_LIMITED, "the mount of /proc is not known",
			     "processes of other users may be hidden");
	else if (strstr(options, "hidepid=") && !strstr(options, "hidepid=0") &&
		 !strstr(options, "hidepid=off"))
		ms_check_say(ret_check, geteuid() == 0 ? MS_CHECK_OK : MS_CHECK_LIMITED,
			     strstr(options, "hidepid="), "processes of other users are not shown at all");
	else
		ms_check_say(ret_check, MS_CHECK_OK, "processes of all users are shown",
			     "a process is found by its name, whichever user runs it");
}

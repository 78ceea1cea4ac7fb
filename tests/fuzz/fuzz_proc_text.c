/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proc_text - whatever the kernel's files say, the sampler's parsers stay within their text and
 * believe nothing that is not there.
 *
 * The first byte chooses the parser. The kernel alone writes these files, but names of processes and
 * cgroups in them are chosen by any process.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sample/budget.h"
#include "sample/cgroup.h"
#include "sample/held.h"
#include "sample/process.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void parse_stat(const char *text)
{
	struct ms_process_stat stat;

	if (ms_process_parse_stat(text, &stat) < 0)
		return;
	check(stat.pid >= 0 && stat.ppid >= 0);
	check(strlen(stat.comm) < sizeof(stat.comm) && strstr(text, stat.comm));
	check(stat.state >= 'A' && stat.state <= 'z');
}

static void parse_statm(const char *text)
{
	struct ms_process_memory memory;

	if (ms_process_parse_statm(text, 4096, &memory) < 0)
		return;
	check(memory.size_bytes % 4096 == 0 && memory.resident_bytes % 4096 == 0);
	check(text[strlen(text) - 1] == '\n' || strchr(text, '\n'));
}

static void parse_limits(const char *text)
{
	struct ms_process_limits limits;

	if (ms_process_parse_limits(text, &limits) == 0)
		check(strstr(text, "Max data size") && strstr(text, "Max address space"));
}

static void check_path(const char *path)
{
	check(path[0] == '/' && strlen(path) < MS_CGROUP_PATH_BYTES);
}

static void parse_mount(const char *text)
{
	static struct ms_cgroup_mount mount;

	if (ms_cgroup_parse_mount(text, &mount) < 0)
		return;
	check(mount.version == MS_CGROUP_V1 || mount.version == MS_CGROUP_V2);
	check_path(mount.root);
	check_path(mount.point);
}

static void parse_membership(const char *text)
{
	static char path[MS_CGROUP_PATH_BYTES];
	enum ms_cgroup_version version;

	(void)ms_cgroup_membership_hash(text);
	if (ms_cgroup_parse_membership(text, &version, path) < 0)
		return;
	check(version == MS_CGROUP_V1 || version == MS_CGROUP_V2);
	check_path(path);
	check(strstr(text, path) && !strchr(path, '\n'));
}

static void parse_cgroup_stat(const char *text, enum ms_cgroup_version version)
{
	struct ms_cgroup_stat stat;

	if (ms_cgroup_parse_stat(text, version, &stat) == 0)
		check(strstr(text, "inactive_file") && strstr(text, "active_file"));
}

static void parse_meminfo(const char *text)
{
	struct ms_meminfo meminfo;

	if (ms_budget_parse_meminfo(text, &meminfo) == 0)
		check(meminfo.total_bytes % 1024 == 0 && meminfo.available_bytes % 1024 == 0);
}

static void parse_status(const char *text)
{
	uint64_t bytes;

	if (ms_held_parse_status(text, &bytes) == 0)
		check(strstr(text, "RssShmem:") && bytes % 1024 == 0);
}

static void parse_rollup(const char *text)
{
	uint64_t bytes;

	if (ms_held_parse_rollup(text, &bytes) == 0)
		check(strstr(text, "Pss_Anon:") && strstr(text, "Pss_Shmem:"));
}

static void parse_figure(const char *text)
{
	uint64_t bytes, kills;

	(void)ms_cgroup_parse_bytes(text, &bytes);
	if (ms_cgroup_parse_oom_kills(text, &kills) == 0)
		check(strstr(text, "oom_kill") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	/* A copy of its very size, so that a sanitizer sees the first byte too far. */
	char *text = malloc(size);

	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 's':
		parse_stat(text);
		break;
	case 'm':
		parse_statm(text);
		break;
	case 'l':
		parse_limits(text);
		break;
	case 'i':
		parse_mount(text);
		break;
	case 'c':
		parse_membership(text);
		break;
	case '1':
		parse_cgroup_stat(text, MS_CGROUP_V1);
		break;
	case '2':
		parse_cgroup_stat(text, MS_CGROUP_V2);
		break;
	case 'f':
		parse_meminfo(text);
		break;
	case 't':
		parse_status(text);
		break;
	case 'r':
		parse_rollup(text);
		break;
	default:
		parse_figure(text);
	}
	free(text);
	return 0;
}

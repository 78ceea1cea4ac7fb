/* SPDX-License-Identifier: MIT */
/* sample/sample.c - the names of the limits. */
#include "sample/sample.h"

const char *ms_limit_source_name(enum ms_limit_source source)
{
	switch (source) {
	case MS_LIMIT_NONE:
		break;
	case MS_LIMIT_OPTION:
		return "--max";
	case MS_LIMIT_CGROUP2_MAX:
		return "cgroup2 memory.max";
	case MS_LIMIT_CGROUP2_HIGH:
		return "cgroup2 memory.high";
	case MS_LIMIT_CGROUP1:
		return "cgroup1 memory.limit_in_bytes";
	case MS_LIMIT_CGROUP1_MEMSW:
		return "cgroup1 memory.memsw.limit_in_bytes";
	case MS_LIMIT_RLIMIT_AS:
		return "RLIMIT_AS";
	case MS_LIMIT_RLIMIT_DATA:
		return "RLIMIT_DATA";
	case MS_LIMIT_MEM_AVAILABLE:
		return "MemAvailable";
	}
	return "none";
}

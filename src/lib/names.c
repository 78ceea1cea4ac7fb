/* SPDX-License-Identifier: MIT */
/* lib/names.c - the words for the public enums. No state, any thread. */
#include <stddef.h>

#include "lib/lib.h"

static const char *name(const char *const *names, size_t count, unsigned value)
{
	return value < count && names[value] ? names[value] : "unknown";
}
#define NAME(names, value) name(names, sizeof(names) / sizeof((names)[0]), (unsigned)(value))

MS_PUBLIC const char *memshed_kind_name(enum memshed_kind kind)
{
	static const char *const names[] = {
		[MEMSHED_KIND_OTHER] = "other",   [MEMSHED_KIND_MEMO] = "memo",
		[MEMSHED_KIND_BUFFER] = "buffer", [MEMSHED_KIND_FILE] = "file",
		[MEMSHED_KIND_INDEX] = "index",   [MEMSHED_KIND_CODE] = "code",
		[MEMSHED_KIND_ALLOCATOR] = "allocator",
	};

	return NAME(names, kind);
}

MS_PUBLIC const char *memshed_status_name(enum memshed_status status)
{
	static const char *const names[] = {
		[MEMSHED_DONE] = "done",
		[MEMSHED_PARTIAL] = "partial",
		[MEMSHED_EMPTY] = "empty",
		[MEMSHED_BUSY] = "busy",
		[MEMSHED_UNSUPPORTED] = "unsupported",
	};

	return NAME(names, status);
}

MS_PUBLIC const char *memshed_level_name(enum memshed_level level)
{
	static const char *const names[] = {
		[MEMSHED_LEVEL_TRIM] = "trim",
		[MEMSHED_LEVEL_CLEAR] = "clear",
		[MEMSHED_LEVEL_EMERGENCY] = "emergency",
	};

	return NAME(names, level);
}

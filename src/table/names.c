/* SPDX-License-Identifier: MIT */
/* table/names.c - see names.h. Any thread. */
#include "table/names.h"

#include <stddef.h>

#include "memshed.h"
#include "table/layout.h"

static const char *look_up(const char *const *names, size_t count, uint32_t value)
{
	return value < count && names[value] ? names[value] : "unknown";
}
#define LOOK_UP(names, value) look_up(names, sizeof(names) / sizeof((names)[0]), value)

const char *ms_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[MEMSHED_KIND_OTHER] = "other",
		[MEMSHED_KIND_MEMO] = "memo",
		[MEMSHED_KIND_BUFFER] = "buffer",
		[MEMSHED_KIND_FILE] = "file",
		[MEMSHED_KIND_INDEX] = "index",
		[MEMSHED_KIND_CODE] = "code",
		[MEMSHED_KIND_ALLOCATOR] = "allocator",
	};

	return LOOK_UP(names, kind);
}

const char *ms_agent_mode_name(uint32_t mode)
{
	static const char *const names[] = {
		[MEMSHED_AGENT_THREAD] = "thread",
		[MEMSHED_AGENT_FD] = "fd",
		[MEMSHED_AGENT_SIGNAL] = "signal",
	};

	return LOOK_UP(names, mode);
}

const char *ms_agent_state_name(uint32_t state)
{
	static const char *const names[] = {
		[MS_AGENT_NONE] = "none",
		[MS_AGENT_IDLE] = "idle",
		[MS_AGENT_ENTERING] = "entering",
		[MS_AGENT_RUNNING] = "running",
		[MS_AGENT_STOPPED] = "stopped",
		[MS_AGENT_LAZY] = "lazy",
	};

	return LOOK_UP(names, state);
}

const char *ms_level_name(uint32_t level)
{
	static const char *const names[] = {
		[MS_LEVEL_COUNT] = "count",
		[MS_LEVEL_TRIM] = "trim",
		[MS_LEVEL_CLEAR] = "clear",
		[MS_LEVEL_EMERGENCY] = "emergency",
	};

	return LOOK_UP(names, level);
}

const char *ms_answer_status_name(uint32_t status)
{
	static const char *const names[] = {
		[MS_ANSWER_NONE] = "none",
		[MS_ANSWER_DONE] = "done",
		[MS_ANSWER_PARTIAL] = "partial",
		[MS_ANSWER_EMPTY] = "empty",
		[MS_ANSWER_BUSY] = "busy",
		[MS_ANSWER_UNSUPPORTED] = "unsupported",
		[MS_ANSWER_GONE] = "gone",
		[MS_ANSWER_INVALID] = "invalid",
		[MS_ANSWER_STUCK] = "stuck",
		[MS_ANSWER_STOPPED] = "stopped",
	};

	return LOOK_UP(names, status);
}

bool ms_agent_takes_orders(uint32_t state)
{
	return state != MS_AGENT_NONE && state != MS_AGENT_STOPPED && state != MS_AGENT_LAZY;
}

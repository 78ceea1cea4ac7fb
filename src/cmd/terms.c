/* SPDX-License-Identifier: MIT */
#include "cmd/terms.h"

#include <stddef.h>

#include "memshed.h"
#include "table/layout.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const kinds[] = {
	[MEMSHED_KIND_OTHER] = "other",         [MEMSHED_KIND_MEMO] = "memo",
	[MEMSHED_KIND_BUFFER] = "buffer",       [MEMSHED_KIND_FILE] = "file",
	[MEMSHED_KIND_INDEX] = "index",         [MEMSHED_KIND_CODE] = "code",
	[MEMSHED_KIND_ALLOCATOR] = "allocator",
};

static const char *const modes[] = {
	[MEMSHED_AGENT_THREAD] = "thread",
	[MEMSHED_AGENT_FD] = "fd",
	[MEMSHED_AGENT_SIGNAL] = "signal",
};

static const char *const agent_states[] = {
	[MS_AGENT_NONE] = "none",       [MS_AGENT_IDLE] = "idle",       [MS_AGENT_ENTERING] = "entering",
	[MS_AGENT_RUNNING] = "running", [MS_AGENT_STOPPED] = "stopped",
};

static const char *const levels[] = {
	[MS_ORDER_COUNT] = "count",
	[MS_ORDER_TRIM] = "trim",
	[MS_ORDER_CLEAR] = "clear",
	[MS_ORDER_EMERGENCY] = "emergency",
};

static const char *look_up(const char *const *words, size_t count, uint32_t value)
{
	return value < count && words[value] ? words[value] : "unknown";
}

const char *ms_terms_kind(uint32_t kind)
{
	return look_up(kinds, COUNT_OF(kinds), kind);
}

const char *ms_terms_agent_mode(uint32_t mode)
{
	return look_up(modes, COUNT_OF(modes), mode);
}

const char *ms_terms_agent_state(uint32_t state)
{
	return look_up(agent_states, COUNT_OF(agent_states), state);
}

const char *ms_terms_level(uint32_t level)
{
	return look_up(levels, COUNT_OF(levels), level);
}

const char *ms_terms_process_state(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "blocked";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
	case 'X':
		return "dead";
	default:
		return "unknown";
	}
}

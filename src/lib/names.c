/* SPDX-License-Identifier: MIT */
/* lib/names.c - the words for the public enums. No state, any thread. */
#include "lib/lib.h"
#include "table/names.h"

MS_PUBLIC const char *memshed_kind_name(enum memshed_kind kind)
{
	return ms_kind_name((uint32_t)kind);
}

/* The table has statuses that no callback can return, and a level that none is asked for. */
MS_PUBLIC const char *memshed_status_name(enum memshed_status status)
{
	return status >= MEMSHED_DONE && status <= MEMSHED_UNSUPPORTED ? ms_answer_status_name((uint32_t)status)
								       : "unknown";
}

MS_PUBLIC const char *memshed_level_name(enum memshed_level level)
{
	return level >= MEMSHED_LEVEL_TRIM ? ms_level_name((uint32_t)level) : "unknown";
}

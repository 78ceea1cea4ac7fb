/* SPDX-License-Identifier: MIT */
/*
 * lib/hooks.c - calls round_begin and round_end around callbacks.
 *
 * By the thread that is the agent. No lock is held; round_begin may wait for the host's, and the table says
 * so meanwhile.
 */
#include "lib/hooks.h"

#include "lib/lib.h"

int ms_hooks_begin(void)
{
	int (*begin)(void *) = ms_lib.agent_options.round_begin;
	int refused = 0;

	if (begin) {
		ms_lib_show_agent(MS_AGENT_ENTERING);
		refused = begin(ms_lib.agent_options.ctx);
	}
	ms_lib_show_agent(MS_AGENT_RUNNING);
	return refused;
}

void ms_hooks_end(void)
{
	if (ms_lib.agent_options.round_end)
		ms_lib.agent_options.round_end(ms_lib.agent_options.ctx);
}

/* SPDX-License-Identifier: MIT */
/* run/helper.h - a process prepared beforehand, to run a hook, or the command again. See helper.c. */
#ifndef MS_RUN_HELPER_H
#define MS_RUN_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/child.h"

/* What a hook is told, each in a variable of its environment. */
struct ms_helper_facts {
	int32_t pid; /* of the command */
	uint32_t processes;
	uint64_t used_bytes, max_bytes, rss_bytes, in_caches_bytes, unexplained_bytes;
};

struct ms_helper_page;

struct ms_helper {
	pid_t pid; /* 0 = there is none */
	struct ms_helper_page *page;
};

/**
 * ms_helper_fork - fork the helper, before this process opens, locks or changes anything of itself
 * @setup: of the command; kept
 * @hook: a command for the shell; NULL: the helper is to start the command again
 * Return: 0; the negative errno of mmap() or fork().
 */
int ms_helper_fork(struct ms_helper *helper, const struct ms_child_setup *setup, const char *hook);

/**
 * ms_helper_hook - have the hook run
 * On the alarm path: two stores and a futex. Return: 0; -EBUSY the last one still runs; -ESRCH no helper.
 */
int ms_helper_hook(struct ms_helper *helper, const struct ms_helper_facts *facts);

/** ms_helper_rest - memory is there again: the helper may get ready for the next hook */
void ms_helper_rest(struct ms_helper *helper);

/**
 * ms_helper_start - run the command again, as a child of this process
 * @place: gets the process before that executes anything; returns 0, or a negative errno: it is not to run
 *
 * Waits until the command was executed. Return: its pid; a negative errno when it does not run: of clone(),
 * @place or execvp(), -ESRCH when there is no helper any more, -ETIMEDOUT.
 */
pid_t ms_helper_start(struct ms_helper *helper, int (*place)(void *arg, pid_t pid), void *arg);

#endif

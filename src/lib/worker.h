/* SPDX-License-Identifier: MIT */
/* lib/worker.h - the library's own threads. */
#ifndef MS_LIB_WORKER_H
#define MS_LIB_WORKER_H

#include <stdbool.h>
#include <stdint.h>

/** ms_worker_spawn - a small detached thread, all signals blocked; counted in ms_lib.workers */
int ms_worker_spawn(void *(*run)(void *), void *argument);
/** ms_worker_warm - in a new thread: have all it needs later in memory now */
void ms_worker_warm(const char *name, bool runs_callbacks);
/** ms_worker_end - the last thing a worker does; pushed as its cleanup handler, so that it is done even where
 * a callback ends the thread */
void ms_worker_end(void *unused);

/**
 * ms_worker_look - once the main thread has ended: if only the library's threads are left, have them end
 * Return: when to look again; UINT64_MAX while the main thread lives.
 */
uint64_t ms_worker_look(uint64_t now_ns);

#endif

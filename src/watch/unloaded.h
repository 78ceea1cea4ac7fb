/* SPDX-License-Identifier: MIT */
/*
 * watch/unloaded.h - notice a Python that runs without the adapter, soon after its start, and say why.
 *
 * A start script that sets PYTHONPATH, env -i, sudo, -I, -E and -S keep it out, and nothing else tells so
 * before memory is short. It is said once for each program and reason, not for each process. Opens files, as
 * looking for tables does: not above danger. The reason is read only below low, and is unknown above. Nothing
 * allocates. One thread.
 */
#ifndef MS_WATCH_UNLOADED_H
#define MS_WATCH_UNLOADED_H

#include <stdint.h>

struct ms_watch;

enum { MS_UNLOADED_KINDS = 16 };

struct ms_unloaded {
	uint32_t count; /* when all are in use no more is said */
	struct {
		uint64_t program;
		uint32_t fault; /* enum ms_python_fault */
	} said[MS_UNLOADED_KINDS];
};

/** ms_unloaded_look - the process in this slot was searched for a table in vain */
void ms_unloaded_look(struct ms_watch *watch, uint32_t slot);

#endif

/* SPDX-License-Identifier: MIT */
/* watch/unloaded.c - see unloaded.h. */
#include "watch/unloaded.h"

#include <string.h>

#include "sample/python.h"
#include "watch/watch.h"

/* The searches are 20, 40, 80 ms ... apart. What is sure is said after 0.6 s. The rest waits longer: a
 * folder before the adapter's may have no sitecustomize, and where no reason can be seen the interpreter
 * may only be slow to start. */
enum { LOOKS_SURE = 5, LOOKS_DOUBTFUL = 6, LOOKS_BLIND = 8 };

static uint32_t looks_wanted(enum ms_python_fault fault)
{
	return fault == MS_PYTHON_BEHIND    ? LOOKS_DOUBTFUL
	       : fault == MS_PYTHON_UNKNOWN ? LOOKS_BLIND
					    : LOOKS_SURE;
}

/* Return: whether this is the first time. */
static bool note(struct ms_unloaded *unloaded, uint64_t program, enum ms_python_fault fault)
{
	for (uint32_t i = 0; i < unloaded->count; i++)
		if (unloaded->said[i].program == program && unloaded->said[i].fault == fault)
			return false;
	if (unloaded->count == MS_UNLOADED_KINDS)
		return false;
	unloaded->said[unloaded->count].program = program;
	unloaded->said[unloaded->count++].fault = fault;
	return true;
}

/*
 * The reason stands in pages of the process. Reading them waits for its mmap lock, which it may hold while it
 * waits for memory. So it is read only below low, where it takes a while until memory is short and this
 * thread is needed.
 */
static enum ms_python_fault look(const struct ms_watch *watch, const struct ms_member *member, uint64_t *ret_program)
{
	if (watch->reading.sample.limit.used_bytes >= watch->reading.marks.low_bytes)
		return ms_python_program(&watch->root, member->pid, ret_program);
	return ms_python_look(&watch->root, member->pid, watch->options.python_dir, ret_program);
}

void ms_unloaded_look(struct ms_watch *watch, uint32_t slot)
{
	struct ms_member *member = &watch->members.at[slot];
	struct ms_event event = {.kind = MS_EVENT_UNLOADED};
	struct ms_process_stat stat;
	uint64_t program;

	if (!watch->options.python_dir || member->has_table || member->looks < LOOKS_SURE)
		return;
	enum ms_python_fault fault = look(watch, member, &program);

	/* Read by pid: of this process, if that is still its own. */
	if (fault == MS_PYTHON_NONE || member->looks < looks_wanted(fault) ||
	    ms_process_read_stat(&watch->root, member->pid, member->start_ticks, &stat) < 0 ||
	    !note(&watch->unloaded, program, fault))
		return;
	memcpy(member->comm, stat.comm, sizeof(member->comm));
	event.as.unloaded.obstacle = fault;
	ms_report_member(watch->report, &watch->reading, member, &event);
}

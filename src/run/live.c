/* SPDX-License-Identifier: MIT */
/*
 * run/live.c - keep the supervisor running when memory has run out.
 *
 * At the limit of a memory cgroup a page fault invokes the OOM killer, so nothing may fault then: the context
 * and the stack are written to, the text of this program is read in, and all of it is locked. Of the C
 * library what the start and the rehearsal (watch/) have used is in: MCL_ONFAULT locks what was touched, and
 * what no look uses stays out of memory. A process that may not lock its whole address space (RLIMIT_MEMLOCK,
 * 8 MiB for users) locks the context and the stack.
 *
 * SCHED_FIFO: a supervisor that shares its CPU with a busy job otherwise waits for the next tick
 * (4 ms) in one of ten wake-ups. It sleeps between two looks, and the kernel's real-time throttling
 * limits it.
 *
 * oom_score_adj: the kernel should end the job, which would be ended anyway, and not what might save it.
 */
#include "run/live.h"

#include <alloca.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/cleanup.h"

enum {
	STACK_BYTES = 64 * 1024, /* the deepest call of the loop uses two thirds of it */
	FILES_WANTED = 8192,
};

/* Half of a small stack (ulimit -s) is left for what was called before. */
static size_t stack_to_touch(void)
{
	struct rlimit stack;

	if (getrlimit(RLIMIT_STACK, &stack) < 0 || stack.rlim_cur / 2 >= STACK_BYTES)
		return STACK_BYTES;
	return stack.rlim_cur / 2;
}

/* Write to the stack that the loop will use. */
static __attribute__((noinline)) void touch_stack(size_t bytes)
{
	volatile unsigned char *stack = alloca(bytes);

	for (size_t i = 0; i < bytes; i += 1024)
		stack[i] = 0;
	mlock2((const void *)(uintptr_t)stack, bytes, MLOCK_ONFAULT);
}

/* This program: its name is empty here. */
static int read_in_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	if (info->dlpi_name[0])
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + part->p_vaddr) & ~(page - 1);
		uintptr_t to = info->dlpi_addr + part->p_vaddr + part->p_memsz;

		if (part->p_type == PT_LOAD)
			madvise((void *)from, to - from, MADV_POPULATE_READ);
	}
	return 0;
}

static bool lock_memory(void *context, size_t size)
{
	bool locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;

	if (!locked)
		mlock2(context, size, MLOCK_ONFAULT);
	dl_iterate_phdr(read_in_text, NULL);
	touch_stack(stack_to_touch());
	return locked;
}

static bool raise_priority(void)
{
	const struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0)
		return true;
	setpriority(PRIO_PROCESS, 0, -20);
	return false;
}

static bool avoid_oom_kill(void)
{
	static const char score[] = "-1000";
	MS_CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, score, sizeof(score) - 1) == (ssize_t)sizeof(score) - 1;
}

void ms_live_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES_WANTED)
		return;
	files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
	setrlimit(RLIMIT_NOFILE, &files);
}

void ms_live_secure(void *context, size_t size, struct ms_watch_live *ret_live)
{
	*ret_live = (struct ms_watch_live){
		.locked = lock_memory(context, size),
		.fifo = raise_priority(),
		.oom_protected = avoid_oom_kill(),
	};
}

/* SPDX-License-Identifier: MIT */
/*
 * run/live.c - keep the supervisor running when memory has run out.
 *
 * At the limit of a memory cgroup a page fault invokes the OOM killer, so nothing may fault then: the
 * context and the stack are written to, the text of this program and of libc is read in, and all of
 * it is locked. Other libraries that the program is linked to, and that the loop does not use, stay
 * out of memory: MCL_ONFAULT locks only what was touched. A process that may not lock its whole
 * address space (RLIMIT_MEMLOCK, 8 MiB for users) locks the context and the stack.
 *
 * SCHED_FIFO: a supervisor that shares its CPU with a busy job otherwise waits for the next tick
 * (4 ms) in one of ten wake-ups. It sleeps between two looks, and the kernel's real-time throttling
 * stands behind it.
 *
 * oom_score_adj: the kernel should end the job, which would be ended anyway, and not who might save it.
 */
#include "run/live.h"

#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/cleanup.h"

enum {
	STACK_BYTES = 128 * 1024, /* the deepest call of the loop uses a third of it */
	FILES_WANTED = 8192,
};

/* Write to the stack that the loop will use. */
static __attribute__((noinline)) void touch_stack(void)
{
	volatile unsigned char stack[STACK_BYTES];

	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
	mlock2((const void *)(uintptr_t)stack, sizeof(stack), MLOCK_ONFAULT);
}

/* This program (its name is empty here) and libc: what the loop runs on. */
static int read_in_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	if (info->dlpi_name[0] && !strstr(info->dlpi_name, "/libc.so") && !strstr(info->dlpi_name, "vdso"))
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
	touch_stack();
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

void ms_live_secure(void *context, size_t size, struct ms_live *ret_live)
{
	*ret_live = (struct ms_live){
		.locked = lock_memory(context, size),
		.fifo = raise_priority(),
		.oom_protected = avoid_oom_kill(),
	};
}

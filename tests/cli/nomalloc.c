/* SPDX-License-Identifier: MIT */
/*
 * nomalloc.c - preloaded: a process that has called mlockall() and allocates afterwards is ended by SIGABRT.
 *
 * memshed run locks its memory when it is ready, before its command begins; from then on it must not
 * allocate. The command was forked before and has not called mlockall().
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

#define EXPORTED __attribute__((visibility("default")))

static atomic_bool locked;

static void check(void)
{
	static const char text[] = "nomalloc: allocates after it was ready\n";

	if (!atomic_load_explicit(&locked, memory_order_relaxed))
		return;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

EXPORTED int mlockall(int flags)
{
	atomic_store_explicit(&locked, true, memory_order_relaxed);
	return (int)syscall(SYS_mlockall, flags);
}

EXPORTED void *malloc(size_t bytes)
{
	check();
	return __libc_malloc(bytes);
}

EXPORTED void *calloc(size_t count, size_t bytes)
{
	check();
	return __libc_calloc(count, bytes);
}

EXPORTED void *realloc(void *old, size_t bytes)
{
	check();
	return __libc_realloc(old, bytes);
}

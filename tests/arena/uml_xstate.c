/* SPDX-License-Identifier: MIT */
/*
 * uml_xstate.c - to be preloaded into linux.uml: lets User-mode Linux run on CPUs with large registers.
 *
 * User-mode Linux before 6.13 keeps the floating-point state of its processes in 2.6 KiB. Where the CPU has AMX
 * the state is 11 KiB, and the kernel refuses to set less than all of it (EFAULT): the guest dies as soon as
 * its init begins. Here what the guest kept is laid over the whole state as it is. The rest, AMX's tiles, is
 * not kept from one process of the guest to the next; nothing there uses them.
 *
 * Threads: linux.uml has one that traces.
 */
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long set_whole(pid_t pid, const struct iovec *given)
{
	static char state[1 << 16];
	struct iovec whole = {.iov_base = state, .iov_len = sizeof(state)};

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	memcpy(state, given->iov_base, given->iov_len < whole.iov_len ? given->iov_len : whole.iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	long word = 0, result;
	pid_t pid;
	void *address, *data;
	va_list arguments;

	va_start(arguments, request);
	pid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE)
		return set_whole(pid, data);
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, address, data);
	/* The system call stores the word that the function returns. */
	result = syscall(SYS_ptrace, request, pid, address, &word);
	return result < 0 ? result : word;
}

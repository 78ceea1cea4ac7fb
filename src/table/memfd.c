/* SPDX-License-Identifier: MIT */
/*
 * table/memfd.c - see memfd.h.
 *
 * Runs at start and in the child of a fork. No malloc, no locks, no globals.
 */
#include "table/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Beyond RLIMIT_FSIZE the kernel would not only refuse but send SIGXFSZ, which ends a process. What is stored
 * through a mapping is not limited. */
static int set_size(int fd, size_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -errno;
	if (bytes > limit.rlim_cur)
		return -EFBIG;
	return ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
}

int ms_memfd_make(const char *name, size_t bytes)
{
	/* Kernels before 6.3 do not know the flag; later ones may insist on it (vm.memfd_noexec). */
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int error = set_size(fd, bytes);

	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

enum { HUGE_BYTES = 2 << 20 };

/* Where mlockall(MCL_FUTURE) is in force, a writable mapping would be filled page by page at once: so
 * it is made without access, unlocked, and only then opened for writing. Not in the child of a fork, which does
 * not inherit that: there it comes with an address. */
static int map(int fd, int flags, int advice, size_t bytes, void *at, void **ret_base)
{
	int access = at ? PROT_READ | PROT_WRITE : PROT_NONE;
	void *base = MAP_FAILED;

	if (at)
		base = mmap(at, bytes, access, flags | MAP_FIXED_NOREPLACE, fd, 0);
	if (base != MAP_FAILED && at && base != at) { /* a kernel before 4.17 takes it as a hint */
		munmap(base, bytes);
		base = MAP_FAILED;
	}
	if (base == MAP_FAILED)
		base = mmap(NULL, bytes, access, flags, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	if (!at)
		munlock(base, bytes);
	if ((!at && mprotect(base, bytes, PROT_READ | PROT_WRITE) < 0) || madvise(base, bytes, advice) < 0) {
		int error = -errno;

		munmap(base, bytes);
		return error;
	}
	if (bytes >= HUGE_BYTES)
		madvise(base, bytes, MADV_NOHUGEPAGE);
	*ret_base = base;
	return 0;
}

/* A new memfd is all zeroes, and what was there before began with a magic number. User-mode Linux (6.1)
 * leaves mappings marked MADV_DONTFORK in the child, unknown to its own page tables: a new one in their
 * place shows the parent's pages. */
static bool shows_old_pages(const void *base)
{
	return *(const volatile uint64_t *)base != 0;
}

static int map_fresh(int fd, size_t bytes, void *at, void **ret_base)
{
	int error = map(fd, MAP_SHARED, MADV_DONTFORK, bytes, at, ret_base);

	if (!error && at && shows_old_pages(*ret_base)) {
		void *stale = *ret_base;

		error = map(fd, MAP_SHARED, MADV_DONTFORK, bytes, NULL, ret_base); /* that place is still taken */
		munmap(stale, bytes);
	}
	if (!error && bytes >= HUGE_BYTES)
		madvise(*ret_base, bytes, MADV_DONTDUMP); /* a core dump would fill every hole */
	return error;
}

int ms_memfd_make_mapped(const char *name, size_t bytes, int seals, void *at, int in_place_of, int *ret_fd,
			 void **ret_base)
{
	MS_CLEANUP_FD int fd = ms_memfd_make(name, bytes);
	void *base;

	if (fd < 0)
		return fd;
	int error = map_fresh(fd, bytes, at, &base);

	if (error)
		return error;
	/* After the mapping: F_SEAL_FUTURE_WRITE leaves a writable one alone, and allows no other. */
	if (fcntl(fd, F_ADD_SEALS, seals) < 0) {
		error = -errno;
		munmap(base, bytes);
		return error;
	}
	if (in_place_of >= 0 && dup3(fd, in_place_of, O_CLOEXEC) >= 0)
		*ret_fd = in_place_of;
	else
		*ret_fd = ms_fd_raise(ms_steal_fd(&fd));
	*ret_base = base;
	return 0;
}

int ms_memfd_map_placeholder(size_t bytes, void *at, void **ret_base)
{
	return map(-1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, MADV_DONTFORK, bytes, at, ret_base);
}

int ms_memfd_map_private(size_t bytes, void **ret_base)
{
	return map(-1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, MADV_DOFORK, bytes, NULL, ret_base);
}

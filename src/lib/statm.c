/* SPDX-License-Identifier: MIT */
/*
 * lib/statm.c - the resident set of this process.
 *
 * Owns one descriptor of /proc/self/statm. It is opened beforehand, because the agent reads it when memory
 * is short: pread() of an open file of /proc never failed in a memory cgroup at its limit. Where the host
 * has closed it, or there is no /proc, the resident set is unknown, and orders go by what is claimed.
 * Opened under [K1]; read by the thread that is the agent. No malloc, no locks.
 */
#include "lib/statm.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/lib.h"
#include "util/fd.h"

void ms_statm_open(void)
{
	uint32_t pid = ms_lib.table.header->pid;

	if (ms_lib.statm.pid == pid)
		return;
	ms_inode_close(ms_lib.statm.fd, &ms_lib.statm.held);

	int fd = ms_fd_raise(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));

	ms_lib.statm = (struct ms_statm){
		.pid = pid,
		.fd = fd,
		.held = ms_inode_of(fd),
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
}

/* "SIZE RESIDENT ..." in pages; the second is wanted. */
static uint64_t parse_resident(const char *text)
{
	uint64_t pages = 0;

	while (*text >= '0' && *text <= '9')
		text++;
	if (*text++ != ' ')
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		pages = pages * 10 + (uint64_t)(*text - '0');
	return pages;
}

uint64_t ms_statm_rss_bytes(void)
{
	char text[128];
	ssize_t n = -1;

	if (ms_inode_is(ms_lib.statm.fd, &ms_lib.statm.held))
		n = pread(ms_lib.statm.fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return parse_resident(text) * ms_lib.statm.page_bytes;
}

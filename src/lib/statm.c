/* SPDX-License-Identifier: MIT */
/*
 * lib/statm.c - the resident set of this process.
 *
 * Owns one descriptor of /proc/self/statm. It is opened beforehand, because the agent reads it when memory
 * is short: pread() of an open file of /proc never failed in a memory cgroup at its limit. Where the host
 * has closed it, or there is no /proc, the resident set is unknown, and orders go by what is claimed.
 * Opened under [K1]; read by the thread that is the agent, and by those that look (brake.c). No malloc, no locks.
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

static uint64_t take_number(const char **at)
{
	uint64_t number = 0;

	while (**at == ' ')
		(*at)++;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		number = number * 10 + (uint64_t)(**at - '0');
	return number;
}

/* "SIZE RESIDENT SHARED ..." in pages. Return: false where it cannot be read. */
static bool read_pages(uint64_t *ret_resident, uint64_t *ret_shared)
{
	char text[128];
	const char *at = text;
	ssize_t n = -1;

	if (ms_inode_is(ms_lib.statm.fd, &ms_lib.statm.held))
		n = pread(ms_lib.statm.fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	take_number(&at);
	*ret_resident = take_number(&at);
	*ret_shared = take_number(&at);
	return true;
}

uint64_t ms_statm_rss_bytes(void)
{
	uint64_t resident, shared;

	return read_pages(&resident, &shared) ? resident * ms_lib.statm.page_bytes : 0;
}

uint64_t ms_statm_anon_bytes(void)
{
	uint64_t resident, shared;

	return read_pages(&resident, &shared) && resident > shared ? (resident - shared) * ms_lib.statm.page_bytes : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/statm.c - the resident set of this process.
 *
 * Owns one descriptor of a statm in /proc. It is opened beforehand, because the agent reads it when memory
 * is short: pread() of an open file of /proc never failed in a memory cgroup at its limit. Where it cannot be
 * read (there is no /proc, or the host has closed it), the resident set is unknown, and orders go by what is
 * claimed; a while after such an order the agent opens it again.
 *
 * Once the main thread has ended, the statm of the process reads as zeros; that of another thread does not.
 *
 * Opened under [K1] before the agent runs, then by the thread that is the agent; read by that thread. No
 * malloc, no locks.
 */
#include "lib/statm.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/lib.h"
#include "util/clock.h"
#include "util/fd.h"

/* To open a file in a memory cgroup at its limit may call the OOM killer: not right after an order. */
#define PAUSE_NS MS_NS_PER_S

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

static uint64_t read_rss(void)
{
	char text[128];
	ssize_t n = -1;

	if (ms_inode_is(ms_lib.statm.fd, &ms_lib.statm.held))
		n = pread(ms_lib.statm.fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return parse_resident(text) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t ms_statm_rss_bytes(void)
{
	uint64_t bytes = read_rss();

	if (!bytes)
		atomic_store_explicit(&ms_lib.statm.due_ns, ms_clock_ns() + PAUSE_NS, memory_order_relaxed);
	return bytes;
}

static void open_file(bool of_thread)
{
	const char *path = of_thread ? "/proc/thread-self/statm" : "/proc/self/statm";
	struct ms_statm *statm = &ms_lib.statm;

	ms_inode_close(statm->fd, &statm->held);
	statm->fd = ms_fd_raise(open(path, O_RDONLY | O_CLOEXEC));
	statm->held = ms_inode_of(statm->fd);
	statm->pid = ms_lib.table.header->pid;
	statm->of_thread = of_thread;
}

static bool has_main_ended(void)
{
	return atomic_load_explicit(&ms_lib.main_ended, memory_order_relaxed);
}

void ms_statm_open(void)
{
	struct ms_statm *statm = &ms_lib.statm;

	atomic_store_explicit(&statm->due_ns, UINT64_MAX, memory_order_relaxed);
	if (statm->pid == ms_lib.table.header->pid && (statm->of_thread || !has_main_ended()) && read_rss())
		return;
	open_file(has_main_ended());
	if (!statm->of_thread && !read_rss()) /* loaded when the main thread had ended */
		open_file(true);
}

void ms_statm_look_after(uint64_t now_ns)
{
	if (now_ns >= atomic_load_explicit(&ms_lib.statm.due_ns, memory_order_relaxed) ||
	    (has_main_ended() && !ms_lib.statm.of_thread))
		ms_statm_open();
}

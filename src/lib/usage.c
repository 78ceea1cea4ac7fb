/* SPDX-License-Identifier: MIT */
/*
 * lib/usage.c - how much of the budget is used: the file that the marks name, or the process's own anonymous memory.
 *
 * Opening needs kernel memory, so only the agent does it, and only below high (but for the process's own
 * statm, which says whether it is below); a thread that charges only reads what is open. The name
 * of a directory comes from a page that other processes write: it must be one of a cgroup file system, and
 * the file the very one that the watch reads. Where that cannot be opened (another mount namespace, no
 * descriptor left), the process's own anonymous memory is read instead: what other processes add is then
 * known from the marks alone.
 *
 * Usage includes page cache, which the kernel takes back by itself. What the marks say of it is as old as
 * they are; so the agent reads it once more before it acts, and where usage is near max and page cache may
 * have been replaced by memory since, the growth of the process's own memory counts.
 *
 * Whether the agent's thread sleeps is read from its stat, which is opened beforehand, too. Where its
 * callback is late, the stat of that thread stays open beside that of the new agent.
 *
 *   [usage.U1] the descriptor and device of a file, and generation, before its inode (release); a thread that
 *              looks loads the inode (acquire) first. A mix of two files fits no inode, and is not read;
 *              pairs with [usage.U1]
 */
#include "lib/usage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/lib.h"
#include "table/marks.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/saturate.h"

#define CGROUP1_FILE_SYSTEM 0x27e0eb
#define CGROUP2_FILE_SYSTEM 0x63677270
#define RETRY_NS (10 * MS_NS_PER_S)

enum {
	STAT_BYTES = 8192,
	LITTLE_DIVISOR = 64, /* of max: less page cache than that is not worth a second opinion */
};

/* ---- reading ---- */

static bool parse_number(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	*ret_number = number;
	return true;
}

/* Return: the length; -1 where it cannot be read, or the descriptor is of another file now. */
static ssize_t read_text(int fd, const struct ms_inode *held, char *text, size_t size)
{
	ssize_t length = ms_inode_is(fd, held) ? pread(fd, text, size - 1, 0) : -1;

	if (length >= 0)
		text[length] = '\0';
	return length;
}

static ssize_t read_file(const struct ms_usage_file *file, char *text, size_t size)
{
	const struct ms_inode held = {
		.inode = atomic_load_explicit(&file->inode, memory_order_acquire), /* [usage.U1] */
		.device = atomic_load_explicit(&file->device, memory_order_relaxed),
	};

	if (!held.inode)
		return -1;
	return read_text(atomic_load_explicit(&file->fd, memory_order_relaxed), &held, text, size);
}

static bool read_usage(const struct ms_marks_body *marks, uint64_t *ret_bytes)
{
	const struct ms_usage *usage = &ms_lib.usage;
	char text[32];

	if (!marks->generation ||
	    atomic_load_explicit(&usage->generation, memory_order_relaxed) != marks->generation)
		return false;
	return read_file(&usage->used, text, sizeof(text)) > 0 && parse_number(text, ret_bytes);
}

/* "SIZE RESIDENT SHARED ..." in pages. Return: in bytes; 0 where it cannot be read. */
static uint64_t read_anon(void)
{
	unsigned long long resident, shared;
	char text[128];

	if (read_file(&ms_lib.usage.statm, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Return: usage, as the process's own memory tells; 0: not known. */
static uint64_t used_by_anon(const struct ms_marks_body *marks)
{
	uint64_t anon = read_anon();

	return anon ? ms_marks_used(anon, marks->anon_offset) : 0;
}

/* What the agent read of the page cache counts while it is newer than the marks. */
static int64_t offset_of(const struct ms_marks_body *marks)
{
	const struct ms_usage *usage = &ms_lib.usage;

	if (atomic_load_explicit(&usage->cache_at_ns, memory_order_relaxed) > marks->written_ns)
		return atomic_load_explicit(&usage->cache_offset, memory_order_relaxed);
	return marks->usage_offset;
}

/* "TID (NAME) STATE ..."; the last parenthesis is the one that ends the name. */
static bool sleeps(const struct ms_usage_thread *thread)
{
	char text[64];
	const char *name_end = NULL;

	if (read_file(&thread->stat, text, sizeof(text)) > 0)
		name_end = strrchr(text, ')');
	return !name_end || name_end[1] != ' ' || name_end[2] == 'S';
}

static bool has_late(void)
{
	return atomic_load_explicit(&ms_lib.executor.late, memory_order_relaxed);
}

bool ms_usage_agent_waits(void)
{
	return sleeps(&ms_lib.usage.agent) && (!has_late() || sleeps(&ms_lib.usage.late));
}

/* The clock of a thread that has ended cannot be read. */
static uint64_t cpu_of(const struct ms_usage_thread *thread)
{
	struct timespec time;

	if (!atomic_load_explicit(&thread->stat.inode, memory_order_acquire) || /* [usage.U1] */
	    clock_gettime(atomic_load_explicit(&thread->clock, memory_order_relaxed), &time) < 0)
		return 0;
	return (uint64_t)time.tv_sec * MS_NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t ms_usage_agent_cpu_ns(void)
{
	return cpu_of(&ms_lib.usage.agent) + (has_late() ? cpu_of(&ms_lib.usage.late) : 0);
}

uint64_t ms_usage_bytes(const struct ms_marks_body *marks)
{
	uint64_t bytes, used;

	if (marks->kind == MS_USAGE_ANON || !read_usage(marks, &bytes))
		return used_by_anon(marks);
	used = ms_marks_used(bytes, offset_of(marks));
	if (bytes >= marks->brake_bytes && used < marks->brake_bytes)
		used = ms_greatest(used, used_by_anon(marks));
	return used;
}

/* ---- the agent's ---- */

/* "NAME NUMBER" at the beginning of a line. */
static bool find_figure(const char *text, const char *name, uint64_t *ret_bytes)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ' ')
			return parse_number(line + length + 1, ret_bytes);
	}
	return false;
}

static bool read_page_cache(const struct ms_marks_body *marks, uint64_t *ret_bytes)
{
	bool old = marks->kind == MS_USAGE_CGROUP1;
	char text[STAT_BYTES];
	uint64_t active, inactive;

	if (read_text(ms_lib.usage.stat_fd, &ms_lib.usage.stat_held, text, sizeof(text)) <= 0 ||
	    !find_figure(text, old ? "total_active_file" : "active_file", &active) ||
	    !find_figure(text, old ? "total_inactive_file" : "inactive_file", &inactive))
		return false;
	*ret_bytes = active + inactive;
	return true;
}

uint64_t ms_usage_fresh(const struct ms_marks_body *marks, uint64_t now_ns)
{
	struct ms_usage *usage = &ms_lib.usage;
	uint64_t bytes, page_cache, used;

	if (marks->kind == MS_USAGE_ANON || marks->flags & MS_MARKS_SWAP || !read_usage(marks, &bytes) ||
	    !read_page_cache(marks, &page_cache))
		return ms_usage_bytes(marks);
	used = ms_marks_used(bytes, -(int64_t)page_cache);
	/* The kernel's sums may be 2 s old. */
	if (page_cache > marks->max_bytes / LITTLE_DIVISOR)
		used = ms_greatest(used, used_by_anon(marks));
	atomic_store_explicit(&usage->cache_offset, (int64_t)(used - bytes), memory_order_relaxed);
	atomic_store_explicit(&usage->cache_at_ns, now_ns, memory_order_relaxed);
	return used;
}

static void put_file(struct ms_usage_file *file, int fd)
{
	struct ms_inode inode = ms_inode_of(fd);

	atomic_store_explicit(&file->fd, fd, memory_order_relaxed);
	atomic_store_explicit(&file->device, inode.device, memory_order_relaxed);
	atomic_store_explicit(&file->inode, inode.inode, memory_order_release); /* [usage.U1] */
}

static void close_file(struct ms_usage_file *file)
{
	const struct ms_inode held = {
		.device = atomic_load_explicit(&file->device, memory_order_relaxed),
		.inode = atomic_load_explicit(&file->inode, memory_order_relaxed),
	};

	if (!held.inode)
		return;
	atomic_store_explicit(&file->inode, 0, memory_order_relaxed);
	ms_inode_close(atomic_load_explicit(&file->fd, memory_order_relaxed), &held);
}

/* The host may have closed it. */
static bool holds(const struct ms_usage_file *file)
{
	const struct ms_inode held = {
		.device = atomic_load_explicit(&file->device, memory_order_relaxed),
		.inode = atomic_load_explicit(&file->inode, memory_order_relaxed),
	};

	return held.inode && ms_inode_is(atomic_load_explicit(&file->fd, memory_order_relaxed), &held);
}

static void close_usage(struct ms_usage *usage)
{
	if (!atomic_load_explicit(&usage->generation, memory_order_relaxed))
		return;
	atomic_store_explicit(&usage->generation, 0, memory_order_relaxed);
	close_file(&usage->used);
	ms_inode_close(usage->stat_fd, &usage->stat_held);
}

/* Return: a descriptor of the directory, for openat() only; -1 where it is none of a cgroup. */
static int open_directory(const struct ms_marks_body *marks)
{
	char directory[MS_MARKS_DIRECTORY_BYTES];
	struct statfs status;

	if (!ms_marks_read_directory(ms_lib.control.page, marks, directory))
		return -1;

	MS_CLEANUP_FD int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long expected = marks->kind == MS_USAGE_CGROUP1 ? CGROUP1_FILE_SYSTEM : CGROUP2_FILE_SYSTEM;

	if (fd < 0 || fstatfs(fd, &status) < 0 || status.f_type != expected)
		return -1;
	return ms_steal_fd(&fd);
}

static int open_file(int directory, const char *name)
{
	return ms_fd_raise(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

/* Return: whether it is open now. */
static bool open_files(struct ms_usage *usage, const struct ms_marks_body *marks)
{
	MS_CLEANUP_FD int directory = open_directory(marks);

	if (directory < 0)
		return false;

	MS_CLEANUP_FD int fd =
		open_file(directory, marks->kind == MS_USAGE_CGROUP1 ? "memory.usage_in_bytes" : "memory.current");
	struct ms_inode inode = ms_inode_of(fd);

	if (!inode.inode || inode.device != marks->device || inode.inode != marks->inode)
		return false;
	usage->stat_fd = open_file(directory, "memory.stat");
	usage->stat_held = ms_inode_of(usage->stat_fd);
	atomic_store_explicit(&usage->cache_at_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&usage->generation, marks->generation, memory_order_relaxed);
	put_file(&usage->used, ms_steal_fd(&fd));
	return true;
}

/* Once the main thread has ended, the process's own statm reads as zeros; that of another thread does not. */
static void open_statm(struct ms_usage *usage, uint64_t now_ns)
{
	bool of_thread = atomic_load_explicit(&ms_lib.main_ended, memory_order_relaxed);

	if (read_anon() || now_ns < usage->statm_due_ns)
		return;
	close_file(&usage->statm);
	put_file(&usage->statm,
		 ms_fd_raise(open(of_thread ? "/proc/thread-self/statm" : "/proc/self/statm", O_RDONLY | O_CLOEXEC)));
	usage->statm_due_ns = now_ns + RETRY_NS;
}

static void set_thread(struct ms_usage_thread *thread, int fd, clockid_t clock)
{
	close_file(&thread->stat);
	atomic_store_explicit(&thread->clock, clock, memory_order_relaxed);
	put_file(&thread->stat, fd);
}

void ms_usage_pass_agent(void)
{
	struct ms_usage *usage = &ms_lib.usage;
	int fd = holds(&usage->agent.stat) ? atomic_load_explicit(&usage->agent.stat.fd, memory_order_relaxed) : -1;

	atomic_store_explicit(&usage->agent.stat.inode, 0, memory_order_relaxed);
	set_thread(&usage->late, fd, atomic_load_explicit(&usage->agent.clock, memory_order_relaxed));
	usage->agent_tid = 0;
}

/* The kernel allocates at the first read what later ones use: so it is read once here. */
static void open_agent(uint64_t now_ns)
{
	struct ms_usage *usage = &ms_lib.usage;
	pid_t tid = gettid();
	clockid_t clock;

	if (usage->agent_tid == tid && (holds(&usage->agent.stat) || now_ns < usage->agent_due_ns))
		return;
	if (pthread_getcpuclockid(pthread_self(), &clock) != 0)
		return;
	usage->agent_tid = tid;
	set_thread(&usage->agent, ms_fd_raise(open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC)), clock);
	usage->agent_due_ns = holds(&usage->agent.stat) ? 0 : now_ns + RETRY_NS;
	(void)sleeps(&usage->agent);
}

void ms_usage_open(const struct ms_marks_body *marks, uint64_t now_ns)
{
	struct ms_usage *usage = &ms_lib.usage;

	open_statm(usage, now_ns);
	if (used_by_anon(marks) < marks->high_bytes)
		open_agent(now_ns);
	if (marks->kind == MS_USAGE_ANON || !marks->generation)
		return;
	if (atomic_load_explicit(&usage->generation, memory_order_relaxed) == marks->generation &&
	    holds(&usage->used) && (!usage->stat_held.inode || ms_inode_is(usage->stat_fd, &usage->stat_held)))
		return;
	if (usage->refused_generation == marks->generation && now_ns < usage->refused_until_ns)
		return;
	if (used_by_anon(marks) >= marks->high_bytes)
		return;
	close_usage(usage);
	if (open_files(usage, marks))
		return;
	usage->refused_generation = marks->generation;
	usage->refused_until_ns = now_ns + RETRY_NS;
}

void ms_usage_after_fork(void)
{
	close_file(&ms_lib.usage.statm);
	ms_lib.usage.statm_due_ns = 0;
	close_file(&ms_lib.usage.agent.stat);
	close_file(&ms_lib.usage.late.stat);
	ms_lib.usage.agent_tid = 0;
}

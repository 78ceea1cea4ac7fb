/* SPDX-License-Identifier: MIT */
/* sample/process.c - see process.h. */
#include "sample/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sample/listing.h"
#include "sample/text.h"
#include "util/cleanup.h"

uint64_t ms_process_page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The fields behind the name are numbers, some negative, none is empty. */
static bool skip_fields(const char **cursor, unsigned count)
{
	for (; count > 0; count--) {
		size_t length = strcspn(*cursor, " \n");

		*cursor += length;
		if (length == 0 || !ms_text_skip(cursor, " "))
			return false;
	}
	return true;
}

static bool take_pid(const char **cursor, pid_t *ret_pid)
{
	uint64_t value;

	if (!ms_text_u64(cursor, &value) || value > INT32_MAX)
		return false;
	*ret_pid = (pid_t)value;
	return true;
}

static bool take_field(const char **cursor, uint64_t *ret_value)
{
	return ms_text_u64(cursor, ret_value) && ms_text_skip(cursor, " ");
}

/* The name may contain ") R 1 1": the last parenthesis of the text ends it, as no field behind has one. */
static const char *take_comm(const char *cursor, char comm[MS_COMM_BYTES])
{
	const char *end = strrchr(cursor, ')');

	if (!ms_text_skip(&cursor, " (") || !end || end < cursor)
		return NULL;
	size_t length = (size_t)(end - cursor);

	if (length > MS_COMM_BYTES - 1)
		length = MS_COMM_BYTES - 1;
	memcpy(comm, cursor, length);
	comm[length] = '\0';
	return end + 1;
}

int ms_process_parse_stat(const char *text, struct ms_process_stat *ret_stat)
{
	struct ms_process_stat stat = {.state = '?'};
	const char *cursor = text;
	uint64_t threads;

	if (!take_pid(&cursor, &stat.pid))
		return -EBADMSG;
	cursor = take_comm(cursor, stat.comm);
	if (!cursor || !ms_text_skip(&cursor, " ") || *cursor < 'A' || *cursor > 'z')
		return -EBADMSG;
	stat.state = *cursor++;
	if (!ms_text_skip(&cursor, " ") || !take_pid(&cursor, &stat.ppid) || !ms_text_skip(&cursor, " "))
		return -EBADMSG;
	/* Now at field 5; field 20 is num_threads, 21 itrealvalue, 22 starttime: proc(5). */
	if (!skip_fields(&cursor, 15) || !take_field(&cursor, &threads) || threads > INT32_MAX)
		return -EBADMSG;
	if (!skip_fields(&cursor, 1) || !take_field(&cursor, &stat.start_ticks))
		return -EBADMSG;
	/* Field 48; there is none before Linux 3.5. */
	if (!skip_fields(&cursor, 25) || !take_field(&cursor, &stat.arguments_at))
		stat.arguments_at = 0;
	stat.threads = (uint32_t)threads;
	*ret_stat = stat;
	return 0;
}

int ms_process_parse_statm(const char *text, uint64_t page_bytes, struct ms_process_memory *ret_memory)
{
	enum { SIZE, RESIDENT, SHARED, TEXT, LIB, DATA, DIRTY, FIELDS };
	uint64_t fields[FIELDS];
	const char *cursor = text;

	for (int i = 0; i < FIELDS; i++) {
		if (!ms_text_u64(&cursor, &fields[i]) || !ms_text_skip(&cursor, i < FIELDS - 1 ? " " : "\n"))
			return -EBADMSG;
		if (__builtin_mul_overflow(fields[i], page_bytes, &fields[i]))
			return -EBADMSG;
	}
	*ret_memory = (struct ms_process_memory){
		.size_bytes = fields[SIZE],
		.resident_bytes = fields[RESIDENT],
		.shared_bytes = fields[SHARED],
		.data_bytes = fields[DATA],
	};
	return 0;
}

static bool take_limit(const char *text, const char *key, uint64_t *ret_bytes)
{
	const char *cursor = ms_text_row(text, key);

	if (!cursor)
		return false;
	if (ms_text_skip(&cursor, "unlimited")) {
		*ret_bytes = UINT64_MAX;
		return *cursor == ' ';
	}
	return ms_text_u64(&cursor, ret_bytes) && *cursor == ' ';
}

int ms_process_parse_limits(const char *text, struct ms_process_limits *ret_limits)
{
	struct ms_process_limits limits;

	if (!take_limit(text, "Max data size", &limits.data_bytes) ||
	    !take_limit(text, "Max address space", &limits.as_bytes))
		return -EBADMSG;
	*ret_limits = limits;
	return 0;
}

bool ms_process_is_zombie(const struct ms_process_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

/* A process that ends between two steps is missing, whatever the step says. */
static int as_gone(int r)
{
	return r == -ENOENT ? -ESRCH : r;
}

static int read_stat_at(const struct ms_root *root, int dirfd, const char *path, uint64_t start_ticks,
			struct ms_process_stat *ret_stat)
{
	char text[MS_TEXT_BYTES];
	struct ms_process_stat stat;
	ssize_t n = ms_text_read_at(root, dirfd, path, text, sizeof(text));

	if (n < 0)
		return as_gone((int)n);
	int r = ms_process_parse_stat(text, &stat);

	if (r < 0)
		return r;
	if (start_ticks != 0 && stat.start_ticks != start_ticks)
		return -ESRCH;
	*ret_stat = stat;
	return 0;
}

int ms_process_open(struct ms_process *process, const struct ms_root *root, pid_t pid, uint64_t start_ticks,
		    struct ms_process_stat *ret_stat)
{
	struct ms_process_stat stat;

	*process = (struct ms_process){.pid = pid, .statm_fd = -1};
	MS_CLEANUP_FD int dirfd = ms_root_open(root, "proc/%d", (int)pid);

	if (dirfd < 0)
		return as_gone(dirfd);
	int r = read_stat_at(root, dirfd, "stat", start_ticks, &stat);

	if (r < 0)
		return r;
	/* Both below one directory, so of one process, even if it ends and its pid is taken just now. */
	int fd = root->ops.openat(root->ops.ctx, dirfd, "statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return as_gone(fd);
	process->statm_fd = fd;
	process->start_ticks = stat.start_ticks;
	if (ret_stat)
		*ret_stat = stat;
	return 0;
}

void ms_process_close(struct ms_process *process)
{
	if (process->statm_fd >= 0)
		close(process->statm_fd);
	process->statm_fd = -1;
}

int ms_process_sample(const struct ms_process *process, const struct ms_root *root,
		      struct ms_process_memory *ret_memory)
{
	char text[256]; /* seven numbers of at most 20 digits */
	struct ms_process_memory memory;
	ssize_t n = ms_text_read(root, process->statm_fd, text, sizeof(text));

	if (n == -ESRCH && process->adopted)
		return MS_PROCESS_EMPTY; /* that thread ended; others may run on */
	if (n < 0)
		return (int)n;
	int r = ms_process_parse_statm(text, ms_process_page_bytes(), &memory);

	if (r < 0)
		return r;
	*ret_memory = memory;
	return memory.size_bytes > 0 ? 0 : MS_PROCESS_EMPTY;
}

/* Take over the statm of one thread if it has memory; Return: 1 taken, 0 not, negative errno. */
static int try_thread(struct ms_process *process, const struct ms_root *root, int taskfd, pid_t tid)
{
	struct ms_process_memory memory;
	char path[32];

	snprintf(path, sizeof(path), "%d/statm", (int)tid);
	struct ms_process thread = *process;

	thread.adopted = true;
	thread.statm_fd = root->ops.openat(root->ops.ctx, taskfd, path, O_RDONLY | O_CLOEXEC);
	if (thread.statm_fd < 0)
		return as_gone(thread.statm_fd) == -ESRCH ? 0 : thread.statm_fd;
	if (ms_process_sample(&thread, root, &memory) != 0) {
		ms_process_close(&thread);
		return 0;
	}
	ms_process_close(process);
	*process = thread;
	return 1;
}

int ms_process_adopt_thread(struct ms_process *process, const struct ms_root *root)
{
	struct ms_process_stat stat;
	struct ms_listing listing;
	MS_CLEANUP_FD int dirfd = ms_root_open(root, "proc/%d", (int)process->pid);

	if (dirfd < 0)
		return as_gone(dirfd);
	int r = read_stat_at(root, dirfd, "stat", process->start_ticks, &stat);

	if (r < 0)
		return r;
	MS_CLEANUP_FD int taskfd = root->ops.openat(root->ops.ctx, dirfd, "task", O_RDONLY | O_CLOEXEC);

	if (taskfd < 0)
		return as_gone(taskfd);
	pid_t tid;

	ms_listing_start(&listing, root, taskfd);
	while ((r = ms_listing_next(&listing, &tid)) > 0) {
		r = try_thread(process, root, taskfd, tid);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (r < 0)
		return as_gone(r);
	return ms_process_is_zombie(&stat) ? -ESRCH : MS_PROCESS_EMPTY;
}

int ms_process_read_stat(const struct ms_root *root, pid_t pid, uint64_t start_ticks,
			 struct ms_process_stat *ret_stat)
{
	char path[32];

	snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
	return read_stat_at(root, root->dirfd, path, start_ticks, ret_stat);
}

int ms_process_read_limits(const struct ms_root *root, pid_t pid, struct ms_process_limits *ret_limits)
{
	char text[MS_TEXT_BYTES];
	MS_CLEANUP_FD int fd = ms_root_open(root, "proc/%d/limits", (int)pid);

	if (fd < 0)
		return as_gone(fd);
	ssize_t n = ms_text_read(root, fd, text, sizeof(text));

	return n < 0 ? (int)n : ms_process_parse_limits(text, ret_limits);
}

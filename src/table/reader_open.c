/* SPDX-License-Identifier: MIT */
/*
 * table/reader_open.c - find a table, make sure that it is one, take over its descriptor.
 *
 * What another process offers is hostile until checked, and even opening or stat()ing the wrong file can
 * block for ever (a FIFO, a device, a file of somebody's own FUSE). So, in this order: the name of the
 * link, which the kernel makes; O_PATH, which opens nothing; a stat that asks no file system; the device
 * number, which must be that of the kernel's own memfds; only then a real open, of the same inode; then
 * the seals, without which no byte is read.
 *
 * Allocates nothing, but opens, and takes time in proportion to the process's descriptors: not for the
 * alarm path.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table/memfd.h"
#include "table/slot.h"
#include "table/proc.h"
#include "table/reader_internal.h"
#include "util/cleanup.h"

#define LINK_NAME(name) "/memfd:" name " (deleted)"

/* A process may offer any number of look-alikes: how many are looked at. */
enum { CANDIDATES = 32 };

int ms_reader_copy(int fd, uint64_t offset, void *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

/* ---- is it a memfd of ours? ---- */

static int stat_quietly(int fd, struct statx *ret_status)
{
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_INO,
		  ret_status) < 0)
		return -errno;
	return 0;
}

static int on_memfd_device(const struct statx *status)
{
	MS_CLEANUP_FD int fd = ms_memfd_make("memshed-probe", 0);
	struct statx own;
	int error = fd < 0 ? fd : stat_quietly(fd, &own);

	if (error)
		return error;
	return own.stx_dev_major == status->stx_dev_major && own.stx_dev_minor == status->stx_dev_minor
		       ? 0 : -EBADMSG;
}

static int check_memfd(int fd, uint64_t *ret_bytes)
{
	struct statx status;
	int error = stat_quietly(fd, &status);

	if (error)
		return error;
	if (!S_ISREG(status.stx_mode))
		return -EBADMSG;
	error = on_memfd_device(&status);
	if (error)
		return error;
	if (ret_bytes)
		*ret_bytes = status.stx_size;
	return 0;
}

static int check_seals(int fd)
{
	int need = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -EBADMSG;
	/* F_SEAL_WRITE says more than F_SEAL_FUTURE_WRITE. */
	return (seals & need) == need && seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE) ? 0 : -EPERM;
}

/* ---- header ---- */

/* @count things of @bytes each from @offset on, inside @total? Nothing here can overflow: count and
 * bytes were bounded before. */
static bool inside(uint64_t offset, uint64_t count, uint64_t bytes, uint64_t total)
{
	return offset % 8 == 0 && offset <= total && count * bytes <= total - offset;
}

static bool header_fits(const struct ms_table_header *header, uint64_t file_bytes)
{
	if (header->magic != MS_TABLE_MAGIC || header->endian != MS_ENDIAN_MARK || header->word_bytes != 8 ||
	    header->major != MS_TABLE_MAJOR)
		return false;
	if (header->header_bytes < sizeof(*header) || header->header_bytes > file_bytes ||
	    header->row_bytes != MS_ROW_BYTES || header->shard_row_bytes != MS_SHARD_ROW_BYTES)
		return false;
	if (header->row_count < 1 || header->row_count > MS_ROW_COUNT || header->shard_count < 1 ||
	    header->shard_count > MS_SHARDS_MAX || header->total_bytes != file_bytes)
		return false;
	return header->rows_offset >= header->header_bytes &&
	       inside(header->rows_offset, header->row_count, MS_ROW_BYTES, file_bytes) &&
	       header->shards_offset >= header->header_bytes &&
	       inside(header->shards_offset, (uint64_t)header->shard_count * header->row_count, MS_SHARD_ROW_BYTES,
		      file_bytes);
}

static uint32_t at_most(uint32_t value, uint32_t bound)
{
	return value < bound ? value : bound;
}

static void decode_header(const struct ms_table_header *header, struct ms_table_info *ret_info)
{
	struct ms_table_info info = {
		.major = header->major,
		.minor = header->minor,
		.pid = header->pid,
		.start_ticks = header->start_ticks,
		.identity = header->identity,
		.row_high = at_most(header->row_high, header->row_count),
		.live_rows = at_most(header->live_rows, header->row_count),
		.shard_high = at_most(header->shard_high, header->shard_count),
		.shared_shard_used = header->shared_shard_used != 0,
		.refused_registrations = header->refused_registrations,
		.generation = header->generation,
		.agent_mode = header->agent_mode,
		.agent_signal = ms_slot_signal_fits((int)header->agent_signal) ? header->agent_signal : 0,
		.agent_state = header->agent_state,
		.agent_tid = header->agent_tid,
		.current_row = header->current_row,
		.current_since_ns = header->current_since_ns,
		.rounds = header->rounds,
		.orders = header->orders,
		.trims = header->trims,
		.trimmed_bytes = header->trimmed_bytes,
		.heartbeat_ns = header->heartbeat_ns,
	};

	memcpy(info.allocator, header->allocator, sizeof(info.allocator) - 1);
	*ret_info = info;
}

int ms_table_refresh(struct ms_table_reader *reader)
{
	struct ms_table_header header;
	int error = ms_reader_copy(reader->fd, 0, &header, sizeof(header));

	if (error)
		return error;
	/* What does not change in an honest table must not change in any: bounds were checked once. */
	if (!header_fits(&header, reader->file_bytes) || header.rows_offset != reader->rows_offset ||
	    header.shards_offset != reader->shards_offset || header.shard_count != reader->shard_count ||
	    header.row_count != reader->row_count || header.identity != reader->info.identity)
		return -EBADMSG;
	decode_header(&header, &reader->info);
	return 0;
}

int ms_table_open(struct ms_table_reader *reader, struct ms_table_scratch *scratch, int fd)
{
	struct ms_table_header header;
	uint64_t bytes;
	int error = check_memfd(fd, &bytes);

	if (!error)
		error = check_seals(fd);
	if (!error)
		error = ms_reader_copy(fd, 0, &header, sizeof(header));
	if (error)
		return error == -EBADF ? -EBADMSG : error;
	if (!header_fits(&header, bytes))
		return -EBADMSG;

	struct ms_table_reader opened = {
		.fd = fd,
		.file_bytes = bytes,
		.rows_offset = header.rows_offset,
		.shards_offset = header.shards_offset,
		.row_count = header.row_count,
		.shard_count = header.shard_count,
		.scratch = scratch,
	};

	decode_header(&header, &opened.info);
	*reader = opened;
	return 0;
}

void ms_table_close(struct ms_table_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	*reader = (struct ms_table_reader){.fd = -1};
}

/* ---- a process's descriptors ---- */

static bool link_is(int dirfd, const char *entry, const char *name)
{
	char target[64];
	ssize_t n = readlinkat(dirfd, entry, target, sizeof(target));

	return n >= 0 && (size_t)n == strlen(name) && memcmp(target, name, (size_t)n) == 0;
}

/* Open what the link leads to, but only if it is a memfd of that name. */
static int reopen(int dirfd, const char *entry, const char *name, int flags)
{
	char own_link[sizeof("/proc/self/fd/") + 16];
	MS_CLEANUP_FD int path_fd = openat(dirfd, entry, O_PATH | O_CLOEXEC);

	if (path_fd < 0)
		return -errno;
	snprintf(own_link, sizeof(own_link), "/proc/self/fd/%d", path_fd);
	if (!link_is(AT_FDCWD, own_link, name)) /* the number may stand for another file by now */
		return -ENOENT;
	int error = check_memfd(path_fd, NULL);

	if (error)
		return error;
	int fd = open(own_link, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

/* What the kernel says of the process, to tell its own table from one it inherited. */
struct process_facts {
	uint32_t pid; /* in its own pid namespace */
	uint64_t start_ticks;
};

static int read_facts(int proc_fd, pid_t pid, struct process_facts *ret_facts)
{
	char text[4096];
	ssize_t n = ms_proc_read(proc_fd, "stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	*ret_facts = (struct process_facts){.pid = (uint32_t)pid, .start_ticks = ms_proc_start_ticks(text)};
	n = ms_proc_read(proc_fd, "status", text, sizeof(text));
	char *at = n > 0 ? strstr(text, "\nNSpid:") : NULL;

	if (at) { /* one number per namespace, the innermost last */
		char *end = strchr(at + 1, '\n');

		if (end)
			*end = '\0';
		at = strrchr(at, '\t');
		if (at)
			ret_facts->pid = (uint32_t)strtoul(at + 1, NULL, 10);
	}
	return 0;
}

/* Clocks of a time namespace may shift the start time, so the pid alone will do when nothing fits better. */
static int rate(const struct ms_table_info *info, const struct process_facts *facts)
{
	if (info->pid != facts->pid)
		return 0;
	return info->start_ticks == facts->start_ticks ? 2 : 1;
}

/* ---- walking the directory, without opendir()'s malloc ---- */

struct walk {
	int dirfd;
	char *buffer;
	size_t size, at, end;
	unsigned seen;    /* candidates so far */
	const char *name; /* of the link wanted */
};

static struct walk start_walk(int dirfd, struct ms_table_scratch *scratch, const char *name)
{
	lseek(dirfd, 0, SEEK_SET);
	return (struct walk){
		.dirfd = dirfd, .buffer = scratch->entries, .size = sizeof(scratch->entries), .name = name};
}

/* The next descriptor whose link has that name, or NULL. */
static const char *next_candidate(struct walk *walk)
{
	while (walk->seen < CANDIDATES) {
		if (walk->at >= walk->end) {
			ssize_t n = getdents64(walk->dirfd, walk->buffer, walk->size);

			if (n <= 0)
				return NULL;
			walk->at = 0;
			walk->end = (size_t)n;
		}
		const struct dirent64 *entry = (const void *)(walk->buffer + walk->at);

		walk->at += entry->d_reclen;
		if (!link_is(walk->dirfd, entry->d_name, walk->name))
			continue;
		walk->seen++;
		return entry->d_name;
	}
	return NULL;
}

static int consider_table(int dirfd, const char *entry, struct ms_table_scratch *scratch,
			  struct ms_table_reader *ret_reader)
{
	MS_CLEANUP_FD int fd = reopen(dirfd, entry, LINK_NAME(MS_TABLE_MEMFD_NAME), O_RDONLY);
	int error = fd < 0 ? fd : ms_table_open(ret_reader, scratch, fd);

	if (!error)
		ms_steal_fd(&fd);
	return error;
}

/* Return: 0 and the table that fits the process best; -ENOENT or what was wrong with the last candidate. */
static int find_table(int dirfd, struct ms_table_scratch *scratch, const struct process_facts *facts,
		      struct ms_table_reader *ret_best)
{
	struct walk walk = start_walk(dirfd, scratch, LINK_NAME(MS_TABLE_MEMFD_NAME));
	int error = -ENOENT, best_rate = 0;
	const char *entry;

	while (best_rate < 2 && (entry = next_candidate(&walk))) {
		struct ms_table_reader reader;
		int failed = consider_table(dirfd, entry, scratch, &reader);

		if (failed) {
			error = failed;
			continue;
		}
		int rated = rate(&reader.info, facts);

		if (rated <= best_rate) {
			ms_table_close(&reader);
			continue;
		}
		if (best_rate)
			ms_table_close(ret_best);
		*ret_best = reader;
		best_rate = rated;
	}
	return best_rate ? 0 : error;
}

static bool control_belongs(int fd, uint64_t identity)
{
	struct ms_control_header header;

	return fcntl(fd, F_GET_SEALS) >= 0 && ms_reader_copy(fd, 0, &header, sizeof(header)) == 0 &&
	       header.magic == MS_CONTROL_MAGIC && header.identity == identity;
}

static int find_control(int dirfd, struct ms_table_scratch *scratch, uint64_t identity)
{
	struct walk walk = start_walk(dirfd, scratch, LINK_NAME(MS_CONTROL_MEMFD_NAME));
	const char *entry;

	while ((entry = next_candidate(&walk))) {
		MS_CLEANUP_FD int fd = reopen(dirfd, entry, LINK_NAME(MS_CONTROL_MEMFD_NAME), O_RDWR);

		if (fd >= 0 && control_belongs(fd, identity))
			return ms_steal_fd(&fd);
	}
	return -1;
}

static int open_fd_dir(pid_t pid, struct process_facts *ret_facts)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	/* Held open, so that a new process of the same number cannot take its place. */
	MS_CLEANUP_FD int proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc_fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	int error = read_facts(proc_fd, pid, ret_facts);

	if (error)
		return error;
	int fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

int ms_table_open_pid(struct ms_table_reader *reader, struct ms_table_scratch *scratch, pid_t pid,
		      int *ret_control_fd)
{
	struct process_facts facts;
	MS_CLEANUP_FD int dirfd = open_fd_dir(pid, &facts);

	if (dirfd < 0)
		return dirfd;
	int error = find_table(dirfd, scratch, &facts, reader);

	if (!error && ret_control_fd)
		*ret_control_fd = find_control(dirfd, scratch, reader->info.identity);
	return error;
}

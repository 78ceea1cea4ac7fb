/* SPDX-License-Identifier: MIT */
/*
 * table/state.c - publish the state of a watch, and read it.
 *
 * One writer. Order of its stores, and of a reader's copies:
 *   [state.W1] seq odd before any word of the state or of a member, each of which is a release (copy.h): a reader
 *              that has copied such a word sees the odd seq at the second look; pairs with [state.R2].
 *   [state.W2] all words before seq even (release); pairs with [state.R1].
 *   [state.R1] acquire: seq before the copy; pairs with [state.W2].
 *   [state.R2] acquire: the copy before the second look at seq; pairs with [state.W1].
 * The magic is stored last when the state is made; a reader opens it through a descriptor, and to find that
 * takes system calls which order more than this.
 */
#include "table/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/copy.h"
#include "table/fence.h"
#include "table/link.h"
#include "table/memfd.h"
#include "table/proc.h"
#include "util/cleanup.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

enum { RETRIES = 100 };

/* ---- the watch's end ---- */

static uint64_t own_start_ticks(void)
{
	char text[4096];

	return ms_proc_read(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) < 0 ? 0 : ms_proc_start_ticks(text);
}

int ms_state_create(struct ms_state_writer *writer)
{
	void *base;
	int error = ms_memfd_make_mapped(MS_STATE_MEMFD_NAME, sizeof(struct ms_state_abi), SEALS, NULL, -1,
					 &writer->fd, &base);

	if (error < 0)
		return error;
	struct ms_state_abi *page = writer->page = base;

	memset(base, 0, sizeof(*page));
	page->endian = MS_ENDIAN_MARK;
	page->major = MS_STATE_MAJOR;
	page->minor = MS_STATE_MINOR;
	page->state_bytes = sizeof(struct ms_state);
	page->members_offset = offsetof(struct ms_state_abi, members);
	page->member_bytes = sizeof(struct ms_state_member);
	page->member_count = MS_STATE_MEMBERS;
	page->pid = (uint32_t)getpid();
	page->start_ticks = own_start_ticks();
	page->total_bytes = sizeof(*page);
	__atomic_store_n(&page->magic, MS_STATE_MAGIC, __ATOMIC_RELEASE); /* [state.W2] */
	return 0;
}

void ms_state_destroy(struct ms_state_writer *writer)
{
	if (!writer->page)
		return;
	munmap(writer->page, sizeof(*writer->page));
	close(writer->fd);
	*writer = (struct ms_state_writer){.fd = -1};
}

static void put(struct ms_state_abi *page, void *to, const void *from, size_t bytes)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);

	atomic_store_explicit(&page->seq, seq | 1, memory_order_relaxed);
	ms_copy_put(to, from, bytes);
	atomic_store_explicit(&page->seq, (seq | 1) + 1, memory_order_release); /* [state.W2] */
}

void ms_state_publish(struct ms_state_writer *writer, const struct ms_state *state)
{
	if (writer->page)
		put(writer->page, &writer->page->state, state, sizeof(*state));
}

void ms_state_put_member(struct ms_state_writer *writer, uint32_t index, const struct ms_state_member *member)
{
	static const struct ms_state_member none;

	if (writer->page && index < MS_STATE_MEMBERS)
		put(writer->page, &writer->page->members[index], member ? member : &none, sizeof(none));
}

/* ---- a reader's end ---- */

static bool header_fits(const struct ms_state_abi *header, uint64_t file_bytes)
{
	if (header->magic != MS_STATE_MAGIC || header->endian != MS_ENDIAN_MARK || header->major != MS_STATE_MAJOR)
		return false;
	if (header->total_bytes != file_bytes || header->member_bytes != sizeof(struct ms_state_member) ||
	    header->member_count > MS_STATE_MEMBERS || header->state_bytes > file_bytes)
		return false;
	return header->members_offset % 8 == 0 &&
	       header->members_offset >= (uint64_t)MS_STATE_HEADER_BYTES + header->state_bytes &&
	       header->members_offset + (uint64_t)header->member_count * sizeof(struct ms_state_member) <= file_bytes;
}

/* @ret_header: its first MS_STATE_HEADER_BYTES are filled in. */
static int open_checked(struct ms_state_reader *reader, int fd, struct ms_state_abi *ret_header)
{
	uint64_t bytes;
	int error = ms_link_check(fd, &bytes);

	if (!error)
		error = ms_link_check_seals(fd);
	if (!error)
		error = ms_link_copy(fd, 0, ret_header, MS_STATE_HEADER_BYTES);
	if (error)
		return error == -EBADF ? -EBADMSG : error;
	if (!header_fits(ret_header, bytes))
		return -EBADMSG;
	*reader = (struct ms_state_reader){
		.fd = fd,
		.state_bytes = ret_header->state_bytes,
		.members_offset = ret_header->members_offset,
		.member_count = ret_header->member_count,
	};
	return 0;
}

int ms_state_open(struct ms_state_reader *reader, int fd)
{
	struct ms_state_abi header;

	return open_checked(reader, fd, &header);
}

int ms_state_open_pid(struct ms_state_reader *reader, pid_t pid)
{
	char names[4096];
	struct ms_link_facts facts;
	MS_CLEANUP_FD int dirfd = ms_link_open_dir(pid, &facts);
	int error = -ENOENT;
	const char *entry;

	if (dirfd < 0)
		return dirfd;
	struct ms_link_walk walk = ms_link_start(dirfd, MS_LINK_NAME(MS_STATE_MEMFD_NAME), names, sizeof(names));

	while ((entry = ms_link_next(&walk))) {
		struct ms_state_abi header;
		MS_CLEANUP_FD int fd = ms_link_open(dirfd, entry, walk.name, O_RDONLY);
		int failed = fd < 0 ? fd : open_checked(reader, fd, &header);

		if (failed) {
			error = failed;
			continue;
		}
		if (ms_link_rate(&facts, header.pid, header.start_ticks) == 0)
			continue; /* inherited: the watch lives elsewhere */
		reader->pid = pid;
		ms_steal_fd(&fd);
		return 0;
	}
	return error;
}

void ms_state_close(struct ms_state_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	*reader = (struct ms_state_reader){.fd = -1};
}

/* Return: 0 and @bytes that belong together; -EAGAIN; -EBADMSG; pread's errors. */
static int copy_whole(int fd, uint64_t offset, void *to, size_t bytes)
{
	for (unsigned i = 0; i < RETRIES; i++) {
		uint32_t before, after;
		int error = ms_link_copy(fd, offsetof(struct ms_state_abi, seq), &before, sizeof(before));

		ms_fence_acquire(); /* [state.R1] */
		if (!error)
			error = ms_link_copy(fd, offset, to, bytes);
		ms_fence_acquire(); /* [state.R2] */
		if (!error)
			error = ms_link_copy(fd, offsetof(struct ms_state_abi, seq), &after, sizeof(after));
		if (error)
			return error;
		if (before == after && !(before & 1))
			return 0;
	}
	return -EAGAIN;
}

#define END_STRING(field) ((field)[sizeof(field) - 1] = '\0')

int ms_state_read(const struct ms_state_reader *reader, struct ms_state *ret_state)
{
	struct ms_state state = {0};
	size_t known = reader->state_bytes < sizeof(state) ? reader->state_bytes : sizeof(state);
	int error = copy_whole(reader->fd, MS_STATE_HEADER_BYTES, &state, known);

	if (error)
		return error;
	END_STRING(state.command);
	END_STRING(state.reason);
	END_STRING(state.limit_where);
	END_STRING(state.journal);
	if (state.root_count > MS_STATE_ROOTS)
		state.root_count = MS_STATE_ROOTS;
	if (state.phase > MS_STATE_WARNED)
		state.phase = MS_STATE_CALM;
	if (state.blind_error > 0 || state.blind_error < -4095)
		state.blind_error = -EINVAL;
	*ret_state = state;
	return 0;
}

int ms_state_members(const struct ms_state_reader *reader, struct ms_state_member *members, uint32_t capacity)
{
	enum { BATCH = 64 };
	struct ms_state_member batch[BATCH];
	uint32_t count = 0;

	for (uint32_t first = 0; first < reader->member_count && count < capacity; first += BATCH) {
		uint32_t n = reader->member_count - first < BATCH ? reader->member_count - first : BATCH;
		int error = copy_whole(reader->fd, reader->members_offset + (uint64_t)first * sizeof(batch[0]), batch,
				       n * sizeof(batch[0]));

		if (error)
			return error;
		for (uint32_t i = 0; i < n && count < capacity; i++)
			if (batch[i].pid != 0 && batch[i].pid <= INT32_MAX)
				members[count++] = batch[i];
	}
	return (int)count;
}

static int open_number(int dirfd, int32_t number, const char *name, int flags)
{
	char entry[16];

	if (number < 0)
		return -ENOENT;
	snprintf(entry, sizeof(entry), "%d", number);
	return ms_link_open(dirfd, entry, name, flags);
}

int ms_state_open_member(pid_t watch_pid, const struct ms_state_member *member, struct ms_table_reader *reader,
			 struct ms_table_scratch *scratch, int *ret_control_fd)
{
	MS_CLEANUP_FD int dirfd = ms_link_open_dir(watch_pid, NULL);

	if (dirfd < 0)
		return dirfd;
	MS_CLEANUP_FD int fd = open_number(dirfd, member->table_fd, MS_LINK_NAME(MS_TABLE_MEMFD_NAME), O_RDONLY);
	int error = fd < 0 ? fd : ms_table_open(reader, scratch, fd);

	if (error < 0)
		return error;
	ms_steal_fd(&fd);
	if (reader->info.identity != member->identity) {
		ms_table_close(reader);
		return -ENOENT;
	}
	if (ret_control_fd) {
		int control_fd = open_number(dirfd, member->control_fd, MS_LINK_NAME(MS_CONTROL_MEMFD_NAME), O_RDWR);

		*ret_control_fd = control_fd < 0 ? -1 : control_fd;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * table/reader_open.c - find a table (link.h), make sure that it is one, take over its descriptor.
 *
 * Allocates nothing, but opens: not for the alarm path.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "table/link.h"
#include "table/reader.h"
#include "table/slot.h"
#include "util/cleanup.h"
#include "util/clock.h"

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
		.own_rounds = header->own_rounds,
		.own_claimed_bytes = header->own_claimed_bytes,
		.own_returned_bytes = header->own_returned_bytes,
		.own_us = header->own_us,
		.brakes = header->brakes,
		.braked_us = header->braked_us,
		.braked_threads = header->braked_until_ns > ms_clock_ns() ? header->braked_threads : 0,
	};

	memcpy(info.allocator, header->allocator, sizeof(info.allocator) - 1);
	*ret_info = info;
}

int ms_table_refresh(struct ms_table_reader *reader)
{
	struct ms_table_header header;
	int error = ms_link_copy(reader->fd, 0, &header, sizeof(header));

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
	int error = ms_link_check(fd, &bytes);

	if (!error)
		error = ms_link_check_seals(fd);
	if (!error)
		error = ms_link_copy(fd, 0, &header, sizeof(header));
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

static int consider_table(int dirfd, const char *entry, struct ms_table_scratch *scratch,
			  struct ms_table_reader *ret_reader)
{
	MS_CLEANUP_FD int fd = ms_link_open(dirfd, entry, MS_LINK_NAME(MS_TABLE_MEMFD_NAME), O_RDONLY);
	int error = fd < 0 ? fd : ms_table_open(ret_reader, scratch, fd);

	if (!error)
		ms_steal_fd(&fd);
	return error;
}

/* Return: 0 and the table that fits the process best; -ENOENT or what was wrong with the last candidate. */
static int find_table(int dirfd, struct ms_table_scratch *scratch, const struct ms_link_facts *facts,
		      struct ms_table_reader *ret_best)
{
	struct ms_link_walk walk = ms_link_start(dirfd, MS_LINK_NAME(MS_TABLE_MEMFD_NAME), scratch->entries,
						 sizeof(scratch->entries));
	int error = -ENOENT, best_rate = 0;
	const char *entry;

	while (best_rate < 2 && (entry = ms_link_next(&walk))) {
		struct ms_table_reader reader;
		int failed = consider_table(dirfd, entry, scratch, &reader);

		if (failed) {
			error = failed;
			continue;
		}
		int rated = ms_link_rate(facts, reader.info.pid, reader.info.start_ticks);

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

	return fcntl(fd, F_GET_SEALS) >= 0 && ms_link_copy(fd, 0, &header, sizeof(header)) == 0 &&
	       header.magic == MS_CONTROL_MAGIC && header.identity == identity;
}

static int find_control(int dirfd, struct ms_table_scratch *scratch, uint64_t identity)
{
	struct ms_link_walk walk = ms_link_start(dirfd, MS_LINK_NAME(MS_CONTROL_MEMFD_NAME), scratch->entries,
						 sizeof(scratch->entries));
	const char *entry;

	while ((entry = ms_link_next(&walk))) {
		MS_CLEANUP_FD int fd = ms_link_open(dirfd, entry, MS_LINK_NAME(MS_CONTROL_MEMFD_NAME), O_RDWR);

		if (fd >= 0 && control_belongs(fd, identity))
			return ms_steal_fd(&fd);
	}
	return -1;
}

int ms_table_open_pid(struct ms_table_reader *reader, struct ms_table_scratch *scratch, pid_t pid,
		      int *ret_control_fd)
{
	struct ms_link_facts facts;
	MS_CLEANUP_FD int dirfd = ms_link_open_dir(pid, &facts);

	if (dirfd < 0)
		return dirfd;
	int error = find_table(dirfd, scratch, &facts, reader);

	if (!error && ret_control_fd)
		*ret_control_fd = find_control(dirfd, scratch, reader->info.identity);
	return error;
}

/* SPDX-License-Identifier: MIT */
/* Tables as only a hostile process writes them: a small memfd in the table's layout, every byte the test's.
 */
#ifndef MS_TESTS_TABLE_FORGE_H
#define MS_TESTS_TABLE_FORGE_H

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "table/layout.h"

enum {
	FORGE_ROWS = 8,
	FORGE_SHARDS = 2,
	FORGE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
	FORGE_SHARDS_OFFSET = MS_HEADER_BYTES + FORGE_ROWS * MS_ROW_BYTES,
	FORGE_BYTES = FORGE_SHARDS_OFFSET + FORGE_SHARDS * FORGE_ROWS * MS_SHARD_ROW_BYTES,
};

static inline struct ms_table_header forge_header(void)
{
	return (struct ms_table_header){
		.magic = MS_TABLE_MAGIC,
		.endian = MS_ENDIAN_MARK,
		.word_bytes = 8,
		.header_bytes = MS_HEADER_BYTES,
		.major = MS_TABLE_MAJOR,
		.row_bytes = MS_ROW_BYTES,
		.row_count = FORGE_ROWS,
		.shard_row_bytes = MS_SHARD_ROW_BYTES,
		.shard_count = FORGE_SHARDS,
		.pid = 1,
		.rows_offset = MS_HEADER_BYTES,
		.shards_offset = FORGE_SHARDS_OFFSET,
		.total_bytes = FORGE_BYTES,
		.identity = 42,
		.row_high = FORGE_ROWS,
		.shard_high = 1,
		.shared_shard_used = 1,
	};
}

static inline struct ms_row_abi forge_row(const char *name)
{
	struct ms_row_abi row = {.seq = 2, .state = MS_ROW_LIVE, .generation = 1};

	memcpy(row.name, name, strlen(name));
	return row;
}

static inline int forge_file(size_t bytes)
{
	int fd = memfd_create(MS_TABLE_MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ? -1 : fd;
}

/* Return: a sealed descriptor; @ret_memory is still writable when it is wanted. */
static inline int forge_table(const struct ms_table_header *header, const struct ms_row_abi *bodies,
			      unsigned count, unsigned char **ret_memory)
{
	int fd = forge_file(FORGE_BYTES);
	unsigned char *memory = mmap(NULL, FORGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -1;
	memcpy(memory, header, sizeof(*header));
	for (unsigned i = 0; i < count; i++)
		memcpy(memory + MS_HEADER_BYTES + i * MS_ROW_BYTES, &bodies[i], sizeof(bodies[i]));
	fcntl(fd, F_ADD_SEALS, FORGE_SEALS);
	if (ret_memory)
		*ret_memory = memory;
	else
		munmap(memory, FORGE_BYTES);
	return fd;
}

#endif

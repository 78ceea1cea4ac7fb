/* SPDX-License-Identifier: MIT */
/*
 * The reader against a table of any bytes, which change while it reads.
 *
 * Input: one byte (bit 0: a file of full size, bit 1: without seals), then records laid over a table that
 * would be in order: offset (u32), length (u8), bytes. Offset 0xffffffff ends a phase: the reader then
 * reads all it can, and the next records change what it has already checked.
 */
#include <stdlib.h>
#include <string.h>

#include "memshed.h"
#include "table/reader.h"
#include "../unit/table_forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FULL_BYTES = MS_HEADER_BYTES + MS_ROW_COUNT * MS_ROW_BYTES + MS_SHARDS_MIN * MS_SHARD_BYTES };
enum { WRITABLE = 1 << 20, ROWS = 20 };

static struct ms_table_scratch scratch;

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_row(const struct ms_row *row)
{
	require(row->row < MS_ROW_COUNT);
	require(row->kind <= MEMSHED_KIND_ALLOCATOR);
	require(row->priority >= -1000 && row->priority <= 1000);
	require(memchr(row->name, '\0', sizeof(row->name)) != NULL);
	require(memchr(row->source, '\0', sizeof(row->source)) != NULL);
}

static void check_info(const struct ms_table_info *info)
{
	require(info->row_high <= MS_ROW_COUNT && info->live_rows <= MS_ROW_COUNT);
	require(info->shard_high <= MS_SHARDS_MAX);
	require(info->agent_signal <= 31);
	require(memchr(info->allocator, '\0', sizeof(info->allocator)) != NULL);
}

static void read_everything(struct ms_table_reader *reader)
{
	static struct ms_row rows[ROWS];
	struct ms_row row;
	int count = ms_table_read_rows(reader, rows, ROWS);

	require(count <= ROWS);
	for (int i = 0; i < count; i++)
		check_row(&rows[i]);
	check_info(&reader->info);
	for (uint32_t i = 0; i < 3; i++)
		if (ms_table_read_row(reader, i * 40000, 1, &row) == 0)
			check_row(&row);
}

/* Return: what is left of the input after this phase. */
static size_t lay_over(unsigned char *memory, size_t bytes, const uint8_t **data, size_t size)
{
	while (size >= 5) {
		uint32_t offset;
		uint8_t length = (*data)[4];

		memcpy(&offset, *data, sizeof(offset));
		*data += 5;
		size -= 5;
		if (offset == UINT32_MAX)
			return size;
		if (length > size)
			length = (uint8_t)size;
		offset %= (uint32_t)bytes;
		if (length > bytes - offset)
			length = (uint8_t)(bytes - offset);
		memcpy(memory + offset, *data, length);
		*data += length;
		size -= length;
	}
	return 0;
}

static void write_default(unsigned char *memory, int full)
{
	struct ms_table_header header = forge_header();
	struct ms_row_abi row = forge_row("x");

	if (full) {
		header.row_count = MS_ROW_COUNT;
		header.shard_count = MS_SHARDS_MIN;
		header.shards_offset = MS_HEADER_BYTES + MS_ROW_COUNT * MS_ROW_BYTES;
		header.total_bytes = FULL_BYTES;
		header.row_high = 100;
	}
	memcpy(memory, &header, sizeof(header));
	memcpy(memory + MS_HEADER_BYTES, &row, sizeof(row));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	uint8_t mode = *data++;
	size_t file_bytes = mode & 1 ? FULL_BYTES : FORGE_BYTES;
	size_t bytes = file_bytes < WRITABLE ? file_bytes : WRITABLE;
	int fd = forge_file(file_bytes);
	unsigned char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct ms_table_reader reader;

	size--;
	require(memory != MAP_FAILED);
	write_default(memory, mode & 1);
	size = lay_over(memory, bytes, &data, size);
	if (!(mode & 2))
		fcntl(fd, F_ADD_SEALS, FORGE_SEALS);
	if (ms_table_open(&reader, &scratch, fd) == 0) {
		require(!(mode & 2));
		check_info(&reader.info);
		read_everything(&reader);
		while (size > 0) {
			size = lay_over(memory, bytes, &data, size);
			read_everything(&reader);
		}
		ms_table_close(&reader);
	} else {
		close(fd);
	}
	munmap(memory, bytes);
	return 0;
}

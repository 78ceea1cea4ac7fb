/* SPDX-License-Identifier: MIT */
/* Tables as only a hostile process writes them, and files that only look like one. */
#include "table_bed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "table_forge.h"
#include "util/clock.h"

/* ---- hostile headers ---- */

static void assert_refused(const struct ms_table_header *header)
{
	int fd = forge_table(header, NULL, 0, NULL);

	assert_true(fd >= 0);
	assert_int_equal(ms_table_open(&reader, &scratch, fd), -EBADMSG);
	close(fd);
}

#define ASSERT_FIELD_REFUSED(field, value)                                                                   \
	do {                                                                                                 \
		struct ms_table_header wrong = forge_header();                                               \
		wrong.field = value;                                                                         \
		assert_refused(&wrong);                                                                      \
	} while (0)

static void a_forged_table_opens(void **state)
{
	(void)state;
	struct ms_table_header header = forge_header();
	int fd = forge_table(&header, NULL, 0, NULL);

	assert_int_equal(ms_table_open(&reader, &scratch, fd), 0); /* else the next test proves nothing */
	assert_int_equal(ms_table_read_rows(&reader, rows, 10), 0);
	ms_table_close(&reader);
}

static void wrong_header_fields_are_refused(void **state)
{
	(void)state;
	ASSERT_FIELD_REFUSED(magic, 0);
	ASSERT_FIELD_REFUSED(magic, MS_CONTROL_MAGIC);
	ASSERT_FIELD_REFUSED(endian, 0x04030201);
	ASSERT_FIELD_REFUSED(word_bytes, 4);
	ASSERT_FIELD_REFUSED(header_bytes, 0);
	ASSERT_FIELD_REFUSED(header_bytes, 64);
	ASSERT_FIELD_REFUSED(header_bytes, 65535);
	ASSERT_FIELD_REFUSED(major, 0);
	ASSERT_FIELD_REFUSED(major, MS_TABLE_MAJOR - 1);
	ASSERT_FIELD_REFUSED(major, MS_TABLE_MAJOR + 1);
	ASSERT_FIELD_REFUSED(row_bytes, 0);
	ASSERT_FIELD_REFUSED(row_bytes, 511);
	ASSERT_FIELD_REFUSED(row_bytes, UINT32_MAX);
	ASSERT_FIELD_REFUSED(row_count, 0);
	ASSERT_FIELD_REFUSED(row_count, FORGE_ROWS + 1);
	ASSERT_FIELD_REFUSED(row_count, UINT32_MAX);
	ASSERT_FIELD_REFUSED(shard_row_bytes, 0);
	ASSERT_FIELD_REFUSED(shard_row_bytes, 128);
	ASSERT_FIELD_REFUSED(shard_count, 0);
	ASSERT_FIELD_REFUSED(shard_count, FORGE_SHARDS + 1);
	ASSERT_FIELD_REFUSED(shard_count, MS_SHARDS_MAX + 1);
	ASSERT_FIELD_REFUSED(rows_offset, 0);
	ASSERT_FIELD_REFUSED(rows_offset, MS_HEADER_BYTES + 1);
	ASSERT_FIELD_REFUSED(rows_offset, FORGE_BYTES);
	ASSERT_FIELD_REFUSED(rows_offset, UINT64_MAX - 7);
	ASSERT_FIELD_REFUSED(shards_offset, 0);
	ASSERT_FIELD_REFUSED(shards_offset, FORGE_SHARDS_OFFSET + 8);
	ASSERT_FIELD_REFUSED(shards_offset, UINT64_MAX - 7);
	ASSERT_FIELD_REFUSED(total_bytes, 0);
	ASSERT_FIELD_REFUSED(total_bytes, FORGE_BYTES - 1);
	ASSERT_FIELD_REFUSED(total_bytes, UINT64_MAX);
}

static void wrong_files_are_refused(void **state)
{
	(void)state;
	int fd = forge_file(100); /* shorter than the header */

	assert_int_equal(fcntl(fd, F_ADD_SEALS, FORGE_SEALS), 0);
	assert_int_equal(ms_table_open(&reader, &scratch, fd), -EBADMSG);
	close(fd);

	fd = forge_file(0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, FORGE_SEALS), 0);
	assert_int_equal(ms_table_open(&reader, &scratch, fd), -EBADMSG);
	close(fd);

	int pipe_fds[2];

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(ms_table_open(&reader, &scratch, pipe_fds[0]), -EBADMSG);
	close(pipe_fds[0]);
	close(pipe_fds[1]);

	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(ms_table_open(&reader, &scratch, fd), -EBADMSG);
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(ms_table_open(&reader, &scratch, fd), -EBADMSG);
	close(fd);
	assert_int_equal(ms_table_open(&reader, &scratch, -1), -EBADMSG);
}

static void missing_seals_are_refused(void **state)
{
	(void)state;
	static const int seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL};
	struct ms_table_header header = forge_header();

	for (unsigned i = 0; i < 4; i++) {
		int fd = forge_file(FORGE_BYTES);

		assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
		assert_int_equal(fcntl(fd, F_ADD_SEALS, FORGE_SEALS & ~seals[i]), 0);
		assert_int_equal(ms_table_open(&reader, &scratch, fd), -EPERM);
		close(fd);
	}
}

/* ---- hostile contents ---- */

static void huge_marks_are_bounded(void **state)
{
	(void)state;
	struct ms_table_header header = forge_header();
	struct ms_row_abi forged[FORGE_ROWS];

	header.row_high = UINT32_MAX;
	header.live_rows = UINT32_MAX;
	header.shard_high = UINT32_MAX;
	header.agent_signal = SIGKILL;
	memset(header.allocator, 'a', sizeof(header.allocator));
	for (unsigned i = 0; i < FORGE_ROWS; i++)
		forged[i] = forge_row("x");
	int fd = forge_table(&header, forged, FORGE_ROWS, NULL);

	assert_int_equal(ms_table_open(&reader, &scratch, fd), 0);
	assert_int_equal(reader.info.row_high, FORGE_ROWS);
	assert_int_equal(reader.info.live_rows, FORGE_ROWS);
	assert_int_equal(reader.info.shard_high, FORGE_SHARDS);
	assert_int_equal(reader.info.agent_signal, 0);
	assert_int_equal(strnlen(reader.info.allocator, 16), 15);
	assert_int_equal(ms_table_read_rows(&reader, rows, 256), FORGE_ROWS);
	ms_table_close(&reader);
}

static void hostile_rows_are_tamed(void **state)
{
	(void)state;
	struct ms_table_header header = forge_header();
	struct ms_row_abi forged[3] = {forge_row("x"), forge_row("odd for ever"),
				       forge_row("result odd for ever")};

	memset(forged[0].name, '\x1b', sizeof(forged[0].name));
	memset(forged[0].source, 's', sizeof(forged[0].source));
	forged[0].kind = 0xdeadbeef;
	forged[0].priority = INT32_MIN;
	forged[0].flags = UINT32_MAX;
	forged[1].seq = 3;
	forged[2].result_seq = 5;
	forged[2].priority = INT32_MAX;
	forged[2].last.claimed_bytes = 7;
	int fd = forge_table(&header, forged, 3, NULL);

	assert_int_equal(ms_table_open(&reader, &scratch, fd), 0);
	assert_int_equal(ms_table_read_rows(&reader, rows, 256), 2);
	assert_int_equal(strlen(rows[0].name), MS_NAME_BYTES - 1);
	assert_int_equal(strlen(rows[0].source), MS_SOURCE_BYTES - 1);
	assert_int_equal(rows[0].kind, MEMSHED_KIND_OTHER);
	assert_int_equal(rows[0].priority, -1000);
	assert_int_equal(rows[0].flags & 1u << 31, 0);
	assert_string_equal(rows[1].name, "result odd for ever");
	assert_int_equal(rows[1].priority, 1000);
	assert_int_equal(rows[1].last.claimed_bytes, 7);
	assert_int_equal(ms_table_read_row(&reader, 1, 1, &rows[0]), -EAGAIN);
	ms_table_close(&reader);
}

/* Reads by this process so far; 0 where the kernel does not count them. */
static uint64_t count_reads(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	unsigned long long reads = 0;
	char line[64];

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "syscr: %llu", &reads);
	if (file)
		fclose(file);
	return reads;
}

static uint64_t count_reads_of_rows(uint32_t seq, uint32_t result_seq, int expected_rows)
{
	enum { ROWS = 4096 };

	for (uint32_t row = 0; row < ROWS; row++) {
		table.rows[row].state = MS_ROW_LIVE;
		table.rows[row].seq = seq;
		table.rows[row].result_seq = result_seq;
	}
	table.header->row_high = ROWS;
	table.header->shard_high = table.shard_count - 1;
	open_own();

	uint64_t before = count_reads();

	assert_int_equal(ms_table_read_rows(&reader, rows, 256), expected_rows);

	uint64_t reads = count_reads() - before;

	ms_table_close(&reader);
	return reads;
}

static void rows_in_change_for_ever_cost_little(void **state)
{
	(void)state;
	uint64_t quiet = count_reads_of_rows(2, 2, 256);

	/* 64 of them are copied four times more, alone: two passes over the shards, and the row. */
	assert_in_range(count_reads_of_rows(3, 2, 0), 0,
			quiet + 64 * 4 * 2 * (uint64_t)(table.shard_count + 4));
	assert_in_range(count_reads_of_rows(2, 3, 256), 0,
			quiet + 64 * 4 * 2 * (uint64_t)(table.shard_count + 4));
}

static void a_header_that_changes_is_refused(void **state)
{
	(void)state;
	struct ms_table_header header = forge_header();
	struct ms_row_abi forged = forge_row("x");
	unsigned char *memory = NULL;
	int fd = forge_table(&header, &forged, 1, &memory);

	assert_int_equal(ms_table_open(&reader, &scratch, fd), 0);
	header.row_high = 1;
	memcpy(memory, &header, sizeof(header));
	assert_int_equal(ms_table_refresh(&reader), 0);
	assert_int_equal(reader.info.row_high, 1);
	header.row_count = FORGE_ROWS / 2; /* fits the file, but is another table */
	memcpy(memory, &header, sizeof(header));
	assert_int_equal(ms_table_refresh(&reader), -EBADMSG);
	assert_int_equal(ms_table_read_rows(&reader, rows, 1), -EBADMSG);
	munmap(memory, FORGE_BYTES);
	ms_table_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forged_table_opens),
		cmocka_unit_test(wrong_header_fields_are_refused),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(missing_seals_are_refused),
		cmocka_unit_test(huge_marks_are_bounded),
		cmocka_unit_test(hostile_rows_are_tamed),
		WITH_TABLE(rows_in_change_for_ever_cost_little),
		cmocka_unit_test(a_header_that_changes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

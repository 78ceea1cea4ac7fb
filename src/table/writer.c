/* SPDX-License-Identifier: MIT */
/*
 * table/writer.c - the target's side of its own table: make it, move rows between their states, keep
 * results and pulled values. (writer_fork.c: the child of a fork; shard.h: the counters.)
 *
 * Owns every byte of the table but the shards in use. Each row is written twice: in private memory, which
 * a forked child inherits as it was at the fork, and in the table. Threads: the holder of the caller's
 * registry lock for rows, the agent for results and pulled values; flags by any thread. No malloc, no locks
 * of its own, no system call but for zeroing a used row's shards and for sums.
 *
 * Order of stores, and what readers rely on (layout.h has the guarantees):
 *   [writer.W1] seq odd before the identity, the generation and zeroed shards: each of these is a release
 *               store; then seq is looked at again; pairs with [reader.R2], [reader.R4]
 *   [writer.W2] identity, generation and zeroed shards before seq even (release); pairs with [reader.R1]
 *   [writer.W3] seq even before state LIVE, that before row_high (release), which the target's own threads
 *               read, too; pairs with [reader.R1], [writer.W3]
 *   [writer.W4] state RETIRED (release) before the generation goes up and before the next use;
 *               pairs with [reader.R4]
 *   [writer.W5] result_seq odd, pulled or last (release), result_seq even (release);
 *               pairs with [reader.R1], [reader.R4]
 *   [writer.W6] the rest of the header before the magic (release); pairs with [reader.R1]
 */
#include "table/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/shard.h"
#include "table/memfd.h"
#include "table/proc.h"
#include "table/killpoint.h"
#include "table/copy.h"
#include "table/writer_internal.h"

enum { COOL_OFF_MS = 2000, HUGE_FROM_ROW = 4096 };

/* ---- making the table ---- */

/* 0 where /proc is not. */
static uint64_t own_start_ticks(void)
{
	char text[1024];

	return ms_proc_read(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) < 0 ? 0 : ms_proc_start_ticks(text);
}

static void read_boot_id(uint8_t id[16])
{
	char text[64];
	unsigned digits = 0;

	if (ms_proc_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		return;
	for (const char *c = text; *c && digits < 32; c++) {
		unsigned value = *c >= '0' && *c <= '9' ? (unsigned)(*c - '0')
				 : *c >= 'a' && *c <= 'f' ? (unsigned)(*c - 'a' + 10) : 16;

		if (value < 16) {
			id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | value);
			digits++;
		}
	}
}

static uint32_t choose_shard_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < MS_SHARDS_MIN / 2)
		return MS_SHARDS_MIN;
	return cpus > MS_SHARDS_MAX / 2 ? MS_SHARDS_MAX : (uint32_t)cpus * 2;
}

void ms_table_write_header(struct ms_table *table, uint64_t identity, uint64_t now_ns)
{
	struct ms_table_header *header = table->header;

	header->endian = MS_ENDIAN_MARK;
	header->word_bytes = sizeof(void *);
	header->header_bytes = MS_HEADER_BYTES;
	header->major = MS_TABLE_MAJOR;
	header->minor = MS_TABLE_MINOR;
	header->row_bytes = MS_ROW_BYTES;
	header->row_count = MS_ROW_COUNT;
	header->shard_row_bytes = MS_SHARD_ROW_BYTES;
	header->shard_count = table->shard_count;
	header->pid = (uint32_t)getpid();
	header->rows_offset = MS_HEADER_BYTES;
	header->shards_offset = (uint64_t)(table->shards - table->base);
	header->total_bytes = table->bytes;
	header->identity = identity;
	atomic_store_explicit(&header->heartbeat_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&header->row_high, 1, memory_order_relaxed);
}

void ms_table_find_start(struct ms_table *table)
{
	if (table->base && !table->header->start_ticks)
		__atomic_store_n(&table->header->start_ticks, own_start_ticks(), __ATOMIC_RELAXED);
}

void ms_table_publish(struct ms_table *table)
{
	MS_KILL_POINT("table:before-magic");
	__atomic_store_n(&table->header->magic, MS_TABLE_MAGIC, __ATOMIC_RELEASE); /* [writer.W6] */
	MS_KILL_POINT("table:after-magic");
}

void ms_table_place(struct ms_table *table, void *base)
{
	unsigned char *at = base;

	table->base = at;
	table->header = base;
	table->rows = at ? (struct ms_row_abi *)(void *)(at + MS_HEADER_BYTES) : NULL;
	table->shards = at ? at + MS_HEADER_BYTES + (size_t)MS_ROW_COUNT * MS_ROW_BYTES : NULL;
}

int ms_table_map_new(struct ms_table *table, void *at, int in_place_of, int *ret_fd, void **ret_base)
{
	int error = ms_memfd_make_mapped(MS_TABLE_MEMFD_NAME, table->bytes,
					 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL, at,
					 in_place_of, ret_fd, ret_base);

	if (!error)
		table->held = ms_inode_of(*ret_fd);
	return error;
}

int ms_table_create(struct ms_table *table, uint64_t identity, uint64_t now_ns)
{
	void *base, *private;
	int fd;

	table->shard_count = choose_shard_count();
	table->bytes = MS_HEADER_BYTES + (size_t)MS_ROW_COUNT * MS_ROW_BYTES +
		       (size_t)table->shard_count * MS_SHARD_BYTES;
	int error = ms_memfd_map_private(sizeof(*table->private), &private);

	if (error)
		return error;
	error = ms_table_map_new(table, NULL, -1, &fd, &base);
	if (error) {
		munmap(private, sizeof(*table->private));
		return error;
	}
	table->private = private;
	table->fd = fd;
	table->retired_head = table->retired_count = 0;
	table->row_high = 1;
	atomic_store_explicit(&table->shown, MS_ROW_COUNT, memory_order_relaxed);
	ms_table_place(table, base);
	ms_table_write_header(table, identity, now_ns);
	read_boot_id(table->header->boot_id);
	ms_table_find_start(table);
	ms_table_publish(table);
	return 0;
}

void ms_table_destroy(struct ms_table *table)
{
	if (table->base)
		munmap(table->base, table->bytes);
	if (table->private)
		munmap(table->private, sizeof(*table->private));
	ms_inode_close(table->fd, &table->held);
	*table = (struct ms_table){.base = NULL};
}

/* ---- rows ---- */

static void zero_shards(struct ms_table *table, uint32_t row)
{
	static const struct ms_shard_row zero;
	struct ms_shards_source source = ms_table_shards_source(table);
	struct ms_shard_row words;

	ms_table_shards_mark(&source);
	for (uint32_t shard = 0; shard < table->shard_count; shard++) {
		if (!ms_table_shards_used(&source, shard))
			continue;
		ms_table_shards_copy(&source, shard, row, 1, &words); /* a hole stays a hole */
		if (memcmp(&words, &zero, sizeof(zero)) != 0)
			ms_copy_zero(ms_shard_row_at(ms_shard_at(table->shards, shard), row), sizeof(zero)); /* [writer.W1] */
	}
}

static void write_source(char source[MS_SOURCE_BYTES], const struct ms_row_identity *identity)
{
	char line[16];
	int digits = snprintf(line, sizeof(line), ":%u", identity->source_line);
	size_t room = MS_SOURCE_BYTES - 1 - (size_t)digits;
	size_t length = strlen(identity->source_file);

	/* The end of a long path says more than its beginning. */
	const char *from = length > room ? identity->source_file + (length - room) : identity->source_file;

	length = length > room ? room : length;
	memcpy(source, from, length);
	memcpy(source + length, line, (size_t)digits);
}

static void write_private(struct ms_row_abi *row, const struct ms_row_identity *identity, uint64_t now_ns)
{
	uint32_t generation = (atomic_load_explicit(&row->generation, memory_order_relaxed) + 1) | 1;

	memset(row, 0, sizeof(*row));
	row->kind = identity->kind;
	row->priority = identity->priority;
	row->cost_us = identity->cost_us;
	row->registered_ns = now_ns;
	strncpy(row->name, identity->name, sizeof(row->name) - 1);
	if (identity->source_file)
		write_source(row->source, identity);
	atomic_store_explicit(&row->flags, identity->flags, memory_order_relaxed);
	atomic_store_explicit(&row->state, MS_ROW_LIVE, memory_order_relaxed);
	atomic_store_explicit(&row->generation, generation, memory_order_relaxed);
}

/* kind up to and with source, as one block of words. */
enum {
	IDENTITY_AT = offsetof(struct ms_row_abi, kind),
	IDENTITY_BYTES = offsetof(struct ms_row_abi, result_seq) - IDENTITY_AT,
};
_Static_assert(IDENTITY_AT % 8 == 0 && IDENTITY_BYTES % 8 == 0, "copied as words");

static void make_live(struct ms_table *table, uint32_t row, const struct ms_row_identity *identity,
		      uint64_t now_ns, bool used_before)
{
	struct ms_row_abi *own = &table->private->rows[row], *to = &table->rows[row];
	uint32_t seq = atomic_load_explicit(&to->seq, memory_order_relaxed);
	uint32_t generation;

	write_private(own, identity, now_ns);
	generation = atomic_load_explicit(&own->generation, memory_order_relaxed);
	MS_KILL_POINT("row:before-seq-odd");
	atomic_store_explicit(&to->seq, seq | 1, memory_order_relaxed);
	MS_KILL_POINT("row:after-seq-odd");
	ms_copy_put((char *)to + IDENTITY_AT, (char *)own + IDENTITY_AT, IDENTITY_BYTES); /* [writer.W1] */
	if (used_before) {
		ms_table_row_pulled(table, row, &(struct ms_row_pulled){0});
		ms_table_row_result(table, row, &(struct ms_row_result){0});
		zero_shards(table, row);
	}
	atomic_store_explicit(&to->flags, identity->flags, memory_order_release);     /* [writer.W1] */
	atomic_store_explicit(&to->generation, generation, memory_order_release);     /* [writer.W1] */
	MS_KILL_POINT("row:before-seq-even");
	atomic_store_explicit(&to->seq, (seq | 1) + 1, memory_order_release);         /* [writer.W2] */
	MS_KILL_POINT("row:before-live");
	atomic_store_explicit(&to->state, MS_ROW_LIVE, memory_order_release);         /* [writer.W3] */
	MS_KILL_POINT("row:after-live");
	table->private->live[row] = true;
}

static uint32_t now_in_ms(uint64_t now_ns)
{
	return (uint32_t)(now_ns / 1000000);
}

/* Retired rows come back in the order they were retired, so only the first can have cooled off. */
static bool take_retired(struct ms_table *table, uint64_t now_ns, bool must, uint32_t *ret_row)
{
	if (!table->retired_count)
		return false;
	uint32_t row = table->private->retired[table->retired_head];

	if (!must && now_in_ms(now_ns) - table->private->retired_at_ms[row] < COOL_OFF_MS)
		return false;
	table->retired_head = (table->retired_head + 1) % MS_ROW_COUNT;
	table->retired_count--;
	*ret_row = row;
	return true;
}

static void count_registered(struct ms_table *table, int change)
{
	struct ms_table_header *header = table->header;

	atomic_fetch_add_explicit(&header->live_rows, (uint32_t)change, memory_order_relaxed);
	atomic_fetch_add_explicit(&header->generation, 1, memory_order_relaxed);
}

int ms_table_row_add(struct ms_table *table, const struct ms_row_identity *identity, uint64_t now_ns,
		     uint32_t *ret_row, uint32_t *ret_generation)
{
	if (!table->base)
		return -ENOMEM;

	struct ms_table_header *header = table->header;
	uint32_t high = atomic_load_explicit(&header->row_high, memory_order_relaxed);
	bool full = high >= MS_ROW_COUNT;
	uint32_t row = high;
	bool reused = take_retired(table, now_ns, full, &row);

	if (!reused && full) {
		atomic_fetch_add_explicit(&header->refused_registrations, 1, memory_order_relaxed);
		return -ENOSPC;
	}
	/* The first rows take no more than they need; with so many, a fork has fewer pages to copy. */
	if (!reused && row == HUGE_FROM_ROW)
		madvise(&table->private->rows[row], (MS_ROW_COUNT - HUGE_FROM_ROW) * MS_ROW_BYTES, MADV_HUGEPAGE);
	make_live(table, row, identity, now_ns, reused);
	if (!reused) {
		table->row_high = high + 1;
		atomic_store_explicit(&header->row_high, high + 1, memory_order_release); /* [writer.W3] */
	}
	count_registered(table, 1);
	*ret_row = row;
	*ret_generation = atomic_load_explicit(&table->private->rows[row].generation, memory_order_relaxed);
	return 0;
}

void ms_table_row_add_allocator(struct ms_table *table, const struct ms_row_identity *identity, uint64_t now_ns)
{
	if (!table->base || ms_table_is_live(table, MS_ALLOCATOR_ROW))
		return;
	make_live(table, MS_ALLOCATOR_ROW, identity, now_ns, false);
	count_registered(table, 1);
}

void ms_table_row_retire(struct ms_table *table, uint32_t row, uint64_t now_ns)
{
	if (!table->base || row == MS_ALLOCATOR_ROW || row >= MS_ROW_COUNT || !ms_table_is_live(table, row))
		return;

	struct ms_row_abi *own = &table->private->rows[row], *to = &table->rows[row];
	uint32_t generation = atomic_fetch_add_explicit(&own->generation, 1, memory_order_relaxed) + 1;

	table->private->live[row] = false;
	atomic_store_explicit(&own->state, MS_ROW_RETIRED, memory_order_relaxed);
	table->private->retired[(table->retired_head + table->retired_count) % MS_ROW_COUNT] = (uint16_t)row;
	table->retired_count++;
	table->private->retired_at_ms[row] = now_in_ms(now_ns);
	if (row >= atomic_load_explicit(&table->shown, memory_order_relaxed))
		return;
	MS_KILL_POINT("retire:before-state");
	atomic_store_explicit(&to->state, MS_ROW_RETIRED, memory_order_release);      /* [writer.W4] */
	MS_KILL_POINT("retire:before-generation");
	atomic_store_explicit(&to->generation, generation, memory_order_release);     /* [writer.W4] */
	count_registered(table, -1);
}

void ms_table_row_set_flags(struct ms_table *table, uint32_t row, uint32_t flags)
{
	if (!table->base || row >= MS_ROW_COUNT)
		return;
	atomic_fetch_or_explicit(&table->private->rows[row].flags, flags, memory_order_relaxed);
	atomic_fetch_or_explicit(&table->rows[row].flags, flags, memory_order_relaxed);
}

void ms_table_row_clear_flags(struct ms_table *table, uint32_t row, uint32_t flags)
{
	if (!table->base || row >= MS_ROW_COUNT)
		return;
	atomic_fetch_and_explicit(&table->private->rows[row].flags, ~flags, memory_order_relaxed);
	atomic_fetch_and_explicit(&table->rows[row].flags, ~flags, memory_order_relaxed);
}

/* [writer.W5]: words under result_seq. */
static void put_result(struct ms_row_abi *row, void *shared, const void *from, size_t bytes)
{
	uint32_t seq = atomic_load_explicit(&row->result_seq, memory_order_relaxed);

	atomic_store_explicit(&row->result_seq, seq | 1, memory_order_relaxed);
	MS_KILL_POINT("result:seq-odd");
	ms_copy_put(shared, from, bytes);
	atomic_store_explicit(&row->result_seq, (seq | 1) + 1, memory_order_release); /* [writer.W5] */
	MS_KILL_POINT("result:seq-even");
}

void ms_table_row_pulled(struct ms_table *table, uint32_t row, const struct ms_row_pulled *pulled)
{
	if (!table->base || row >= MS_ROW_COUNT)
		return;
	table->private->rows[row].pulled = *pulled;
	put_result(&table->rows[row], &table->rows[row].pulled, pulled, sizeof(*pulled));
}

void ms_table_row_result(struct ms_table *table, uint32_t row, const struct ms_row_result *result)
{
	if (!table->base || row >= MS_ROW_COUNT)
		return;
	table->private->rows[row].last = *result;
	put_result(&table->rows[row], &table->rows[row].last, result, sizeof(*result));
}

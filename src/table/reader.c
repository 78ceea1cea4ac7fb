/* SPDX-License-Identifier: MIT */
/*
 * table/reader.c - copy rows and counters out of another process's table.
 *
 * No locks, no malloc, no call but pread. The order of the copies is what makes them true although the
 * target goes on writing. Per batch of rows:
 *
 *   heads     seq, state, generation, result_seq of each row
 *   [reader.R1] acquire: the heads before the bodies, and before what else the header speaks of;
 *             pairs with [writer.W2], [writer.W3], [writer.W5], [writer.W6], [writer_show.F1], [shards.N2]
 *   bodies    the whole rows
 *   [reader.R2] acquire: the bodies before the shards; pairs with [writer.W1]
 *   shards    which are in use; first pass: what was removed
 *   [reader.R3] acquire: removed before added, so that every removal that is counted finds what was
 *             added before it, also in a shard that was not in use until then; pairs with [shard.L1]
 *   shards    which are in use by now; second pass: what was added
 *   [reader.R4] acquire: all copies before the second look;
 *             pairs with [writer.W1], [writer.W4], [writer.W5], [shard.L2]
 *   heads     again: a row counts if it was LIVE both times with an even, unchanged seq and the same
 *             generation. Then the body is one registration's [G1] and the shards are that one's [G2]:
 *             a reader that saw a word of a later use, in the row or in a shard, sees its odd seq at
 *             [reader.R4].
 *
 * A row that moved is copied again, alone, a few times. A result in change is tried again too, and in
 * the end taken as it is: words old and new, because a target that was stopped half-way through
 * writing one must still be readable. An identity in change is never shown.
 *
 * Alone a row costs two system calls for each shard, and a hostile table may have all its rows in change
 * for ever. So only so many rows of a table are given a second chance at one reading.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "memshed.h"
#include "table/fence.h"
#include "table/link.h"
#include "table/reader.h"
#include "table/sum.h"
#include "util/saturate.h"

enum { RETRIES = 4, SECOND_CHANCES = 64 };

#define KNOWN_FLAGS                                                                                          \
	((uint32_t)MEMSHED_CACHE_MAY_IO | MEMSHED_CACHE_ESTIMATED | MEMSHED_CACHE_MANUAL | MEMSHED_CACHE_NO_BRAKE |  \
	 MEMSHED_CACHE_COLLECTOR | MS_ROW_PULLED | MS_ROW_PARTIAL | MS_ROW_OWNER_ONLY | MS_ROW_STUCK | MS_ROW_UNHELPFUL)

struct head {
	uint32_t seq, state, generation, result_seq;
};

/* One batch; row @first of the table is index 0 of each array. */
struct batch {
	uint32_t first, count;
	struct head heads[MS_SCRATCH_ROWS];
	bool whole[MS_SCRATCH_ROWS];       /* identity and shards belong together */
	bool quiet[MS_SCRATCH_ROWS];       /* no result was being written */
	struct ms_row_abi *bodies, *again; /* in the reader's scratch */
	struct ms_shard_row *sums, *shard;
};

static int copy_rows(const struct ms_table_reader *reader, const struct batch *batch, struct ms_row_abi *to)
{
	return ms_link_copy(reader->fd, reader->rows_offset + (uint64_t)batch->first * MS_ROW_BYTES, to,
			      (size_t)batch->count * MS_ROW_BYTES);
}

static struct head head_of(const struct ms_row_abi *row)
{
	return (struct head){
		.seq = row->seq,
		.state = row->state,
		.generation = row->generation,
		.result_seq = row->result_seq,
	};
}

/* Which shards are in use now: the header's copy may be older than what was charged since. */
struct shards_mark {
	uint32_t high, shared_used;
};

_Static_assert(offsetof(struct ms_table_header, shared_shard_used) ==
		       offsetof(struct ms_table_header, shard_high) + sizeof(uint32_t),
	       "read together");

static bool shard_used(const struct ms_table_reader *reader, const struct shards_mark *mark, uint32_t shard)
{
	return shard == reader->shard_count - 1 ? mark->shared_used != 0 : shard < mark->high;
}

static int sum_shards(const struct ms_table_reader *reader, struct batch *batch,
		     void (*add_one)(struct ms_shard_row *, const struct ms_shard_row *))
{
	struct shards_mark mark;
	int error = ms_link_copy(reader->fd, offsetof(struct ms_table_header, shard_high), &mark, sizeof(mark));

	for (uint32_t shard = 0; !error && shard < reader->shard_count; shard++) {
		if (!shard_used(reader, &mark, shard))
			continue;
		uint64_t index = (uint64_t)shard * reader->row_count + batch->first;

		error = ms_link_copy(reader->fd, reader->shards_offset + index * MS_SHARD_ROW_BYTES,
				       batch->shard, (size_t)batch->count * MS_SHARD_ROW_BYTES);
		for (uint32_t i = 0; !error && i < batch->count; i++)
			add_one(&batch->sums[i], &batch->shard[i]);
	}
	return error;
}

static bool any_live(const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->heads[i].state == MS_ROW_LIVE)
			return true;
	return false;
}

static void judge(struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct head was = batch->heads[i], is = head_of(&batch->again[i]);

		batch->whole[i] = was.state == MS_ROW_LIVE && is.state == MS_ROW_LIVE && !(was.seq & 1) &&
				  was.seq == is.seq && was.generation == is.generation;
		batch->quiet[i] = !(was.result_seq & 1) && was.result_seq == is.result_seq;
	}
}

/* Return: 0, also when no row of the batch is live (whole[] says so); a negative errno. */
static int copy_batch(const struct ms_table_reader *reader, struct batch *batch)
{
	int error = copy_rows(reader, batch, batch->again);

	if (error)
		return error;
	memset(batch->whole, 0, sizeof(batch->whole));
	for (uint32_t i = 0; i < batch->count; i++)
		batch->heads[i] = head_of(&batch->again[i]);
	if (!any_live(batch))
		return 0;
	ms_fence_acquire(); /* [reader.R1] */
	error = copy_rows(reader, batch, batch->bodies);
	if (error)
		return error;
	ms_fence_acquire(); /* [reader.R2] */
	memset(batch->sums, 0, batch->count * sizeof(*batch->sums));
	error = sum_shards(reader, batch, ms_sum_removed);
	if (error)
		return error;
	ms_fence_acquire(); /* [reader.R3] */
	error = sum_shards(reader, batch, ms_sum_added);
	if (error)
		return error;
	ms_fence_acquire(); /* [reader.R4] */
	error = copy_rows(reader, batch, batch->again);
	if (!error)
		judge(batch);
	return error;
}

/* ---- decoding ---- */

static void copy_string(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	memset(to + length, 0, size - length);
}

static int32_t clamp_priority(int32_t priority)
{
	if (priority < -1000)
		return -1000;
	return priority > 1000 ? 1000 : priority;
}

/* Field by field: what count() gave, else what was charged. */
static void decode_counters(const struct ms_row_pulled *pulled, const struct ms_shard_row *sum,
			    struct ms_row *ret_row)
{
	uint32_t fields = pulled->fields;

	ret_row->bytes = fields & MEMSHED_USAGE_BYTES ? pulled->bytes : ms_sat_sub(sum->added_bytes, sum->removed_bytes);
	ret_row->entries =
		fields & MEMSHED_USAGE_ENTRIES ? pulled->entries : ms_sat_sub(sum->added_entries, sum->removed_entries);
	ret_row->hits = fields & MEMSHED_USAGE_HITS ? pulled->hits : sum->hits;
	ret_row->misses = fields & MEMSHED_USAGE_MISSES ? pulled->misses : sum->misses;
	ret_row->evictions = fields & MEMSHED_USAGE_EVICTIONS ? pulled->evictions : sum->evictions;
	ret_row->inserts = fields & MEMSHED_USAGE_INSERTS ? pulled->inserts : sum->added_entries;
	ret_row->rough = fields & MEMSHED_USAGE_BYTES && fields & MEMSHED_USAGE_ROUGH;
	if (fields & MEMSHED_USAGE_COST)
		ret_row->cost_us = pulled->cost_us;
	ret_row->pulled_at_ns = fields ? pulled->at_ns : 0;
}

static void decode_row(const struct batch *batch, uint32_t i, struct ms_row *ret_row)
{
	const struct ms_row_abi *body = &batch->bodies[i];

	*ret_row = (struct ms_row){
		.row = batch->first + i,
		.generation = batch->heads[i].generation,
		.flags = body->flags & KNOWN_FLAGS,
		.kind = body->kind <= MEMSHED_KIND_ALLOCATOR ? body->kind : MEMSHED_KIND_OTHER,
		.priority = clamp_priority(body->priority),
		.cost_us = body->cost_us,
		.registered_ns = body->registered_ns,
		.last = body->last,
	};
	copy_string(ret_row->name, body->name, sizeof(ret_row->name));
	copy_string(ret_row->source, body->source, sizeof(ret_row->source));
	decode_counters(&body->pulled, &batch->sums[i], ret_row);
}

/* ---- which rows are kept ---- */

/* Where there are more live rows than room, the kept ones form a heap with the fewest bytes on top; the
 * allocator's row stays at the front, outside the heap. */
struct kept {
	struct ms_row *rows;
	unsigned capacity, count;
	unsigned front; /* 1 when rows[0] is the allocator's */
	bool heap;
};

static void swap(struct ms_row *a, struct ms_row *b)
{
	struct ms_row was = *a;

	*a = *b;
	*b = was;
}

static void sift_down(struct ms_row *heap, unsigned count, unsigned at)
{
	for (;;) {
		unsigned least = at, left = 2 * at + 1, right = 2 * at + 2;

		if (left < count && heap[left].bytes < heap[least].bytes)
			least = left;
		if (right < count && heap[right].bytes < heap[least].bytes)
			least = right;
		if (least == at)
			return;
		swap(&heap[at], &heap[least]);
		at = least;
	}
}

static void keep(void *arg, const struct ms_row *row)
{
	struct kept *kept = arg;
	struct ms_row *heap = kept->rows + kept->front;

	if (kept->count < kept->capacity) {
		if (kept->count == 0)
			kept->front = row->row == MS_ALLOCATOR_ROW;
		kept->rows[kept->count++] = *row;
		return;
	}
	unsigned in_heap = kept->count - kept->front;

	if (!in_heap)
		return;
	if (!kept->heap) {
		for (unsigned i = in_heap / 2; i-- > 0;)
			sift_down(heap, in_heap, i);
		kept->heap = true;
	}
	if (row->bytes <= heap[0].bytes)
		return;
	heap[0] = *row;
	sift_down(heap, in_heap, 0);
}

/* ---- all rows ---- */

static struct batch start_batch(struct ms_table_reader *reader, uint32_t first, uint32_t count)
{
	return (struct batch){
		.first = first,
		.count = count,
		.bodies = reader->scratch->rows,
		.again = reader->scratch->again,
		.sums = reader->scratch->sums,
		.shard = reader->scratch->shards,
	};
}

/* One row alone, a few times while it is in change. Return: 0 and the row; -ENOENT when it is not live;
 * -EAGAIN; others as pread. */
static int copy_one(struct ms_table_reader *reader, uint32_t row, struct ms_row *ret_row)
{
	int result = -EAGAIN;

	for (int i = 0; i < RETRIES; i++) {
		struct batch batch = start_batch(reader, row, 1);
		int error = copy_batch(reader, &batch);

		if (error)
			return error;
		if (batch.heads[0].state != MS_ROW_LIVE)
			return -ENOENT;
		if (!batch.whole[0])
			continue;
		decode_row(&batch, 0, ret_row);
		result = 0;
		if (batch.quiet[0])
			break;
	}
	return result;
}

/* One reading of all rows. */
struct reading {
	unsigned chances; /* rows that may still be copied again */
	ms_table_visit_fn *visit;
	void *arg;
};

static int read_batch(struct ms_table_reader *reader, uint32_t first, uint32_t count, struct reading *reading)
{
	struct batch batch = start_batch(reader, first, count);
	uint64_t unsettled = 0; /* bit per row */
	struct ms_row row;
	int error = copy_batch(reader, &batch);

	_Static_assert(MS_SCRATCH_ROWS <= 64, "a bit per row");
	if (error)
		return error;
	for (uint32_t i = 0; i < count; i++) {
		bool again = !batch.whole[i] || !batch.quiet[i];

		if (again && reading->chances && batch.heads[i].state == MS_ROW_LIVE) {
			unsettled |= UINT64_C(1) << i;
			reading->chances--;
		} else if (batch.whole[i]) {
			decode_row(&batch, i, &row);
			reading->visit(reading->arg, &row);
		}
	}
	for (uint32_t i = 0; unsettled; i++, unsettled >>= 1) {
		if (!(unsettled & 1))
			continue;
		error = copy_one(reader, first + i, &row);
		if (!error)
			reading->visit(reading->arg, &row);
		else if (error != -ENOENT && error != -EAGAIN)
			return error;
	}
	return 0;
}

int ms_table_visit_rows(struct ms_table_reader *reader, ms_table_visit_fn *visit, void *arg)
{
	struct reading reading = {.chances = SECOND_CHANCES, .visit = visit, .arg = arg};
	int error = ms_table_refresh(reader);

	for (uint32_t first = 0; !error && first < reader->info.row_high; first += MS_SCRATCH_ROWS) {
		uint32_t left = reader->info.row_high - first;

		error = read_batch(reader, first, left < MS_SCRATCH_ROWS ? left : MS_SCRATCH_ROWS, &reading);
	}
	return error;
}

int ms_table_read_rows(struct ms_table_reader *reader, struct ms_row *rows, unsigned capacity)
{
	struct kept kept = {.rows = rows, .capacity = capacity};
	int error = ms_table_visit_rows(reader, keep, &kept);

	return error ? error : (int)kept.count;
}

int ms_table_read_row(struct ms_table_reader *reader, uint32_t row, uint32_t generation, struct ms_row *ret_row)
{
	struct ms_row found;

	if (row >= reader->row_count)
		return -ENOENT;
	int error = copy_one(reader, row, &found);

	if (error)
		return error;
	if (found.generation != generation)
		return -ENOENT;
	*ret_row = found;
	return 0;
}

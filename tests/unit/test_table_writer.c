/* SPDX-License-Identifier: MIT */
/* The target's side of the table: what it writes, when rows come back, and what a forked child gets. */
#include "table_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"

static uint32_t add_at(const char *name, uint64_t now_ns)
{
	struct ms_row_identity identity = {.name = name, .kind = 1};
	uint32_t row = 0, generation = 0;

	assert_int_equal(ms_table_row_add(&table, &identity, now_ns, &row, &generation), 0);
	assert_int_equal(generation & 1, 1);
	assert_int_equal(table.rows[row].generation, generation);
	assert_int_equal(table.rows[row].state, MS_ROW_LIVE);
	return row;
}

/* An assertion in a forked child ends it with another status than success. */
static void assert_child_succeeds(void (*body)(void *), void *arg)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		body(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* cmocka's assertions jump, which a child must not: it says where and leaves. */
#define CHILD_ASSERT(condition)                                                                              \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

static void header_says_who_and_what(void **state)
{
	(void)state;
	const struct ms_table_header *header = table.header;

	assert_int_equal(header->magic, MS_TABLE_MAGIC);
	assert_int_equal(header->endian, MS_ENDIAN_MARK);
	assert_int_equal(header->word_bytes, 8);
	assert_int_equal(header->pid, getpid());
	assert_int_equal(header->identity, 42);
	assert_int_equal(header->heartbeat_ns, 7);
	assert_true(header->start_ticks > 0);
	assert_int_equal(header->row_high, 1);
	assert_true(header->shard_count >= MS_SHARDS_MIN && header->shard_count <= MS_SHARDS_MAX);
	assert_int_equal(header->total_bytes, table.bytes);
	assert_int_equal(header->shards_offset, MS_HEADER_BYTES + MS_ROW_COUNT * MS_ROW_BYTES);

	FILE *stream = fopen("/proc/self/stat", "r");
	unsigned long long ticks = 0;

	assert_non_null(stream);
	assert_int_equal(
		fscanf(stream,
		       "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
		       "%*d %*d %*d %llu",
		       &ticks),
		1);
	fclose(stream);
	assert_int_equal(header->start_ticks, ticks);
}

static void nobody_else_can_write(void **state)
{
	(void)state;
	struct stat status;

	assert_int_equal(fcntl(table.fd, F_GETFD), FD_CLOEXEC);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, table.fd, 0), MAP_FAILED);
	assert_int_equal(pwrite(table.fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(table.fd, 0), -1);
	assert_int_equal(fallocate(table.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(fcntl(table.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(fstat(table.fd, &status), 0);
	assert_true(status.st_blocks * 512 <= 64 * 1024); /* what was not touched is a hole */
}

static void identity_is_copied_and_cut(void **state)
{
	(void)state;
	char name[200], file[300];
	uint32_t row, generation;

	memset(name, 'n', sizeof(name));
	name[199] = '\0';
	memset(file, 'd', sizeof(file));
	memcpy(file + 290, "/end.c", 7);
	struct ms_row_identity identity = {.name = name, .source_file = file, .source_line = 123, .kind = 3,
					   .flags = MS_ROW_PARTIAL, .priority = -5, .cost_us = 99};

	assert_int_equal(ms_table_row_add(&table, &identity, 1234, &row, &generation), 0);
	assert_int_equal(row, 1);
	assert_int_equal(strlen(table.rows[row].name), MS_NAME_BYTES - 1);
	assert_int_equal(strlen(table.rows[row].source), MS_SOURCE_BYTES - 1);
	assert_string_equal(table.rows[row].source + MS_SOURCE_BYTES - 1 - 10, "/end.c:123");
	assert_int_equal(table.rows[row].kind, 3);
	assert_int_equal(table.rows[row].priority, -5);
	assert_int_equal(table.rows[row].cost_us, 99);
	assert_int_equal(table.rows[row].registered_ns, 1234);
	assert_int_equal(table.rows[row].flags, MS_ROW_PARTIAL);
	ms_table_row_set_flags(&table, row, MS_ROW_STUCK);
	assert_int_equal(table.rows[row].flags, MS_ROW_PARTIAL | MS_ROW_STUCK);
	ms_table_row_clear_flags(&table, row, MS_ROW_STUCK);
	assert_int_equal(table.rows[row].flags, MS_ROW_PARTIAL);
}

static void rows_cool_off_in_turn(void **state)
{
	(void)state;
	uint64_t now = 10 * MS_NS_PER_S;
	uint32_t first = add_at("first", now), second = add_at("second", now);
	uint32_t generation = table.rows[first].generation;

	assert_int_equal(table.header->live_rows, 2);
	ms_table_row_retire(&table, first, now);
	assert_int_equal(table.rows[first].state, MS_ROW_RETIRED);
	assert_int_equal(table.rows[first].generation, generation + 1);
	ms_table_row_retire(&table, first, now); /* a second time does nothing */
	assert_int_equal(table.rows[first].generation, generation + 1);
	assert_int_equal(table.header->live_rows, 1);
	ms_table_row_retire(&table, second, now + MS_NS_PER_S);

	assert_int_equal(add_at("third", now + 1999 * MS_NS_PER_MS), 3);
	assert_int_equal(add_at("fourth", now + 2000 * MS_NS_PER_MS), first);
	assert_int_equal(table.rows[first].generation, generation + 2);
	assert_int_equal(add_at("fifth", now + 2000 * MS_NS_PER_MS), 4);
	assert_int_equal(add_at("sixth", now + 3000 * MS_NS_PER_MS), second);
	assert_int_equal(table.header->row_high, 5);
}

static void every_row_is_usable(void **state)
{
	(void)state;
	struct ms_row_identity identity = {.name = "x"};
	uint32_t row, generation;

	for (unsigned i = 1; i < MS_ROW_COUNT; i++)
		assert_int_equal(add_at("x", 1), i);
	assert_int_equal(table.header->live_rows, MS_ROW_COUNT - 1);
	assert_int_equal(ms_table_row_add(&table, &identity, 1, &row, &generation), -ENOSPC);
	assert_int_equal(table.header->refused_registrations, 1);

	/* In a full table a retired row is used at once. */
	ms_table_row_retire(&table, 77, 1);
	ms_table_row_retire(&table, 65535, 1);
	assert_int_equal(add_at("y", 1), 77);
	assert_int_equal(add_at("y", 1), 65535);
	assert_int_equal(ms_table_row_add(&table, &identity, 1, &row, &generation), -ENOSPC);

	for (unsigned i = 1; i < MS_ROW_COUNT; i++)
		ms_table_row_retire(&table, i, 1);
	assert_int_equal(table.header->live_rows, 0);
	for (unsigned i = 1; i < MS_ROW_COUNT; i++)
		assert_int_equal(add_at("z", 1), i);
}

static void a_new_use_starts_at_zero(void **state)
{
	(void)state;
	uint32_t row = add_at("old", 1);
	struct ms_shard_sum sum;
	uint32_t last = table.shard_count - 1;

	table.header->shard_high = 2;
	table.header->shared_shard_used = 1;
	ms_shard_add(&counters(0, row)->added_bytes, 500);
	ms_shard_add(&counters(1, row)->removed_bytes, 100);
	ms_shard_add(&counters(1, row)->hits, 3);
	ms_shard_add_shared(&counters(last, row)->added_bytes, 11);
	ms_shard_add_shared(&counters(last, row)->added_entries, 2);
	ms_table_rows_sum(&table, row, 1, &sum);
	assert_int_equal(sum.bytes, 411);
	assert_int_equal(sum.entries, 2);
	assert_int_equal(sum.inserts, 2);
	assert_int_equal(sum.hits, 3);
	ms_table_row_pulled(&table, row, &(struct ms_row_pulled){.fields = 1, .bytes = 9});
	ms_table_row_result(&table, row, &(struct ms_row_result){.order_seq = 5, .orders = 2});
	assert_int_equal(table.rows[row].last.order_seq, 5);
	assert_int_equal(table.rows[row].result_seq & 1, 0);

	ms_table_row_retire(&table, row, 1);
	assert_int_equal(add_at("new", 3 * MS_NS_PER_S), row);
	ms_table_rows_sum(&table, row, 1, &sum);
	assert_memory_equal(&sum, &(struct ms_shard_sum){0}, sizeof(sum));
	assert_int_equal(table.rows[row].pulled.fields, 0);
	assert_int_equal(table.rows[row].last.order_seq, 0);
	assert_int_equal(table.rows[row].seq & 1, 0);
}

static void removed_more_than_added_is_nothing(void **state)
{
	(void)state;
	uint32_t row = add_at("x", 1);
	struct ms_shard_sum sum;

	table.header->shard_high = 1;
	ms_shard_add(&counters(0, row)->removed_bytes, 1);
	ms_table_rows_sum(&table, row, 1, &sum);
	assert_int_equal(sum.bytes, 0);
}

static void the_allocator_has_row_0(void **state)
{
	(void)state;
	struct ms_row_identity identity = {.name = "glibc", .kind = 6};

	ms_table_row_add_allocator(&table, &identity, 1);
	ms_table_row_add_allocator(&table, &identity, 1);
	assert_int_equal(table.rows[0].state, MS_ROW_LIVE);
	assert_int_equal(table.header->live_rows, 1);
	ms_table_row_retire(&table, 0, 1);
	assert_int_equal(table.rows[0].state, MS_ROW_LIVE);
	assert_int_equal(add_at("x", 1), 1);
}

/* ---- fork ---- */

static void wait_for_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(9);
}

struct fork_case {
	uint32_t kept, dropped_before, dropped_after;
	uint32_t kept_generation, dropped_after_generation;
	int pipe[2];
};

static void child_has_its_own(void *arg)
{
	struct fork_case *c = arg;
	unsigned char *was = table.base;
	struct ms_shard_sum sum;

	wait_for_byte(c->pipe[0]); /* the parent has moved on */
	/* At the same address, unless something took it first, as ThreadSanitizer's own thread does. */
	int moved = ms_table_recreate(&table, 43, 8);

	CHILD_ASSERT(moved == (table.base != was));
	CHILD_ASSERT(table.header->pid == (uint32_t)getpid());
	CHILD_ASSERT(table.header->identity == 43);
	CHILD_ASSERT(table.header->live_rows == 2);
	CHILD_ASSERT(table.header->row_high == 4);
	CHILD_ASSERT(table.header->shard_high == 3);
	CHILD_ASSERT(strcmp(table.header->allocator, "glibc") == 0);
	CHILD_ASSERT(fcntl(table.fd, F_GETFD) == FD_CLOEXEC);

	/* Live at the fork is live here, also what the parent has dropped since. */
	CHILD_ASSERT(table.rows[c->kept].state == MS_ROW_LIVE);
	CHILD_ASSERT(table.rows[c->kept].generation == c->kept_generation);
	CHILD_ASSERT(strcmp(table.rows[c->kept].name, "kept") == 0);
	CHILD_ASSERT(!(table.rows[c->kept].flags & MS_ROW_STUCK));
	CHILD_ASSERT(table.rows[c->kept].last.order_seq == 5);
	CHILD_ASSERT(table.rows[c->dropped_after].state == MS_ROW_LIVE);
	CHILD_ASSERT(table.rows[c->dropped_after].generation == c->dropped_after_generation);
	CHILD_ASSERT(strcmp(table.rows[c->dropped_after].name, "dropped after") == 0);
	CHILD_ASSERT(table.rows[c->dropped_before].state != MS_ROW_LIVE);
	CHILD_ASSERT(!(table.rows[c->dropped_before].generation & 1));

	ms_table_row_sum(&table, c->kept, &sum);
	CHILD_ASSERT(sum.bytes == 900);
	CHILD_ASSERT(counters(0, c->kept)->added_bytes == 1000);

	/* And it goes on from there, without the parent. */
	ms_shard_add(&counters(2, c->kept)->added_bytes, 50);
	ms_table_row_sum(&table, c->kept, &sum);
	CHILD_ASSERT(sum.bytes == 950);
	ms_table_row_retire(&table, c->kept, 1);
}

static void a_child_gets_its_own_table(void **state)
{
	(void)state;
	struct fork_case c = {.dropped_before = add_at("dropped before", 1), .kept = add_at("kept", 1),
			      .dropped_after = add_at("dropped after", 1)};
	int status;

	table.header->shard_high = 3;
	memcpy(table.header->allocator, "glibc", 6);
	ms_table_row_retire(&table, c.dropped_before, 1);
	ms_shard_add(&counters(0, c.kept)->added_bytes, 600);
	ms_shard_add(&counters(1, c.kept)->added_bytes, 400);
	ms_shard_add(&counters(2, c.kept)->removed_bytes, 100);
	ms_table_row_set_flags(&table, c.kept, MS_ROW_STUCK);
	ms_table_row_result(&table, c.kept, &(struct ms_row_result){.order_seq = 5});
	c.kept_generation = table.rows[c.kept].generation;
	c.dropped_after_generation = table.rows[c.dropped_after].generation;
	assert_int_equal(pipe(c.pipe), 0);

	pid_t child = fork();

	if (child == 0) {
		child_has_its_own(&c);
		_exit(0);
	}
	ms_table_row_retire(&table, c.dropped_after, 1);
	assert_int_equal(write(c.pipe[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(c.pipe[0]);
	close(c.pipe[1]);

	/* Nothing of the child's is seen here. */
	assert_int_equal(table.rows[c.kept].state, MS_ROW_LIVE);
	assert_int_equal(counters(2, c.kept)->added_bytes, 0);
	assert_int_equal(table.header->identity, 42);
}

static void child_without_descriptors(void *arg)
{
	uint32_t row = *(uint32_t *)arg, other, generation;
	struct ms_row_identity identity = {.name = "blind"};
	struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
	struct ms_shard_sum sum;

	CHILD_ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHILD_ASSERT(ms_table_recreate(&table, 43, 8) == -EMFILE);
	CHILD_ASSERT(table.fd == -1);
	CHILD_ASSERT(strcmp(table.rows[row].name, "x") == 0);
	ms_shard_add(&counters(0, row)->added_bytes, 5);
	ms_table_rows_sum(&table, row, 1, &sum);
	CHILD_ASSERT(sum.bytes == 5);
	CHILD_ASSERT(ms_table_row_add(&table, &identity, 8, &other, &generation) == 0);
	CHILD_ASSERT(other == row + 1);
	ms_table_row_retire(&table, row, 8);
	CHILD_ASSERT(ms_table_recreate(&table, 44, 9) == -EMFILE); /* and its own child */
}

static void a_child_without_descriptors_goes_on(void **state)
{
	(void)state;
	uint32_t row = add_at("x", 1);

	table.header->shard_high = 1;
	assert_child_succeeds(child_without_descriptors, &row);
}

/* What SIGXFSZ would do to it: the child ends by that signal. */
static void child_with_small_files(void *arg)
{
	uint32_t row = *(uint32_t *)arg, other, generation;
	struct ms_row_identity identity = {.name = "blind"};
	struct rlimit limit;
	static struct ms_table second;

	CHILD_ASSERT(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = table.bytes - 1;
	CHILD_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHILD_ASSERT(ms_table_create(&second, 1, 1) == -EFBIG);
	CHILD_ASSERT(!second.base);
	CHILD_ASSERT(ms_table_recreate(&table, 43, 8) == -EFBIG);
	CHILD_ASSERT(table.fd == -1);
	CHILD_ASSERT(strcmp(table.rows[row].name, "x") == 0);
	CHILD_ASSERT(ms_table_row_add(&table, &identity, 8, &other, &generation) == 0);
}

static void small_files_are_no_signal(void **state)
{
	uint32_t row = add_at("x", 1);

	(void)state;
	assert_child_succeeds(child_with_small_files, &row);
}

static void child_finds_the_place_taken(void *arg)
{
	unsigned char *was = table.base;
	uint32_t row = *(uint32_t *)arg;
	char *other = mmap(was + 4096, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (other != (char *)was + 4096) /* taken already */
		return;
	*other = 'x';
	CHILD_ASSERT(ms_table_recreate(&table, 43, 8) == 1);
	CHILD_ASSERT(*other == 'x');
	CHILD_ASSERT(table.base != was);
	CHILD_ASSERT((unsigned char *)table.header == table.base);
	CHILD_ASSERT(strcmp(table.rows[row].name, "x") == 0);
}

static void a_taken_place_is_left_alone(void **state)
{
	(void)state;
	uint32_t row = add_at("x", 1);

	assert_child_succeeds(child_finds_the_place_taken, &row);
}

/* ---- fork with more rows than the child writes at once ---- */

enum { MANY = MS_FORK_ROWS * 3, LAST = MANY - 1, GONE = MANY - 2, DROPPED = MANY - 3, REUSED = MANY - 4 };

static uint64_t bytes_of(uint32_t row)
{
	struct ms_shard_sum sum;

	ms_table_rows_sum(&table, row, 1, &sum);
	return sum.bytes;
}

static void check_row(uint32_t row, uint64_t bytes)
{
	char name[16];

	snprintf(name, sizeof(name), "cache %u", row);
	CHILD_ASSERT(table.rows[row].state == MS_ROW_LIVE);
	CHILD_ASSERT(table.rows[row].generation == 1);
	CHILD_ASSERT(strcmp(table.rows[row].name, name) == 0);
	CHILD_ASSERT(bytes_of(row) == bytes);
}

/* Also what the parent has done to them since, or this process before they were shown. */
static void check_many(uint64_t charged)
{
	ms_table_complete(&table);
	CHILD_ASSERT(table.header->row_high == MANY);
	CHILD_ASSERT(table.header->live_rows == MANY - 2); /* neither the allocator's nor GONE's */
	for (uint32_t row = 1; row < MANY; row++)
		if (row != GONE && row != LAST)
			check_row(row, 1000 + row);
	check_row(LAST, 1000 + LAST + charged);
	CHILD_ASSERT(table.rows[LAST].last.order_seq == 5);
	CHILD_ASSERT(!(table.rows[LAST].flags & MS_ROW_STUCK));
	CHILD_ASSERT(table.rows[GONE].state != MS_ROW_LIVE);
	CHILD_ASSERT(bytes_of(GONE) == 0);
	ms_table_complete(&table);
	CHILD_ASSERT(table.header->live_rows == MANY - 2);
}

/* The child of a child that has not shown them, and has charged them. */
static void grandchild_has_them(void)
{
	CHILD_ASSERT(ms_table_recreate(&table, 44, 9) >= 0);
	CHILD_ASSERT(table.header->row_high == MS_FORK_ROWS);
	ms_shard_add(&counters(1, LAST)->added_bytes, 7);
	check_many(57);
}

struct ends {
	int forked[2], moved_on[2];
};

static void child_of_many(const struct ends *ends)
{
	struct ms_row_identity identity = {.name = "new"};
	uint32_t row, generation;
	int status;
	pid_t child;

	CHILD_ASSERT(ms_table_recreate(&table, 43, 8) >= 0);
	CHILD_ASSERT(write(ends->forked[1], "x", 1) == 1);
	wait_for_byte(ends->moved_on[0]);
	CHILD_ASSERT(table.header->row_high == MS_FORK_ROWS);
	CHILD_ASSERT(table.header->live_rows == MS_FORK_ROWS - 1);
	CHILD_ASSERT(table.rows[LAST].state == MS_ROW_FREE);
	check_row(MS_FORK_ROWS - 1, 1000 + MS_FORK_ROWS - 1);
	ms_shard_add(&counters(0, LAST)->added_bytes,
		     50); /* by the owner of shard 0, which needs no row for it */
	ms_table_row_retire(&table, GONE, 1);

	child = fork();
	if (child == 0) {
		grandchild_has_them();
		_exit(0);
	}
	CHILD_ASSERT(waitpid(child, &status, 0) == child && status == 0);
	check_many(50);

	/* The next row is none of theirs. */
	CHILD_ASSERT(ms_table_row_add(&table, &identity, 8, &row, &generation) == 0);
	CHILD_ASSERT(row == MANY);
	CHILD_ASSERT(bytes_of(row) == 0);
	CHILD_ASSERT(ms_table_row_add(&table, &identity, 8 * MS_NS_PER_S, &row, &generation) == 0);
	CHILD_ASSERT(row == GONE);
	CHILD_ASSERT(generation == 3);
	CHILD_ASSERT(bytes_of(row) == 0);
}

static void a_child_shows_many_rows_later(void **state)
{
	char name[16];
	struct ends ends;
	int status;
	pid_t child;

	(void)state;
	table.header->shard_high = 2;
	for (uint32_t row = 1; row < MANY; row++) {
		snprintf(name, sizeof(name), "cache %u", row);
		assert_int_equal(add_at(name, 1), row);
		ms_shard_add(&counters(row % 2, row)->added_bytes, 1100 + row);
		ms_shard_add(&counters(1, row)->removed_bytes, 100);
	}
	ms_table_row_set_flags(&table, LAST, MS_ROW_STUCK);
	ms_table_row_result(&table, LAST, &(struct ms_row_result){.order_seq = 5});
	assert_int_equal(pipe(ends.forked), 0);
	assert_int_equal(pipe(ends.moved_on), 0);
	child = fork();
	if (child == 0) {
		child_of_many(&ends);
		_exit(0);
	}
	close(ends.forked[1]);
	assert_int_equal(read(ends.forked[0], name, 1), 1);
	ms_table_row_result(&table, LAST, &(struct ms_row_result){.order_seq = 6});
	ms_table_row_retire(&table, REUSED, 1);
	ms_table_row_retire(&table, DROPPED, 1);
	assert_int_equal(add_at("another", 3 * MS_NS_PER_S), REUSED);
	ms_shard_add(&counters(0, 1)->added_bytes, 1);
	assert_int_equal(write(ends.moved_on[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends.forked[0]);
	close(ends.moved_on[0]);
	close(ends.moved_on[1]);
}

static void child_recreates(void *unused)
{
	(void)unused;
	CHILD_ASSERT(ms_table_recreate(&table, 43, 8) >= 0);
}

static void a_fork_fills_no_hole(void **state)
{
	uint32_t row = add_at("x", 1);
	struct stat before, after;

	(void)state;
	table.header->shard_high = table.shard_count - 1;
	ms_shard_add(&counters(2, row)->added_bytes, 5);
	assert_int_equal(fstat(table.fd, &before), 0);
	assert_child_succeeds(child_recreates, &row);
	assert_int_equal(bytes_of(row), 5);
	assert_int_equal(fstat(table.fd, &after), 0);
	assert_int_equal(after.st_blocks, before.st_blocks);
}

static long resident_pages(void)
{
	long size = 0, resident = 0;
	FILE *stream = fopen("/proc/self/statm", "r");

	if (!stream || fscanf(stream, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (stream)
		fclose(stream);
	return resident;
}

static void locked_memory_is_not_filled(void **state)
{
	(void)state;
	static struct ms_table second;

	memset(&second, 0, sizeof(second));
	if (mlockall(MCL_FUTURE) < 0)
		skip();
	long before = resident_pages();
	int error = ms_table_create(&second, 1, 1);
	long grown = resident_pages() - before;

	munlockall();
	if (error == -EAGAIN) /* more than RLIMIT_MEMLOCK, which counts what is mapped */
		skip();
	assert_int_equal(error, 0);
	assert_true(grown * sysconf(_SC_PAGESIZE) < 4 << 20);
	ms_table_destroy(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TABLE(header_says_who_and_what),
		WITH_TABLE(nobody_else_can_write),
		WITH_TABLE(identity_is_copied_and_cut),
		WITH_TABLE(rows_cool_off_in_turn),
		WITH_TABLE(every_row_is_usable),
		WITH_TABLE(a_new_use_starts_at_zero),
		WITH_TABLE(removed_more_than_added_is_nothing),
		WITH_TABLE(the_allocator_has_row_0),
		WITH_TABLE(a_child_gets_its_own_table),
		WITH_TABLE(a_child_without_descriptors_goes_on),
		WITH_TABLE(small_files_are_no_signal),
		WITH_TABLE(a_taken_place_is_left_alone),
		WITH_TABLE(a_child_shows_many_rows_later),
		WITH_TABLE(a_fork_fills_no_hole),
		WITH_TABLE(locked_memory_is_not_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

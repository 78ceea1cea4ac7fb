/* SPDX-License-Identifier: MIT */
/* Reading tables: at rest, of other processes, and while they are written. */
#include "table_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "util/clock.h"

/* ---- honest tables ---- */

static void reads_what_was_written(void **state)
{
	(void)state;
	uint32_t row = add_named("charged", MS_ROW_PARTIAL | 1u << 30 | MEMSHED_CACHE_MANUAL);

	table.header->shard_high = 2;
	table.header->shared_shard_used = 1;
	ms_shard_add(&counters(0, row)->added_bytes, 1000);
	ms_shard_add(&counters(1, row)->removed_bytes, 100);
	ms_shard_add_shared(&counters(table.shard_count - 1, row)->added_bytes, 1);
	ms_shard_add(&counters(1, row)->added_entries, 4);
	ms_shard_add(&counters(1, row)->removed_entries, 1);
	ms_shard_add(&counters(0, row)->hits, 5);
	ms_shard_add(&counters(0, row)->misses, 6);
	ms_shard_add(&counters(0, row)->evictions, 7);
	ms_table_row_result(&table, row, &(struct ms_row_result){.order_seq = 8, .claimed_bytes = 9});

	open_own();
	assert_int_equal(ms_table_read_rows(&reader, rows, 10), 1);
	assert_int_equal(rows[0].row, row);
	assert_int_equal(rows[0].generation, 1);
	assert_int_equal(rows[0].flags, MS_ROW_PARTIAL | MEMSHED_CACHE_MANUAL);
	assert_int_equal(rows[0].kind, MEMSHED_KIND_FILE);
	assert_int_equal(rows[0].priority, 3);
	assert_int_equal(rows[0].cost_us, 11);
	assert_int_equal(rows[0].registered_ns, 77);
	assert_string_equal(rows[0].name, "charged");
	assert_string_equal(rows[0].source, "a.c:5");
	assert_int_equal(rows[0].bytes, 901);
	assert_int_equal(rows[0].entries, 3);
	assert_int_equal(rows[0].inserts, 4);
	assert_int_equal(rows[0].hits, 5);
	assert_int_equal(rows[0].misses, 6);
	assert_int_equal(rows[0].evictions, 7);
	assert_int_equal(rows[0].pulled_at_ns, 0);
	assert_int_equal(rows[0].last.order_seq, 8);
	assert_int_equal(rows[0].last.claimed_bytes, 9);
	ms_table_close(&reader);
}

/* Each flag that an owner may give is known to the tools. */
static void every_flag_is_read(void **state)
{
	const uint32_t given = MEMSHED_CACHE_MAY_IO | MEMSHED_CACHE_ESTIMATED | MEMSHED_CACHE_MANUAL |
			       MEMSHED_CACHE_NO_BRAKE | MEMSHED_CACHE_COLLECTOR;

	(void)state;
	add_named("flags", given);
	open_own();
	assert_int_equal(ms_table_read_rows(&reader, rows, 10), 1);
	assert_int_equal(rows[0].flags, given);
	ms_table_close(&reader);
}

static void pulled_fields_replace_charged_ones(void **state)
{
	(void)state;
	uint32_t row = add_named("both", MS_ROW_PULLED);

	table.header->shard_high = 1;
	ms_shard_add(&counters(0, row)->added_bytes, 1000);
	ms_shard_add(&counters(0, row)->hits, 5);
	struct ms_row_pulled pulled = {.fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_INSERTS,
				       .cost_us = 8,
				       .at_ns = 99,
				       .bytes = 4,
				       .hits = 12,
				       .inserts = 6};

	ms_table_row_pulled(&table, row, &pulled);
	open_own();
	assert_int_equal(ms_table_read_row(&reader, row, 1, &rows[0]), 0);
	assert_int_equal(rows[0].cost_us, 11);
	assert_int_equal(rows[0].bytes, 4);
	assert_int_equal(rows[0].inserts, 6);
	assert_int_equal(rows[0].hits, 5);
	assert_int_equal(rows[0].pulled_at_ns, 99);
	pulled.fields |= MEMSHED_USAGE_COST;
	ms_table_row_pulled(&table, row, &pulled);
	assert_int_equal(ms_table_read_row(&reader, row, 1, &rows[0]), 0);
	assert_int_equal(rows[0].cost_us, 8);
	assert_int_equal(ms_table_read_row(&reader, row, 3, &rows[0]), -ENOENT);
	assert_int_equal(ms_table_read_row(&reader, row + 1, 1, &rows[0]), -ENOENT);
	assert_int_equal(ms_table_read_row(&reader, MS_ROW_COUNT, 1, &rows[0]), -ENOENT);
	assert_int_equal(ms_table_read_row(&reader, UINT32_MAX, 1, &rows[0]), -ENOENT);
	ms_table_close(&reader);
}

static void retired_rows_are_left_out(void **state)
{
	(void)state;
	for (int i = 0; i < 150; i++)
		add_named("x", 0);
	for (uint32_t row = 1; row <= 150; row += 2)
		ms_table_row_retire(&table, row, 1);
	open_own();
	assert_int_equal(ms_table_read_rows(&reader, rows, 256), 75);
	for (uint32_t i = 0; i < 75; i++)
		assert_int_equal(rows[i].row, 2 * i + 2);
	assert_int_equal(reader.info.live_rows, 75);
	ms_table_close(&reader);
}

static void the_largest_are_kept(void **state)
{
	(void)state;
	uint64_t sum = 0;

	table.header->shard_high = 1;
	ms_table_row_add_allocator(&table, &(struct ms_row_identity){.name = "glibc"}, 1);
	for (unsigned i = 0; i < 200; i++)
		ms_shard_add(&counters(0, add_named("x", 0))->added_bytes, (i * 37) % 200 + 1); /* 1 to 200 */
	open_own();
	assert_int_equal(ms_table_read_rows(&reader, rows, 11), 11);
	assert_int_equal(rows[0].row, MS_ALLOCATOR_ROW);
	for (unsigned i = 1; i < 11; i++) {
		assert_true(rows[i].bytes > 190);
		sum += rows[i].bytes;
	}
	assert_int_equal(sum, 191 + 192 + 193 + 194 + 195 + 196 + 197 + 198 + 199 + 200);
	assert_int_equal(ms_table_read_rows(&reader, rows, 1), 1);
	assert_int_equal(rows[0].row, MS_ALLOCATOR_ROW);
	assert_int_equal(ms_table_read_rows(&reader, rows, 0), 0);
	ms_table_close(&reader);
}

static void reading_makes_no_page(void **state)
{
	(void)state;
	struct stat before, after;

	for (int i = 0; i < 200; i++)
		add_named("x", 0);
	table.header->shard_high = table.shard_count - 1;
	table.header->shared_shard_used = 1;
	open_own();
	assert_int_equal(fstat(table.fd, &before), 0);
	assert_int_equal(ms_table_read_rows(&reader, rows, 256), 200);
	assert_int_equal(fstat(table.fd, &after), 0);
	assert_int_equal(before.st_blocks, after.st_blocks);
	ms_table_close(&reader);
}

/* A thread that began after the header was read: what it charged must not be missed where it is removed. */
static void a_new_shard_is_seen_at_once(void **state)
{
	(void)state;
	uint32_t row = add_named("x", 0);

	table.header->shard_high = 1;
	open_own();
	table.header->shard_high = 2;
	table.header->shared_shard_used = 1;
	ms_shard_add(&counters(1, row)->added_bytes, 100);
	ms_shard_add_shared(&counters(table.shard_count - 1, row)->added_bytes, 10);
	ms_shard_add(&counters(0, row)->removed_bytes, 50);
	assert_int_equal(ms_table_read_row(&reader, row, 1, &rows[0]), 0);
	assert_int_equal(rows[0].bytes, 60);
	ms_table_close(&reader);
}

/* ---- finding ---- */

static pid_t start_child(void (*body)(void))
{
	int ready[2];
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char byte;

	close(ready[1]); /* so that a child that fails is noticed */
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void do_nothing(void)
{
}

static void remake_table(void)
{
	if (ms_table_recreate(&table, 43, 1) < 0)
		_exit(1);
}

static void an_inherited_table_is_not_the_childs(void **state)
{
	(void)state;
	pid_t child = start_child(do_nothing);

	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, NULL), -ENOENT);
	end_child(child);
}

static void duplicate_and_remake(void)
{
	if (dup(table.fd) < 0 || dup(table.fd) < 0)
		_exit(1);
	remake_table();
	if (dup(table.fd) < 0)
		_exit(1);
}

static void its_own_is_found_among_inherited_ones(void **state)
{
	(void)state;
	pid_t child = start_child(duplicate_and_remake);
	int control_fd = 7;

	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, &control_fd), 0);
	assert_int_equal(reader.info.identity, 43);
	assert_int_equal(reader.info.pid, child);
	assert_int_equal(control_fd, -1);
	assert_int_equal(fcntl(reader.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(reader.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	/* A process that has it open can read it after the target's end; one that opens it then sees that
	 * end. */
	end_child(child);
	assert_int_equal(ms_table_refresh(&reader), 0);
	ms_table_close(&reader);
	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, NULL), -ESRCH);
}

static void a_stopped_target_can_be_read(void **state)
{
	(void)state;
	int status;

	add_named("in the parent", 0);
	pid_t child = start_child(remake_table);

	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, NULL), 0);
	assert_int_equal(ms_table_read_rows(&reader, rows, 10), 1);
	assert_string_equal(rows[0].name, "in the parent");
	ms_table_close(&reader);
	end_child(child);
}

/* A link that reads like ours, to something else: it must not even be opened. inotify tells. */
static void assert_look_alike_not_opened(mode_t type)
{
	static const char path[] = "/" "memfd:" MS_TABLE_MEMFD_NAME;

	if (mknod(path, type | 0600, type == S_IFCHR ? 0x0103 : 0) < 0)
		skip();
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	assert_int_equal(unlink(path), 0);
	if (fd < 0) { /* devices may be forbidden here */
		close(watch);
		skip();
	}
	int error = ms_table_open_pid(&reader, &scratch, getpid(), NULL);
	char events[4096];
	ssize_t n = read(watch, events, sizeof(events));

	close(fd);
	close(watch);
	assert_int_equal(error, -EBADMSG);
	assert_true(n < 0 && errno == EAGAIN);
}

static void a_fifo_of_our_name_is_not_opened(void **state)
{
	(void)state;
	assert_look_alike_not_opened(S_IFIFO);
}

static void a_device_of_our_name_is_not_opened(void **state)
{
	(void)state;
	assert_look_alike_not_opened(S_IFCHR);
}

static void a_file_of_our_name_is_not_opened(void **state)
{
	(void)state;
	assert_look_alike_not_opened(S_IFREG);
}

static void no_process_and_no_table(void **state)
{
	(void)state;
	pid_t child = start_child(do_nothing);

	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, NULL), -ENOENT);
	end_child(child);
	assert_int_equal(ms_table_open_pid(&reader, &scratch, child, NULL), -ESRCH);
	assert_int_equal(ms_table_open_pid(&reader, &scratch, -1, NULL), -ESRCH);
}

/* ---- writers at work ---- */

enum { ROUNDS = 3000, SIGHTINGS = 500 };
static _Atomic unsigned rounds;
static _Atomic bool stop;

/* Row 1 again and again, each time under a name that says how many bytes it is charged. */
static void *reuse_one_row(void *arg)
{
	char name[32];
	uint32_t row, generation;

	(void)arg;
	for (uint64_t i = 1; !stop; i++) {
		snprintf(name, sizeof(name), "%llu", (unsigned long long)i);
		if (ms_table_row_add(&table, &(struct ms_row_identity){.name = name, .cost_us = i},
				     i * 3 * MS_NS_PER_S, &row, &generation) < 0 || row != 1)
			break;
		ms_shard_add(&counters(0, row)->added_bytes, i);
		ms_shard_add(&counters(1, row)->hits, i);
		for (int pause = 0; pause < 1000 && !stop; pause++)
			; /* live for about as long as it is not */
		ms_table_row_retire(&table, row, i * 3 * MS_NS_PER_S);
		rounds++;
	}
	return NULL;
}

static void a_reused_row_is_never_mixed(void **state)
{
	(void)state;
	pthread_t thread;
	unsigned seen = 0;

	rounds = 0;
	stop = false;
	table.header->shard_high = 2;
	open_own();
	assert_int_equal(pthread_create(&thread, NULL, reuse_one_row, NULL), 0);
	while ((rounds < ROUNDS || seen < SIGHTINGS) && rounds < 10000 * ROUNDS) {
		int n = ms_table_read_rows(&reader, rows, 4);

		assert_true(n == 0 || n == 1);
		if (n == 0)
			continue;
		seen++;
		uint64_t value = strtoull(rows[0].name, NULL, 10);

		assert_int_equal(rows[0].cost_us, value);
		assert_int_equal(rows[0].generation, 2 * value - 1);
		assert_true(rows[0].bytes == 0 || rows[0].bytes == value);
		assert_true(rows[0].hits == 0 || rows[0].hits == value);
	}
	stop = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	ms_table_close(&reader);
}

enum { FLOOR = 1000 };
static _Atomic uint64_t turns;

/* What was put into one shard is taken away in the other: never less than FLOOR in all. */
static void *move_through_two_shards(void *arg)
{
	struct ms_shard_row *in = counters(1, *(uint32_t *)arg), *out = counters(0, *(uint32_t *)arg);

	while (!stop) {
		ms_shard_add(&in->added_bytes, 1);
		ms_shard_add(&out->removed_bytes, 1);
		turns++;
	}
	return NULL;
}

static void a_sum_never_falls_below_the_truth(void **state)
{
	(void)state;
	uint32_t row = add_named("x", 0);
	pthread_t thread;

	stop = false;
	turns = 0;
	table.header->shard_high = 2;
	ms_shard_add(&counters(0, row)->added_bytes, FLOOR);
	open_own();
	assert_int_equal(pthread_create(&thread, NULL, move_through_two_shards, &row), 0);
	for (int i = 0; i < 20000 || (turns < 500000 && i < 100000000); i++) {
		assert_int_equal(ms_table_read_row(&reader, row, 1, &rows[0]), 0);
		assert_true(rows[0].bytes >= FLOOR && rows[0].bytes < UINT64_MAX / 2);
	}
	stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(ms_table_read_row(&reader, row, 1, &rows[0]), 0);
	assert_int_equal(rows[0].bytes, FLOOR); /* exact when writers rest */
	ms_table_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TABLE(reads_what_was_written),
		WITH_TABLE(every_flag_is_read),
		WITH_TABLE(pulled_fields_replace_charged_ones),
		WITH_TABLE(retired_rows_are_left_out),
		WITH_TABLE(the_largest_are_kept),
		WITH_TABLE(reading_makes_no_page),
		WITH_TABLE(a_new_shard_is_seen_at_once),
		WITH_TABLE(an_inherited_table_is_not_the_childs),
		WITH_TABLE(its_own_is_found_among_inherited_ones),
		WITH_TABLE(a_stopped_target_can_be_read),
		cmocka_unit_test(a_fifo_of_our_name_is_not_opened),
		cmocka_unit_test(a_device_of_our_name_is_not_opened),
		cmocka_unit_test(a_file_of_our_name_is_not_opened),
		cmocka_unit_test(no_process_and_no_table),
		WITH_TABLE(a_reused_row_is_never_mixed),
		WITH_TABLE(a_sum_never_falls_below_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

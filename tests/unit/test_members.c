/* SPDX-License-Identifier: MIT */
/* Tables that are found and tables that are handed over; descriptors that are neither. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memshed.h"
#include "watch/members.h"
#include "util/clock.h"

static struct ms_root root;
static struct ms_members members;
static struct ms_policy_row rows[MS_MEMBERS_ROWS];
static uint64_t start_ticks;

static void do_clear(void *ctx)
{
	(void)ctx;
}

static int set_up_group(void **state)
{
	const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "mine", .clear = do_clear);
	struct memshed_cache *cache;
	struct ms_process_stat stat;

	(void)state;
	assert_int_equal(memshed_register(&options, &cache), 0);
	memshed_charge(cache, 4096, 1);
	assert_int_equal(ms_root_init(&root, "/"), 0);
	assert_int_equal(ms_process_read_stat(&root, getpid(), 0, &stat), 0);
	start_ticks = stat.start_ticks;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	ms_members_init(&members, &root);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ms_members_fini(&members);
	return 0;
}

static bool has_mine(uint32_t count, uint32_t slot)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(rows[i].row.name, "mine") == 0)
			return rows[i].process == slot && rows[i].answers && rows[i].row.bytes == 4096;
	return false;
}

static void a_table_is_found(void **state)
{
	uint64_t now = ms_clock_ns();

	(void)state;
	ms_members_add(&members, 3, getpid(), start_ticks, now);
	assert_int_equal(ms_members_next_look(&members, 4, now), -EAGAIN);
	assert_true(members.next_look_ns > now);
	now = members.next_look_ns;
	assert_int_equal(ms_members_next_look(&members, 4, now), 3);
	assert_int_equal(ms_members_look(&members, 3, now), 1);
	assert_true(has_mine(ms_members_read(&members, 4, now, rows, MS_MEMBERS_ROWS), 3));
	/* Again: the same table. Then nobody is left to be looked at. */
	assert_int_equal(ms_members_look(&members, 3, now), 0);
	assert_int_equal(ms_members_next_look(&members, 4, UINT64_MAX - 1), -EAGAIN);
	members.at[3].stopped = true;
	assert_false(has_mine(ms_members_read(&members, 4, now, rows, MS_MEMBERS_ROWS), 3));
	members.at[3].stopped = false;
	members.at[3].in_flight = 1;
	assert_false(has_mine(ms_members_read(&members, 4, now, rows, MS_MEMBERS_ROWS), 3));
	ms_members_remove(&members, 3);
	assert_int_equal(members.tables, 0);
	assert_int_equal(ms_members_read(&members, 4, now, rows, MS_MEMBERS_ROWS), 0);
}

/* The pid is this process's, the start time is not: a process that has gone, and its number used again. */
static void another_process_of_that_pid_is_not_taken(void **state)
{
	(void)state;
	ms_members_add(&members, 0, getpid(), start_ticks + 1, ms_clock_ns());
	assert_true(ms_members_look(&members, 0, ms_clock_ns()) < 0);
	assert_false(members.at[0].has_table);
}

static void looks_become_seldom(void **state)
{
	uint64_t now = 0, before = 0;

	(void)state;
	ms_members_add(&members, 0, 1 << 22, 1, now); /* above the highest pid: never there */
	for (unsigned i = 0; i < 20; i++) {
		uint64_t pause = members.at[0].look_at_ns - now;

		assert_true(pause >= before && pause <= 60 * MS_NS_PER_S);
		before = pause;
		now += pause;
		assert_true(ms_members_look(&members, 0, now) < 0);
	}
	assert_int_equal(before, 60 * MS_NS_PER_S);
	ms_members_look_soon(&members, 1, now);
	assert_int_equal(ms_members_next_look(&members, 1, now), 0);
}

static int memfd_of(size_t bytes)
{
	int fd = memfd_create(MS_TABLE_MEMFD_NAME, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void what_is_no_table_is_closed(void **state)
{
	int table_fd = memfd_of(4096), control_fd = memfd_of(4096);

	(void)state;
	ms_members_add(&members, 0, getpid(), start_ticks, ms_clock_ns());
	assert_true(ms_members_adopt(&members, 0, table_fd, control_fd) < 0);
	assert_int_equal(fcntl(table_fd, F_GETFD), -1);
	assert_int_equal(fcntl(control_fd, F_GETFD), -1);
	assert_false(members.at[0].has_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_table_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process_of_that_pid_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(looks_become_seldom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_table_is_closed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

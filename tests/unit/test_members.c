/* SPDX-License-Identifier: MIT */
/* Tables that are found and tables that are handed over; descriptors that are neither. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memshed.h"
#include "watch/members.h"
#include "util/clock.h"

static struct ms_root root;
static struct ms_members members;
static struct ms_state_writer writer;
static uint64_t start_ticks;

static void do_clear(void *ctx)
{
	(void)ctx;
}

static int set_up_group(void **state)
{
	const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "mine", .clear = do_clear);
	static struct memshed_cache *cache; /* kept where a leak checker looks */
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
	memset(&members, 0, sizeof(members));
	ms_members_init(&members, &root, &writer);
	return ms_state_create(&writer);
}

static int tear_down(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		if (members.at[i].pid)
			ms_members_remove(&members, i);
	ms_state_destroy(&writer);
	return 0;
}

/* One process, with one cache of 4096 bytes. */
static bool has_mine(uint32_t slot)
{
	struct ms_policy_input input = ms_members_read(&members, 4, ms_clock_ns());

	return input.process_count == 1 && input.processes[0].process == slot && input.processes[0].answers &&
	       input.processes[0].caches == 1 && input.key_count == 1 && input.keys[0].process == slot &&
	       input.keys[0].bytes == 4096;
}

static void find_mine(void)
{
	ms_members_add(&members, 3, getpid(), start_ticks, ms_clock_ns());
	assert_int_equal(ms_members_look(&members, 3, ms_clock_ns()), 1);
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
	assert_true(has_mine(3));
	/* Again: the same table. Then none is left to be looked at. */
	assert_int_equal(ms_members_look(&members, 3, now), 0);
	assert_int_equal(ms_members_next_look(&members, 4, UINT64_MAX - 1), -EAGAIN);
	ms_members_remove(&members, 3);
	assert_int_equal(members.tables, 0);
	assert_int_equal(ms_members_read(&members, 4, now).process_count, 0);
}

static void what_cannot_answer_is_not_asked(void **state)
{
	struct ms_table_info *info = &members.at[3].reader.info;
	uint64_t now = ms_clock_ns();

	(void)state;
	find_mine();
	assert_true(ms_members_answers(&members.at[3], now));
	members.at[3].stopped = true;
	assert_false(ms_members_answers(&members.at[3], now));
	members.at[3].stopped = false;
	info->agent_state = MS_AGENT_NONE;
	assert_false(ms_members_answers(&members.at[3], now));
	info->agent_state = MS_AGENT_STOPPED;
	assert_false(ms_members_answers(&members.at[3], now));
	info->agent_state = MS_AGENT_RUNNING;
	info->current_since_ns = now;
	assert_true(ms_members_answers(&members.at[3], now + 9 * MS_NS_PER_S));
	assert_false(ms_members_answers(&members.at[3], now + 10 * MS_NS_PER_S));
	members.at[3].can_post = false;
	assert_false(ms_members_answers(&members.at[3], now));
	members.at[3].can_post = true;
}

/* So that others find them too, when the process has closed its own descriptors. */
static void members_are_published(void **state)
{
	struct ms_state_reader reader;
	struct ms_state_member seen[2];
	struct ms_table_reader table;
	int control_fd;

	(void)state;
	find_mine();
	assert_int_equal(ms_state_open_pid(&reader, getpid()), 0);
	assert_int_equal(ms_state_members(&reader, seen, 2), 1);
	assert_int_equal(seen[0].pid, getpid());
	assert_int_equal(seen[0].start_ticks, start_ticks);
	assert_int_equal(ms_state_open_member(getpid(), &seen[0], &table, &members.scratch, &control_fd), 0);
	assert_int_equal(table.info.identity, members.at[3].reader.info.identity);
	assert_true(control_fd >= 0);
	close(control_fd);
	ms_table_close(&table);
	ms_members_remove(&members, 3);
	assert_int_equal(ms_state_members(&reader, seen, 2), 0);
	ms_state_close(&reader);
}

/* Whatever was posted there ends with the control page, and is found ended. */
/* Those that have caches, by own rounds that they had. */
static void all_look_by_themselves_or_not(void **state)
{
	struct ms_table_info *info = &members.at[3].reader.info;

	(void)state;
	assert_false(ms_members_look_alone(&members, 4)); /* there is none */
	find_mine();
	assert_false(ms_members_look_alone(&members, 4));
	info->own_rounds = 1;
	assert_true(ms_members_look_alone(&members, 4));
	info->own_rounds = 0;
	info->live_rows = 1;
	assert_true(ms_members_look_alone(&members, 4)); /* the allocator alone */
}

static void all_register_or_not(void **state)
{
	(void)state;
	assert_false(ms_members_register(&members, 4)); /* there is none */
	find_mine();
	assert_true(ms_members_register(&members, 4));
	ms_members_add(&members, 0, 1 << 22, 1, 0); /* above the highest pid: never there */
	assert_false(ms_members_register(&members, 4));
	ms_members_remove(&members, 0);
	assert_true(ms_members_register(&members, 4));
}

static void an_order_ends_with_the_table(void **state)
{
	const struct ms_order order = {.seq = 1, .scope = MS_SCOPE_PROCESS, .timeout_us = 1000000};
	const struct ms_post_patience patience = {.take_us = 1000000, .grace_us = 1000000};
	struct ms_member *member = &members.at[3];

	(void)state;
	find_mine();
	ms_post_begin(&member->order, &order, &patience, ms_clock_ns());
	ms_members_remove(&members, 3);
	assert_int_equal(member->order.state, MS_POST_ENDED);
	ms_post_reset(&member->order);
}

static void caches_are_named(void **state)
{
	struct ms_event_caches list = {.count = 0};

	(void)state;
	find_mine();
	ms_members_name(&members, 3, 0, &list, NULL);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.at[0].cache, "mine");
	assert_int_equal(list.at[0].bytes, 4096);
	list.count = 0;
	ms_members_name(&members, 3, 77, &list, NULL); /* an order that never came there */
	ms_members_name(&members, 2, 0, &list, NULL);  /* no process */
	assert_int_equal(list.count, 0);
}

/* More than the watch reads of one process at a time, and more names than it groups. */
static void caches_of_one_name_are_one(void **state)
{
	enum { TWINS = 600, OTHERS = 400 };
	static struct memshed_cache *twins[TWINS], *others[OTHERS];
	struct ms_event_caches list = {.count = 0};
	char name[32];

	(void)state;
	for (int i = 0; i < TWINS; i++) {
		const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "twin", .clear = do_clear);

		assert_int_equal(memshed_register(&options, &twins[i]), 0);
		memshed_charge(twins[i], 1000, 1);
	}
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof(name), "other-%d", i);
		const struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(
			.name = name, .clear = do_clear, .flags = MEMSHED_CACHE_ESTIMATED);

		assert_int_equal(memshed_register(&options, &others[i]), 0);
		memshed_charge(others[i], i == OTHERS - 1 ? 50000 : 10, 1);
	}
	find_mine();
	ms_members_name(&members, 3, 0, &list, NULL);
	assert_int_equal(list.count, MS_EVENT_NAMED);
	assert_string_equal(list.at[0].cache, "twin");
	assert_int_equal(list.at[0].caches, TWINS);
	assert_int_equal(list.at[0].bytes, TWINS * 1000);
	assert_false(list.at[0].estimated);
	assert_string_equal(list.at[1].cache, "other-399"); /* one of those that found no room */
	assert_int_equal(list.at[1].caches, 1);
	assert_true(list.at[1].estimated);
	assert_string_equal(list.at[2].cache, "mine");
	for (int i = 0; i < TWINS; i++)
		memshed_unregister(twins[i]);
	for (int i = 0; i < OTHERS; i++)
		memshed_unregister(others[i]);
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

static void wait_for_name(pid_t pid, const char *name)
{
	struct ms_process_stat stat;

	do
		assert_int_equal(ms_process_read_stat(&root, pid, 0, &stat), 0);
	while (strcmp(stat.comm, name) != 0 && usleep(1000) == 0);
}

/* A shell that executes a program when its standard input ends. */
static pid_t start_shell(int *ret_go)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		execlp("sh", "sh", "-c", "read line; exec sleep 1000", (char *)NULL);
		_exit(1);
	}
	assert_true(pid > 0);
	close(ends[0]);
	*ret_go = ends[1];
	wait_for_name(pid, "sh");
	return pid;
}

/* When it has run for long: the new program is looked at as soon as any. */
static void what_executes_is_looked_at_anew(void **state)
{
	uint64_t now = ms_clock_ns();
	struct ms_process_stat stat;
	int go;
	pid_t pid = start_shell(&go);

	(void)state;
	assert_int_equal(ms_process_read_stat(&root, pid, 0, &stat), 0);
	ms_members_add(&members, 0, pid, stat.start_ticks, now);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(ms_members_look(&members, 0, now), 0);
	ms_members_notice_exec(&members, 1, now);
	ms_members_notice_exec(&members, 1, now);
	assert_int_equal(members.at[0].looks, 9);
	assert_int_equal(ms_members_next_look(&members, 1, now + MS_NS_PER_S), -EAGAIN);
	close(go);
	wait_for_name(pid, "sleep");
	ms_members_notice_exec(&members, 1, now);
	assert_int_equal(members.at[0].looks, 0);
	assert_int_equal(ms_members_next_look(&members, 1, now + 20 * MS_NS_PER_MS), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Many are read by turns. */
static void all_are_noticed_in_turn(void **state)
{
	enum { MANY = 100 };
	uint64_t now = ms_clock_ns();

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		ms_members_add(&members, i, getpid(), start_ticks, now);
	ms_members_notice_exec(&members, MANY, now);
	ms_members_notice_exec(&members, MANY, now);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(members.at[i].program);
		ms_members_remove(&members, i);
	}
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
		cmocka_unit_test_setup_teardown(what_cannot_answer_is_not_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(members_are_published, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_look_by_themselves_or_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_register_or_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_order_ends_with_the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(caches_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(caches_of_one_name_are_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process_of_that_pid_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(looks_become_seldom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_executes_is_looked_at_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_are_noticed_in_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_table_is_closed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

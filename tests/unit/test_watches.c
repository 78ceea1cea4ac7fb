/* SPDX-License-Identifier: MIT */
/* Which watch is that of a process, and the tables that it holds. This process is the watch. */
#include "table_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/watches.h"

static struct ms_state_writer writer;
static struct ms_pid_facts facts[2]; /* this process, its child */
static struct ms_watches watches;
static int held_fd; /* the child's table */

/* A child with a table of its own; its descriptor there is returned. */
static int start_child(pid_t *ret_pid)
{
	int ends[2], fd = -1;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ms_table_create(&table, 43, 7) < 0 || write(ends[1], &table.fd, sizeof(table.fd)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &fd, sizeof(fd)), sizeof(fd));
	close(ends[0]);
	close(ends[1]);
	return fd;
}

static int make(void **state)
{
	struct ms_state published = {.command = "job", .root_count = 1};
	char path[64];
	pid_t child;
	int fd = start_child(&child);

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, fd);
	held_fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(held_fd >= 0);
	assert_int_equal(set_up(state), 0);
	assert_int_equal(ms_state_create(&writer), 0);
	published.root_pids[0] = (uint32_t)child;
	ms_state_publish(&writer, &published);
	assert_int_equal(ms_pids_facts(getpid(), &facts[0]), 0);
	return ms_pids_facts(child, &facts[1]);
}

static int unmake(void **state)
{
	ms_watches_free(&watches);
	ms_state_destroy(&writer);
	close(held_fd);
	kill(facts[1].pid, SIGKILL);
	waitpid(facts[1].pid, NULL, 0);
	return tear_down(state);
}

#define WITH_CHILD(test) cmocka_unit_test_setup_teardown(test, make, unmake)

static void hold(int fd, uint64_t identity, uint64_t start_ticks)
{
	const struct ms_state_member member = {.pid = (uint32_t)facts[1].pid,
					       .table_fd = fd,
					       .control_fd = -1,
					       .start_ticks = start_ticks,
					       .identity = identity};

	ms_state_put_member(&writer, 5, &member);
	ms_watches_free(&watches);
	assert_int_equal(ms_watches_find(facts, 2, &watches), 0);
}

static int open_held(void)
{
	return ms_watches_open_table(&watches, &facts[1], &reader, &scratch, NULL);
}

static void a_watch_is_read_with_its_members(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks);
	assert_int_equal(watches.count, 1); /* the child inherited a descriptor of it, and is none */
	assert_int_equal(watches.at[0].pid, getpid());
	assert_int_equal(watches.at[0].uid, facts[0].uid);
	assert_string_equal(watches.at[0].state.command, "job");
	assert_int_equal(watches.at[0].member_count, 1);
	assert_int_equal(watches.at[0].members[0].identity, 43);
	ms_watches_free(&watches);
	assert_int_equal(watches.count, 0);
	assert_int_equal(ms_watches_find(&facts[1], 1, &watches), 0);
	assert_int_equal(watches.count, 0);
}

static void the_watch_above_a_process_is_its_own(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks);
	assert_ptr_equal(ms_watches_of(&watches, &facts[1], 99), &watches.at[0]);
	watches.at[0].pid = facts[1].pid; /* no watch of itself */
	assert_null(ms_watches_of(&watches, &facts[1], 99));
}

static void else_the_one_that_holds_its_table(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks);
	facts[1].ppid = 0; /* it was adopted by another process */
	assert_ptr_equal(ms_watches_of(&watches, &facts[1], 43), &watches.at[0]);
	assert_null(ms_watches_of(&watches, &facts[1], 99));
}

/* It may say what it likes of any pid. */
static void a_watch_of_another_user_is_not_believed(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks);
	watches.at[0].uid = facts[1].uid + 1;
	assert_null(ms_watches_of(&watches, &facts[1], 43));
	assert_int_equal(open_held(), -ENOENT);
	facts[1].ppid = 0;
	assert_null(ms_watches_of(&watches, &facts[1], 43));
	facts[1].uid++;
	assert_non_null(ms_watches_of(&watches, &facts[1], 43));
	watches.at[0].uid = 0; /* but root's is */
	assert_non_null(ms_watches_of(&watches, &facts[1], 43));
}

static void a_table_that_is_held_is_opened(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks);
	assert_int_equal(open_held(), 0);
	assert_int_equal(reader.info.identity, 43);
	assert_int_equal(reader.info.pid, facts[1].pid);
	ms_table_close(&reader);
}

static void that_of_another_process_is_not(void **state)
{
	(void)state;
	hold(held_fd, 43, facts[1].start_ticks + 1); /* the number was another process's before */
	assert_int_equal(open_held(), -ENOENT);
	hold(table.fd, 42, facts[1].start_ticks); /* its parent's, handed down */
	assert_int_equal(open_held(), -ENOENT);
	hold(held_fd, 44, facts[1].start_ticks); /* another table by now */
	assert_int_equal(open_held(), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CHILD(a_watch_is_read_with_its_members),
		WITH_CHILD(the_watch_above_a_process_is_its_own),
		WITH_CHILD(else_the_one_that_holds_its_table),
		WITH_CHILD(a_watch_of_another_user_is_not_believed),
		WITH_CHILD(a_table_that_is_held_is_opened),
		WITH_CHILD(that_of_another_process_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

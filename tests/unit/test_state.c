/* SPDX-License-Identifier: MIT */
/* The published state of a watch: from writer to reader, whole or not at all, and nothing of it trusted. */
#include "table_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table/state.h"

static struct ms_state_writer writer;
static struct ms_state_reader seen;
static struct ms_state_member members[MS_STATE_MEMBERS];

static int make(void **state)
{
	(void)state;
	return ms_state_create(&writer);
}

static int unmake(void **state)
{
	(void)state;
	ms_state_close(&seen);
	ms_state_destroy(&writer);
	return 0;
}

#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, make, unmake)

static void what_is_published_is_read(void **state)
{
	const struct ms_state said = {
		.started_ns = 5,
		.flags = MS_STATE_FIFO,
		.blind_error = -EXDEV,
		.phase = MS_STATE_PAUSED,
		.root_count = 1,
		.root_pids = {77},
		.command = "python3",
		.reason = "back-off",
		.option_max_bytes = 400,
		.limit_where = "/user.slice",
		.high_bytes = 90,
		.last = {.began_ns = 3, .claimed_bytes = 12},
		.journal = "/var/log/j",
	};
	struct ms_state read;

	(void)state;
	ms_state_publish(&writer, &said);
	assert_int_equal(ms_state_open_pid(&seen, getpid()), 0);
	assert_int_equal(seen.pid, getpid());
	assert_int_equal(ms_state_read(&seen, &read), 0);
	assert_memory_equal(&read, &said, sizeof(said));
	assert_int_equal(ms_state_members(&seen, members, MS_STATE_MEMBERS), 0);
}

static void without_a_watch_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(ms_state_open_pid(&seen, getpid()), -ENOENT);
	assert_int_equal(ms_state_open_pid(&seen, INT32_MAX), -ESRCH);
}

/* A child made by fork() has the parent's descriptors, and no watch. */
static void an_inherited_state_is_not_the_childs(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(ms_state_open_pid(&seen, getpid()) == -ENOENT ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void members_come_and_go(void **state)
{
	const struct ms_state_member one = {.pid = 11, .table_fd = 5, .control_fd = -1, .identity = 9};
	const struct ms_state_member other = {.pid = 12, .table_fd = 6, .control_fd = 7, .identity = 10};

	(void)state;
	ms_state_put_member(&writer, 3, &one);
	ms_state_put_member(&writer, MS_STATE_MEMBERS - 1, &other);
	ms_state_put_member(&writer, MS_STATE_MEMBERS, &other); /* there is no such place */
	assert_int_equal(ms_state_open_pid(&seen, getpid()), 0);
	assert_int_equal(ms_state_members(&seen, members, MS_STATE_MEMBERS), 2);
	assert_memory_equal(&members[0], &one, sizeof(one));
	assert_memory_equal(&members[1], &other, sizeof(other));
	assert_int_equal(ms_state_members(&seen, members, 1), 1);
	ms_state_put_member(&writer, 3, NULL);
	assert_int_equal(ms_state_members(&seen, members, MS_STATE_MEMBERS), 1);
	assert_int_equal(members[0].pid, 12);
}

/* By the watch's descriptors, whatever became of the target's own. */
static void a_members_table_is_reached_through_the_watch(void **state)
{
	struct ms_state_member member = {.pid = (uint32_t)getpid(), .control_fd = -1, .identity = 42};
	int control_fd = 0;

	(void)state;
	assert_int_equal(ms_table_create(&table, 42, 7), 0);
	member.table_fd = table.fd;
	assert_int_equal(ms_state_open_member(getpid(), &member, &reader, &scratch, &control_fd), 0);
	assert_int_equal(reader.info.identity, 42);
	assert_int_equal(control_fd, -1);
	ms_table_close(&reader);

	member.identity = 43; /* another table stands at that number by now */
	assert_int_equal(ms_state_open_member(getpid(), &member, &reader, &scratch, NULL), -ENOENT);
	member.table_fd = writer.fd; /* or another file */
	assert_int_equal(ms_state_open_member(getpid(), &member, &reader, &scratch, NULL), -ENOENT);
	member.table_fd = -5;
	assert_int_equal(ms_state_open_member(getpid(), &member, &reader, &scratch, NULL), -ENOENT);
	ms_table_destroy(&table);
}

static void a_state_in_change_is_not_shown(void **state)
{
	struct ms_state read;

	(void)state;
	assert_int_equal(ms_state_open_pid(&seen, getpid()), 0);
	atomic_fetch_add(&writer.page->seq, 1);
	assert_int_equal(ms_state_read(&seen, &read), -EAGAIN);
	assert_int_equal(ms_state_members(&seen, members, 1), -EAGAIN);
	ms_state_publish(&writer, &(struct ms_state){.orders = 4}); /* as one that was interrupted goes on */
	assert_int_equal(ms_state_read(&seen, &read), 0);
	assert_int_equal(read.orders, 4);
}

static _Atomic bool stop_writing;

static void *write_on(void *arg)
{
	struct ms_state state = {0};

	(void)arg;
	while (!stop_writing) {
		state.started_ns++;
		state.last.orders = state.started_ns;
		ms_state_publish(&writer, &state);
	}
	return NULL;
}

static void a_reader_sees_one_moment(void **state)
{
	struct ms_state read;
	pthread_t thread;
	unsigned whole = 0;

	(void)state;
	assert_int_equal(ms_state_open_pid(&seen, getpid()), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_on, NULL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		if (ms_state_read(&seen, &read) < 0)
			continue;
		assert_int_equal(read.started_ns, read.last.orders);
		whole++;
	}
	stop_writing = true;
	pthread_join(thread, NULL);
	assert_int_equal(ms_state_read(&seen, &read), 0);
	assert_int_equal(read.started_ns, read.last.orders);
	assert_true(read.started_ns > 0 || whole > 0);
}

/* ---- as only a hostile process writes it ---- */

static struct ms_state_abi forged;

static int forge(const char *name, int seals)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, &forged, sizeof(forged)), sizeof(forged));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

enum { ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

static void forge_honest(void)
{
	forged = (struct ms_state_abi){
		.magic = MS_STATE_MAGIC,
		.endian = MS_ENDIAN_MARK,
		.major = MS_STATE_MAJOR,
		.state_bytes = sizeof(struct ms_state),
		.members_offset = offsetof(struct ms_state_abi, members),
		.member_bytes = sizeof(struct ms_state_member),
		.member_count = MS_STATE_MEMBERS,
		.pid = (uint32_t)getpid(),
		.total_bytes = sizeof(forged),
	};
}

static void assert_opens(int expected, int seals)
{
	int fd = forge(MS_STATE_MEMFD_NAME, seals);

	assert_int_equal(ms_state_open(&seen, fd), expected);
	if (expected == 0)
		ms_state_close(&seen);
	else
		close(fd);
}

#define ASSERT_REFUSED(field, value)                                                                         \
	do {                                                                                                 \
		forge_honest();                                                                              \
		forged.field = value;                                                                        \
		assert_opens(-EBADMSG, ALL_SEALS);                                                           \
	} while (0)

static void wrong_headers_are_refused(void **state)
{
	(void)state;
	forge_honest();
	assert_opens(0, ALL_SEALS);
	assert_opens(-EPERM, 0);
	assert_opens(-EPERM, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ASSERT_REFUSED(magic, MS_TABLE_MAGIC);
	ASSERT_REFUSED(endian, 0x04030201);
	ASSERT_REFUSED(major, MS_STATE_MAJOR + 1);
	ASSERT_REFUSED(total_bytes, sizeof(forged) + 1);
	ASSERT_REFUSED(state_bytes, UINT32_MAX);
	ASSERT_REFUSED(members_offset, 0);
	ASSERT_REFUSED(members_offset, 4097);
	ASSERT_REFUSED(members_offset, UINT32_MAX - 7);
	ASSERT_REFUSED(member_bytes, 16);
	ASSERT_REFUSED(member_count, MS_STATE_MEMBERS + 1);
	ASSERT_REFUSED(member_count, UINT32_MAX);
	assert_int_equal(ms_state_open(&seen, -1), -EBADMSG);
	seen.fd = -1;
}

static void a_shorter_state_leaves_the_rest_zero(void **state)
{
	struct ms_state read;

	(void)state;
	forge_honest();
	forged.state.started_ns = 1;
	forged.state.orders = 2;
	forged.state_bytes = 8;
	assert_int_equal(ms_state_open(&seen, forge(MS_STATE_MEMFD_NAME, ALL_SEALS)), 0);
	assert_int_equal(ms_state_read(&seen, &read), 0);
	assert_int_equal(read.started_ns, 1);
	assert_int_equal(read.orders, 0);
	ms_state_close(&seen);
}

static void what_it_says_is_brought_into_bounds(void **state)
{
	struct ms_state read;

	(void)state;
	forge_honest();
	memset(&forged.state, 'x', sizeof(forged.state));
	forged.members[0].pid = UINT32_MAX;
	assert_int_equal(ms_state_open(&seen, forge(MS_STATE_MEMFD_NAME, ALL_SEALS)), 0);
	assert_int_equal(ms_state_read(&seen, &read), 0);
	assert_true(memchr(read.command, '\0', sizeof(read.command)) != NULL);
	assert_true(memchr(read.reason, '\0', sizeof(read.reason)) != NULL);
	assert_true(memchr(read.limit_where, '\0', sizeof(read.limit_where)) != NULL);
	assert_true(memchr(read.journal, '\0', sizeof(read.journal)) != NULL);
	assert_int_equal(read.root_count, MS_STATE_ROOTS);
	assert_int_equal(read.phase, MS_STATE_CALM);
	assert_int_equal(read.blind_error, -EINVAL);
	assert_int_equal(ms_state_members(&seen, members, MS_STATE_MEMBERS), 0);
	ms_state_close(&seen);
}

static void a_table_under_its_name_is_none(void **state)
{
	int fd;

	(void)state;
	forged = (struct ms_state_abi){.magic = MS_TABLE_MAGIC};
	fd = forge(MS_STATE_MEMFD_NAME, ALL_SEALS);
	assert_int_equal(ms_state_open_pid(&seen, getpid()), -EBADMSG);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_watch_there_is_none),
		WITH_STATE(what_is_published_is_read),
		WITH_STATE(an_inherited_state_is_not_the_childs),
		WITH_STATE(members_come_and_go),
		WITH_STATE(a_members_table_is_reached_through_the_watch),
		WITH_STATE(a_state_in_change_is_not_shown),
		WITH_STATE(a_reader_sees_one_moment),
		cmocka_unit_test(wrong_headers_are_refused),
		cmocka_unit_test(a_shorter_state_leaves_the_rest_zero),
		cmocka_unit_test(what_it_says_is_brought_into_bounds),
		cmocka_unit_test(a_table_under_its_name_is_none),
	};

	return cmocka_run_group_tests_name("the published state", tests, NULL, NULL);
}

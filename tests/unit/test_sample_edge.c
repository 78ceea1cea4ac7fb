/* SPDX-License-Identifier: MIT */
/*
 * Where an edge is sure to come, and that it comes: the latter in a cgroup of this test's own, where one may be
 * made (v1).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample/edge.h"
#include "util/clock.h"

enum { MIB = 1 << 20 };

static struct ms_cgroup cgroup;
static struct ms_edge edge;

/* A chain of one level as if its files had been read, and thresholds as if they could be put. */
static void pretend(uint64_t max_bytes, uint64_t usage_bytes)
{
	cgroup = (struct ms_cgroup){.version = MS_CGROUP_V1, .level_count = 1};
	cgroup.levels[0] = (struct ms_cgroup_level){
		.max_bytes = max_bytes, .usage_bytes = usage_bytes, .swap_max_bytes = MS_CGROUP_NO_LIMIT, .path = "/a"};
	edge = (struct ms_edge){.slack_bytes = 8 * MIB, .file_count = 1, .files = {{.max_bytes = max_bytes, .steps = MS_EDGE_STEPS}}};
}

static struct ms_limit limit_of(enum ms_limit_source source, uint64_t max_bytes)
{
	return (struct ms_limit){.source = source, .max_bytes = max_bytes, .where = "/a"};
}

static void it_is_sure_while_a_threshold_lies_between(void **state)
{
	struct ms_limit limit = limit_of(MS_LIMIT_CGROUP1, 800 * MIB);

	(void)state;
	pretend(800 * MIB, 0);
	assert_true(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	cgroup.levels[0].usage_bytes = 699 * MIB;
	assert_true(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	cgroup.levels[0].usage_bytes = 700 * MIB; /* the last one below the mark is behind it */
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	cgroup.levels[0].usage_bytes = 699 * MIB;
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 707 * MIB)); /* it would come too late */
	cgroup.levels[0].usage_bytes = 0;
	edge.files[0].steps = 1; /* the highest alone stands by now */
	assert_true(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 640 * MIB));
	edge.files[0].steps = 0;
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
}

static void it_is_sure_of_that_limit_alone(void **state)
{
	struct ms_limit limit = limit_of(MS_LIMIT_CGROUP1, 800 * MIB);

	(void)state;
	pretend(800 * MIB, 0);
	limit.source = MS_LIMIT_OPTION;
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	limit.source = MS_LIMIT_CGROUP1_MEMSW;
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
	limit = limit_of(MS_LIMIT_CGROUP1, 400 * MIB); /* it was changed, and the thresholds were not */
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 360 * MIB));
	limit = limit_of(MS_LIMIT_CGROUP1, 800 * MIB);
	limit.where[1] = 'b';
	assert_false(ms_edge_is_sure(&edge, &cgroup, &limit, 720 * MIB));
}

static void another_limit_is_noticed(void **state)
{
	(void)state;
	pretend(800 * MIB, 0);
	cgroup.levels[0].event_control_fd = -1;
	cgroup.levels[0].max_fd = cgroup.levels[0].high_fd = cgroup.levels[0].swap_max_fd = -1;
	ms_edge_open(&edge, &cgroup);
	assert_true(ms_edge_is_current(&edge, &cgroup));
	cgroup.levels[0].max_bytes = 400 * MIB;
	assert_false(ms_edge_is_current(&edge, &cgroup));
	ms_edge_close(&edge);
	assert_int_equal(edge.usage_fd, -1);
}

/* Of an ancestor the events of that very cgroup: those of other children say nothing of this job. */
static void the_events_of_all_levels_are_waited_for(void **state)
{
	(void)state;
	cgroup = (struct ms_cgroup){.version = MS_CGROUP_V2, .level_count = 3};
	for (unsigned i = 0; i < 3; i++)
		cgroup.levels[i] = (struct ms_cgroup_level){.max_fd = -1, .high_fd = -1, .swap_max_fd = -1,
							    .events_fd = 100 + (int)i, .local_events_fd = 200 + (int)i};
	cgroup.levels[1].local_events_fd = -1; /* before Linux 5.2 */
	ms_edge_open(&edge, &cgroup);
	assert_int_equal(edge.events_count, 2);
	assert_int_equal(edge.events_fds[0], 100);
	assert_int_equal(edge.events_fds[1], 202);
	assert_int_equal(edge.usage_fd, -1);
	ms_edge_close(&edge);
}

static void without_a_cgroup_there_is_no_edge(void **state)
{
	(void)state;
	cgroup = (struct ms_cgroup){.version = MS_CGROUP_NONE};
	ms_edge_open(&edge, &cgroup);
	assert_true(edge.usage_fd < 0 && edge.events_count == 0 && edge.limits_fd < 0);
	assert_true(ms_edge_is_current(&edge, &cgroup));
	ms_edge_close(&edge);
}

/* ---- with the kernel's own ---- */

static char dir[128]; /* of the cgroup with the job in it; its parent is this test's too */
static struct ms_root root;

static void write_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A process in the new cgroup; it writes to so many MiB whenever it is told to. */
struct eater {
	pid_t pid;
	int to, from;
};

static struct eater start_eater(void)
{
	int to[2], from[2];
	char pid[16], mib;

	assert_int_equal(pipe2(to, O_CLOEXEC) | pipe2(from, O_CLOEXEC), 0);
	struct eater eater = {.pid = fork(), .to = to[1], .from = from[0]};

	if (eater.pid == 0) {
		close(to[1]);
		while (read(to[0], &mib, 1) == 1) {
			void *memory = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			(void)!write(from[1], memory == MAP_FAILED ? "n" : "y", 1);
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	snprintf(pid, sizeof(pid), "%d", (int)eater.pid);
	write_file("cgroup.procs", pid);
	return eater;
}

static void eat(const struct eater *eater, char mib)
{
	char done;

	assert_int_equal(write(eater->to, &mib, 1), 1);
	assert_int_equal(read(eater->from, &done, 1), 1);
	assert_int_equal(done, 'y');
}

static void end_eater(const struct eater *eater)
{
	close(eater->to);
	close(eater->from);
	waitpid(eater->pid, NULL, 0);
}

static bool is_ready(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, 0) == 1;
}

static int make_cgroup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup/memory/memshed-test-%d", (int)getpid());
	if (mkdir(dir, 0755) < 0)
		return 1;
	strcat(dir, "/job");
	return mkdir(dir, 0755) < 0 ? 1 : ms_root_init(&root, "/");
}

static int drop_cgroup(void **state)
{
	(void)state;
	ms_edge_close(&edge);
	ms_cgroup_close(&cgroup);
	ms_root_fini(&root);
	for (unsigned i = 0; rmdir(dir) < 0 && i < 100; i++)
		usleep(20000);
	*strrchr(dir, '/') = '\0';
	rmdir(dir);
	return 0;
}

static void usage_and_limits_are_told(void **state)
{
	(void)state;
	write_file("memory.limit_in_bytes", "64M");
	struct eater eater = start_eater();

	assert_int_equal(ms_cgroup_open(&cgroup, &root, eater.pid), 0);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, ms_clock_ns()), 0);
	ms_edge_open(&edge, &cgroup);
	assert_true(edge.usage_fd >= 0 && edge.limits_fd >= 0);
	assert_true(cgroup.limits_are_told);
	for (unsigned i = 0; !ms_edge_is_whole(&edge); i++) {
		assert_true(i < 2 * MS_EDGE_FILES * MS_EDGE_STEPS);
		ms_edge_put_one(&edge, &cgroup);
	}
	struct ms_limit limit = {.source = MS_LIMIT_CGROUP1, .max_bytes = 64 * MIB};

	memcpy(limit.where, cgroup.levels[0].path, sizeof(limit.where));
	assert_true(ms_edge_is_sure(&edge, &cgroup, &limit, 58 * MIB));
	ms_edge_drain(edge.usage_fd);
	assert_false(is_ready(edge.usage_fd));
	eat(&eater, 40); /* over a half, by more than a batch */
	assert_true(is_ready(edge.usage_fd));
	ms_edge_drain(edge.usage_fd);
	assert_false(is_ready(edge.usage_fd));

	assert_false(is_ready(edge.limits_fd));
	write_file("memory.limit_in_bytes", "60M");
	assert_true(is_ready(edge.limits_fd));
	ms_edge_drain(edge.limits_fd);
	assert_false(is_ready(edge.limits_fd));
	assert_true(ms_edge_is_current(&edge, &cgroup)); /* it was not read yet, and 2 s have not passed */
	ms_cgroup_reread(&cgroup);
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, ms_clock_ns()), 0);
	assert_int_equal(cgroup.levels[0].max_bytes, 60 * MIB);
	assert_false(ms_edge_is_current(&edge, &cgroup));

	/* An ancestor's, which had none yet. */
	write_file("../memory.limit_in_bytes", "56M");
	assert_true(is_ready(edge.limits_fd));
	/* One that changed before a new inotify was there is read all the same. */
	ms_edge_close(&edge);
	ms_edge_open(&edge, &cgroup);
	assert_true(cgroup.limits_are_told && !is_ready(edge.limits_fd));
	assert_int_equal(ms_cgroup_sample(&cgroup, 0, 0, ms_clock_ns()), 0);
	assert_int_equal(cgroup.levels[1].max_bytes, 56 * MIB);
	end_eater(&eater);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_sure_while_a_threshold_lies_between),
		cmocka_unit_test(it_is_sure_of_that_limit_alone),
		cmocka_unit_test(another_limit_is_noticed),
		cmocka_unit_test(the_events_of_all_levels_are_waited_for),
		cmocka_unit_test(without_a_cgroup_there_is_no_edge),
	};
	const struct CMUnitTest real[] = {cmocka_unit_test(usage_and_limits_are_told)};
	int failed = cmocka_run_group_tests_name("edges", tests, NULL, NULL);

	if (access("/sys/fs/cgroup/memory/cgroup.event_control", W_OK) < 0)
		return failed; /* the rest needs a v1 hierarchy that may be written to */
	return failed + cmocka_run_group_tests_name("edges of the kernel", real, make_cgroup, drop_cgroup);
}

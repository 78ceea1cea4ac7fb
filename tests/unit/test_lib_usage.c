/* SPDX-License-Identifier: MIT */
/* What a process reads by itself: the file that its marks name. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib_brake_bed.h"

/* Return: a descriptor of this process of such a file; -1: there is none. */
static int find_open(const char *path)
{
	char link[64], target[4096];

	for (int fd = 3; fd < 1024; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

		ssize_t length = readlink(link, target, sizeof(target) - 1);

		if (length <= 0)
			continue;
		target[length] = '\0';
		if (strcmp(target, path) == 0)
			return fd;
	}
	return -1;
}

static bool is_open(const char *path)
{
	return find_open(path) >= 0;
}

static void tell_file(uint32_t kind, const char *directory, const char *name, int64_t usage_offset)
{
	struct ms_marks_body marks = marks_of(LOW / 2);
	char text[MS_MARKS_DIRECTORY_BYTES] = "", path[MS_MARKS_DIRECTORY_BYTES + 64];
	struct stat status = {0};

	snprintf(text, sizeof(text), "%s", directory);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (stat(path, &status) < 0)
		status = (struct stat){.st_ino = 1};
	marks.kind = kind;
	marks.device = status.st_dev;
	marks.inode = status.st_ino;
	marks.usage_offset = usage_offset;
	marks.flags = MS_MARKS_SWAP; /* the offset is not page cache, which is looked up again */
	marks.generation = ms_marks_generation(kind, marks.device, marks.inode, text);
	ms_marks_write(bed.client.page, &marks, text);
	ms_control_ring(&bed.client);
}

static void test_files_that_are_none_of_a_cgroup_are_not_opened(void **state)
{
	char directory[] = "/tmp/memshed-brake.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/memory.current", directory);

	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "5000000000\n", 11), 11);
	close(fd);
	tell_file(MS_USAGE_CGROUP2, directory, "memory.current", 0);
	wait_for_agent();
	assert_false(is_open(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	tell_file(MS_USAGE_CGROUP2, directory, "memory.current", 0);
	wait_for_agent(); /* which has not waited for a writer */
	assert_false(is_open(path));
	tell_file(MS_USAGE_CGROUP2, "/sys/fs/cgroup/../..", "memory.current", 0);
	wait_for_agent();
	tell_file(MS_USAGE_CGROUP2, "sys/fs/cgroup", "memory.current", 0);
	wait_for_agent();
	unlink(path);
	rmdir(directory);
}

/* Of any cgroup that can be seen here; usage is what it is, and the offset makes of it what the test wants. */
static void test_the_file_is_read(void **state)
{
	static const struct {
		uint32_t kind;
		const char *directory, *name;
	} places[] = {
		{MS_USAGE_CGROUP1, "/sys/fs/cgroup/memory", "memory.usage_in_bytes"},
		{MS_USAGE_CGROUP2, "/sys/fs/cgroup", "memory.current"},
		{MS_USAGE_CGROUP2, "/sys/fs/cgroup/system.slice", "memory.current"},
		{MS_USAGE_CGROUP2, "/sys/fs/cgroup/init.scope", "memory.current"},
	};
	uint64_t rounds;

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct fake fake = {.freed_bytes = 110 * MIB};
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", places[i].directory, places[i].name);
		if (access(path, R_OK) < 0)
			continue;
		tell_file(places[i].kind, places[i].directory, places[i].name, -(INT64_C(1) << 50));
		BED_WAIT_UNTIL(is_open(path));
		/* As a daemon does with all that it does not know; unseen by sanitizers. */
		syscall(SYS_close, find_open(path));
		wait_for_agent();
		assert_true(is_open(path));
		add(&fake, MEMSHED_CACHE_OPTIONS(.name = "file", .priority = -1));
		memshed_charge(fake.handle, 500 * MIB, 1000);
		rounds = info().own_rounds;
		tell_file(places[i].kind, places[i].directory, places[i].name, 1 << 30);
		charge(2 * MIB);
		BED_WAIT_UNTIL(info().own_rounds > rounds || fake.calls);
		memshed_unregister(fake.handle);
		return;
	}
	print_message("no file of a memory cgroup can be read here: only anonymous memory was tried\n");
}

/* Without it every thread that is held takes the agent for one that waits. */
static void test_the_stat_of_the_agent_is_opened_again(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/task/%u/stat", (int)getpid(), (unsigned)info().agent_tid);
	tell_file(MS_USAGE_ANON, "", "", 0);
	wait_for_agent();
	assert_true(is_open(path));
	syscall(SYS_close, find_open(path));
	assert_false(is_open(path));
	tell_file(MS_USAGE_ANON, "", "", 0);
	wait_for_agent();
	assert_true(is_open(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_files_that_are_none_of_a_cgroup_are_not_opened, settle),
		cmocka_unit_test_setup(test_the_file_is_read, settle),
		cmocka_unit_test_setup(test_the_stat_of_the_agent_is_opened_again, settle),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What keeps the adapter out of a Python is read while memory is far from short, and not later. */
#include "watch_bed.h"

#include <fcntl.h>

#include "sample/python.h"

enum { PYTHON = MEMBERS, LOOKS = 20 };

/* A program of that name, with an environment that does not name the adapter. */
static pid_t start_python(const char *path)
{
	char *const argv[] = {strdup("python3"), strdup("1000"), NULL}, *const environment[] = {NULL};
	struct ms_process_stat stat;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execve(path, argv, environment);
		_exit(1);
	}
	assert_true(pid > 0);
	do
		assert_int_equal(ms_process_read_stat(&root, pid, 0, &stat), 0);
	while (strcmp(stat.comm, "python3") != 0 && usleep(1000) == 0);
	ms_members_add(&watch.members, PYTHON, pid, stat.start_ticks, now);
	watch.members.at[PYTHON].looks = LOOKS;
	free(argv[0]);
	free(argv[1]);
	return pid;
}

static void the_reason_is_read_below_low(void **state)
{
	char folder[] = "/tmp/memshed-unloaded.XXXXXX", path[64], command[128];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/python3", folder);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", path);
	assert_int_equal(system(command), 0);

	pid_t pid = start_python(path);

	watch.root = root;
	watch.options.python_dir = "/nowhere";
	watch.reading.sample.limit.used_bytes = watch.reading.marks.low_bytes;
	ms_unloaded_look(&watch, PYTHON);
	assert_int_equal(watch.unloaded.count, 1);
	assert_int_equal(watch.unloaded.said[0].fault, MS_PYTHON_UNKNOWN);
	watch.reading.sample.limit.used_bytes--;
	ms_unloaded_look(&watch, PYTHON);
	assert_int_equal(watch.unloaded.count, 2);
	assert_int_equal(watch.unloaded.said[1].fault, MS_PYTHON_PATH);
	ms_members_remove(&watch.members, PYTHON);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WATCH(the_reason_is_read_below_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

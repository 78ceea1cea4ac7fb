/* SPDX-License-Identifier: MIT */
/* libproc2 knows only the real /proc: these look at this process and a child of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample/pids.h"
#include "sample/process.h"
#include "sample_fixture.h"

static const char CHILD_NAME[] = "ms) t (est";

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, CHILD_NAME);
		raise(SIGSTOP);
		pause();
		_exit(0);
	}
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		abort();
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int count_threads(pid_t pid)
{
	char path[64];
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *tasks = opendir(path);

	assert_non_null(tasks);
	for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(tasks);
	return count;
}

static void facts_agree_with_proc(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_pid_facts facts;
	struct ms_process_stat stat;
	struct ms_process process;
	struct ms_process_memory memory;
	pid_t pid = start_child();

	fixture_live(&fixture);
	assert_int_equal(ms_process_open(&process, &fixture.root, pid, 0, &stat), 0);
	assert_int_equal(ms_process_sample(&process, &fixture.root, &memory), 0);
	assert_int_equal(ms_pids_facts(pid, &facts), 0);
	assert_int_equal(facts.pid, pid);
	assert_int_equal(facts.ppid, getpid());
	assert_int_equal(facts.uid, geteuid());
	assert_int_equal(facts.state, 'T');
	assert_int_equal(facts.threads, count_threads(pid)); /* a sanitizer may have one of its own there */
	assert_int_equal(facts.start_ticks, stat.start_ticks);
	assert_int_equal(facts.rss_bytes, memory.resident_bytes);
	assert_string_equal(facts.comm, CHILD_NAME);
	ms_process_close(&process);
	fixture_done(&fixture);
	end_child(pid);
	assert_int_equal(ms_pids_facts(pid, &facts), -ESRCH);
	assert_int_equal(ms_pids_facts(0, &facts), -ESRCH);
	assert_int_equal(ms_pids_facts(-1, &facts), -ESRCH);
}

static void the_list_is_by_pid_and_whole(void **state)
{
	(void)state;
	struct ms_pid_facts *facts;
	size_t count, found = 0;
	pid_t pid = start_child();

	assert_int_equal(ms_pids_list(&facts, &count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || facts[i - 1].pid < facts[i].pid);
		found += facts[i].pid == pid || facts[i].pid == getpid();
	}
	assert_int_equal(found, 2);
	free(facts);
	end_child(pid);
}

static void names_match_whole(void **state)
{
	(void)state;
	struct ms_pid_facts facts;
	char name[16];
	pid_t pid = start_child();

	assert_int_equal(ms_pids_facts(pid, &facts), 0);
	assert_true(ms_pid_has_name(&facts, CHILD_NAME));
	assert_false(ms_pid_has_name(&facts, "ms) t"));
	end_child(pid);
	/* The kernel keeps 15 bytes of a name. */
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, "memshed-long-name");
	assert_int_equal(ms_pids_facts(getpid(), &facts), 0);
	assert_true(ms_pid_has_name(&facts, "memshed-long-name"));
	prctl(PR_SET_NAME, name);
}

static void *live_on(void *arg)
{
	while (true)
		pause();
	return arg;
}

static void end_first_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, live_on, NULL);
	pthread_exit(NULL);
}

static bool leader_is_zombie(pid_t pid)
{
	char path[64], text[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)pid);
	FILE *file = fopen(path, "r");
	bool zombie = file && fgets(text, sizeof(text), file) && strstr(text, ") Z");

	if (file)
		fclose(file);
	return zombie;
}

/* Its figures are those of a thread that lives. */
static void a_process_lives_on_without_its_first_thread(void **state)
{
	(void)state;
	struct ms_pid_facts facts;
	pid_t pid = fork();

	if (pid == 0)
		end_first_thread();
	while (!leader_is_zombie(pid))
		usleep(1000);
	do /* until the thread that lives has gone to sleep */
		assert_int_equal(ms_pids_facts(pid, &facts), 0);
	while (facts.state == 'R');
	assert_int_equal(facts.state, 'S');
	assert_true(facts.rss_bytes > 0);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	assert_int_equal(ms_pids_facts(pid, &facts), 0);
	assert_int_equal(facts.state, 'Z');
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_agree_with_proc),
		cmocka_unit_test(the_list_is_by_pid_and_whole),
		cmocka_unit_test(names_match_whole),
		cmocka_unit_test(a_process_lives_on_without_its_first_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

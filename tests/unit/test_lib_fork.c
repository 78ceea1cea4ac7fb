/* SPDX-License-Identifier: MIT */
/* fork, raw clone, exec and exit. Each test runs in a process of its own: test_lib_fork NAME for one. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>

#include "lib_bed.h"

#if defined(__SANITIZE_THREAD__)
enum { RAW_CLONE_IS_FOLLOWED = 0 }; /* ThreadSanitizer takes such a child's thread for one of the parent's */
#else
enum { RAW_CLONE_IS_FOLLOWED = 1 };
#endif

#if defined(__SANITIZE_ADDRESS__)
enum { ALLOCATOR_MINDS_FORKS = 0 }; /* AddressSanitizer's may be locked for ever in the child */
#else
enum { ALLOCATOR_MINDS_FORKS = 1 };
#endif

static struct bed bed;
static struct memshed_cache *cache;
static _Atomic unsigned calls;
static bool wait_inside;
static sem_t began;

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	calls++;
	while (wait_inside) {
		sem_post(&began);
		pause();
	}
	result->freed_bytes = 1;
	return MEMSHED_DONE;
}

static struct memshed_cache *add(const char *name)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = name, .shrink = shrink);
	struct memshed_cache *handle;

	if (memshed_register(&options, &handle) != 0)
		_exit(99);
	return handle;
}

/* The child's own table has what the parent's had, its agent answers, and the parent notices nothing. */
static void check_child(void)
{
	static struct bed own;

	CHECK(bed_try_open(&own, getpid()) == 0);
	CHECK(own.reader.info.pid == (uint32_t)getpid());
	CHECK(bed_row(&own, "inherited").bytes == 100);
	memshed_charge(cache, 11, 1);
	CHECK(bed_row(&own, "inherited").bytes == 111);

	struct memshed_cache *born = add("born");

	CHECK(bed_do(&own, NULL, MS_LEVEL_CLEAR, 0).caches == 2);
	CHECK(calls == 2);
	memshed_unregister(born);
	memshed_unregister(cache);
	CHECK(memshed_stop() == 0);
	CHECK(memshed_start(NULL) == 0);
	_exit(0);
}

static void test_fork(void **state)
{
	struct ms_row row;

	(void)state;
	cache = add("inherited");
	memshed_charge(cache, 100, 1);
	bed_open(&bed, getpid());
	for (int i = 0; i < 5; i++) {
		pid_t child = fork();

		if (child == 0)
			check_child();
		bed_expect_child(child, 0);
	}
	assert_int_equal(bed_row(&bed, "inherited").bytes, 100);
	assert_false(bed_find(&bed, "born", &row));
	assert_int_equal(calls, 0);
	assert_int_equal(bed_do(&bed, "inherited", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	memshed_unregister(cache);
	bed_close(&bed);
}

static void test_fork_of_a_fork(void **state)
{
	(void)state;
	cache = add("inherited");
	memshed_charge(cache, 100, 1);

	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild = fork();
		int status;

		if (grandchild == 0)
			check_child();
		CHECK(waitpid(grandchild, &status, 0) == grandchild);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		check_child();
	}
	bed_expect_child(child, 0);
	memshed_unregister(cache);
}

/* ---- while other threads are in the middle of it ---- */

static _Atomic bool stop;

static void *churn(void *argument)
{
	(void)argument;
	while (!stop) {
		struct memshed_cache *handle = add("churn");

		memshed_charge(handle, 10, 1);
		memshed_unregister(handle);
	}
	return NULL;
}

static void *post(void *argument)
{
	struct ms_order order = {.seq = 1, .scope = MS_SCOPE_PROCESS, .level = MS_LEVEL_TRIM, .reason = 2};

	(void)argument;
	while (!stop) {
		struct ms_order_handle handle = bed_post(&bed, &order);

		bed_wait(&bed, &handle);
	}
	return NULL;
}

/* Whatever the others were doing: the child registers, charges, is asked and unregisters. */
static void check_child_of_many(void)
{
	static struct bed own;
	struct memshed_cache *handle = add("child");

	memshed_charge(handle, 7, 1);
	CHECK(bed_try_open(&own, getpid()) == 0);
	CHECK(bed_row(&own, "child").bytes == 7);
	CHECK(bed_do(&own, "child", MS_LEVEL_CLEAR, 0).status == MS_ANSWER_DONE);
	memshed_unregister(handle);
	_exit(0);
}

static void test_fork_while_others_register(void **state)
{
	pthread_t thread[3];

	(void)state;
	if (!ALLOCATOR_MINDS_FORKS)
		return;
	cache = add("inherited");
	bed_open(&bed, getpid());
	stop = false;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, churn, NULL);
	pthread_create(&thread[2], NULL, post, NULL);
	for (int i = 0; i < 25; i++) {
		pid_t child = fork();

		if (child == 0)
			check_child_of_many();
		bed_expect_child(child, 0);
	}
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	memshed_unregister(cache);
	bed_close(&bed);
}

/* ---- raw clone ---- */

/* Whatever its parent's threads hold, the library does nothing there, and says so. */
static void check_raw_child(bool forks)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "raw", .shrink = shrink);
	struct memshed_cache *handle = NULL;
	int status;

	alarm(60);
	memshed_charge(cache, 1, 1);
	memshed_hit(cache, 1);
	CHECK(memshed_poll() == 0);
	CHECK(memshed_register(&options, &handle) == -ENOTSUP && !handle);
	CHECK(memshed_start(NULL) == -ENOTSUP);
	CHECK(memshed_stop() == -ENOENT);
	CHECK(memshed_fd() == -ENOENT);
	CHECK(memshed_dispatch() == -ENOENT);
	memshed_unregister(cache);
	if (!forks)
		_exit(0);

	pid_t grandchild = fork();

	if (grandchild == 0) {
		memshed_charge(cache, 1, 1);
		CHECK(memshed_register(&options, &handle) == -ENOTSUP);
		_exit(0);
	}
	CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
	_exit(0);
}

static void make_raw_child(bool forks)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		check_raw_child(forks);
	bed_expect_child(child, 0);
}

static void test_raw_clone(void **state)
{
	pthread_t thread[3];

	(void)state;
	if (!RAW_CLONE_IS_FOLLOWED)
		return;
	cache = add("inherited");
	memshed_charge(cache, 100, 1);
	bed_open(&bed, getpid());
	stop = false;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, churn, NULL);
	for (int i = 0; i < 50; i++)
		make_raw_child(false);
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	make_raw_child(true); /* not earlier: the C library's own locks may be held, too */
	assert_int_equal(bed_row(&bed, "inherited").bytes, 100);
	memshed_unregister(cache);
	bed_close(&bed);
}

/* ---- exec ---- */

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void test_exec_leaks_nothing(void **state)
{
	char expected[16];

	(void)state;
	snprintf(expected, sizeof(expected), "%u", count_fds());
	for (int mode = MEMSHED_AGENT_THREAD; mode <= MEMSHED_AGENT_SIGNAL; mode++) {
		struct memshed_agent_options options = {.size = sizeof(options),
							.mode = (enum memshed_agent_mode)mode};

		memshed_stop();
		assert_int_equal(memshed_start(&options), 0);
		assert_true(count_fds() > (unsigned)atoi(expected));

		pid_t child = fork();

		if (child == 0) {
			execl("/proc/self/exe", "test_lib_fork", "count", expected, NULL);
			_exit(97);
		}
		bed_expect_child(child, 0);
		assert_int_equal(memshed_stop(), 0);
	}
}

/* Neither do forks and restarts. */
static void test_fds_stay_the_same(void **state)
{
	(void)state;
	for (int mode = MEMSHED_AGENT_THREAD; mode <= MEMSHED_AGENT_SIGNAL; mode++) {
		struct memshed_agent_options options = {.size = sizeof(options),
							.mode = (enum memshed_agent_mode)mode};

		memshed_stop();
		assert_int_equal(memshed_start(&options), 0);

		unsigned before = count_fds();
		pid_t child = fork();

		if (child == 0) {
			memshed_fd(); /* the agent starts */
			_exit(count_fds() == before ? 0 : 1);
		}
		bed_expect_child(child, 0);
		for (int i = 0; i < 10; i++) {
			assert_int_equal(memshed_stop(), 0);
			assert_int_equal(memshed_start(&options), 0);
		}
		assert_int_equal(count_fds(), before);
	}
}

/* A daemon closes all descriptors, and its own files get their numbers: those are left alone. */
static void test_closed_descriptors(void **state)
{
	(void)state;
	cache = add("inherited");

	pid_t child = fork();

	if (child == 0) {
		int files[8];

		closefrom(3);
		for (int i = 0; i < 8; i++)
			files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);

		pid_t grandchild = fork();
		int status;

		if (grandchild == 0) {
			for (int i = 0; i < 8; i++)
				CHECK(fcntl(files[i], F_GETFD) >= 0);
			memshed_charge(cache, 1, 1);
			memshed_unregister(add("daemon"));
			memshed_unregister(cache);
			CHECK(memshed_stop() == 0);
			for (int i = 0; i < 8; i++)
				CHECK(fcntl(files[i], F_GETFD) >= 0);
			_exit(0);
		}
		CHECK(waitpid(grandchild, &status, 0) == grandchild);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	bed_expect_child(child, 0);
	memshed_unregister(cache);
}

/* ---- exit ---- */

static void post_and_exit(bool inside)
{
	static struct bed own;

	sem_init(&began, 0, 0);
	CHECK(bed_try_open(&own, getpid()) == 0);
	wait_inside = inside;

	struct ms_order order = bed_order(&own, "inherited", MS_LEVEL_CLEAR, 0);

	memshed_poll(); /* the agent starts */
	for (int i = 0; i < 4; i++)
		bed_post(&own, &order);
	if (inside)
		while (sem_wait(&began) < 0)
			;
	exit(0);
}

static void test_exit_with_orders_in_flight(void **state)
{
	(void)state;
	cache = add("inherited");
	for (int i = 0; i < 10; i++) {
		pid_t child = fork();

		if (child == 0)
			post_and_exit(i % 2);
		bed_expect_child(child, 0);
	}
	memshed_unregister(cache);
}

/* A failed assertion in a child would go on as a second runner, so each test gets a program of its own. */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_fork),
	cmocka_unit_test(test_fork_of_a_fork),
	cmocka_unit_test(test_fork_while_others_register),
	cmocka_unit_test(test_raw_clone),
	cmocka_unit_test(test_exec_leaks_nothing),
	cmocka_unit_test(test_fds_stay_the_same),
	cmocka_unit_test(test_closed_descriptors),
	cmocka_unit_test(test_exit_with_orders_in_flight),
};
enum { TESTS = sizeof(tests) / sizeof(tests[0]) };

static int run_alone(const char *name)
{
	for (int i = 0; i < TESTS; i++) {
		const struct CMUnitTest alone[] = {tests[i]};

		if (strcmp(tests[i].name, name) == 0)
			return cmocka_run_group_tests(alone, NULL, NULL);
	}
	return 1;
}

static int run_all(void)
{
	int failed = 0;

	for (int i = 0; i < TESTS; i++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			execl("/proc/self/exe", "test_lib_fork", tests[i].name, NULL);
			_exit(97);
		}
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "%s: wait status %#x\n", tests[i].name, (unsigned)status);
			failed++;
		}
	}
	return failed;
}

int main(int argc, char **argv)
{
	if (argc == 3) /* what test_exec_leaks_nothing() executes */
		return count_fds() == (unsigned)atoi(argv[2]) ? 0 : 1;
	if (argc == 2)
		return run_alone(argv[1]);
	return run_all();
}

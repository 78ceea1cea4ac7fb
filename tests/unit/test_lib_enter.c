/* SPDX-License-Identifier: MIT */
/*
 * The first calls of a process: from many threads at once, and before the library's own constructor. Each
 * runs in a process of its own: test_lib_enter early for the second.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>

#include "lib_bed.h"

enum { PROCESSES = 40, THREADS = 16 };

static pthread_barrier_t barrier;
static _Atomic unsigned refused;

static void clear(void *ctx)
{
	(void)ctx;
}

static void *add_first(void *argument)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "first", .clear = clear);
	struct memshed_cache *cache;

	pthread_barrier_wait(&barrier);
	if (memshed_register(&options, &cache) != 0)
		refused++;
	return argument;
}

static void start_at_once(void)
{
	pthread_t thread[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, add_first, NULL) != 0)
			_exit(99);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	_exit(refused ? 1 : 0);
}

static void test_first_registrations_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();

		if (child == 0)
			start_at_once();
		bed_expect_child(child, 0);
	}
}

/* ---- cancelled threads ---- */

static void *add_one(void *argument)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "beside", .clear = clear);
	struct memshed_cache *cache;

	if (memshed_register(&options, &cache) != 0)
		refused++;
	return argument;
}

static void *add_and_remove(void *argument)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "cancelled", .clear = clear);

	for (;;) {
		struct memshed_cache *cache;

		if (memshed_register(&options, &cache) == 0) {
			memshed_charge(cache, 10, 1);
			memshed_unregister(cache);
		}
	}
	return argument;
}

/* Nothing is left locked: others register, and fork. */
static void cancel_one(unsigned after_us)
{
	pthread_t thread;
	int status;

	if (pthread_create(&thread, NULL, add_and_remove, NULL) != 0)
		_exit(99);
	usleep(after_us);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	add_one(NULL);

	pid_t child = fork();

	if (child == 0) {
		add_one(NULL);
		_exit(refused ? 1 : 0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		_exit(98);
}

/* @first: the process's first registration is cancelled; else one of many. */
static void cancel_threads(bool first)
{
	pid_t child;

	for (unsigned i = 0; i < 10; i++) {
		child = fork();
		if (child == 0) {
			alarm(BED_PATIENCE_NS / MS_NS_PER_S);
			if (!first)
				add_one(NULL);
			for (int round = 0; round < (first ? 1 : 8); round++)
				cancel_one(first ? i * 80 : 1000);
			_exit(refused ? 1 : 0);
		}
		bed_expect_child(child, 0);
	}
}

static void test_cancelled_in_the_first_registration(void **state)
{
	(void)state;
	cancel_threads(true);
}

static void test_cancelled_in_a_call(void **state)
{
	(void)state;
	cancel_threads(false);
}

/* ---- beside the loader ---- */

/* A thread in dlopen() holds the loader's lock while the constructor of what it loads registers a cache. So
 * the one that asks the loader may hold nothing that a registration needs. */
static _Atomic bool hold_loader;
static sem_t loader_asked, loader_free;

typedef int (*dladdr1_fn)(const void *, Dl_info *, void **, int);

/* In place of the C library's, for libmemshed too. */
__attribute__((visibility("default"))) int dladdr1(const void *address, Dl_info *info, void **extra,
						   int flags)
{
	dladdr1_fn real = (dladdr1_fn)dlsym(RTLD_NEXT, "dladdr1");

	if (atomic_exchange(&hold_loader, false)) {
		sem_post(&loader_asked);
		while (sem_wait(&loader_free) < 0)
			;
	}
	return real(address, info, extra, flags);
}

static void register_beside_the_loader(void)
{
	struct timespec until;
	pthread_t asking, loading;

	sem_init(&loader_asked, 0, 0);
	sem_init(&loader_free, 0, 0);
	hold_loader = true;
	if (pthread_create(&asking, NULL, add_one, NULL) != 0)
		_exit(99);
	while (sem_wait(&loader_asked) < 0)
		;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(BED_PATIENCE_NS / MS_NS_PER_S);
	if (pthread_create(&loading, NULL, add_one, NULL) != 0 ||
	    pthread_timedjoin_np(loading, NULL, &until) != 0)
		_exit(98);
	sem_post(&loader_free);
	pthread_join(asking, NULL);
	_exit(refused ? 1 : 0);
}

static void test_no_lock_is_held_that_the_loader_waits_for(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		register_beside_the_loader();
	bed_expect_child(child, 0);
}

/* ---- the last thread ---- */

static void *end_soon(void *argument)
{
	usleep(1000);
	return argument;
}

/* A process ends with its last thread: the library's own do not count. */
static void end_threads(enum memshed_agent_mode mode)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = mode};
	pthread_t thread;

	alarm(BED_PATIENCE_NS / MS_NS_PER_S);
	if (memshed_start(&options) != 0 || pthread_create(&thread, NULL, end_soon, NULL) != 0)
		_exit(99);
	pthread_detach(thread);
	pthread_exit(NULL);
}

static void test_the_last_thread_ends(void **state)
{
	(void)state;
#if defined(__SANITIZE_THREAD__)
	return; /* it has a thread of its own */
#elif defined(__SANITIZE_ADDRESS__)
	return; /* it takes for a leak what the stack of the main thread held */
#endif
	for (int mode = MEMSHED_AGENT_THREAD; mode <= MEMSHED_AGENT_FD; mode++) {
		pid_t child = fork();

		if (child == 0)
			end_threads((enum memshed_agent_mode)mode);
		bed_expect_child(child, 0);
	}
}

/* ---- before the constructor ---- */

static pthread_key_t early_key;
static int early_error = -1, early_value;
static void *seen_at_end;

static void see_at_end(void *value)
{
	seen_at_end = value;
}

/* The constructors of libraries that do not depend on libmemshed may come before its own, and this comes
 * before them all. */
static void begin(int argc, char **argv, char **environment)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "early", .clear = clear);
	struct memshed_cache *cache;

	(void)environment;
	if (argc != 2 || strcmp(argv[1], "early") != 0)
		return;
	pthread_key_create(&early_key, see_at_end);
	pthread_setspecific(early_key, &early_value);
	early_error = memshed_register(&options, &cache);
	if (!early_error)
		memshed_charge(cache, 100, 1);
}

__attribute__((section(".preinit_array"), used)) static void (*const before_constructors)(int, char **,
											  char **) = begin;

static struct bed bed;

/* The library's own key is not that of others, and its handlers know of a fork. */
static int check_early(void)
{
	if (early_error || pthread_getspecific(early_key) != &early_value)
		return 1;
	if (bed_try_open(&bed, getpid()) < 0 || bed_row(&bed, "early").bytes != 100)
		return 2;

	pid_t child = fork();
	int status;

	if (child == 0) {
		static struct bed own;

		_exit(bed_try_open(&own, getpid()) == 0 && bed_row(&own, "early").bytes == 100 ? 0 : 1);
	}
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 3;
}

static void test_before_the_constructor(void **state)
{
	(void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	return; /* they are not ready so early */
#endif
	pid_t child = fork();

	if (child == 0) {
		execl("/proc/self/exe", "test_lib_enter", "early", (char *)NULL);
		_exit(97);
	}
	bed_expect_child(child, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_registrations_at_once),
		cmocka_unit_test(test_cancelled_in_the_first_registration),
		cmocka_unit_test(test_cancelled_in_a_call),
		cmocka_unit_test(test_no_lock_is_held_that_the_loader_waits_for),
		cmocka_unit_test(test_the_last_thread_ends),
		cmocka_unit_test(test_before_the_constructor),
	};

	(void)argv;
	if (argc == 2)
		return check_early();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

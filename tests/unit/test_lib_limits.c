/* SPDX-License-Identifier: MIT */
/* A process that is short of threads or descriptors when its first cache registers. */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>

#include "lib_bed.h"

static struct bed bed;
static unsigned threads_left = UINT32_MAX;

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* In place of the C library's, for libmemshed too. */
__attribute__((visibility("default"))) int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*run)(void *),
	       void *restrict argument)
{
	static create_fn create;

	if (!create)
		create = (create_fn)dlsym(RTLD_NEXT, "pthread_create");
	if (!threads_left)
		return EAGAIN;
	threads_left--;
	return create(thread, attr, run, argument);
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	result->freed_bytes = 5;
	return MEMSHED_DONE;
}

static int add(struct memshed_cache **ret_cache)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "one", .shrink = shrink);

	return memshed_register(&options, ret_cache);
}

static void expect_served(void)
{
	bed_open(&bed, getpid());
	assert_int_equal(bed_do(&bed, "one", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	bed_close(&bed);
}

/* What is refused leaves nothing behind: the next try finds things as the first one did. */
static void test_no_descriptor(void **state)
{
	struct memshed_cache *cache = NULL;
	struct rlimit limit, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (rlim_t files = 3; files < 5; files++) {
		none = (struct rlimit){.rlim_cur = files, .rlim_max = limit.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

		int error = add(&cache);

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(error, -EMFILE);
		assert_null(cache);
	}
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The kernel would send SIGXFSZ, which ends the process. */
static void test_small_files(void **state)
{
	struct memshed_cache *cache = NULL;

	(void)state;
	for (rlim_t bytes = 0; bytes <= 1 << 20; bytes += 1 << 19) {
		limit_files(bytes);
		assert_int_equal(add(&cache), -EFBIG);
		assert_null(cache);
	}
	limit_files(RLIM_INFINITY);
}

/* It lives on, unseen. */
static void check_unseen_child(struct memshed_cache *cache)
{
	struct memshed_cache *other;

	memshed_charge(cache, 1, 1);
	if (add(&other) != 0)
		_exit(1);
	memshed_charge(other, 1, 1);
	memshed_unregister(other);
	memshed_unregister(cache);
	memshed_stop();
	_exit(bed_try_open(&bed, getpid()) < 0 ? 0 : 2);
}

static void test_small_files_in_a_child(void **state)
{
	struct memshed_cache *cache = NULL;
	pid_t child;

	(void)state;
	assert_int_equal(add(&cache), 0);
	for (rlim_t bytes = 0; bytes <= 1 << 20; bytes += 1 << 19) {
		limit_files(bytes);
		child = fork();
		if (child == 0)
			check_unseen_child(cache);
		limit_files(RLIM_INFINITY);
		bed_expect_child(child, 0);
	}
	memshed_unregister(cache);
}

static void test_no_thread(void **state)
{
	struct memshed_cache *cache = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		threads_left = 0;
		assert_int_equal(add(&cache), -EAGAIN);
		assert_null(cache);
	}
	assert_int_equal(memshed_stop(), -ENOENT);
}

/* Without the one that would take over from a stuck callback, orders are served all the same. */
static void test_one_thread(void **state)
{
	struct memshed_cache *cache = NULL;

	(void)state;
	threads_left = 1;
	assert_int_equal(add(&cache), 0);
	expect_served();
	assert_int_equal(memshed_stop(), 0);
	threads_left = UINT32_MAX;
	assert_int_equal(memshed_start(NULL), 0);
	expect_served();
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
}

int main(void)
{
	/* In this order: each finds the library as the one before it left it. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_small_files),
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_small_files_in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

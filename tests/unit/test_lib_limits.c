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
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_one_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

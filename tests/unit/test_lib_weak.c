/* SPDX-License-Identifier: MIT */
/*
 * memshed-weak.h in a program that does not link libmemshed: without it, with it loaded privately, and
 * with MEMSHED_SOCKET in the environment. Runs itself again for each.
 *
 * @argv[1]: what to expect; MEMSHED_TEST_LIBRARY: where the library stands.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memshed-weak.h"
#include "test_lib_weak.h"

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	(void)result;
	return MEMSHED_EMPTY;
}

static void use(struct memshed_cache *cache)
{
	memshed_charge(cache, 100, 1);
	memshed_uncharge(cache, 50, 1);
	memshed_hit(cache, 1);
	memshed_miss(cache, 1);
	memshed_evict(cache, 1);
}

static void test_absent(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "weak", .shrink = shrink);
	struct memshed_cache *cache = (struct memshed_cache *)(void *)&options;

	(void)state;
	assert_int_equal(memshed_register(&options, &cache), -ENOSYS);
	assert_null(cache);
	use(cache);
	memshed_unregister(cache);
	assert_null(memshed_version());
	assert_int_equal(memshed_start(NULL), -ENOSYS);
	assert_int_equal(memshed_stop(), -ENOENT);
	assert_int_equal(memshed_fd(), -ENOENT);
	assert_int_equal(memshed_dispatch(), -ENOENT);
	assert_int_equal(memshed_poll(), 0);
	assert_int_equal(memshed_brake(0), 0);
	assert_int_equal(test_weak_other_file(), 0);
}

static void test_present(void **state)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "weak", .shrink = shrink);
	struct memshed_cache *cache = NULL;

	(void)state;
	assert_int_equal(memshed_register(&options, &cache), 0);
	assert_non_null(cache);
	use(cache);
	assert_non_null(memshed_version());
	assert_int_equal(memshed_start(NULL), -EALREADY);
	assert_int_equal(memshed_poll(), 0);
	assert_int_equal(memshed_brake(77), -EINVAL);
	assert_int_equal(memshed_brake(0), 0);
	assert_int_equal(test_weak_other_file(), 1); /* which has registered nothing itself */
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
}

/* Another part of the program loads it, after we had looked in vain. */
static void test_loaded_later(void **state)
{
	test_absent(state);

	void *library = dlopen(getenv("MEMSHED_TEST_LIBRARY"), RTLD_NOW | RTLD_LOCAL);

	assert_non_null(library);
	test_present(state);
	dlclose(library); /* it stays: its threads and handlers are there */
	assert_int_equal(memshed_start(NULL), 0);
	test_present(state);
}

static const struct {
	const char *name;
	void (*test)(void **state);
	bool preload, asked;
} cases[] = {
	{"absent", test_absent, false, false},
	{"loaded", test_present, true, false},
	{"later", test_loaded_later, false, false},
	{"asked", test_present, false, true},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static int run_alone(const char *name)
{
	for (int i = 0; i < CASES; i++) {
		const struct CMUnitTest tests[] = {{cases[i].name, cases[i].test, NULL, NULL, NULL}};

		if (strcmp(cases[i].name, name) == 0)
			return cmocka_run_group_tests(tests, NULL, NULL);
	}
	return 1;
}

static void prepare(int i, const char *library)
{
	char directory[4096];

	unsetenv("MEMSHED_SOCKET");
	if (cases[i].preload)
		setenv("LD_PRELOAD", library, 1);
	if (cases[i].asked) {
		snprintf(directory, sizeof(directory), "%s", library);
		*strrchr(directory, '/') = '\0';
		setenv("LD_LIBRARY_PATH", directory, 1);
		setenv("MEMSHED_SOCKET", "@memshed-nobody-listens", 1);
	}
}

int main(int argc, char **argv)
{
	const char *library = getenv("MEMSHED_TEST_LIBRARY");
	int failed = 0;

	if (argc > 1)
		return run_alone(argv[1]);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	fprintf(stderr, "skipped: the sanitizer's runtime must come first, so nothing can be preloaded\n");
	return 77;
#endif
	if (!library || access(library, R_OK) != 0) {
		fprintf(stderr, "skipped: MEMSHED_TEST_LIBRARY names no library\n");
		return 77;
	}
	for (int i = 0; i < CASES; i++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			prepare(i, library);
			execl("/proc/self/exe", "test_lib_weak", cases[i].name, NULL);
			_exit(1);
		}
		if (waitpid(child, &status, 0) != child || status != 0) {
			fprintf(stderr, "%s: wait status %#x\n", cases[i].name, (unsigned)status);
			failed++;
		}
	}
	return failed;
}

/* SPDX-License-Identifier: MIT */
/* A process that is short of threads, descriptors or room for files when its first cache registers. */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib_bed.h"

static struct bed bed;
static unsigned threads_left = UINT32_MAX;
static int lowest_before; /* the library opened anything */

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

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
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

/* RLIMIT_FSIZE below the size of the table, or even of the control page: an error, and no SIGXFSZ. */
static void test_small_files(void **state)
{
	struct memshed_cache *cache = NULL;
	struct rlimit limit, small;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	for (rlim_t bytes = 0; bytes <= 1 << 20; bytes += 1 << 19) {
		small = (struct rlimit){.rlim_cur = bytes, .rlim_max = limit.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

		int error = add(&cache);

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(error, -EFBIG);
		assert_null(cache);
	}
}

/* The limit sinks after the first cache: a child lives, and goes on without being seen. */
static void test_small_files_in_child(void **state)
{
	struct memshed_cache *cache = NULL, *other;
	struct rlimit limit, small;

	(void)state;
	assert_int_equal(memshed_start(NULL), 0);
	assert_int_equal(add(&cache), 0);
	memshed_charge(cache, 100, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

	pid_t child = fork();

	if (child == 0) {
		memshed_charge(cache, 1, 1);
		if (add(&other) != 0)
			_exit(1);
		memshed_charge(other, 1, 1);
		memshed_unregister(other);
		memshed_unregister(cache);
		exit(0);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	bed_expect_child(child, 0);
	expect_served();
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
}

static int find_lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* The numbers that a program expects for what it opens are left to it. */
static void test_descriptors_stand_high(void **state)
{
	struct memshed_agent_options by_fd = {.size = sizeof(by_fd), .mode = MEMSHED_AGENT_FD};
	struct memshed_cache *cache = NULL;

	(void)state;
	assert_int_equal(memshed_start(&by_fd), 0);
	assert_int_equal(add(&cache), 0);
	assert_int_equal(find_lowest(), lowest_before);
	assert_true(memshed_fd() > lowest_before);

	pid_t child = fork();

	if (child == 0)
		_exit(find_lowest() == lowest_before ? 0 : 1);
	bed_expect_child(child, 0);
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
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

/* ---- a sandbox that closes after the start ---- */

static bool refuse(unsigned call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/* Whatever is refused: errors, or less than all, but the process lives on. */
static void check_refused(unsigned call)
{
	struct memshed_cache *cache, *other;
	int status;

	alarm(60);
	if (add(&cache) != 0)
		_exit(1);
	if (!refuse(call))
		_exit(0);
	memshed_charge(cache, 1, 1);
	if (add(&other) == 0) {
		memshed_charge(other, 1, 1);
		memshed_unregister(other);
	}

	pid_t child = fork();

	if (child == 0) {
		memshed_charge(cache, 1, 1);
		memshed_unregister(cache);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		_exit(2);
	memshed_unregister(cache);
	_exit(0);
}

static void test_refused_calls(void **state)
{
	const unsigned calls[] = {
		SYS_membarrier, SYS_memfd_create, SYS_ftruncate, SYS_mprotect,  SYS_madvise,
		SYS_mlock,      SYS_munlock,      SYS_fcntl,     SYS_prlimit64, SYS_getrandom,
		SYS_socket,     SYS_sendmsg,      SYS_pread64,   SYS_prctl,     SYS_sched_setscheduler,
		SYS_openat,     SYS_fstat};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		pid_t child = fork();

		if (child == 0)
			check_refused(calls[i]);
		bed_expect_child(child, 0);
	}
}

int main(void)
{
	/* In this order: each finds the library as the one before it left it. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_calls), /* first: its children find the library unused */
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_small_files),
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_small_files_in_child),
		cmocka_unit_test(test_descriptors_stand_high),
	};

	lowest_before = find_lowest();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

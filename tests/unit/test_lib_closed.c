/* SPDX-License-Identifier: MIT */
/* A host that closes all descriptors, so that its own files then have the library's numbers. */
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "lib_bed.h"

enum { MOST = 16, FILE_BYTES = 1 << 16, DESCRIPTORS = 1024 };

static struct bed bed;
static struct memshed_cache *cache;
static int ours[MOST], count;
static int file = -1; /* the host's */

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	result->freed_bytes = 5;
	return MEMSHED_DONE;
}

static struct memshed_cache *add(const char *name)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = name, .shrink = shrink);
	struct memshed_cache *handle;

	assert_int_equal(memshed_register(&options, &handle), 0);
	return handle;
}

/* In this process only the library has opened anything since @before. */
static void find_ours(const bool before[DESCRIPTORS])
{
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (!before[fd] && fcntl(fd, F_GETFD) >= 0 && count < MOST)
			ours[count++] = fd;
	assert_true(count >= 3 && count < MOST);
}

static void list_open(bool ret_open[DESCRIPTORS])
{
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		ret_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void fill(unsigned char *bytes)
{
	for (int i = 0; i < FILE_BYTES; i++)
		bytes[i] = (unsigned char)(i | 1);
}

static void open_hosts_file(void)
{
	static unsigned char bytes[FILE_BYTES];
	char name[] = "/tmp/memshed-test-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	fill(bytes);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	file = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	assert_true(file >= 0);
	close(fd);
}

static void give_numbers_to_host(void)
{
	lseek(file, 0, SEEK_SET);
	for (int i = 0; i < count; i++)
		assert_int_equal(dup2(file, ours[i]), ours[i]);
}

/* Neither written to, nor read from, nor closed. */
static bool is_untouched(void)
{
	static unsigned char bytes[FILE_BYTES + 1], expected[FILE_BYTES];
	struct stat status, own;

	fill(expected);
	if (fstat(file, &own) < 0 || lseek(file, 0, SEEK_CUR) != 0 ||
	    pread(file, bytes, sizeof(bytes), 0) != FILE_BYTES || memcmp(bytes, expected, FILE_BYTES) != 0)
		return false;
	for (int i = 0; i < count; i++)
		if (fstat(ours[i], &status) < 0 || status.st_ino != own.st_ino || status.st_dev != own.st_dev)
			return false;
	return true;
}

static void serve(enum memshed_agent_mode mode)
{
	struct ms_order order = bed_order(&bed, "kept", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	if (mode == MEMSHED_AGENT_FD) {
		struct pollfd poll_fd = {.fd = memshed_fd(), .events = POLLIN};

		for (int i = 0; i < count; i++)
			assert_int_not_equal(poll_fd.fd, ours[i]);
		assert_true(poll_fd.fd >= 0);
		assert_int_equal(poll(&poll_fd, 1, (int)(BED_PATIENCE_NS / MS_NS_PER_MS)), 1);
		assert_int_equal(memshed_fd(), poll_fd.fd);
		while (memshed_dispatch() == 0)
			;
	}
	assert_int_equal(bed_wait(&bed, &handle).status, MS_ANSWER_DONE);
}

/* What was registered is still named and counted, and the host's files are still its own. */
static int check_child(void)
{
	static struct bed own;

	if (!is_untouched())
		return 1;
	if (bed_try_open(&own, getpid()) < 0)
		return 2;
	if (bed_row(&own, "kept").bytes != 100)
		return 3;
	memshed_charge(cache, 11, 1);
	if (bed_row(&own, "kept").bytes != 111)
		return 4;
	return is_untouched() ? 0 : 5;
}

static void check_fork(void)
{
	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild;
		int status, result = check_child();

		if (result)
			_exit(result);
		memshed_uncharge(cache, 11, 1);
		grandchild = fork();
		if (grandchild == 0)
			_exit(check_child());
		_exit(waitpid(grandchild, &status, 0) == grandchild && status == 0 ? 0 : 6);
	}
	bed_expect_child(child, 0);
	assert_int_equal(bed_row(&bed, "kept").bytes, 100);
}

static void run(enum memshed_agent_mode mode)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = mode};
	bool before[DESCRIPTORS];

	count = 0;
	memshed_stop();
	open_hosts_file();
	list_open(before);
	assert_int_equal(memshed_start(&options), 0);
	cache = add("kept");
	memshed_charge(cache, 100, 1);
	find_ours(before);
	bed_open(&bed, getpid());
	give_numbers_to_host();

	serve(mode);
	assert_true(is_untouched());
	for (int i = 0; i < 3; i++) {
		struct memshed_cache *other = add("other");

		memshed_charge(other, 7, 1);
		memshed_unregister(other);
	}
	check_fork();
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
	assert_true(is_untouched());
	bed_close(&bed);
}

static void test_thread_mode(void **state)
{
	(void)state;
	run(MEMSHED_AGENT_THREAD);
}

static void test_fd_mode(void **state)
{
	(void)state;
	run(MEMSHED_AGENT_FD);
}

/* Each in a process of its own: the library opens its files once. */
int main(int argc, char **argv)
{
	const struct CMUnitTest thread_mode[] = {cmocka_unit_test(test_thread_mode)};
	const struct CMUnitTest fd_mode[] = {cmocka_unit_test(test_fd_mode)};

	if (argc > 1)
		return cmocka_run_group_tests(fd_mode, NULL, NULL);

	int failed = cmocka_run_group_tests(thread_mode, NULL, NULL);
	pid_t child = failed ? 0 : fork();

	if (failed)
		return failed;
#if defined(__SANITIZE_THREAD__)
	/* To look at a number that the host gave to another file is what is tested; ThreadSanitizer counts
	 * the look and the host's open as a race. */
	print_message("fd mode is left out under ThreadSanitizer\n");
	if (child == 0)
		_exit(0);
#endif
	if (child == 0) {
		execl("/proc/self/exe", argv[0], "fd", (char *)NULL);
		_exit(127);
	}

	int status;

	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

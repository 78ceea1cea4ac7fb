/* SPDX-License-Identifier: MIT */
/* A forked child: known to others before fork() returns, and without a thread of the library's until it uses
 * it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib_bed.h"

static struct memshed_cache *cache;
static int hellos = -1;
static enum memshed_agent_mode mode;

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	result->freed_bytes = 5;
	return MEMSHED_DONE;
}

static int add(const char *name, struct memshed_cache **ret_cache)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = name, .shrink = shrink);

	return memshed_register(&options, ret_cache);
}

static unsigned others; /* threads that a child of this program has anyhow, of a sanitizer for instance */

static unsigned count_threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	unsigned count = 0;

	while (directory && readdir(directory))
		count++;
	closedir(directory);
	return count - 2 - others; /* "." and ".." */
}

#if defined(__SANITIZE_THREAD__)
enum { COUNTS_THREADS = 0 }; /* ThreadSanitizer has one of its own in a child, which comes at some time */
#else
enum { COUNTS_THREADS = 1 };
#endif

static bool has_threads(unsigned count)
{
	return !COUNTS_THREADS || count_threads() == count;
}

static uint32_t read_state(struct bed *own)
{
	CHECK(ms_table_refresh(&own->reader) == 0);
	return own->reader.info.agent_state;
}

/* Return: the pid that said hello, with a table and a control page. */
static pid_t take_hello(struct bed *ret_bed)
{
	struct ms_hello hello;
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof(hello)};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fds[2];

	if (recvmsg(hellos, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(hello))
		return -1;

	const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	CHECK(rights && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len == CMSG_LEN(sizeof(fds)));
	memcpy(fds, CMSG_DATA(rights), sizeof(fds));
	if (!ret_bed) {
		close(fds[0]);
		close(fds[1]);
		return (pid_t)hello.pid;
	}
	CHECK(ms_table_open(&ret_bed->reader, &ret_bed->scratch, fds[0]) == 0);
	CHECK(ms_table_refresh(&ret_bed->reader) == 0);
	CHECK(ms_control_open(&ret_bed->client, fds[1], ret_bed->reader.info.identity, -1, 0) == 0);
	return (pid_t)hello.pid;
}

static void listen_for_hellos(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];

	snprintf(name, sizeof(name), "@memshed-test-child-%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	hellos = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(hellos, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv(MS_HELLO_ENV, name, 1);
}

static int set_up(void **state)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = mode};

	(void)state;
	if (hellos < 0)
		listen_for_hellos();
	assert_int_equal(memshed_start(&options), 0);
	assert_int_equal(take_hello(NULL), getpid()); /* memshed_start() has said it */
	assert_int_equal(add("inherited", &cache), 0);
	memshed_charge(cache, 100, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
	return 0;
}

/* ---- what a child may be the first to call ---- */

static void use_register(void)
{
	struct memshed_cache *other;

	CHECK(add("first", &other) == 0);
}

static void use_charge(void)
{
	memshed_charge(cache, 1, 0);
}

static void use_uncharge(void)
{
	memshed_uncharge(cache, 1, 0);
}

static void use_hit(void)
{
	memshed_hit(cache, 1);
}

static void use_miss(void)
{
	memshed_miss(cache, 1);
}

static void use_evict(void)
{
	memshed_evict(cache, 1);
}

static void use_poll(void)
{
	memshed_poll();
}

static void use_start(void)
{
	CHECK(memshed_start(NULL) == 0);
}

static void (*const uses[])(void) = {use_register, use_charge, use_uncharge, use_hit,
				     use_miss,     use_evict,  use_poll,     use_start};

/* One thread, its caches seen, no agent to take orders; then one. */
static void check_use(void (*use)(void))
{
	static struct bed own;

	CHECK(has_threads(1));
	CHECK(bed_try_open(&own, getpid()) == 0);
	CHECK(read_state(&own) == MS_AGENT_LAZY);
	CHECK(bed_row(&own, "inherited").bytes == 100);
	use();
	CHECK(has_threads(2));
	CHECK(read_state(&own) != MS_AGENT_LAZY && read_state(&own) != MS_AGENT_NONE);
	CHECK(bed_do(&own, "inherited", MS_LEVEL_CLEAR, 0).status == MS_ANSWER_DONE);
	_exit(0);
}

static void test_agent_comes_with_the_first_use(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		pid_t child = fork();

		if (child == 0) {
			if (uses[i] == use_start) { /* with a standby, as in any process */
				use_start();
				_exit(has_threads(3) ? 0 : 1);
			}
			check_use(uses[i]);
		}
		bed_expect_child(child, 0);
		while (take_hello(NULL) > 0)
			;
	}
}

/* In the answered order's wake comes the thread that takes over from a stuck callback. */
static void test_standby_comes_with_the_first_order(void **state)
{
	static struct bed own;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		use_poll();
		CHECK(bed_try_open(&own, getpid()) == 0 && has_threads(2));
		bed_do(&own, "inherited", MS_LEVEL_CLEAR, 0);
		BED_WAIT_UNTIL(has_threads(3));
		_exit(0);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
}

/* What is counted at once is not lost, and nor is what counts later. */
static void test_first_charges_are_counted(void **state)
{
	static struct bed own;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		memshed_charge(cache, 11, 1);
		memshed_charge(cache, 11, 1);
		memshed_hit(cache, 3);
		CHECK(bed_try_open(&own, getpid()) == 0);
		CHECK(bed_row(&own, "inherited").bytes == 122 && bed_row(&own, "inherited").hits == 3);
		_exit(0);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
}

static void test_a_user_namespace_can_be_entered(void **state)
{
	pid_t child;

	(void)state;
	if (!COUNTS_THREADS)
		skip();
	child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 && errno == EINVAL); /* EINVAL: has threads; others: may not */
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
}

static void test_stop_before_use(void **state)
{
	static struct bed own;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		CHECK(bed_try_open(&own, getpid()) == 0);
		CHECK(memshed_stop() == 0 && memshed_stop() == -ENOENT);
		CHECK(read_state(&own) == MS_AGENT_STOPPED);
		memshed_charge(cache, 1, 1);
		memshed_poll();
		CHECK(has_threads(1) && bed_row(&own, "inherited").bytes == 101);
		CHECK(memshed_start(NULL) == 0);
		CHECK(bed_do(&own, "inherited", MS_LEVEL_CLEAR, 0).status == MS_ANSWER_DONE);
		_exit(0);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
	assert_int_equal(take_hello(NULL), child); /* of memshed_start() */
}

static void test_a_child_of_a_child(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		pid_t grandchild = fork();

		if (grandchild == 0)
			check_use(use_charge);
		CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
		check_use(use_charge);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
	assert_true(take_hello(NULL) > 0);
}

/* A daemon's first act: all descriptors are closed. The watch has its own. */
static void test_hello_is_said_before_fork_returns(void **state)
{
	static struct bed told;
	sigset_t term;
	int signal;

	(void)state;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);

	pid_t child = fork();

	if (child == 0) {
		closefrom(3);
		memshed_charge(cache, 23, 1);
		sigwait(&term, &signal);
		_exit(0);
	}
	BED_WAIT_UNTIL(take_hello(&told) == child);
	BED_WAIT_UNTIL(bed_row(&told, "inherited").bytes == 123);
	assert_int_equal(bed_do(&told, "inherited", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	kill(child, SIGTERM);
	bed_expect_child(child, 0);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	bed_close(&told);
}

/* ---- the other modes ---- */

static void test_fd_mode(void **state)
{
	static struct bed own;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		CHECK(has_threads(1));
		CHECK(bed_try_open(&own, getpid()) == 0 && read_state(&own) == MS_AGENT_LAZY);

		int fd = memshed_fd();

		CHECK(fd >= 0 && has_threads(2) && read_state(&own) == MS_AGENT_IDLE);
		_exit(0);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
}

/* It has no thread anyway, so that it takes orders from the start. */
static void test_signal_mode(void **state)
{
	static struct bed own;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		CHECK(bed_try_open(&own, getpid()) == 0 && read_state(&own) == MS_AGENT_IDLE);

		struct ms_order order = bed_order(&own, "inherited", MS_LEVEL_CLEAR, 0);
		struct ms_order_handle handle = bed_post(&own, &order);

		CHECK(memshed_poll() == 1 && has_threads(1));
		CHECK(bed_wait(&own, &handle).status == MS_ANSWER_DONE);
		_exit(0);
	}
	bed_expect_child(child, 0);
	assert_int_equal(take_hello(NULL), child);
}

int main(void)
{
	const struct CMUnitTest thread_mode[] = {
		cmocka_unit_test(test_agent_comes_with_the_first_use),
		cmocka_unit_test(test_standby_comes_with_the_first_order),
		cmocka_unit_test(test_first_charges_are_counted),
		cmocka_unit_test(test_a_user_namespace_can_be_entered),
		cmocka_unit_test(test_stop_before_use),
		cmocka_unit_test(test_a_child_of_a_child),
		cmocka_unit_test(test_hello_is_said_before_fork_returns),
	};
	const struct CMUnitTest fd_mode[] = {cmocka_unit_test(test_fd_mode)};
	const struct CMUnitTest signal_mode[] = {cmocka_unit_test(test_signal_mode)};
	int failed, status;
	pid_t child;

	child = fork();

	if (child == 0)
		_exit((int)count_threads());
	if (waitpid(child, &status, 0) != child)
		return 1;
	others = (unsigned)WEXITSTATUS(status) - 1;
	mode = MEMSHED_AGENT_THREAD;
	failed = cmocka_run_group_tests(thread_mode, set_up, tear_down);
	mode = MEMSHED_AGENT_FD;
	failed += cmocka_run_group_tests(fd_mode, set_up, tear_down);
	mode = MEMSHED_AGENT_SIGNAL;
	return failed + cmocka_run_group_tests(signal_mode, set_up, tear_down);
}

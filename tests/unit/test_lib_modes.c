/* SPDX-License-Identifier: MIT */
/* The agent in the host's own thread: a descriptor in its loop, a signal and safe points; hello. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib_bed.h"

static struct bed bed;
static struct memshed_cache *cache;
static _Atomic unsigned calls;
static pthread_t ran_in;

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	(void)request;
	calls++;
	ran_in = pthread_self();
	assert_int_equal(memshed_dispatch(), memshed_fd() < 0 ? -ENOENT : -EBUSY);
	assert_int_equal(memshed_poll(), 0);
	result->freed_bytes = 5;
	return MEMSHED_DONE;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	usage->bytes = 4321;
	usage->fields = MEMSHED_USAGE_BYTES;
	return 0;
}

static void start(struct memshed_agent_options options)
{
	struct memshed_cache_options cache_options = MEMSHED_CACHE_OPTIONS(
		.name = "mode", .shrink = shrink, .count = count, .thread_class = MEMSHED_THREAD_OWNER);

	memshed_stop();
	options.size = sizeof(options);
	options.count_interval_ms = 5;
	assert_int_equal(memshed_start(&options), 0);
	assert_int_equal(memshed_register(&cache_options, &cache), 0);
	bed_open(&bed, getpid());
	calls = 0;
}

static void end(void)
{
	bed_close(&bed);
	memshed_unregister(cache);
	assert_int_equal(memshed_stop(), 0);
}

static void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, (int)(BED_PATIENCE_NS / MS_NS_PER_MS)), 1);
}

static void serve_by_fd(void)
{
	struct ms_order order = bed_order(&bed, "mode", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);
	struct ms_answer answer;

	while (ms_control_poll(&bed.client, &handle, &answer, NULL) == 0) {
		wait_readable(memshed_fd());
		assert_true(memshed_dispatch() >= 0);
	}
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_true(pthread_equal(ran_in, pthread_self()));
}

static void test_fd_mode(void **state)
{
	(void)state;
	start((struct memshed_agent_options){.mode = MEMSHED_AGENT_FD});
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.agent_mode, MEMSHED_AGENT_FD);
	serve_by_fd();
	serve_by_fd();
	assert_int_equal(calls, 2);
	/* Counting is due from time to time; the descriptor says so. */
	wait_readable(memshed_fd());
	BED_WAIT_UNTIL(memshed_dispatch() == 0 && bed_row(&bed, "mode").bytes == 4321);
	end();
	assert_int_equal(memshed_fd(), -ENOENT);
}

static void test_fd_mode_in_a_forked_child(void **state)
{
	int parent_fd;
	pid_t child;

	(void)state;
	start((struct memshed_agent_options){.mode = MEMSHED_AGENT_FD});
	parent_fd = memshed_fd();
	serve_by_fd(); /* the relay is up: the sanitizers' own locks do not survive a fork while a thread
			  starts */
	child = fork();
	if (child == 0) {
		bed_leave(&bed);
		bed_open(&bed, getpid());
		serve_by_fd();
		_exit(calls == 2 ? 0 : 1);
	}
	bed_expect_child(child, 0);
	assert_int_equal(memshed_fd(), parent_fd);
	serve_by_fd();
	end();
}

static _Atomic unsigned handled_before;

static void handle_before(int signal)
{
	(void)signal;
	handled_before++;
}

static void serve_by_signal(bool send)
{
	struct ms_order order = bed_order(&bed, "mode", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);
	struct ms_answer answer;

	if (send)
		raise(SIGURG); /* as a client does by its pidfd */
	BED_WAIT_UNTIL(memshed_poll() > 0);
	assert_int_equal(ms_control_poll(&bed.client, &handle, &answer, NULL), 1);
	assert_int_equal(answer.status, MS_ANSWER_DONE);
}

static void test_signal_mode(void **state)
{
	struct sigaction now;
	pid_t child;

	(void)state;
	signal(SIGURG, handle_before);
	start((struct memshed_agent_options){.mode = MEMSHED_AGENT_SIGNAL});
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.agent_mode, MEMSHED_AGENT_SIGNAL);
	assert_int_equal(bed.reader.info.agent_signal, SIGURG);
	serve_by_signal(true);
	assert_int_equal(handled_before, 1); /* the host's own handler goes on to be called */
	serve_by_signal(false);              /* the doorbell is enough */
	assert_int_equal(calls, 2);
	child = fork();
	if (child == 0) {
		bed_leave(&bed);
		bed_open(&bed, getpid());
		serve_by_signal(true);
		_exit(calls == 3 && handled_before == 2 ? 0 : 1);
	}
	bed_expect_child(child, 0);
	end();
	sigaction(SIGURG, NULL, &now);
	assert_ptr_equal(now.sa_handler, handle_before);
	signal(SIGURG, SIG_DFL);
}

static _Atomic bool polling;

static void *poll_on(void *unused)
{
	(void)unused;
	while (polling)
		memshed_poll();
	return NULL;
}

/* Any thread may come by a safe point: one is let in, and the owner's is asked where only it may do it. */
static void test_signal_mode_in_two_threads(void **state)
{
	pthread_t thread;

	(void)state;
	start((struct memshed_agent_options){.mode = MEMSHED_AGENT_SIGNAL});
	polling = true;
	assert_int_equal(pthread_create(&thread, NULL, poll_on, NULL), 0);
	for (unsigned i = 0; i < 20; i++) {
		struct ms_order order = bed_order(&bed, "mode", MS_LEVEL_CLEAR, 0);
		struct ms_order_handle handle = bed_post(&bed, &order);
		struct ms_answer answer;

		raise(SIGURG);
		BED_WAIT_UNTIL((memshed_poll(), ms_control_poll(&bed.client, &handle, &answer, NULL) == 1));
		assert_int_equal(answer.status, MS_ANSWER_DONE);
	}
	assert_int_equal(calls, 20);
	polling = false;
	pthread_join(thread, NULL);
	end();
}

/* ---- hello ---- */

struct received {
	struct ms_hello hello;
	int fds[2];
};

static void receive(int fd, struct received *received)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &received->hello, .iov_len = sizeof(received->hello)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};

	wait_readable(fd);
	assert_int_equal(recvmsg(fd, &message, 0), sizeof(received->hello));
	assert_non_null(CMSG_FIRSTHDR(&message));
	memcpy(received->fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received->fds));
}

static void expect_hello(int fd, pid_t pid)
{
	struct ms_control_client client;
	struct ms_table_reader reader;
	struct received received;

	receive(fd, &received);
	assert_true(received.hello.magic == MS_HELLO_MAGIC);
	assert_int_equal(received.hello.pid, pid);
	assert_int_equal(ms_table_open(&reader, &bed.scratch, received.fds[0]), 0);
	assert_int_equal(ms_table_refresh(&reader), 0);
	assert_true(reader.info.identity == received.hello.identity);
	/* A forked child looks it up when it first uses the library. */
	assert_true(received.hello.start_ticks == 0 || received.hello.start_ticks == reader.info.start_ticks);
	assert_int_equal(ms_control_open(&client, received.fds[1], received.hello.identity, -1, 0), 0);
	ms_control_close(&client);
	ms_table_close(&reader);
}

static void test_hello(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int pipe_fds[2];

	(void)state;
	snprintf(name, sizeof(name), "@memshed-test-%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv(MS_HELLO_ENV, name, 1);
	memshed_stop();
	for (int mode = MEMSHED_AGENT_THREAD; mode <= MEMSHED_AGENT_SIGNAL; mode++) {
		struct memshed_agent_options options = {.size = sizeof(options),
							.mode = (enum memshed_agent_mode)mode};

		assert_int_equal(memshed_start(&options), 0);
		expect_hello(fd, getpid());
		assert_int_equal(pipe(pipe_fds), 0);

		pid_t child = fork();

		if (child == 0) { /* says hello for itself, and lives until it was heard */
			char byte;

			close(pipe_fds[1]);
			memshed_poll();
			_exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
		}
		expect_hello(fd, child);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		bed_expect_child(child, 0);
		assert_int_equal(memshed_stop(), 0);
	}
	/* No agent is there: no harm. */
	close(fd);
	assert_int_equal(memshed_start(NULL), 0);
	unsetenv(MS_HELLO_ENV);
	assert_int_equal(memshed_stop(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fd_mode),
		cmocka_unit_test(test_fd_mode_in_a_forked_child),
		cmocka_unit_test(test_signal_mode),
		cmocka_unit_test(test_signal_mode_in_two_threads),
		cmocka_unit_test(test_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The resident set cannot be read, or only through a thread. Each test runs in a process of its own. */
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib_fake.h"

#define MIB (UINT64_C(1) << 20)

static struct bed bed;
static struct fake fake = {.freed_bytes = 32 * MIB};

/* Of the library: the only open file that ends so. Return: -1 when there is none. */
static int find_descriptor(const char *end)
{
	DIR *directory = opendir("/proc/thread-self/fd");
	const struct dirent *entry;
	int found = -1;

	while (found < 0 && directory && (entry = readdir(directory))) {
		char link[64], path[256];

		snprintf(link, sizeof(link), "/proc/thread-self/fd/%.20s", entry->d_name);

		ssize_t n = readlink(link, path, sizeof(path) - 1);

		if (n < 0 || (size_t)n < strlen(end))
			continue;
		path[n] = '\0';
		if (strcmp(path + n - strlen(end), end) == 0)
			found = atoi(entry->d_name);
	}
	if (directory)
		closedir(directory);
	return found;
}

static void close_statm(struct fake *unused)
{
	(void)unused;
	CHECK(close(find_descriptor("/statm")) == 0);
}

/* A cache that claims 32 MiB and gives nothing back. */
static void begin(enum memshed_agent_mode mode)
{
	struct memshed_agent_options options = {.size = sizeof(options), .mode = mode};

	CHECK(memshed_start(&options) == 0);
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "cache"));
	memshed_charge(fake.handle, 64 * MIB, 1000);
	CHECK(bed_try_open(&bed, getpid()) == 0);
}

static void check_not_measured(void)
{
	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB);

	CHECK(answer.returned_bytes == MS_NOT_MEASURED);
	CHECK(answer.status == MS_ANSWER_DONE && answer.claimed_bytes == 32 * MIB);
	CHECK(bed_row(&bed, "cache").last.returned_per_mille == 0);
}

static void let_nothing_be_opened(struct rlimit *ret_before)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, ret_before) == 0);
	limit = *ret_before;
	limit.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Nothing is learnt from an answer without a measurement, and the next ones have one. */
static void close_it(void)
{
	struct rlimit limit;

	begin(MEMSHED_AGENT_THREAD);
	close_statm(NULL);
	let_nothing_be_opened(&limit);
	check_not_measured();
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	check_not_measured();
	BED_WAIT_UNTIL(find_descriptor("/statm") >= 0);
	CHECK(bed_do(&bed, NULL, MS_LEVEL_TRIM, 16 * MIB).returned_bytes < 8 * MIB);
	_exit(0);
}

static void close_it_in_a_callback(void)
{
	begin(MEMSHED_AGENT_THREAD);
	fake.inside = close_statm;
	check_not_measured();
	_exit(0);
}

/* ---- without the main thread ---- */

static unsigned char *pages;
static enum memshed_agent_mode mode;

static void drop_pages(struct fake *unused)
{
	(void)unused;
	madvise(pages, 32 * MIB, MADV_DONTNEED);
}

static bool has_main_ended(void)
{
	char text[64] = "";
	FILE *file = fopen("/proc/self/statm", "r");
	bool ended = file && fgets(text, sizeof(text), file) && strncmp(text, "0 0 ", 4) == 0;

	if (file)
		fclose(file);
	return ended;
}

static bool is_adopted(void)
{
	char end[64];
	int fd = -1;
	DIR *directory = opendir("/proc/self/task");
	const struct dirent *entry;

	if (mode == MEMSHED_AGENT_SIGNAL)
		memshed_poll();
	while (fd < 0 && directory && (entry = readdir(directory))) {
		snprintf(end, sizeof(end), "/task/%.20s/statm", entry->d_name);
		fd = find_descriptor(end);
	}
	if (directory)
		closedir(directory);
	return fd >= 0;
}

static void *go_on(void *unused)
{
	BED_WAIT_UNTIL(has_main_ended());
	BED_WAIT_UNTIL(is_adopted());

	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 32 * MIB);
	struct ms_order_handle handle = bed_post(&bed, &order);

	if (mode == MEMSHED_AGENT_SIGNAL)
		BED_WAIT_UNTIL(memshed_poll() > 0);

	struct ms_answer answer = bed_wait(&bed, &handle);

	CHECK(answer.returned_bytes >= 31 * MIB && answer.returned_bytes < 64 * MIB);
	_exit(0);
	return unused;
}

static void end_main(void)
{
	pthread_t thread;

	begin(mode);
	fake.inside = drop_pages;
	pages = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	memset(pages, 1, 32 * MIB);
	CHECK(pthread_create(&thread, NULL, go_on, NULL) == 0);
	pthread_exit(NULL);
}

static void in_a_child(void (*body)(void))
{
	pid_t child = fork();

	if (child == 0) {
		body();
		_exit(97);
	}
	bed_expect_child(child, 0);
}

static void test_closed(void **state)
{
	(void)state;
	in_a_child(close_it);
}

static void test_closed_in_a_callback(void **state)
{
	(void)state;
	in_a_child(close_it_in_a_callback);
}

static void test_main_thread_has_ended(void **state)
{
	(void)state;
	mode = MEMSHED_AGENT_THREAD;
	in_a_child(end_main);
	mode = MEMSHED_AGENT_SIGNAL;
	in_a_child(end_main);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_closed_in_a_callback),
		cmocka_unit_test(test_main_thread_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

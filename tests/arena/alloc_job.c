/* SPDX-License-Identifier: MIT */
/*
 * alloc_job.c - a plain job for the arena: a cache of blocks that grows as fast as it can.
 *
 * It goes over its keys, makes the block of a key when it is not cached, and folds every block into a
 * checksum, its output. What was dropped in between must not change the checksum. On stderr it says how
 * often each cache was asked, what that freed, and how long a thread stood still at worst.
 *
 *	--keys N         different blocks (1024)     --bytes N     mean size of one (65536)
 *	--total MIB      so many keys that all of them take that
 *	--exact          all blocks have the mean size
 *	--passes N       over all keys (3)           --threads N   share the keys (1)
 *	--workers N      N forked workers do it, not this process
 *	--rate MIB       make at most so many MiB a second, each thread
 *	--map            blocks are mappings of their own, not malloc'ed
 *	--huge           mappings are advised to have huge pages
 *	--uncharged      libmemshed is not told what the cache holds
 *	--mode WHICH     thread, fd (polled by the first thread) or poll (safe points of it)
 *	--delay MS       the callback begins with a sleep
 *	--hold try|wait  a thread holds its lock while it makes a block; the callback tries the lock, or waits for it
 *	--burst MIB      at last, after --quiet MS (3000) of rest, take that much at once, not cached
 *	--sync FILE      at half time: create FILE.reached and wait until FILE.go exists
 *	--keys-after N   after half time use only so many keys
 *	--fault FAULT    sleep  another cache's callback never returns
 *	                 empty  another cache claims 8 GiB and frees nothing
 *	                 stop   the first callback stops the whole process (SIGSTOP) before it frees anything
 *
 * -k -b -p -w -r -s -a -f stand for --keys, --bytes, --passes, --workers, --rate, --sync, --keys-after, --fault.
 *
 * Threads: each has a shard of the cache (alloc_cache.c); the first one is the main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc_job.h"

enum { WORKERS_MAX = 64, BEAT_BYTES = 1 << 16, PIECE_BYTES = 2 << 20 };

struct job_options options = {
	.keys = 1024, .block_bytes = 65536, .passes = 3, .threads = 1, .quiet_ms = 3000};

/* One working thread. Only it writes here. */
struct worker {
	pthread_t id;
	uint64_t thread, seed, sum;
	uint64_t begin_ns, made_bytes;              /* for the rate */
	uint64_t beat_ns, worst_ns, bytes_unbeaten; /* for the longest time without progress */
};

void job_die(const char *what)
{
	fprintf(stderr, "alloc_job: %s: %s\n", what, strerror(errno));
	exit(1);
}

void *job_must(void *pointer)
{
	if (!pointer)
		job_die("out of memory");
	return pointer;
}

void *job_map(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		job_die("mmap");
	if (options.huge && madvise(memory, bytes, MADV_HUGEPAGE))
		job_die("madvise");
	return memory;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void job_sleep_ms(uint64_t ms)
{
	struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

	while (ms && nanosleep(&left, &left) && errno == EINTR)
		;
}

/* ---- what a thread does beside its work ---- */

/* In the modes without an agent thread, the first thread carries out what is asked. */
static void attend(void)
{
	struct pollfd ready = {.fd = -1, .events = POLLIN};

	if (options.mode == MEMSHED_AGENT_SIGNAL)
		memshed_poll();
	if (options.mode != MEMSHED_AGENT_FD)
		return;
	ready.fd = memshed_fd();
	if (poll(&ready, 1, 0) > 0)
		memshed_dispatch();
}

static void beat(struct worker *worker)
{
	uint64_t now = now_ns();

	if (worker->beat_ns && now - worker->beat_ns > worker->worst_ns)
		worker->worst_ns = now - worker->beat_ns;
	worker->beat_ns = now;
	if (worker->thread == 0)
		attend();
}

/* Sleep when more was made than the rate allows for the time since the first block. */
static void keep_rate(struct worker *worker, uint64_t bytes)
{
	uint64_t due_ns, now = now_ns();

	worker->begin_ns = worker->begin_ns ? worker->begin_ns : now;
	worker->made_bytes += bytes;
	due_ns = worker->begin_ns + worker->made_bytes * 1000 / (options.rate_mib << 20) * 1000000;
	if (due_ns <= now)
		return;
	beat(worker);
	job_sleep_ms((due_ns - now) / 1000000);
	worker->beat_ns = now_ns();
}

static bool exists(const char *suffix)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", options.sync_file, suffix);
	return access(path, F_OK) == 0;
}

static void meet(void)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.reached", options.sync_file);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		job_die(path);
	close(fd);
	while (!exists(".go"))
		job_sleep_ms(10);
}

/* ---- the work ---- */

static void step(struct worker *worker, struct shard *shard, uint64_t slot)
{
	uint64_t key = slot * options.threads + worker->thread, made;

	worker->sum = worker->sum * 31 + cache_use(shard, slot, (key + worker->seed) * 0x9e3779b97f4a7c15, &made);
	if (made && options.rate_mib)
		keep_rate(worker, made);
	worker->bytes_unbeaten += made ? made : options.block_bytes;
	if (worker->bytes_unbeaten < BEAT_BYTES)
		return;
	worker->bytes_unbeaten = 0;
	beat(worker);
}

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	struct shard *shard = cache_shard(worker->thread);
	uint64_t half = options.passes / 2, after = options.keys_after / options.threads;

	for (uint64_t pass = 0; pass < options.passes; pass++) {
		uint64_t keys = after && pass >= half ? after : shard->keys;

		if (options.sync_file && pass == half && worker->thread == 0)
			meet();
		for (uint64_t slot = 0; slot < keys; slot++)
			step(worker, shard, slot);
	}
	return NULL;
}

/* Memory that no cache holds, as fast as it comes. It is there until the process ends. */
static void burst(struct worker *worker)
{
	uint64_t until = now_ns() + options.quiet_ms * 1000000;

	while (now_ns() < until) {
		job_sleep_ms(20);
		attend();
	}
	worker->beat_ns = now_ns();
	for (uint64_t got = 0; got < options.burst_mib << 20; got += PIECE_BYTES) {
		memset(job_map(PIECE_BYTES), 1, PIECE_BYTES);
		beat(worker);
	}
}

static uint64_t work_in_threads(const char *who, uint64_t seed)
{
	static struct worker workers[JOB_THREADS_MAX];
	uint64_t sum = 0, worst_ns = 0;

	for (uint64_t i = 0; i < options.threads; i++) {
		workers[i].thread = i;
		workers[i].seed = seed;
		errno = i ? pthread_create(&workers[i].id, NULL, work, &workers[i]) : 0;
		if (errno)
			job_die("pthread_create");
	}
	work(&workers[0]);
	for (uint64_t i = 1; i < options.threads; i++)
		pthread_join(workers[i].id, NULL);
	if (options.burst_mib)
		burst(&workers[0]);
	for (uint64_t i = 0; i < options.threads; i++) {
		sum = sum * 31 + workers[i].sum;
		worst_ns = workers[i].worst_ns > worst_ns ? workers[i].worst_ns : worst_ns;
	}
	cache_report(who);
	fprintf(stderr, "%s: worst stall %" PRIu64 " ms\n", who, worst_ns / 1000000);
	return sum;
}

/* The blocks were registered before the fork: each child has them in a table of its own. */
static uint64_t work_in_children(void)
{
	uint64_t *sums = job_map(sizeof(uint64_t) * WORKERS_MAX), sum = 0;
	int status, failed = 0;

	for (uint64_t i = 0; i < options.workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			job_die("fork");
		if (pid)
			continue;
		sums[i] = work_in_threads("worker", i << 32);
		_exit(0);
	}
	for (uint64_t i = 0; i < options.workers; i++) {
		if (wait(&status) < 0)
			job_die("wait");
		failed += status != 0;
	}
	if (failed) {
		fprintf(stderr, "alloc_job: %d workers failed\n", failed);
		exit(1);
	}
	for (uint64_t i = 0; i < options.workers; i++)
		sum = sum * 31 + sums[i];
	return sum;
}

/* ---- options ---- */

static const char *mode_word = "thread", *hold_word = "";

/* One of the three is set. The letter, if there is one, is short for the name. */
static const struct known {
	const char *name;
	char letter;
	uint64_t *number;
	bool *flag;
	const char **text;
} known[] = {
	{"keys", 'k', .number = &options.keys},
	{"bytes", 'b', .number = &options.block_bytes},
	{"total", .number = &options.total_mib},
	{"exact", .flag = &options.exact},
	{"passes", 'p', .number = &options.passes},
	{"threads", .number = &options.threads},
	{"workers", 'w', .number = &options.workers},
	{"rate", 'r', .number = &options.rate_mib},
	{"map", .flag = &options.map},
	{"huge", .flag = &options.huge},
	{"uncharged", .flag = &options.uncharged},
	{"mode", .text = &mode_word},
	{"delay", .number = &options.delay_ms},
	{"hold", .text = &hold_word},
	{"burst", .number = &options.burst_mib},
	{"quiet", .number = &options.quiet_ms},
	{"sync", 's', .text = &options.sync_file},
	{"keys-after", 'a', .number = &options.keys_after},
	{"fault", 'f', .text = &options.fault},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

static void take_option(const struct known *option, const char *argument)
{
	if (option->flag)
		*option->flag = true;
	else if (option->text)
		*option->text = argument;
	else
		*option->number = strtoull(argument, NULL, 10);
}

/* Return: the place of a letter in the table; KNOWN when it is none. */
static int find_letter(int letter)
{
	int i = 0;

	while (i < KNOWN && (!known[i].letter || known[i].letter != letter))
		i++;
	return i;
}

/* Return: the place of a word in a list of words that ends with NULL; ends the process when it is none. */
static unsigned find_word(const char *word, const char *const *words)
{
	for (unsigned i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	fprintf(stderr, "alloc_job: what is %s?\n", word);
	exit(2);
}

static void parse(int argc, char **argv)
{
	static const char *const modes[] = {"thread", "fd", "poll", NULL};
	static const char *const holds[] = {"", "try", "wait", NULL};
	struct option table[KNOWN + 1] = {{0}};
	int index, code;

	for (int i = 0; i < KNOWN; i++)
		table[i] = (struct option){.name = known[i].name,
					   .has_arg = known[i].flag ? no_argument : required_argument};
	while ((code = getopt_long(argc, argv, "k:b:p:w:r:s:a:f:", table, &index)) != -1 && code != '?')
		take_option(&known[code ? find_letter(code) : index], optarg);
	options.mode = (enum memshed_agent_mode)find_word(mode_word, modes);
	options.hold = (enum job_hold)find_word(hold_word, holds);
	if (options.total_mib && options.block_bytes)
		options.keys = (options.total_mib << 20) / options.block_bytes;
	if (code != -1 || optind != argc || options.block_bytes < 64 || !options.threads ||
	    options.threads > JOB_THREADS_MAX || options.workers > WORKERS_MAX || options.keys < options.threads || options.keys_after > options.keys) {
		fprintf(stderr, "alloc_job: see the head of alloc_job.c\n");
		exit(2);
	}
}

static void start_agent(void)
{
	struct memshed_agent_options agent = {.size = sizeof(agent), .mode = options.mode};

	errno = -memshed_start(&agent);
	if (errno)
		job_die("memshed_start");
}

int main(int argc, char **argv)
{
	uint64_t sum;

	parse(argc, argv);
	start_agent();
	cache_open();
	sum = options.workers ? work_in_children() : work_in_threads("alloc_job", 0);
	printf("checksum %016" PRIx64 "\n", sum);
	return 0;
}

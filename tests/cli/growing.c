/* SPDX-License-Identifier: MIT */
/*
 * growing - puts more and more into a cache, for the tests of memshed run.
 *
 *   --mib N        through the cache in all        --rate N    MiB a second
 *   --name NAME    of the cache                    --mode thread|fd|signal
 *   --exec         starts itself again first, after it has registered a cache once
 *   --stop         the first time it is asked, it stops itself with SIGSTOP
 *   --hold         when all went through, waits to be killed
 *   --no-table     no libmemshed: everything is kept
 *   --fork         in a child, which its parent waits for
 *   --count        the cache is counted, not charged: the process does not look at its memory by itself
 *   --close        first it closes all descriptors but the standard ones, as daemons do
 *
 * Says "through" then, and ends with 0. The cache drops its oldest entries when it is asked.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memshed.h"

enum { ENTRY_BYTES = 64 * 1024, ENTRIES_MAX = 1 << 20 };

struct arguments {
	struct memshed_agent_options agent;
	unsigned long mib, rate;
	const char *name;
	bool exec, stop, hold, no_table, fork, count, close;
};

/* Entries are put in at @end and dropped at @begin; guarded by @lock. */
static struct {
	pthread_mutex_t lock;
	char *entries[ENTRIES_MAX];
	unsigned long begin, end;
	struct memshed_cache *handle;
	bool stop, charged;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	if (cache.stop) {
		cache.stop = false;
		raise(SIGSTOP);
	}
	pthread_mutex_lock(&cache.lock);
	while (cache.begin < cache.end &&
	       (request->target_bytes == 0 || result->freed_bytes < request->target_bytes)) {
		free(cache.entries[cache.begin++]);
		result->freed_bytes += ENTRY_BYTES;
		result->freed_entries++;
	}
	pthread_mutex_unlock(&cache.lock);
	if (cache.charged)
		memshed_uncharge(cache.handle, result->freed_bytes, result->freed_entries);
	return result->freed_entries ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	(void)ctx;
	pthread_mutex_lock(&cache.lock);
	usage->entries = cache.end - cache.begin;
	pthread_mutex_unlock(&cache.lock);
	usage->bytes = usage->entries * ENTRY_BYTES;
	usage->fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES;
	return 0;
}

static void put(void)
{
	char *entry = malloc(ENTRY_BYTES);

	memset(entry, 1, ENTRY_BYTES);
	pthread_mutex_lock(&cache.lock);
	cache.entries[cache.end++] = entry;
	pthread_mutex_unlock(&cache.lock);
	if (cache.charged)
		memshed_charge(cache.handle, ENTRY_BYTES, 1);
}

static bool start(const struct arguments *arguments)
{
	const struct memshed_cache_options options =
		MEMSHED_CACHE_OPTIONS(.name = arguments->name, .shrink = shrink, .count = arguments->count ? count : NULL);

	cache.stop = arguments->stop;
	cache.charged = !arguments->count;
	return memshed_start(&arguments->agent) == 0 && memshed_register(&options, &cache.handle) == 0;
}

static void serve(const struct arguments *arguments)
{
	if (arguments->agent.mode == MEMSHED_AGENT_FD)
		memshed_dispatch();
	else
		memshed_poll();
}

static void grow(const struct arguments *arguments)
{
	const unsigned long entries = arguments->mib * (1024 * 1024 / ENTRY_BYTES);
	const unsigned long per_s = arguments->rate * (1024 * 1024 / ENTRY_BYTES);
	const struct timespec pause = {.tv_nsec = (long)(1000000000UL / per_s)};

	for (unsigned long i = 0; i < entries && i < ENTRIES_MAX; i++) {
		put();
		if (!arguments->no_table)
			serve(arguments);
		nanosleep(&pause, NULL);
	}
}

static enum memshed_agent_mode parse_mode(const char *name)
{
	return strcmp(name, "fd") == 0       ? MEMSHED_AGENT_FD
	       : strcmp(name, "signal") == 0 ? MEMSHED_AGENT_SIGNAL
					     : MEMSHED_AGENT_THREAD;
}

static bool parse(int argc, char **argv, struct arguments *ret_arguments)
{
	static const struct option options[] = {
		{"mib", required_argument, NULL, 'm'},
		{"rate", required_argument, NULL, 'r'},
		{"name", required_argument, NULL, 'n'},
		{"mode", required_argument, NULL, 'a'},
		{"exec", no_argument, NULL, 'e'},
		{"stop", no_argument, NULL, 's'},
		{"no-table", no_argument, NULL, 't'},
		{"hold", no_argument, NULL, 'h'},
		{"fork", no_argument, NULL, 'f'},
		{"count", no_argument, NULL, 'u'},
		{"close", no_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			ret_arguments->mib = strtoul(optarg, NULL, 10);
		else if (option == 'r')
			ret_arguments->rate = strtoul(optarg, NULL, 10);
		else if (option == 'n')
			ret_arguments->name = optarg;
		else if (option == 'a')
			ret_arguments->agent.mode = parse_mode(optarg);
		else if (option == 'e')
			ret_arguments->exec = true;
		else if (option == 's')
			ret_arguments->stop = true;
		else if (option == 'h')
			ret_arguments->hold = true;
		else if (option == 'f')
			ret_arguments->fork = true;
		else if (option == 'u')
			ret_arguments->count = true;
		else if (option == 'c')
			ret_arguments->close = true;
		else if (option == 't')
			ret_arguments->no_table = true;
		else
			return false;
	}
	return true;
}

/* Return: in the parent not at all. */
static void go_on_in_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		return;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		_exit(5);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 6);
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.agent.size = sizeof(arguments.agent), .mib = 100, .rate = 100, .name = "growing"};

	if (!parse(argc, argv, &arguments))
		return 2;
	if (!arguments.no_table && !start(&arguments))
		return 3;
	if (arguments.exec) {
		char mib[32], rate[32];

		snprintf(mib, sizeof(mib), "%lu", arguments.mib);
		snprintf(rate, sizeof(rate), "%lu", arguments.rate);
		execl("/proc/self/exe", argv[0], "--mib", mib, "--rate", rate, (char *)NULL);
		return 4;
	}
	if (arguments.fork)
		go_on_in_child();
	if (arguments.close)
		close_range(STDERR_FILENO + 1, ~0u, 0);
	grow(&arguments);
	puts("through");
	fflush(stdout);
	while (arguments.hold)
		pause();
	return 0;
}

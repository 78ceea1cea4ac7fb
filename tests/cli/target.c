/* SPDX-License-Identifier: MIT */
/*
 * target [OPTION...] CACHE... - a process with caches, for the tests of this folder.
 *
 *   --mode thread|fd|signal   the agent's mode; the host's loop is the main thread's
 *   --comm NAME               its name in /proc/PID/comm
 *   --many N                  N caches more, named cache-1 to cache-N, of 1 to N bytes
 *   --twins N                 N caches more with one name, twin, of 4096 bytes, an entry, three hits and a miss each
 *   --deaf                    the host never comes by to carry out orders (with --mode fd)
 *   --seldom                  the agent counts once an hour by itself
 *   --enter-block             the host's lock (round_begin) is never to be had
 *   --no-table                use libmemshed not at all
 *   --lose-main               the main thread ends, another one lives on
 *   --script PATH             what a shell would call its script; not read
 *   --close                   close all descriptors but the first three, as daemons do
 *
 * CACHE is NAME=BYTES[,WORD...]; NAME may hold \n, \xHH; BYTES are really allocated and freed. WORD is a
 * behaviour (busy, empty, unsupported, stuck, die, clear: only the simple callback), a kind (memo, file, ...)
 * or prio:N, cost:N, hits:N, misses:N (three and one for each entry without them), estimated,
 * manual, io, unheld, collector; or counted: it is asked for its size, and says one entry of 4096 bytes more each time.
 *
 * Prints "ready" once everything is registered, then lives until it is killed.
 */
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memshed.h"

enum behaviour { GOOD = 0, BUSY, EMPTY, UNSUPPORTED, STUCK, DIE };
enum { ENTRY_BYTES = 4096, CACHES_MAX = 32 };

struct cache {
	struct memshed_cache *handle;
	enum behaviour behaviour;
	char **entries;
	uint64_t count;
	const char *hits, *misses; /* NULL: by the number of entries */
	uint64_t asked;            /* how often it was counted */
};

static struct cache caches[CACHES_MAX];
static unsigned cache_count;

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	struct cache *cache = ctx;
	uint64_t want = request->target_bytes;

	switch (cache->behaviour) {
	case BUSY:
		return MEMSHED_BUSY;
	case EMPTY:
		return MEMSHED_EMPTY;
	case UNSUPPORTED:
		return MEMSHED_UNSUPPORTED;
	case STUCK:
		while (true)
			pause();
	case DIE:
		_exit(0);
	case GOOD:
		break;
	}
	while (cache->count > 0 && (want == 0 || result->freed_bytes < want)) {
		free(cache->entries[--cache->count]);
		result->freed_bytes += ENTRY_BYTES;
		result->freed_entries++;
	}
	memshed_uncharge(cache->handle, result->freed_bytes, result->freed_entries);
	memshed_evict(cache->handle, result->freed_entries);
	return result->freed_entries == 0 ? MEMSHED_EMPTY : MEMSHED_DONE;
}

static void clear(void *ctx)
{
	const struct memshed_request request = {.size = sizeof(request), .level = MEMSHED_LEVEL_CLEAR};
	struct memshed_result result = {.size = sizeof(result)};

	shrink(ctx, &request, &result);
}

static void fill(struct cache *cache, uint64_t bytes)
{
	uint64_t count = bytes / ENTRY_BYTES;

	cache->entries = calloc(count + 1, sizeof(char *));
	for (; cache->entries && cache->count < count; cache->count++) {
		cache->entries[cache->count] = malloc(ENTRY_BYTES);
		memset(cache->entries[cache->count], 1, ENTRY_BYTES);
	}
	memshed_charge(cache->handle, count * ENTRY_BYTES, count);
	memshed_hit(cache->handle, cache->hits ? strtoull(cache->hits, NULL, 10) : 3 * count);
	memshed_miss(cache->handle, cache->misses ? strtoull(cache->misses, NULL, 10) : count);
}

static int count(void *ctx, struct memshed_usage *usage)
{
	struct cache *cache = ctx;

	cache->asked++;
	usage->fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES;
	usage->entries = cache->asked;
	usage->bytes = cache->asked * ENTRY_BYTES;
	return 0;
}

/* \n and \xHH in a name. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (strncmp(text, "\\n", 2) == 0) {
			*to++ = '\n';
			text++;
		} else if (strncmp(text, "\\x", 2) == 0) {
			char digits[3] = {text[2], text[3], '\0'};

			*to++ = (char)strtoul(digits, NULL, 16);
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void apply_word(const char *word, struct cache *cache, struct memshed_cache_options *options)
{
	static const char *const behaviours[] = {"good", "busy", "empty", "unsupported", "stuck", "die"};

	for (unsigned i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strcmp(word, behaviours[i]) == 0)
			cache->behaviour = (enum behaviour)i;
	for (unsigned kind = MEMSHED_KIND_OTHER; kind <= MEMSHED_KIND_CODE; kind++)
		if (strcmp(word, memshed_kind_name(kind)) == 0)
			options->kind = kind;
	if (strcmp(word, "counted") == 0)
		options->count = count;
	if (strcmp(word, "clear") == 0)
		options->shrink = NULL;
	if (strcmp(word, "estimated") == 0)
		options->flags |= MEMSHED_CACHE_ESTIMATED;
	if (strcmp(word, "manual") == 0)
		options->flags |= MEMSHED_CACHE_MANUAL;
	if (strcmp(word, "io") == 0)
		options->flags |= MEMSHED_CACHE_MAY_IO;
	if (strcmp(word, "unheld") == 0)
		options->flags |= MEMSHED_CACHE_NO_BRAKE;
	if (strcmp(word, "collector") == 0)
		options->flags |= MEMSHED_CACHE_COLLECTOR;
	if (strncmp(word, "prio:", 5) == 0)
		options->priority = atoi(word + 5);
	if (strncmp(word, "cost:", 5) == 0)
		options->cost_us = strtoull(word + 5, NULL, 10);
	if (strncmp(word, "hits:", 5) == 0)
		cache->hits = word + 5;
	if (strncmp(word, "misses:", 7) == 0)
		cache->misses = word + 7;
}

static bool add_cache(char *spec)
{
	struct cache *cache = &caches[cache_count];
	char *size = strrchr(spec, '=');

	if (!size || cache_count++ == CACHES_MAX)
		return false;
	*size++ = '\0';
	unescape(spec);
	struct memshed_cache_options options =
		MEMSHED_CACHE_OPTIONS(.name = spec, .shrink = shrink, .clear = clear, .ctx = cache);
	uint64_t bytes = strtoull(size, NULL, 10);
	strtok(size, ",");
	for (char *word = strtok(NULL, ","); word; word = strtok(NULL, ","))
		apply_word(word, cache, &options);
	if (memshed_register(&options, &cache->handle) < 0)
		return false;
	fill(cache, bytes);
	return true;
}

static bool add_many(unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		struct memshed_cache *handle;
		char name[32];

		snprintf(name, sizeof(name), "cache-%u", i);
		struct memshed_cache_options options =
			MEMSHED_CACHE_OPTIONS(.name = name, .shrink = shrink, .ctx = &caches[CACHES_MAX - 1]);
		if (memshed_register(&options, &handle) < 0)
			return false;
		memshed_charge(handle, i, 1);
	}
	return true;
}

static bool add_twins(unsigned count)
{
	struct cache *twins = calloc(count + 1, sizeof(*twins));

	for (unsigned i = 0; twins && i < count; i++) {
		struct memshed_cache_options options =
			MEMSHED_CACHE_OPTIONS(.name = "twin", .shrink = shrink, .ctx = &twins[i]);
		if (memshed_register(&options, &twins[i].handle) < 0)
			return false;
		fill(&twins[i], ENTRY_BYTES);
	}
	return twins;
}

static int never_begin(void *ctx)
{
	(void)ctx;
	while (true)
		pause();
	return 0;
}

static void end(void *ctx)
{
	(void)ctx;
}

static void live(enum memshed_agent_mode mode)
{
	while (true) {
		struct pollfd wait = {.fd = mode == MEMSHED_AGENT_FD ? memshed_fd() : -1, .events = POLLIN};

		poll(&wait, 1, mode == MEMSHED_AGENT_SIGNAL ? 20 : 1000);
		if (mode == MEMSHED_AGENT_FD)
			memshed_dispatch();
		else
			memshed_poll();
	}
}

static enum memshed_agent_mode parse_mode(const char *name)
{
	return strcmp(name, "fd") == 0       ? MEMSHED_AGENT_FD
	       : strcmp(name, "signal") == 0 ? MEMSHED_AGENT_SIGNAL
					     : MEMSHED_AGENT_THREAD;
}

struct arguments {
	struct memshed_agent_options agent;
	unsigned many, twins;
	bool no_table, lose_main, close, deaf;
};

static bool parse(int argc, char **argv, struct arguments *ret_arguments)
{
	static const struct option options[] = {
		{"mode", required_argument, NULL, 'm'}, {"comm", required_argument, NULL, 'c'},
		{"many", required_argument, NULL, 'n'}, {"enter-block", no_argument, NULL, 'e'},
		{"no-table", no_argument, NULL, 't'},   {"lose-main", no_argument, NULL, 'l'},
		{"close", no_argument, NULL, 'x'},      {"script", required_argument, NULL, 's'},
		{"twins", required_argument, NULL, 'w'}, {"deaf", no_argument, NULL, 'd'},
		{"seldom", no_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			ret_arguments->agent.mode = parse_mode(optarg);
		else if (option == 'c')
			prctl(PR_SET_NAME, optarg);
		else if (option == 'n')
			ret_arguments->many = (unsigned)atoi(optarg);
		else if (option == 'w')
			ret_arguments->twins = (unsigned)atoi(optarg);
		else if (option == 'd')
			ret_arguments->deaf = true;
		else if (option == 'o')
			ret_arguments->agent.count_interval_ms = 3600000;
		else if (option == 'e')
			ret_arguments->agent.round_begin = never_begin;
		else if (option == 't')
			ret_arguments->no_table = true;
		else if (option == 'l')
			ret_arguments->lose_main = true;
		else if (option == 'x')
			ret_arguments->close = true;
		else if (option == 's')
			continue;
		else
			return false;
	}
	ret_arguments->agent.round_end = ret_arguments->agent.round_begin ? end : NULL;
	return true;
}

static void *live_on(void *arg)
{
	while (true)
		pause();
	return arg;
}

static void lose_main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, live_on, NULL) == 0)
		pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.agent.size = sizeof(arguments.agent)};

	if (!parse(argc, argv, &arguments))
		return 2;
	if (!arguments.no_table && memshed_start(&arguments.agent) < 0)
		return 3;
	for (; optind < argc; optind++)
		if (!add_cache(argv[optind]))
			return 4;
	if (!add_many(arguments.many) || !add_twins(arguments.twins))
		return 5;
	if (arguments.close)
		close_range(STDERR_FILENO + 1, ~0u, 0);
	puts("ready");
	fflush(stdout);
	if (arguments.lose_main)
		lose_main();
	if (arguments.no_table || arguments.deaf)
		while (true)
			pause();
	live(arguments.agent.mode);
}

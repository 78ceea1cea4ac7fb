/* SPDX-License-Identifier: MIT */
/*
 * doc_search.c - answer word queries over the gzip files of a folder tree.
 *
 *	doc_search [-c COPIES] [-n QUERIES] [-t THREADS] [FOLDER...]
 *
 *	cc -O2 doc_search.c $(pkg-config --cflags --libs memshed zlib) -o doc_search
 *
 * Each query asks which files hold a word most often; the words are taken from the files themselves.
 * Inflated texts are kept in a hash cache, since inflating is most of the work, and the cache is
 * registered with libmemshed: near a memory limit it gives back its oldest texts.
 *
 * Threads: the workers of a query look up and fill the cache; libmemshed's agent shrinks it.
 * One lock, cache.lock, guards everything in struct cache; it is never held while a file is inflated
 * or searched. A text in use is pinned by its references and freed with the last of them.
 * The output depends on the files alone, not on what was dropped in between.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem() */
#endif
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <memshed.h>
#include <zlib.h>

enum { BUCKETS = 1 << 16, SHOWN = 3, WORD_BYTES = 32, QUERIES_MAX = 1000, THREADS_MAX = 64, TEXT_MOST = 1 << 28 };
enum { PATIENCE_NS = 5000000 };

/* An inflated file. Guarded by cache.lock but for the bytes, which never change. */
struct text {
	struct text *next_in_bucket;
	struct text *older, *newer;
	size_t document;
	unsigned references; /* the cache's own is one of them */
	size_t length;
	char bytes[];
};

static struct cache {
	pthread_mutex_t lock;
	struct text *buckets[BUCKETS];
	struct text *oldest, *newest;
	struct memshed_cache *handle;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct library {
	char **paths;
	size_t files;
	size_t copies;
	size_t documents; /* files * copies: copy k of file i is document k * files + i */
} library;

/* ---- the cache ---- */

static size_t weigh(const struct text *text)
{
	return sizeof(*text) + text->length;
}

static struct text **bucket_of(size_t document)
{
	return &cache.buckets[(document * UINT64_C(0x9e3779b97f4a7c15)) >> 48];
}

/* Drop one reference; with cache.lock held. */
static void put_locked(struct text *text)
{
	if (--text->references == 0)
		free(text);
}

static void put(struct text *text)
{
	pthread_mutex_lock(&cache.lock);
	put_locked(text);
	pthread_mutex_unlock(&cache.lock);
}

static void unlink_age(struct text *text)
{
	*(text->older ? &text->older->newer : &cache.oldest) = text->newer;
	*(text->newer ? &text->newer->older : &cache.newest) = text->older;
}

static void link_newest(struct text *text)
{
	text->newer = NULL;
	text->older = cache.newest;
	*(cache.newest ? &cache.newest->newer : &cache.oldest) = text;
	cache.newest = text;
}

/* Return: the text with a reference for the caller, or NULL. */
static struct text *find(size_t document)
{
	struct text *text;

	pthread_mutex_lock(&cache.lock);
	for (text = *bucket_of(document); text; text = text->next_in_bucket)
		if (text->document == document)
			break;
	if (text) {
		text->references++;
		unlink_age(text);
		link_newest(text);
	}
	pthread_mutex_unlock(&cache.lock);
	return text;
}

/* Each document is read by one worker of a query, so no other thread can have inserted it meanwhile. */
static void insert(struct text *text)
{
	struct text **bucket = bucket_of(text->document);

	pthread_mutex_lock(&cache.lock);
	text->references++;
	text->next_in_bucket = *bucket;
	*bucket = text;
	link_newest(text);
	pthread_mutex_unlock(&cache.lock);
	memshed_charge(cache.handle, weigh(text), 1);
}

static void evict_locked(struct text *text)
{
	struct text **link = bucket_of(text->document);

	while (*link != text)
		link = &(*link)->next_in_bucket;
	*link = text->next_in_bucket;
	unlink_age(text);
	memshed_uncharge(cache.handle, weigh(text), 1);
	put_locked(text);
}

/* The workers hold the lock for microseconds, but take it all the time: a trylock would lose to them. */
static bool lock_for(uint64_t deadline_ns)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);

	uint64_t until_ns = (uint64_t)until.tv_sec * 1000000000 + (uint64_t)until.tv_nsec + PATIENCE_NS;

	until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
	until = (struct timespec){.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
	return pthread_mutex_clocklock(&cache.lock, CLOCK_MONOTONIC, &until) == 0;
}

/* What libmemshed calls: oldest first, until enough is free. */
static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	(void)ctx;
	if (!lock_for(request->deadline_ns))
		return MEMSHED_BUSY;
	while (cache.oldest && (!request->target_bytes || result->freed_bytes < request->target_bytes)) {
		result->freed_bytes += weigh(cache.oldest);
		result->freed_entries++;
		evict_locked(cache.oldest);
	}
	pthread_mutex_unlock(&cache.lock);
	result->scanned_entries = result->freed_entries;
	if (!result->freed_entries)
		return MEMSHED_EMPTY;
	return result->freed_bytes >= request->target_bytes ? MEMSHED_DONE : MEMSHED_PARTIAL;
}

/* ---- texts ---- */

static void die(const char *what)
{
	fprintf(stderr, "doc_search: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *must(void *pointer)
{
	if (!pointer)
		die("out of memory");
	return pointer;
}

/* A gzip file ends with its inflated size, if it has one member of less than 4 GiB. Knowing it spares
 * growing the text by copies, which realloc() makes while it holds the lock that shrink's free() needs. */
static size_t inflated_size(int fd)
{
	unsigned char end[4];

	if (lseek(fd, -4, SEEK_END) < 0 || read(fd, end, 4) != 4 || lseek(fd, 0, SEEK_SET) < 0)
		return 0;
	return (size_t)end[3] << 24 | (size_t)end[2] << 16 | (size_t)end[1] << 8 | end[0];
}

static struct text *resize(struct text *text, size_t room)
{
	return must(realloc(text, sizeof(*text) + room));
}

/* Inflate a file whole; the copies differ in nothing but their number. */
static struct text *inflate_file(size_t document)
{
	int fd = open(library.paths[document % library.files], O_RDONLY | O_CLOEXEC);
	size_t size = fd < 0 ? 0 : inflated_size(fd), room = size < TEXT_MOST ? size + 1 : TEXT_MOST;
	struct text *text = resize(NULL, room);
	gzFile file = fd < 0 ? NULL : gzdopen(fd, "rb");
	int got = 0;

	*text = (struct text){.document = document, .references = 1};
	while (file && (got = gzread(file, text->bytes + text->length, (unsigned)(room - text->length))) > 0) {
		text->length += (size_t)got;
		if (text->length == room) { /* it has several members */
			room *= 2;
			text = resize(text, room);
		}
	}
	if (file)
		gzclose(file);
	else if (fd >= 0)
		close(fd);
	return resize(text, text->length);
}

static struct text *get(size_t document)
{
	struct text *text = find(document);

	if (text) {
		memshed_hit(cache.handle, 1);
		return text;
	}
	memshed_miss(cache.handle, 1);
	text = inflate_file(document);
	insert(text);
	return text;
}

static bool is_word(const struct text *text, size_t at, size_t length)
{
	bool before = at > 0 && isalnum((unsigned char)text->bytes[at - 1]);
	bool after = at + length < text->length && isalnum((unsigned char)text->bytes[at + length]);

	return !before && !after;
}

static uint64_t count_word(const struct text *text, const char *word)
{
	size_t length = strlen(word), at = 0;
	uint64_t count = 0;

	for (;;) {
		const char *hit = memmem(text->bytes + at, text->length - at, word, length);

		if (!hit)
			return count;
		at = (size_t)(hit - text->bytes);
		count += is_word(text, at, length);
		at += length;
	}
}

/* ---- a query ---- */

struct best {
	uint64_t count;
	size_t document;
};

struct slice {
	pthread_t thread;
	const char *word;
	size_t first, step;
	uint64_t total, documents;
	struct best best[SHOWN];
};

/* More hits first, then the lower document, so that the order does not depend on the threads. */
static void offer(struct best *best, struct best candidate)
{
	for (size_t i = 0; i < SHOWN; i++) {
		struct best other = best[i];

		if (candidate.count < other.count ||
		    (candidate.count == other.count && candidate.document >= other.document))
			continue;
		best[i] = candidate;
		candidate = other;
	}
}

static void *search_slice(void *arg)
{
	struct slice *slice = arg;

	for (size_t document = slice->first; document < library.documents; document += slice->step) {
		struct text *text = get(document);
		uint64_t count = count_word(text, slice->word);

		put(text);
		slice->total += count;
		slice->documents += count > 0;
		if (count)
			offer(slice->best, (struct best){count, document});
	}
	return NULL;
}

static void answer(const char *word, size_t threads)
{
	struct slice slices[THREADS_MAX], sum = {.word = word};

	for (size_t i = 0; i < threads; i++) {
		slices[i] = (struct slice){.word = word, .first = i, .step = threads};
		errno = pthread_create(&slices[i].thread, NULL, search_slice, &slices[i]);
		if (errno)
			die("cannot start a thread");
	}
	for (size_t i = 0; i < threads; i++) {
		pthread_join(slices[i].thread, NULL);
		sum.total += slices[i].total;
		sum.documents += slices[i].documents;
		for (size_t k = 0; k < SHOWN; k++)
			if (slices[i].best[k].count)
				offer(sum.best, slices[i].best[k]);
	}
	printf("%s: %" PRIu64 " in %" PRIu64 " documents;", word, sum.total, sum.documents);
	for (size_t k = 0; k < SHOWN && sum.best[k].count; k++)
		printf(" %s %" PRIu64, library.paths[sum.best[k].document % library.files], sum.best[k].count);
	putchar('\n');
}

/* ---- what to search, and for what ---- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_path(const char *path)
{
	if ((library.files & (library.files + 1)) == 0)
		library.paths = must(realloc(library.paths, sizeof(char *) * (library.files + 1) * 2));
	library.paths[library.files++] = must(strdup(path));
}

static void find_files(char **folders)
{
	FTS *tree = must(fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, by_name));
	FTSENT *entry;

	while ((entry = fts_read(tree)))
		if (entry->fts_info == FTS_F && entry->fts_namelen > 3 &&
		    !strcmp(entry->fts_name + entry->fts_namelen - 3, ".gz"))
			add_path(entry->fts_path);
	fts_close(tree);
}

/* The first lower-case word of five letters or more behind the middle of the text. */
static bool pick_word(const struct text *text, char word[WORD_BYTES])
{
	size_t length = 0;

	for (size_t at = text->length / 2; at < text->length; at++) {
		if (islower((unsigned char)text->bytes[at]) && length < WORD_BYTES - 1) {
			word[length++] = text->bytes[at];
			continue;
		}
		if (length >= 5 && is_word(text, at - length, length))
			break;
		length = 0;
	}
	word[length] = '\0';
	return length >= 5;
}

static void answer_all(size_t queries, size_t threads)
{
	char word[WORD_BYTES];

	for (size_t i = 0; i < queries; i++) {
		struct text *text = get((i * 2654435761u) % library.files);
		bool found = pick_word(text, word);

		put(text);
		answer(found ? word : "license", threads);
	}
}

static size_t number(const char *text, size_t least, size_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || value < least || value > most) {
		fprintf(stderr, "doc_search: '%s' is not a number from %zu to %zu\n", text, least, most);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static char tree[] = "/usr/share/doc";
	char *usual[] = {tree, NULL};
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "doc_search.texts",
								     .kind = MEMSHED_KIND_FILE, .shrink = shrink);
	size_t queries = 12, threads = 2;
	int option, failed;

	library.copies = 1;
	while ((option = getopt(argc, argv, "c:n:t:")) != -1) {
		switch (option) {
		case 'c': library.copies = number(optarg, 1, 10000); break;
		case 'n': queries = number(optarg, 1, QUERIES_MAX); break;
		case 't': threads = number(optarg, 1, THREADS_MAX); break;
		default:
			fprintf(stderr, "usage: doc_search [-c COPIES] [-n QUERIES] [-t THREADS] [FOLDER...]\n");
			return 2;
		}
	}
	/* Without memshed the program works too; it only keeps everything. */
	failed = memshed_register(&options, &cache.handle);
	if (failed)
		fprintf(stderr, "doc_search: the cache is not registered: %s\n", strerror(-failed));
	find_files(optind < argc ? argv + optind : usual);
	library.documents = library.files * library.copies;
	printf("documents: %zu\n", library.documents);
	if (library.documents)
		answer_all(queries, threads);
	memshed_unregister(cache.handle);
	return 0;
}

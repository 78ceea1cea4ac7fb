/* SPDX-License-Identifier: MIT */
/*
 * event_loop.c - count lines of files for clients on a TCP port, in one thread around poll(2).
 *
 *	event_loop            prints "port N"; a client sends paths, one a line, and gets "LINES BYTES" for each
 *
 *	cc -O2 event_loop.c $(pkg-config --cflags --libs memshed) -o event_loop
 *
 * The files' texts are cached. The cache has no lock, because the loop is the only thread that touches it; so
 * libmemshed must not call shrink() from a thread of its own. MEMSHED_AGENT_FD gives the loop one more
 * descriptor to poll, and memshed_dispatch() calls shrink() from there.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memshed.h>

enum { CLIENTS = 64, LINE_BYTES = 4096, TEXT_MOST = 1 << 26 };

struct text {
	struct text *older, *newer;
	char *path, *bytes;
	size_t length;
};

static struct text *oldest, *newest;
static struct memshed_cache *cache;

struct client {
	int fd;
	size_t length;
	char line[LINE_BYTES];
};

static struct client clients[CLIENTS];
static unsigned client_count;

/* ---- the cache ---- */

static size_t weigh(const struct text *text)
{
	return sizeof(*text) + strlen(text->path) + 1 + text->length;
}

static void unlink_text(struct text *text)
{
	*(text->older ? &text->older->newer : &oldest) = text->newer;
	*(text->newer ? &text->newer->older : &newest) = text->older;
}

static void link_newest(struct text *text)
{
	text->newer = NULL;
	text->older = newest;
	*(newest ? &newest->newer : &oldest) = text;
	newest = text;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request, struct memshed_result *result)
{
	(void)ctx;
	while (oldest && (!request->target_bytes || result->freed_bytes < request->target_bytes)) {
		struct text *text = oldest;

		result->freed_bytes += weigh(text);
		result->freed_entries++;
		unlink_text(text);
		free(text->path);
		free(text->bytes);
		free(text);
	}
	memshed_uncharge(cache, result->freed_bytes, result->freed_entries);
	return result->freed_entries ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static char *read_file(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "re");
	char *bytes = NULL;

	*ret_length = 0;
	for (size_t room = 1 << 16; file && room <= TEXT_MOST; room *= 2) {
		char *more = realloc(bytes, room);

		if (!more)
			break;
		bytes = more;
		*ret_length += fread(bytes + *ret_length, 1, room - *ret_length, file);
		if (*ret_length < room)
			break;
	}
	if (file)
		fclose(file);
	return bytes;
}

static const struct text *get(const char *path)
{
	struct text *text;

	for (text = newest; text; text = text->older)
		if (strcmp(text->path, path) == 0)
			break;
	if (text) {
		memshed_hit(cache, 1);
		unlink_text(text);
		link_newest(text);
		return text;
	}
	memshed_miss(cache, 1);
	text = calloc(1, sizeof(*text));
	if (!text || !(text->path = strdup(path)) || !(text->bytes = read_file(path, &text->length))) {
		free(text ? text->path : NULL);
		free(text);
		return NULL;
	}
	link_newest(text);
	memshed_charge(cache, weigh(text), 1);
	return text;
}

/* ---- clients ---- */

static void answer(int fd, const char *path)
{
	const struct text *text = get(path);
	size_t lines = 0;

	for (size_t i = 0; text && i < text->length; i++)
		lines += text->bytes[i] == '\n';
	if (text)
		dprintf(fd, "%zu %zu\n", lines, text->length);
	else
		dprintf(fd, "cannot read %s\n", path);
}

/* Return: false when the client has gone, or sends no path. */
static bool serve(struct client *client)
{
	ssize_t n = read(client->fd, client->line + client->length, sizeof(client->line) - client->length);
	char *end;

	if (n <= 0)
		return false;
	client->length += (size_t)n;
	while ((end = memchr(client->line, '\n', client->length))) {
		size_t used = (size_t)(end - client->line) + 1;

		*end = '\0';
		answer(client->fd, client->line);
		client->length -= used;
		memmove(client->line, end + 1, client->length);
	}
	return client->length < sizeof(client->line);
}

static void serve_all(const struct pollfd *polled, unsigned count)
{
	for (unsigned i = count; i-- > 0;) {
		if (!polled[i].revents || serve(&clients[i]))
			continue;
		close(clients[i].fd);
		clients[i] = clients[--client_count];
	}
}

static void accept_client(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0 && client_count == CLIENTS)
		close(fd);
	else if (fd >= 0)
		clients[client_count++] = (struct client){.fd = fd};
}

static int listen_anywhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, CLIENTS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
		perror("event_loop");
		exit(1);
	}
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(void)
{
	struct memshed_agent_options agent = {.size = sizeof(agent), .mode = MEMSHED_AGENT_FD};
	int listener = listen_anywhere();

	/* Without memshed the server works too; it only keeps everything. */
	if (memshed_start(&agent) < 0 ||
	    memshed_register(&MEMSHED_CACHE_OPTIONS(.name = "texts", .kind = MEMSHED_KIND_FILE, .shrink = shrink),
			     &cache) < 0)
		fprintf(stderr, "event_loop: the cache is not registered\n");
	for (;;) {
		struct pollfd polled[CLIENTS + 2];
		unsigned count = client_count;

		for (unsigned i = 0; i < count; i++)
			polled[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		polled[count] = (struct pollfd){.fd = listener, .events = POLLIN};
		polled[count + 1] = (struct pollfd){.fd = memshed_fd(), .events = POLLIN}; /* negative: not polled */
		if (poll(polled, count + 2, -1) < 0)
			continue;
		if (polled[count + 1].revents)
			memshed_dispatch();
		serve_all(polled, count);
		if (polled[count].revents)
			accept_client(listener);
	}
}

/* SPDX-License-Identifier: MIT */
/* sample/python.c - see python.h. */
#include "sample/python.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample/process.h"
#include "util/cleanup.h"

enum {
	CHUNK_BYTES = 1024,
	MOST_BYTES = 256 << 10, /* of a file: a process can make its environment as large as its address space */
	LEAST_MINOR = 8,
};

static const struct {
	const char *name, *words;
} faults[] = {
	[MS_PYTHON_NONE] = {"none", "it is no Python"},
	[MS_PYTHON_PATH] = {"path", "PYTHONPATH in its environment does not name the adapter's folder"},
	[MS_PYTHON_BEHIND] = {"behind", "another folder is before the adapter's on its PYTHONPATH, and may have a "
					"sitecustomize of its own"},
	[MS_PYTHON_ISOLATED] = {"isolated", "with -I it does not read PYTHONPATH"},
	[MS_PYTHON_NO_ENVIRONMENT] = {"no-environment", "with -E it does not read PYTHONPATH"},
	[MS_PYTHON_NO_SITE] = {"no-site", "with -S it runs no sitecustomize"},
	[MS_PYTHON_VERSION] = {"version", "it is older than Python 3.8"},
	[MS_PYTHON_BUILD] = {"build", "it is no CPython with a GIL"},
	[MS_PYTHON_OTHER_USER] = {"other-user", "it runs as another user, and its environment cannot be read"},
	[MS_PYTHON_UNKNOWN] = {"unknown", "MEMSHED_DEBUG=1 in its environment makes the adapter say why"},
};

const char *ms_python_fault_name(uint32_t fault)
{
	assert(fault < sizeof(faults) / sizeof(faults[0]));
	return faults[fault].name;
}

const char *ms_python_fault_words(uint32_t fault)
{
	assert(fault < sizeof(faults) / sizeof(faults[0]));
	return faults[fault].words;
}

/* ---- the program ---- */

/* "python3.11", "python", "python3.13t", "python3-dbg", "pypy3". Return: MS_PYTHON_NONE: no Python;
 * MS_PYTHON_UNKNOWN: one that the adapter is for, as far as the name says; or why it is not. */
static enum ms_python_fault judge_name(const char *name)
{
	const char *rest;
	char *end;

	if (strncmp(name, "pypy", 4) == 0)
		return name[4 + strspn(name + 4, "0123456789.")] ? MS_PYTHON_NONE : MS_PYTHON_BUILD;
	if (strncmp(name, "python", 6) != 0)
		return MS_PYTHON_NONE;
	rest = name + 6;
	long major = strtol(rest, &end, 10), minor = *end == '.' ? strtol(end + 1, &end, 10) : LONG_MAX;
	bool versioned = end != rest;

	if (*end == '.') /* a patch level */
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "t") == 0 || strcmp(end, "d") == 0 || strcmp(end, "-dbg") == 0)
		return MS_PYTHON_BUILD;
	if (*end && strcmp(end, "m") != 0)
		return MS_PYTHON_NONE;
	if (versioned && (major < 3 || (major == 3 && minor < LEAST_MINOR)))
		return MS_PYTHON_VERSION;
	return MS_PYTHON_UNKNOWN;
}

static uint64_t number_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* By the file that it executes; where that cannot be read, by its name. */
static enum ms_python_fault judge_program(const struct ms_root *root, pid_t pid, bool *ret_closed,
					  uint64_t *ret_program)
{
	struct ms_process_stat stat;
	char path[PATH_MAX];
	int fd = ms_root_open(root, "proc/%d/stat", (int)pid);
	ssize_t length;

	if (fd < 0)
		return MS_PYTHON_NONE;
	close(fd);
	snprintf(path, sizeof(path), "proc/%d/exe", (int)pid);
	char target[PATH_MAX];
	length = readlinkat(root->dirfd, path, target, sizeof(target) - 1);
	*ret_closed = length < 0;
	if (length >= 0) {
		target[length] = '\0';
		*ret_program = number_of(target);
		return judge_name(last_part(target));
	}
	if (ms_process_read_stat(root, pid, 0, &stat) < 0)
		return MS_PYTHON_NONE;
	*ret_program = number_of(stat.comm);
	return judge_name(stat.comm);
}

/* ---- its words: of the command line, or of the environment ---- */

/* A file of words, each with a NUL behind it, read a part at a time, and not beyond MOST_BYTES; longer words are cut. */
struct words {
	const struct ms_root *root;
	int fd;
	off_t at;
	char chunk[CHUNK_BYTES];
	size_t have, used;
};

static int next_byte(struct words *words)
{
	if (words->used == words->have) {
		if (words->at >= MOST_BYTES)
			return EOF;

		ssize_t n = words->root->ops.pread(words->root->ops.ctx, words->fd, words->chunk,
						   sizeof(words->chunk), words->at);

		if (n <= 0)
			return EOF;
		words->at += n;
		words->have = (size_t)n;
		words->used = 0;
	}
	return (unsigned char)words->chunk[words->used++];
}

/* Return: false at the end. */
static bool next_word(struct words *words, char *word, size_t size)
{
	size_t length = 0;
	int byte = next_byte(words);

	if (byte == EOF)
		return false;
	for (; byte != EOF && byte != '\0'; byte = next_byte(words))
		if (length + 1 < size)
			word[length++] = (char)byte;
	word[length] = '\0';
	return true;
}

/* The options before the script, or before -c and -m. */
static enum ms_python_fault judge_options(const struct ms_root *root, pid_t pid)
{
	struct words words = {.root = root, .fd = ms_root_open(root, "proc/%d/cmdline", (int)pid)};
	MS_CLEANUP_FD int fd = words.fd;
	enum ms_python_fault fault = MS_PYTHON_NONE;
	char word[64];

	if (fd < 0 || !next_word(&words, word, sizeof(word)))
		return MS_PYTHON_NONE;
	while (next_word(&words, word, sizeof(word)) && word[0] == '-' && word[1] && word[1] != '-') {
		for (const char *letter = word + 1; *letter; letter++) {
			if (*letter == 'I')
				return MS_PYTHON_ISOLATED;
			if (*letter == 'S')
				fault = MS_PYTHON_NO_SITE;
			if (*letter == 'E' && fault == MS_PYTHON_NONE)
				fault = MS_PYTHON_NO_ENVIRONMENT;
			if (*letter == 'c' || *letter == 'm')
				return fault;
			if (*letter == 'W' || *letter == 'X') {
				if (!letter[1])
					next_word(&words, word, sizeof(word));
				break;
			}
		}
	}
	return fault;
}

/* Is @dir one of the folders of @path, and the first? */
static enum ms_python_fault judge_path(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	for (const char *at = path; at; at = strchr(at, ':')) {
		at += *at == ':';
		if (strncmp(at, dir, length) == 0 && (at[length] == ':' || !at[length]))
			return at == path ? MS_PYTHON_UNKNOWN : MS_PYTHON_BEHIND;
	}
	return MS_PYTHON_PATH;
}

static enum ms_python_fault judge_environment(const struct ms_root *root, pid_t pid, const char *dir)
{
	static const char name[] = "PYTHONPATH=";
	struct words words = {.root = root, .fd = ms_root_open(root, "proc/%d/environ", (int)pid)};
	MS_CLEANUP_FD int fd = words.fd;
	char word[2 * PATH_MAX];

	if (fd < 0)
		return MS_PYTHON_OTHER_USER;
	while (next_word(&words, word, sizeof(word)))
		if (strncmp(word, name, sizeof(name) - 1) == 0)
			return judge_path(word + sizeof(name) - 1, dir);
	if (words.at >= MOST_BYTES) /* the rest may name it */
		return MS_PYTHON_UNKNOWN;
	/* A process of another user may be opened, and not be read. */
	return words.at > 0 || words.root->ops.pread(words.root->ops.ctx, fd, word, 1, 0) >= 0 ? MS_PYTHON_PATH
											       : MS_PYTHON_OTHER_USER;
}

enum ms_python_fault ms_python_program(const struct ms_root *root, pid_t pid, uint64_t *ret_program)
{
	bool closed;

	*ret_program = 0;
	return judge_program(root, pid, &closed, ret_program);
}

enum ms_python_fault ms_python_look(const struct ms_root *root, pid_t pid, const char *dir, uint64_t *ret_program)
{
	bool closed = false;

	*ret_program = 0;
	enum ms_python_fault fault = judge_program(root, pid, &closed, ret_program);

	if (fault != MS_PYTHON_UNKNOWN)
		return fault;
	fault = judge_options(root, pid);
	if (fault != MS_PYTHON_NONE)
		return fault;
	return closed ? MS_PYTHON_OTHER_USER : judge_environment(root, pid, dir);
}

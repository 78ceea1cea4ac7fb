/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over its corpus, so that `make check` repeats what fuzzing once found, without clang.
 * With arguments: over these files instead. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 1 << 20 };

static int replay(const char *path)
{
	static uint8_t data[LONGEST];
	FILE *stream = fopen(path, "rb");

	if (!stream) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	size_t size = fread(data, 1, sizeof(data), stream);

	fclose(stream);
	fprintf(stderr, "%s\n", path); /* the last line is the one that failed */

	/* A copy of its exact size, so that reading past the end is found. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return -1;
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int replay_corpus(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int count = 0, failed = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", directory, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		char path[4096 + 258];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		failed |= replay(path);
		count++;
	}
	closedir(dir);
	fprintf(stderr, "%d inputs\n", count);
	return failed || count == 0;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	char directory[4096];
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	if (argc > 1)
		return failed != 0;
	snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", FUZZ_NAME);
	return replay_corpus(directory);
}

/* SPDX-License-Identifier: MIT */
/*
 * jsonget FILE PATH - print the value at PATH of a JSON document, for the scripts of this folder.
 *
 * PATH is ".key", "[3]" or "[]" (an array's length), one after the other; "." is the whole. Strings come out
 * raw, everything else as JSON. Ends with 1 when the document is no JSON (duplicate keys included) or has no
 * such value.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *step_key(const json_t *value, const char **path)
{
	size_t length = strcspn(*path, ".[");
	char *key = strndup(*path, length);

	*path += length;
	value = length > 0 ? json_object_get(value, key) : value;
	free(key);
	return value;
}

static const json_t *step_index(const json_t *value, const char **path)
{
	char *end;
	unsigned long index = strtoul(*path, &end, 10);

	*path = *end == ']' ? end + 1 : end;
	return json_array_get(value, index);
}

static int print(const json_t *value)
{
	if (json_is_string(value))
		return puts(json_string_value(value)) < 0;
	int failed = json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
	return failed || putchar('\n') < 0;
}

static int walk(const json_t *value, const char *path)
{
	while (value && *path != '\0') {
		if (strcmp(path, "[]") == 0)
			return json_is_array(value) ? printf("%zu\n", json_array_size(value)) < 0 : 1;
		if (*path == '.') {
			path++;
			value = step_key(value, &path);
		} else if (*path == '[') {
			path++;
			value = step_index(value, &path);
		} else {
			return 2;
		}
	}
	return value ? print(value) : 1;
}

int main(int argc, char **argv)
{
	json_error_t error;

	if (argc != 3)
		return 2;
	json_t *root = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		fprintf(stderr, "jsonget: line %d: %s\n", error.line, error.text);
		return 1;
	}
	int failed = walk(root, argv[2]);
	json_decref(root);
	return failed;
}

/* SPDX-License-Identifier: MIT */
/* cmd/json.c - see json.h. */
#include "cmd/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "util/escape.h"

bool ms_json_option(const struct ms_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{.name = "json", .has_arg = no_argument, .val = 'j'},
		{.name = "help", .has_arg = no_argument, .val = 'h'},
		{0},
	};
	bool json = false;

	while (ms_verb_next_option(verb, ":h", options, argc, argv) != -1)
		json = true;
	return json;
}

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (memory)
		return memory;
	ms_verb_error(NULL, "out of memory");
	exit(MS_EXIT_FAILURE);
}

void ms_json_start(void)
{
	json_set_alloc_funcs(allocate, free);
}

void ms_json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) == 0)
		return;
	/* With memory at hand only text that is no UTF-8 gets here, and escaping leaves none. */
	abort();
}

json_t *ms_json_number(bool known, uint64_t value)
{
	return known && value <= INT64_MAX ? json_integer((json_int_t)value) : json_null();
}

json_t *ms_json_text(const char *text)
{
	if (!text)
		return json_null();
	size_t length = strlen(text);
	char *escaped = allocate(MS_ESCAPED_BYTES(length));
	ms_escape(MS_ESCAPE_UTF8, escaped, MS_ESCAPED_BYTES(length), text, length);
	json_t *value = json_string(escaped);
	free(escaped);
	return value;
}

json_t *ms_json_share(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return json_null();
	return json_real((double)(uint64_t)(10000.0 * (double)part / (double)whole + 0.5) / 10000);
}

void ms_json_print(json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(document);
}

/* SPDX-License-Identifier: MIT */
/*
 * cmd/json.h - JSON for scripts, by jansson: what all verbs do the same way.
 *
 * Sizes are plain bytes, times plain numbers with the unit in the key; what is not known is null. Text of
 * other processes is escaped (escape.h), so the output is valid UTF-8. Without memory the program ends.
 */
#ifndef MS_CMD_JSON_H
#define MS_CMD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ms_verb;

/** ms_json_option - the options of a verb that has --json and --help alone; Return: whether --json was given
 */
bool ms_json_option(const struct ms_verb *verb, int argc, char **argv);

/** ms_json_start - call once before any other use of jansson in a verb */
void ms_json_start(void);

/** ms_json_set - put a value under a key; takes over @value */
void ms_json_set(json_t *object, const char *key, json_t *value);

/** ms_json_number - null when not @known, or when it is too large to be anything but nonsense (2^63) */
json_t *ms_json_number(bool known, uint64_t value);

/** ms_json_text - escaped; null for NULL */
json_t *ms_json_text(const char *text);

/** ms_json_share - @part of @whole as a number from 0 to 1 of four digits; null when there is no whole */
json_t *ms_json_share(uint64_t part, uint64_t whole);

/** ms_json_print - to standard output, indented; frees the document */
void ms_json_print(json_t *document);

#endif

/* SPDX-License-Identifier: MIT */
/* event/kinds.h - the table of events: the lists of event.h as data, and each kind's sentence. */
#ifndef MS_EVENT_KINDS_H
#define MS_EVENT_KINDS_H

#include <stddef.h>

#include "event/event.h"
#include "event/line.h"

enum ms_field_type {
	MS_FIELD_NUMBER,
	MS_FIELD_INTEGER,
	MS_FIELD_FLAG,
	MS_FIELD_COMM,
	MS_FIELD_CACHE,
	MS_FIELD_WHERE,
	MS_FIELD_LIMIT,
	MS_FIELD_REASON,
	MS_FIELD_LEVEL,
	MS_FIELD_STATUS,
	MS_FIELD_AGENT,
	MS_FIELD_ACTION,
	MS_FIELD_PYTHON,
	MS_FIELD_CACHES,
};

struct ms_field {
	const char *key;
	const char *doc; /* for the manual page */
	enum ms_field_type type;
	size_t offset; /* in what the list is of */
};

/* Of struct ms_event, and of struct ms_event_cache. The last one has no key. */
extern const struct ms_field ms_fields_common[], ms_fields_process[], ms_fields_cache[];

struct ms_kind {
	const char *name;
	const char *doc;
	bool of_process;               /* has ms_fields_process too */
	const struct ms_field *fields; /* of the member of struct ms_event's @as */
	void (*say)(struct ms_line *line,
		    const struct ms_event *event); /* NULL: told as a round, or not at all */
};

/** ms_kind_of - the row of the table */
const struct ms_kind *ms_kind_of(enum ms_event_kind kind);

#endif

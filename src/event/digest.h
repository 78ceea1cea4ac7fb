/* SPDX-License-Identifier: MIT */
/*
 * event/digest.h - what happens, in as few lines as a person can bear to read.
 *
 * Two lines a round: who is asked for what and why, once all orders are out; and what came of it, once
 * the reading has settled. Everything else is a line of its own (explain.h). See digest.c for what
 * happens to a round when there are very many.
 */
#ifndef MS_EVENT_DIGEST_H
#define MS_EVENT_DIGEST_H

#include <stdbool.h>

#include "sample/process.h"
#include "event/event.h"
#include "event/line.h"
#include "table/layout.h"

enum {
	MS_DIGEST_NAMED = 4, /* caches; what is said of the others is how many */
	MS_DIGEST_PROCESSES = 16, /* of a round; told apart */
	MS_DIGEST_STATUSES = 32,
};

/* A cache that was asked, or that answered something else than "done". */
struct ms_digest_item {
	pid_t pid;
	uint32_t row;
	uint32_t status;
	uint64_t target_bytes; /* 0 = everything */
	uint64_t cache_bytes;
	uint64_t duration_ns;
	bool estimated;
	char comm[MS_COMM_BYTES];
	char cache[MS_NAME_BYTES];
};

/* Less than all that it holds, as far as that is known. */
static inline bool ms_digest_is_partial(const struct ms_digest_item *item)
{
	return item->target_bytes && (item->target_bytes < item->cache_bytes || !item->cache_bytes);
}

struct ms_digest_list {
	uint32_t count, more; /* named; and not */
	struct ms_digest_item items[MS_DIGEST_NAMED];
	uint64_t more_bytes;
	bool more_estimated;
};

/* The orders of one plan and what came of them. */
struct ms_digest_round {
	bool told;      /* the first line was written */
	bool returned;  /* all is known: the second one is due */
	uint32_t orders, answers, processes;
	pid_t pids[MS_DIGEST_PROCESSES]; /* different ones */
	struct ms_digest_list asked; /* the largest first */
	struct ms_digest_list odd;   /* not plainly done */
	uint64_t asked_bytes;
	bool asked_estimated;
	uint64_t asked_at_ns, answered_at_ns; /* since the start */
	uint64_t claimed_bytes, returned_bytes;
	bool claimed_estimated;
};

/* What was left out since the last line of this kind. */
struct ms_digest_fold {
	uint64_t since_ns;
	uint64_t rounds, lines;
	uint64_t claimed_bytes, returned_bytes;
	bool estimated;
	uint64_t least_bytes, most_bytes; /* used */
	uint32_t statuses[MS_DIGEST_STATUSES]; /* answers that were not plainly done */
};

struct ms_digest {
	void (*write)(void *arg, struct ms_line *line);
	void *arg;
	char *buffer;
	size_t size;
	bool collecting; /* more orders of the same plan follow */
	bool folding;
	bool said_pause; /* with the last warning */
	uint64_t spent_ns, spent_at_ns; /* the lines of late, as the time that they may take */
	struct ms_digest_round round;
	struct ms_digest_fold fold;
	uint64_t said_ns[MS_EVENT_END + 1][MS_WHY_BELOW_LOW + 1]; /* 0 = never */
};

/**
 * ms_digest_init - touches all of @digest
 * @write: called with each line, without its end; at once or from a later call
 * @buffer: for lines; only used during calls, so that it may be shared
 */
void ms_digest_init(struct ms_digest *digest, void (*write)(void *arg, struct ms_line *line), void *arg,
		    char *buffer, size_t size);

/** ms_digest_take - an event; END also writes what is due, and is never left out */
void ms_digest_take(struct ms_digest *digest, const struct ms_event *event);

/** ms_digest_wants_turn - is ms_digest_turn() to be called after this look? */
static inline bool ms_digest_wants_turn(const struct ms_digest *digest)
{
	return digest->folding || digest->round.returned;
}

/** ms_digest_turn - all events of a look were taken; @now: an event of no kind, with time and reading */
void ms_digest_turn(struct ms_digest *digest, const struct ms_event *now);

/** ms_digest_flush - write what is due; nothing follows */
void ms_digest_flush(struct ms_digest *digest, const struct ms_event *now);

/* explain_round.c */

/** ms_explain_asked, ms_explain_outcome - the two lines of a round; @recovered: NULL unless it is over */
void ms_explain_asked(const struct ms_digest_round *round, const struct ms_event *event, struct ms_line *line);
void ms_explain_outcome(const struct ms_digest_round *round, const struct ms_event *now,
			const struct ms_event *recovered, struct ms_line *line);
void ms_explain_fold(const struct ms_digest_fold *fold, const struct ms_event *now, struct ms_line *line);

#endif

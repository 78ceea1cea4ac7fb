/* SPDX-License-Identifier: MIT */
/*
 * event/digest.h - what happens, in few lines for a person to read.
 *
 * A job that never comes near its limit leaves one line, its end. Otherwise the first line says what it
 * is watched against, a round is two lines (digest_round.c), and everything else that kinds.h has a
 * sentence for is one. When there are too many of them, one line a minute sums them up.
 *
 * One thread; nothing here allocates or keeps a pointer that an event brought.
 */
#ifndef MS_EVENT_DIGEST_H
#define MS_EVENT_DIGEST_H

#include <stdbool.h>

#include "event/event.h"
#include "event/line.h"

/* The orders of one plan and what came of them. */
struct ms_digest_odd {
	int32_t pid;
	uint32_t status;           /* enum ms_answer_status */
	char stuck[MS_NAME_BYTES]; /* a cache, or "" */
};

struct ms_digest_round {
	uint32_t orders, answers;
	uint32_t own_answers; /* of processes that had shrunk by themselves */
	uint64_t target_bytes;
	struct ms_event_caches asked; /* processes: they have no name of a cache */
	uint64_t caches;              /* how many were asked, by those that answered */
	struct ms_event_caches gave;
	uint32_t odd_count; /* answers that are neither done nor partial, or name a stuck cache */
	struct ms_digest_odd odd[MS_EVENT_NAMED]; /* the first of them */
	uint64_t claimed_bytes;
	bool estimated;
};

/* What was left out since the last line about such things. */
struct ms_digest_sum {
	uint64_t since_ms;
	uint64_t rounds, others; /* others: events that are a line of their own */
	uint64_t claimed_bytes, returned_bytes;
	bool estimated;
	uint64_t least_bytes, most_bytes; /* used */
	bool said[MS_EVENT_KIND_COUNT];   /* the kinds that had their one line */
};

struct ms_digest {
	void (*write)(void *arg, struct ms_line *line);
	void *arg;
	char *buffer;
	size_t size;
	bool brief, quiet;              /* see ms_digest_init() */
	bool asking;                    /* orders came: the first line is due */
	bool told;                      /* it was written, and so is the second one */
	bool warned;                    /* the last event was a warning */
	bool summing;                   /* one line a minute */
	uint64_t spent_ms, spent_at_ms; /* the last lines, as the time that they may take */
	struct ms_event start;          /* not written yet; of another kind: nothing is due */
	struct ms_event order;          /* the last one */
	struct ms_event returned;       /* the second line is due; of another kind: it is not */
	struct ms_digest_round round;
	struct ms_digest_sum sum;
};

/**
 * ms_digest_init - touches all of @digest
 * @write: called with each line, without its end; at once or from a later call
 * @buffer: for lines; only used during calls, so that it may be shared
 * @brief: a journal has everything: only the end is said, and a start that is not as was asked for
 * @quiet: the end is not said
 */
void ms_digest_init(struct ms_digest *digest, void (*write)(void *arg, struct ms_line *line), void *arg,
		    char *buffer, size_t size, bool brief, bool quiet);

/** ms_digest_take - every event; END also writes what is due */
void ms_digest_take(struct ms_digest *digest, const struct ms_event *event);

/** ms_digest_wants_turn - is ms_digest_turn() to be called after this look? */
static inline bool ms_digest_wants_turn(const struct ms_digest *digest)
{
	return digest->summing || digest->asking || digest->returned.kind == MS_EVENT_RETURNED;
}

/** ms_digest_turn - all events of a look were taken; @now: an event of which the kind does not count */
void ms_digest_turn(struct ms_digest *digest, const struct ms_event *now);

/* digest_round.c */

/** ms_digest_add_order, _answer - take an event of that kind */
void ms_digest_add_order(struct ms_digest_round *round, const struct ms_event *order);
void ms_digest_add_answer(struct ms_digest_round *round, const struct ms_event *answer);

/** ms_digest_say_asked - @order: the last one */
void ms_digest_say_asked(const struct ms_digest_round *round, const struct ms_event *order,
			 struct ms_line *line);

/** ms_digest_say_outcome - @returned: MS_EVENT_RETURNED; @recovered: NULL unless the shortage is over */
void ms_digest_say_outcome(const struct ms_digest_round *round, const struct ms_event *returned,
			   const struct ms_event *recovered, struct ms_line *line);

#endif

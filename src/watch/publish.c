/* SPDX-License-Identifier: MIT */
/* watch/publish.c - see publish.h. */
#include "watch/publish.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/phrase.h"
#include "watch/watch.h"

void ms_publish_begin(struct ms_watch *watch, const char *journal)
{
	struct ms_state *state = &watch->state;
	const struct ms_watch_options *options = &watch->options;
	char path[PATH_MAX];

	state->started_ns = watch->report->started_ns;
	state->option_max_bytes = options->max_bytes;
	state->root_count = options->root_count;
	for (uint32_t i = 0; i < options->root_count; i++)
		state->root_pids[i] = (uint32_t)options->roots[i];
	snprintf(state->command, sizeof(state->command), "%s", watch->report->command);
	if (journal && realpath(journal, path) && strlen(path) < sizeof(state->journal))
		strcpy(state->journal, path);
}

static uint32_t phase_of(const struct ms_watch *watch)
{
	static const uint32_t phases[] = {
		[MS_PHASE_CALM] = MS_STATE_CALM,         [MS_PHASE_ORDERED] = MS_STATE_ORDERED,
		[MS_PHASE_SETTLING] = MS_STATE_SETTLING, [MS_PHASE_PAUSED] = MS_STATE_PAUSED,
		[MS_PHASE_WARNED] = MS_STATE_WARNED,
	};

	return phases[watch->policy.phase];
}

static uint32_t flags_of(const struct ms_watch *watch)
{
	const struct ms_watch_live *live = &watch->live;

	return (watch->reading.marks.lowered ? MS_STATE_HIGH_LOWERED : 0) | (live->locked ? MS_STATE_LOCKED : 0) |
	       (live->fifo ? MS_STATE_FIFO : 0) | (live->oom_protected ? MS_STATE_OOM_PROTECTED : 0) |
	       (watch->reading.enforced_bytes ? MS_STATE_ENFORCED : 0);
}

static void put_budget(struct ms_state *state, const struct ms_reading *reading)
{
	const struct ms_sample *sample = &reading->sample;

	state->looked_ns = sample->at_ns;
	state->limit_source = sample->limit.source;
	memcpy(state->limit_where, sample->limit.where, sizeof(state->limit_where));
	state->limit_max_bytes = sample->limit.max_bytes;
	state->limit_used_bytes = sample->limit.used_bytes;
	state->high_bytes = reading->marks.high_bytes;
	state->low_bytes = reading->marks.low_bytes;
	state->danger_bytes = reading->marks.danger_bytes;
	state->margin_bytes = reading->margin_bytes;
	state->processes = sample->processes;
	state->rss_bytes = sample->rss_bytes;
	state->anon_bytes = sample->anon_bytes;
	state->growth_bytes_per_s = sample->growth_bytes_per_s;
}

static void put_counters(struct ms_state *state, const struct ms_event_end *summary)
{
	state->peak_rss_bytes = summary->peak_rss_bytes;
	state->shortages = summary->shortages;
	state->rounds = summary->rounds;
	state->orders = summary->orders;
	state->claimed_bytes = summary->claimed_bytes;
	state->returned_bytes = summary->returned_bytes;
}

void ms_publish(struct ms_watch *watch)
{
	struct ms_state *state = &watch->state;

	state->flags = flags_of(watch);
	state->blind_error = watch->blind_error;
	state->phase = phase_of(watch);
	snprintf(state->reason, sizeof(state->reason), "%s",
		 state->phase == MS_STATE_CALM ? "" : ms_reason_name(watch->plan.why));
	put_budget(state, &watch->reading);
	put_counters(state, &watch->summary);
	state->last = watch->result.sums;
	ms_state_publish(&watch->writer, state);
}

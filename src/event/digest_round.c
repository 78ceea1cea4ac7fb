/* SPDX-License-Identifier: MIT */
/*
 * event/digest_round.c - the two lines of a round.
 *
 * What a cache gave is what its owner claims, with ~ where that is an estimate. What came back is what
 * the kernel says. Of the rest it is not known whether a heap keeps it, the program uses it again, or
 * it was never freed: the two figures stand side by side.
 */
#include "event/digest.h"

#include <assert.h>
#include <string.h>

#include "event/phrase.h"
#include "table/names.h"

/* A difference of less than such a part does not show in three digits. */
enum { ROUNDED = 200 };

void ms_digest_add_order(struct ms_digest_round *round, const struct ms_event *order)
{
	struct ms_event_cache process = {.pid = order->pid, .bytes = order->as.order.target_bytes};

	assert(order->kind == MS_EVENT_ORDER);
	memcpy(process.comm, order->comm, sizeof(process.comm));
	assert(order->as.order.level >= MS_LEVEL_TRIM && order->as.order.level <= MS_LEVEL_EMERGENCY);
	round->orders++;
	round->target_bytes += process.bytes;
	ms_event_caches_add(&round->asked, &process);
}

static void add_odd(struct ms_digest_round *round, int32_t pid, const struct ms_event_answer *answer)
{
	uint32_t index = round->odd_count++;

	if (index >= MS_EVENT_NAMED)
		return;
	struct ms_digest_odd *odd = &round->odd[index];

	odd->pid = pid;
	odd->status = answer->stuck[0] ? MS_ANSWER_STUCK : answer->status;
	memcpy(odd->stuck, answer->stuck, sizeof(odd->stuck));
}

void ms_digest_add_answer(struct ms_digest_round *round, const struct ms_event *event)
{
	const struct ms_event_answer *answer = &event->as.answer;

	assert(event->kind == MS_EVENT_ANSWER && answer->gave.count <= MS_EVENT_NAMED);
	round->answers++;
	round->caches += answer->caches;
	round->own_answers += answer->own;
	round->claimed_bytes += answer->own ? 0 : answer->claimed_bytes;
	round->estimated |= answer->estimated && answer->claimed_bytes > 0;
	for (uint32_t i = 0; i < answer->gave.count; i++)
		ms_event_caches_add(&round->gave, &answer->gave.at[i]);
	if ((answer->status != MS_ANSWER_DONE && answer->status != MS_ANSWER_PARTIAL) || answer->stuck[0])
		add_odd(round, event->pid, answer);
}

static void say_processes(struct ms_line *line, const struct ms_digest_round *round)
{
	if (round->orders == 1)
		ms_line_add(line, "%s", MS_PROCESS(&round->asked.at[0]));
	else
		ms_line_add(line, "%u processes", (unsigned)round->orders);
}

void ms_digest_say_asked(const struct ms_digest_round *round, const struct ms_event *order,
			 struct ms_line *line)
{
	const char *colon = ": ";

	ms_line_add(line, "asking ");
	say_processes(line, round);
	ms_line_add(line, " for %s%s", MS_BYTES(round->target_bytes),
		    order->as.order.level == MS_LEVEL_TRIM ? "" : ", whole caches");
	for (uint32_t i = 0; round->orders > 1 && i < round->asked.count; i++) {
		const struct ms_event_cache *process = &round->asked.at[i];

		ms_line_add(line, "%s%s %s", colon, MS_PROCESS(process), MS_BYTES(process->bytes));
		colon = ", ";
	}
	if (round->asked.more)
		ms_line_add(line, ", %u more", (unsigned)round->asked.more);
	ms_line_add(line, " (%s, %s)", MS_FILL(order), MS_REASON(order, order->as.order.reason));
}

static uint64_t count_named(const struct ms_event_caches *list)
{
	uint64_t caches = 0;

	for (uint32_t i = 0; i < list->count; i++)
		caches += list->at[i].caches;
	return caches;
}

/* "parse 30M, method x 4000 ~12M, 3 more asked, busy" */
static void say_answers(struct ms_line *line, const struct ms_digest_round *round)
{
	bool several = round->orders > 1;
	uint64_t named = count_named(&round->gave);

	ms_phrase_caches(line, &round->gave, several);
	if (round->gave.count == 0 && round->own_answers == round->answers && round->answers > 0)
		ms_line_add(line, "had shrunk by %s just before", round->orders == 1 ? "itself" : "themselves");
	else if (round->gave.count == 0)
		ms_line_add(line, round->claimed_bytes ? "%s claimed" : "nothing claimed",
			    MS_ABOUT(round->claimed_bytes, round->estimated));
	if (round->caches > named && named > 0)
		ms_line_add(line, ", %llu more asked", (unsigned long long)(round->caches - named));
	for (uint32_t i = 0; i < round->odd_count && i < MS_EVENT_NAMED; i++) {
		ms_line_add(line, ", %s%s", ms_name_of_status(round->odd[i].status),
			    round->odd[i].stuck[0] ? " in " : "");
		ms_line_add_name(line, round->odd[i].stuck);
		if (several)
			ms_line_add(line, " (pid %d)", (int)round->odd[i].pid);
	}
	if (round->odd_count > MS_EVENT_NAMED)
		ms_line_add(line, ", %u more not done", (unsigned)round->odd_count - MS_EVENT_NAMED);
	if (round->answers < round->orders)
		ms_line_add(line, ", %s not answered",
			    MS_COUNTED(round->orders - round->answers, "order", "orders"));
}

static void say_returned(struct ms_line *line, const struct ms_digest_round *round,
			 const struct ms_event_returned *returned)
{
	uint64_t claimed = round->claimed_bytes, bytes = returned->returned_bytes;

	if (claimed == 0 && bytes == 0)
		return;
	if (bytes < claimed - claimed / ROUNDED)
		ms_line_add(line, "; %s of %s came back", bytes ? MS_BYTES(bytes) : "nothing",
			    MS_ABOUT(claimed, round->estimated));
	else
		ms_line_add(line, "; %s came back", MS_BYTES(bytes));
	ms_line_add(line, " in %s", MS_DURATION(returned->answered_us));
}

void ms_digest_say_outcome(const struct ms_digest_round *round, const struct ms_event *returned,
			   const struct ms_event *recovered, struct ms_line *line)
{
	assert(returned->kind == MS_EVENT_RETURNED);
	say_processes(line, round);
	ms_line_add(line, ": ");
	say_answers(line, round);
	say_returned(line, round, &returned->as.returned);
	if (returned->rss_bytes == 0) { /* its memory is gone, and its end not seen yet */
		ms_line_add(line, "; the job has ended");
		return;
	}
	ms_line_add(line, "; %s", MS_FILL(returned));
	if (recovered) /* a quick program may be above high again */
		ms_line_add(line, ", the shortage %s over after %s",
			    returned->used_bytes >= returned->high_bytes ? "was" : "is",
			    MS_DURATION(recovered->as.recovered.duration_us));
}

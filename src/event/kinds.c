/* SPDX-License-Identifier: MIT */
/*
 * event/kinds.c - the table of events, made of the lists in event.h, and what is said of each kind.
 *
 * A sentence says what is known and no more. Sizes are rounded to three digits; the journal has them
 * exactly. Orders, answers and what came back are told a round at a time (digest_round.c). Nothing allocates.
 */
#include "event/kinds.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "event/phrase.h"
#include "util/procfs.h"

/* A look that came later than this is worth a word. */
enum { LATE_US = 100000 };

/* "--max", "cgroup1 memory.limit_in_bytes of /jobs/a" */
static void say_which_limit(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s%s", ms_limit_source_name(event->limit), event->limit_where[0] ? " of " : "");
	ms_line_add_name(line, event->limit_where);
}

static void say_budget(struct ms_line *line, const struct ms_event *event, uint64_t option_max_bytes, bool enforced)
{
	bool own = enforced && ms_event_is_option(event, option_max_bytes);

	ms_line_add(line, "max %s (%s", MS_BYTES(event->max_bytes), own ? "--max, enforced by " : "");
	say_which_limit(line, event);
	if (option_max_bytes != UINT64_MAX && event->limit != MS_LIMIT_OPTION && !own)
		ms_line_add(line, ", nearer than --max %s", MS_BYTES(option_max_bytes));
	ms_line_add(line, "), high %s, low %s", MS_BYTES(event->high_bytes), MS_BYTES(event->low_bytes));
}

static void say_start(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "watching %s: ", MS_PROCESS(event));
	if (event->limit == MS_LIMIT_NONE)
		ms_line_add(line, "no limit was found");
	else
		say_budget(line, event, event->as.start.option_max_bytes, event->as.start.enforced);
}

static void say_blind(struct ms_line *line, const struct ms_event *event)
{
	const char *fault = ms_procfs_fault(event->as.blind.error);

	ms_line_add(line, "%s runs, but cannot be watched: %s", MS_PROCESS(event),
		    fault ? fault : strerrordesc_np(-event->as.blind.error));
}

static void say_limit(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "another limit is the nearest now: ");
	say_budget(line, event, event->as.limit.option_max_bytes, event->as.limit.enforced);
}

static void say_margin(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "high is lowered to %s: the job can grow by %s in the %s before shrinking begins",
		    MS_BYTES(event->high_bytes), MS_BYTES(event->as.margin.margin_bytes),
		    MS_DURATION(event->as.margin.latency_us));
}

static void say_unprivileged(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_unprivileged *lacks = &event->as.unprivileged;
	const char *join = "memshed runs without ";

	if (!lacks->fifo)
		ms_line_add(line, "%sreal-time priority", join), join = ", ";
	if (!lacks->locked)
		ms_line_add(line, "%slocked memory", join), join = ", ";
	if (!lacks->oom_protected)
		ms_line_add(line, "%sprotection from the OOM killer", join);
	ms_line_add(line, "; it looked up to %s late so far (see memshed doctor)", MS_DURATION(lacks->late_us));
}

static void say_wait(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_wait *wait = &event->as.wait;

	ms_line_add(line, "%s, %s", MS_FILL(event), MS_REASON(event, wait->reason));
	if (wait->silent_caches)
		ms_line_add(line, "; %llu of %s cannot be asked", (unsigned long long)wait->silent_caches,
			    MS_COUNTED(wait->caches, "cache", "caches"));
	if (wait->pause_ms)
		ms_line_add(line, "; next try in %s", MS_DURATION(wait->pause_ms * 1000));
}

/* A warning has the same fields. */
#define say_warn say_wait

static void say_exhausted(struct ms_line *line, const struct ms_event *event)
{
	static const char *const deeds[] = {
		[MS_EXHAUSTED_WARN] = "",
		[MS_EXHAUSTED_TERM] = "; ending the job",
		[MS_EXHAUSTED_RESTART] = "; ending the job, to start it again",
		[MS_EXHAUSTED_EXEC] = "; running the command of --on-exhausted",
	};
	const struct ms_event_exhausted *exhausted = &event->as.exhausted;

	ms_line_add(line, "%s, and nothing is left that helps: %s in caches, %s in no cache%s", MS_FILL(event),
		    MS_BYTES(exhausted->in_caches_bytes), MS_BYTES(exhausted->unexplained_bytes),
		    deeds[exhausted->action]);
}

static void say_stop(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_stop *stop = &event->as.stop;

	ms_line_add(line, "SIG%s was sent to %s of the job", sigabbrev_np(stop->signal),
		    MS_COUNTED(stop->sent, "process", "processes"));
}

static void say_restart(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s was started after %s: started again %s", MS_PROCESS(event),
		    MS_DURATION(event->as.restart.pause_ms * 1000),
		    MS_COUNTED(event->as.restart.restarts, "time", "times"));
}

static void say_unloaded(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s runs without the adapter for Python, so its caches are not known: %s",
		    MS_PROCESS(event), ms_python_fault_words(event->as.unloaded.obstacle));
}

/* Without a round just before: the memory went by itself. */
static void say_recovered(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s, the shortage is over after %s", MS_FILL(event),
		    MS_DURATION(event->as.recovered.duration_us));
}

static void say_stopped(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s is stopped: its order was taken back, and it is not asked until it goes on",
		    MS_PROCESS(event));
}

static void say_resumed(struct ms_line *line, const struct ms_event *event)
{
	ms_line_add(line, "%s goes on and can be asked again", MS_PROCESS(event));
}

static void say_silent(struct ms_line *line, const struct ms_event *event)
{
	static const char *const states[] = {
		[MS_AGENT_NONE] = "its agent is not running",
		[MS_AGENT_IDLE] = "its agent has not looked at its orders",
		[MS_AGENT_ENTERING] = "its agent waits for a lock of the program (in Python the GIL)",
		[MS_AGENT_RUNNING] = "its agent is busy with another order",
		[MS_AGENT_STOPPED] = "its agent is not running",
	};
	uint32_t state = event->as.silent.agent_state; /* as the process wrote it */

	if (state >= sizeof(states) / sizeof(states[0]))
		state = MS_AGENT_IDLE;
	ms_line_add(line, "%s has not begun with its order: %s", MS_PROCESS(event), states[state]);
}

/* A signal that was sent to memshed may have ended the command alone, when more was meant: a shell that waits. */
static void say_exit(struct ms_line *line, const struct ms_event *event)
{
	int32_t signal = event->as.exit.signal;
	const char *name = signal > 0 && signal != SIGKILL ? sigabbrev_np(signal) : NULL;
	bool one = event->processes == 1;

	ms_line_add(line, "the command has ended (%s); %s that it started %s on and %s watched; ",
		    MS_FATE(&event->as.exit), MS_COUNTED(event->processes, "process", "processes"),
		    one ? "goes" : "go", one ? "is" : "are");
	ms_line_add(line, name ? "send SIG%s to memshed again to reach %s" : "%sa signal to memshed reaches %s",
		    name ? name : "", one ? "it" : "them");
}

static void say_brakes(struct ms_line *line, uint64_t brakes, uint64_t braked_us)
{
	if (brakes > 0)
		ms_line_add(line, ", threads held back %s for %s in all", MS_COUNTED(brakes, "time", "times"),
			    MS_DURATION(braked_us));
}

static void say_own(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_own *own = &event->as.own;
	bool estimated = own->largest.count > 0 && own->largest.at[0].estimated;

	ms_line_add(line, "%s shrank by itself %s in %s: claimed %s, %s came back", MS_PROCESS(event),
		    MS_COUNTED(own->rounds, "time", "times"), MS_DURATION(own->duration_us),
		    MS_ABOUT(own->claimed_bytes, estimated), MS_BYTES(own->returned_bytes));
	say_brakes(line, own->brakes, own->braked_us);
	if (own->largest.count > 0)
		ms_line_add(line, "; now ");
	ms_phrase_caches(line, &own->largest, false);
}

/* What the processes did by themselves, and did not leave to the watch. */
static void say_all_own(struct ms_line *line, const struct ms_event_end *end)
{
	if (end->own_rounds > 0)
		ms_line_add(line, ", shrunk by itself %s in %s: claimed %s, %s came back",
			    MS_COUNTED(end->own_rounds, "time", "times"), MS_DURATION(end->own_us),
			    MS_ABOUT(end->own_claimed_bytes, end->estimated), MS_BYTES(end->own_returned_bytes));
	say_brakes(line, end->brakes, end->braked_us);
}

static void say_work(struct ms_line *line, const struct ms_event_end *end)
{
	if (end->shortages == 0) {
		ms_line_add(line, end->own_rounds > 0 ? ", never above high when looked at" : ", never above high");
		return;
	}
	ms_line_add(line, ", above high %s, shrunk %s", MS_COUNTED(end->shortages, "time", "times"),
		    MS_COUNTED(end->rounds, "time", "times"));
	if (end->rounds > 0)
		ms_line_add(line, " in %s: claimed %s, %s came back", MS_DURATION(end->shrink_us),
			    MS_ABOUT(end->claimed_bytes, end->estimated), MS_BYTES(end->returned_bytes));
}

static void say_troubles(struct ms_line *line, const struct ms_event_end *end)
{
	if (end->worst_delay_us >= LATE_US)
		ms_line_add(line, "; looked up to %s late", MS_DURATION(end->worst_delay_us));
	if (end->oom_kills && end->oom_kills != UINT64_MAX)
		ms_line_add(line, "; the OOM killer ended %s of its cgroup",
			    MS_COUNTED(end->oom_kills, "process", "processes"));
	if (end->lost_lines)
		ms_line_add(line, "; %s could not be written", MS_COUNTED(end->lost_lines, "line", "lines"));
}

static void say_largest(struct ms_line *line, const struct ms_event_caches *largest)
{
	bool several = false;

	for (uint32_t i = 1; i < largest->count; i++)
		several |= largest->at[i].pid != largest->at[0].pid;
	if (largest->count > 0)
		ms_line_add(line, "; largest cache%s at the end: ", largest->count == 1 ? "" : "s");
	ms_phrase_caches(line, largest, several);
}

/* The last that is said: where the memory is. */
static void say_verdict(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_end *end = &event->as.end;

	if (end->restarts)
		ms_line_add(line, "; started again %s", MS_COUNTED(end->restarts, "time", "times"));
	if (end->exhaustions)
		ms_line_add(line, "; when nothing was left %s of %s were in no cache",
			    MS_BYTES(end->unexplained_bytes), MS_BYTES(event->max_bytes));
}

static void say_end(struct ms_line *line, const struct ms_event *event)
{
	const struct ms_event_end *end = &event->as.end;

	ms_line_add(line, "ended after %s, %s: peak RSS %s", MS_DURATION(end->run_ms * 1000), MS_FATE(end),
		    MS_BYTES(end->peak_rss_bytes));
	if (event->limit != MS_LIMIT_NONE) {
		ms_line_add(line, " of %s (", MS_BYTES(event->max_bytes));
		say_which_limit(line, event);
		ms_line_add(line, ")");
	}
	say_work(line, end);
	say_all_own(line, end);
	say_largest(line, &end->largest);
	say_troubles(line, end);
	say_verdict(line, event);
}

/* Not said by themselves. */
#define say_target   NULL
#define say_order    NULL
#define say_answer   NULL
#define say_returned NULL

/* From here on the lists of event.h as data. In a row of the table "self" is the kind's own struct. */
/* clang-format off */
#define EVENT_FIELD(type, name, doc) {#name, doc, MS_FIELD_##type, offsetof(struct ms_event, name)},
#define CACHE_FIELD(type, name, doc) {#name, doc, MS_FIELD_##type, offsetof(struct ms_event_cache, name)},
#define SELF_FIELD(type, name, doc)  {#name, doc, MS_FIELD_##type, offsetof(self, name)},
/* clang-format on */

const struct ms_field ms_fields_common[] = {MS_FIELDS_COMMON(EVENT_FIELD){0}};
const struct ms_field ms_fields_process[] = {MS_FIELDS_PROCESS(EVENT_FIELD){0}};
const struct ms_field ms_fields_cache[] = {MS_FIELDS_CACHE(CACHE_FIELD){0}};

#define ROW(NAME, name, of_process, doc)                                                                     \
	case MS_EVENT_##NAME: {                                                                              \
		typedef struct ms_event_##name self __attribute__((unused)); /* without fields */            \
		static const struct ms_field fields[] = {MS_FIELDS_##NAME(SELF_FIELD){0}};                   \
		static const struct ms_kind row = {#name, doc, of_process, fields, say_##name};              \
		return &row;                                                                                 \
	}

const struct ms_kind *ms_kind_of(enum ms_event_kind kind)
{
	switch (kind) {
		MS_EVENT_KINDS(ROW)
	case MS_EVENT_KIND_COUNT:
		break;
	}
	assert(!"a kind of event that event.h has");
	return NULL;
}

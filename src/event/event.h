/* SPDX-License-Identifier: MIT */
/*
 * event/event.h - what a watch did or saw, as a plain value: nothing in it points anywhere, so that it
 * can be kept. The journal (journal.c) and the lines for people (digest.c) are made of it; nothing is
 * said anywhere else.
 *
 * One list names the kinds, and one list for each kind its fields. From these lists come the enum, the
 * structs, the table that journal.c walks (kinds.c) and the journal's section of memshed-run(1). To
 * add a field is a line here. To add a kind is a line in MS_EVENT_KINDS, a list MS_FIELDS_<KIND> and,
 * in kinds.c, the sentence. tests/unit/test_journal.c then says what the manual page lacks.
 *
 * Names of processes and caches are as the target wrote them: escaped when they are written, not here.
 */
#ifndef MS_EVENT_EVENT_H
#define MS_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "sample/process.h"
#include "sample/python.h"
#include "sample/sample.h"
#include "table/layout.h"

/* The types of fields. */
#define MS_TYPE_NUMBER(name)  uint64_t name; /* UINT64_MAX: not known, or there is none; null in JSON */
#define MS_TYPE_INTEGER(name) int32_t name;
#define MS_TYPE_FLAG(name)    bool name;
#define MS_TYPE_COMM(name)    char name[MS_COMM_BYTES];
#define MS_TYPE_CACHE(name)   char name[MS_NAME_BYTES];
#define MS_TYPE_WHERE(name)   char name[MS_LIMIT_WHERE_BYTES];
#define MS_TYPE_LIMIT(name)   uint32_t name; /* enum ms_limit_source */
#define MS_TYPE_REASON(name)  uint32_t name; /* enum ms_why */
#define MS_TYPE_LEVEL(name)   uint32_t name; /* enum ms_level */
#define MS_TYPE_STATUS(name)  uint32_t name; /* enum ms_answer_status */
#define MS_TYPE_AGENT(name)   uint32_t name; /* enum ms_agent_state */
#define MS_TYPE_ACTION(name)  uint32_t name; /* enum ms_exhausted_action */
#define MS_TYPE_PYTHON(name)  uint32_t name; /* enum ms_python_fault */
#define MS_TYPE_CACHES(name)  struct ms_event_caches name;

/* FIELD(type, key in the journal and name of the member, what it says) */

/* Of every event: ms_event_read() sets all but the times. */
#define MS_FIELDS_COMMON(FIELD)                                                                              \
	FIELD(NUMBER, at_ms, "since the start")                                                              \
	FIELD(NUMBER, unix_ms, "since 1970")                                                                 \
	FIELD(NUMBER, processes, "how many the job has")                                                     \
	FIELD(NUMBER, rss_bytes, "the sum of their resident memory")                                         \
	FIELD(NUMBER, used_bytes, "what the limit that binds counts")                                        \
	FIELD(NUMBER, max_bytes, "that limit; null where there is none, as are the three marks below it")    \
	FIELD(NUMBER, danger_bytes, "above it orders are urgent")                                            \
	FIELD(NUMBER, high_bytes, "above it caches are shrunk")                                              \
	FIELD(NUMBER, low_bytes, "below it that stops")                                                      \
	FIELD(LIMIT, limit, "which limit binds: \"--max\", \"cgroup2 memory.max\" ... or \"none\"")          \
	FIELD(WHERE, limit_where, "of which cgroup or process")                                              \
	FIELD(NUMBER, growth_bytes_per_s, "as measured; 0 when it does not grow")

/* Of events about a process. */
#define MS_FIELDS_PROCESS(FIELD)                                                                             \
	FIELD(INTEGER, pid, "of the process")                                                                \
	FIELD(COMM, comm, "its name")

/* Of one cache in a list. */
#define MS_FIELDS_CACHE(FIELD)                                                                               \
	MS_FIELDS_PROCESS(FIELD)                                                                             \
	FIELD(CACHE, cache, "its name")                                                                      \
	FIELD(NUMBER, bytes, "what it holds, or gave")                                                       \
	FIELD(FLAG, estimated, "whether that is an estimate")                                                \
	FIELD(NUMBER, caches, "how many of the process have that name, all of them counted here")

/* KIND(name, key in the journal and name of the member, whether it is about a process, what happened) */
#define MS_EVENT_KINDS(KIND)                                                                                 \
	KIND(START, start, true, "The command runs.")                                                        \
	KIND(BLIND, blind, true, "The command runs, but it cannot be watched.")                              \
	KIND(TARGET, target, true, "A process with caches was found.")                                       \
	KIND(LIMIT, limit, false, "A shortage begins, and another limit binds than the one named before.")   \
	KIND(MARGIN, margin, false, "A shortage begins, and high is lower than was asked for.")              \
	KIND(UNPRIVILEGED, unprivileged, false,                                                              \
	     "The first shortage begins, and *memshed* lacks a privilege that would help.")                  \
	KIND(ORDER, order, true, "A process is asked to free memory.")                                       \
	KIND(ANSWER, answer, true, "It answered, or its answer is no longer waited for.")                    \
	KIND(RETURNED, returned, false, "All orders of a round were answered and the reading settled.")      \
	KIND(WAIT, wait, false, "Above high, and nothing is asked now.")                                     \
	KIND(WARN, warn, false, "Above high, and there is nothing left to ask.")                             \
	KIND(EXHAUSTED, exhausted, false, "Above danger for a while, and nothing is left that helps.")       \
	KIND(STOP, stop, false, "The job is ended: a signal was sent to its processes.")                     \
	KIND(RESTART, restart, true, "The command was started again.")                                       \
	KIND(RECOVERED, recovered, false, "The shortage is over.")                                           \
	KIND(OWN, own, true, "A process has shrunk its caches by itself; once a minute at most.")                \
	KIND(STOPPED, stopped, true, "A process with an order is stopped; the order was taken back.")        \
	KIND(RESUMED, resumed, true, "It goes on.")                                                          \
	KIND(SILENT, silent, true, "A process has not begun with its order for half a second.")              \
	KIND(UNLOADED, unloaded, true, "A Python runs without the adapter: its caches are not known.")       \
	KIND(EXIT, exit, true, "The command has ended, but processes that it started go on.")                \
	KIND(END, end, false, "The job has ended.")

#define MS_FIELDS_START(FIELD)                                                                               \
	FIELD(NUMBER, option_max_bytes, "of --max; null without it")                                         \
	FIELD(FLAG, locked, "whether the memory of *memshed* is locked")                                     \
	FIELD(FLAG, fifo, "whether it runs with real-time priority")                                         \
	FIELD(FLAG, oom_protected, "whether the OOM killer spares it")                                       \
	FIELD(FLAG, enforced, "whether a cgroup was made for the job with --max as its limit")               \
	FIELD(INTEGER, enforce_error, "a negative errno: why not; 0: it was not tried")
#define MS_FIELDS_BLIND(FIELD)                                                                               \
	FIELD(INTEGER, error, "a negative errno; ENODEV: /proc is not mounted; EXDEV: it is of another pid namespace")
#define MS_FIELDS_TARGET(FIELD) FIELD(NUMBER, caches, "how many are registered now")
#define MS_FIELDS_LIMIT(FIELD)                                                                               \
	FIELD(NUMBER, option_max_bytes, "of --max; null without it")                                         \
	FIELD(FLAG, enforced, "whether a cgroup of the job has it as its limit")
#define MS_FIELDS_MARGIN(FIELD)                                                                              \
	FIELD(NUMBER, margin_bytes, "what the job can grow by before shrinking begins")                      \
	FIELD(NUMBER, latency_us, "how long that takes")
#define MS_FIELDS_UNPRIVILEGED(FIELD)                                                                        \
	FIELD(FLAG, locked, "as in start")                                                                   \
	FIELD(FLAG, fifo, "likewise")                                                                        \
	FIELD(FLAG, oom_protected, "likewise")                                                               \
	FIELD(NUMBER, late_us, "by how much a look came later than planned until now")
#define MS_FIELDS_ORDER(FIELD)                                                                               \
	FIELD(REASON, reason, "see above")                                                                   \
	FIELD(LEVEL, level,                                                                                  \
	      "how hard: trim (as little of a cache as is needed), clear (whole caches), emergency")         \
	FIELD(NUMBER, target_bytes, "by how much its resident memory is to fall")
#define MS_FIELDS_ANSWER(FIELD)                                                                              \
	FIELD(STATUS, status,                                                                                \
	      "done, partial (less than asked for), empty (nothing to free), busy (a lock was "              \
	      "taken), unsupported, gone (the process has ended), stuck (past its time)")                    \
	FIELD(INTEGER, error, "a negative errno, or 0")                                                      \
	FIELD(NUMBER, claimed_bytes, "what the owners of the caches say they freed")                         \
	FIELD(NUMBER, claimed_entries, "likewise")                                                           \
	FIELD(FLAG, estimated, "whether one of them only estimates")                                         \
	FIELD(NUMBER, returned_bytes,                                                                        \
	      "by how much its resident memory fell meanwhile; null: it could not measure that")              \
	FIELD(NUMBER, caches, "how many were asked")                                                         \
	FIELD(FLAG, own, "whether the process had done it by itself just before: the figures are of that")   \
	FIELD(NUMBER, duration_us, "from taking the order to the answer")                                    \
	FIELD(CACHE, stuck, "a cache of which the callback has not returned in time; empty: none is known")  \
	FIELD(CACHES, gave, "those that gave most, up to four, with what they claim")
#define MS_FIELDS_RETURNED(FIELD)                                                                            \
	FIELD(NUMBER, claimed_bytes, "of all answers")                                                       \
	FIELD(NUMBER, returned_bytes, "by how much the resident memory of the job fell")                     \
	FIELD(NUMBER, answered_us, "from the first order to the last answer")                                \
	FIELD(NUMBER, duration_us, "from the first order until the reading had settled")
#define MS_FIELDS_WAIT(FIELD)                                                                                \
	FIELD(REASON, reason, "see above")                                                                   \
	FIELD(NUMBER, pause_ms, "until the next try; 0: at the next look")                                   \
	FIELD(NUMBER, caches, "of the job")                                                                  \
	FIELD(NUMBER, silent_caches, "of processes with an agent that cannot be asked now")
#define MS_FIELDS_WARN(FIELD)      MS_FIELDS_WAIT(FIELD)
#define MS_FIELDS_EXHAUSTED(FIELD)                                                                           \
	FIELD(ACTION, action, "of *--on-exhausted*: warn, term, restart or exec")                            \
	MS_FIELDS_VERDICT(FIELD)
#define MS_FIELDS_VERDICT(FIELD)                                                                             \
	FIELD(NUMBER, in_caches_bytes, "what caches and allocators held when nothing was left; null: it did not happen") \
	FIELD(NUMBER, unexplained_bytes, "what else was used then: it is in no cache; null likewise")
#define MS_FIELDS_STOP(FIELD)                                                                                \
	FIELD(INTEGER, signal, "15 first, 9 after the grace")                                                \
	FIELD(NUMBER, sent, "to how many processes")
#define MS_FIELDS_RESTART(FIELD)                                                                             \
	FIELD(NUMBER, restarts, "how often by now")                                                          \
	FIELD(NUMBER, pause_ms, "how long after the end of the job")
#define MS_FIELDS_RECOVERED(FIELD) FIELD(NUMBER, duration_us, "of the shortage")
#define MS_FIELDS_OWN(FIELD)                                                                                 \
	FIELD(NUMBER, rounds, "how often since it was told last")                                            \
	FIELD(NUMBER, claimed_bytes, "what the owners of the caches say they freed")                         \
	FIELD(NUMBER, returned_bytes, "by how much its resident memory fell, as it measured that")           \
	FIELD(NUMBER, duration_us, "of the rounds")                                                          \
	FIELD(NUMBER, brakes, "how often a thread was held back meanwhile until memory was freed")           \
	FIELD(NUMBER, braked_us, "for how long, of all threads")                                             \
	FIELD(CACHES, largest, "what its largest caches hold now, up to four")
#define MS_FIELDS_STOPPED(FIELD)
#define MS_FIELDS_RESUMED(FIELD)
#define MS_FIELDS_SILENT(FIELD)                                                                              \
	FIELD(AGENT, agent_state, "idle, entering (waits for a lock of the program), running ...")
#define MS_FIELDS_UNLOADED(FIELD)                                                                            \
	FIELD(PYTHON, obstacle,                                                                              \
	      "path (its PYTHONPATH does not name the adapter's folder), behind (another folder is before "  \
	      "that), isolated (-I), no-environment (-E), no-site (-S), version (older than 3.8), build (without a GIL, "      \
	      "for debugging, or not CPython), other-user (its environment cannot be read), unknown")
#define MS_FIELDS_EXIT(FIELD)                                                                                \
	FIELD(INTEGER, exit_code, "as a shell has it: the command's own, or 128 + the signal")               \
	FIELD(INTEGER, signal, "that ended it; 0: none did")
#define MS_FIELDS_END(FIELD)                                                                                 \
	MS_FIELDS_EXIT(FIELD)                                                                                \
	FIELD(NUMBER, run_ms, "how long it ran")                                                             \
	FIELD(NUMBER, peak_rss_bytes, "of the job as it was looked at, of one process also between")         \
	FIELD(NUMBER, shortages, "how often it was above high")                                              \
	FIELD(NUMBER, rounds, "how often it was shrunk")                                                     \
	FIELD(NUMBER, orders, "how many orders were given")                                                  \
	FIELD(NUMBER, claimed_bytes, "of all rounds")                                                        \
	FIELD(FLAG, estimated, "whether a part of that is an estimate")                                      \
	FIELD(NUMBER, returned_bytes, "of all rounds")                                                       \
	FIELD(NUMBER, shrink_us, "from first order to last answer, of all rounds")                           \
	FIELD(NUMBER, own_rounds, "how often processes shrank their caches by themselves")                   \
	FIELD(NUMBER, own_claimed_bytes, "likewise; not in claimed_bytes")                                   \
	FIELD(NUMBER, own_returned_bytes, "likewise, as they measured it; not in returned_bytes")            \
	FIELD(NUMBER, own_us, "how long that took")                                                          \
	FIELD(NUMBER, brakes, "how often a thread was held back until memory was freed")                     \
	FIELD(NUMBER, braked_us, "for how long, of all threads")                                             \
	FIELD(NUMBER, worst_delay_us, "by how much a look came later than planned")                          \
	FIELD(NUMBER, worst_growth_bytes, "between two looks")                                               \
	FIELD(NUMBER, wakeups, "of *memshed*")                                                               \
	FIELD(NUMBER, lost_lines, "that stderr or the journal did not take")                                 \
	FIELD(NUMBER, restarts, "how often the command was started again")                                   \
	FIELD(NUMBER, exhaustions, "how often nothing was left that helps")                                  \
	MS_FIELDS_VERDICT(FIELD)                                                                             \
	FIELD(NUMBER, oom_kills, "in its cgroup meanwhile; null when that is not known")                     \
	FIELD(CACHES, largest, "the largest caches when they were last seen, up to four")

#define MS_EVENT_MEMBER(type, name, doc) MS_TYPE_##type(name)

struct ms_event_cache {
	MS_FIELDS_CACHE(MS_EVENT_MEMBER)
};

enum { MS_EVENT_NAMED = 4 };

/* The largest ones, in order, and how many there are beside them. */
struct ms_event_caches {
	uint32_t count, more;
	struct ms_event_cache at[MS_EVENT_NAMED];
};

#define MS_EVENT_ENUM(NAME, name, of_process, doc) MS_EVENT_##NAME,
enum ms_event_kind { MS_EVENT_KINDS(MS_EVENT_ENUM) MS_EVENT_KIND_COUNT };

/* struct ms_event_start, struct ms_event_order ... */
#define MS_EVENT_STRUCT(NAME, name, of_process, doc)                                                         \
	struct ms_event_##name {                                                                             \
		MS_FIELDS_##NAME(MS_EVENT_MEMBER)                                                            \
	};
MS_EVENT_KINDS(MS_EVENT_STRUCT)

#define MS_EVENT_OF_KIND(NAME, name, of_process, doc) struct ms_event_##name name;
struct ms_event {
	enum ms_event_kind kind;
	MS_FIELDS_COMMON(MS_EVENT_MEMBER)
	MS_FIELDS_PROCESS(MS_EVENT_MEMBER)
	union {
		MS_EVENT_KINDS(MS_EVENT_OF_KIND)
	} as; /* the member that @kind names */
};

/** ms_event_read - what all events say of the memory of the job */
void ms_event_read(struct ms_event *event, const struct ms_sample *sample, const struct ms_marks *marks);

/* The kernel keeps limits in whole pages, of 64 KiB at most. */
enum { MS_EVENT_PAGE_MOST = 65536 };

/** ms_event_is_option - is the limit that binds as large as --max, where that is a cgroup's limit? */
static inline bool ms_event_is_option(const struct ms_event *event, uint64_t option_max_bytes)
{
	return (event->limit == MS_LIMIT_CGROUP1 || event->limit == MS_LIMIT_CGROUP2_MAX) &&
	       option_max_bytes - event->max_bytes < MS_EVENT_PAGE_MOST;
}

/** ms_event_caches_add - keep the largest; of equal ones those that came first */
void ms_event_caches_add(struct ms_event_caches *list, const struct ms_event_cache *cache);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * policy/policy.h - from numbers to orders: how much, from which process, how hard, and when to stop.
 *
 * Which caches of a process are asked is not decided here but by its agent, in the order of rank/rank.h.
 *
 * Pure functions over plain structs: no clock (now is an argument), no descriptor, no allocation, no
 * global. The same input and state give the same plan, so a recording can be replayed. Nothing here
 * blocks; all of it may run on the alarm path, on one thread at a time per state.
 *
 * The life of a shortage, for one target (a process tree under one budget):
 *
 *   from      to        why
 *   CALM      ORDERED   used > high: one order per process for its share of used - low, the cheapest first
 *   CALM      SETTLING  used > high again before the answers of the last shortage have settled
 *   CALM      PAUSED    used > high, and no agent answers now
 *   CALM      WARNED    used > high, and nothing can be asked: a warning
 *   ORDERED   ORDERED   an order was not taken in time, or takes long: others are asked meanwhile
 *   ORDERED   SETTLING  the last answer came
 *   ORDERED   CALM      used <= low and no answer is waited for; or the target is gone
 *   SETTLING  ORDERED   the reading has settled above high (easy bytes: above low): the next orders
 *   SETTLING  PAUSED    every process with something in it is silent or busy
 *   SETTLING  WARNED    nothing is left to ask: a warning, once until CALM
 *   SETTLING  CALM      used <= low; or used <= high and no easy bytes are left
 *   PAUSED    ORDERED   an agent answers again, or its back-off is over
 *   PAUSED    WARNED    only those are left that did not help
 *   PAUSED    CALM      as SETTLING
 *   WARNED    ORDERED   a back-off is over, or a cache has grown, or max is near
 *   WARNED    PAUSED    what could be asked is silent or busy
 *   WARNED    CALM      used <= low
 *
 * "Does not help" has one meaning: an order that brought too little (ms_policy_learn() says what is
 * enough). It is counted per process and in a row; the first time raises TRIM to CLEAR, then the process
 * is left alone for a back-off that doubles. There is one reset of all of it, below low and after calm:
 * a process with a heap that reuses what its caches gave up returns little and yet stays below high.
 *
 * Exhausted: above danger, and nothing is left that helps. Of all that the processes have in them but what did not
 * help twice in a row, little is left; what is silent or busy may still help. It is said once in a shortage, when that has been so for
 * a while: so long that a momentary peak has passed, but not until a kernel that enforces the limit picks
 * a victim.
 *
 * Caller's duties: every order of a plan is followed by exactly one ms_policy_learn(), whatever became of
 * it; ms_policy_forget() before the number of a process that ended is used again.
 */
#ifndef MS_POLICY_POLICY_H
#define MS_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "rank/rank.h"
#include "sample/sample.h"
#include "table/layout.h"
#include "util/units.h"

enum { MS_POLICY_PROCESSES = 1024 }; /* process numbers are below it */

/* The first one; each next is twice as long, up to so many doublings. */
struct ms_policy_back_off {
	uint64_t first_ns;
	uint32_t doublings;
};

/* What a person sets, and every constant of the policy: ms_policy_defaults() has the values. */
struct ms_policy_config {
	struct ms_mark high; /* unset: high_per_mille of max, lower when the margin asks for it */
	struct ms_mark low;  /* unset: low_per_mille of max, at least max/gap_divisor below high */

	/* The marks. */
	uint32_t high_per_mille, low_per_mille;
	uint32_t throttled_high_per_mille, throttled_low_per_mille; /* of a limit at which the kernel throttles */
	uint32_t gap_divisor;
	/* Where rounds are small, low is below high by the growth in this time, ... */
	uint64_t round_ns;
	uint32_t narrow_divisor;     /* ... and at least by this part of max */
	uint32_t lowest_divisor;     /* a margin lowers high to max divided by this, not further */
	uint32_t brake_divisor;      /* of max - high: threads are held back from so far above high on */
	uint32_t danger_nearest_divisor;  /* of max - high: so far below max danger lies at least ... */
	uint32_t danger_farthest_divisor; /* ... and at most; between them the margin decides */

	/* How long is waited. */
	uint64_t hold_off_ns;        /* after an answer, until the reading counts */
	uint32_t hold_off_short_divisor; /* near max, or where the answers were "busy" alone */
	uint32_t room_divisor;       /* of the time until max at the present growth, that settling may take */
	uint64_t untaken_ns;         /* an order that no agent took for so long counts as not given */
	uint64_t patience_ns;        /* one that was taken, for so long; near max for a hold-off */
	uint64_t timeout_most_ns, timeout_least_ns; /* of an order: half the time until max, within these */
	uint64_t calm_ns;            /* so long below high is help, whatever came back */
	uint64_t exhausted_ns;       /* so long above danger without help is exhausted ... */
	uint32_t exhausted_divisor;  /* ... or this part of the time until max, where the kernel enforces it */

	/* What is enough, and what is worth an order. */
	uint32_t helped_divisor;     /* an answer helped that brought this part of what was expected */
	uint32_t worth_divisor;      /* of high - low: less than that in a process, or of need, is little */
	uint32_t enough_divisor;     /* of what is asked: so much may be missing in a plan */
	uint64_t quick_ns;           /* an answer within this was quick: TRIM stays TRIM near max */

	/* How long a process is left alone. */
	struct ms_policy_back_off useless, busy, stuck;
	uint32_t helpless_useless;   /* so many useless orders in a row: the process does not help */
	uint32_t danger_tries;       /* near max a back-off is cut into so many: sizes may be stale */
};

/** ms_policy_defaults - where nothing is configured; marks.c says where each value is from */
struct ms_policy_config ms_policy_defaults(void);

/* What is wrong with the marks that were configured. */
enum ms_policy_fault {
	MS_POLICY_OK = 0,
	MS_POLICY_HIGH_IS_ZERO,        /* it would always be a shortage */
	MS_POLICY_HIGH_ABOVE_MAX,      /* it would never be one */
	MS_POLICY_LOW_NOT_BELOW_HIGH,
};

/**
 * ms_policy_check - do the configured marks make sense? Looks at high and low alone.
 * @max_bytes: the limit, 0 where it is not known yet: only what can be compared without it is
 */
enum ms_policy_fault ms_policy_check(const struct ms_policy_config *config, uint64_t max_bytes);

/* The budget in bytes, as it applies to one sample. low <= high <= max; low < high unless max < 2. */
struct ms_marks {
	uint64_t max_bytes, high_bytes, low_bytes;
	uint64_t danger_bytes; /* between high and max: from here on whole caches, then EMERGENCY */
	bool lowered; /* high is below what was configured, because the margin asks for it */
};

/**
 * ms_policy_marks - resolve high and low against the limit that binds
 * @max_bytes: 0 = there is no limit (max_bytes of the result is then UINT64_MAX)
 * @margin_bytes: what the target can grow by between crossing high and the first callback, worst case
 *
 * Never fails: marks that make no sense for this max (see ms_policy_check()) are brought into line.
 */
struct ms_marks ms_policy_marks(const struct ms_policy_config *config, uint64_t max_bytes,
				uint64_t margin_bytes);

/**
 * ms_policy_marks_of - the same, for what kind of limit it is
 *
 * At memory.high the kernel makes threads sleep inside page faults, where they hold their allocator's locks: a
 * callback's free() then waits for them, and nothing is freed any more. It is a limit to stay below, so its marks
 * are further from it than those of a limit at which the OOM killer comes.
 */
struct ms_marks ms_policy_marks_of(const struct ms_policy_config *config, const struct ms_limit *limit,
				   uint64_t margin_bytes);

/**
 * ms_policy_narrow - bring low nearer to high: small, frequent rounds leave caches fuller
 * @growth_bytes_per_s: the fastest of late; low is no nearer than the growth in config->round_ns
 *
 * For a target that shrinks by itself, and where orders help: then a round need not make room for what comes
 * while the next one is late. A low that was configured stays.
 */
void ms_policy_narrow(const struct ms_policy_config *config, uint64_t growth_bytes_per_s, struct ms_marks *marks);

/** ms_policy_brake_bytes - the mark from which processes hold their threads back */
uint64_t ms_policy_brake_bytes(const struct ms_policy_config *config, const struct ms_marks *marks);

/**
 * ms_policy_leave_to_processes - order from the brake mark on, and leave what is below it to own rounds
 *
 * These leave what they free to the allocators, and so usage does not fall (lib/own.c). A high that was
 * configured, or that the margin has lowered, stays.
 */
void ms_policy_leave_to_processes(const struct ms_policy_config *config, struct ms_marks *marks);

/* One process of the target that has a table. */
struct ms_policy_process {
	uint32_t process;    /* the watch's number for it; handed back in orders */
	bool brakes;         /* it holds its threads back while it frees memory, so that there is time for parts */
	bool answers;        /* its agent can be asked: there is one, and it is not stopped and not stuck */
	uint32_t caches;     /* live rows but for the allocator's, also those that were not read */
	uint64_t free_bytes; /* what its allocator holds free: ms_rank_bytes() of that row */
};

struct ms_policy_input {
	const struct ms_policy_process *processes; /* each once, in any order */
	uint32_t process_count;
	/* Of their rows but for the allocators'; key.process is one of them; any order. Sorted in place. */
	struct ms_rank_key *keys;
	uint32_t key_count;
};

/* Free so much, as MS_SCOPE_PROCESS means it: one order per process. */
struct ms_policy_order {
	uint32_t process;
	uint32_t level;         /* enum ms_level */
	uint64_t target_bytes;  /* never 0 */
	uint64_t timeout_ns;
};

/* What is done when a job is exhausted: a person's choice, carried out by its program. */
enum ms_exhausted_action {
	MS_EXHAUSTED_WARN = 0,
	MS_EXHAUSTED_TERM,    /* end the job */
	MS_EXHAUSTED_RESTART, /* end the job, and start it again */
	MS_EXHAUSTED_EXEC,    /* run a command */
};

enum ms_plan_kind {
	MS_PLAN_NOTHING = 0, /* below high */
	MS_PLAN_WAIT,        /* above high, but orders are out, or nothing can be asked now */
	MS_PLAN_ORDERS,
	MS_PLAN_WARN,        /* nothing is left to ask: say so */
	MS_PLAN_RECOVERED,   /* the shortage is over: below low, or below high and no easy bytes left */
};

enum ms_why {
	MS_WHY_BELOW_HIGH = 0,
	MS_WHY_ABOVE_HIGH,      /* first plan of a shortage */
	MS_WHY_STILL_ABOVE_LOW, /* a further plan of the same shortage */
	MS_WHY_ESCALATED,       /* the level went up: the last order did not bring enough */
	MS_WHY_NEAR_MAX,        /* above danger */
	MS_WHY_HOLD_OFF,        /* answers came, the reading settles */
	MS_WHY_IN_FLIGHT,       /* orders are not answered yet */
	MS_WHY_BACK_OFF,        /* the person was told; waiting before the next try */
	MS_WHY_ONE_MORE_TRY,    /* such a back-off is over */
	MS_WHY_SILENT,          /* there is something to ask, but agents or callbacks do not answer */
	MS_WHY_BUSY,            /* likewise, but the owners' locks are taken */
	MS_WHY_NOTHING_LEFT,    /* all caches with something in them were asked, and still above high */
	MS_WHY_NOTHING_TO_ASK,  /* the caches are empty, or are never asked (MEMSHED_CACHE_MANUAL) */
	MS_WHY_DOES_NOT_HELP,   /* caches were shrunk again and again, and the memory did not come back */
	MS_WHY_NO_CACHES,       /* above high, and the target registered nothing */
	MS_WHY_BELOW_LOW,       /* the shortage is over */
};

struct ms_plan {
	enum ms_plan_kind kind;
	enum ms_why why;
	uint64_t need_bytes;    /* used - low */
	uint64_t ask_bytes;     /* the need, and what the target grows by while that is brought */
	uint64_t not_before_ns; /* WAIT, WARN: when to ask again at the latest; may be asked earlier */
	/* Where rows were read (ORDERS, WARN, and most WAITs). */
	uint32_t caches;        /* of all processes */
	uint32_t silent_caches; /* that cannot be asked, as their agent does not answer, or they are stuck */
	uint64_t held_bytes;    /* what caches and allocators hold; of the last plan for which rows were read */
	bool exhausted;         /* whatever the kind; true once in a shortage */
	uint32_t count;         /* ORDERS: how many */
	struct ms_policy_order orders[MS_POLICY_PROCESSES];
};

enum ms_policy_phase {
	MS_PHASE_CALM = 0, /* no shortage */
	MS_PHASE_ORDERED,  /* an order is out */
	MS_PHASE_SETTLING, /* all are answered; the reading settles */
	MS_PHASE_PAUSED,   /* nothing can be asked now, but soon */
	MS_PHASE_WARNED,   /* nothing is left to ask, and the person was told */
};

/* What is known of one process, from its last order. */
struct ms_policy_evidence {
	bool out;              /* planned, and not learnt of yet */
	bool taken;            /* its agent works on it */
	bool late;             /* the last order was not taken, or not carried out in time */
	uint32_t level;        /* of the last order */
	uint32_t next_level;   /* of the next one; near max it may be higher; 0 = TRIM */
	uint32_t status;       /* enum ms_answer_status of the last answer */
	uint32_t useless;      /* orders in a row that brought too little, for whatever reason */
	uint64_t asked_ns;     /* 0 = never */
	uint64_t answered_ns;  /* 0 = never */
	uint64_t not_before_ns; /* its back-off */
	uint64_t target_bytes; /* of the last order */
	uint64_t expect_bytes; /* the same, but not more than what was known to be there */
	uint64_t growth_bytes_per_s; /* of the target, at the last order */
	uint64_t claimed_bytes, returned_bytes; /* of the last answer */
	uint64_t least_bytes;  /* that it held since, as far as was seen */
	bool brakes;           /* as the process's, at the last plan that read rows */
	struct {               /* scratch of one ms_policy_plan() */
		uint64_t bytes;       /* what can be asked of it, but for exhausted caches */
		uint64_t exhausted_bytes; /* of those */
		bool unknown;         /* a cache in it keeps no count */
		bool empty;           /* nothing is in it at all */
		uint32_t standing, order, stuck;
	} now;
};

/* Zero it for a new target. */
struct ms_policy_state {
	enum ms_policy_phase phase;
	bool told;              /* WARN was planned in this shortage */
	bool exhausted;         /* likewise: that it is exhausted */
	uint64_t helpless_since_ns; /* above danger without help; 0 = not so */
	uint64_t held_bytes;    /* when rows were read */
	bool worked;            /* an answer to the last plan was more than "busy" */
	uint32_t rounds;        /* plans with orders in this shortage */
	uint32_t out;           /* orders out */
	uint32_t numbers;       /* process numbers at and above were never asked */
	uint64_t short_since_ns; /* when the shortage began */
	uint64_t below_since_ns; /* since when it is at or below high; 0 = it is not */
	uint64_t answered_ns;   /* the last answer; 0 = it has settled */
	uint64_t took_ns;       /* the last answer, from the order to it; 0 = there was none */
	uint64_t least_bytes;   /* the lowest usage since the last orders */
	uint64_t look_ns;       /* nothing could be asked while orders are out: rows are not read before */
	uint64_t growth_bytes_per_s; /* of the last sample */
	struct ms_policy_evidence of[MS_POLICY_PROCESSES];
};

/**
 * ms_policy_wants_rows - would ms_policy_plan() look at the input, if it was called now?
 *
 * Reading rows is the dearest part of a look. Without a shortage, or while orders are out and the reading
 * settles, the plan may be made with an empty input.
 */
bool ms_policy_wants_rows(const struct ms_policy_config *config, const struct ms_sample *sample,
			  const struct ms_marks *marks, const struct ms_policy_state *state);

/**
 * ms_policy_plan - decide for one sample; now is sample->at_ns
 * @state: moved on
 * @ret_plan: filled in whatever the kind
 */
void ms_policy_plan(const struct ms_policy_config *config, const struct ms_sample *sample,
		    const struct ms_marks *marks, const struct ms_policy_input *input,
		    struct ms_policy_state *state, struct ms_plan *ret_plan);

/** ms_policy_is_helped - did each process that was asked help the last time, or was it reset since? */
bool ms_policy_is_helped(const struct ms_policy_state *state);

/** ms_policy_restart - the target was ended and started again: what was said of the last one holds no more */
void ms_policy_restart(struct ms_policy_state *state);

/** ms_policy_taken - the agent of this process works on its order */
void ms_policy_taken(struct ms_policy_state *state, uint32_t process);

struct ms_policy_answer {
	uint32_t status; /* enum ms_answer_status; MS_ANSWER_STUCK also when the watch gave up waiting for
			  * one that was taken, MS_ANSWER_NONE when it was not posted, or taken back */
	uint64_t claimed_bytes, returned_bytes;
};

/**
 * ms_policy_learn - an order was answered, or given up
 *
 * It helped when it returned a part of what was expected (config->helped_divisor), with what the target
 * grew by meanwhile added where that much was claimed.
 */
void ms_policy_learn(const struct ms_policy_config *config, struct ms_policy_state *state, uint32_t process,
		     const struct ms_policy_answer *answer, uint64_t now_ns);

/** ms_policy_forget - a process ended: what was learnt of it holds for no other; an order out is void */
void ms_policy_forget(struct ms_policy_state *state, uint32_t process);

#endif

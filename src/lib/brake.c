/* SPDX-License-Identifier: MIT */
/*
 * lib/brake.c - a thread looks how much memory is used (look.c), asks for a round of its own process above
 * high (own.c), and is held back above the brake mark until memory was freed.
 *
 * That must not depend on another process being scheduled: a watch at ordinary priority comes 150 ms late
 * just when it matters, and threads that go on allocating hold the allocator's locks that the callbacks wait
 * for. A thread looks when it has charged a MiB, near max when it has charged a part of what is left, and in
 * memshed_brake(). Without marks a look is one load.
 *
 * Three state machines, which tests/model/brake.pml checks in all interleavings:
 *
 *   marks     from     to       by      when
 *             none     hold     watch   it writes them: at a hello, and at each look; for 10 s each time
 *             hold     none     clock   no watch has written for 10 s
 *
 *   own       from     to       by      when
 *   order     IDLE     WANTED   thread  it looked, marks hold, and memory is short: above high, or above the
 *                                       brake mark with what the thread is about to add; not while shrinking
 *                                       is paused, nor until usage has grown where the last round left it
 *                                       above high, nor just after a round left memory to the allocator
 *             WANTED   RUNNING  agent   takes it; or the last one still waits for an owner's thread
 *             IDLE,    RUNNING  agent   takes a watch's order for pressure, which serves for both
 *             WANTED
 *             WANTED   IDLE     agent   looked again: not short any more (it was page cache), or no marks
 *             RUNNING  IDLE     agent   the round ends: ended goes up before, turn after that
 *             any      IDLE     agent   it starts or stops; a forked child
 *
 *   thread    from     to       when
 *             goes     held     above the brake mark with what it is about to add, help is to come, and the
 *                               thread may be held
 *             held     goes     memory is not short any more; a round ended (the second one, where what the
 *                               thread is about to add still does not fit below max); no help is to come any
 *                               more; HOLD_NS are over; its share of time is used up; the marks end; or the
 *                               callback that runs is of the cache it charges, sleeps and makes no progress:
 *                               it may wait for a lock that this thread holds
 *
 * Help is to come while the own order is WANTED or RUNNING; and while a callback that is late still runs,
 * unless threads were held for it IN_VAIN_MOST times.
 *
 * A thread may not be held in a callback, nor when it is or was the agent; nor while a callback waits for
 * the thread of its owner; nor in a charge where a host has a lock that all callbacks need (round_begin),
 * because the thread may hold it. Where nothing is freed meanwhile it is held for SHARE_NS in WINDOW_NS at
 * most. Of that time only what the threads that run callbacks spent on a CPU counts, or all of it when they
 * slept: what frees memory needs time on a busy machine. (With all waits counted, four threads on two CPUs
 * with a load of 14 used up their second, and were killed in 4 of 4 runs; in 0 of 12 so.)
 *
 *   [brake.B1] own and ended change before turn goes up (release); a thread that is held loads turn
 *              (acquire) before it looks at them, and sleeps only while turn has not gone up since;
 *              pairs with [brake.B1]
 */
#include "lib/brake.h"

#include "lib/executor.h"
#include "lib/lib.h"
#include "lib/look.h"
#include "util/futex.h"
#include "util/saturate.h"

#define HOLD_NS (200 * MS_NS_PER_MS)
#define GONE_NS (5 * HOLD_NS) /* after this no thread is held any more, on a busy machine either */
#define WINDOW_NS (5 * MS_NS_PER_S)
#define SHARE_NS MS_NS_PER_S
#define LOOK_NS (5 * MS_NS_PER_MS) /* a thread that is held looks at least so often */
#define PROGRESS_BYTES (UINT64_C(256) << 10)
#define LEAST_STEP_BYTES (UINT64_C(64) << 10)

enum {
	IN_VAIN_MOST = 8,   /* from then on late callbacks do not count as help */
	STEPS_OF_ROOM = 32, /* a thread looks when it has charged this part of what is left */
	/* What a thread added once is expected for some more looks, and less each time: not every value is
	 * large. */
	FADE_DIVISOR = 16,
	FIRST_PATIENCE_US = 5000,
	LEAST_PATIENCE_US = 1000,
	MOST_PATIENCE_US = 200000,
};

__thread uint64_t ms_brake_left __attribute__((tls_model("initial-exec")));

/* A callback of the cache that this thread charges, which has made no progress since at_ns. */
struct stand {
	uint32_t row;
	uint64_t since_ns; /* when the callback began; 0: none */
	uint64_t used_bytes;
	uint64_t at_ns;
};

/* Also one for each thread; apart from ms_brake_left, which each charge writes. */
static __thread struct {
	bool exempt;
	bool held; /* it is counted in braked_threads */
	uint64_t window_ns, in_vain_ns;
	uint32_t helped; /* brake.helped as it was when the window began */
	uint64_t used_bytes, ahead_bytes; /* memshed_brake(): at its last look, and what it added before */
	uint32_t ended; /* brake.ended at that time */
	struct stand left; /* the callback that this thread did not wait for any longer */
} own __attribute__((tls_model("initial-exec")));

static struct ms_brake *const brake = &ms_lib.brake;

static uint32_t own_state(void)
{
	return atomic_load_explicit(&brake->own, memory_order_relaxed);
}

/* Late callbacks free memory as others do; but some never return. */
static bool is_late_help(void)
{
	if (!atomic_load_explicit(&ms_lib.executor.late, memory_order_relaxed)) {
		if (atomic_load_explicit(&brake->in_vain, memory_order_relaxed))
			atomic_store_explicit(&brake->in_vain, 0, memory_order_relaxed);
		return false;
	}
	return atomic_load_explicit(&brake->in_vain, memory_order_relaxed) < IN_VAIN_MOST;
}

static bool is_help_to_come(void)
{
	return own_state() != MS_OWN_IDLE || is_late_help();
}

bool ms_brake_holds(void)
{
	const struct ms_table_header *header = ms_lib.table.header;

	return header && atomic_load_explicit(&header->braked_threads, memory_order_relaxed);
}

void ms_brake_wake(void)
{
	atomic_fetch_add_explicit(&brake->turn, 1, memory_order_release); /* [brake.B1] */
	if (ms_brake_holds())
		ms_futex_wake_all(&brake->turn);
}

/* ---- the look ---- */

/* What this thread is about to add does not fit below max. */
static bool is_past_max(const struct ms_look *look)
{
	return look->used_bytes + look->ahead_bytes >= look->marks.max_bytes;
}

/* What was freed last may still be in the heap, which uses it again before it grows. Where what comes
 * next would not fit below max, that is not relied on: the process would be killed if it were wrong. */
static bool has_grown(const struct ms_look *look)
{
	return look->used_bytes >= atomic_load_explicit(&brake->again_bytes, memory_order_relaxed) || is_past_max(look);
}

/* The program has hardly used yet what the last round left to the allocator. */
static bool has_enough(const struct ms_look *look)
{
	return look->now_ns < atomic_load_explicit(&brake->enough_until_ns, memory_order_relaxed) &&
	       look->used_bytes + look->ahead_bytes < look->marks.brake_bytes;
}

static bool is_in_danger(const struct ms_look *look)
{
	return look->used_bytes + look->ahead_bytes >= look->marks.brake_bytes && has_grown(look);
}

static void want_order(const struct ms_look *look)
{
	uint32_t idle = MS_OWN_IDLE;

	if (!ms_lib_runs() || look->now_ns < atomic_load_explicit(&brake->paused_until_ns, memory_order_relaxed) ||
	    !has_grown(look) || has_enough(look))
		return;
	if (own_state() == MS_OWN_IDLE || look->ahead_bytes > atomic_load_explicit(&brake->ahead_bytes, memory_order_relaxed))
		atomic_store_explicit(&brake->ahead_bytes, look->ahead_bytes, memory_order_relaxed);
	if (own_state() == MS_OWN_IDLE &&
	    atomic_compare_exchange_strong_explicit(&brake->own, &idle, MS_OWN_WANTED, memory_order_relaxed,
						    memory_order_relaxed))
		ms_control_wake(&ms_lib.control);
}

/* For what is about to come caches give way down to half of max, and no further. */
static uint64_t most_ahead(uint64_t bytes, const struct ms_marks_body *marks)
{
	return ms_least(bytes, ms_sat_sub(marks->brake_bytes, marks->max_bytes / 2));
}

/* Return: whether there is something to wait for. */
static bool look_for_shortage(struct ms_look *look)
{
	if (!ms_look_take(look))
		return false;
	look->ahead_bytes = most_ahead(look->ahead_bytes, &look->marks);
	if (!ms_look_is_short(look)) {
		if (atomic_load_explicit(&brake->again_bytes, memory_order_relaxed))
			atomic_store_explicit(&brake->again_bytes, 0, memory_order_relaxed);
		return false;
	}
	want_order(look);
	return is_in_danger(look) && is_help_to_come();
}

/* ---- being held ---- */

/* Where threads of the host carry orders out, this thread may be the only one that can. */
static bool may_be_held(const struct ms_look *look)
{
	bool no_brake = look->marks.flags & MS_MARKS_NO_BRAKE || ms_lib.agent_options.flags & MEMSHED_AGENT_NO_BRAKE;

	if (no_brake || own.exempt || ms_executor_is_calling() || !ms_lib_runs())
		return false;
	if (atomic_load_explicit(&ms_lib.poll_word, memory_order_relaxed) & ~(MS_POLL_MODE | MS_POLL_LAZY))
		return false; /* a callback waits for its owner's thread */
	return ms_lib.mode->is_agent || own_state() != MS_OWN_WANTED;
}

/* How much longer this thread may be held. A round that helped in the end was worth waiting for: the
 * window begins anew. */
static uint64_t share_left(uint64_t now_ns)
{
	uint32_t helped = atomic_load_explicit(&brake->helped, memory_order_relaxed);

	if (now_ns - own.window_ns >= WINDOW_NS || helped != own.helped) {
		own.helped = helped;
		own.window_ns = now_ns;
		own.in_vain_ns = 0;
	}
	return ms_sat_sub(SHARE_NS, own.in_vain_ns);
}

/* Return: how much of a wait in which nothing was freed counts. On a busy machine the threads that run
 * callbacks may have got no CPU: then only the time that they ran counts. */
static uint64_t in_vain_of(uint64_t held_ns, uint64_t cpu_before_ns)
{
	uint64_t cpu_ns = ms_usage_agent_cpu_ns();

	if (ms_usage_agent_waits() || cpu_ns < cpu_before_ns || !cpu_before_ns)
		return held_ns;
	return ms_least(held_ns, cpu_ns - cpu_before_ns);
}

/* @cache: one that this thread charges. Return: since when its callback runs; 0: it does not. */
static uint64_t callback_since(const struct memshed_cache *cache)
{
	const struct ms_table_header *header = ms_lib.table.header;

	if (atomic_load_explicit(&header->current_row, memory_order_relaxed) != cache->row)
		return 0;
	return atomic_load_explicit(&header->current_since_ns, memory_order_relaxed);
}

static uint64_t patience_ns(const struct memshed_cache *cache)
{
	uint32_t us = atomic_load_explicit(&cache->patience_us, memory_order_relaxed);

	return (us ? us : FIRST_PATIENCE_US) * MS_NS_PER_US;
}

/* Did the callback make progress once this thread had gone on? Then it had waited for a lock that this
 * thread held, and will do so again; else it is slow, and the next wait for it is longer. */
static void learn_patience(struct memshed_cache *cache, uint64_t used_bytes)
{
	uint64_t us = patience_ns(cache) / MS_NS_PER_US;
	bool stands;

	if (!own.left.since_ns || own.left.row != cache->row)
		return;
	stands = callback_since(cache) == own.left.since_ns && used_bytes + PROGRESS_BYTES > own.left.used_bytes;
	us = stands ? us * 2 : us / 2;
	us = ms_within(us, LEAST_PATIENCE_US, MOST_PATIENCE_US);
	atomic_store_explicit(&cache->patience_us, (uint32_t)us, memory_order_relaxed);
	own.left.since_ns = 0;
}

/* Return: whether the callback of @cache makes no progress, and this thread is to go on. A callback that
 * runs counts as making some, since what it frees may stay in the heap at first. So does one that waits
 * for a CPU: it waits for no lock, and threads that go on would take the CPU from it. */
static bool stands_still(const struct memshed_cache *cache, const struct ms_look *look, struct stand *stand)
{
	uint64_t since = cache ? callback_since(cache) : 0;

	if (!since)
		return false;
	if (stand->since_ns != since || look->used_bytes + PROGRESS_BYTES < stand->used_bytes ||
	    !ms_usage_agent_waits()) {
		*stand = (struct stand){.row = cache->row, .since_ns = since, .used_bytes = look->used_bytes, .at_ns = look->now_ns};
		return false;
	}
	if (look->now_ns - stand->at_ns < patience_ns(cache))
		return false;
	own.left = *stand;
	return true;
}

/* The round that ended may have begun long before this thread was held, and without what the thread is
 * about to add. Return: whether the thread is to wait on: no round has ended yet, or one more is needed. */
static bool wants_one_more(const struct ms_look *look, uint32_t *ended, bool *once)
{
	uint32_t now = atomic_load_explicit(&brake->ended, memory_order_relaxed);

	if (*ended == now || is_late_help())
		return true;
	if (*once || !is_past_max(look))
		return false;
	*once = true;
	*ended = now;
	want_order(look);
	return true;
}

/* Return: whether the time was up while help was still to come. */
static bool wait_for_memory(struct memshed_cache *cache, struct ms_look *look, uint64_t until_ns)
{
	uint32_t ended = atomic_load_explicit(&brake->ended, memory_order_relaxed);
	struct stand stand = {.since_ns = 0};
	bool once = false;

	for (;;) {
		uint32_t turn = atomic_load_explicit(&brake->turn, memory_order_acquire); /* [brake.B1] */
		uint64_t next_ns;

		if (!ms_lib_runs() || !wants_one_more(look, &ended, &once) || !is_help_to_come())
			return false;
		if (!ms_look_take(look) || !ms_look_is_short(look) || !has_grown(look) || stands_still(cache, look, &stand))
			return false;
		if (look->now_ns >= until_ns) {
			if (own_state() == MS_OWN_IDLE && ms_usage_agent_waits())
				atomic_fetch_add_explicit(&brake->in_vain, 1, memory_order_relaxed);
			return true;
		}
		next_ns = look->now_ns + (stand.since_ns ? ms_least(patience_ns(cache), LOOK_NS) : LOOK_NS);
		ms_futex_wait(&brake->turn, turn, ms_least(until_ns, next_ns));
	}
}

/* Never below 0: count_held() may have set the counter to 0 meanwhile. */
static void take_from(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	while (n && !atomic_compare_exchange_weak_explicit(counter, &n, n - 1, memory_order_relaxed, memory_order_relaxed))
		;
}

/*
 * A thread that is held may leave by longjmp() from a signal handler, and is still counted then. It takes
 * that back when it looks again; and when no thread has begun to be held for GONE_NS, those that are counted
 * have all left that way.
 */
static void count_held(uint64_t now_ns)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint64_t until_ns = atomic_load_explicit(&header->braked_until_ns, memory_order_relaxed);

	if (atomic_exchange_explicit(&header->braked_until_ns, now_ns + GONE_NS, memory_order_relaxed) == until_ns &&
	    until_ns <= now_ns)
		atomic_store_explicit(&header->braked_threads, 0, memory_order_relaxed);
	own.held = true;
	ms_lib_count(&header->brakes, 1);
	ms_lib_count(&header->braked_threads, 1);
}

static void uncount_held(void)
{
	if (!own.held)
		return;
	own.held = false;
	take_from(&ms_lib.table.header->braked_threads);
}

/* Return: whether the thread went on while help was still to come. */
static bool hold(struct memshed_cache *cache, struct ms_look *look)
{
	struct ms_table_header *header = ms_lib.table.header;
	uint64_t began_ns = look->now_ns, left_ns = share_left(began_ns), before_bytes = look->used_bytes, held_ns;
	uint64_t cpu_ns = ms_usage_agent_cpu_ns();
	uint32_t helped = atomic_load_explicit(&brake->helped, memory_order_relaxed);
	bool timed_out;

	if (cache)
		learn_patience(cache, look->used_bytes);
	if (!left_ns)
		return false;
	count_held(began_ns);
	timed_out = wait_for_memory(cache, look, began_ns + ms_least(HOLD_NS, left_ns));
	held_ns = ms_clock_ns() - began_ns;
	/* A round that helped freed something, though other threads may have taken it since. */
	if (helped == atomic_load_explicit(&brake->helped, memory_order_relaxed) &&
	    look->used_bytes + PROGRESS_BYTES > before_bytes)
		own.in_vain_ns += in_vain_of(held_ns, cpu_ns);
	ms_lib_count(&header->braked_us, held_ns / MS_NS_PER_US);
	uncount_held();
	return timed_out;
}

/* So small a part of what is left that several threads do not fill it together between their looks. */
static uint64_t step_of(const struct ms_look *look)
{
	uint64_t share = ms_sat_sub(look->marks.max_bytes, look->used_bytes) / STEPS_OF_ROOM;

	return ms_within(share, LEAST_STEP_BYTES, MS_BRAKE_STEP_BYTES);
}

void ms_brake_charged(struct memshed_cache *cache)
{
	struct ms_look look = {.ahead_bytes = 0};

	ms_brake_left = MS_BRAKE_STEP_BYTES;
	if (ms_likely(!ms_look_has_marks()))
		return;

	MS_KEEP_CALLER;

	uncount_held();
	bool goes_early = look_for_shortage(&look) && !ms_lib.agent_options.round_begin &&
			  !(cache->options.flags & MEMSHED_CACHE_NO_BRAKE) && may_be_held(&look) && hold(cache, &look);

	if (look.used_bytes)
		ms_brake_left = goes_early ? LEAST_STEP_BYTES : step_of(&look);
}

/* Return: how much this thread is expected to add until it looks again: what it lately added between two
 * looks. Where a round freed something meanwhile, what was added cannot be seen: then the expectation does
 * not fade. */
static uint64_t foresee(uint64_t used_bytes, const struct ms_marks_body *marks)
{
	uint64_t grown = ms_sat_sub(used_bytes, own.used_bytes), kept = own.ahead_bytes;
	uint32_t ended = atomic_load_explicit(&brake->ended, memory_order_relaxed);

	if (ended == own.ended && own_state() != MS_OWN_RUNNING)
		kept -= kept / FADE_DIVISOR;
	own.ended = ended;
	if (own.used_bytes)
		own.ahead_bytes = grown > kept ? grown : kept;
	own.used_bytes = used_bytes;
	return most_ahead(own.ahead_bytes, marks);
}

int ms_brake_point(uint32_t flags)
{
	struct ms_look look = {.ahead_bytes = own.ahead_bytes};

	if (!ms_look_has_marks())
		return 0;

	MS_KEEP_CALLER;

	uncount_held();
	if (!(flags & MEMSHED_BRAKE_LOOK)) {
		if (look_for_shortage(&look) && may_be_held(&look)) {
			hold(NULL, &look);
			ms_look_take(&look); /* with what was freed last */
		}
		own.used_bytes = look.used_bytes;
		return 0;
	}
	if (!ms_look_take(&look))
		return 0;
	look.ahead_bytes = foresee(look.used_bytes, &look.marks);
	if (!ms_look_is_short(&look))
		return 0;
	want_order(&look);
	if (is_in_danger(&look) && is_help_to_come() && may_be_held(&look) && share_left(look.now_ns))
		return 1;
	/* A quick agent is done by now: the next growth counts from what it left. */
	ms_look_take(&look);
	own.used_bytes = look.used_bytes;
	return 0;
}

void ms_brake_exempt(void)
{
	own.exempt = true;
}

void ms_brake_after_fork(void)
{
	own.held = false;
	ms_usage_after_fork();
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/own.c - the process's own orders: what they ask for, and what came of them. brake.c says when
 * one is wanted.
 *
 * All of it is called by the thread that is the agent, but for ms_own_is_wanted().
 *
 * Reuse. Rounds are small where the job grows slowly. An own round below the brake mark then leaves what it
 * frees to the allocator, where the program takes it again for its next entries: the kernel need not take the
 * pages back, and clear them again. (An lru_cache at its limit with entries of 16 KiB that take 150 us: 7 %
 * of the time went into pages.) Usage stays meanwhile, or rises a little, as new entries do not fit into all
 * holes, and some holes have no pages. The next such round comes when the program can have used what it got.
 * From the brake mark on, and once rounds have not helped, a round gives memory back. A watch takes that into
 * account: it orders from the brake mark on.
 *
 * An own order is in no slot of the control page, so no stranger can make one. A watch that saw the same shortage
 * gives an order, too: where it comes within MS_OWN_ANSWER_NS of an own round that gave memory back, it is
 * answered with the figures of that round.
 *
 * A round that does not help has a weight: HEAVY when nothing was freed, MIDDLE when it was little, LIGHT
 * when callbacks claim what did not come back, since a heap uses that again before it grows. When the weights
 * come to PAUSE_AT there are neither own orders nor waits for a while, which doubles each time, so that a
 * program that leaks runs on at full speed. A round with a callback that is late counts as one that helped.
 */
#include "lib/own.h"

#include "lib/lib.h"
#include "lib/look.h"
#include "util/saturate.h"

#define OWN_TIMEOUT_US UINT64_C(2000000)
#define PAUSE_NS (100 * MS_NS_PER_MS)
#define LEAST_BYTES (UINT64_C(1) << 20)
#define REUSE_STEP_BYTES (UINT64_C(512) << 10)
/* About half of the time that the gap between low and high is made for (policy/marks.c). */
#define REUSE_LEAST_NS (8 * MS_NS_PER_MS)

enum {
	HELPED_DIVISOR = 4, /* a quarter of what was wanted, or of what was there, is help */
	LIGHT = 1,
	MIDDLE = 2,
	HEAVY = 4,
	PAUSE_AT = 8,
	PAUSE_DOUBLINGS = 8,
	SMALL_DIVISOR = 4,  /* of max - high: rounds are small where low is no further below high */
	/* A round left usage above high: the next is when it has grown by this part of max - high, ... */
	AGAIN_DIVISOR = 16,
	AGAIN_OF_ROOM = 4,  /* ... but by no more than this part of what is left below max */
};

static struct ms_brake *const brake = &ms_lib.brake;

void ms_own_prepare(uint64_t now_ns)
{
	struct ms_marks_body marks;

	if (ms_look_has_marks() && ms_look_read_marks(now_ns, &marks))
		ms_usage_open(&marks, now_ns);
}

bool ms_own_is_wanted(void)
{
	return atomic_load_explicit(&brake->own, memory_order_relaxed) == MS_OWN_WANTED;
}

static void move(enum ms_own_state state)
{
	atomic_store_explicit(&brake->own, state, memory_order_relaxed);
}

/* Is what the next round frees left to the program? Not where a thread is about to add more than that. */
static bool is_for_reuse(const struct ms_look *look)
{
	const struct ms_marks_body *marks = &look->marks;
	uint64_t gap = ms_sat_sub(marks->high_bytes, marks->low_bytes);

	return look->used_bytes < marks->brake_bytes && brake->weight == 0 && look->ahead_bytes <= gap &&
	       gap <= ms_sat_sub(marks->max_bytes, marks->high_bytes) / SMALL_DIVISOR;
}

/* Each process that shares the limit frees its part of what is used above low. That is taken to make room
 * for half of what lies between low and the brake mark; where a thread of this process is about to add
 * more, this process frees the rest. */
static uint64_t need_of(const struct ms_look *look)
{
	const struct ms_marks_body *marks = &look->marks;
	uint64_t used = look->used_bytes, low = marks->low_bytes;
	uint64_t more = ms_sat_sub(look->ahead_bytes, ms_sat_sub(marks->brake_bytes, low) / 2);
	uint64_t need = used > low ? (used - low) / marks->sharers + more : ms_sat_sub(more, low - used);

	return ms_greatest(need, LEAST_BYTES);
}

static struct ms_order order_of(const struct ms_look *look)
{
	bool harder = look->used_bytes >= look->marks.brake_bytes && brake->weight >= HEAVY;

	return (struct ms_order){
		.seq = MS_OWN_SEQ | ++brake->seq,
		.scope = MS_SCOPE_PROCESS,
		.level = harder ? MS_LEVEL_CLEAR : MS_LEVEL_TRIM,
		.reason = MEMSHED_REASON_PRESSURE,
		.reuse = is_for_reuse(look),
		.target_bytes = need_of(look),
		.timeout_us = OWN_TIMEOUT_US,
	};
}

bool ms_own_take(uint64_t now_ns, struct ms_order *ret_order)
{
	struct ms_look look = {.now_ns = now_ns,
			    .ahead_bytes = atomic_load_explicit(&brake->ahead_bytes, memory_order_relaxed)};

	if (!ms_own_is_wanted())
		return false;
	if (ms_look_read_marks(now_ns, &look.marks))
		look.used_bytes = ms_usage_fresh(&look.marks, now_ns);
	if (!look.used_bytes || !ms_look_is_short(&look)) {
		move(MS_OWN_IDLE);
		ms_brake_wake();
		return false;
	}
	move(MS_OWN_RUNNING);
	*ret_order = order_of(&look);
	return true;
}

static bool is_for_pressure(const struct ms_order *order)
{
	return order->scope == MS_SCOPE_PROCESS && order->reason == MEMSHED_REASON_PRESSURE &&
	       order->level != MS_LEVEL_COUNT;
}

bool ms_own_has_done(const struct ms_order *order, uint64_t now_ns, struct ms_answer *ret_answer)
{
	const struct ms_answer *last = &brake->last;

	if (!brake->telling || now_ns - brake->ended_ns >= MS_OWN_ANSWER_NS || !is_for_pressure(order) ||
	    order->level == MS_LEVEL_EMERGENCY)
		return false;
	brake->telling = false;
	if (!last->claimed_bytes)
		return false;
	*ret_answer = *last;
	ret_answer->caches = 0;
	return true;
}

void ms_own_begin(const struct ms_order *order)
{
	if (is_for_pressure(order))
		move(MS_OWN_RUNNING);
}

/* Where usage still is above high, the heap may hold what was freed: the next round comes when usage has
 * grown. */
static void note_level(uint64_t now_ns, bool reuse)
{
	struct ms_marks_body marks;
	uint64_t used = 0, again = 0;

	if (ms_look_read_marks(now_ns, &marks))
		used = ms_usage_bytes(&marks);
	if (used && used >= marks.high_bytes) {
		again = (marks.max_bytes - marks.high_bytes) / AGAIN_DIVISOR;
		again = reuse ? REUSE_STEP_BYTES : ms_greatest(again, LEAST_BYTES);
		again = used + ms_least(again, ms_sat_sub(marks.max_bytes, used) / AGAIN_OF_ROOM);
	}
	atomic_store_explicit(&brake->again_bytes, again, memory_order_relaxed);
}

void ms_own_freed(uint64_t claimed_bytes)
{
	/* Usage may not show it before the allocator gives it back, which takes longer than the callback. */
	if (claimed_bytes >= LEAST_BYTES)
		note_level(ms_clock_ns(), false);
	if (ms_brake_holds())
		ms_brake_wake();
}

/* Return: the weight of a round; 0: it helped, or a callback is late. */
static uint32_t weigh(const struct ms_order *order, const struct ms_answer *answer, uint64_t there_bytes)
{
	uint64_t enough = ms_least(order->target_bytes, there_bytes) / HELPED_DIVISOR;
	uint64_t returned = answer->returned_bytes != MS_NOT_MEASURED ? answer->returned_bytes : answer->claimed_bytes;

	if (enough < LEAST_BYTES / 2)
		enough = LEAST_BYTES / 2;
	if (returned > enough || answer->status == MS_ANSWER_STUCK)
		return 0;
	if (answer->claimed_bytes > enough || answer->status == MS_ANSWER_BUSY)
		return LIGHT;
	return answer->claimed_bytes >= LEAST_BYTES || returned >= LEAST_BYTES ? MIDDLE : HEAVY;
}

static void judge(const struct ms_order *order, const struct ms_answer *answer, uint64_t there_bytes, uint64_t now_ns)
{
	uint32_t weight = weigh(order, answer, there_bytes);

	if (order->reuse && weight == LIGHT) /* the allocator was meant to keep what was claimed */
		return;
	if (!weight) {
		brake->weight = brake->pauses = 0;
		atomic_fetch_add_explicit(&brake->helped, 1, memory_order_relaxed);
		return;
	}
	brake->weight += weight;
	if (brake->weight < PAUSE_AT)
		return;
	atomic_store_explicit(&brake->paused_until_ns, now_ns + (PAUSE_NS << brake->pauses), memory_order_relaxed);
	brake->weight = PAUSE_AT - LIGHT;
	if (brake->pauses < PAUSE_DOUBLINGS)
		brake->pauses++;
}

static void count_own(const struct ms_answer *answer)
{
	struct ms_table_header *header = ms_lib.table.header;

	ms_lib_count(&header->own_rounds, 1);
	ms_lib_count(&header->own_claimed_bytes, answer->claimed_bytes);
	if (answer->returned_bytes != MS_NOT_MEASURED)
		ms_lib_count(&header->own_returned_bytes, answer->returned_bytes);
	ms_lib_count(&header->own_us, answer->duration_us);
}

void ms_own_end(const struct ms_order *order, const struct ms_answer *answer, uint64_t there_bytes, bool is_own)
{
	uint64_t now = ms_clock_ns();

	if (!is_for_pressure(order))
		return;
	judge(order, answer, there_bytes, now);
	note_level(now, order->reuse);
	if (is_own)
		count_own(answer);
	atomic_store_explicit(&brake->enough_until_ns, order->reuse ? now + REUSE_LEAST_NS : 0, memory_order_relaxed);
	if (order->reuse)
		brake->kept_bytes = ms_sat_add(brake->kept_bytes, answer->claimed_bytes);
	if (is_own && !order->reuse) {
		brake->last = *answer;
		brake->ended_ns = now;
		brake->telling = true;
	}
	atomic_fetch_add_explicit(&brake->ended, 1, memory_order_relaxed);
	move(MS_OWN_IDLE);
	ms_brake_wake();
}

void ms_own_reset(void)
{
	move(MS_OWN_IDLE);
	brake->weight = brake->pauses = 0;
	brake->telling = false;
	atomic_store_explicit(&brake->again_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&brake->enough_until_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&brake->paused_until_ns, 0, memory_order_relaxed);
	ms_brake_wake();
}

/* SPDX-License-Identifier: MIT */
/*
 * The registry alone, with stand-ins for what it calls, so that each side can be held at one step.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "lib/agent.h"
#include "lib/call.h"
#include "lib/candidates.h"
#include "lib/lib.h"
#include "table/slot.h"
#include "util/clock.h"
#include "util/futex.h"

/* ---- stand-ins ---- */

static _Atomic(struct memshed_cache *) rows[MS_ROW_COUNT];
struct ms_lib ms_lib = {.by_row = rows};
__thread struct memshed_cache *ms_calling;
static _Atomic unsigned forgotten, forgotten_too_early;

void ms_errno_restore(struct ms_errno *errno_)
{
	errno = errno_->saved;
}

void ms_lib_returned(void)
{
	atomic_fetch_add(&ms_lib.returns, 1);
	ms_futex_wake_all(&ms_lib.returns);
}

void ms_owner_forget(struct memshed_cache *cache)
{
	forgotten++;
	forgotten_too_early += atomic_load(&cache->busy) != 0;
}

int ms_options_copy_cache(const struct memshed_cache_options *from, struct memshed_cache_options *ret)
{
	*ret = *from;
	return 0;
}

int ms_lib_ensure(void)
{
	errno = ENOTTY; /* whatever it calls may leave something there */
	return 0;
}

int ms_fork_recover(void)
{
	errno = ENOTTY;
	return 0;
}

bool ms_agent_runs(void)
{
	return false;
}

uint64_t ms_thread_id(void)
{
	return 1;
}

int ms_candidates_reserve(uint32_t row)
{
	(void)row;
	return 0;
}

void ms_count_expect(void)
{
}

/* ---- tests ---- */

static void clear(void *ctx)
{
	(void)ctx;
}

static struct memshed_cache *add(void)
{
	struct memshed_cache_options options = MEMSHED_CACHE_OPTIONS(.name = "one", .clear = clear);
	struct memshed_cache *cache;

	assert_int_equal(memshed_register(&options, &cache), 0);
	return cache;
}

static _Atomic bool gone;

static void *unregister(void *cache)
{
	memshed_unregister(cache);
	atomic_store(&gone, true);
	return NULL;
}

/* The agent may claim a cache and let go of it without a callback, so that none returns. */
static void test_release_without_a_callback_wakes(void **state)
{
	struct memshed_cache *cache = add(), *claimed;
	struct timespec until;
	pthread_t thread;

	(void)state;
	atomic_store(&gone, false);
	assert_int_equal(ms_registry_claim(cache->row, 0, &claimed), MS_CLAIMED);
	assert_int_equal(pthread_create(&thread, NULL, unregister, cache), 0);
	/* Asleep, or about to be: one that looks again finds it released. */
	for (int i = 0; i < 100; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_false(atomic_load(&gone));
	ms_registry_release(claimed);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &until), 0);
	assert_true(atomic_load(&gone));
	/* What the agent wished while it had the cache claimed must be taken back too. */
	assert_int_equal(forgotten, 1);
	assert_int_equal(forgotten_too_early, 0);
}

static void test_keeps_errno(void **state)
{
	(void)state;
	errno = EDOM;
	struct memshed_cache *cache = add();

	assert_int_equal(errno, EDOM);
	memshed_unregister(cache);
	assert_int_equal(errno, EDOM);
}

static int set_up(void **state)
{
	(void)state;
	return ms_table_create(&ms_lib.table, 1, ms_clock_ns());
}

static int tear_down(void **state)
{
	(void)state;
	ms_table_destroy(&ms_lib.table);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release_without_a_callback_wakes),
		cmocka_unit_test(test_keeps_errno),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

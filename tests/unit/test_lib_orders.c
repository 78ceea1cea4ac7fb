/* SPDX-License-Identifier: MIT */
/* Orders to the agent's thread: answers, which cache is asked first, late callbacks, callbacks that call
 * back. */
#include "lib_fake.h"

static struct bed bed;

static void test_answer_is_what_the_callback_said(void **state)
{
	struct fake fake = {.freed_bytes = 4096, .freed_entries = 3};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "said"));
	memshed_charge(fake.handle, 100000, 100);

	struct ms_answer answer = bed_do(&bed, "said", MS_LEVEL_TRIM, 4000);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 4096);
	assert_int_equal(answer.claimed_entries, 3);
	assert_int_equal(answer.caches, 1);
	assert_int_equal(fake.last.size, sizeof(struct memshed_request));
	assert_int_equal(fake.last.target_bytes, 4000);
	assert_int_equal(fake.last.level, MEMSHED_LEVEL_TRIM);
	assert_int_equal(fake.last.reason, MEMSHED_REASON_USER);
	assert_true(fake.last.deadline_ns > ms_clock_ns());

	struct ms_row row = bed_row(&bed, "said");

	assert_int_equal(row.last.status, MS_ANSWER_DONE);
	assert_int_equal(row.last.claimed_bytes, 4096);
	assert_int_equal(row.last.orders, 1);
	for (unsigned status = MEMSHED_PARTIAL; status <= MEMSHED_UNSUPPORTED; status++) {
		fake.status = (enum memshed_status)status;
		answer = bed_do(&bed, "said", MS_LEVEL_CLEAR, 0);
		assert_int_equal(answer.status, status);
		assert_int_equal(answer.caches, 1);
		assert_int_equal(fake.last.target_bytes, 0);
	}
	assert_int_equal(bed_row(&bed, "said").last.orders, fake.calls);
	memshed_unregister(fake.handle);
}

static void test_clear_alone_is_judged_by_its_counters(void **state)
{
	struct fake fake = {.uncharge_bytes = 5000};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "clear", .clear = clear));
	memshed_charge(fake.handle, 5000, 1);

	struct ms_answer answer = bed_do(&bed, "clear", MS_LEVEL_TRIM, 1);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 5000);
	assert_int_equal(answer.claimed_entries, 1);
	fake.uncharge_bytes = 0;
	assert_int_equal(bed_do(&bed, "clear", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_EMPTY);
	memshed_unregister(fake.handle);
}

static void test_orders_for_what_is_not_there(void **state)
{
	struct fake fake = {0};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "gone"));

	struct ms_order order = bed_order(&bed, "gone", MS_LEVEL_CLEAR, 0);

	memshed_unregister(fake.handle);
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_GONE);
	order.row = 60000;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_GONE);
	order.level = 77;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_INVALID);
	assert_int_equal(fake.calls, 0);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0).status, MS_ANSWER_EMPTY);
}

/* Priority first, then what a byte costs, then size; and no more than asked. */
static void test_cheapest_first_until_enough(void **state)
{
	struct fake low = {.freed_bytes = 100}, cheap_small = {.freed_bytes = 100},
		    cheap_large = {.freed_bytes = 100}, dear = {.freed_bytes = 100},
		    empty = {.status = MEMSHED_EMPTY};

	(void)state;
	add(&dear, MEMSHED_CACHE_OPTIONS(.name = "dear", .cost_us = 1000000));
	add(&cheap_small, MEMSHED_CACHE_OPTIONS(.name = "cheap small"));
	add(&empty, MEMSHED_CACHE_OPTIONS(.name = "empty"));
	add(&cheap_large, MEMSHED_CACHE_OPTIONS(.name = "cheap large"));
	add(&low, MEMSHED_CACHE_OPTIONS(.name = "low", .priority = -10, .cost_us = 5000));
	memshed_charge(dear.handle, 1000000, 10);
	memshed_charge(cheap_small.handle, 1000, 10);
	memshed_charge(cheap_large.handle, 2000, 10);
	memshed_charge(low.handle, 1000, 10);
	call_order = 0;

	struct ms_answer answer = bed_do(&bed, NULL, MS_LEVEL_TRIM, 250);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 300);
	assert_int_equal(answer.caches, 3);
	assert_int_equal(low.order, 1);
	assert_int_equal(cheap_large.order, 2);
	assert_int_equal(cheap_small.order, 3);
	assert_int_equal(dear.calls, 0);
	assert_int_equal(low.last.target_bytes, 250);
	assert_int_equal(cheap_small.last.target_bytes, 50);

	answer = bed_do(&bed, NULL, MS_LEVEL_CLEAR, 0); /* but for the empty one, all there is */
	assert_int_equal(answer.caches, 5);
	assert_int_equal(answer.claimed_bytes, 400);
	assert_int_equal(empty.calls, 1);
	memshed_unregister(low.handle);
	memshed_unregister(cheap_small.handle);
	memshed_unregister(cheap_large.handle);
	memshed_unregister(dear.handle);
	memshed_unregister(empty.handle);
}

static void test_a_measured_cost_counts(void **state)
{
	struct fake measured = {.freed_bytes = 100,
				.usage = {.fields = MEMSHED_USAGE_COST, .cost_us = 1000000}};
	struct fake other = {.freed_bytes = 100};

	(void)state;
	add(&measured, MEMSHED_CACHE_OPTIONS(.name = "measured", .count = count));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "other"));
	memshed_charge(measured.handle, 2000, 10); /* the larger one, which would be first */
	memshed_charge(other.handle, 1000, 10);
	assert_int_equal(bed_do(&bed, "measured", MS_LEVEL_COUNT, 0).status, MS_ANSWER_DONE);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_TRIM, 50).caches, 1);
	assert_int_equal(measured.calls, 0);
	assert_int_equal(other.calls, 1);
	memshed_unregister(measured.handle);
	memshed_unregister(other.handle);
}

static void test_excluded_caches_are_not_asked(void **state)
{
	struct fake manual = {.freed_bytes = 1}, io = {.freed_bytes = 1};

	(void)state;
	add(&manual, MEMSHED_CACHE_OPTIONS(.name = "manual", .flags = MEMSHED_CACHE_MANUAL));
	add(&io, MEMSHED_CACHE_OPTIONS(.name = "io", .flags = MEMSHED_CACHE_MAY_IO));

	struct ms_order order = bed_order(&bed, "manual", MS_LEVEL_CLEAR, 0);

	order.reason = MEMSHED_REASON_PRESSURE;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_UNSUPPORTED);
	order.scope = MS_SCOPE_PROCESS, order.row = order.generation = 0;
	assert_int_equal(bed_ask(&bed, &order).caches, 1);
	assert_int_equal(manual.calls, 0);
	assert_int_equal(io.calls, 1);
	assert_int_equal(bed_do(&bed, "io", MS_LEVEL_EMERGENCY, 0).status, MS_ANSWER_UNSUPPORTED);
	assert_int_equal(bed_do(&bed, NULL, MS_LEVEL_EMERGENCY, 0).caches, 0);
	assert_int_equal(bed_do(&bed, "manual", MS_LEVEL_EMERGENCY, 0).caches, 1); /* a person names it */
	assert_int_equal(io.calls, 1);
	assert_int_equal(manual.calls, 1);
	memshed_unregister(manual.handle);
	memshed_unregister(io.handle);
}

/* ---- count ---- */

static void test_count_replaces_what_was_charged(void **state)
{
	struct fake fake = {.usage = {.fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_HITS | MEMSHED_USAGE_COST,
				      .bytes = 777, .hits = 3, .cost_us = UINT64_MAX}};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "pulled", .count = count));
	memshed_charge(fake.handle, 100, 9);
	BED_WAIT_UNTIL(bed_row(&bed, "pulled").bytes == 777); /* by itself, within the interval */
	assert_int_equal(bed_row(&bed, "pulled").entries, 9);
	assert_int_equal(bed_row(&bed, "pulled").hits, 3);
	assert_int_equal(bed_row(&bed, "pulled").cost_us, UINT32_MAX);
	assert_true(bed_row(&bed, "pulled").pulled_at_ns > 0);

	say_usage(&fake, MEMSHED_USAGE_BYTES, 888);
	assert_int_equal(bed_do(&bed, "pulled", MS_LEVEL_COUNT, 0).status, MS_ANSWER_DONE);
	assert_int_equal(bed_row(&bed, "pulled").bytes, 888);
	assert_int_equal(fake.calls, 0);

	say_usage(&fake, MEMSHED_USAGE_BYTES, 999); /* after an order it is asked again */
	bed_do(&bed, "pulled", MS_LEVEL_TRIM, 1);
	assert_int_equal(bed_row(&bed, "pulled").bytes, 999);

	unsigned counts = fake.counts;

	say_usage(&fake, 0, 0); /* it fails: what was known stays */
	BED_WAIT_UNTIL(fake.counts > counts);
	assert_int_equal(bed_row(&bed, "pulled").bytes, 999);
	memshed_unregister(fake.handle);
}

/* ---- callbacks that call back ---- */

static struct fake child_fake = {.status = MEMSHED_DONE};

static void register_another(struct fake *fake)
{
	(void)fake;
	add(&child_fake, MEMSHED_CACHE_OPTIONS(.name = "born inside"));
	memshed_charge(child_fake.handle, 50, 1);
}

static void unregister_another(struct fake *fake)
{
	(void)fake;
	memshed_unregister(child_fake.handle);
}

static void unregister_itself(struct fake *fake)
{
	memshed_unregister(fake->handle);
	memshed_charge(fake->handle, 1, 1); /* valid until the callback has returned */
	fake->handle = NULL;
}

static void stop_and_start(struct fake *fake)
{
	(void)fake;
	assert_int_equal(memshed_stop(), 0);
	assert_int_equal(memshed_start(NULL), -EBUSY);
}

static void test_callbacks_register_and_unregister(void **state)
{
	struct fake fake = {.inside = register_another, .freed_bytes = 1};
	struct ms_row row;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "parent"));
	assert_int_equal(bed_do(&bed, "parent", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(bed_row(&bed, "born inside").bytes, 50);
	fake.inside = unregister_another;
	assert_int_equal(bed_do(&bed, "parent", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_false(bed_find(&bed, "born inside", &row));
	fake.inside = unregister_itself;
	assert_int_equal(bed_do(&bed, "parent", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	BED_WAIT_UNTIL(!bed_find(&bed, "parent", &row));
	assert_int_equal(fake.calls, 3);
}

static void test_stop_inside_a_callback(void **state)
{
	struct fake fake = {.inside = stop_and_start, .freed_bytes = 1};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "stopper"));
	assert_int_equal(bed_do(&bed, "stopper", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(memshed_start(NULL), 0); /* waits for the other to be over */
	fake.inside = NULL;
	assert_int_equal(bed_do(&bed, "stopper", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	memshed_unregister(fake.handle);
}

/* ---- late callbacks ---- */

static bool is_stuck(const char *name)
{
	return bed_row(&bed, name).flags & MS_ROW_STUCK;
}

static void test_stuck_callback_does_not_stop_others(void **state)
{
	struct fake stuck = {.wait = true, .freed_bytes = 11}, other = {.freed_bytes = 22};

	(void)state;
	add(&stuck, MEMSHED_CACHE_OPTIONS(.name = "stuck"));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "other"));

	struct ms_order order = bed_order(&bed, "stuck", MS_LEVEL_CLEAR, 0);

	order.timeout_us = 20000;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_STUCK);
	assert_true(is_stuck("stuck"));
	assert_int_equal(bed_row(&bed, "stuck").last.status, MS_ANSWER_STUCK);
	assert_int_equal(bed_do(&bed, "other", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_STUCK); /* still: not asked twice */
	assert_int_equal(stuck.calls, 1);

	stuck.wait = false;
	sem_post(&stuck.let_go);
	BED_WAIT_UNTIL(!is_stuck("stuck"));
	assert_int_equal(bed_row(&bed, "stuck").last.claimed_bytes, 11);
	assert_int_equal(bed_do(&bed, "stuck", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);

	/* And once more the other way round: the thread that was late takes over now. */
	stuck.wait = true;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_STUCK);
	assert_int_equal(bed_do(&bed, "other", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	stuck.wait = false;
	sem_post(&stuck.let_go);
	memshed_unregister(stuck.handle);
	memshed_unregister(other.handle);
}

static void test_series_goes_on_after_a_stuck_one(void **state)
{
	struct fake stuck = {.wait = true}, other = {.freed_bytes = 22};

	(void)state;
	add(&stuck, MEMSHED_CACHE_OPTIONS(.name = "series stuck", .priority = -5));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "series other"));
	memshed_charge(stuck.handle, 100, 1);
	memshed_charge(other.handle, 100, 1);

	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_CLEAR, 0);

	order.timeout_us = 400000;

	struct ms_answer answer = bed_ask(&bed, &order);

	assert_int_equal(answer.status, MS_ANSWER_STUCK);
	assert_int_equal(answer.claimed_bytes, 22);
	assert_int_equal(other.calls, 1);
	sem_post(&stuck.let_go);
	memshed_unregister(stuck.handle);
	memshed_unregister(other.handle);
}

static void test_unhelpful_cache_is_marked_and_forgiven(void **state)
{
	struct fake fake = {.status = MEMSHED_DONE};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "useless"));
	memshed_charge(fake.handle, 100000, 10);
	for (int i = 0; i < 3; i++) {
		assert_false(bed_row(&bed, "useless").flags & MS_ROW_UNHELPFUL);
		bed_do(&bed, "useless", MS_LEVEL_CLEAR, 0);
	}
	assert_true(bed_row(&bed, "useless").flags & MS_ROW_UNHELPFUL);
	fake.freed_bytes = 5;
	bed_do(&bed, "useless", MS_LEVEL_CLEAR, 0);
	assert_false(bed_row(&bed, "useless").flags & MS_ROW_UNHELPFUL);
	memshed_unregister(fake.handle);
}

/* ---- unregister waits ---- */

static _Atomic bool unregistered;

static void *unregister_thread(void *argument)
{
	memshed_unregister(argument);
	unregistered = true;
	return NULL;
}

static void test_unregister_waits_for_the_callback(void **state)
{
	struct fake fake = {.wait = true};
	struct ms_row row;
	pthread_t thread;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "waited for"));

	struct ms_order order = bed_order(&bed, "waited for", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	sem_wait(&fake.began);
	unregistered = false;
	pthread_create(&thread, NULL, unregister_thread, fake.handle);
	usleep(20000); /* a chance to be wrong; a thread that is later than this cannot be */
	assert_false(unregistered);
	assert_true(bed_find(&bed, "waited for", &row));
	sem_post(&fake.let_go);
	pthread_join(thread, NULL);
	assert_true(unregistered);
	bed_wait(&bed, &handle);
	assert_false(bed_find(&bed, "waited for", &row));
}

static void test_stop_waits_and_refuses(void **state)
{
	struct fake fake = {.wait = true, .freed_bytes = 9};
	struct ms_order_handle handle, second;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "stopping"));

	struct ms_order order = bed_order(&bed, "stopping", MS_LEVEL_CLEAR, 0);

	handle = bed_post(&bed, &order);
	sem_wait(&fake.began);
	second = bed_post(&bed, &order);
	fake.wait = false;
	sem_post(&fake.let_go);
	assert_int_equal(memshed_stop(), 0);
	assert_int_equal(bed_wait(&bed, &handle).status, MS_ANSWER_DONE);

	uint32_t status = bed_wait(&bed, &second).status;

	assert_true(status == MS_ANSWER_STOPPED || status == MS_ANSWER_DONE);
	ms_table_refresh(&bed.reader);
	assert_int_equal(bed.reader.info.agent_state, MS_AGENT_STOPPED);
	memshed_charge(fake.handle, 10, 1);
	assert_int_equal(bed_row(&bed, "stopping").bytes, 10);
	assert_int_equal(memshed_start(NULL), 0);
	memshed_unregister(fake.handle);
}

static void *stop_thread(void *unused)
{
	(void)unused;
	assert_int_equal(memshed_stop(), 0);
	return NULL;
}

/* Who waits for a callback leaves the processor to it. */
static void test_stop_sleeps(void **state)
{
	struct fake fake = {.wait = true};
	struct timespec used;
	pthread_t thread;
	clockid_t clock;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "slow to stop"));

	struct ms_order order = bed_order(&bed, "slow to stop", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	sem_wait(&fake.began);
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, NULL), 0);
	usleep(500000); /* a chance to be wrong */
	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	assert_int_equal(used.tv_sec, 0);
	assert_in_range(used.tv_nsec, 0, 50 * MS_NS_PER_MS);
	fake.wait = false;
	sem_post(&fake.let_go);
	pthread_join(thread, NULL);
	bed_wait(&bed, &handle);
	assert_int_equal(memshed_start(NULL), 0);
	memshed_unregister(fake.handle);
}

/* ---- owner's thread ---- */

static void *poll_once(void *argument)
{
	*(int *)argument = memshed_poll();
	return NULL;
}

static int poll_in_another_thread(void)
{
	pthread_t thread;
	int ran = -1;

	pthread_create(&thread, NULL, poll_once, &ran);
	pthread_join(thread, NULL);
	return ran;
}

static void test_owner_runs_in_its_poll(void **state)
{
	struct fake fake = {.freed_bytes = 70}, other = {.freed_bytes = 30};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "owned", .thread_class = MEMSHED_THREAD_OWNER));
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "free"));

	struct ms_order order = bed_order(&bed, "owned", MS_LEVEL_CLEAR, 0);
	struct ms_order_handle handle = bed_post(&bed, &order);

	/* The agent serves others meanwhile. */
	assert_int_equal(bed_do(&bed, "free", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	assert_int_equal(poll_in_another_thread(), 0);
	assert_int_equal(fake.calls, 0);
	BED_WAIT_UNTIL(memshed_poll() == 1);
	assert_int_equal(fake.calls, 1);

	struct ms_answer answer = bed_wait(&bed, &handle);

	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 70);
	assert_int_equal(memshed_poll(), 0);

	/* It is not polled: busy, at the deadline. */
	order.timeout_us = 20000;
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_BUSY);
	assert_int_equal(fake.calls, 1);

	/* One of several in a series. */
	order = bed_order(&bed, NULL, MS_LEVEL_CLEAR, 0);
	handle = bed_post(&bed, &order);
	BED_WAIT_UNTIL(memshed_poll() == 1);
	answer = bed_wait(&bed, &handle);
	assert_int_equal(answer.claimed_bytes, 100);
	assert_int_equal(answer.caches, 2);
	memshed_unregister(fake.handle);
	memshed_unregister(other.handle);
}

static void *poll_thread(void *argument)
{
	struct fake *fake = argument;

	add(fake, MEMSHED_CACHE_OPTIONS(.name = "owner stuck", .thread_class = MEMSHED_THREAD_OWNER));
	sem_post(&fake->began);
	while (memshed_poll() == 0)
		usleep(500);
	memshed_unregister(fake->handle);
	return NULL;
}

static void test_owner_that_gets_stuck(void **state)
{
	struct fake fake = {0}, other = {.freed_bytes = 5};
	pthread_t thread;

	(void)state;
	add(&other, MEMSHED_CACHE_OPTIONS(.name = "beside"));
	pthread_create(&thread, NULL, poll_thread, &fake);
	BED_WAIT_UNTIL(sem_trywait(&fake.began) == 0);
	fake.wait = true;

	struct ms_order order = bed_order(&bed, "owner stuck", MS_LEVEL_CLEAR, 0);

	order.timeout_us = 200000;

	struct ms_answer answer = bed_ask(&bed, &order);

	assert_int_equal(answer.status, MS_ANSWER_STUCK);
	assert_true(is_stuck("owner stuck"));
	assert_int_equal(bed_do(&bed, "beside", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	sem_post(&fake.let_go);
	pthread_join(thread, NULL);
	memshed_unregister(other.handle);
}

/* ---- rounds ---- */

static _Atomic int inside_round;
static _Atomic int rounds;
static _Atomic int round_refuses;

static int round_begin(void *ctx)
{
	bed_meet();
	(void)ctx;
	if (round_refuses)
		return round_refuses;
	inside_round++;
	return 0;
}

static void round_end(void *ctx)
{
	(void)ctx;
	inside_round--;
	rounds++;
}

static void check_round(struct fake *fake)
{
	(void)fake;
	assert_int_equal(inside_round, 1);
}

static void test_round_hooks(void **state)
{
	struct memshed_agent_options options = {
		.size = sizeof(options), .round_begin = round_begin, .round_end = round_end};
	struct fake fake = {.inside = check_round, .freed_bytes = 1};

	(void)state;
	assert_int_equal(memshed_stop(), 0);
	assert_int_equal(memshed_start(&options), 0);
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "round"));
	assert_int_equal(bed_do(&bed, "round", MS_LEVEL_CLEAR, 0).status, MS_ANSWER_DONE);
	BED_WAIT_UNTIL(inside_round == 0 && rounds == 1);
	round_refuses = -EAGAIN;

	struct ms_answer answer = bed_do(&bed, "round", MS_LEVEL_CLEAR, 0);

	assert_int_equal(answer.status, MS_ANSWER_BUSY);
	assert_int_equal(answer.error, -EAGAIN);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(rounds, 1);
	memshed_unregister(fake.handle);
	assert_int_equal(memshed_stop(), 0);
	assert_int_equal(memshed_start(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_is_what_the_callback_said),
		cmocka_unit_test(test_clear_alone_is_judged_by_its_counters),
		cmocka_unit_test(test_orders_for_what_is_not_there),
		cmocka_unit_test(test_cheapest_first_until_enough),
		cmocka_unit_test(test_a_measured_cost_counts),
		cmocka_unit_test(test_excluded_caches_are_not_asked),
		cmocka_unit_test(test_count_replaces_what_was_charged),
		cmocka_unit_test(test_callbacks_register_and_unregister),
		cmocka_unit_test(test_stop_inside_a_callback),
		cmocka_unit_test(test_stuck_callback_does_not_stop_others),
		cmocka_unit_test(test_series_goes_on_after_a_stuck_one),
		cmocka_unit_test(test_unhelpful_cache_is_marked_and_forgiven),
		cmocka_unit_test(test_unregister_waits_for_the_callback),
		cmocka_unit_test(test_stop_waits_and_refuses),
		cmocka_unit_test(test_stop_sleeps),
		cmocka_unit_test(test_owner_runs_in_its_poll),
		cmocka_unit_test(test_owner_that_gets_stuck),
		cmocka_unit_test(test_round_hooks),
	};

	return BED_RUN_GROUP(&bed, tests);
}

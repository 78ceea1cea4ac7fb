/* SPDX-License-Identifier: MIT */
/*
 * The process looks by itself: own orders above high, threads that are held back above the brake mark, and when they
 * are not.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "lib_brake_bed.h"

/* ---- own orders ---- */

static void test_above_high_it_shrinks_by_itself(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};
	uint64_t rounds = info().own_rounds, claimed = info().own_claimed_bytes, orders = info().orders;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "own", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(HIGH - MIB * 10);
	charge(2 * MIB);
	BED_WAIT_UNTIL(is_idle());
	assert_int_equal(fake.calls, 0);
	tell(HIGH + 5 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	assert_in_range(fake.last.target_bytes, 100 * MIB, 110 * MIB); /* down to low */
	assert_int_equal(fake.last.reason, MEMSHED_REASON_PRESSURE);
	assert_int_equal(fake.last.level, MEMSHED_LEVEL_TRIM);
	assert_true(info().own_claimed_bytes - claimed >= 110 * MIB);
	assert_true(info().orders == orders);
	assert_int_equal(info().brakes, 0); /* below the brake mark */
	memshed_unregister(fake.handle);
}

/* Each process under one budget takes its part of it. */
static void test_the_need_is_shared(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};
	struct ms_marks_body marks;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "shared", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	marks = marks_of(HIGH + 5 * MIB);
	marks.sharers = 5;
	ms_marks_write(bed.client.page, &marks, no_directory);
	charge(2 * MIB);
	BED_WAIT_UNTIL(fake.calls);
	assert_in_range(fake.last.target_bytes, 20 * MIB, 22 * MIB);
	memshed_unregister(fake.handle);
}

/* Sizes that a cache tells itself are of now. */
static void test_caches_are_counted_first(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "counted", .priority = -1, .count = count));
	say_usage(&fake, MEMSHED_USAGE_BYTES, 0);
	bed_do(&bed, NULL, MS_LEVEL_COUNT, 0);
	say_usage(&fake, MEMSHED_USAGE_BYTES, 500 * MIB);
	tell(HIGH + 5 * MIB);
	charge(2 * MIB);
	BED_WAIT_UNTIL(fake.calls);
	say_usage(&fake, 0, 0);
	memshed_unregister(fake.handle);
}

static void tell_near(uint64_t used_bytes)
{
	struct ms_marks_body marks = marks_of(used_bytes);

	marks.low_bytes = HIGH - 10 * MIB;
	ms_marks_write(bed.client.page, &marks, no_directory);
}

/* Small rounds: the program uses again what they free, without the kernel. */
static void test_a_small_round_leaves_it_to_the_allocator(void **state)
{
	struct fake fake = {.freed_bytes = 20 * MIB};
	uint64_t rounds = info().own_rounds, trims = info().trims;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "small", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell_near(HIGH + 2 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	assert_in_range(fake.last.target_bytes, 10 * MIB, 16 * MIB);
	assert_int_equal(info().trims, trims);

	/* A watch's order is for memory: it is carried out, and what was left to the allocator is given back. */
	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);
	unsigned calls = fake.calls;

	order.reason = MEMSHED_REASON_PRESSURE;
	assert_int_equal(bed_ask(&bed, &order).caches, 1);
	assert_int_equal(fake.calls, calls + 1);
	assert_true(SANITIZED || info().trims > trims); /* a sanitizer is an allocator that is not asked */
	memshed_unregister(fake.handle);
}

/* So is what the process frees by itself from the brake mark on. */
static void test_from_the_brake_mark_on_it_gives_back(void **state)
{
	struct fake fake = {.freed_bytes = 50 * MIB};
	uint64_t rounds = info().own_rounds, trims = info().trims;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "near", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell_near(BRAKE + 10 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	assert_true(SANITIZED || info().trims > trims);
	memshed_unregister(fake.handle);
}

/* The watch has seen the same shortage: what was done is told, and nothing is dropped a second time. */
static void test_one_shortage_is_shrunk_once(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};
	struct ms_answer answer = {.status = MS_ANSWER_NONE};
	struct ms_order order;
	unsigned calls = 0;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "once", .priority = -1));
	for (unsigned tries = 0; tries < 50 && answer.status == MS_ANSWER_NONE; tries++) {
		uint64_t rounds = info().own_rounds;

		memshed_charge(fake.handle, 500 * MIB, 1000);
		tell(LOW / 2);
		charge(2 * MIB);
		tell(HIGH + 5 * MIB);
		charge(2 * MIB);
		wait_for_own_round(rounds);
		calls = fake.calls;
		order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 105 * MIB);
		order.reason = MEMSHED_REASON_PRESSURE;
		tell(LOW / 2);
		answer = bed_ask(&bed, &order);
		if (answer.caches)
			answer.status = MS_ANSWER_NONE; /* this test was not scheduled for 100 ms */
	}
	assert_int_equal(answer.status, MS_ANSWER_DONE);
	assert_int_equal(answer.claimed_bytes, 110 * MIB);
	assert_int_equal(fake.calls, calls);

	/* Once: the next order is another shortage's, and a person's is always carried out. */
	assert_int_equal(bed_ask(&bed, &order).caches, 1);
	assert_int_equal(fake.calls, calls + 1);
	memshed_unregister(fake.handle);
}

/* ---- the brake ---- */

static void *charge_in_thread(void *unused)
{
	(void)unused;
	charge(2 * MIB);
	return NULL;
}

static void test_a_thread_is_held_until_memory_is_freed(void **state)
{
	struct fake fake = {0};
	uint64_t brakes = info().brakes;
	pthread_t thread;

	(void)state;
	begin_blocked(&fake, "held");
	tell(BRAKE + 10 * MIB);
	assert_int_equal(pthread_create(&thread, NULL, charge_in_thread, NULL), 0);
	BED_WAIT_UNTIL(info().brakes > brakes);
	tell(LOW);
	pthread_join(thread, NULL); /* though the callback has not returned */
	assert_int_equal(info().braked_threads, 0);
	while (sem_wait(&fake.began) < 0)
		;
	let_go(&fake);
}

static sigjmp_buf way_out;

static void leave(int signal)
{
	(void)signal;
	siglongjmp(way_out, 1);
}

/* Left: it never looks again. */
static void *charge_until_left(void *unused)
{
	(void)unused;
	if (sigsetjmp(way_out, 1) == 0)
		for (;;)
			charge(2 * MIB);
	return NULL;
}

static void test_a_thread_that_left_is_not_held(void **state)
{
	struct fake fake = {0};
	struct sigaction action = {.sa_handler = leave}, old;
	pthread_t thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	begin_blocked(&fake, "left");
	tell(BRAKE + 10 * MIB);
	assert_int_equal(pthread_create(&thread, NULL, charge_until_left, NULL), 0);
	BED_WAIT_UNTIL(info().braked_threads == 1);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	BED_WAIT_UNTIL(info().braked_threads == 0);

	/* The next one is the only one. */
	uint64_t brakes = info().brakes;

	assert_int_equal(pthread_create(&thread, NULL, charge_in_thread, NULL), 0);
	BED_WAIT_UNTIL(info().brakes > brakes);
	assert_in_range(info().braked_threads, 0, 1);
	pthread_join(thread, NULL);
	assert_int_equal(info().braked_threads, 0);
	while (sem_wait(&fake.began) < 0)
		;
	let_go(&fake);
	sigaction(SIGUSR1, &old, NULL);
}

/* One that looks again is counted right at once. */
static void test_a_thread_that_left_and_goes_on(void **state)
{
	struct fake fake = {0};
	struct sigaction action = {.sa_handler = leave}, old;
	struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	uint64_t brakes = info().brakes;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	begin_blocked(&fake, "goes on");
	tell(BRAKE + 10 * MIB);
	if (sigsetjmp(way_out, 1) == 0) {
		setitimer(ITIMER_REAL, &soon, NULL);
		for (;;)
			charge(2 * MIB);
	}
	assert_true(info().brakes > brakes);
	tell(LOW);
	charge(2 * MIB);
	assert_int_equal(info().braked_threads, 0);
	while (sem_wait(&fake.began) < 0)
		;
	let_go(&fake);
	sigaction(SIGALRM, &old, NULL);
}

/* The time is up in the end, whatever the callback does. */
static void test_a_thread_is_not_held_for_ever(void **state)
{
	struct fake fake = {0};
	uint64_t brakes = info().brakes;
	unsigned held = 0;

	(void)state;
	begin_blocked(&fake, "for ever");
	tell(BRAKE + 10 * MIB);
	for (unsigned i = 0; i < 50; i++) /* 10 s, if each was held to the end */
		charge(2 * MIB);
	held = (unsigned)(info().brakes - brakes);
	assert_in_range(held, 1, 49); /* the callback is late, or its second in five is used up */
	while (sem_wait(&fake.began) < 0)
		;
	let_go(&fake);
}

static void expect_free(void)
{
	uint64_t brakes = info().brakes;

	charge(2 * MIB);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0);
	assert_int_equal(memshed_brake(0), 0);
	assert_true(info().brakes == brakes);
}

static void test_what_turns_it_off(void **state)
{
	struct fake fake = {0};
	struct memshed_agent_options options = {.size = sizeof(options), .flags = MEMSHED_AGENT_NO_BRAKE};
	struct memshed_cache *exempt;
	uint64_t brakes;

	(void)state;
	memshed_stop();
	assert_int_equal(memshed_start(&options), 0);
	begin_blocked(&fake, "off");
	tell(BRAKE + 10 * MIB);
	charge(2 * MIB);
	while (sem_wait(&fake.began) < 0)
		;
	expect_free();
	let_go(&fake);
	settle(state);

	/* By the user, in the marks; and in one cache alone. */
	fake = (struct fake){.status = MEMSHED_DONE};
	begin_blocked(&fake, "off by marks");

	struct ms_marks_body marks = marks_of(BRAKE + 10 * MIB);

	marks.flags = MS_MARKS_NO_BRAKE;
	ms_marks_write(bed.client.page, &marks, no_directory);
	charge(2 * MIB);
	while (sem_wait(&fake.began) < 0)
		;
	expect_free();
	tell(BRAKE + 10 * MIB);
	brakes = info().brakes;
	assert_int_equal(memshed_register(&MEMSHED_CACHE_OPTIONS(.name = "exempt", .clear = clear, .ctx = &grower,
								  .flags = MEMSHED_CACHE_NO_BRAKE),
					  &exempt), 0);
	memshed_charge(exempt, 2 * MIB, 1);
	assert_true(info().brakes == brakes);
	memshed_unregister(exempt);

	/* What is left of marks that have ended counts no more. */
	marks = marks_of(BRAKE + 10 * MIB);
	marks.until_ns = ms_clock_ns();
	ms_marks_write(bed.client.page, &marks, no_directory);
	expect_free();
	let_go(&fake);
	assert_int_equal(memshed_brake(2), -EINVAL);
}

static void charge_much(struct fake *fake)
{
	for (unsigned i = 0; i < 20; i++)
		memshed_charge(fake->handle, 2 * MIB, 1);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 0);
}

static void test_never_in_a_callback(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB, .inside = charge_much};
	uint64_t brakes = info().brakes, rounds = info().own_rounds;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "inside", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(BRAKE - 5 * MIB);
	charge(2 * MIB);
	tell(BRAKE + 10 * MIB);
	wait_for_own_round(rounds);
	assert_true(info().brakes == brakes);
	memshed_unregister(fake.handle);
}

/* The callback waits for a lock that the thread which charges holds. */
static pthread_mutex_t owner_lock = PTHREAD_MUTEX_INITIALIZER;

static void take_lock(struct fake *fake)
{
	sem_post(&fake->began);
	pthread_mutex_lock(&owner_lock);
	pthread_mutex_unlock(&owner_lock);
}

static void test_the_owner_of_a_lock_goes_on(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB, .inside = take_lock};
	uint64_t brakes = info().brakes;
	enum { ROUNDS = 20 };

	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "locked", .priority = -1));
	for (unsigned i = 0; i < ROUNDS; i++) {
		settle(state);
		memshed_charge(fake.handle, 500 * MIB, 1000);
		pthread_mutex_lock(&owner_lock);
		tell(BRAKE - 5 * MIB);
		memshed_charge(fake.handle, 2 * MIB, 1);
		while (sem_wait(&fake.began) < 0)
			;
		tell(BRAKE + 10 * MIB);
		memshed_charge(fake.handle, 2 * MIB, 1);
		pthread_mutex_unlock(&owner_lock);
		BED_WAIT_UNTIL(is_idle());
	}
	/* Held to the end each time it would have used up its second after five. */
	assert_in_range(info().brakes - brakes, ROUNDS / 2, ROUNDS);
	memshed_unregister(fake.handle);
}

/* The callback computes, and nothing of what it frees is seen before it is done: it waits for no lock. */
static _Atomic bool has_computed;

static void compute(struct fake *fake)
{
	struct timespec began, at;

	has_computed = false;
	sem_post(&fake->began);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	while ((at.tv_sec - began.tv_sec) * 1000 + (at.tv_nsec - began.tv_nsec) / 1000000 < 60);
	has_computed = true;
}

static void test_a_callback_that_runs_is_waited_for(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB, .inside = compute};
	unsigned waited = 0;
	enum { ROUNDS = 10 };

	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "computes", .priority = -1));
	for (unsigned i = 0; i < ROUNDS; i++) {
		settle(state);
		BED_WAIT_UNTIL(is_idle());
		memshed_charge(fake.handle, 500 * MIB, 1000);
		tell(BRAKE - 5 * MIB);
		memshed_charge(fake.handle, 2 * MIB, 1);
		while (sem_wait(&fake.began) < 0)
			;
		tell(BRAKE + 10 * MIB);
		memshed_charge(fake.handle, 2 * MIB, 1);
		waited += has_computed;
		BED_WAIT_UNTIL(is_idle());
	}
	assert_in_range(waited, ROUNDS / 2, ROUNDS); /* it was begun before this thread came to wait for it, or is late */
	memshed_unregister(fake.handle);
}

/* Four threads that look each MiB would fill the last MiB together before one of them looks. */
static void test_a_thread_looks_more_often_near_max(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};
	struct ms_marks_body marks = marks_of(HIGH + 5 * MIB);
	uint64_t rounds = info().own_rounds;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "near", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	marks.high_bytes = HIGH + 10 * MIB;
	marks.max_bytes = HIGH + 20 * MIB + MIB / 2; /* 15.5 MiB are left */
	ms_marks_write(bed.client.page, &marks, no_directory);
	charge(2 * MIB);
	assert_true(info().own_rounds == rounds);
	tell(HIGH + 5 * MIB);
	charge(MIB / 2);
	BED_WAIT_UNTIL(fake.calls);
	memshed_unregister(fake.handle);
}

/* ---- shrinking that does not help ---- */

static void test_a_leak_does_not_crawl(void **state)
{
	struct fake fake = {.status = MEMSHED_EMPTY};
	uint64_t rounds = info().own_rounds, brakes = info().brakes;
	enum { LOOKS = 2000 };

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "leak", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	for (unsigned i = 0; i < LOOKS; i++) {
		struct ms_marks_body marks = marks_of(BRAKE + i * 20 * MIB);

		marks.max_bytes = UINT64_C(1) << 40;
		ms_marks_write(bed.client.page, &marks, no_directory);
		charge(2 * MIB);
	}
	assert_true(info().own_rounds > rounds);
	assert_true(info().own_rounds - rounds < LOOKS / 40);
	assert_true(info().brakes - brakes < LOOKS / 40);
	memshed_unregister(fake.handle);
}

/* A round that leaves it above high is not repeated before it has grown: a heap reuses what was freed. */
static void test_no_round_without_growth(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};
	uint64_t rounds = info().own_rounds;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "reused", .priority = -1));
	memshed_charge(fake.handle, 5000 * MIB, 1000);
	tell(HIGH + 5 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	BED_WAIT_UNTIL(is_idle());
	rounds = info().own_rounds;
	for (unsigned i = 0; i < 100; i++)
		charge(2 * MIB);
	BED_WAIT_UNTIL(is_idle());
	assert_true(info().own_rounds == rounds);
	tell(HIGH + 30 * MIB);
	charge(2 * MIB);
	wait_for_own_round(rounds);
	memshed_unregister(fake.handle);
}

/* ---- hosts ---- */

static _Atomic bool host_has_lock;

static int host_begin(void *ctx)
{
	(void)ctx;
	while (host_has_lock)
		usleep(500);
	return 0;
}

static void host_end(void *ctx)
{
	(void)ctx;
}

/* A charge may be made with the host's lock held, which all callbacks need; at a point without it the thread waits. */
static void test_a_host_with_a_lock_is_held_at_its_points(void **state)
{
	struct memshed_agent_options options = {.size = sizeof(options), .round_begin = host_begin, .round_end = host_end};
	struct fake fake = {.freed_bytes = 200 * MIB};
	uint64_t brakes = info().brakes;

	(void)state;
	memshed_stop();
	assert_int_equal(memshed_start(&options), 0);
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "host", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	host_has_lock = true;
	tell(BRAKE + 10 * MIB);
	charge(2 * MIB);
	assert_true(info().brakes == brakes);
	assert_int_equal(memshed_brake(MEMSHED_BRAKE_LOOK), 1);
	assert_true(info().brakes == brakes);
	host_has_lock = false;
	memshed_brake(0);
	BED_WAIT_UNTIL(fake.calls);
	memshed_unregister(fake.handle);
	memshed_stop();
}

/* ---- hostile marks ---- */

static void test_marks_that_make_no_sense(void **state)
{
	struct fake fake = {.freed_bytes = 110 * MIB};
	const struct ms_marks_body good = marks_of(LOW / 2);
	uint64_t seed = 1;

	(void)state;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "hostile", .priority = -1));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	for (unsigned i = 0; i < 20000; i++) {
		struct ms_marks_body marks = good;
		unsigned char *byte = (unsigned char *)&marks + seed % sizeof(marks);

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		*byte = (unsigned char)(seed >> 33);
		if (i % 2)
			ms_marks_write(bed.client.page, &marks, no_directory);
		else /* without the check */
			((volatile unsigned char *)&bed.client.page->marks)[(seed >> 20) % MS_MARKS_BYTES] = (unsigned char)seed;
		charge(2 * MIB);
	}
	tell(LOW / 2);
	wait_for_agent();
	memshed_unregister(fake.handle);
}

/* ---- fork ---- */

static void test_a_child_has_no_marks(void **state)
{
	pid_t child;

	(void)state;
	tell(BRAKE + 10 * MIB);
	child = fork();
	if (child == 0) {
		struct ms_marks_body marks;
		struct bed own;

		bed_leave(&bed);
		memshed_charge(grower.handle, 8 * MIB, 1);
		_exit(bed_try_open(&own, getpid()) == 0 && !ms_marks_read(own.client.page, ms_clock_ns(), &marks) &&
			      own.reader.info.brakes == 0
			      ? 0
			      : 1);
	}
	bed_expect_child(child, 0);
}

static bool agent_sleeps(void)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%u/stat", (unsigned)info().agent_tid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u (%*[^)]) %c", &state), 1);
	fclose(file);
	return state == 'S';
}

/* An own order waits for its owner's thread, and a watch's ends before it: what is wanted then is being done. */
static void test_the_agent_sleeps_while_an_owner_is_waited_for(void **state)
{
	struct fake fake = {.freed_bytes = 200 * MIB};
	struct ms_order order = bed_order(&bed, NULL, MS_LEVEL_TRIM, 20 * MIB);
	uint64_t rounds = info().own_rounds;

	(void)state;
	order.reason = MEMSHED_REASON_PRESSURE;
	add(&fake, MEMSHED_CACHE_OPTIONS(.name = "owned", .priority = -1, .thread_class = MEMSHED_THREAD_OWNER));
	memshed_charge(fake.handle, 500 * MIB, 1000);
	tell(HIGH + 2 * MIB);
	charge(2 * MIB);
	BED_WAIT_UNTIL(is_idle() && agent_sleeps());
	assert_int_equal(bed_ask(&bed, &order).status, MS_ANSWER_BUSY);
	tell(HIGH + 15 * MIB); /* more than that round left */
	charge(2 * MIB);
	wait_for_agent();
	BED_WAIT_UNTIL(agent_sleeps() || info().own_rounds > rounds);
	assert_true(info().own_rounds == rounds);
	BED_WAIT_UNTIL(memshed_poll() == 1);
	BED_WAIT_UNTIL(info().own_rounds > rounds);
	memshed_unregister(fake.handle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_above_high_it_shrinks_by_itself, settle),
		cmocka_unit_test_setup(test_the_need_is_shared, settle),
		cmocka_unit_test_setup(test_caches_are_counted_first, settle),
		cmocka_unit_test_setup(test_a_small_round_leaves_it_to_the_allocator, settle),
		cmocka_unit_test_setup(test_from_the_brake_mark_on_it_gives_back, settle),
		cmocka_unit_test_setup(test_one_shortage_is_shrunk_once, settle),
		cmocka_unit_test_setup(test_a_thread_is_held_until_memory_is_freed, settle),
		cmocka_unit_test_setup(test_a_thread_that_left_is_not_held, settle),
		cmocka_unit_test_setup(test_a_thread_that_left_and_goes_on, settle),
		cmocka_unit_test_setup(test_the_owner_of_a_lock_goes_on, settle),
		cmocka_unit_test_setup(test_a_callback_that_runs_is_waited_for, settle),
		cmocka_unit_test_setup(test_a_thread_looks_more_often_near_max, settle),
		cmocka_unit_test_setup(test_what_turns_it_off, settle),
		cmocka_unit_test_setup(test_never_in_a_callback, settle),
		cmocka_unit_test_setup(test_a_leak_does_not_crawl, settle),
		cmocka_unit_test_setup(test_no_round_without_growth, settle),
		cmocka_unit_test_setup(test_a_host_with_a_lock_is_held_at_its_points, settle),
		cmocka_unit_test_setup(test_marks_that_make_no_sense, settle),
		cmocka_unit_test_setup(test_a_child_has_no_marks, settle),
		cmocka_unit_test_setup(test_a_thread_is_not_held_for_ever, settle),
		cmocka_unit_test_setup(test_the_agent_sleeps_while_an_owner_is_waited_for, settle),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}

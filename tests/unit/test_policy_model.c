/* SPDX-License-Identifier: MIT */
/*
 * test_policy_model.c - the policy against a model of a target, in a closed loop.
 *
 * The model: caches that grow; freed bytes of which a share goes back to the kernel and the rest to
 * the allocator's free memory, from which growth is served first; one agent per process, which works
 * on one order at a time and takes its time. Time is counted in steps of 10 ms, nothing is random but
 * by a fixed seed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy_bed.h"

enum { STEP_MS = 10, CACHES = 24, PROCESSES = 8, STUCK_AFTER_MS = 1000 };

enum behaviour {
	HONEST = 0,
	USELESS, /* claims what was asked and frees nothing */
	EMPTY,   /* says it holds much and has nothing to free */
	STUCK,   /* never returns */
	BUSY,    /* always finds its lock taken */
};

struct cache {
	enum behaviour behaviour;
	bool whole; /* knows no parts */
	uint64_t bytes, most, grows_per_s;
};

/* The order an agent works on. */
struct work {
	bool busy;
	struct ms_policy_order order;
	uint64_t done_at_ns;
};

struct model {
	struct bed bed;
	struct cache caches[CACHES]; /* row i + 1 of process i % processes */
	uint32_t cache_count, processes;
	uint64_t base, free_bytes, last_used;
	uint32_t share_per_mille; /* of freed bytes, what goes back to the kernel */
	uint32_t latency_ms;
	struct work work[PROCESSES];
	/* What came of it. */
	uint64_t peak;
	unsigned orders, warnings, recoveries, hot_orders;
};

static void model_init(struct model *model, uint64_t base_mib)
{
	memset(model, 0, sizeof(*model));
	bed_init(&model->bed);
	model->base = base_mib * MIB;
	model->processes = 1;
	model->share_per_mille = 1000;
	model->latency_ms = 5;
}

static struct cache *model_cache(struct model *model, enum behaviour behaviour, uint64_t mib,
				 uint64_t grows_mib_per_s)
{
	uint32_t i = model->cache_count++;
	struct cache *cache = &model->caches[i];

	*cache = (struct cache){.behaviour = behaviour,
				.bytes = mib * MIB,
				.most = UINT64_MAX,
				.grows_per_s = grows_mib_per_s * MIB};
	bed_row(&model->bed, i % model->processes, i + 1, mib * MIB);
	return cache;
}

static uint64_t used(const struct model *model)
{
	uint64_t sum = model->base + model->free_bytes;

	for (uint32_t i = 0; i < model->cache_count; i++)
		sum += model->caches[i].bytes;
	return sum;
}

static void grow(struct model *model)
{
	for (uint32_t i = 0; i < model->cache_count; i++) {
		struct cache *cache = &model->caches[i];
		uint64_t more = cache->grows_per_s * STEP_MS / 1000;

		if (cache->bytes + more > cache->most)
			more = cache->most - cache->bytes;
		cache->bytes += more;
		model->free_bytes -= more < model->free_bytes ? more : model->free_bytes;
	}
}

/* Return: what it claims; what it frees goes off its bytes, and a share of that is returned. */
static uint64_t shrink(struct model *model, struct cache *cache, struct ms_row_result *last, uint64_t wanted,
		       uint64_t *ret_returned)
{
	uint64_t freed = wanted < cache->bytes ? wanted : cache->bytes;
	uint64_t kept = freed - freed * model->share_per_mille / 1000;

	*ret_returned = 0;
	last->finished_ns = model->bed.sample.at_ns;
	last->claimed_bytes = cache->behaviour == HONEST || cache->behaviour == USELESS ? freed : 0;
	if (cache->behaviour == HONEST) {
		cache->bytes -= freed;
		model->free_bytes += kept;
		*ret_returned = freed - kept;
	}
	last->useless = *ret_returned ? 0 : last->useless + 1;
	last->bytes_after = cache->bytes;
	return last->claimed_bytes;
}

/* As the agent does it: in the order of rank, until as much has come back as was asked; after a callback
 * that is stuck it goes on with the next one. */
static void carry_out(struct model *model, const struct ms_policy_order *order)
{
	struct bed *bed = &model->bed;
	struct ms_policy_input input = bed_input(bed);
	uint64_t claimed = 0, returned = 0, back;
	bool stuck = false, all_busy = true;

	ms_rank_sort(input.keys, input.key_count);
	for (uint32_t i = 0; i < input.key_count && returned < order->target_bytes; i++) {
		uint32_t row = input.keys[i].row - 1;

		if (input.keys[i].process != order->process || input.keys[i].tier > MS_RANK_EXHAUSTED)
			continue;
		bool whole = order->level > MS_LEVEL_TRIM || model->caches[row].whole;
		uint64_t wanted = whole ? UINT64_MAX : order->target_bytes - returned;

		model->hot_orders += row == 0;
		claimed += shrink(model, &model->caches[row], &bed->rows[row].row.last, wanted, &back);
		returned += back;
		stuck |= model->caches[row].behaviour == STUCK;
		all_busy &= model->caches[row].behaviour == BUSY;
	}
	bed_learn(bed, order->process,
		  stuck      ? MS_ANSWER_STUCK
		  : all_busy ? MS_ANSWER_BUSY
		  : claimed  ? MS_ANSWER_DONE
			     : MS_ANSWER_EMPTY,
		  claimed, returned);
}

static void run_agents(struct model *model)
{
	for (uint32_t p = 0; p < model->processes; p++) {
		struct work *work = &model->work[p];

		if (!work->busy || work->done_at_ns > model->bed.sample.at_ns)
			continue;
		work->busy = false;
		carry_out(model, &work->order);
	}
}

static void post(struct model *model, const struct ms_policy_order *order)
{
	uint64_t ms = model->latency_ms;

	for (uint32_t i = order->process; i < model->cache_count; i += model->processes)
		if (model->caches[i].behaviour == STUCK && model->bed.rows[i].row.last.useless < 3)
			ms = STUCK_AFTER_MS;
	assert_false(model->work[order->process].busy);
	model->work[order->process] = (struct work){
		.busy = true,
		.order = *order,
		.done_at_ns = model->bed.sample.at_ns + ms * MS_NS_PER_MS,
	};
	ms_policy_taken(&model->bed.state, order->process);
	model->orders++;
}

static void read_rows(struct model *model)
{
	for (uint32_t i = 0; i < model->cache_count; i++) {
		struct ms_row *row = &model->bed.rows[i].row;

		row->bytes = model->caches[i].bytes;
		row->entries = row->bytes / 1024;
		row->inserts |= row->bytes > 0;
	}
}

static void step(struct model *model)
{
	struct bed *bed = &model->bed;

	bed_pass(bed, STEP_MS);
	grow(model);
	run_agents(model);
	read_rows(model);
	uint64_t now = used(model);

	model->peak = now > model->peak ? now : model->peak;
	bed->sample.growth_bytes_per_s =
		now > model->last_used ? (now - model->last_used) * 1000 / STEP_MS : 0;
	model->last_used = now;
	bed_plan(bed, now);
	for (uint32_t i = 0; i < bed->plan.count; i++)
		post(model, &bed->plan.orders[i]);
	model->warnings += bed->plan.kind == MS_PLAN_WARN;
	model->recoveries += bed->plan.kind == MS_PLAN_RECOVERED;
}

static void run(struct model *model, unsigned seconds)
{
	model->last_used = used(model);
	for (unsigned i = 0; i < seconds * 1000 / STEP_MS; i++)
		step(model);
}

static void assert_lived(const struct model *model)
{
	if (model->peak > model->bed.marks.max_bytes)
		fail_msg("it grew to %llu MiB of %llu", (unsigned long long)(model->peak / MIB),
			 (unsigned long long)(model->bed.marks.max_bytes / MIB));
}

static void a_growing_cache_lives(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 300);
	model_cache(&model, HONEST, 0, 20);
	run(&model, 600);
	assert_lived(&model);
	assert_int_equal(model.warnings, 0);
	/* 12,000 MiB grew; a hundred were given back each time, and a little more. */
	assert_in_range(model.orders, 60, 130);
	assert_true(model.recoveries + 1 >= model.orders);
}

static void fast_growth_lives(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 100);
	model_cache(&model, HONEST, 0, 1000);
	run(&model, 120);
	assert_lived(&model);
}

static void whole_caches_live(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 300);
	for (unsigned i = 0; i < 5; i++) {
		model_cache(&model, HONEST, 0, 30);
		model.caches[i].whole = true;
	}
	run(&model, 300);
	assert_lived(&model);
	assert_int_equal(model.warnings, 0);
}

static void little_comes_back_and_it_lives(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 300);
	model.share_per_mille = 250;
	model_cache(&model, HONEST, 0, 50);
	model_cache(&model, HONEST, 0, 50);
	run(&model, 600);
	assert_lived(&model);
}

static void a_slow_agent_lives(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 300);
	model.latency_ms = 900;
	model_cache(&model, HONEST, 0, 60);
	run(&model, 600);
	assert_lived(&model);
}

static void eight_workers_live(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 300);
	model.processes = PROCESSES;
	for (unsigned i = 0; i < 16; i++)
		model_cache(&model, HONEST, 0, i * 2);
	run(&model, 300);
	assert_lived(&model);
	assert_int_equal(model.warnings, 0);
}

static void one_stuck_cache_does_not_end_the_job(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 100);
	model_cache(&model, STUCK, 350, 0);
	model_cache(&model, HONEST, 0, 30);
	run(&model, 600);
	assert_lived(&model);
	assert_int_equal(model.warnings, 0);
}

static void useless_caches_beside_an_honest_one(void **state)
{
	static const enum behaviour kinds[] = {USELESS, EMPTY, BUSY};

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		static struct model model;

		model_init(&model, 100);
		model_cache(&model, kinds[k], 400, 0);
		model_cache(&model, HONEST, 0, 30);
		run(&model, 900);
		assert_lived(&model);
		assert_true(model.orders < 400);
	}
}

/* Nothing can be done: then little is done, and said once. */
static void useless_caches_alone_are_left_alone(void **state)
{
	static const enum behaviour kinds[] = {USELESS, EMPTY, STUCK, BUSY};

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		static struct model model;

		model_init(&model, 100);
		for (unsigned i = 0; i < 10; i++)
			model_cache(&model, kinds[k], 82, 0);
		run(&model, 1800);
		assert_int_equal(model.warnings, kinds[k] == STUCK || kinds[k] == BUSY ? 0 : 1);
		assert_in_range(model.orders, 1, 400); /* one that is busy is asked every 5 s */
	}
}

/* The base alone is above high: the cache is emptied each time it has grown enough to matter. */
static void above_high_for_good_it_goes_on_with_what_there_is(void **state)
{
	static struct model model;

	(void)state;
	model_init(&model, 920);
	model_cache(&model, HONEST, 0, 5);
	run(&model, 3600);
	assert_lived(&model);
	assert_int_equal(model.warnings, 1);
	assert_in_range(model.orders, 100, 1500);
}

static void a_cache_the_program_needs_is_taken_last(void **state)
{
	static struct model model;
	struct cache *hot;

	(void)state;
	model_init(&model, 300);
	hot = model_cache(&model, HONEST, 250, 2000); /* always full again at once */
	hot->most = 250 * MIB;
	model_cache(&model, HONEST, 0, 20);
	run(&model, 600);
	assert_lived(&model);
	assert_in_range(model.hot_orders, 0, model.orders / 2);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Whatever the mixture, as long as the honest caches hold what is needed. */
static void random_mixtures_live(void **state)
{
	uint32_t seed = 20240229;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		static struct model model;

		model_init(&model, 100 + next_random(&seed) % 200);
		model.processes = 1 + next_random(&seed) % PROCESSES;
		model.share_per_mille = 500 + next_random(&seed) % 501;
		model.latency_ms = 1 + next_random(&seed) % 100;
		unsigned honest = 1 + next_random(&seed) % 12;

		unsigned stuck = 0;

		for (unsigned j = 0; j < 4; j++) {
			enum behaviour behaviour = (enum behaviour)(next_random(&seed) % 5);

			model_cache(&model, behaviour, 20, 0);
			stuck += behaviour == STUCK;
		}
		for (unsigned j = 0; j < honest; j++) {
			model_cache(&model, HONEST, 0, 120 / honest);
			model.bed.rows[4 + j].row.priority = (int32_t)(next_random(&seed) % 3);
			model.bed.rows[4 + j].row.cost_us = next_random(&seed) % 3 * 100;
			if (next_random(&seed) % 3 == 0)
				model.caches[4 + j].whole = true;
		}
		/* What it can grow by while the agent is held up. */
		uint64_t held_up_ms = stuck * STUCK_AFTER_MS + 8 * model.latency_ms;

		model.bed.marks =
			ms_policy_marks(&model.bed.config, 1000 * MIB, 120 * MIB * held_up_ms / 1000);
		run(&model, 60);
		assert_lived(&model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_growing_cache_lives),
		cmocka_unit_test(fast_growth_lives),
		cmocka_unit_test(whole_caches_live),
		cmocka_unit_test(little_comes_back_and_it_lives),
		cmocka_unit_test(a_slow_agent_lives),
		cmocka_unit_test(eight_workers_live),
		cmocka_unit_test(one_stuck_cache_does_not_end_the_job),
		cmocka_unit_test(useless_caches_beside_an_honest_one),
		cmocka_unit_test(useless_caches_alone_are_left_alone),
		cmocka_unit_test(above_high_for_good_it_goes_on_with_what_there_is),
		cmocka_unit_test(a_cache_the_program_needs_is_taken_last),
		cmocka_unit_test(random_mixtures_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

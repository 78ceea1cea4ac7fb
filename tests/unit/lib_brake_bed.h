/* SPDX-License-Identifier: MIT */
/* lib_brake_bed.h - a process under marks, for the tests of what it does by itself. The test is its watch. */
#ifndef LIB_BRAKE_BED_H
#define LIB_BRAKE_BED_H

#include "lib_fake.h"
#include "table/marks.h"

#define MIB (UINT64_C(1) << 20)
#define LOW (800 * MIB)
#define HIGH (900 * MIB)
#define BRAKE (920 * MIB)
#define MAX (1000 * MIB)

static struct bed bed;
static struct fake grower; /* charged by the tests, and never in a callback but where a test says so */
static const char no_directory[MS_MARKS_DIRECTORY_BYTES];

static inline uint64_t anon_bytes(void)
{
	unsigned long size, resident, shared;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu %lu", &size, &resident, &shared), 3);
	fclose(file);
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline struct ms_marks_body marks_of(uint64_t used_bytes)
{
	uint64_t now = ms_clock_ns();

	return (struct ms_marks_body){
		.kind = MS_USAGE_ANON,
		.sharers = 1,
		.written_ns = now,
		.until_ns = now + MS_MARKS_LIFE_NS,
		.high_bytes = HIGH,
		.low_bytes = LOW,
		.brake_bytes = BRAKE,
		.max_bytes = MAX,
		.anon_offset = (int64_t)(used_bytes - anon_bytes()),
	};
}

static inline void tell(uint64_t used_bytes)
{
	struct ms_marks_body marks = marks_of(used_bytes);

	ms_marks_write(bed.client.page, &marks, no_directory);
}

/* A thread that has charged a MiB looks. */
static inline void charge(uint64_t bytes)
{
	memshed_charge(grower.handle, bytes, 1);
}

static inline struct ms_table_info info(void)
{
	assert_int_equal(ms_table_refresh(&bed.reader), 0);
	return bed.reader.info;
}

static inline bool is_idle(void)
{
	return info().agent_state == MS_AGENT_IDLE;
}

static inline void wait_for_own_round(uint64_t rounds_before)
{
	BED_WAIT_UNTIL(info().own_rounds > rounds_before);
	bed_meet();
}

static inline void wait_for_agent(void)
{
	bed_do(&bed, NULL, MS_LEVEL_COUNT, 0);
}

/* Below high, so that the last test leaves nothing behind. */
static inline int settle(void **state)
{
	(void)state;
	tell(LOW / 2);
	memshed_stop();
	if (memshed_start(NULL) != 0)
		return -1;
	charge(2 * MIB);
	return 0;
}

static inline int set_up_group(void **state)
{
	(void)state;
	add(&grower, MEMSHED_CACHE_OPTIONS(.name = "grower", .priority = 1000, .flags = MEMSHED_CACHE_MANUAL));
	bed_open(&bed, getpid());
	return 0;
}

static inline void begin_blocked(struct fake *fake, const char *name)
{
	fake->freed_bytes = 200 * MIB;
	fake->wait = true;
	add(fake, MEMSHED_CACHE_OPTIONS(.name = name, .priority = -1));
	memshed_charge(fake->handle, 500 * MIB, 1000);
}

static inline void let_go(struct fake *fake)
{
	fake->wait = false;
	sem_post(&fake->let_go);
	BED_WAIT_UNTIL(is_idle());
	memshed_unregister(fake->handle);
}

#endif

/* SPDX-License-Identifier: MIT */
/* A table of this process's own and a reader of it, for the tests of both sides. */
#ifndef MS_TESTS_TABLE_BED_H
#define MS_TESTS_TABLE_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "memshed.h"
#include "table/shard.h"
#include "table/reader.h"
#include "table/writer.h"

static struct ms_table table;
static __attribute__((unused)) struct ms_table_scratch scratch;
static __attribute__((unused)) struct ms_table_reader reader;
static __attribute__((unused)) struct ms_row rows[256];

static __attribute__((unused)) int set_up(void **state)
{
	(void)state;
	return ms_table_create(&table, 42, 7);
}

static __attribute__((unused)) int tear_down(void **state)
{
	(void)state;
	ms_table_destroy(&table);
	return 0;
}

static __attribute__((unused)) uint32_t add_named(const char *name, uint32_t flags)
{
	struct ms_row_identity identity = {.name = name,
					   .source_file = "a.c",
					   .source_line = 5,
					   .flags = flags,
					   .kind = MEMSHED_KIND_FILE,
					   .priority = 3,
					   .cost_us = 11};
	uint32_t row, generation;

	assert_int_equal(ms_table_row_add(&table, &identity, 77, &row, &generation), 0);
	return row;
}

static __attribute__((unused)) struct ms_shard_row *counters(uint32_t shard, uint32_t row)
{
	return ms_shard_row_at(ms_shard_at(table.shards, shard), row);
}

static __attribute__((unused)) void open_own(void)
{
	assert_int_equal(ms_table_open_pid(&reader, &scratch, getpid(), NULL), 0);
	assert_int_equal(reader.info.identity, 42);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

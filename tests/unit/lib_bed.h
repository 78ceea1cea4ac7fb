/* SPDX-License-Identifier: MIT */
/*
 * lib_bed.h - what the tests of libmemshed share: this process as its own client, and waiting for a
 * condition instead of for a time.
 */
#ifndef LIB_BED_H
#define LIB_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memshed.h"
#include "table/control.h"
#include "table/reader.h"
#include "util/clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* what a test touches makes the sanitizer touch as much and more */
#else
enum { SANITIZED = 0 };
#endif

/* In a forked child, in which a failed assertion would run the rest of the tests. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
			_exit(98);                                                                 \
		}                                                                                  \
	} while (0)

#if defined(__SANITIZE_THREAD__)
/* The library starts threads in forked children, which ThreadSanitizer supports only on request. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}
#endif

/* Long enough for any machine; reached only when a test fails. */
#define BED_PATIENCE_NS (60 * MS_NS_PER_S)
#define BED_TIMEOUT_US UINT64_C(60000000)

#define BED_WAIT_UNTIL(condition)                                                                  \
	do {                                                                                       \
		uint64_t bed_until = ms_clock_ns() + BED_PATIENCE_NS;                              \
		while (!(condition)) {                                                             \
			if (ms_clock_ns() >= bed_until)                                            \
				fail_msg("never: %s", #condition);                                 \
			usleep(500);                                                               \
		}                                                                                  \
	} while (0)

/* The client maps the control page a second time, so ThreadSanitizer cannot see that an order comes before
 * its callback and that before the answer. Here client and callbacks say it. */
static inline void bed_meet(void)
{
	static _Atomic unsigned meetings;

	atomic_fetch_add_explicit(&meetings, 1, memory_order_acq_rel);
}

struct bed {
	struct ms_table_scratch scratch;
	struct ms_table_reader reader;
	struct ms_control_client client;
};

static inline int bed_try_open(struct bed *bed, pid_t pid)
{
	int control_fd = -1;
	int error = ms_table_open_pid(&bed->reader, &bed->scratch, pid, &control_fd);

	if (error)
		return error;
	error = ms_table_refresh(&bed->reader);
	if (error)
		return error;
	return ms_control_open(&bed->client, control_fd, bed->reader.info.identity, -1, 0);
}

static inline void bed_open(struct bed *bed, pid_t pid)
{
	int error = bed_try_open(bed, pid);

	if (error)
		fail_msg("open the table of %d: %s", (int)pid, strerror(-error));
}

static inline void bed_close(struct bed *bed)
{
	ms_control_close(&bed->client);
	ms_table_close(&bed->reader);
}

static __attribute__((unused)) struct bed *group_bed;

static inline int bed_begin_group(void **state)
{
	(void)state;
	if (memshed_start(NULL) != 0)
		return -1;
	bed_open(group_bed, getpid());
	return 0;
}

static inline int bed_end_group(void **state)
{
	(void)state;
	bed_close(group_bed);
	return 0;
}

/* All @tests with one bed, and the library started. */
#define BED_RUN_GROUP(bed, tests)                                                                            \
	(group_bed = (bed), cmocka_run_group_tests(tests, bed_begin_group, bed_end_group))

/* In a forked child, which did not inherit the client's mapping: something else may stand there by now. */
static inline void bed_leave(struct bed *bed)
{
	bed->client.page = NULL;
	bed_close(bed);
}

/* The row of that name. Return: false when there is none. */
static inline bool bed_find(struct bed *bed, const char *name, struct ms_row *ret_row)
{
	static __thread struct ms_row rows[512];
	int count = ms_table_read_rows(&bed->reader, rows, 512);

	for (int i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*ret_row = rows[i];
			return true;
		}
	}
	return false;
}

static inline struct ms_row bed_row(struct bed *bed, const char *name)
{
	struct ms_row row;

	if (!bed_find(bed, name, &row))
		fail_msg("no row named %s", name);
	return row;
}

static inline struct ms_order bed_order(struct bed *bed, const char *name, uint32_t level,
					uint64_t target_bytes)
{
	static _Atomic uint64_t seq;
	struct ms_order order = {
		.seq = ++seq,
		.scope = MS_SCOPE_PROCESS,
		.level = level,
		.reason = MEMSHED_REASON_USER,
		.target_bytes = target_bytes,
		.timeout_us = BED_TIMEOUT_US,
	};

	if (name) {
		struct ms_row row = bed_row(bed, name);

		order.scope = MS_SCOPE_ROW;
		order.row = row.row;
		order.generation = row.generation;
	}
	return order;
}

static inline struct ms_order_handle bed_post(struct bed *bed, const struct ms_order *order)
{
	struct ms_order_handle handle;
	int error;

	bed_meet();
	BED_WAIT_UNTIL((error = ms_control_post(&bed->client, order, &handle)) != -EAGAIN);
	assert_int_equal(error, 0);
	return handle;
}

static inline struct ms_answer bed_wait(struct bed *bed, const struct ms_order_handle *handle)
{
	struct ms_answer answer;
	int got = ms_control_wait(&bed->client, handle, BED_TIMEOUT_US, &answer, NULL);

	if (got != 1)
		fail_msg("no answer: %d", got);
	bed_meet();
	return answer;
}

static inline struct ms_answer bed_ask(struct bed *bed, const struct ms_order *order)
{
	struct ms_order_handle handle = bed_post(bed, order);

	return bed_wait(bed, &handle);
}

/* All at once: order, wait, answer. @name NULL: every cache. */
static inline struct ms_answer bed_do(struct bed *bed, const char *name, uint32_t level,
				      uint64_t target_bytes)
{
	struct ms_order order = bed_order(bed, name, level, target_bytes);

	return bed_ask(bed, &order);
}

/* Run @test in a forked child that leaves by exit code; the library starts afresh there. */
static inline void bed_expect_child(pid_t child, int expected)
{
	int status;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

#endif

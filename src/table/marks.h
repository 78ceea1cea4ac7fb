/* SPDX-License-Identifier: MIT */
/*
 * table/marks.h - the marks of the control page: both ends.
 *
 * A watch writes them at every look; the process reads them each time that it looks whether memory is short. Neither
 * end waits for the other, allocates or makes a system call. A check word over the numbers says whether a copy is
 * whole, so the words need no order among themselves. Any thread of the process; one thread of each watch.
 */
#ifndef MS_TABLE_MARKS_H
#define MS_TABLE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "table/layout.h"
#include "util/clock.h"

/* How long they hold: a watch without real-time priority is late by up to 5 s just when it matters, and a process
 * that lost its watch goes on with the last ones. */
#define MS_MARKS_LIFE_NS (10 * MS_NS_PER_S)

enum { MS_MARKS_SHARERS_MOST = 1024 };

/** ms_marks_generation - another one for another file or directory; never 0 */
uint64_t ms_marks_generation(uint32_t kind, uint64_t device, uint64_t inode,
			     const char directory[MS_MARKS_DIRECTORY_BYTES]);

/**
 * ms_marks_write - make these the marks
 * @body: until_ns at most MS_MARKS_LIFE_NS from now
 * Return: whether the generation was another one before: the process has a file to open.
 */
bool ms_marks_write(struct ms_control_abi *page, const struct ms_marks_body *body,
		    const char directory[MS_MARKS_DIRECTORY_BYTES]);

/**
 * ms_marks_read - a copy, if they hold and make sense
 * Then 0 < low < high <= brake <= max, kind is a known one and not MS_USAGE_NONE, sharers is 1 to
 * MS_MARKS_SHARERS_MOST, and they end MS_MARKS_LIFE_NS from now at the latest.
 * Return: false when there are none; *ret_body is untouched then.
 */
bool ms_marks_read(const struct ms_control_abi *page, uint64_t now_ns, struct ms_marks_body *ret_body);

/**
 * ms_marks_read_kept - the same, for a reader that comes again
 * @kept: in: what it read last, zeros at first; out: what it read now
 * While a watch writes, no copy is whole, and a busy machine may stop the watch there. Then those
 * read before count.
 */
bool ms_marks_read_kept(const struct ms_control_abi *page, uint64_t now_ns, struct ms_marks_body *kept);

/**
 * ms_marks_read_directory - where the file of these marks is
 * Return: false when it is not the one of @body's generation, or no absolute path without "..".
 */
bool ms_marks_read_directory(const struct ms_control_abi *page, const struct ms_marks_body *body,
			     char ret_directory[MS_MARKS_DIRECTORY_BYTES]);

/** ms_marks_used - @bytes as read, with the offset; at the ends of the range it saturates */
uint64_t ms_marks_used(uint64_t bytes, int64_t offset);

#endif

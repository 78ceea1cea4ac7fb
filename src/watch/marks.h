/* SPDX-License-Identifier: MIT */
/*
 * watch/marks.h - tell the members the marks, so that each can look and act by itself (table/marks.h).
 *
 * At every look, which is once a second at the least, and when a member says hello: before its first order, and
 * long before they are needed. Stores into pages that are mapped, and a bell where the file that counts is another
 * one than before: nothing allocates, opens or waits.
 */
#ifndef MS_WATCH_MARKS_H
#define MS_WATCH_MARKS_H

#include <stdint.h>

struct ms_watch;

/** ms_watch_tell_marks - write the marks of the last sample into the control page of every member */
void ms_watch_tell_marks(struct ms_watch *watch);

/** ms_watch_tell_member - into that of one */
void ms_watch_tell_member(struct ms_watch *watch, uint32_t slot);

#endif

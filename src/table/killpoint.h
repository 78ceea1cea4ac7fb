/* SPDX-License-Identifier: MIT */
/* table/killpoint.h - where a test may stop or kill a process between two steps; nothing in other builds. */
#ifndef MS_TABLE_KILLPOINT_H
#define MS_TABLE_KILLPOINT_H

#ifdef MS_TEST_KILL_POINTS
void ms_test_kill_point(const char *name);
#define MS_KILL_POINT(name) ms_test_kill_point(name)
#else
#define MS_KILL_POINT(name) ((void)0)
#endif

#endif

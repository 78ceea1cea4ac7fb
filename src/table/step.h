/* SPDX-License-Identifier: MIT */
/* table/step.h - where a test may stop or kill a process between two steps; nothing in other builds. */
#ifndef MS_TABLE_STEP_H
#define MS_TABLE_STEP_H

#ifdef MS_TEST_STEPS
void ms_test_step(const char *name);
#define MS_STEP(name) ms_test_step(name)
#else
#define MS_STEP(name) ((void)0)
#endif

#endif

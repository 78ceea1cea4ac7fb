/* SPDX-License-Identifier: MIT */
/* test_lib_weak.h - the other file of test_lib_weak. */
#ifndef TEST_LIB_WEAK_H
#define TEST_LIB_WEAK_H

/* test_weak_other_file - has the library been found, as this file sees it? */
int test_weak_other_file(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * util/list.h - the one way to liburcu: its doubly linked list, which is a header alone. Not its grace periods:
 * where a system call filter refuses membarrier(2) after the program has started, liburcu aborts it.
 */
#ifndef MS_UTIL_LIST_H
#define MS_UTIL_LIST_H

#include <urcu/list.h>

#endif

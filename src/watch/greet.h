/* SPDX-License-Identifier: MIT */
/*
 * watch/greet.h - processes come, with their tables, and go.
 *
 * Only processes of the tree are taken; one that no scan has seen yet is looked up, with its ancestors,
 * before anything of its packet is received. Looking up opens files, so above danger the packets wait.
 * Nothing allocates.
 */
#ifndef MS_WATCH_GREET_H
#define MS_WATCH_GREET_H

#include <stdint.h>

struct ms_watch;

/** ms_greet_receive - take the hellos that have come; above danger those of processes not seen yet wait */
void ms_greet_receive(struct ms_watch *watch, uint64_t now_ns);

/** ms_greet_follow - processes came or left, as the tree tells */
void ms_greet_follow(struct ms_watch *watch, uint64_t now_ns);

/** ms_greet_report - a table was found: tell its process the marks, and say so */
void ms_greet_report(struct ms_watch *watch, uint32_t slot);

#endif

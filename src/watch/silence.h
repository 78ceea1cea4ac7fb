/* SPDX-License-Identifier: MIT */
/*
 * watch/silence.h - why a process does not answer its order: is it stopped, does it execute another program,
 * or does its agent not come round to it?
 *
 * Nothing allocates; a process is opened only below danger, once for each time that it becomes silent.
 */
#ifndef MS_WATCH_SILENCE_H
#define MS_WATCH_SILENCE_H

#include <stdint.h>

#include "util/clock.h"

struct ms_watch;

/* An answer that takes longer is looked into. */
#define MS_SILENT_NS (500 * MS_NS_PER_MS)

struct ms_silence {
	uint64_t next_check_ns;
};

enum ms_silence_cause {
	MS_SILENCE_WAIT = 0, /* nothing is known that speaks against waiting */
	MS_SILENCE_STOPPED,  /* by a signal or a debugger */
	MS_SILENCE_REPLACED, /* it executes another program, and what was known of it is void */
};

/** ms_silence_check - look into a process with an order, if it is time to; says what it finds */
enum ms_silence_cause ms_silence_check(struct ms_watch *watch, uint32_t slot, uint64_t now_ns);

/** ms_silence_resume - look for stopped processes that go on, if it is time to: they can be asked again */
void ms_silence_resume(struct ms_watch *watch, uint64_t now_ns);

/** ms_silence_check_soon - a process may have been stopped or continued */
void ms_silence_check_soon(struct ms_watch *watch);

#endif

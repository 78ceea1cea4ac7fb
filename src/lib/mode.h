/* SPDX-License-Identifier: MIT */
/* lib/mode.h - the three ways to be the agent, each in a file of its own. */
#ifndef MS_LIB_MODE_H
#define MS_LIB_MODE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/inode.h"

/* NULL where a mode has nothing to do. */
struct ms_mode {
	bool has_threads;
	bool is_agent; /* these threads carry the orders out; else the host's do */
	int (*start)(bool in_child);  /* under [K1], life is RUNNING; @in_child: see ms_lib_start_agent() */
	void (*settle)(void);         /* after start(), with no lock held; not in a child */
	void (*stop)(void);           /* life is about to be STOPPING; under [K1] */
	void (*ring)(void);           /* life has changed, or an earlier deadline has come up; under any lock */
	void (*stopped)(void);        /* nothing of it runs any more; under [K1] */
	void (*after_fork)(void);     /* only the calling thread is left; under all locks */
};
extern const struct ms_mode ms_mode_thread, ms_mode_fd, ms_mode_poll;

struct ms_mode_thread {
	_Atomic uint32_t role;       /* the index of the worker that is the agent */
	_Atomic uint32_t alarm_bell; /* futex */
	_Atomic uint32_t warm;       /* workers that are ready; futex */
	_Atomic bool alone;          /* there is no standby yet */
};

struct ms_mode_fd {
	_Atomic int event_number;    /* the descriptor + 1; 0: none; writers hold [K1] */
	struct ms_inode event_held;  /* which file it is, the same for all; written before the first relay */
	_Atomic uint32_t notified;   /* the relay has made it readable and waits for memshed_dispatch() */
};

/* In ms_lib.poll_word; the bits below count what is queued. */
enum { MS_POLL_MODE = 1u << 31, MS_POLL_LAZY = 1u << 30 };

struct ms_mode_poll {
	_Atomic uint32_t seen_doorbell; /* writer: the thread that is inside; readers: any in memshed_poll() */
	_Atomic uint32_t signalled;     /* writers: the handler, and the thread that is inside; a hint */
	struct sigaction handler_before;
	int signal;
};

/** ms_mode_fd_get, ms_mode_fd_dispatch, ms_poll_run - memshed_fd(), _dispatch(), _poll(); @word: poll_word,
 * not 0 */
int ms_mode_fd_get(void);
int ms_mode_fd_dispatch(void);
int ms_poll_run(uint32_t word);

#endif

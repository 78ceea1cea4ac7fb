/* SPDX-License-Identifier: MIT */
/* run/signals.h - signals in, signals forwarded, stops followed, zombies reaped. See signals.c. */
#ifndef MS_RUN_SIGNALS_H
#define MS_RUN_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct ms_child;

struct ms_signals {
	int fd;          /* signalfd; -1 until ms_signals_open() */
	int children_fd; /* the kernel's list of our children; -1: the job ends with its command */
	pid_t helper_pid; /* a child that is no part of the job: it is not waited for, nor sent signals; 0 = none */
	int end_signal;   /* the last signal that came and means the end of a program; 0: none did */
	uint64_t end_seen_ns; /* when that signal was read */
	sigset_t original_mask;
	struct sigaction original_chld;
	uint64_t stop_seen_ns; /* when a stop signal reached us ourselves; 0 = none, or it was followed */
	bool continued;        /* SIGCONT came in this dispatch: a stop reported with it is over */
	bool was_stopped;      /* we have just come back from a stop of our own */
};

/** ms_signals_block - block everything that is to be forwarded; before fork */
void ms_signals_block(struct ms_signals *signals);

/** ms_signals_restore - in the child: as the caller of this program had them */
void ms_signals_restore(const struct ms_signals *signals);

/** ms_signals_open - Return: 0 or a negative errno */
int ms_signals_open(struct ms_signals *signals);

/**
 * ms_signals_keep_rest - the job goes on when its command has ended, until its last process has
 *
 * For a command that goes to the background. A signal to this process then goes to what the command left
 * behind. Not as process 1: its end is the end of the container, as with every init. Nor where the kernel
 * does not list children (CONFIG_PROC_CHILDREN): what cannot be signalled is not waited for. /proc is to be
 * that of our own pid namespace.
 */
void ms_signals_keep_rest(struct ms_signals *signals);

/**
 * ms_signals_dispatch - the signalfd is readable: forward, reap, stop and go on with the child
 *
 * May stop this whole process, when the child was stopped by job control. Sets child->ended and
 * child->job_ended.
 */
void ms_signals_dispatch(struct ms_signals *signals, struct ms_child *child);

/**
 * ms_signals_kill_rest - SIGKILL to all that a command which has ended left behind
 * What their ends leave behind becomes our child in turn. Return: to how many.
 */
uint32_t ms_signals_kill_rest(const struct ms_signals *signals, const struct ms_child *child);

/**
 * ms_signals_die_of - end as the command ended
 *
 * A shell goes on with its loop, and a parent sees a status, when it was told only of an exit code: ^C is
 * meant to end the lot. No core is left: it would be the wrong one. Returns only as process 1, which no
 * signal of its own ends.
 */
void ms_signals_die_of(int number);

#endif

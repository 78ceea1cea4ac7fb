/* SPDX-License-Identifier: MIT */
/*
 * sample/process.h - one process's memory, by pread on a descriptor that stays open.
 *
 * A descriptor below /proc/PID belongs to the process, not to the number: once the process is gone it
 * answers -ESRCH for ever, also when the pid is in use again. So a pid is looked up once, at open, and
 * what is read later can only be of the same process. After open nothing allocates and nothing is opened.
 *
 * No globals; one thread per struct.
 */
#ifndef MS_SAMPLE_PROCESS_H
#define MS_SAMPLE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/root.h"

enum {
	MS_COMM_BYTES = 64,
	MS_PROCESS_EMPTY = 1, /* a condition, not an error: see ms_process_sample() */
};

/* What is used of /proc/PID/stat. */
struct ms_process_stat {
	pid_t pid, ppid;
	char state;               /* R S D T t Z X I, as the kernel says */
	char comm[MS_COMM_BYTES]; /* any bytes but NUL: escape before printing */
	uint32_t threads;
	uint64_t start_ticks; /* since boot; with the pid this names one process for good */
	uint64_t arguments_at; /* an address, mostly another one after each exec(); 0: we may not read it */
};

/* /proc/PID/statm in bytes. */
struct ms_process_memory {
	uint64_t size_bytes;     /* address space: what RLIMIT_AS counts */
	uint64_t resident_bytes; /* RSS: anonymous + file + shared */
	uint64_t shared_bytes;   /* file-backed and shmem part of it */
	uint64_t data_bytes;     /* private writable + stack: RLIMIT_DATA counts it without the stack */
};

/* Soft limits of /proc/PID/limits in bytes; UINT64_MAX = unlimited. */
struct ms_process_limits {
	uint64_t as_bytes, data_bytes;
};

struct ms_process {
	pid_t pid;
	uint64_t start_ticks;
	int statm_fd;
	bool adopted; /* statm_fd is another thread's than the main one */
};

/** ms_process_page_bytes - the machine's page size */
uint64_t ms_process_page_bytes(void);

/**
 * ms_process_parse_stat - /proc/PID/stat; the name may hold spaces, parentheses and newlines
 * Return: 0; -EBADMSG when it is not that, or cut off. @ret_stat is untouched then.
 */
int ms_process_parse_stat(const char *text, struct ms_process_stat *ret_stat);

/** ms_process_is_zombie - ended, all of it: a main thread alone can be in state Z while others run */
bool ms_process_is_zombie(const struct ms_process_stat *stat);

/** ms_process_parse_statm - Return: 0; -EBADMSG not that, cut off, or more than 2^64 - 1 bytes */
int ms_process_parse_statm(const char *text, uint64_t page_bytes, struct ms_process_memory *ret_memory);

/** ms_process_parse_limits - Return: 0; -EBADMSG when one of the two rows is missing or not a number */
int ms_process_parse_limits(const char *text, struct ms_process_limits *ret_limits);

/**
 * ms_process_open - find a process and keep its statm open
 * @start_ticks: refuse any other process of that pid; 0 = take any
 * @ret_stat: may be NULL
 *
 * Return: 0; -ESRCH when there is no such process (any more); another negative errno. On failure
 * nothing stays open and @process is as after ms_process_close().
 */
int ms_process_open(struct ms_process *process, const struct ms_root *root, pid_t pid, uint64_t start_ticks,
		    struct ms_process_stat *ret_stat);
void ms_process_close(struct ms_process *process);

/**
 * ms_process_sample - one pread; 1-2 us
 * Return: 0; MS_PROCESS_EMPTY: alive in name only, all zero (a zombie, a kernel thread, or a process with a
 * main thread that ended while others run on: ms_process_adopt_thread() tells them apart); -ESRCH gone;
 * -EBADMSG; a negative errno from pread. @ret_memory is untouched on failure.
 *
 * From kernel 6.2 to 6.15 it can be off: ms_budget_statm_error_bytes().
 */
int ms_process_sample(const struct ms_process *process, const struct ms_root *root,
		      struct ms_process_memory *ret_memory);

/**
 * ms_process_adopt_thread - go on with another thread's statm, which is the process's as well
 * When the main thread has ended (pthread_exit), /proc/PID/statm reads as zeros though the other threads
 * hold all the memory.
 * Return: 0; MS_PROCESS_EMPTY no thread has memory, but it has not ended yet; -ESRCH a zombie, or gone;
 * another negative errno. Unchanged unless 0.
 */
int ms_process_adopt_thread(struct ms_process *process, const struct ms_root *root);

/** ms_process_read_stat - by pid, opening; checks @start_ticks unless 0; Return: as ms_process_open() */
int ms_process_read_stat(const struct ms_root *root, pid_t pid, uint64_t start_ticks,
			 struct ms_process_stat *ret_stat);

/** ms_process_read_limits - by pid, opening; Return: 0; -ESRCH, -EACCES, -EBADMSG ... */
int ms_process_read_limits(const struct ms_root *root, pid_t pid, struct ms_process_limits *ret_limits);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lib/worker.c - the library's own threads: small, warm, out of the host's way.
 *
 * What a thread needs at the moment memory is short it gets when it starts: its stack is touched and,
 * where RLIMIT_MEMLOCK allows, locked; its malloc arena exists. It asks for
 * SCHED_FIFO, the lowest priority of that class, which needs CAP_SYS_NICE or RLIMIT_RTPRIO and is not
 * missed where it is refused; what a callback starts does not inherit it.
 *
 * When the last thread of a process ends, the C library calls exit(0). The library's own are none that a host
 * waits for: once the main thread has ended they look whether others are left, and end where there are none.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/worker.h"

#include "lib/agent.h"
#include "lib/brake.h"
#include "lib/executor.h"
#include "lib/lib.h"
#include "table/proc.h"
#include "util/clock.h"

/* Callbacks run on it, an interpreter's too, and those count on as much as the process's threads have by
 * default. Only the warm part is resident. */
enum { LEAST_STACK_BYTES = 1 << 20, WARM_STACK_BYTES = 96 << 10 };

#define LOOK_NS (250 * MS_NS_PER_MS)

static bool are_alone(void)
{
	char stat[1024];

	/* The main thread is counted as long as the process exists. */
	return ms_proc_read(AT_FDCWD, "/proc/self/stat", stat, sizeof(stat)) > 0 &&
	       ms_proc_threads(stat) == atomic_load_explicit(&ms_lib.workers, memory_order_relaxed) + UINT64_C(1);
}

uint64_t ms_worker_look(uint64_t now_ns)
{
	if (!atomic_load_explicit(&ms_lib.main_ended, memory_order_relaxed))
		return UINT64_MAX;
	if (are_alone()) {
		pthread_mutex_lock(&ms_lib.lock);
		if (ms_lib_runs()) {
			atomic_store_explicit(&ms_lib.life, MS_LIFE_STOPPING, memory_order_seq_cst); /* [agent.D2] */
			ms_control_wake(&ms_lib.control);
			if (ms_lib.mode->ring)
				ms_lib.mode->ring();
		}
		pthread_mutex_unlock(&ms_lib.lock);
	}
	return now_ns + LOOK_NS;
}

void ms_worker_end(void *unused)
{
	(void)unused;
	ms_executor_end_thread();
	atomic_fetch_sub_explicit(&ms_lib.workers, 1, memory_order_seq_cst); /* [agent.D2] */
	ms_agent_finish_stop();
	ms_lib_returned();
}

/* The thread is counted before it exists, so that memshed_stop() cannot miss it. */
int ms_worker_spawn(void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	size_t stack_bytes;
	int error = pthread_attr_init(&attr);

	if (error)
		return -error;
	sigfillset(&all);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_attr_getstacksize(&attr, &stack_bytes) == 0 && stack_bytes < LEAST_STACK_BYTES)
		pthread_attr_setstacksize(&attr, LEAST_STACK_BYTES);
	atomic_fetch_add_explicit(&ms_lib.workers, 1, memory_order_relaxed);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (error)
		atomic_fetch_sub_explicit(&ms_lib.workers, 1, memory_order_relaxed);
	return -error;
}

__attribute__((noinline)) static void warm_stack(void)
{
	volatile unsigned char room[WARM_STACK_BYTES];

	for (size_t i = 0; i < sizeof(room); i += 1024)
		room[i] = 0;
	mlock((const void *)(uintptr_t)&room[0], sizeof(room));
}

__attribute__((noinline)) static void warm_malloc(void)
{
	void *volatile block = malloc(1024);

	free(block);
}

static void ask_for_fifo(void)
{
	struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

void ms_worker_warm(const char *name, bool runs_callbacks)
{
	ms_brake_exempt();
	prctl(PR_SET_NAME, name);
	ask_for_fifo();
	if (!runs_callbacks)
		return;
	warm_stack();
	warm_malloc();
}

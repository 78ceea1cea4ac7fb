/* SPDX-License-Identifier: MIT */
/*
 * gil.c - when the agent may ask for the GIL, and what becomes of it in a child that C code forked.
 *
 * A thread that waits for the GIL leaves a request with the interpreter. fork() copies it; in a child that
 * C code forked without PyOS_AfterFork_Child() there is no thread any more to hand the GIL to, and the first
 * thing that is evaluated there waits for it for ever. Servers that embed Python fork so, and some never let go
 * of the GIL between two requests. So there are two ways:
 *
 *   asking   in a process that a Python executable started: the agent waits for the GIL as every thread does.
 *   meeting  in a program that embeds Python, and in every child that C code forked: the agent waits for a bounded
 *            time, leaves no request, and takes the GIL when it is seen to be free, or when a thread that
 *            holds it offers it: in a pending call, or at a miss of a cache. Such a thread lets go of the
 *            GIL, the agent says that it has it, and the thread waits for it as for any other.
 *
 * A fork while the agent asks (by a C extension of an ordinary program): the child queues a pending call, which
 * comes before the request is looked at, and does there what the program should have: PyOS_AfterFork_Child().
 * A fork while the agent has the GIL, by a thread that has not (a server between two requests): it waits until the
 * agent has given it back, for a bounded time; in the child it would be held by nothing.
 * A child that C code forked becomes its own the first time that its agent has the GIL.
 *
 * Guarded by the GIL unless it says otherwise; what is atomic needs no order beyond its own.
 */
#include "adapter.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/futex.h"

#define MEET_NS (50 * MS_NS_PER_MS)  /* a program that evaluates anything gets to a pending call in microseconds */
#define LOOK_LEAST_NS (100 * MS_NS_PER_US)
#define LOOK_MOST_NS (10 * MS_NS_PER_MS)
#define OFFER_NS (50 * MS_NS_PER_MS) /* the agent is woken for it */
#define FORK_NS (200 * MS_NS_PER_MS) /* a round is over much sooner; a callback may be stuck */

_Atomic uint32_t ms_py_gil_meeting; /* enum ms_py_meeting; writers: the agent, and the thread that offers */

static struct {
	_Atomic pid_t owner_pid; /* the process that may ask; writer: start, after fork; reader: the agent */
	_Atomic uint32_t asking; /* agent threads that wait for the GIL */
	_Atomic uint32_t inside; /* agent threads in a round; woken when it falls */
	_Atomic uint32_t forks;  /* threads that fork, and do not have the GIL */
	_Atomic bool queued;     /* offer() is, in this process or the one that forked it */
	_Atomic bool announced;  /* os.fork() runs its hooks */
	bool embedded;           /* fixed at start */
	bool hooked;
	int (*is_finalizing)(void);
	int (*holds_gil)(void);
	PyThreadState *(*current)(void); /* of the process, not of the thread; NULL: not to be had */
	const int *locked;               /* likewise */
} gil;

static __thread PyThreadState *agent_state;
static __thread bool fork_counted;

/* ---- what is known of the interpreter ---- */

/* How _PyRuntime begins in 3.13, for debuggers. */
struct debug_offsets {
	char cookie[8];
	uint64_t version, free_threaded;
	uint64_t runtime[3];
	uint64_t interpreter_size, id, next, threads_head, gc, modules, sysdict, builtins;
	uint64_t ceval_gil, gil, gil_enabled, gil_locked, gil_holder;
};

static const int *find_locked(void)
{
	const struct debug_offsets *offsets = ms_py_host_symbol("_PyRuntime");
	char *(*main)(void) = (char *(*)(void))ms_py_host_symbol("PyInterpreterState_Main");
	char *interpreter, *own;

	if (ms_py_host_version() != 0x030d0000 || !offsets || !main ||
	    memcmp(offsets->cookie, "xdebugpy", sizeof(offsets->cookie)) != 0)
		return NULL;
	interpreter = main();
	memcpy(&own, interpreter + offsets->ceval_gil, sizeof(own));
	return own == interpreter + offsets->gil ? (const int *)(const void *)(interpreter + offsets->gil_locked) : NULL;
}

/* The command line of the program is the interpreter's own only where that is the program. */
static bool is_embedded(void)
{
	void (*get)(int *, wchar_t ***) = (void (*)(int *, wchar_t ***))ms_py_host_symbol("Py_GetArgcArgv");
	wchar_t **argv = NULL;
	int argc = 0;

	if (get)
		get(&argc, &argv);
	return argc == 0;
}

static void find_symbols(void)
{
	gil.is_finalizing = (int (*)(void))ms_py_host_symbol("Py_IsFinalizing");
	if (!gil.is_finalizing)
		gil.is_finalizing = (int (*)(void))ms_py_host_symbol("_Py_IsFinalizing");
	gil.holds_gil = (int (*)(void))ms_py_host_symbol("PyGILState_Check");
	gil.current = NULL;
	if (ms_py_host_version() < 0x030c0000)
		gil.current = (PyThreadState * (*)(void)) ms_py_host_symbol("_PyThreadState_UncheckedGet");
	gil.locked = find_locked();
	gil.embedded = is_embedded();
}

/* A glance, without any lock. 3.12 shows it nowhere: there it has to be offered. */
static bool is_free(void)
{
	if (gil.current)
		return !gil.current();
	return gil.locked && !__atomic_load_n(gil.locked, __ATOMIC_RELAXED);
}

/* ---- offering ---- */

void ms_py_gil_offer(void)
{
	uint64_t until_ns = ms_clock_ns() + OFFER_NS;
	uint32_t state = MS_PY_AWAITED;

	if (!atomic_compare_exchange_strong(&ms_py_gil_meeting, &state, MS_PY_OFFERED))
		return;
	ms_futex_wake_all(&ms_py_gil_meeting);
	Py_BEGIN_ALLOW_THREADS
	while (atomic_load(&ms_py_gil_meeting) == MS_PY_OFFERED && ms_clock_ns() < until_ns)
		ms_futex_wait(&ms_py_gil_meeting, MS_PY_OFFERED, until_ns);
	state = MS_PY_OFFERED;
	atomic_compare_exchange_strong(&ms_py_gil_meeting, &state, MS_PY_NO_MEETING);
	Py_END_ALLOW_THREADS
}

/* A pending call. */
static int offer(void *unused)
{
	(void)unused;
	atomic_store(&gil.queued, false);
	ms_py_gil_offer();
	return 0;
}

/* Return: whether the GIL is free or offered. */
static bool meet(void)
{
	uint64_t now_ns = ms_clock_ns(), until_ns = now_ns + MEET_NS, step_ns = LOOK_LEAST_NS;
	uint32_t state = MS_PY_AWAITED;

	if (is_free())
		return true;
	atomic_store(&ms_py_gil_meeting, MS_PY_AWAITED);
	if (!atomic_exchange(&gil.queued, true) && Py_AddPendingCall(offer, NULL) < 0)
		atomic_store(&gil.queued, false);
	while (now_ns < until_ns) {
		uint64_t look_ns = now_ns + step_ns;

		ms_futex_wait(&ms_py_gil_meeting, MS_PY_AWAITED, look_ns < until_ns ? look_ns : until_ns);
		if (atomic_load(&ms_py_gil_meeting) == MS_PY_OFFERED || is_free())
			return true;
		step_ns = step_ns < LOOK_MOST_NS ? 2 * step_ns : LOOK_MOST_NS;
		now_ns = ms_clock_ns();
	}
	return !atomic_compare_exchange_strong(&ms_py_gil_meeting, &state, MS_PY_NO_MEETING);
}

/* ---- taking ---- */

static void attach(void)
{
	if (agent_state) {
		PyEval_RestoreThread(agent_state);
	} else {
		PyGILState_Ensure();
		agent_state = PyThreadState_Get();
	}
}

bool ms_py_gil_is_own(void)
{
	return getpid() == atomic_load(&gil.owner_pid);
}

int ms_py_gil_take(void)
{
	bool meets = gil.embedded || !ms_py_gil_is_own();

	if (gil.is_finalizing && gil.is_finalizing())
		return -EBUSY;
	if (meets && !meet())
		return -EBUSY;
	atomic_fetch_add(&gil.asking, 1);
	if (atomic_load(&gil.forks)) {
		atomic_fetch_sub(&gil.asking, 1);
		ms_futex_wake_all(&gil.inside);
		return -EBUSY;
	}
	attach();
	atomic_fetch_add(&gil.inside, 1);
	atomic_fetch_sub(&gil.asking, 1);
	if (meets) {
		atomic_store(&ms_py_gil_meeting, MS_PY_NO_MEETING);
		ms_futex_wake_all(&ms_py_gil_meeting);
	}
	if (!ms_py_gil_is_own())
		ms_py_host_after_fork();
	return 0;
}

void ms_py_gil_give(void)
{
	PyEval_SaveThread();
	atomic_fetch_sub(&gil.inside, 1);
	ms_futex_wake_all(&gil.inside);
}

bool ms_py_gil_is_agent(void)
{
	return agent_state != NULL;
}

/* ---- fork ---- */

static void before_any_fork(void)
{
	uint64_t until_ns = ms_clock_ns() + FORK_NS;

	fork_counted = !agent_state && gil.holds_gil && !gil.holds_gil();
	if (!fork_counted)
		return;
	atomic_fetch_add(&gil.forks, 1);
	while ((atomic_load(&gil.asking) || atomic_load(&gil.inside)) && ms_clock_ns() < until_ns)
		ms_futex_wait(&gil.inside, atomic_load(&gil.inside), ms_clock_ns() + LOOK_LEAST_NS);
}

static void after_any_fork_in_parent(void)
{
	if (fork_counted)
		atomic_fetch_sub(&gil.forks, 1);
}

/* A pending call in a child that has a request with nothing behind it. What the program did not call makes the GIL
 * anew; it runs the hooks for forks, too, those that come before and those of children. */
static int forget_request(void *unused)
{
	void (*before)(void) = (void (*)(void))ms_py_host_symbol("PyOS_BeforeFork");
	void (*after)(void) = (void (*)(void))ms_py_host_symbol("PyOS_AfterFork_Child");

	(void)unused;
	if (!before || !after || ms_py_gil_is_own())
		return 0;
	before();
	after();
	return 0;
}

static void after_any_fork_in_child(void)
{
	bool requested = atomic_load(&gil.asking) && !atomic_load(&gil.announced);

	atomic_store(&gil.asking, 0);
	atomic_store(&gil.inside, 0);
	atomic_store(&gil.forks, 0);
	atomic_store(&ms_py_gil_meeting, MS_PY_NO_MEETING);
	if (requested)
		Py_AddPendingCall(forget_request, NULL);
}

void ms_py_gil_announce_fork(bool begins)
{
	atomic_store(&gil.announced, begins);
}

void ms_py_gil_own(void)
{
	atomic_store(&gil.owner_pid, getpid());
}

int ms_py_gil_init(void)
{
	int error = gil.hooked ? 0
			       : pthread_atfork(before_any_fork, after_any_fork_in_parent, after_any_fork_in_child);

	gil.hooked = !error;
	find_symbols();
	return -error;
}

/* SPDX-License-Identifier: MIT */
/*
 * host.c - the agent inside the interpreter: the GIL, fork, exit.
 *
 * The agent is a thread of libmemshed's. begin_round() takes the GIL once for a whole round of
 * callbacks and end_round() releases it; each agent thread keeps the thread state it made the
 * first time, so that a round in an emergency allocates none.
 *
 * When the agent may ask for the GIL says gil.c. While the interpreter finalizes, asking would end the
 * thread: an atexit function stops the agent before, with the GIL released so that a round under way can end.
 * A callback that never returns does not keep the program from ending: it is waited for EXIT_TIMEOUT_S.
 *
 * From 3.12 on os.fork() warns when the process has a second thread, and the program does not know of
 * the agent's. There the main thread stops the agent before a fork and starts it again in the parent, by
 * a pending call that takes effect in the frame that called os.fork(), since some versions count threads
 * after all after_in_parent hooks.
 *
 * A forked child has no thread of the agent's: sandboxes that it may set up refuse threads, and many
 * children only exec. libmemshed starts the thread when memshed_poll() or memshed_register() is called
 * there; when the agent was stopped for the fork, start_due() does.
 */
#include "adapter.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

enum {
	ROUND_BUDGET_NS = 1000000, /* of COUNT_INTERVAL_MS, a two-hundredth */
	COUNT_INTERVAL_MS = 200,   /* a busy program fills a cache by hundreds of megabytes a second */
	THREAD_END_TIMEOUT_US = 50000,
	THREAD_END_STEP_US = 50,
	YIELD_US = 50,
	RESUME_RETRIES = 10000,
	EXIT_TIMEOUT_S = 2,
	START_RETRY_NS = 1000000000,
};

static struct {
	bool hooked;             /* the hooks for exit and fork are there */
	bool wanted;             /* memshed.start() was called, memshed.stop() was not */
	bool paused;             /* stopped for a fork */
	PyObject *fork_frame;    /* the one that called os.fork() */
	unsigned resume_retries; /* how often resume() may still be put off */
	uint64_t start_retry_ns; /* when start_due() may try again after a failure */
	int agent_threads;       /* what memshed_start() added */
	unsigned long main_thread;
	uint64_t round_end_ns;
} host;

bool ms_py_host_start_is_due; /* guarded by the GIL */

/* All rows, in a ring. */
static struct ms_py_row rows = {.next = &rows, .previous = &rows};

void *ms_py_host_symbol(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

uint32_t ms_py_host_version(void)
{
	static uint32_t version;
	unsigned major, minor;

	if (!version && sscanf(Py_GetVersion(), "%u.%u", &major, &minor) == 2)
		version = major << 24 | minor << 16;
	return version;
}

bool ms_py_host_is_main_interpreter(void)
{
	void *(*current)(void) = (void *(*)(void))ms_py_host_symbol("PyInterpreterState_Get");
	void *(*main)(void) = (void *(*)(void))ms_py_host_symbol("PyInterpreterState_Main");

	if (!current)
		current = (void *(*)(void))ms_py_host_symbol("_PyInterpreterState_Get");
	return current && main && current() == main();
}

/* ---- rounds ---- */

bool ms_py_round_has_time(void)
{
	return ms_clock_ns() < host.round_end_ns;
}

void ms_py_host_yield_gil(void)
{
	const struct timespec pause = {.tv_nsec = YIELD_US * 1000};

	Py_BEGIN_ALLOW_THREADS
	nanosleep(&pause, NULL);
	Py_END_ALLOW_THREADS
}

static int begin_round(void *ctx)
{
	int error = ms_py_gil_take();

	(void)ctx;
	if (error < 0)
		return error;
	host.round_end_ns = ms_clock_ns() + ROUND_BUDGET_NS;
	ms_py_builtin_adopt();
	ms_py_creation_adopt();
	return 0;
}

static void end_round(void *ctx)
{
	(void)ctx;
	if (PyErr_Occurred())
		PyErr_WriteUnraisable(NULL);
	ms_py_gil_give();
}

/* ---- start and stop ---- */

/* Field 20 of /proc/self/stat, which is what os.fork() looks at; 0 if it cannot be read. */
static int count_threads(void)
{
	char text[512];
	const char *at;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), threads = 0;
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = 0;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
			  &threads) != 1)
		return 0;
	return threads;
}

static int start_agent(void)
{
	const struct memshed_agent_options options = {
		.size = sizeof(options),
		.mode = MEMSHED_AGENT_THREAD,
		.count_interval_ms = COUNT_INTERVAL_MS,
		.round_begin = begin_round,
		.round_end = end_round,
	};
	int before = count_threads(), err;

	ms_py_gil_own();
	ms_py_host_start_is_due = false;
	Py_BEGIN_ALLOW_THREADS
	err = memshed_start(&options);
	Py_END_ALLOW_THREADS
	if (!err)
		host.agent_threads = count_threads() - before;
	return err;
}

/* The kernel goes on counting a thread for a moment after its end. */
static void await_thread_end(int threads_before)
{
	const struct timespec step = {.tv_nsec = THREAD_END_STEP_US * 1000};
	int waited_us = 0;

	while (count_threads() > threads_before - host.agent_threads && waited_us < THREAD_END_TIMEOUT_US) {
		nanosleep(&step, NULL);
		waited_us += THREAD_END_STEP_US;
	}
}

static void stop_for_fork(void)
{
	int before = count_threads();

	Py_BEGIN_ALLOW_THREADS
	memshed_stop();
	await_thread_end(before);
	Py_END_ALLOW_THREADS
}

/* Does the main thread still run fork hooks? Their frames are above that of os.fork()'s caller. */
static bool is_in_fork(void)
{
	PyObject *frame = (PyObject *)PyEval_GetFrame();

	if (!host.fork_frame || frame == host.fork_frame)
		return false;
	Py_XINCREF(frame);
	while (frame && frame != host.fork_frame) {
		PyObject *outer = ms_py_attribute(frame, "f_back");

		Py_DECREF(frame);
		frame = outer;
		if (frame == Py_None)
			Py_CLEAR(frame);
	}
	Py_XDECREF(frame);
	return frame != NULL;
}

static void start_again(void)
{
	Py_CLEAR(host.fork_frame);
	if (host.paused && host.wanted)
		start_agent();
	host.paused = false;
}

/* It may fail where threads are limited, and succeed later. */
void ms_py_host_start_due(void)
{
	uint64_t now_ns = ms_clock_ns();
	int err;

	if (now_ns < host.start_retry_ns)
		return;
	host.start_retry_ns = now_ns + START_RETRY_NS;
	err = start_agent();
	ms_py_host_start_is_due = err && err != -EALREADY;
}

/* A pending call. */
static int resume(void *unused)
{
	if (host.paused && host.resume_retries && is_in_fork()) {
		host.resume_retries--;
		if (Py_AddPendingCall(resume, unused) == 0)
			return 0;
	}
	start_again();
	return 0;
}

static PyObject *before_fork(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	ms_py_gil_announce_fork(true);
	if (host.wanted && !ms_py_host_start_is_due && ms_py_gil_is_own() && !ms_py_gil_is_agent() &&
	    PyThread_get_thread_ident() == host.main_thread && ms_py_host_version() >= 0x030c0000) {
		host.paused = true;
		host.resume_retries = RESUME_RETRIES;
		Py_XDECREF(host.fork_frame);
		host.fork_frame = (PyObject *)PyEval_GetFrame();
		Py_XINCREF(host.fork_frame);
		stop_for_fork();
	}
	Py_RETURN_NONE;
}

static PyObject *after_in_parent(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	ms_py_gil_announce_fork(false);
	if (host.paused && Py_AddPendingCall(resume, NULL) < 0)
		start_again();
	Py_RETURN_NONE;
}

void ms_py_host_after_fork(void)
{
	ms_py_gil_own();
	ms_py_host_start_is_due |= host.paused && host.wanted;
	host.paused = false;
	Py_CLEAR(host.fork_frame);
	ms_py_proxy_after_fork();
}

static PyObject *after_in_child(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	ms_py_gil_announce_fork(false);
	host.main_thread = PyThread_get_thread_ident();
	ms_py_host_after_fork();
	Py_RETURN_NONE;
}

static void *stop_apart(void *unused)
{
	memshed_stop();
	return unused;
}

/* memshed_stop() waits for a callback however long it takes. */
static void stop_within_timeout(void)
{
	struct timespec until;
	pthread_t thread;

	if (pthread_create(&thread, NULL, stop_apart, NULL) != 0) {
		memshed_stop();
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += EXIT_TIMEOUT_S;
	if (pthread_timedjoin_np(thread, NULL, &until) != 0)
		pthread_detach(thread);
}

static PyObject *at_exit(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	host.wanted = ms_py_host_start_is_due = false;
	Py_BEGIN_ALLOW_THREADS
	stop_within_timeout();
	Py_END_ALLOW_THREADS
	Py_RETURN_NONE;
}

static PyMethodDef hooks[] = {
	{"_before_fork", before_fork, METH_NOARGS, NULL},
	{"_after_in_parent", after_in_parent, METH_NOARGS, NULL},
	{"_after_in_child", after_in_child, METH_NOARGS, NULL},
	{"_at_exit", at_exit, METH_NOARGS, NULL},
};

static int hook_fork(void)
{
	PyObject *posix MS_PY_REF = PyImport_ImportModule("posix");
	PyObject *register_at_fork MS_PY_REF =
		posix ? PyObject_GetAttrString(posix, "register_at_fork") : NULL;
	PyObject *none MS_PY_REF = PyTuple_New(0);
	PyObject *before MS_PY_REF = PyCFunction_New(&hooks[0], NULL);
	PyObject *parent MS_PY_REF = PyCFunction_New(&hooks[1], NULL);
	PyObject *child MS_PY_REF = PyCFunction_New(&hooks[2], NULL);
	PyObject *names MS_PY_REF = register_at_fork && before && parent && child
					    ? Py_BuildValue("{sOsOsO}", "before", before, "after_in_parent",
							    parent, "after_in_child", child)
					    : NULL;
	PyObject *done MS_PY_REF = names && none ? PyObject_Call(register_at_fork, none, names) : NULL;

	return done ? 0 : -1;
}

static int hook_exit(void)
{
	PyObject *atexit MS_PY_REF = PyImport_ImportModule("atexit");
	PyObject *function MS_PY_REF = PyCFunction_New(&hooks[3], NULL);
	PyObject *done MS_PY_REF =
		atexit && function ? PyObject_CallMethod(atexit, "register", "O", function) : NULL;

	return done ? 0 : -1;
}

int ms_py_host_start(void)
{
	int err;

	if (!host.hooked) {
		if (ms_py_gil_init() < 0 || hook_fork() < 0 || hook_exit() < 0) {
			PyErr_Clear();
			return -ENOSYS;
		}
		host.main_thread = PyThread_get_thread_ident();
		host.hooked = true;
	}
	err = start_agent();
	if (!err || err == -EALREADY)
		host.wanted = true;
	return err;
}

int ms_py_host_stop(void)
{
	int err;

	host.wanted = ms_py_host_start_is_due = false;
	Py_BEGIN_ALLOW_THREADS
	err = memshed_stop();
	Py_END_ALLOW_THREADS
	return err;
}

bool ms_py_host_is_started(void)
{
	return host.hooked;
}

void ms_py_host_reset(void)
{
	host.hooked = host.wanted = host.paused = ms_py_host_start_is_due = false;
	host.fork_frame = NULL;
}

/* ---- rows ---- */

void ms_py_row_link(struct ms_py_row *row)
{
	row->previous = rows.previous;
	row->next = &rows;
	rows.previous->next = row;
	rows.previous = row;
}

void ms_py_row_unlink(struct ms_py_row *row)
{
	row->previous->next = row->next;
	row->next->previous = row->previous;
	row->next = row->previous = row;
}

void ms_py_row_reset(void)
{
	while (rows.next != &rows) {
		struct ms_py_row *row = rows.next;

		ms_py_row_unlink(row);
		memshed_unregister(row->cache);
		row->abandon(row);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - what a functools.lru_cache calls at a miss, in place of the user's function.
 *
 * The C wrapper of lru_cache calls its function at each miss, and only then. It is given a proxy that
 * calls the user's function. A hit costs what it did before. At a miss the adapter gets control, with the
 * GIL held and where any Python code may run: it starts the agent that a forked child has not had so
 * far (host.c), and measures what an entry costs. Once entries were dropped, it tells the ghosts (ghosts.h) what was
 * missed.
 *
 * Transparency. The wrapper's __wrapped__ is the user's function, and a C function has no frame in a
 * traceback. Only gc shows the proxy. It is called by the vectorcall protocol, which counts no level of
 * recursion; tp_call would. No tp_clear is needed: only a wrapper refers to a proxy, and it has one.
 *
 * The brake. A miss is where a program grows, and where the GIL may be given up. At most once a millisecond it
 * is looked whether memory is short (memshed_brake()), before the function is called: what the misses since the last
 * look have added will be added again. The GIL is given up only where there is something to wait for.
 *
 * Time. Of the calls of one cache that are in progress, one is timed: the outermost of the first thread.
 * The calls below it, of a function that calls itself through its cache, are counted, and their time is
 * part of the outermost one's. So the mean is the time that one entry takes when those it depends on are
 * there. A call that is not timed ends in a jump to the function: a deep recursion needs no more of the C
 * stack than without a proxy.
 *
 * Everything runs with the GIL held.
 */
#include "adapter.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>

#include "util/clock.h"

enum {
	HAVE_VECTORCALL = 1 << 11, /* of a type's flags; not in the limited API of 3.8 */
	CLOCK_TRIALS = 16,
	LOOK_NS = 1000000,  /* between two looks at the memory */
	NESTED_CALLS = 16,  /* of calls inside a timed one, one in so many reads the clock, too */
	CLOCK_SLOW_NS = 80, /* a reading of the clock by a system call takes several times as long */
};
#define ARGUMENTS_OFFSET ((size_t)1 << (8 * sizeof(size_t) - 1))

typedef PyObject *(*call_fn)(PyObject *, PyObject *const *, size_t, PyObject *);

struct proxy {
	PyObject ob_base;
	call_fn call; /* where the type says that it is: call_proxy() */
	PyObject *function;
	uint64_t total_ns, calls;
	uint64_t calls_in_progress; /* the timed call and those below it; 0: none is timed */
	pthread_t thread;           /* in the timed call */
	unsigned forks;             /* proxy.forks at that time */
	bool typed;
	struct ms_py_ghosts ghosts;
};

static struct {
	PyTypeObject *type;               /* NULL: wrappers are made without */
	call_fn (*find_call)(PyObject *); /* PyVectorcall_Function, from 3.11 on */
	call_fn call_other;               /* what find_call() finds nothing for */
	void *make_call;
	clockid_t clock;
	uint64_t looked_ns;
	unsigned nested_calls;
	unsigned forks; /* goes up in a forked child, which has lost the other threads */
} proxy;

/* ---- the call itself, by what each version has for it ---- */

/* How a type object begins in 3.8, 3.9 and 3.10. */
struct type_head {
	PyVarObject ob_base;
	const char *name;
	Py_ssize_t basicsize, itemsize;
	destructor dealloc;
	Py_ssize_t vectorcall_offset;
};

static call_fn find_call(PyObject *function)
{
	PyTypeObject *type = Py_TYPE(function);
	call_fn call = NULL;

	if (proxy.find_call)
		return proxy.find_call(function);
	if (PyType_GetFlags(type) & HAVE_VECTORCALL)
		memcpy(&call, (char *)function + ((struct type_head *)type)->vectorcall_offset, sizeof(call));
	return call;
}

/* _PyObject_MakeTpCall(), for what has no vectorcall. */
static PyObject *make_call_38(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *names)
{
	typedef PyObject *(*make_fn)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

	return ((make_fn)proxy.make_call)(function, args, (Py_ssize_t)(nargsf & ~ARGUMENTS_OFFSET), names);
}

static PyObject *make_call_39(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *names)
{
	typedef PyObject *(*make_fn)(PyThreadState *, PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

	return ((make_fn)proxy.make_call)(PyThreadState_Get(), function, args,
					  (Py_ssize_t)(nargsf & ~ARGUMENTS_OFFSET), names);
}

/* Ends in a jump: nothing is left on the stack. */
static inline PyObject *call_function(PyObject *function, PyObject *const *args, size_t nargsf,
				      PyObject *names)
{
	call_fn call = find_call(function);

	return call ? call(function, args, nargsf, names) : proxy.call_other(function, args, nargsf, names);
}

/* ---- calls ---- */

/* Not a part of call_proxy(): a recursion takes the stack of that at each level. */
static __attribute__((noinline)) void tell_ghosts(struct proxy *self, PyObject *const *args, size_t nargsf,
						  PyObject *names)
{
	uint32_t hash;

	if (ms_py_key_hash_arguments(args, (Py_ssize_t)(nargsf & ~ARGUMENTS_OFFSET), names, self->typed, &hash))
		ms_py_ghosts_miss(&self->ghosts, hash);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(proxy.clock, &now);
	return (uint64_t)now.tv_sec * MS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static PyObject *call_timed(struct proxy *self, PyObject *const *args, size_t nargsf, PyObject *names,
			    uint64_t start_ns)
{
	unsigned forks = proxy.forks;
	PyObject *result;

	Py_INCREF(&self->ob_base);
	self->calls_in_progress = 1;
	self->thread = pthread_self();
	self->forks = forks;
	result = call_function(self->function, args, nargsf, names);
	if (forks == proxy.forks) {
		self->total_ns += now_ns() - start_ns;
		self->calls += self->calls_in_progress;
	}
	self->calls_in_progress = 0;
	Py_DECREF(&self->ob_base);
	return result;
}

/* Another thread may use the proxy meanwhile, or drop it. */
static void wait_for_memory(struct proxy *self)
{
	Py_INCREF(&self->ob_base);
	Py_BEGIN_ALLOW_THREADS
	memshed_brake(0);
	Py_END_ALLOW_THREADS
	Py_DECREF(&self->ob_base);
}

/* Return: the time, which is later where it waited. */
static inline uint64_t look(struct proxy *self, uint64_t time_ns)
{
	if (time_ns - proxy.looked_ns < LOOK_NS)
		return time_ns;
	proxy.looked_ns = time_ns;
	if (memshed_brake(MEMSHED_BRAKE_LOOK) <= 0)
		return time_ns;
	wait_for_memory(self);
	return now_ns();
}

static inline bool is_to_be_timed(const struct proxy *self)
{
	return !self->calls_in_progress || self->forks != proxy.forks;
}

/* Of calls that are not timed: each of another thread, as it may add much; of those in a recursion, which
 * are many and short, one in NESTED_CALLS. */
static inline bool is_to_be_looked_at(const struct proxy *self)
{
	return !pthread_equal(self->thread, pthread_self()) || ++proxy.nested_calls % NESTED_CALLS == 0;
}

static PyObject *call_proxy(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
	struct proxy *self = (struct proxy *)object;
	uint64_t start_ns;

	ms_py_host_poll();
	if (self->ghosts.wanted_buckets)
		tell_ghosts(self, args, nargsf, names);
	if (!is_to_be_timed(self) && is_to_be_looked_at(self))
		look(self, now_ns());
	if (is_to_be_timed(self)) {
		start_ns = look(self, now_ns());
		if (is_to_be_timed(self)) /* another thread was let in, perhaps */
			return call_timed(self, args, nargsf, names, start_ns);
	}
	if (pthread_equal(self->thread, pthread_self()))
		self->calls_in_progress++;
	return call_function(self->function, args, nargsf, names);
}

/* The slot that makes it callable; the interpreter uses vectorcall. */
static PyObject *call_slowly(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return PyObject_Call(((struct proxy *)self)->function, args, kwargs);
}

/* An error message of the interpreter's may name what it called. */
static PyObject *represent(PyObject *self)
{
	return PyObject_Repr(((struct proxy *)self)->function);
}

/* ---- the type ---- */

static PyObject *refuse(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	(void)type;
	(void)args;
	(void)kwargs;
	return PyErr_Format(PyExc_TypeError, "memshed: proxies are made by functools.lru_cache alone");
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
	/* In 3.8 an object of a heap type does not show its type. */
	if (ms_py_host_version() >= 0x03090000)
		Py_VISIT((PyObject *)Py_TYPE(self));
	Py_VISIT(((struct proxy *)self)->function);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	PyObject_GC_UnTrack(self);
	Py_CLEAR(((struct proxy *)self)->function);
	ms_py_ghosts_forget(&((struct proxy *)self)->ghosts);
	release(self);
	Py_DECREF((PyObject *)type);
}

static PyMemberDef members[] = {
	{"__vectorcalloffset__", T_PYSSIZET, offsetof(struct proxy, call), READONLY, NULL},
	{0},
};

static PyType_Slot slots[] = {
	{Py_tp_dealloc, (void *)dealloc},
	{Py_tp_traverse, (void *)traverse},
	{Py_tp_call, (void *)call_slowly},
	{Py_tp_repr, (void *)represent},
	{Py_tp_members, members},
	{Py_tp_new, (void *)refuse},
	{0, NULL},
};

static PyType_Spec spec = {
	.name = "memshed._memshed.Proxy",
	.basicsize = sizeof(struct proxy),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | HAVE_VECTORCALL,
	.slots = slots,
};

/* A clock of few ticks is right on average, where one of many is a system call. */
static void choose_clock(void)
{
	uint64_t fastest_ns = UINT64_MAX;

	proxy.clock = CLOCK_MONOTONIC;
	for (int i = 0; i < CLOCK_TRIALS; i++) {
		uint64_t start_ns = now_ns(), took_ns = now_ns() - start_ns;

		if (took_ns < fastest_ns)
			fastest_ns = took_ns;
	}
	if (fastest_ns > CLOCK_SLOW_NS)
		proxy.clock = CLOCK_MONOTONIC_COARSE;
}

/* Return: whether all was found that a proxy needs. @function: any written in Python. */
static bool find_symbols(PyObject *function)
{
	uint32_t version = ms_py_host_version();

	proxy.find_call = NULL;
	if (version >= 0x030b0000) {
		proxy.find_call = (call_fn(*)(PyObject *))ms_py_host_symbol("PyVectorcall_Function");
		proxy.call_other = (call_fn)ms_py_host_symbol("PyObject_Vectorcall");
		return proxy.find_call && proxy.call_other;
	}
	proxy.make_call = ms_py_host_symbol("_PyObject_MakeTpCall");
	proxy.call_other = version < 0x03090000 ? make_call_38 : make_call_39;
	return proxy.make_call && find_call(function);
}

int ms_py_proxy_init(PyObject *function)
{
	PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(&spec);

	if (!type)
		return -1;
	choose_clock();
	if (!find_symbols(function)) {
		Py_DECREF((PyObject *)type);
		return 0;
	}
	/* The member that says so is known from 3.9 on. */
	if (ms_py_host_version() < 0x03090000)
		((struct type_head *)type)->vectorcall_offset = offsetof(struct proxy, call);
	proxy.type = type;
	return 0;
}

PyObject *ms_py_proxy_new(PyObject *function, bool typed)
{
	struct proxy *self;

	if (!proxy.type || !PyCallable_Check(function)) {
		Py_INCREF(function);
		return function;
	}
	self = (struct proxy *)((allocfunc)PyType_GetSlot(proxy.type, Py_tp_alloc))(proxy.type, 0);
	if (!self)
		return NULL;
	Py_INCREF(function);
	self->function = function;
	self->typed = typed;
	self->call = call_proxy;
	return &self->ob_base;
}

static bool is_proxy(PyObject *object)
{
	return object && proxy.type && Py_TYPE(object) == proxy.type;
}

PyObject *ms_py_proxy_see_through(PyObject *object)
{
	return is_proxy(object) ? ((struct proxy *)object)->function : object;
}

bool ms_py_proxy_was_called(PyObject *object)
{
	const struct proxy *self = (const struct proxy *)object;

	return !is_proxy(object) || self->calls || self->calls_in_progress;
}

bool ms_py_proxy_cost(PyObject *object, uint64_t *ret_cost_us)
{
	const struct proxy *self = (const struct proxy *)object;

	if (!is_proxy(object) || !self->calls)
		return false;
	*ret_cost_us = (self->total_ns / self->calls + MS_NS_PER_US / 2) / MS_NS_PER_US;
	if (!*ret_cost_us)
		*ret_cost_us = 1; /* 0 would say that it is not known */
	return true;
}

struct ms_py_ghosts *ms_py_proxy_ghosts(PyObject *object)
{
	return is_proxy(object) ? &((struct proxy *)object)->ghosts : NULL;
}

void ms_py_proxy_after_fork(void)
{
	proxy.forks++;
}

void ms_py_proxy_reset(void)
{
	memset(&proxy, 0, sizeof(proxy));
}

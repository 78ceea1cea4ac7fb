/* SPDX-License-Identifier: MIT */
/*
 * cache.c - memshed.register(): a cache of the program's own.
 *
 * A Cache object is the callbacks' context. The library's pointer to it counts as a reference, given
 * back by unregister(). The callables run in the agent thread with the GIL. What they raise goes to
 * sys.unraisablehook the first time; each time the order fails or the counters stay as they were.
 */
#include "adapter.h"

#include <errno.h>
#include <string.h>

struct cache {
	PyObject ob_base;
	struct ms_py_row row; /* .cache is NULL once unregistered */
	PyObject *name;
	PyObject *clear, *shrink, *size, *entries; /* NULL where not given */
	bool reported;
};

static PyTypeObject *cache_type;

/* ---- callbacks ---- */

static void report(struct cache *self, PyObject *callable)
{
	if (!self->reported)
		PyErr_WriteUnraisable(callable);
	self->reported = true;
	PyErr_Clear();
}

/* Call @callable, with one number if @argument is not negative. NULL after an error, which is reported. */
static PyObject *call(struct cache *self, PyObject *callable, long long argument)
{
	PyObject *answer;

	/* unregister() in the middle of it drops the object's own references. */
	Py_INCREF(callable);
	answer = argument < 0 ? PyObject_CallFunctionObjArgs(callable, NULL)
			      : PyObject_CallFunction(callable, "L", argument);
	if (!answer)
		report(self, callable);
	Py_DECREF(callable);
	return answer;
}

/* A number from @callable. Return: 0; -1 after an error, which is reported, or without a callable. */
static int ask(struct cache *self, PyObject *callable, uint64_t *ret_number)
{
	PyObject *answer MS_PY_REF = callable ? call(self, callable, -1) : NULL;
	long long number;

	if (!answer)
		return -1;
	number = PyLong_AsLongLong(answer);
	if (number < 0 && PyErr_Occurred()) {
		report(self, callable);
		return -1;
	}
	*ret_number = number < 0 ? 0 : (uint64_t)number;
	return 0;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	struct cache *self = ctx;

	Py_INCREF(&self->ob_base);
	if (ask(self, self->size, &usage->bytes) == 0)
		usage->fields |= MEMSHED_USAGE_BYTES;
	if (ask(self, self->entries, &usage->entries) == 0)
		usage->fields |= MEMSHED_USAGE_ENTRIES;
	Py_DECREF(&self->ob_base);
	return 0;
}

static enum memshed_status run_clear(struct cache *self)
{
	PyObject *answer MS_PY_REF = self->clear ? call(self, self->clear, -1) : NULL;

	return answer ? MEMSHED_DONE : MEMSHED_UNSUPPORTED;
}

/* shrink(target_bytes) returns the bytes it freed, or None if it does not know. */
static enum memshed_status run_shrink(struct cache *self, uint64_t target_bytes, uint64_t *ret_freed)
{
	PyObject *answer MS_PY_REF = call(self, self->shrink, (long long)(target_bytes & INT64_MAX));
	long long freed;

	if (!answer)
		return MEMSHED_UNSUPPORTED;
	if (answer == Py_None)
		return MEMSHED_DONE;
	freed = PyLong_AsLongLong(answer);
	if (freed < 0 && PyErr_Occurred()) {
		report(self, self->shrink);
		return MEMSHED_UNSUPPORTED;
	}
	*ret_freed = freed < 0 ? 0 : (uint64_t)freed;
	if (freed <= 0)
		return MEMSHED_EMPTY;
	return *ret_freed < target_bytes ? MEMSHED_PARTIAL : MEMSHED_DONE;
}

static uint64_t fallen(uint64_t before, uint64_t after)
{
	return before > after ? before - after : 0;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	struct cache *self = ctx;
	uint64_t bytes_before = 0, bytes_after = 0, entries_before = 0, entries_after = 0;
	bool all = request->level != MEMSHED_LEVEL_TRIM || !request->target_bytes;
	enum memshed_status status;

	Py_INCREF(&self->ob_base);
	ask(self, self->size, &bytes_before);
	ask(self, self->entries, &entries_before);
	if (self->shrink && (!all || !self->clear))
		status = run_shrink(self, all ? 0 : request->target_bytes, &result->freed_bytes);
	else
		status = run_clear(self);
	if (!result->freed_bytes && ask(self, self->size, &bytes_after) == 0)
		result->freed_bytes = fallen(bytes_before, bytes_after);
	if (ask(self, self->entries, &entries_after) == 0)
		result->freed_entries = fallen(entries_before, entries_after);
	Py_DECREF(&self->ob_base);
	return status;
}

static void clear(void *ctx)
{
	struct cache *self = ctx;

	Py_INCREF(&self->ob_base);
	run_clear(self);
	Py_DECREF(&self->ob_base);
}

/* ---- the type ---- */

static void drop_callables(struct cache *self)
{
	Py_CLEAR(self->clear);
	Py_CLEAR(self->shrink);
	Py_CLEAR(self->size);
	Py_CLEAR(self->entries);
}

static void dealloc(PyObject *object)
{
	struct cache *self = (struct cache *)object;
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	drop_callables(self);
	Py_CLEAR(self->name);
	release(object);
	Py_DECREF((PyObject *)type);
}

static PyObject *unregister(PyObject *object, PyObject *unused)
{
	struct cache *self = (struct cache *)object;
	struct memshed_cache *handle = self->row.cache;

	(void)unused;
	if (!handle)
		Py_RETURN_NONE;
	self->row.cache = NULL;
	ms_py_row_unlink(&self->row);
	/* A callback in progress needs the GIL to return. */
	Py_BEGIN_ALLOW_THREADS
	memshed_unregister(handle);
	Py_END_ALLOW_THREADS
	drop_callables(self);
	Py_DECREF(object);
	Py_RETURN_NONE;
}

typedef void (*change_fn)(struct memshed_cache *, uint64_t, uint64_t);

static PyObject *change(PyObject *object, PyObject *args, const char *format, change_fn function)
{
	unsigned long long bytes, entries = 1;

	if (!PyArg_ParseTuple(args, format, &bytes, &entries))
		return NULL;
	function(((struct cache *)object)->row.cache, bytes, entries);
	Py_RETURN_NONE;
}

static PyObject *charge(PyObject *object, PyObject *args)
{
	return change(object, args, "K|K:charge", memshed_charge);
}

static PyObject *uncharge(PyObject *object, PyObject *args)
{
	return change(object, args, "K|K:uncharge", memshed_uncharge);
}

static PyObject *tally(PyObject *object, PyObject *args, const char *format,
		       void (*function)(struct memshed_cache *, uint64_t))
{
	unsigned long long n = 1;

	if (!PyArg_ParseTuple(args, format, &n))
		return NULL;
	function(((struct cache *)object)->row.cache, n);
	Py_RETURN_NONE;
}

static PyObject *hit(PyObject *object, PyObject *args)
{
	return tally(object, args, "|K:hit", memshed_hit);
}

static PyObject *miss(PyObject *object, PyObject *args)
{
	return tally(object, args, "|K:miss", memshed_miss);
}

static PyObject *evict(PyObject *object, PyObject *args)
{
	return tally(object, args, "|K:evict", memshed_evict);
}

static PyObject *get_name(PyObject *object, void *unused)
{
	(void)unused;
	Py_INCREF(((struct cache *)object)->name);
	return ((struct cache *)object)->name;
}

static PyObject *represent(PyObject *object)
{
	struct cache *self = (struct cache *)object;

	return PyUnicode_FromFormat("<memshed.Cache %R%s>", self->name,
				    self->row.cache ? "" : " (unregistered)");
}

static PyMethodDef methods[] = {
	{"unregister", unregister, METH_NOARGS,
	 "unregister()\n\nForget the cache. Waits for a callback of it that runs, unless called from one."},
	{"charge", charge, METH_VARARGS, "charge(bytes, entries=1)\n\nSay that the cache grew."},
	{"uncharge", uncharge, METH_VARARGS, "uncharge(bytes, entries=1)\n\nSay that the cache shrank."},
	{"hit", hit, METH_VARARGS, "hit(n=1)"},
	{"miss", miss, METH_VARARGS, "miss(n=1)"},
	{"evict", evict, METH_VARARGS, "evict(n=1)"},
	{0},
};

static PyGetSetDef attributes[] = {
	{"name", get_name, NULL, "The name it was registered with.", NULL},
	{0},
};

static char doc[] = "A cache made known with memshed.register().";

static PyType_Slot slots[] = {
	{Py_tp_dealloc, (void *)dealloc},
	{Py_tp_repr, (void *)represent},
	{Py_tp_methods, methods},
	{Py_tp_getset, attributes},
	{Py_tp_doc, doc},
	{0, NULL},
};

static PyType_Spec spec = {
	.name = "memshed.Cache",
	.basicsize = sizeof(struct cache),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = slots,
};

int ms_py_cache_init(PyObject *module)
{
	PyObject *type = PyType_FromSpec(&spec);

	if (!type)
		return -1;
	Py_XDECREF((PyObject *)cache_type);
	cache_type = (PyTypeObject *)type;
	Py_INCREF(type);
	return PyModule_AddObject(module, "Cache", type);
}

/* ---- registration ---- */

/* The interpreter is gone, and the object with it. */
static void abandon(struct ms_py_row *row)
{
	(void)row;
}

static PyObject *optional(PyObject *object, const char *what)
{
	if (object == Py_None)
		return NULL;
	if (!PyCallable_Check(object)) {
		PyErr_Format(PyExc_TypeError, "memshed.register: %s must be callable", what);
		return NULL;
	}
	Py_INCREF(object);
	return object;
}

static struct cache *make(PyObject *name, PyObject *const callables[4])
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(cache_type, Py_tp_alloc);
	struct cache *self = (struct cache *)allocate(cache_type, 0);

	if (!self)
		return NULL;
	Py_INCREF(name);
	self->name = name;
	self->row.abandon = abandon;
	self->clear = optional(callables[0], "clear");
	self->shrink = optional(callables[1], "shrink");
	self->size = optional(callables[2], "size");
	self->entries = optional(callables[3], "entries");
	if (!PyErr_Occurred() && !self->clear && !self->shrink)
		PyErr_SetString(PyExc_TypeError, "memshed.register: clear or shrink is needed");
	if (PyErr_Occurred()) {
		Py_DECREF(&self->ob_base);
		return NULL;
	}
	return self;
}

static enum memshed_kind find_kind(const char *name)
{
	for (int kind = MEMSHED_KIND_OTHER; kind < MEMSHED_KIND_ALLOCATOR; kind++)
		if (strcmp(memshed_kind_name((enum memshed_kind)kind), name) == 0)
			return (enum memshed_kind)kind;
	PyErr_Format(PyExc_ValueError, "memshed.register: unknown kind '%s'", name);
	return MEMSHED_KIND_ALLOCATOR;
}

static PyObject *add(struct cache *self, struct memshed_cache_options *options)
{
	struct memshed_cache *handle;
	int err;

	options->ctx = self;
	if (self->shrink)
		options->shrink = shrink;
	else
		options->clear = clear;
	if (self->size || self->entries)
		options->count = count;
	if (ms_py_host_start_is_due)
		ms_py_host_start_due();
	Py_BEGIN_ALLOW_THREADS
	err = memshed_register(options, &handle);
	Py_END_ALLOW_THREADS
	if (err < 0) {
		PyErr_Format(err == -EINVAL ? PyExc_ValueError : PyExc_OSError, "memshed.register: %s",
			     err == -EINVAL ? "empty name, or priority not within -1000 to 1000"
					    : strerror(-err));
		Py_DECREF(&self->ob_base);
		return NULL;
	}
	self->row.cache = handle;
	ms_py_row_link(&self->row);
	Py_INCREF(&self->ob_base); /* the library's */
	return &self->ob_base;
}

/* register(name, clear, shrink, size, entries, kind, priority, cost_us, flags, file, line) */
PyObject *ms_py_cache_register(PyObject *module, PyObject *args)
{
	struct memshed_cache_options options = {.size = sizeof(options)};
	PyObject *name, *callables[4], *name_bytes MS_PY_REF = NULL, *file_bytes MS_PY_REF = NULL, *file;
	const char *kind;
	unsigned long long cost_us;
	struct cache *self;

	(void)module;
	if (!PyArg_ParseTuple(args, "UOOOOsiKIOI:register", &name, &callables[0], &callables[1],
			      &callables[2], &callables[3], &kind, &options.priority, &cost_us,
			      &options.flags, &file, &options.source_line))
		return NULL;
	options.kind = find_kind(kind);
	name_bytes = ms_py_utf8(name);
	file_bytes = PyUnicode_Check(file) ? ms_py_utf8(file) : NULL;
	if (PyErr_Occurred() || !name_bytes)
		return PyErr_Occurred() ? NULL : PyErr_NoMemory();
	options.name = PyBytes_AsString(name_bytes);
	options.source_file = file_bytes ? ms_py_cut_path(PyBytes_AsString(file_bytes)) : NULL;
	options.cost_us = cost_us;
	self = make(name, callables);
	return self ? add(self, &options) : NULL;
}

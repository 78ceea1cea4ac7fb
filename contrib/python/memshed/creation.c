/* SPDX-License-Identifier: MIT */
/*
 * creation.c - every functools.lru_cache wrapper is known from its creation, with no change to the program.
 *
 * Hook. functools.lru_cache stays the function it was; in its code the one name _lru_cache_wrapper is
 * exchanged for that of make_wrapper(), which calls the class and keeps a weak reference to the result.
 * The class is given a proxy (proxy.c) of the user's function. So wrappers, their class, their attributes,
 * error messages and tracebacks are what they were.
 *
 * Pending. New wrappers wait in an array. Those that are gone are removed when it is full, so that a program that
 * makes wrappers by the million pays for each once. At the beginning of a round lru.c takes those that
 * have an entry; the others are looked at again in the next, as far as the round's time goes, and further where
 * wrappers are found to be adopted.
 */
#include "adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

enum { FIRST_ROOM = 64 };
/* Each is adopted once; what has no row is not asked when memory is short. */
#define ADOPTION_NS 5000000

static struct {
	struct ms_py_pending *list;
	size_t count, room, at;
	PyObject *module_dict; /* functools.__dict__ */
	PyObject *wrapper_type;
	bool needs_stand_in; /* wrappers have no weak references (3.8) */
} creation;

static void sweep(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < creation.count; i++) {
		if (ms_py_weak_is_dead(creation.list[i].reference))
			Py_DECREF(creation.list[i].reference);
		else
			creation.list[kept++] = creation.list[i];
	}
	creation.count = kept;
	creation.at = 0;
}

static int make_room(void)
{
	size_t room = creation.room ? creation.room : FIRST_ROOM;
	struct ms_py_pending *grown;

	if (creation.count < creation.room)
		return 0;
	sweep();
	while (creation.count > room / 2)
		room *= 2;
	if (room == creation.room)
		return 0;
	grown = realloc(creation.list, room * sizeof(*grown));
	if (!grown)
		return creation.count < creation.room ? 0 : -ENOMEM;
	creation.list = grown;
	creation.room = room;
	return 0;
}

/* Takes over @reference, which may be NULL. */
static void add_pending(PyObject *reference, PyObject *proxy)
{
	if (!reference || make_room() < 0) {
		PyErr_Clear();
		Py_XDECREF(reference);
		return;
	}
	creation.list[creation.count++] = (struct ms_py_pending){.reference = reference, .proxy = proxy};
}

/* @args as lru_cache passes them: the function, maxsize, typed, and the class of cache_info(). */
static PyObject *make_with_proxy(PyObject *type, PyObject *args)
{
	PyObject *proxy MS_PY_REF = ms_py_proxy_new(PyTuple_GetItem(args, 0), PyTuple_GetItem(args, 2) != Py_False);
	PyObject *reference MS_PY_REF = NULL, *stand_in MS_PY_REF = NULL, *changed MS_PY_REF = NULL;
	PyObject *info_class = PyTuple_GetItem(args, 3), *wrapper;

	if (creation.needs_stand_in)
		info_class = stand_in = ms_py_weak_stand_in(info_class, &reference);
	if (proxy && info_class)
		changed = PyTuple_Pack(4, proxy, PyTuple_GetItem(args, 1), PyTuple_GetItem(args, 2),
				       info_class);
	wrapper = changed ? PyObject_CallObject(type, changed) : NULL;
	if (!wrapper)
		return NULL;
	if (reference)
		ms_py_weak_bind(reference, wrapper);
	else
		reference = PyWeakref_NewRef(wrapper, NULL);
	Py_XINCREF(reference);
	add_pending(reference, proxy);
	return wrapper;
}

static PyObject *make_wrapper(PyObject *self, PyObject *args, PyObject *kwargs)
{
	/* Looked up again, as lru_cache itself would. */
	PyObject *type = PyDict_GetItemString(creation.module_dict, "_lru_cache_wrapper");

	(void)self;
	if (!type)
		return PyErr_Format(PyExc_NameError, "name '_lru_cache_wrapper' is not defined");
	if (type == creation.wrapper_type && PyTuple_Size(args) == 4 && !kwargs)
		return make_with_proxy(type, args);
	return PyObject_Call(type, args, kwargs);
}

static PyMethodDef make_wrapper_method = {"_lru_cache_wrapper", (PyCFunction)(void (*)(void))make_wrapper,
					  METH_VARARGS | METH_KEYWORDS, NULL};

/* ---- the hook ---- */

#define HOOK_NAME "_memshed_lru_cache_wrapper"

/* @names with the one name exchanged, as a new tuple; NULL with an exception. */
static PyObject *exchange_name(PyObject *names)
{
	Py_ssize_t count = PyTuple_Size(names);
	PyObject *changed = PyTuple_New(count);

	for (Py_ssize_t i = 0; changed && i < count; i++) {
		PyObject *name = PyTuple_GetItem(names, i);

		if (PyUnicode_CompareWithASCIIString(name, "_lru_cache_wrapper") == 0)
			name = PyUnicode_InternFromString(HOOK_NAME);
		else
			Py_INCREF(name);
		PyTuple_SetItem(changed, i, name);
	}
	return changed;
}

static PyObject *exchange_in_code(PyObject *code, int depth);

/* @consts with the name exchanged in the code objects among them; a new tuple, or NULL. */
static PyObject *exchange_in_consts(PyObject *consts, PyTypeObject *code_type, int depth)
{
	Py_ssize_t count = PyTuple_Size(consts);
	PyObject *changed = PyTuple_New(count);

	for (Py_ssize_t i = 0; changed && i < count; i++) {
		PyObject *item = PyTuple_GetItem(consts, i), *other = NULL;

		if (Py_TYPE(item) == code_type)
			other = exchange_in_code(item, depth + 1);
		PyErr_Clear();
		if (!other) {
			other = item;
			Py_INCREF(other);
		}
		PyTuple_SetItem(changed, i, other);
	}
	return changed;
}

/* A copy of @code with the name exchanged; NULL, perhaps with an exception. */
static PyObject *exchange_in_code(PyObject *code, int depth)
{
	PyObject *names MS_PY_REF = PyObject_GetAttrString(code, "co_names");
	PyObject *consts MS_PY_REF = PyObject_GetAttrString(code, "co_consts");
	PyObject *replace MS_PY_REF = PyObject_GetAttrString(code, "replace");
	PyObject *none MS_PY_REF = PyTuple_New(0);
	PyObject *new_names MS_PY_REF = NULL, *new_consts MS_PY_REF = NULL, *changes MS_PY_REF = NULL;

	if (!names || !consts || !replace || !none || !PyTuple_Check(names) || !PyTuple_Check(consts) ||
	    depth > 2)
		return NULL;
	new_names = exchange_name(names);
	new_consts = exchange_in_consts(consts, Py_TYPE(code), depth);
	if (!new_names || !new_consts)
		return NULL;
	changes = Py_BuildValue("{sOsO}", "co_names", new_names, "co_consts", new_consts);
	return changes ? PyObject_Call(replace, none, changes) : NULL;
}

/* Look for the wrappers that were made before, once, among all objects. In 3.8 they cannot be referred
 * to weakly, and are left out. */
static int scan(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *objects MS_PY_REF = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;

	if (!objects)
		return -1;
	for (Py_ssize_t i = 0; i < PyList_Size(objects); i++) {
		PyObject *object = PyList_GetItem(objects, i);

		if ((PyObject *)Py_TYPE(object) == creation.wrapper_type)
			add_pending(PyWeakref_NewRef(object, NULL), NULL);
	}
	return 0;
}

static int keep(PyObject *functools)
{
	Py_XDECREF(creation.wrapper_type);
	creation.wrapper_type = PyObject_GetAttrString(functools, "_lru_cache_wrapper");
	Py_XDECREF(creation.module_dict);
	creation.module_dict = PyModule_GetDict(functools);
	Py_XINCREF(creation.module_dict);
	return creation.wrapper_type && creation.module_dict ? 0 : -1;
}

int ms_py_creation_hook(PyObject *functools)
{
	PyObject *lru_cache MS_PY_REF = PyObject_GetAttrString(functools, "lru_cache");
	PyObject *code MS_PY_REF = lru_cache ? PyObject_GetAttrString(lru_cache, "__code__") : NULL;
	PyObject *maker MS_PY_REF = PyCFunction_New(&make_wrapper_method, NULL);
	PyObject *changed MS_PY_REF = NULL;

	if (!code || !maker || keep(functools) < 0 || ms_py_lru_types(functools, lru_cache) < 0)
		return -1;
	if (PyDict_GetItemString(creation.module_dict, HOOK_NAME))
		return 0;
	if (ms_py_key_init(lru_cache) < 0 || ms_py_proxy_init(lru_cache) < 0)
		return -1;
	creation.needs_stand_in = ms_py_host_version() < 0x03090000;
	if (creation.needs_stand_in && ms_py_weak_init() < 0)
		return -1;
	changed = exchange_in_code(code, 0);
	if (!changed || PyObject_SetAttrString(functools, HOOK_NAME, maker) < 0 ||
	    PyObject_SetAttrString(lru_cache, "__code__", changed) < 0)
		return -1;
	return scan();
}

/* ---- the pending ones ---- */

void ms_py_creation_adopt(void)
{
	size_t looked_at = 0, to_look_at = creation.count;
	uint64_t end_ns = ms_clock_ns() + ADOPTION_NS;
	bool adopted = false;

	while (looked_at++ < to_look_at && creation.count) {
		struct ms_py_pending pending;
		int left;

		if (creation.at >= creation.count)
			creation.at = 0;
		if (!ms_py_round_has_time() && (!adopted || ms_clock_ns() >= end_ns))
			return;
		pending = creation.list[creation.at];
		/* Taken out for the time being: a destructor that runs here may make wrappers. */
		creation.list[creation.at] = creation.list[--creation.count];
		left = ms_py_lru_consider(&pending);
		adopted = left > 0;
		if (adopted)
			continue;
		if (make_room() < 0) {
			Py_DECREF(pending.reference);
			return;
		}
		creation.list[creation.count++] = creation.list[creation.at];
		creation.list[creation.at++] = pending;
		if (left < 0)
			return;
	}
}

void ms_py_creation_reset(void)
{
	free(creation.list);
	memset(&creation, 0, sizeof(creation));
}

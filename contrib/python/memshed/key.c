/* SPDX-License-Identifier: MIT */
/*
 * key.c - one hash for the key of a wrapper's dict and for the arguments that a miss was called with.
 *
 * What functools makes of the arguments: one that is a string or an integer is the key itself; otherwise the key is a
 * tuple of the arguments, then, if there are any by name, of a mark (a plain object()), names and values in turn, and
 * of the types of all arguments if the cache is typed. Both are hashed as the sequence of these, the mark left out.
 *
 * The hash is not functools' own, and takes no code that is written in Python: a key with a part of which __hash__ is a
 * method of a Python class (dataclasses, members of an Enum) has none here, for the program would see it called once
 * more at each miss. A plain instance, as self mostly is, is hashed by its address.
 */
#include "adapter.h"

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static hashfunc python_hash; /* of classes that define __hash__ */

int ms_py_key_init(PyObject *function)
{
	PyObject *type MS_PY_REF = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){sO}", "Hashed", "__hash__",
							 function);

	if (!type)
		return -1;
	python_hash = (hashfunc)PyType_GetSlot((PyTypeObject *)type, Py_tp_hash);
	return 0;
}

static bool is_python_hash(PyTypeObject *type)
{
	return PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE && PyType_GetSlot(type, Py_tp_hash) == (void *)python_hash;
}

/* False: no hash for the whole key. */
static inline bool add(uint64_t *hash, PyObject *part)
{
	PyTypeObject *type = Py_TYPE(part);
	Py_hash_t value;

	if (type == &PyBaseObject_Type)
		return true;
	if (is_python_hash(type))
		return false;
	value = PyObject_Hash(part);
	if (value == -1) {
		PyErr_Clear();
		return false;
	}
	*hash = (*hash ^ (uint64_t)value) * MULTIPLIER;
	*hash ^= *hash >> 32;
	return true;
}

bool ms_py_key_hash(PyObject *key, uint32_t *ret_hash)
{
	uint64_t hash = MULTIPLIER;

	if (!PyTuple_CheckExact(key)) {
		if (!add(&hash, key))
			return false;
	} else {
		for (Py_ssize_t i = 0, count = PyTuple_Size(key); i < count; i++)
			if (!add(&hash, PyTuple_GetItem(key, i)))
				return false;
	}
	*ret_hash = (uint32_t)hash;
	return true;
}

bool ms_py_key_hash_arguments(PyObject *const *args, Py_ssize_t count, PyObject *names, bool typed,
			      uint32_t *ret_hash)
{
	Py_ssize_t named = names ? PyTuple_Size(names) : 0;
	uint64_t hash = MULTIPLIER;

	for (Py_ssize_t i = 0; i < count; i++)
		if (!add(&hash, args[i]))
			return false;
	for (Py_ssize_t i = 0; i < named; i++)
		if (!add(&hash, PyTuple_GetItem(names, i)) || !add(&hash, args[count + i]))
			return false;
	for (Py_ssize_t i = 0; typed && i < count + named; i++)
		if (!add(&hash, (PyObject *)Py_TYPE(args[i])))
			return false;
	*ret_hash = (uint32_t)hash;
	return true;
}

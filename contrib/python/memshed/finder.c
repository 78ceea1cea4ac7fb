/* SPDX-License-Identifier: MIT */
/*
 * finder.c - notice the import of functools, and no other.
 *
 * To import functools here would load half a dozen modules before the program's own folder is on
 * sys.path, and so hide the program's files with the same names. Instead a finder is put at the
 * head of sys.meta_path until functools is imported. It then leaves sys.meta_path, lets the others
 * find the module, and wraps its loader for the one call that runs the module's text. Both are
 * gone before functools can be used. Written in C, they show in no traceback.
 */
#include "adapter.h"

struct loader {
	PyObject ob_base;
	PyObject *real;
};

static PyTypeObject *loader_type;

static void dealloc_loader(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	Py_CLEAR(((struct loader *)self)->real);
	release(self);
	Py_DECREF((PyObject *)type);
}

/* All other attributes are the real loader's. */
static PyObject *loader_attribute(PyObject *self, PyObject *name)
{
	PyObject *own = PyObject_GenericGetAttr(self, name);

	if (own || !PyErr_ExceptionMatches(PyExc_AttributeError))
		return own;
	PyErr_Clear();
	return PyObject_GetAttr(((struct loader *)self)->real, name);
}

static PyObject *exec_module(PyObject *self, PyObject *module)
{
	PyObject *real = ((struct loader *)self)->real;
	PyObject *spec MS_PY_REF = PyObject_GetAttrString(module, "__spec__");
	PyObject *done;

	if (!spec || PyObject_SetAttrString(spec, "loader", real) < 0 ||
	    PyObject_SetAttrString(module, "__loader__", real) < 0)
		return NULL;
	done = PyObject_CallMethod(real, "exec_module", "O", module);
	if (done && ms_py_creation_hook(module) < 0)
		PyErr_Clear();
	return done;
}

static PyMethodDef loader_methods[] = {
	{"exec_module", exec_module, METH_O, NULL},
	{0},
};

static PyType_Slot loader_slots[] = {
	{Py_tp_dealloc, (void *)dealloc_loader},
	{Py_tp_getattro, (void *)loader_attribute},
	{Py_tp_methods, loader_methods},
	{0, NULL},
};

static PyType_Spec loader_spec = {
	.name = "memshed._memshed.Loader",
	.basicsize = sizeof(struct loader),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = loader_slots,
};

static PyObject *wrap_loader(PyObject *real)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(loader_type, Py_tp_alloc);
	PyObject *self = allocate(loader_type, 0);

	if (self) {
		Py_INCREF(real);
		((struct loader *)self)->real = real;
	}
	return self;
}

/* Take @self out of sys.meta_path, and ask the others in their order. */
static PyObject *ask_others(PyObject *self, PyObject *args)
{
	PyObject *path = PySys_GetObject("meta_path"), *spec = NULL;
	PyObject *removed MS_PY_REF = path ? PyObject_CallMethod(path, "remove", "O", self) : NULL;
	PyObject *others MS_PY_REF = NULL;

	if (!removed)
		PyErr_Clear();
	others = path ? PySequence_List(path) : NULL;
	for (Py_ssize_t i = 0; others && i < PyList_Size(others); i++) {
		PyObject *find MS_PY_REF = ms_py_attribute(PyList_GetItem(others, i), "find_spec");

		spec = find ? PyObject_CallObject(find, args) : NULL;
		if (spec ? spec != Py_None : PyErr_Occurred() != NULL)
			return spec;
		Py_CLEAR(spec);
	}
	if (PyErr_Occurred())
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *find_spec(PyObject *self, PyObject *args)
{
	PyObject *name = PyTuple_Size(args) ? PyTuple_GetItem(args, 0) : NULL;
	PyObject *spec, *loader MS_PY_REF = NULL, *wrapped MS_PY_REF = NULL, *exec MS_PY_REF = NULL;

	if (!name || !PyUnicode_Check(name) || PyUnicode_CompareWithASCIIString(name, "functools") != 0)
		Py_RETURN_NONE;
	spec = ask_others(self, args);
	if (!spec || spec == Py_None)
		return spec;
	loader = ms_py_attribute(spec, "loader");
	exec = loader ? ms_py_attribute(loader, "exec_module") : NULL;
	wrapped = exec ? wrap_loader(loader) : NULL;
	if (wrapped)
		PyObject_SetAttrString(spec, "loader", wrapped);
	PyErr_Clear();
	return spec;
}

static PyMethodDef finder_methods[] = {
	{"find_spec", find_spec, METH_VARARGS, NULL},
	{0},
};

static PyType_Slot finder_slots[] = {
	{Py_tp_methods, finder_methods},
	{0, NULL},
};

static PyType_Spec finder_spec = {
	.name = "memshed._memshed.Finder",
	.basicsize = sizeof(PyObject),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = finder_slots,
};

int ms_py_finder_install(void)
{
	PyObject *path = PySys_GetObject("meta_path");
	PyObject *type MS_PY_REF = PyType_FromSpec(&finder_spec);
	PyObject *finder MS_PY_REF = type ? PyObject_CallObject(type, NULL) : NULL;

	loader_type = (PyTypeObject *)PyType_FromSpec(&loader_spec);
	if (!path || !finder || !loader_type || !PyList_Check(path))
		return -1;
	return PyList_Insert(path, 0, finder);
}

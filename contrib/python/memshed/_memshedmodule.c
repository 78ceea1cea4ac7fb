/* SPDX-License-Identifier: MIT */
/*
 * _memshedmodule.c - the extension module: what Python calls, and the order in which things begin.
 *
 * It serves the main interpreter alone: sub-interpreters are refused at import. Where an embedding program
 * finalizes the interpreter and initializes it again, what is left of the first is dropped.
 */
#include "adapter.h"

#include <errno.h>
#include <string.h>

static PyObject *modules; /* borrowed: sys.modules of the interpreter that is served; compared, never used */

PyObject *ms_py_utf8(PyObject *text)
{
	PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");

	if (!bytes)
		PyErr_Clear();
	return bytes;
}

PyObject *ms_py_attribute(PyObject *object, const char *name)
{
	PyObject *attribute = PyObject_GetAttrString(object, name);

	if (!attribute)
		PyErr_Clear();
	return attribute;
}

PyObject *ms_py_imported(const char *name)
{
	return PyDict_GetItemString(PyImport_GetModuleDict(), name);
}

const char *ms_py_cut_path(const char *path)
{
	enum { ROOM = MEMSHED_SOURCE_BYTES - 12 }; /* ":" and a line number */
	size_t length = strlen(path);

	if (length <= ROOM)
		return path;
	path += length - ROOM;
	while (((unsigned char)*path & 0xc0) == 0x80)
		path++;
	return path;
}

static int watch_functools(void)
{
	PyObject *functools = ms_py_imported("functools");

	return functools ? ms_py_creation_hook(functools) : ms_py_finder_install();
}

static PyObject *start(PyObject *module, PyObject *unused)
{
	static bool watching;
	int err;

	(void)module;
	(void)unused;
	if (!ms_py_host_is_started())
		watching = false;
	if (!watching && watch_functools() < 0)
		PyErr_Clear();
	watching = true;
	err = ms_py_host_start();
	if (err < 0 && err != -EALREADY)
		return PyErr_Format(PyExc_OSError, "memshed: cannot start the agent: %s", strerror(-err));
	ms_py_builtin_adopt();
	Py_RETURN_NONE;
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	ms_py_host_stop();
	Py_RETURN_NONE;
}

static int exec_module(PyObject *module)
{
	if (!ms_py_host_is_main_interpreter()) {
		PyErr_SetString(PyExc_ImportError, "memshed serves the main interpreter alone");
		return -1;
	}
	if (modules && modules != PyImport_GetModuleDict()) {
		ms_py_row_reset();
		ms_py_creation_reset();
		ms_py_lru_reset();
		ms_py_proxy_reset();
		ms_py_host_reset();
	}
	modules = PyImport_GetModuleDict();
	if (ms_py_size_init() < 0 || ms_py_cache_init(module) < 0)
		return -1;
	return PyModule_AddStringConstant(module, "version", memshed_version());
}

static PyMethodDef methods[] = {
	{"start", start, METH_NOARGS, "Start the agent and find every lru_cache; harmless when it runs."},
	{"stop", stop, METH_NOARGS, "Stop the agent."},
	{"register", ms_py_cache_register, METH_VARARGS, NULL},
	{0},
};

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, (void *)exec_module},
	{0, NULL},
};

static PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "memshed._memshed",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__memshed(void);
PyMODINIT_FUNC PyInit__memshed(void)
{
	return PyModuleDef_Init(&definition);
}

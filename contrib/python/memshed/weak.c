/* SPDX-License-Identifier: MIT */
/*
 * weak.c - weak references, also to objects that cannot have any: the wrappers of CPython 3.8.
 *
 * A wrapper keeps the class that its cache_info() answers with. In 3.8 it is given a stand-in instead,
 * which answers for the class. Nothing else holds the stand-in: when the wrapper drops it, it empties the
 * reference that the adapter keeps. The wrapper's memory is there until then; its deallocation may have
 * begun, which shows in a reference count of 0 or in a collection that is going on (gc.callbacks).
 */
#include "adapter.h"

struct reference {
	PyObject ob_base;
	PyObject *target; /* borrowed; NULL when it is gone */
};

struct stand_in {
	PyObject ob_base;
	PyObject *reference;
	PyObject *answers; /* the class it stands for */
};

static PyTypeObject *reference_type, *stand_in_type;
static bool collecting;

static void dealloc_reference(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF((PyObject *)type);
}

static void dealloc_stand_in(PyObject *object)
{
	struct stand_in *self = (struct stand_in *)object;
	PyTypeObject *type = Py_TYPE(object);

	if (self->reference)
		((struct reference *)self->reference)->target = NULL;
	Py_CLEAR(self->reference);
	Py_CLEAR(self->answers);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF((PyObject *)type);
}

static PyObject *call_stand_in(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return PyObject_Call(((struct stand_in *)self)->answers, args, kwargs);
}

static PyType_Slot reference_slots[] = {
	{Py_tp_dealloc, (void *)dealloc_reference},
	{0, NULL},
};

static PyType_Spec reference_spec = {
	.name = "memshed._memshed.Reference",
	.basicsize = sizeof(struct reference),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = reference_slots,
};

static PyType_Slot stand_in_slots[] = {
	{Py_tp_dealloc, (void *)dealloc_stand_in},
	{Py_tp_call, (void *)call_stand_in},
	{0, NULL},
};

static PyType_Spec stand_in_spec = {
	.name = "memshed._memshed.StandIn",
	.basicsize = sizeof(struct stand_in),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = stand_in_slots,
};

static PyObject *watch_collection(PyObject *self, PyObject *args)
{
	PyObject *phase = PyTuple_Size(args) ? PyTuple_GetItem(args, 0) : NULL;

	(void)self;
	collecting = phase && PyUnicode_Check(phase) && PyUnicode_CompareWithASCIIString(phase, "start") == 0;
	Py_RETURN_NONE;
}

static PyMethodDef watch_method = {"_memshed_watch", watch_collection, METH_VARARGS, NULL};

int ms_py_weak_init(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *callbacks MS_PY_REF = gc ? PyObject_GetAttrString(gc, "callbacks") : NULL;
	PyObject *watch MS_PY_REF = PyCFunction_New(&watch_method, NULL);

	collecting = false;
	reference_type = (PyTypeObject *)PyType_FromSpec(&reference_spec);
	stand_in_type = (PyTypeObject *)PyType_FromSpec(&stand_in_spec);
	if (!callbacks || !watch || !reference_type || !stand_in_type)
		return -1;
	return PyList_Append(callbacks, watch);
}

static PyObject *allocate(PyTypeObject *type)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

PyObject *ms_py_weak_stand_in(PyObject *answers, PyObject **ret_reference)
{
	PyObject *reference = allocate(reference_type);
	struct stand_in *stand_in = reference ? (struct stand_in *)allocate(stand_in_type) : NULL;

	if (!stand_in) {
		Py_XDECREF(reference);
		return NULL;
	}
	Py_INCREF(answers);
	stand_in->answers = answers;
	Py_INCREF(reference);
	stand_in->reference = reference;
	*ret_reference = reference;
	return &stand_in->ob_base;
}

void ms_py_weak_bind(PyObject *reference, PyObject *target)
{
	((struct reference *)reference)->target = target;
}

static bool is_bound(PyObject *reference)
{
	return Py_TYPE(reference) == reference_type;
}

static int get_bound(PyObject *reference, PyObject **ret_target)
{
	PyObject *target = ((struct reference *)reference)->target;

	*ret_target = NULL;
	if (!target || Py_REFCNT(target) == 0)
		return target ? -1 : 0;
	if (collecting)
		return -1;
	*ret_target = target;
	return 1;
}

int ms_py_weak_get(PyObject *reference, PyObject **ret_object)
{
	PyObject *object;
	int there = 1;

	if (is_bound(reference))
		there = get_bound(reference, &object);
	else
		object = PyWeakref_GetObject(reference);
	if (there <= 0)
		return there;
	if (!object || object == Py_None) {
		PyErr_Clear();
		return 0;
	}
	Py_INCREF(object);
	*ret_object = object;
	return 1;
}

bool ms_py_weak_is_dead(PyObject *reference)
{
	PyObject *object;

	if (is_bound(reference))
		return get_bound(reference, &object) == 0;
	return PyWeakref_GetObject(reference) == Py_None;
}

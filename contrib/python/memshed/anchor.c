/* SPDX-License-Identifier: MIT */
/*
 * anchor.c - weak references to objects that cannot have any: the wrappers of CPython 3.8.
 *
 * A wrapper keeps the class that its cache_info() answers with. In 3.8 it is handed an anchor in its
 * place, which answers for the class and is held by nobody else: when the wrapper lets go of it, it
 * empties the reference that we keep. The wrapper's memory is there until then; it may be on its way
 * out already, which shows in a reference count of 0 or in a collection going on (gc.callbacks).
 */
#include "adapter.h"

struct reference {
	PyObject ob_base;
	PyObject *target; /* borrowed; NULL when it is gone */
};

struct anchor {
	PyObject ob_base;
	PyObject *reference;
	PyObject *answers; /* the class it stands for */
};

static PyTypeObject *reference_type, *anchor_type;
static bool collecting;

static void dealloc_reference(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF((PyObject *)type);
}

static void dealloc_anchor(PyObject *object)
{
	struct anchor *self = (struct anchor *)object;
	PyTypeObject *type = Py_TYPE(object);

	if (self->reference)
		((struct reference *)self->reference)->target = NULL;
	Py_CLEAR(self->reference);
	Py_CLEAR(self->answers);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
	Py_DECREF((PyObject *)type);
}

static PyObject *call_anchor(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return PyObject_Call(((struct anchor *)self)->answers, args, kwargs);
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

static PyType_Slot anchor_slots[] = {
	{Py_tp_dealloc, (void *)dealloc_anchor},
	{Py_tp_call, (void *)call_anchor},
	{0, NULL},
};

static PyType_Spec anchor_spec = {
	.name = "memshed._memshed.Anchor",
	.basicsize = sizeof(struct anchor),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = anchor_slots,
};

static PyObject *watch_collection(PyObject *self, PyObject *args)
{
	PyObject *phase = PyTuple_Size(args) ? PyTuple_GetItem(args, 0) : NULL;

	(void)self;
	collecting = phase && PyUnicode_Check(phase) && PyUnicode_CompareWithASCIIString(phase, "start") == 0;
	Py_RETURN_NONE;
}

static PyMethodDef watch_method = {"_memshed_watch", watch_collection, METH_VARARGS, NULL};

int ms_py_anchor_init(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *callbacks MS_PY_REF = gc ? PyObject_GetAttrString(gc, "callbacks") : NULL;
	PyObject *watch MS_PY_REF = PyCFunction_New(&watch_method, NULL);

	collecting = false;
	reference_type = (PyTypeObject *)PyType_FromSpec(&reference_spec);
	anchor_type = (PyTypeObject *)PyType_FromSpec(&anchor_spec);
	if (!callbacks || !watch || !reference_type || !anchor_type)
		return -1;
	return PyList_Append(callbacks, watch);
}

static PyObject *allocate(PyTypeObject *type)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

PyObject *ms_py_anchor_new(PyObject *answers, PyObject **ret_reference)
{
	PyObject *reference = allocate(reference_type);
	struct anchor *anchor = reference ? (struct anchor *)allocate(anchor_type) : NULL;

	if (!anchor) {
		Py_XDECREF(reference);
		return NULL;
	}
	Py_INCREF(answers);
	anchor->answers = answers;
	Py_INCREF(reference);
	anchor->reference = reference;
	*ret_reference = reference;
	return &anchor->ob_base;
}

void ms_py_anchor_bind(PyObject *reference, PyObject *target)
{
	((struct reference *)reference)->target = target;
}

static bool is_anchored(PyObject *reference)
{
	return Py_TYPE(reference) == reference_type;
}

static int get_anchored(PyObject *reference, PyObject **ret_target)
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

	if (is_anchored(reference))
		there = get_anchored(reference, &object);
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

	if (is_anchored(reference))
		return get_anchored(reference, &object) == 0;
	return PyWeakref_GetObject(reference) == Py_None;
}

/* SPDX-License-Identifier: MIT */
/*
 * size.c - about how many bytes would come back if an entry were dropped.
 *
 * Each entry is walked as a graph of its own, breadth first, at most NODES objects; of a larger one the
 * part that was not entered is taken to be as large as the part that was, level for level. For every object
 * found the references to it from within the graph are counted; the share of its reference count that
 * they make up is the share of the object that belongs to the entry. So what the program (or another
 * entry) holds as well is counted in part or, like small integers and interned names, not at all, and
 * a tree with pointers from children back to parents is counted whole. Shares are inherited: what an
 * object refers to belongs to the entry at most as much as the object does.
 *
 * Of a container with more than WIDE items an even sample is taken and scaled. Modules, types,
 * functions, code and frames are never entered. No method written in Python is called: a __sizeof__
 * that is not C is passed over for object's. Objects of the walk are held by strong references, for
 * even C code may start a collection.
 */
#include "adapter.h"

#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

enum {
	NODES = 16384,
	SLOTS = 65536, /* a power of two, several times NODES */
	WIDE = 64,
	SAMPLE = 48,        /* entries of a cache that are walked */
	LINKS_MAX = 200000, /* objects looked at to find a bounded cache's entries */
	SLICE_NS = 3000000,
	EARLIER_WEIGHT = 8, /* what an earlier sample counts for, in entries */
	GC_HEADER_BYTES = 16,
	ALIGNMENT = 16,
};

/* A count this high marks an object that is never freed (3.12 and later; the bits above the mask are
 * flags there). */
#define COUNT_MASK     UINT64_C(0xffffffffffff)
#define COUNT_IMMORTAL (UINT64_C(1) << 30)

struct node {
	PyObject *object;
	double scale; /* how many objects like this one it stands for */
	double edges; /* references seen, scaled likewise */
	double share; /* 0 to 1: of it, this is the entry's */
	unsigned parent;
};

static struct {
	struct node nodes[NODES];
	uint16_t slots[SLOTS]; /* index into nodes, plus one */
	unsigned count;
	unsigned parent;
	unsigned containers, entered; /* of the nodes: that may hold others; of these, looked into */
	double scale;                 /* of the objects being pushed */
	bool full;
	bool busy; /* a destructor may begin another walk within one: it gets 0 */
} walk;

static struct {
	PyObject *sizeof_name;
	PyObject *object_sizeof;
	PyObject *method_descriptor; /* the type of object_sizeof */
	PyObject *get_referents;
	PyObject *opaque[8]; /* types that are not entered */
	unsigned opaque_count;
	bool reads_slots; /* tp_traverse of static types can be had (3.10) */
} size;

static void add_opaque(PyObject *object)
{
	if (object && size.opaque_count < sizeof(size.opaque) / sizeof(size.opaque[0])) {
		Py_INCREF((PyObject *)Py_TYPE(object));
		size.opaque[size.opaque_count++] = (PyObject *)Py_TYPE(object);
	}
}

/* The types of things that belong to the program's text, not to its data. */
static void find_opaque(PyObject *gc)
{
	PyObject *len = PyDict_GetItemString(PyEval_GetBuiltins(), "len");
	PyObject *os = ms_py_imported("os"); /* getenv: a function written in Python, as good as any */
	PyObject *getenv MS_PY_REF = os ? ms_py_attribute(os, "getenv") : NULL;
	PyObject *code MS_PY_REF = getenv ? ms_py_attribute(getenv, "__code__") : NULL;

	size.opaque_count = 0;
	add_opaque(gc);
	add_opaque(len);
	add_opaque(getenv);
	add_opaque(code);
	add_opaque((PyObject *)PyEval_GetFrame());
	add_opaque(size.object_sizeof);
}

int ms_py_size_init(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");

	size.sizeof_name = PyUnicode_InternFromString("__sizeof__");
	size.object_sizeof = PyObject_GetAttrString((PyObject *)&PyBaseObject_Type, "__sizeof__");
	size.get_referents = gc ? PyObject_GetAttrString(gc, "get_referents") : NULL;
	if (!size.sizeof_name || !size.object_sizeof || !size.get_referents)
		return -1;
	size.method_descriptor = (PyObject *)Py_TYPE(size.object_sizeof);
	size.reads_slots = ms_py_host_version() >= 0x030a0000;
	find_opaque(gc);
	return 0;
}

/* ---- one object ---- */

double ms_py_size_shallow(PyObject *object)
{
	PyObject *method MS_PY_REF = PyObject_GetAttr((PyObject *)Py_TYPE(object), size.sizeof_name);
	PyObject *answer MS_PY_REF = NULL;
	Py_ssize_t bytes = -1;

	if (method && (PyObject *)Py_TYPE(method) == size.method_descriptor)
		answer = PyObject_CallFunctionObjArgs(method, object, NULL);
	else
		answer = PyObject_CallFunctionObjArgs(size.object_sizeof, object, NULL);
	if (answer)
		bytes = PyLong_AsSsize_t(answer);
	PyErr_Clear();
	if (bytes < 0)
		return 0;
	if (PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_HAVE_GC)
		bytes += GC_HEADER_BYTES;
	return (double)((bytes + ALIGNMENT - 1) & ~(Py_ssize_t)(ALIGNMENT - 1));
}

static bool is_opaque(PyObject *object)
{
	if (PyType_Check(object) || PyModule_Check(object))
		return true;
	for (unsigned i = 0; i < size.opaque_count; i++)
		if ((PyObject *)Py_TYPE(object) == size.opaque[i])
			return true;
	return false;
}

/* ---- the graph ---- */

static unsigned slot_of(PyObject *object)
{
	uint64_t hash = (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);
	unsigned slot = (unsigned)(hash >> 40) & (SLOTS - 1);

	while (walk.slots[slot] && walk.nodes[walk.slots[slot] - 1].object != object)
		slot = (slot + 1) & (SLOTS - 1);
	return slot;
}

static void push(PyObject *object, double edges)
{
	unsigned slot;

	if (!object || object == Py_None)
		return;
	object = ms_py_proxy_see_through(object);
	if (is_opaque(object))
		return;
	slot = slot_of(object);
	if (walk.slots[slot]) {
		walk.nodes[walk.slots[slot] - 1].edges += edges;
		return;
	}
	if (walk.count == NODES) {
		walk.full = true;
		return;
	}
	Py_INCREF(object);
	walk.nodes[walk.count] =
		(struct node){.object = object, .scale = walk.scale, .edges = edges, .parent = walk.parent};
	walk.slots[slot] = (uint16_t)++walk.count;
	walk.containers += (PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_HAVE_GC) != 0;
}

static int visit(PyObject *object, void *unused)
{
	(void)unused;
	push(object, walk.scale);
	return walk.full;
}

static void push_wide(PyObject *object, Py_ssize_t length, PyObject *(*item)(PyObject *, Py_ssize_t))
{
	Py_ssize_t taken = length > WIDE ? WIDE : length;
	double scale = walk.scale;

	if (length > WIDE)
		walk.scale *= (double)length / WIDE;
	for (Py_ssize_t i = 0; i < taken && !walk.full; i++)
		push(item(object, length > WIDE ? (Py_ssize_t)((double)i * (double)length / WIDE) : i),
		     walk.scale);
	walk.scale = scale;
}

/* One of @count positions spread over a dict's entries, @at being after the one before. A position is an
 * index into the table; where entries went, they mostly went from its beginning, up to @first. */
static Py_ssize_t spread_at(Py_ssize_t at, Py_ssize_t first, Py_ssize_t i, Py_ssize_t length,
			    Py_ssize_t count)
{
	Py_ssize_t position = first + (Py_ssize_t)((double)i * (double)length / (double)count);

	return length > count && position > at ? position : at;
}

/* The first position that holds an entry. */
static Py_ssize_t first_of(PyObject *dict)
{
	Py_ssize_t at = 0;
	PyObject *key;

	return PyDict_Next(dict, &at, &key, NULL) ? at - 1 : 0;
}

static void push_dict(PyObject *dict)
{
	Py_ssize_t length = PyDict_Size(dict), first = first_of(dict), at = first;
	double scale = walk.scale;
	PyObject *key, *value;

	if (length > WIDE)
		walk.scale *= (double)length / WIDE;
	for (Py_ssize_t i = 0; i < WIDE && !walk.full; i++) {
		at = spread_at(at, first, i, length, WIDE);
		if (!PyDict_Next(dict, &at, &key, &value))
			break;
		push(key, walk.scale);
		push(value, walk.scale);
	}
	walk.scale = scale;
}

static void push_referents(PyObject *object)
{
	PyObject *list MS_PY_REF = PyObject_CallFunctionObjArgs(size.get_referents, object, NULL);

	if (list)
		push_wide(list, PyList_Size(list), PyList_GetItem);
	PyErr_Clear();
}

/* @object's own traverse function, or NULL where the limited API does not give it. */
static traverseproc traverse_of(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);
	unsigned long flags = PyType_GetFlags(type);

	if (!size.reads_slots && !(flags & Py_TPFLAGS_HEAPTYPE))
		return NULL;
	return (traverseproc)PyType_GetSlot(type, Py_tp_traverse);
}

static void push_children(PyObject *object)
{
	traverseproc traverse;

	if (!(PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_HAVE_GC))
		return;
	walk.entered++;
	if (PyList_CheckExact(object)) {
		push_wide(object, PyList_Size(object), PyList_GetItem);
	} else if (PyTuple_CheckExact(object)) {
		push_wide(object, PyTuple_Size(object), PyTuple_GetItem);
	} else if (PyDict_CheckExact(object)) {
		push_dict(object);
	} else {
		traverse = traverse_of(object);
		if (traverse)
			traverse(object, visit, NULL);
		else
			push_referents(object);
	}
}

/* The part of @node's references that were seen; the walk's own reference is left out. */
static double share_of(const struct node *node)
{
	uint64_t count = (uint64_t)Py_REFCNT(node->object) & COUNT_MASK;
	double held = (double)(count - 1) * node->scale;

	if (count >= COUNT_IMMORTAL)
		return 0;
	return held > node->edges ? node->edges / held : 1;
}

static double add_up(void)
{
	double total = 0;

	for (unsigned i = 0; i < walk.count; i++) {
		struct node *node = &walk.nodes[i];

		node->share = share_of(node);
		if (node->parent < i && walk.nodes[node->parent].share < 1)
			node->share *= walk.nodes[node->parent].share;
		if (node->share > 0.001)
			total += node->share * node->scale * ms_py_size_shallow(node->object);
	}
	return walk.full && walk.entered ? total * walk.containers / walk.entered : total;
}

/* Where a last reference is dropped any code may run, also code that begins another walk. */
static void finish(void)
{
	if (walk.count * 8 > SLOTS)
		memset(walk.slots, 0, sizeof(walk.slots));
	else
		for (unsigned i = walk.count; i > 0;
		     i--) /* last in, first out: each is found where it was put */
			walk.slots[slot_of(walk.nodes[i - 1].object)] = 0;
	while (walk.count)
		Py_DECREF(walk.nodes[--walk.count].object);
	walk.busy = false;
}

double ms_py_size_entry(const struct ms_py_entry *entry)
{
	double total;

	if (walk.busy)
		return 0;
	walk.busy = true;
	walk.full = false;
	walk.containers = walk.entered = 0;
	walk.scale = 1;
	walk.parent = NODES;
	for (unsigned i = 0; i < MS_PY_SIZE_ROOTS; i++)
		push(entry->roots[i], entry->edges[i]);
	for (unsigned i = 0; i < walk.count && !walk.full; i++) {
		walk.parent = i;
		walk.scale = walk.nodes[i].scale;
		push_children(walk.nodes[i].object);
	}
	total = add_up();
	finish();
	return total;
}

/* ---- samples ---- */

void ms_py_sample_restart(struct ms_py_sample *sample)
{
	double average = ms_py_sample_average(sample);

	sample->weight = sample->weight > EARLIER_WEIGHT ? EARLIER_WEIGHT : sample->weight;
	sample->total_bytes = average * sample->weight;
	sample->done = 0;
}

bool ms_py_sample_is_complete(const struct ms_py_sample *sample, Py_ssize_t entries)
{
	return sample->done >= SAMPLE || sample->done >= (size_t)entries;
}

double ms_py_sample_average(const struct ms_py_sample *sample)
{
	return sample->weight > 0 ? sample->total_bytes / sample->weight : 0;
}

/* An order of entries of which every first part is spread evenly: time may run out anywhere. */
static unsigned spread(unsigned i, unsigned count)
{
	return (unsigned)((i * UINT64_C(0x9e3779b1) & UINT32_MAX) * count >> 32);
}

/* At least one entry, so that every slice makes progress. */
static void go_on(struct ms_py_sample *sample, const struct ms_py_entry *entries, unsigned count)
{
	uint64_t end_ns = ms_clock_ns() + SLICE_NS;

	if (!count)
		sample->done = SAMPLE;
	while (sample->done < count) {
		unsigned which = count == SAMPLE ? spread(sample->done, count) : sample->done;

		sample->total_bytes += ms_py_size_entry(&entries[which]);
		sample->weight++;
		sample->done++;
		if (ms_clock_ns() >= end_ns)
			break;
	}
}

static void drop(struct ms_py_entry *entries, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < MS_PY_SIZE_ROOTS; j++)
			Py_XDECREF(entries[i].roots[j]);
}

void ms_py_sample_dict(struct ms_py_sample *sample, PyObject *dict)
{
	struct ms_py_entry entries[SAMPLE] = {0};
	Py_ssize_t length = PyDict_Size(dict), first = first_of(dict), at = first;
	PyObject *key, *value;
	unsigned count = 0;

	while (count < SAMPLE) {
		at = spread_at(at, first, count, length, SAMPLE);
		if (!PyDict_Next(dict, &at, &key, &value))
			break;
		Py_INCREF(key);
		Py_INCREF(value);
		/* Two: the cache's, and the one taken here. */
		entries[count++] = (struct ms_py_entry){.roots = {key, value}, .edges = {2, 2}};
	}
	go_on(sample, entries, count);
	drop(entries, count);
}

/* Picks entries out of what a bounded wrapper shows: a key and a result for each, oldest first. */
struct picker {
	struct ms_py_entry entries[SAMPLE];
	PyObject *wrapper_type, *link_type; /* borrowed */
	Py_ssize_t seen, stride, limit;
	unsigned count;
};

/* A bounded cache's links show their type beside each key and result (3.10). */
static bool is_link_type(struct picker *picker, PyObject *object)
{
	PyObject *name MS_PY_REF = NULL;

	if (picker->link_type || !PyType_Check(object))
		return object == picker->link_type;
	name = ms_py_attribute(object, "__name__");
	if (name && PyUnicode_CompareWithASCIIString(name, "_lru_list_elem") == 0)
		picker->link_type = object;
	return object == picker->link_type;
}

static int pick(PyObject *object, void *arg)
{
	struct picker *picker = arg;
	Py_ssize_t entry = picker->seen / 2;
	unsigned which = (unsigned)(picker->seen % 2);

	if (object == picker->wrapper_type || is_link_type(picker, object))
		return 0;
	if (picker->seen++ >= picker->limit)
		return 1;
	if (entry % picker->stride || picker->count >= SAMPLE)
		return 0;
	Py_INCREF(object);
	picker->entries[picker->count].roots[which] = object;
	/* The key is held by the link and by the dict, and both by this reference. */
	picker->entries[picker->count].edges[which] = which ? 2 : 3;
	picker->count += which;
	return 0;
}

void ms_py_sample_links(struct ms_py_sample *sample, PyObject *wrapper, Py_ssize_t entries)
{
	struct picker picker = {.wrapper_type = (PyObject *)Py_TYPE(wrapper)};
	traverseproc traverse = traverse_of(wrapper);
	PyObject *list MS_PY_REF = NULL;

	picker.limit = entries * 2 < LINKS_MAX ? entries * 2 : LINKS_MAX;
	picker.stride = picker.limit / 2 > SAMPLE ? (picker.limit / 2 + SAMPLE - 1) / SAMPLE : 1;
	if (traverse) {
		traverse(wrapper, pick, &picker);
	} else {
		list = PyObject_CallFunctionObjArgs(size.get_referents, wrapper, NULL);
		for (Py_ssize_t i = 0; list && i < PyList_Size(list); i++)
			if (pick(PyList_GetItem(list, i), &picker))
				break;
		/* The list holds what it shows. */
		for (unsigned i = 0; i < picker.count; i++)
			for (unsigned j = 0; j < MS_PY_SIZE_ROOTS; j++)
				picker.entries[i].edges[j]++;
	}
	PyErr_Clear();
	go_on(sample, picker.entries, picker.count);
	drop(picker.entries, SAMPLE);
}

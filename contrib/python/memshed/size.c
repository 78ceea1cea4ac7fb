/* SPDX-License-Identifier: MIT */
/*
 * size.c - about how many bytes would come back if an entry were dropped.
 *
 * Each entry is walked as a graph of its own, breadth first. Ownership flows along references: of what an
 * object is held by, the share that belongs to the entry is the sum of the shares of the objects that refer to it, over
 * its reference count; the cache's own references are the entry's. So what the program, or another entry, holds as
 * well is counted in part, or like small integers and interned names not at all; a tree with pointers from children
 * back to parents is counted whole; and of a parent that all entries have in common each has its part, as of
 * the other entries that are reached through it.
 *
 * Of a container with more than WIDE items an even sample is taken and scaled; of a graph of more than NODES / 2
 * objects, from there on one container in THIN is entered, and stands for the others, then one in THIN * THIN. Modules and their
 * namespaces are never entered, classes and code where they are cached themselves, of functions what they close
 * over. No method written in Python is called: a __sizeof__ that is not C is passed over for object's. Objects
 * of the walk are held by strong references, for even C code may start a collection.
 *
 * Where __sizeof__ leaves out what belongs to an object: attributes that are not in a dict (3.11 and later), the
 * header before the object, the memory that an array of numpy's only looks at, and the objects in it.
 */
#include "adapter.h"

#include <stdlib.h>
#include <string.h>

enum {
	NODES = 16384,
	SLOTS = 65536, /* a power of two, several times NODES */
	EDGES = 65536,
	WIDE = 64,
	THIN = 2,
	FLOWS_MOST = 16, /* passes; each halves the error, as a rule */
	FOREIGN = 8,     /* less than one part in so many of it is the entry's, so far */
	FOREIGN_NODES = 2048,
	HUB_ENTRIES = 16,
	HUB_MORE = 8,    /* an eighth, or so many references, beside those of the entries */
	HUB_LOOKED_AT = 65536,
	GC_HEADER_BYTES = 16,
	DICT_HEADER_BYTES = 16, /* before the object, where the dict is managed by the interpreter */
	ALIGNMENT = 16,
};
#define FLOW_CHANGE 0.01

/* Of a type's flags; not in the limited API of 3.8. */
enum { MANAGED_WEAKREF = 1 << 3, MANAGED_DICT = 1 << 4, CONTAINER_OR_STRING = 0xfe << 24 & ~(1 << 30) };

/* A count this high marks an object that is never freed (3.12 and later; the bits above the mask are
 * flags there). */
#define COUNT_MASK     UINT64_C(0xffffffffffff)
#define COUNT_IMMORTAL (UINT64_C(1) << 30)

struct node {
	PyObject *object;
	float scale;      /* how many objects like this one it stands for */
	float root_edges; /* the cache's own references to it */
	uint32_t taken;   /* references to it that the caller took */
	float edges;      /* references seen so far */
	bool attributes;  /* the dict of an instance: its keys are the class's */
	bool outside;     /* held by the program as well as by all entries: it stays */
	float edges_scale; /* of the references from it, each */
	float share;      /* 0 to 1: of it, this is the entry's */
	float from_earlier, from_later, from_later_next; /* what flows in, from nodes before it and after it */
	uint32_t first_edge; /* of those from it; the next node's is the end */
	uint32_t more_bytes; /* that __sizeof__ leaves out */
};

static struct {
	struct node nodes[NODES + 1];
	uint16_t slots[SLOTS]; /* index into nodes, plus one */
	uint16_t edges[EDGES]; /* index of the node that is referred to */
	unsigned count, edge_count;
	float edge_scales[EDGES];
	float scale;      /* of the references being pushed */
	double entries;   /* of the cache */
	unsigned visited; /* references that the object being entered has */
	bool attributes;  /* plain dicts that are pushed are an instance's attributes */
	bool full;
	bool busy; /* a destructor may begin another walk within one: it gets 0 */
} walk;

static struct {
	PyObject *sizeof_name, *namespace_names[2];
	PyObject *object_sizeof;
	PyObject *method_descriptor; /* the type of object_sizeof */
	PyObject *get_referents;
	PyObject *function_type, *code_type, *capsule_type, *text_io_type;
	PyObject *array_type, *array_base, *array_bytes, *array_item, *array_dtype; /* numpy's, once it is imported */
	bool reads_slots; /* tp_traverse of static types can be had (3.10) */
	bool inline_values; /* attributes of instances may stand outside of a dict (3.11) */
	unsigned values_header_bytes;
	double text_bytes; /* of a character that is written to a StringIO */
} size;

static PyObject *type_of(PyObject *object)
{
	PyObject *type = (PyObject *)(object ? Py_TYPE(object) : NULL);

	Py_XINCREF(type);
	return type;
}

static void find_types(void)
{
	PyObject *os = ms_py_imported("os"); /* getenv: a function written in Python, as good as any */
	PyObject *io = ms_py_imported("io");
	PyObject *getenv MS_PY_REF = os ? ms_py_attribute(os, "getenv") : NULL;
	PyObject *code MS_PY_REF = getenv ? ms_py_attribute(getenv, "__code__") : NULL;
	PyObject *capsule MS_PY_REF = PyCapsule_New(&size, NULL, NULL);

	size.function_type = type_of(getenv);
	size.code_type = type_of(code);
	size.capsule_type = type_of(capsule);
	size.text_io_type = io ? ms_py_attribute(io, "StringIO") : NULL;
}

int ms_py_size_init(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	uint32_t version = ms_py_host_version();

	size.array_type = NULL;
	size.sizeof_name = PyUnicode_InternFromString("__sizeof__");
	size.namespace_names[0] = PyUnicode_InternFromString("__builtins__");
	size.namespace_names[1] = PyUnicode_InternFromString("__spec__");
	size.object_sizeof = PyObject_GetAttrString((PyObject *)&PyBaseObject_Type, "__sizeof__");
	size.get_referents = gc ? PyObject_GetAttrString(gc, "get_referents") : NULL;
	if (!size.sizeof_name || !size.namespace_names[0] || !size.namespace_names[1] || !size.object_sizeof ||
	    !size.get_referents)
		return -1;
	size.method_descriptor = (PyObject *)Py_TYPE(size.object_sizeof);
	size.reads_slots = version >= 0x030a0000;
	size.inline_values = version >= 0x030b0000;
	/* As it grows by an eighth; from 3.12 on in a string, of one byte for the most part. */
	size.text_bytes = (version >= 0x030c0000 ? 1 : sizeof(Py_UCS4)) * 9.0 / 8;
	size.values_header_bytes = version >= 0x030d0000 ? 8 : 2;
	find_types();
	PyErr_Clear();
	return 0;
}

/* numpy is never imported for it. */
static void find_arrays(void)
{
	PyObject *numpy = size.array_type ? NULL : ms_py_imported("numpy");
	PyObject *type MS_PY_REF = numpy ? ms_py_attribute(numpy, "ndarray") : NULL;

	if (!type || !PyType_Check(type))
		return;
	size.array_base = ms_py_attribute(type, "base");
	size.array_bytes = ms_py_attribute(type, "nbytes");
	size.array_item = ms_py_attribute(type, "item");
	size.array_dtype = ms_py_attribute(type, "dtype");
	if (!size.array_base || !size.array_bytes || !size.array_item || !size.array_dtype)
		return; /* being imported */
	Py_INCREF(type);
	size.array_type = type;
}

/* ---- one object ---- */

static bool is_array(PyObject *object)
{
	return size.array_type && ((PyObject *)Py_TYPE(object) == size.array_type ||
				   PyType_IsSubtype(Py_TYPE(object), (PyTypeObject *)size.array_type));
}

/* A getset of ndarray's own, whatever a subclass has made of it. New reference, or NULL without an exception. */
static PyObject *array_get(PyObject *getset, PyObject *array)
{
	PyObject *value = PyObject_CallMethod(getset, "__get__", "O", array);

	if (!value)
		PyErr_Clear();
	return value;
}

static double array_bytes(PyObject *array)
{
	PyObject *bytes MS_PY_REF = array_get(size.array_bytes, array);
	double number = bytes ? PyLong_AsDouble(bytes) : 0;

	PyErr_Clear();
	return number > 0 ? number : 0;
}

static unsigned header_bytes(PyTypeObject *type)
{
	unsigned long flags = PyType_GetFlags(type);
	unsigned bytes = flags & Py_TPFLAGS_HAVE_GC ? GC_HEADER_BYTES : 0;

	if (size.inline_values && flags & (MANAGED_DICT | MANAGED_WEAKREF))
		bytes += DICT_HEADER_BYTES;
	return bytes;
}

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
	bytes += header_bytes(Py_TYPE(object));
	return (double)((bytes + ALIGNMENT - 1) & ~(Py_ssize_t)(ALIGNMENT - 1));
}

double ms_py_size_hint(PyObject *object)
{
	if (PyBytes_CheckExact(object))
		return (double)PyBytes_Size(object);
	if (PyUnicode_CheckExact(object))
		return (double)PyUnicode_GetLength(object);
	if (PyList_CheckExact(object))
		return (double)PyList_Size(object) * (double)sizeof(PyObject *);
	if (PyTuple_CheckExact(object))
		return (double)PyTuple_Size(object) * (double)sizeof(PyObject *);
	if (PyDict_CheckExact(object))
		return (double)PyDict_Size(object) * (double)(4 * sizeof(PyObject *));
	if (is_array(object))
		return array_bytes(object);
	return (double)sizeof(PyObject);
}

/* A module's, also of code that was run by exec(). */
static bool is_namespace(PyObject *object)
{
	return PyDict_CheckExact(object) && PyDict_Size(object) > 1 &&
	       (PyDict_GetItem(object, size.namespace_names[0]) || PyDict_GetItem(object, size.namespace_names[1]));
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

/* Return: the node of @object, or NULL: there is no room for it. */
static struct node *find_or_add(PyObject *object)
{
	unsigned slot = slot_of(object);
	struct node *node;

	if (walk.slots[slot])
		return &walk.nodes[walk.slots[slot] - 1];
	if (walk.count == NODES) {
		walk.full = true;
		return NULL;
	}
	Py_INCREF(object);
	node = &walk.nodes[walk.count++];
	*node = (struct node){.object = object, .scale = walk.scale};
	walk.slots[slot] = (uint16_t)walk.count;
	return node;
}

static void push(PyObject *object)
{
	struct node *node;

	walk.visited++;
	if (!object || object == Py_None)
		return;
	object = ms_py_proxy_see_through(object);
	/* A class that is cached refers to itself. */
	if (PyType_Check(object) && !walk.slots[slot_of(object)])
		return;
	if (PyModule_Check(object) || is_namespace(object))
		return;
	if (walk.edge_count == EDGES)
		walk.full = true;
	node = walk.full ? NULL : find_or_add(object);
	if (!node)
		return;
	node->edges += walk.scale;
	node->attributes |= walk.attributes && PyDict_CheckExact(object);
	walk.edge_scales[walk.edge_count] = walk.scale;
	walk.edges[walk.edge_count++] = (uint16_t)(node - walk.nodes);
}

static void push_root(PyObject *object, unsigned edges)
{
	struct node *node = object && object != Py_None && !PyModule_Check(object) ? find_or_add(object) : NULL;

	if (!node)
		return;
	node->root_edges += (float)edges;
	node->taken++;
}

static int visit(PyObject *object, void *unused)
{
	(void)unused;
	push(object);
	return walk.full;
}

static void push_wide(PyObject *object, Py_ssize_t length, PyObject *(*item)(PyObject *, Py_ssize_t))
{
	Py_ssize_t taken = length > WIDE ? WIDE : length;
	float scale = walk.scale;

	if (length > WIDE)
		walk.scale *= (float)length / WIDE;
	for (Py_ssize_t i = 0; i < taken && !walk.full; i++)
		push(item(object, length > WIDE ? (Py_ssize_t)((double)i * (double)length / WIDE) : i));
	walk.scale = scale;
}

Py_ssize_t ms_py_size_dict_at(Py_ssize_t at, Py_ssize_t first, Py_ssize_t i, Py_ssize_t length, Py_ssize_t count)
{
	Py_ssize_t position = first + (Py_ssize_t)((double)i * (double)length / (double)count);

	return length > count && position > at ? position : at;
}

Py_ssize_t ms_py_size_dict_first(PyObject *dict)
{
	Py_ssize_t at = 0;
	PyObject *key;

	return PyDict_Next(dict, &at, &key, NULL) ? at - 1 : 0;
}

static void push_dict(PyObject *dict, bool with_keys)
{
	Py_ssize_t length = PyDict_Size(dict), first = ms_py_size_dict_first(dict), at = first;
	float scale = walk.scale;
	PyObject *key, *value;

	if (length > WIDE)
		walk.scale *= (float)length / WIDE;
	for (Py_ssize_t i = 0; i < WIDE && !walk.full; i++) {
		at = ms_py_size_dict_at(at, first, i, length, WIDE);
		if (!PyDict_Next(dict, &at, &key, &value))
			break;
		if (with_keys)
			push(key);
		push(value);
	}
	walk.scale = scale;
}

static void push_attribute(PyObject *object, const char *name)
{
	PyObject *value MS_PY_REF = ms_py_attribute(object, name);

	push(value);
}

static void push_referents(PyObject *object)
{
	PyObject *list MS_PY_REF = PyObject_CallFunctionObjArgs(size.get_referents, object, NULL);

	if (list)
		push_wide(list, PyList_Size(list), PyList_GetItem);
	PyErr_Clear();
}

traverseproc ms_py_size_traverse(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);
	unsigned long flags = PyType_GetFlags(type);

	if (!size.reads_slots && !(flags & Py_TPFLAGS_HEAPTYPE))
		return NULL;
	return (traverseproc)PyType_GetSlot(type, Py_tp_traverse);
}

/* Attributes that stand beside the object: as many places as the class has seen names, and one more. */
static unsigned values_bytes(unsigned attributes)
{
	unsigned places = attributes + 1;

	return places * (unsigned)sizeof(PyObject *) + ((places + size.values_header_bytes + 7) & ~7u);
}

static void push_traversed(struct node *node)
{
	traverseproc traverse = ms_py_size_traverse(node->object);
	unsigned long flags = PyType_GetFlags(Py_TYPE(node->object));

	walk.attributes = !size.inline_values && flags & Py_TPFLAGS_HEAPTYPE;
	if (traverse)
		traverse(node->object, visit, NULL);
	else
		push_referents(node->object);
	walk.attributes = false;
	/* One of the references is to the type. */
	if (size.inline_values && flags & MANAGED_DICT && !(flags & CONTAINER_OR_STRING))
		node->more_bytes = values_bytes(walk.visited ? walk.visited - 1 : 0);
}

/* The elements of an array of objects. */
static void push_elements(PyObject *array)
{
	PyObject *dtype MS_PY_REF = array_get(size.array_dtype, array);
	PyObject *kind MS_PY_REF = dtype ? ms_py_attribute(dtype, "char") : NULL;
	Py_ssize_t length = (Py_ssize_t)(array_bytes(array) / sizeof(PyObject *)), taken = length > WIDE ? WIDE : length;
	float scale = walk.scale;

	if (!kind || !PyUnicode_Check(kind) || PyUnicode_CompareWithASCIIString(kind, "O") != 0)
		return;
	if (length > WIDE)
		walk.scale *= (float)length / WIDE;
	for (Py_ssize_t i = 0; i < taken && !walk.full; i++) {
		Py_ssize_t at = length > WIDE ? (Py_ssize_t)((double)i * (double)length / WIDE) : i;
		PyObject *item MS_PY_REF = PyObject_CallFunction(size.array_item, "On", array, at);

		PyErr_Clear();
		push(item);
	}
	walk.scale = scale;
}

static void push_array(struct node *node)
{
	PyObject *base MS_PY_REF = array_get(size.array_base, node->object);

	if (base && base != Py_None && (PyObject *)Py_TYPE(base) == size.capsule_type)
		node->more_bytes = (uint32_t)array_bytes(node->object); /* a C library's, given away */
	push(base);
	if (!base || base == Py_None)
		push_elements(node->object);
}

/* A text that is still being written is not in its __sizeof__. */
static void add_text(struct node *node)
{
	PyObject *length MS_PY_REF = PyObject_CallMethod(node->object, "tell", NULL);
	double characters = length ? PyLong_AsDouble(length) : 0;

	PyErr_Clear();
	if (characters > 0 && ms_py_size_shallow(node->object) < characters)
		node->more_bytes += (uint32_t)(characters * size.text_bytes);
}

static void push_children(struct node *node)
{
	PyObject *object = node->object, *type = (PyObject *)Py_TYPE(object);

	walk.visited = 0;
	if (is_array(object))
		push_array(node);
	if (type == size.text_io_type)
		add_text(node);
	if (type == size.code_type) {
		push_attribute(object, "co_consts");
		push_attribute(object, "co_names");
		push_attribute(object, "co_linetable");
		push_attribute(object, "co_exceptiontable");
	}
	if (!(PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_HAVE_GC))
		return;
	if (PyList_CheckExact(object)) {
		push_wide(object, PyList_Size(object), PyList_GetItem);
	} else if (PyTuple_CheckExact(object)) {
		push_wide(object, PyTuple_Size(object), PyTuple_GetItem);
	} else if (PyDict_CheckExact(object)) {
		push_dict(object, !node->attributes);
	} else if (PyType_Check(object) && !(PyType_GetFlags((PyTypeObject *)object) & Py_TPFLAGS_HEAPTYPE)) {
		return; /* it has no header for the collector */
	} else if (type == size.function_type) {
		push_attribute(object, "__closure__");
		push_attribute(object, "__defaults__");
		push_attribute(object, "__kwdefaults__");
		push_attribute(object, "__code__");
	} else {
		push_traversed(node);
	}
}

/* Of a large graph some containers stand for the rest: those that stand for several do so already. */
static unsigned thinning(const struct node *node)
{
	unsigned thin = 1;

	for (unsigned count = walk.count; count >= NODES / 2; count -= NODES / 8)
		thin *= THIN;
	return node->scale < (float)thin ? (unsigned)((float)thin / node->scale) : 1;
}

/* ---- hubs: what all entries refer to, and the program too ---- */

/* References to @node, the walk's and the caller's own left out, for all that it stands for. */
static float held_by(const struct node *node)
{
	uint64_t count = (uint64_t)Py_REFCNT(node->object) & COUNT_MASK;

	return count >= COUNT_IMMORTAL ? 0 : (float)(count - 1 - node->taken) * node->scale;
}

/* When each entry refers to it as often as this one, there are some references left, and few. */
static bool is_outside(const struct node *node)
{
	double held = (double)held_by(node), inside = (double)node->edges * walk.entries;

	if (node->root_edges > 0 || node->scale != 1 || walk.entries < HUB_ENTRIES || held <= inside)
		return false;
	return held <= inside + inside / HUB_MORE + HUB_MORE;
}

static int find_roots(PyObject *object, void *depth)
{
	Py_ssize_t length = PyList_CheckExact(object) ? PyList_Size(object) : 0, at = 0;
	PyObject *item, *key;

	for (Py_ssize_t i = 0; i < length && i < HUB_LOOKED_AT; i++) {
		item = PyList_GetItem(object, i);
		for (unsigned root = 0; root < MS_PY_SIZE_ROOTS && root < walk.count; root++)
			if (item == walk.nodes[root].object)
				walk.nodes[root].outside |= walk.nodes[root].taken > 0;
	}
	if (!PyDict_CheckExact(object))
		return 0;
	for (Py_ssize_t i = 0; i < HUB_LOOKED_AT && PyDict_Next(object, &at, &key, &item); i++) {
		for (unsigned root = 0; root < MS_PY_SIZE_ROOTS && root < walk.count; root++)
			if (item == walk.nodes[root].object)
				walk.nodes[root].outside |= walk.nodes[root].taken > 0;
		if (depth)
			find_roots(item, NULL);
	}
	return 0;
}

/* It stays, and so does what it refers to: also the entries, where it keeps a list of them. */
static void leave_outside(struct node *node)
{
	traverseproc traverse = ms_py_size_traverse(node->object);

	node->outside = true;
	find_roots(node->object, node);
	if (traverse && PyType_GetFlags(Py_TYPE(node->object)) & Py_TPFLAGS_HAVE_GC)
		traverse(node->object, find_roots, node);
}

static void enter(unsigned index)
{
	struct node *node = &walk.nodes[index];
	unsigned thin = thinning(node);

	node->first_edge = walk.edge_count;
	/* Not each THINth: what a type refers to comes in a rhythm. */
	if (walk.full || (index * UINT32_C(0x9e3779b1) >> 16) % thin)
		return;
	if (is_outside(node)) {
		leave_outside(node);
		return;
	}
	if (walk.count > FOREIGN_NODES && !node->taken && node->edges * FOREIGN < held_by(node))
		return;
	walk.scale = node->scale * (float)thin;
	push_children(node);
}

/* ---- ownership ---- */

/* What flows out of node @index, to those before it in the next pass. What refers from outside keeps alive. */
static void flow_out(unsigned index)
{
	const struct node *node = &walk.nodes[index];

	for (uint32_t edge = node->first_edge; edge < node[1].first_edge; edge++) {
		struct node *to = &walk.nodes[walk.edges[edge]];
		float flow = node->share * walk.edge_scales[edge];

		to->outside |= node->outside;
		if (to > node)
			to->from_earlier += flow;
		else
			to->from_later_next += flow;
	}
}

/* Return: by how much a share changed, at most. */
static float flow(void)
{
	float most = 0;

	for (unsigned i = 0; i < walk.count; i++) {
		struct node *node = &walk.nodes[i];
		float held = held_by(node), in = node->root_edges + node->from_earlier + node->from_later;
		float share = held <= 0 || node->outside ? 0 : in >= held ? 1 : in / held;
		float change = share > node->share ? share - node->share : node->share - share;

		most = change > most ? change : most;
		node->share = share;
		flow_out(i);
	}
	for (unsigned i = 0; i < walk.count; i++) {
		struct node *node = &walk.nodes[i];

		node->from_later = node->from_later_next;
		node->from_earlier = node->from_later_next = 0;
	}
	return most;
}

/* From above: at first all belongs to the entry, so what refers back to it is as good as the entry itself. */
static void share_out(void)
{
	walk.nodes[walk.count].first_edge = walk.edge_count;
	for (unsigned i = 0; i < walk.count; i++)
		walk.nodes[i].share = 1;
	for (unsigned i = 0; i < walk.count; i++)
		flow_out(i);
	for (unsigned i = 0; i < walk.count; i++) {
		walk.nodes[i].from_later = walk.nodes[i].from_later_next;
		walk.nodes[i].from_earlier = walk.nodes[i].from_later_next = 0;
	}
	for (unsigned pass = 0; pass < FLOWS_MOST && flow() > FLOW_CHANGE; pass++)
		;
}

static double add_up(void)
{
	double total = 0;

	for (unsigned i = 0; i < walk.count; i++) {
		const struct node *node = &walk.nodes[i];

		if (node->share > 0)
			total += (double)node->share * (double)node->scale *
				 (ms_py_size_shallow(node->object) + node->more_bytes);
	}
	return total;
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
	walk.edge_count = 0;
	walk.scale = 1;
	walk.entries = (double)entry->cache_entries;
	find_arrays();
	for (unsigned i = 0; i < MS_PY_SIZE_ROOTS; i++)
		push_root(entry->roots[i], entry->edges[i]);
	for (unsigned i = 0; i < walk.count; i++)
		enter(i);
	share_out();
	total = add_up();
	finish();
	return total;
}

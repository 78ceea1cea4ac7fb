/* SPDX-License-Identifier: MIT */
/*
 * lru.c - every functools.lru_cache of the program, without the program's doing.
 *
 * Birth. functools.lru_cache stays the function it was; in its code the one name _lru_cache_wrapper is
 * exchanged for that of make_wrapper(), which calls the class and keeps a weak reference to what comes
 * out. So wrappers, their class, their attributes, error messages and tracebacks are what they were,
 * and a call of a cached function costs what it did.
 *
 * Youth. The newborn wait in an array. Dead ones are swept out when it is full, so that a program that
 * makes wrappers by the million pays for each once. At the beginning of a round those that hold
 * NOTABLE_ENTRIES or are older than YOUTH_NS get a row of the table (adopt()), the small ones only while
 * there are fewer than ROWS_FOR_SMALL.
 *
 * Death. Nothing is called when a wrapper dies. The next count() finds the reference dead and
 * unregisters its own cache, which the library allows without waiting: nobody ever waits for the
 * agent with the GIL held, nor the agent for anybody.
 *
 * Shrinking. An unbounded wrapper keeps its entries in a dict in the order of their making, from which
 * the oldest are taken in batches, the GIL released between them. A bounded one keeps them in links
 * that its dict merely points to: only cache_clear() frees them.
 */
#include "adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

enum {
	NOTABLE_ENTRIES = 16,
	YOUTH_NS = 500000000,
	ROWS_FOR_SMALL = 4096,
	FIRST_NEWBORN = 64,
	BATCH_ENTRIES = 512,
	BATCH_NS = 2000000,
	CLEAR_AT_ONCE = 32768, /* entries that cache_clear() drops without a pause worth avoiding */
	LINK_BYTES = 144,      /* of a bounded cache: link, and its part of the dict */
	DEADLINE_MARGIN_NS = 20000000,
};

struct newborn {
	PyObject *reference;
	uint64_t born_ns; /* CLOCK_MONOTONIC */
};

/* A wrapper with a row. */
struct lru {
	struct ms_py_row row; /* first: found from it */
	PyObject *reference;
	PyObject *dict;                     /* borrowed, there as long as the wrapper; unbounded ones only */
	uint64_t cycle;                     /* when it was counted last */
	bool dirty;                         /* shrunk since */
	int64_t hits_before, misses_before; /* from before the last clearing */
	int64_t hits, misses, entries;      /* as it said last */
	int64_t sampled_entries;            /* how many there were when the sample was begun */
	struct ms_py_sample sample;
	Py_ssize_t cursor; /* where in the dict the oldest entry is, while its length is left_length */
	Py_ssize_t left_length;
};

struct info {
	int64_t hits, misses, entries;
	bool bounded;
};

static struct {
	struct newborn *newborn;
	size_t newborn_count, newborn_room, newborn_at;
	size_t rows;
	PyObject *module_dict; /* functools.__dict__ */
	PyObject *wrapper_type;
	PyObject *cache_info, *cache_clear; /* of the type: an instance may carry others of that name */
	PyObject *function_type;
	bool needs_anchors; /* wrappers have no weak references (3.8) */
} lru;

/* ---- birth ---- */

/* 1 with a strong reference in *ret_wrapper; 0 it is gone; -1 it must not be touched now. */
static int dereference(PyObject *reference, PyObject **ret_wrapper)
{
	PyObject *object;
	int there = 1;

	if (ms_py_anchor_check(reference))
		there = ms_py_anchor_get(reference, &object);
	else
		object = PyWeakref_GetObject(reference);
	if (there <= 0)
		return there;
	if (!object || object == Py_None) {
		PyErr_Clear();
		return 0;
	}
	Py_INCREF(object);
	*ret_wrapper = object;
	return 1;
}

static bool is_dead(PyObject *reference)
{
	PyObject *object;

	if (ms_py_anchor_check(reference))
		return ms_py_anchor_get(reference, &object) == 0;
	return PyWeakref_GetObject(reference) == Py_None;
}

static void sweep_newborn(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < lru.newborn_count; i++) {
		if (is_dead(lru.newborn[i].reference))
			Py_DECREF(lru.newborn[i].reference);
		else
			lru.newborn[kept++] = lru.newborn[i];
	}
	lru.newborn_count = kept;
	lru.newborn_at = 0;
}

static int make_room(void)
{
	size_t room = lru.newborn_room ? lru.newborn_room : FIRST_NEWBORN;
	struct newborn *grown;

	if (lru.newborn_count < lru.newborn_room)
		return 0;
	sweep_newborn();
	while (lru.newborn_count > room / 2)
		room *= 2;
	if (room == lru.newborn_room)
		return 0;
	grown = realloc(lru.newborn, room * sizeof(*grown));
	if (!grown)
		return lru.newborn_count < lru.newborn_room ? 0 : -ENOMEM;
	lru.newborn = grown;
	lru.newborn_room = room;
	return 0;
}

/* Takes over @reference, which may be NULL. */
static void welcome(PyObject *reference)
{
	if (!reference || make_room() < 0) {
		PyErr_Clear();
		Py_XDECREF(reference);
		return;
	}
	lru.newborn[lru.newborn_count++] = (struct newborn){.reference = reference, .born_ns = ms_clock_ns()};
}

/* As lru_cache itself would call the class, but with an anchor for the class of its cache_info(). */
static PyObject *make_anchored(PyObject *type, PyObject *args)
{
	PyObject *reference MS_PY_REF = NULL, *anchor MS_PY_REF = NULL, *changed MS_PY_REF = NULL;
	PyObject *wrapper;

	if (PyTuple_Size(args) != 4)
		return PyObject_CallObject(type, args);
	anchor = ms_py_anchor_new(PyTuple_GetItem(args, 3), &reference);
	if (anchor)
		changed = PyTuple_Pack(4, PyTuple_GetItem(args, 0), PyTuple_GetItem(args, 1),
				       PyTuple_GetItem(args, 2), anchor);
	wrapper = changed ? PyObject_CallObject(type, changed) : NULL;
	if (wrapper && (PyObject *)Py_TYPE(wrapper) == lru.wrapper_type) {
		ms_py_anchor_bind(reference, wrapper);
		Py_INCREF(reference);
		welcome(reference);
	}
	return wrapper;
}

static PyObject *make_wrapper(PyObject *self, PyObject *args, PyObject *kwargs)
{
	/* Looked up anew, as lru_cache itself would. */
	PyObject *type = PyDict_GetItemString(lru.module_dict, "_lru_cache_wrapper");
	PyObject *wrapper;

	(void)self;
	if (!type)
		return PyErr_Format(PyExc_NameError, "name '_lru_cache_wrapper' is not defined");
	if (lru.needs_anchors && !kwargs)
		return make_anchored(type, args);
	wrapper = PyObject_Call(type, args, kwargs);
	if (wrapper && (PyObject *)Py_TYPE(wrapper) == lru.wrapper_type)
		welcome(PyWeakref_NewRef(wrapper, NULL));
	return wrapper;
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

static int keep_types(PyObject *functools, PyObject *lru_cache)
{
	PyObject *type = PyObject_GetAttrString(functools, "_lru_cache_wrapper");

	Py_XDECREF(lru.wrapper_type);
	lru.wrapper_type = type;
	if (!type || !PyType_Check(type))
		return -1;
	Py_XDECREF(lru.cache_info);
	Py_XDECREF(lru.cache_clear);
	lru.cache_info = PyObject_GetAttrString(type, "cache_info");
	lru.cache_clear = PyObject_GetAttrString(type, "cache_clear");
	lru.function_type = (PyObject *)Py_TYPE(lru_cache);
	Py_XDECREF(lru.module_dict);
	lru.module_dict = PyModule_GetDict(functools);
	Py_XINCREF(lru.module_dict);
	return lru.cache_info && lru.cache_clear && lru.module_dict ? 0 : -1;
}

/* Wrappers from before the hook are looked for among all objects, once. In 3.8 there is no way to hold
 * them. */
static int scan(void)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *objects MS_PY_REF = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;

	if (!objects)
		return -1;
	for (Py_ssize_t i = 0; i < PyList_Size(objects); i++) {
		PyObject *object = PyList_GetItem(objects, i);

		if ((PyObject *)Py_TYPE(object) == lru.wrapper_type)
			welcome(PyWeakref_NewRef(object, NULL));
	}
	return 0;
}

int ms_py_lru_hook(PyObject *functools)
{
	PyObject *lru_cache MS_PY_REF = PyObject_GetAttrString(functools, "lru_cache");
	PyObject *code MS_PY_REF = lru_cache ? PyObject_GetAttrString(lru_cache, "__code__") : NULL;
	PyObject *maker MS_PY_REF = PyCFunction_New(&make_wrapper_method, NULL);
	PyObject *changed MS_PY_REF = NULL;

	if (!code || !maker || keep_types(functools, lru_cache) < 0)
		return -1;
	if (PyDict_GetItemString(lru.module_dict, HOOK_NAME))
		return 0;
	lru.needs_anchors = ms_py_host_version() < 0x03090000;
	if (lru.needs_anchors && ms_py_anchor_init() < 0)
		return -1;
	changed = exchange_in_code(code, 0);
	if (!changed || PyObject_SetAttrString(functools, HOOK_NAME, maker) < 0 ||
	    PyObject_SetAttrString(lru_cache, "__code__", changed) < 0)
		return -1;
	return scan();
}

/* ---- what a wrapper says of itself ---- */

static int get_info(PyObject *wrapper, struct info *ret_info)
{
	PyObject *answer MS_PY_REF = PyObject_CallFunctionObjArgs(lru.cache_info, wrapper, NULL);
	struct info info;

	if (!answer || !PyTuple_Check(answer) || PyTuple_Size(answer) != 4) {
		PyErr_Clear();
		return -EIO;
	}
	info.hits = PyLong_AsLongLong(PyTuple_GetItem(answer, 0));
	info.misses = PyLong_AsLongLong(PyTuple_GetItem(answer, 1));
	info.bounded = PyTuple_GetItem(answer, 2) != Py_None;
	info.entries = PyLong_AsLongLong(PyTuple_GetItem(answer, 3));
	if (PyErr_Occurred()) {
		PyErr_Clear();
		return -EIO;
	}
	*ret_info = info;
	return 0;
}

/* Take in what it says; when the program cleared it itself, its counts began anew. */
static void note_info(struct lru *self, const struct info *info)
{
	if (info->misses < self->misses || info->hits < self->hits) {
		self->hits_before += self->hits;
		self->misses_before += self->misses;
	}
	self->hits = info->hits;
	self->misses = info->misses;
	self->entries = info->entries;
}

/* The dict of an unbounded wrapper: the only plain one it refers to besides its attributes. Borrowed. */
static PyObject *find_dict(PyObject *wrapper, int64_t entries)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *shown MS_PY_REF = gc ? PyObject_CallMethod(gc, "get_referents", "O", wrapper) : NULL;
	PyObject *attributes MS_PY_REF = ms_py_attribute(wrapper, "__dict__");
	PyObject *found = NULL;

	for (Py_ssize_t i = 0; shown && i < PyList_Size(shown); i++) {
		PyObject *object = PyList_GetItem(shown, i);

		if (PyDict_CheckExact(object) && object != attributes)
			found = object;
	}
	PyErr_Clear();
	return found && PyDict_Size(found) == entries ? found : NULL;
}

static double fixed_bytes(const struct lru *self)
{
	return self->dict ? ms_py_size_shallow(self->dict) : (double)self->entries * LINK_BYTES;
}

static uint64_t bytes_now(const struct lru *self)
{
	double entries_bytes = (double)self->entries * ms_py_sample_average(&self->sample);

	return self->entries ? (uint64_t)(fixed_bytes(self) + entries_bytes) : 0;
}

/* A sample is begun again when there are an eighth more or fewer entries than when it last was. */
static void weigh(struct lru *self, PyObject *wrapper, bool must)
{
	int64_t change = llabs(self->entries - self->sampled_entries);

	if (!self->entries)
		return;
	if (!self->sampled_entries || (change * 8 >= self->sampled_entries && change >= 4)) {
		ms_py_sample_restart(&self->sample);
		self->sampled_entries = self->entries;
	}
	if (ms_py_sample_is_complete(&self->sample, self->entries))
		return;
	if (!must && !ms_py_round_has_time())
		ms_py_round_leave();
	else if (self->dict)
		ms_py_sample_dict(&self->sample, self->dict);
	else
		ms_py_sample_links(&self->sample, wrapper, self->entries);
}

/* ---- callbacks ---- */

static void release(struct ms_py_row *row)
{
	free(row);
	if (lru.rows)
		lru.rows--;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	struct lru *self = ctx;
	PyObject *wrapper MS_PY_REF = NULL;
	int there = dereference(self->reference, &wrapper);
	struct info info;

	if (there < 0)
		return -EAGAIN;
	if (!there) {
		ms_py_row_unlink(&self->row);
		memshed_unregister(self->row.cache);
		Py_CLEAR(self->reference);
		release(&self->row);
		return -ENOENT;
	}
	if (!self->dirty && self->cycle == ms_py_round_cycle())
		return -EAGAIN;
	if (!self->dirty && !ms_py_round_has_time()) {
		ms_py_round_leave();
		return -EAGAIN;
	}
	if (get_info(wrapper, &info) < 0)
		return -EIO;
	note_info(self, &info);
	weigh(self, wrapper, self->dirty);
	self->dirty = false;
	self->cycle = ms_py_round_cycle();
	usage->fields =
	    MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES | MEMSHED_USAGE_HITS | MEMSHED_USAGE_MISSES;
	usage->bytes = bytes_now(self);
	usage->entries = (uint64_t)self->entries;
	usage->hits = (uint64_t)(self->hits_before + self->hits);
	usage->misses = (uint64_t)(self->misses_before + self->misses);
	return 0;
}

/* cache_clear(), the counts carried over. */
static void clear_wrapper(struct lru *self, PyObject *wrapper)
{
	PyObject *done = PyObject_CallFunctionObjArgs(lru.cache_clear, wrapper, NULL);

	if (!done)
		PyErr_WriteUnraisable(wrapper);
	Py_XDECREF(done);
	self->hits_before += self->hits;
	self->misses_before += self->misses;
	self->hits = self->misses = self->entries = 0;
	self->dirty = true;
}

static void clear_bounded(void *ctx)
{
	struct lru *self = ctx;
	PyObject *wrapper MS_PY_REF = NULL;
	struct info info;

	if (dereference(self->reference, &wrapper) <= 0)
		return;
	if (get_info(wrapper, &info) == 0)
		note_info(self, &info);
	clear_wrapper(self, wrapper);
}

/* Up to @wanted of the oldest keys; strong references. */
static unsigned gather(struct lru *self, PyObject **keys, uint64_t wanted)
{
	PyObject *value;
	unsigned count = 0;

	/* An insertion may have packed the dict, and then the oldest are at its beginning again. To start
	 * there each time would mean to pass all gaps each time. */
	if (PyDict_Size(self->dict) != self->left_length)
		self->cursor = 0;
	while (count < BATCH_ENTRIES && count < wanted &&
	       PyDict_Next(self->dict, &self->cursor, &keys[count], &value)) {
		Py_INCREF(keys[count]);
		count++;
	}
	self->left_length = PyDict_Size(self->dict) - (Py_ssize_t)count;
	return count;
}

/* One batch of the oldest out of the dict. Return: how many went; -1 when that went wrong. */
static int pop_batch(struct lru *self, uint64_t wanted)
{
	PyObject *keys[BATCH_ENTRIES];
	unsigned count = gather(self, keys, wanted);
	int popped = 0;
	bool failed = !count;

	for (unsigned i = 0; i < count; i++) {
		if (failed) {
		} else if (PyDict_DelItem(self->dict, keys[i]) == 0) {
			popped++;
		} else if (PyErr_ExceptionMatches(PyExc_KeyError)) {
			PyErr_Clear(); /* the program was faster */
		} else {
			PyErr_WriteUnraisable(keys[i]); /* a key whose __hash__ or __eq__ fails */
			failed = true;
		}
		Py_DECREF(keys[i]);
	}
	return failed && !popped ? -1 : popped;
}

/* The oldest @wanted entries, a few at a time. Return: how many went. */
static uint64_t pop_oldest(struct lru *self, uint64_t wanted, uint64_t end_ns)
{
	uint64_t popped = 0, batch_end_ns = ms_clock_ns() + BATCH_NS, now_ns;

	self->left_length = -1;
	while (popped < wanted) {
		int count = pop_batch(self, wanted - popped);

		if (count < 0)
			break;
		popped += (uint64_t)count;
		now_ns = ms_clock_ns();
		if (now_ns >= end_ns)
			break;
		if (now_ns >= batch_end_ns) {
			ms_py_host_breathe();
			batch_end_ns = ms_clock_ns() + BATCH_NS;
		}
	}
	self->dirty = true;
	return popped;
}

static enum memshed_status drop_all(struct lru *self, PyObject *wrapper,
				    const struct memshed_request *request, struct memshed_result *result)
{
	result->freed_bytes = bytes_now(self);
	result->freed_entries = (uint64_t)self->entries;
	result->scanned_entries = (uint64_t)self->entries;
	if (request->level != MEMSHED_LEVEL_EMERGENCY && self->entries > CLEAR_AT_ONCE)
		pop_oldest(self, (uint64_t)(self->entries - CLEAR_AT_ONCE / 2),
			   request->deadline_ns - DEADLINE_MARGIN_NS);
	clear_wrapper(self, wrapper);
	return MEMSHED_DONE;
}

static enum memshed_status drop_oldest(struct lru *self, uint64_t wanted,
				       const struct memshed_request *request, struct memshed_result *result)
{
	uint64_t popped = pop_oldest(self, wanted, request->deadline_ns - DEADLINE_MARGIN_NS);

	self->entries -= (int64_t)popped < self->entries ? (int64_t)popped : self->entries;
	result->freed_entries = result->scanned_entries = popped;
	result->freed_bytes = (uint64_t)((double)popped * ms_py_sample_average(&self->sample));
	if (!popped)
		return MEMSHED_EMPTY;
	return popped < wanted ? MEMSHED_PARTIAL : MEMSHED_DONE;
}

static enum memshed_status shrink_unbounded(void *ctx, const struct memshed_request *request,
					    struct memshed_result *result)
{
	struct lru *self = ctx;
	PyObject *wrapper MS_PY_REF = NULL;
	int there = dereference(self->reference, &wrapper);
	struct info info;
	double wanted, each;

	if (there <= 0)
		return there ? MEMSHED_BUSY : MEMSHED_EMPTY;
	/* In an emergency what it said last has to do. */
	if (request->level != MEMSHED_LEVEL_EMERGENCY && get_info(wrapper, &info) == 0) {
		note_info(self, &info);
		weigh(self, wrapper, true);
		if (!self->entries)
			return MEMSHED_EMPTY;
	}
	each = ms_py_sample_average(&self->sample);
	wanted = each > 0 ? (double)request->target_bytes / each + 1 : 0;
	if (request->level != MEMSHED_LEVEL_TRIM || !request->target_bytes || !self->dict || wanted <= 0 ||
	    wanted * 8 >= (double)self->entries * 7)
		return drop_all(self, wrapper, request, result);
	return drop_oldest(self, (uint64_t)wanted, request, result);
}

/* ---- adoption ---- */

/* "module.qualname" as UTF-8 bytes; NULL without an exception. */
static PyObject *name_of(PyObject *wrapper)
{
	PyObject *module MS_PY_REF = ms_py_attribute(wrapper, "__module__");
	PyObject *qualname MS_PY_REF = ms_py_attribute(wrapper, "__qualname__");
	PyObject *name MS_PY_REF = NULL;

	if (!qualname || !PyUnicode_Check(qualname)) {
		Py_XDECREF(qualname);
		qualname = PyUnicode_FromString("<unnamed>");
	}
	if (qualname)
		name = module && PyUnicode_Check(module) ? PyUnicode_FromFormat("%U.%U", module, qualname)
							 : PyUnicode_FromFormat("%U", qualname);
	PyErr_Clear();
	return name ? ms_py_utf8(name) : NULL;
}

/* Where the wrapped function begins. Return: its file as UTF-8 bytes, or NULL without an exception. */
static PyObject *source_of(PyObject *wrapper, unsigned *ret_line)
{
	PyObject *function MS_PY_REF = ms_py_attribute(wrapper, "__wrapped__");
	PyObject *code MS_PY_REF = NULL, *file MS_PY_REF = NULL, *line MS_PY_REF = NULL;

	/* Of other callables the attributes may be anybody's properties. */
	if (!function || (PyObject *)Py_TYPE(function) != lru.function_type)
		return NULL;
	code = ms_py_attribute(function, "__code__");
	file = code ? ms_py_attribute(code, "co_filename") : NULL;
	line = code ? ms_py_attribute(code, "co_firstlineno") : NULL;
	*ret_line = line ? (unsigned)PyLong_AsLong(line) : 0;
	PyErr_Clear();
	return file ? ms_py_utf8(file) : NULL;
}

static void abandon(struct ms_py_row *row)
{
	release(row);
}

static int adopt(PyObject *wrapper, PyObject *reference, const struct info *info)
{
	struct lru *self = calloc(1, sizeof(*self));
	unsigned line = 0;
	PyObject *name MS_PY_REF = name_of(wrapper);
	PyObject *file MS_PY_REF = source_of(wrapper, &line);
	struct memshed_cache_options options = {
	    .size = sizeof(options),
	    .name = name ? PyBytes_AsString(name) : "<unnamed>",
	    .kind = MEMSHED_KIND_MEMO,
	    .flags = MEMSHED_CACHE_ESTIMATED,
	    .count = count,
	    .ctx = self,
	    .source_file = file ? ms_py_cut_path(PyBytes_AsString(file)) : NULL,
	    .source_line = line,
	};
	int err;

	if (!self)
		return -ENOMEM;
	self->dict = info->bounded ? NULL : find_dict(wrapper, info->entries);
	if (self->dict)
		options.shrink = shrink_unbounded;
	else
		options.clear = clear_bounded;
	self->row.abandon = abandon;
	self->dirty = true;
	err = memshed_register(&options, &self->row.cache);
	if (err < 0) {
		free(self);
		return err;
	}
	self->reference = reference;
	ms_py_row_link(&self->row);
	lru.rows++;
	return 0;
}

static bool deserves_row(const struct newborn *newborn, const struct info *info)
{
	if (info->entries >= NOTABLE_ENTRIES)
		return true;
	return lru.rows < ROWS_FOR_SMALL && ms_clock_ns() - newborn->born_ns >= YOUTH_NS;
}

/* Look at one. Return: whether it left the newborn; -errno when no more rows can be had. */
static int consider(struct newborn *newborn)
{
	PyObject *reference = newborn->reference;
	PyObject *wrapper MS_PY_REF = NULL;
	int there = dereference(reference, &wrapper);
	struct info info;
	int err;

	if (!there) {
		Py_DECREF(reference);
		return 1;
	}
	if (there < 0 || get_info(wrapper, &info) < 0 || !deserves_row(newborn, &info))
		return 0;
	err = adopt(wrapper, reference, &info);
	return err < 0 ? err : 1;
}

void ms_py_lru_adopt(void)
{
	size_t looked_at = 0, to_look_at = lru.newborn_count;

	while (looked_at++ < to_look_at && lru.newborn_count) {
		struct newborn newborn;
		int left;

		if (lru.newborn_at >= lru.newborn_count)
			lru.newborn_at = 0;
		if (looked_at % 16 == 0 && !ms_py_round_has_time())
			return;
		newborn = lru.newborn[lru.newborn_at];
		/* Taken out meanwhile: what is looked at may run a destructor that makes wrappers. */
		lru.newborn[lru.newborn_at] = lru.newborn[--lru.newborn_count];
		left = consider(&newborn);
		if (left > 0)
			continue;
		if (make_room() < 0) {
			Py_DECREF(newborn.reference);
			return;
		}
		lru.newborn[lru.newborn_count++] = lru.newborn[lru.newborn_at];
		lru.newborn[lru.newborn_at++] = newborn;
		if (left < 0)
			return;
	}
}

void ms_py_lru_reset(void)
{
	free(lru.newborn);
	memset(&lru, 0, sizeof(lru));
}

/* SPDX-License-Identifier: MIT */
/*
 * lru.c - every functools.lru_cache of the program as a cache of memshed's.
 *
 * creation.c hands over the wrappers, by weak references. Each gets a row of the table in the first
 * round that finds an entry in it, since one entry may be most of what there is to give back. Once there
 * are ROWS_FOR_SMALL rows, only wrappers with NOTABLE_ENTRIES get one.
 *
 * Removal. Nothing is called when a wrapper is deallocated. The next count() finds the reference empty and
 * unregisters its own cache, which the library allows without waiting: no thread waits for the agent
 * with the GIL held, and the agent waits for the GIL alone.
 *
 * Shrinking. An unbounded wrapper keeps its entries in a dict in the order of their insertion, from which
 * the oldest are taken in batches; between two batches the GIL is released. Those that were missed again soon after
 * they had been dropped (ghosts.h) are passed over, unless nothing else is left. A bounded one keeps them in
 * links that its dict only points to: cache_clear() alone frees them.
 *
 * Passing over. The dict is in the order of insertion, and entries are marked where they are inserted; so what was
 * passed over stands at the beginning of the dict, the first to be marked no longer is the first of all, and once that
 * one still is marked, the walk goes on behind the last that was passed over. When an insertion has packed the dict
 * in between, that place is not found again, and all are passed over once more.
 *
 * All of it runs with the GIL held: callbacks in the agent's thread, adoption at the beginning of a round.
 */
#include "adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

enum {
	NOTABLE_ENTRIES = 16,
	ROWS_FOR_SMALL = 4096,
	BATCH_ENTRIES = 512,
	BATCH_NS = 2000000,
	PRESSED_BATCH_NS = 50000000,
	LONG_YIELD_NS = 400000000,
	CLEAR_AT_ONCE = 32768, /* entries that cache_clear() drops without a pause worth avoiding */
	LOOKED_AT_MOST = 8192, /* in a batch */
	LINK_BYTES = 64,       /* of a bounded cache, one for each entry */
	GROUPS = 1024,         /* a power of two */
	DEADLINE_MARGIN_NS = 20000000,
};

#define PROBE_INTERVAL_NS 1000000000

/* A wrapper with a row. */
struct lru {
	struct ms_py_row row; /* first: found from it */
	PyObject *reference;
	PyObject *dict;                     /* borrowed, there as long as the wrapper; NULL: not found */
	PyObject *proxy;                    /* likewise; may be NULL */
	bool bounded;                       /* the dict holds links */
	uint64_t group;                     /* hash of its name */
	uint64_t weighed_ns;
	int64_t hits_before, misses_before; /* from before the last clearing */
	int64_t hits, misses, entries;      /* as it said last */
	struct ms_py_sample sample;
	Py_ssize_t cursor; /* where in the dict the oldest entry is, while its length is left_length */
	Py_ssize_t left_length;
	Py_ssize_t passed; /* the position behind the last entry that was passed over; 0: none was */
	PyObject *passed_key; /* of that entry; only compared */
	bool spares; /* entries are passed over now */
};

struct info {
	int64_t hits, misses, entries;
	bool bounded;
};

static struct {
	size_t rows;
	PyObject *wrapper_type;
	PyObject *cache_info, *cache_clear; /* of the type: an instance may carry others of that name */
	PyObject *function_type;
	/* By name: bytes of an entry in the one that was weighed last. Thousands of wrappers that are made by one
	 * line hold alike, and are counted before each is weighed. */
	struct {
		uint64_t name;
		double average;
	} groups[GROUPS];
} lru;

int ms_py_lru_types(PyObject *functools, PyObject *lru_cache)
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
	return lru.cache_info && lru.cache_clear ? 0 : -1;
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

/* After cache_clear() by the program the wrapper counts from 0 again. */
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

/* The dict of a wrapper: the only plain one it refers to besides its attributes. Borrowed. */
static PyObject *find_dict(PyObject *wrapper, int64_t entries)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *shown MS_PY_REF = gc ? PyObject_CallMethod(gc, "get_referents", "O", wrapper) : NULL;
	PyObject *attributes MS_PY_REF = ms_py_attribute(wrapper, "__dict__");
	PyObject *found = NULL;

	for (Py_ssize_t i = 0; shown && i < PyList_Size(shown); i++) {
		PyObject *object = PyList_GetItem(shown, i);

		if (PyDict_CheckExact(object) && object != attributes && PyDict_Size(object) == entries)
			found = object;
	}
	PyErr_Clear();
	return found;
}

/* A bounded one's results are dicts as well, perhaps: its own is known by the links in it. */
static PyObject *find_links(PyObject *wrapper, int64_t entries)
{
	PyObject *gc MS_PY_REF = PyImport_ImportModule("gc");
	PyObject *shown MS_PY_REF = gc ? PyObject_CallMethod(gc, "get_referents", "O", wrapper) : NULL;
	PyObject *found = NULL;

	for (Py_ssize_t i = 0; shown && !found && i < PyList_Size(shown); i++) {
		PyObject *object = PyList_GetItem(shown, i);

		if (PyDict_CheckExact(object) && PyDict_Size(object) == entries && ms_py_sample_knows_links(object))
			found = object;
	}
	PyErr_Clear();
	return found;
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

/* Bytes of an entry: its own, or until it is weighed those of another of its name. */
static double average(const struct lru *self)
{
	double own = ms_py_sample_average(&self->sample);

	if (own <= 0 && lru.groups[self->group % GROUPS].name == self->group)
		return lru.groups[self->group % GROUPS].average;
	return own;
}

static uint64_t bytes_now(const struct lru *self)
{
	double each = average(self) + (self->bounded ? LINK_BYTES : 0);

	if (!self->entries)
		return 0;
	return (uint64_t)((self->dict ? ms_py_size_shallow(self->dict) : 0) + each * (double)self->entries);
}

/* Until its sample is complete it is weighed at each look that has time for it, then once a second. */
static void weigh(struct lru *self, bool must)
{
	uint64_t now_ns = ms_clock_ns();

	if (!self->entries || !self->dict || (!must && !ms_py_round_has_time()))
		return;
	if (self->weighed_ns && ms_py_sample_is_complete(&self->sample) && now_ns < self->weighed_ns + PROBE_INTERVAL_NS)
		return;
	self->weighed_ns = now_ns;
	ms_py_sample_take(&self->sample, self->dict);
	lru.groups[self->group % GROUPS].name = self->group;
	lru.groups[self->group % GROUPS].average = ms_py_sample_average(&self->sample);
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
	int there = ms_py_weak_get(self->reference, &wrapper);
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
	if (get_info(wrapper, &info) < 0)
		return -EIO;
	note_info(self, &info);
	weigh(self, false);
	usage->fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES | MEMSHED_USAGE_HITS |
			MEMSHED_USAGE_MISSES | MEMSHED_USAGE_INSERTS;
	if (ms_py_sample_is_rough(&self->sample))
		usage->fields |= MEMSHED_USAGE_ROUGH;
	usage->bytes = bytes_now(self);
	usage->entries = (uint64_t)self->entries;
	usage->hits = (uint64_t)(self->hits_before + self->hits);
	usage->misses = usage->inserts = (uint64_t)(self->misses_before + self->misses);
	if (ms_py_proxy_cost(self->proxy, &usage->cost_us))
		usage->fields |= MEMSHED_USAGE_COST;
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
}

static void clear_bounded(void *ctx)
{
	struct lru *self = ctx;
	PyObject *wrapper MS_PY_REF = NULL;
	struct info info;

	if (ms_py_weak_get(self->reference, &wrapper) <= 0)
		return;
	if (get_info(wrapper, &info) == 0)
		note_info(self, &info);
	clear_wrapper(self, wrapper);
}

/* A batch of keys to drop; strong references. */
struct batch {
	PyObject *keys[BATCH_ENTRIES];
	uint32_t hashes[BATCH_ENTRIES];
	bool hashed[BATCH_ENTRIES];
	unsigned count, looked_at;
};

/* The key before @cursor is marked. */
static void pass_over(struct lru *self, PyObject *key)
{
	Py_ssize_t at = self->passed - 1;
	PyObject *found, *value;

	if (self->passed > self->cursor && PyDict_Next(self->dict, &at, &found, &value) && at == self->passed &&
	    found == self->passed_key) {
		self->cursor = self->passed;
		return;
	}
	self->passed = self->cursor;
	self->passed_key = key;
}

/* Up to @wanted of the oldest keys. */
static void gather(struct lru *self, struct batch *batch, uint64_t wanted)
{
	struct ms_py_ghosts *ghosts = ms_py_proxy_ghosts(self->proxy);
	PyObject *key, *value;

	/* An insertion may have packed the dict; then the oldest are at its beginning again. To start
	 * there each time would mean to pass all gaps each time. */
	if (PyDict_Size(self->dict) != self->left_length)
		self->cursor = 0;
	batch->count = batch->looked_at = 0;
	while (batch->count < BATCH_ENTRIES && batch->count < wanted && batch->looked_at < LOOKED_AT_MOST &&
	       PyDict_Next(self->dict, &self->cursor, &key, &value)) {
		uint32_t *hash = &batch->hashes[batch->count];
		bool *hashed = &batch->hashed[batch->count];

		batch->looked_at++;
		Py_INCREF(key);
		*hashed = ghosts && ghosts->buckets && ms_py_key_hash(key, hash);
		if (*hashed && self->spares && ms_py_ghosts_is_marked(ghosts, *hash)) {
			pass_over(self, key);
			Py_DECREF(key);
		} else {
			batch->keys[batch->count++] = key;
		}
	}
	self->left_length = PyDict_Size(self->dict) - (Py_ssize_t)batch->count;
}

/* False: the key cannot be looked up, for its __hash__ or __eq__ fails. */
static bool pop(PyObject *dict, PyObject *key, int *popped)
{
	if (PyDict_DelItem(dict, key) == 0) {
		(*popped)++;
		return true;
	}
	if (PyErr_ExceptionMatches(PyExc_KeyError)) {
		PyErr_Clear(); /* the program was faster */
		return true;
	}
	PyErr_WriteUnraisable(key);
	return false;
}

/* Remove one batch of the oldest from the dict. Return: how many; -1 when that failed, or there are none. */
static int pop_batch(struct lru *self, uint64_t wanted)
{
	struct ms_py_ghosts *ghosts = ms_py_proxy_ghosts(self->proxy);
	struct batch batch;
	int popped = 0;
	bool failed = false;

	gather(self, &batch, wanted);
	if (!batch.looked_at) {
		if (!self->spares)
			return -1;
		/* What is left is marked. */
		self->spares = false;
		self->cursor = 0;
	}
	for (unsigned i = 0; i < batch.count; i++) {
		int before = popped;

		if (!failed)
			failed = !pop(self->dict, batch.keys[i], &popped);
		if (popped > before && batch.hashed[i])
			ms_py_ghosts_drop(ghosts, batch.hashes[i]);
		Py_DECREF(batch.keys[i]);
	}
	return failed && !popped ? -1 : popped;
}

/* How long the program is kept waiting at a time. Where memory runs short, it is kept from adding more, and
 * the deadline is near; an order of a person's lets it run every few milliseconds. */
static uint64_t batch_ns(const struct memshed_request *request)
{
	return request->reason == MEMSHED_REASON_USER ? BATCH_NS : PRESSED_BATCH_NS;
}

/* Remove the oldest @wanted entries, a few at a time. Return: how many. */
static uint64_t pop_oldest(struct lru *self, uint64_t wanted, const struct memshed_request *request)
{
	uint64_t end_ns = request->deadline_ns - DEADLINE_MARGIN_NS, now_ns = ms_clock_ns();
	uint64_t popped = 0, batch_end_ns = now_ns + batch_ns(request);

	self->left_length = -1;
	self->spares = true;
	while (popped < wanted && now_ns < end_ns) {
		int count = pop_batch(self, wanted - popped);

		if (count < 0)
			break;
		popped += (uint64_t)count;
		now_ns = ms_clock_ns();
		/* Until the GIL is back may take as long as a garbage collection. */
		if (now_ns >= batch_end_ns && now_ns + LONG_YIELD_NS < end_ns) {
			ms_py_host_yield_gil();
			now_ns = ms_clock_ns();
			batch_end_ns = now_ns + batch_ns(request);
		}
	}
	return popped;
}

static enum memshed_status drop_all(struct lru *self, PyObject *wrapper,
				    const struct memshed_request *request, struct memshed_result *result)
{
	struct ms_py_ghosts *ghosts = ms_py_proxy_ghosts(self->proxy);

	if (ghosts)
		ms_py_ghosts_forget(ghosts);
	result->freed_bytes = bytes_now(self);
	result->freed_entries = (uint64_t)self->entries;
	result->scanned_entries = (uint64_t)self->entries;
	if (request->level != MEMSHED_LEVEL_EMERGENCY && self->entries > CLEAR_AT_ONCE)
		pop_oldest(self, (uint64_t)(self->entries - CLEAR_AT_ONCE / 2), request);
	clear_wrapper(self, wrapper);
	return MEMSHED_DONE;
}

static enum memshed_status drop_oldest(struct lru *self, uint64_t wanted,
				       const struct memshed_request *request, struct memshed_result *result)
{
	struct ms_py_ghosts *ghosts = ms_py_proxy_ghosts(self->proxy);
	uint64_t popped;

	if (ghosts)
		ms_py_ghosts_want(ghosts, (uint64_t)self->entries, (uint64_t)(average(self) * (double)self->entries));
	popped = pop_oldest(self, wanted, request);
	self->entries -= (int64_t)popped < self->entries ? (int64_t)popped : self->entries;
	result->freed_entries = result->scanned_entries = popped;
	result->freed_bytes = (uint64_t)((double)popped * average(self));
	if (!popped)
		return MEMSHED_EMPTY;
	return popped < wanted ? MEMSHED_PARTIAL : MEMSHED_DONE;
}

static enum memshed_status shrink_unbounded(void *ctx, const struct memshed_request *request,
					    struct memshed_result *result)
{
	struct lru *self = ctx;
	PyObject *wrapper MS_PY_REF = NULL;
	int there = ms_py_weak_get(self->reference, &wrapper);
	struct info info;
	double wanted, each;

	if (there <= 0)
		return there ? MEMSHED_BUSY : MEMSHED_EMPTY;
	/* In an emergency nothing may be allocated: what it said last is used. */
	if (request->level != MEMSHED_LEVEL_EMERGENCY && get_info(wrapper, &info) == 0) {
		note_info(self, &info);
		weigh(self, average(self) <= 0);
		if (!self->entries)
			return MEMSHED_EMPTY;
	}
	each = average(self);
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

	/* The attributes of other callables may be properties, which run code. */
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

static int adopt(PyObject *wrapper, const struct ms_py_pending *pending, const struct info *info)
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
	self->bounded = self->sample.of_links = info->bounded;
	self->group = hash_name(options.name);
	self->dict = info->bounded ? find_links(wrapper, info->entries) : find_dict(wrapper, info->entries);
	if (self->dict && !info->bounded)
		options.shrink = shrink_unbounded;
	else
		options.clear = clear_bounded;
	self->row.abandon = abandon;
	err = memshed_register(&options, &self->row.cache);
	if (err < 0) {
		free(self);
		return err;
	}
	self->reference = pending->reference;
	self->proxy = pending->proxy;
	ms_py_row_link(&self->row);
	lru.rows++;
	/* The order that this round is for may rank it before it is counted. */
	note_info(self, info);
	weigh(self, average(self) <= 0);
	memshed_charge(self->row.cache, bytes_now(self), (uint64_t)self->entries);
	return 0;
}

int ms_py_lru_consider(const struct ms_py_pending *pending)
{
	PyObject *wrapper MS_PY_REF = NULL;
	int there = ms_py_weak_get(pending->reference, &wrapper);
	struct info info;
	int err;

	if (!there) {
		Py_DECREF(pending->reference);
		return 1;
	}
	if (there < 0 || !ms_py_proxy_was_called(pending->proxy) || get_info(wrapper, &info) < 0)
		return 0;
	if (info.entries < (lru.rows < ROWS_FOR_SMALL ? 1 : NOTABLE_ENTRIES))
		return 0;
	err = adopt(wrapper, pending, &info);
	return err < 0 ? err : 1;
}

void ms_py_lru_reset(void)
{
	memset(&lru, 0, sizeof(lru));
}

/* SPDX-License-Identifier: MIT */
/*
 * adapter.h - what the parts of the Python adapter share.
 *
 * Everything here runs with the GIL held, which is the adapter's only lock: it guards every static
 * below memshed/. Exceptions to that are named in host.c. Python references are strong unless a
 * comment says "borrowed". The limited API of CPython 3.8 is all that may be used; what differs
 * between versions is looked up at run time (ms_py_host_symbol()).
 */
#ifndef MS_PY_ADAPTER_H
#define MS_PY_ADAPTER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ghosts.h"
#include "memshed.h"

/* Py_XDECREF at the end of the scope. */
static inline void ms_py_cleanup_decref(PyObject **object)
{
	Py_XDECREF(*object);
}
#define MS_PY_REF __attribute__((cleanup(ms_py_cleanup_decref)))

/* ---- host.c: the GIL, rounds, fork, exit ---- */

/* CPython's version as in Py_Version: 0x030b... */
uint32_t ms_py_host_version(void);

/* A function of the interpreter that the limited API does not declare, or NULL. */
void *ms_py_host_symbol(const char *name);

/* The extension serves the main interpreter alone: PyGILState_* knows no other. */
bool ms_py_host_is_main_interpreter(void);

/* Start the agent; the first time with hooks for fork and exit. 0 or -errno. */
int ms_py_host_start(void);
int ms_py_host_stop(void);
bool ms_py_host_is_started(void); /* ever, in this interpreter */

/* Forget the host's Python objects: the interpreter they belonged to is gone. */
void ms_py_host_reset(void);

/* May this round go on with work that can wait? False once its share of time is used up. */
bool ms_py_round_has_time(void);

/* Let other threads of the program run: releases the GIL for a moment. */
void ms_py_host_yield_gil(void);

/* A forked child that has no agent yet starts it where it first needs one: at a miss, or to register. */
extern bool ms_py_host_start_is_due;
void ms_py_host_start_due(void);

/* This process is a child: with the GIL held, before anything else. */
void ms_py_host_after_fork(void);

/* ---- gil.c: how the agent gets the GIL; fork by C code ---- */

enum ms_py_meeting {
	MS_PY_NO_MEETING = 0,
	MS_PY_AWAITED, /* by the agent */
	MS_PY_OFFERED, /* a thread has let go of the GIL for it */
};
extern _Atomic uint32_t ms_py_gil_meeting;

/* Once per interpreter. 0 or -errno. */
int ms_py_gil_init(void);

/* By the agent, without the GIL: have it. 0, or -EBUSY when it is not to be had now. */
int ms_py_gil_take(void);
void ms_py_gil_give(void);
bool ms_py_gil_is_agent(void); /* the calling thread */

/* With the GIL held, where any Python code may run: let the agent have it, if it waits for that. */
void ms_py_gil_offer(void);

/* This process may ask for the GIL. */
void ms_py_gil_own(void);
bool ms_py_gil_is_own(void); /* false in a child until then */

/* os.fork() begins, or has ended in one of the two processes. */
void ms_py_gil_announce_fork(bool begins);

static inline void ms_py_host_poll(void)
{
	if (atomic_load_explicit(&ms_py_gil_meeting, memory_order_relaxed) == MS_PY_AWAITED)
		ms_py_gil_offer();
	if (ms_py_host_start_is_due)
		ms_py_host_start_due();
	memshed_poll();
}

/* ---- rows: every cache that the adapter registered, so that a new interpreter can drop them ---- */

struct ms_py_row {
	struct ms_py_row *next, *previous;
	struct memshed_cache *cache;
	void (*abandon)(struct ms_py_row *row); /* the interpreter is gone: free what is not Python's */
};

void ms_py_row_link(struct ms_py_row *row);
void ms_py_row_unlink(struct ms_py_row *row);
void ms_py_row_reset(void);

/* ---- proxy.c: what a wrapper calls at a miss ---- */

/* @function: any written in Python. 0, or -1 with an exception. */
int ms_py_proxy_init(PyObject *function);

/* A proxy for @function; where there is none (not callable, an unknown interpreter), @function itself.
 * @typed: as of lru_cache. */
PyObject *ms_py_proxy_new(PyObject *function, bool typed);

/* These take any object. Borrowed: the function, if @object is a proxy. */
PyObject *ms_py_proxy_see_through(PyObject *object);
bool ms_py_proxy_was_called(PyObject *object); /* of others nothing is known: true */
/* The mean time to make an entry. False: not known. */
bool ms_py_proxy_cost(PyObject *object, uint64_t *ret_cost_us);
/* Borrowed, as long as the wrapper is there. NULL: not a proxy. */
struct ms_py_ghosts *ms_py_proxy_ghosts(PyObject *object);

void ms_py_proxy_after_fork(void);
void ms_py_proxy_reset(void);

/* ---- key.c: hashes of keys ---- */

/* @function: any written in Python. 0, or -1 with an exception. */
int ms_py_key_init(PyObject *function);

/* Of a key in an unbounded wrapper's dict, and of the arguments that it was made from: the same. False: there is
 * none, for Python code would have to run. No exception is left. */
bool ms_py_key_hash(PyObject *key, uint32_t *ret_hash);
bool ms_py_key_hash_arguments(PyObject *const *args, Py_ssize_t count, PyObject *names, bool typed,
			      uint32_t *ret_hash);

/* ---- creation.c: notice each wrapper that functools.lru_cache makes ---- */

/* A wrapper without a row. */
struct ms_py_pending {
	PyObject *reference; /* weak */
	PyObject *proxy;     /* borrowed, there as long as the wrapper; NULL: made before there were any */
};

/* @functools: the imported module. Its lru_cache is made to report each wrapper, and those that exist
 * are found. 0, or -1, perhaps with an exception set. */
int ms_py_creation_hook(PyObject *functools);

/* Offer the pending wrappers to lru.c; within the round's time. */
void ms_py_creation_adopt(void);
void ms_py_creation_reset(void);

/* ---- lru.c: the wrappers that have a row ---- */

int ms_py_lru_types(PyObject *functools, PyObject *lru_cache);

/* Give it a row if it has an entry. 1: the reference was taken over (or the wrapper is gone); 0: not
 * yet; -errno: no more rows can be had. */
int ms_py_lru_consider(const struct ms_py_pending *pending);
void ms_py_lru_reset(void);

/* ---- weak.c: weak references, also where the interpreter has none (3.8) ---- */

int ms_py_weak_init(void);

/* An object that answers calls as @answers does; and the reference that is empty once it is gone. */
PyObject *ms_py_weak_stand_in(PyObject *answers, PyObject **ret_reference);
void ms_py_weak_bind(PyObject *reference, PyObject *target);

/* Of a reference of either kind: 1 with a strong reference in *ret_object; 0 it is gone; -1 it is there, but
 * must not be touched now. */
int ms_py_weak_get(PyObject *reference, PyObject **ret_object);
bool ms_py_weak_is_dead(PyObject *reference);

/* ---- finder.c: notice the import of functools ---- */

int ms_py_finder_install(void);

/* ---- size.c: deep sizes ---- */

enum { MS_PY_SIZE_ROOTS = 2 };

int ms_py_size_init(void);

/* One entry of a cache: up to two objects, each held by @edges references from the cache, and one of the
 * caller's. */
struct ms_py_entry {
	PyObject *roots[MS_PY_SIZE_ROOTS];
	unsigned edges[MS_PY_SIZE_ROOTS];
	Py_ssize_t cache_entries;
};

/* Bytes that dropping the entry would probably give back. */
double ms_py_size_entry(const struct ms_py_entry *entry);

/* Bytes of one object alone, its headers and the rounding of the allocator included. */
double ms_py_size_shallow(PyObject *object);

/* What can be seen of an object's size at once, where more of it means more bytes. */
double ms_py_size_hint(PyObject *object);

/* The type's own traverse function, or NULL where the limited API does not give it. */
traverseproc ms_py_size_traverse(PyObject *object);

/* Place @i of @count that are spread over a dict's entries, @at being after the one before. A position is an
 * index into the table; where entries went, they mostly went from its beginning, up to @first. */
Py_ssize_t ms_py_size_dict_at(Py_ssize_t at, Py_ssize_t first, Py_ssize_t i, Py_ssize_t length, Py_ssize_t count);
/* The first position that holds an entry. */
Py_ssize_t ms_py_size_dict_first(PyObject *dict);

/* ---- sample.c: the size of a whole cache, from some of its entries ---- */

struct ms_py_sample {
	bool of_links;      /* the values are links of a bounded wrapper: ms_py_sample_knows_links() */
	bool whole;         /* each entry is weighed, not drawn */
	uint32_t turns;
	unsigned scans;     /* that the hint is the mean of */
	unsigned drawn, weighed_us;
	int apart;          /* the last few of a probe said: 1 much more, -1 much less */
	Py_ssize_t entries; /* at the last scan */
	double hint;        /* of an entry, on average */
	double bytes_sum, hint_sum, squares; /* of those weighed */
};

/* Can the entries be found in the dict of a bounded lru_cache wrapper, which is not empty? */
bool ms_py_sample_knows_links(PyObject *dict);

/* Go on with it, for about a millisecond. */
void ms_py_sample_take(struct ms_py_sample *sample, PyObject *dict);
bool ms_py_sample_is_complete(const struct ms_py_sample *sample);
/* Bytes of one entry, on average; 0: not known yet. */
double ms_py_sample_average(const struct ms_py_sample *sample);
/* The estimate's standard error, as a share of it. */
double ms_py_sample_error(const struct ms_py_sample *sample);
/* It may be wrong by a factor of two: few entries hold most of the bytes. */
bool ms_py_sample_is_rough(const struct ms_py_sample *sample);

/* ---- cache.c: memshed.register() ---- */

int ms_py_cache_init(PyObject *module);
PyObject *ms_py_cache_register(PyObject *module, PyObject *args);

/* ---- builtin.c: caches of the standard library ---- */

void ms_py_builtin_adopt(void);

/* ---- small helpers (_memshedmodule.c) ---- */

/* @text as UTF-8 bytes object, whatever it holds; NULL without an exception if that fails. */
PyObject *ms_py_utf8(PyObject *text);

/* An attribute, or NULL without an exception. */
PyObject *ms_py_attribute(PyObject *object, const char *name);

/* The end of a path that is too long for a row, which says more than its beginning. */
const char *ms_py_cut_path(const char *path);

/* sys.modules[name], borrowed, or NULL without an exception: never imports. */
PyObject *ms_py_imported(const char *name);

#endif

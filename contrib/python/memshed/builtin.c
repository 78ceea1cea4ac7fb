/* SPDX-License-Identifier: MIT */
/*
 * builtin.c - caches of the standard library: cyclic garbage, compiled expressions, source lines.
 *
 * Each is registered in a round once the program has imported its module; nothing is imported here.
 * They are small as a rule, so "re" is left to a person (MEMSHED_CACHE_MANUAL). What caches let go may be in cycles:
 * the garbage collector is asked where much was claimed and little came back (MEMSHED_CACHE_COLLECTOR), since the
 * time of a collection grows with the number of objects.
 */
#include "adapter.h"

#include <errno.h>

struct builtin {
	struct ms_py_row row; /* first: found from it */
	const char *name;
	const char *module, *function; /* what empties it */
	const char *dict;              /* what holds it, or NULL */
	enum memshed_kind kind;
	uint32_t flags;
	bool registered;
	struct ms_py_sample sample;
};

static struct builtin builtins[] = {
	{.name = "gc",
	 .module = "gc",
	 .function = "collect",
	 .kind = MEMSHED_KIND_OTHER,
	 .flags = MEMSHED_CACHE_COLLECTOR},
	{.name = "re",
	 .module = "re",
	 .function = "purge",
	 .dict = "_cache",
	 .kind = MEMSHED_KIND_CODE,
	 .flags = MEMSHED_CACHE_MANUAL | MEMSHED_CACHE_ESTIMATED},
	{.name = "linecache",
	 .module = "linecache",
	 .function = "clearcache",
	 .dict = "cache",
	 .kind = MEMSHED_KIND_FILE,
	 .flags = MEMSHED_CACHE_ESTIMATED},
};

/* The dict that holds it; NULL without an exception. */
static PyObject *dict_of(const struct builtin *self)
{
	PyObject *module = self->dict ? ms_py_imported(self->module) : NULL;
	PyObject *dict = module ? ms_py_attribute(module, self->dict) : NULL;

	if (dict && !PyDict_CheckExact(dict))
		Py_CLEAR(dict);
	return dict;
}

static int count(void *ctx, struct memshed_usage *usage)
{
	struct builtin *self = ctx;
	PyObject *dict MS_PY_REF = dict_of(self);

	/* How much garbage there is cannot be known. That gc is asked keeps the rounds coming. */
	if (!dict)
		return self->dict ? -ENOENT : 0;
	usage->fields = MEMSHED_USAGE_BYTES | MEMSHED_USAGE_ENTRIES;
	usage->entries = (uint64_t)PyDict_Size(dict);
	if (usage->entries && ms_py_round_has_time())
		ms_py_sample_take(&self->sample, dict);
	if (usage->entries)
		usage->bytes = (uint64_t)(ms_py_size_shallow(dict) +
					  ms_py_sample_average(&self->sample) * (double)usage->entries);
	return 0;
}

static enum memshed_status shrink(void *ctx, const struct memshed_request *request,
				  struct memshed_result *result)
{
	struct builtin *self = ctx;
	PyObject *module = ms_py_imported(self->module);
	struct memshed_usage usage = {.size = sizeof(usage)};
	PyObject *answer MS_PY_REF = NULL;

	(void)request;
	if (!module)
		return MEMSHED_EMPTY;
	count(self, &usage);
	answer = PyObject_CallMethod(module, self->function, NULL);
	if (!answer) {
		PyErr_WriteUnraisable(module);
		return MEMSHED_UNSUPPORTED;
	}
	/* gc.collect() returns how many objects it found unreachable. */
	if (PyLong_Check(answer))
		usage.entries = (uint64_t)PyLong_AsLong(answer);
	PyErr_Clear();
	result->freed_bytes = usage.bytes;
	result->freed_entries = usage.entries;
	return usage.entries ? MEMSHED_DONE : MEMSHED_EMPTY;
}

static void abandon(struct ms_py_row *row)
{
	((struct builtin *)row)->registered = false;
}

static void adopt(struct builtin *self)
{
	struct memshed_cache_options options = {
		.size = sizeof(options),
		.name = self->name,
		.kind = self->kind,
		.flags = self->flags,
		.shrink = shrink,
		.count = count,
		.ctx = self,
	};

	if (memshed_register(&options, &self->row.cache) < 0)
		return;
	self->row.abandon = abandon;
	self->registered = true;
	ms_py_row_link(&self->row);
}

void ms_py_builtin_adopt(void)
{
	for (unsigned i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		if (!builtins[i].registered && ms_py_imported(builtins[i].module))
			adopt(&builtins[i]);
}

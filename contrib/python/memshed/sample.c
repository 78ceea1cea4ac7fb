/* SPDX-License-Identifier: MIT */
/*
 * sample.c - about how many bytes all entries of a cache hold, from a few that are weighed.
 *
 * Two phases. What can be seen of an entry at a glance (the length of its value, ms_py_size_hint()) is added up
 * over all entries, or over SCAN of them where there are more. Some entries are drawn, each as likely as its hint is
 * large, and weighed by a walk (size.c); the mean ratio of weight to hint, times the sum of the hints, is the
 * estimate. So few large entries among many small ones are found where their size can be seen; where it cannot,
 * the spread of the ratios shows, and more is drawn: until the standard error is ERROR_WANTED, or DRAWN_MOST
 * entries or WEIGHED_MOST_US were spent on it. Of at most CENSUS entries each is weighed.
 *
 * Values change after they were cached. So with each look a few more are drawn, and where they disagree the sample
 * begins again.
 *
 * All of it with the GIL held, for SLICE_NS at a time. A destructor that runs in between may change the dict, or
 * begin another sample, which then is put off.
 */
#include "adapter.h"

#include <math.h>

#include "util/clock.h"

enum {
	SCAN = 16384,
	CENSUS = 64,
	BATCH = 64,   /* drawn from one scan */
	PROBE = 8,    /* likewise, once there is an estimate */
	DRAWN_LEAST = 16,
	DRAWN_ENOUGH = 192,
	DRAWN_MOST = 1024,
	SCANS_KEPT = 4,
	WEIGHED_ENOUGH_US = 20000,
	WEIGHED_MOST_US = 100000,
	ENTRY_HINT = 96, /* of key and place in the dict, and of what the hint does not show */
	CHANGED = 8,     /* an eighth more or fewer entries */
	LINK_KEY = 5,    /* of a bounded cache's link, in words; the result follows */
	LINK_BYTES = 7 * sizeof(void *),
};
#define SLICE_NS 1000000
#define ERROR_WANTED 0.1
#define ERROR_ROUGH 0.25
#define DISAGREE 0.15 /* of the estimate, and DEVIATIONS more than chance */
#define DEVIATIONS 3

/* One scan: guarded by the GIL, and by busy where that is given away. */
static struct {
	Py_ssize_t positions[SCAN];
	float hints[SCAN];
	double sums[SCAN]; /* of the hints up to here */
	unsigned count;
	bool busy;
} scan;

/* ---- links ---- */

/* What a bounded wrapper's dict refers to: a list element of functools' own, the key and result of which stand behind
 * its hash. That they do is looked at each time. */
static PyObject *link_value(PyObject *link, PyObject *key)
{
	PyObject **fields = (PyObject **)link;

	return fields[LINK_KEY] == key ? fields[LINK_KEY + 1] : NULL;
}

bool ms_py_sample_knows_links(PyObject *dict)
{
	Py_ssize_t at = 0;
	PyObject *key, *link;

	if (!PyDict_Next(dict, &at, &key, &link))
		return false;

	PyObject *name MS_PY_REF = ms_py_attribute((PyObject *)Py_TYPE(link), "__name__");
	PyObject *bytes MS_PY_REF = ms_py_attribute((PyObject *)Py_TYPE(link), "__basicsize__");
	bool known = name && bytes && PyUnicode_Check(name) &&
		     PyUnicode_CompareWithASCIIString(name, "_lru_list_elem") == 0 &&
		     PyLong_AsLong(bytes) == LINK_BYTES && link_value(link, key);

	PyErr_Clear();
	return known;
}

/* The entry at or after @at. Borrowed. Return: whether there is one. */
static bool next_entry(const struct ms_py_sample *sample, PyObject *dict, Py_ssize_t *at, PyObject **ret_key,
		       PyObject **ret_value)
{
	while (PyDict_Next(dict, at, ret_key, ret_value)) {
		if (sample->of_links)
			*ret_value = link_value(*ret_value, *ret_key);
		if (*ret_value)
			return true;
	}
	return false;
}

/* ---- the scan ---- */

/* Deterministic: the next of a sequence that is spread evenly over 0 to 1. */
static double spread(struct ms_py_sample *sample)
{
	sample->turns += UINT32_C(0x9e3779b1);
	return (double)sample->turns / 4294967296.0;
}

static void look_over(struct ms_py_sample *sample, PyObject *dict, bool changed)
{
	Py_ssize_t length = PyDict_Size(dict), count = length < SCAN ? length : SCAN;
	Py_ssize_t first = ms_py_size_dict_first(dict), at = first;
	PyObject *key, *value;
	double sum = 0;

	if (length > SCAN)
		at = first += (Py_ssize_t)(spread(sample) * (double)length / SCAN);
	scan.count = 0;
	for (Py_ssize_t i = 0; i < count; i++) {
		at = ms_py_size_dict_at(at, first, i, length, SCAN);
		if (!next_entry(sample, dict, &at, &key, &value))
			break;
		Py_INCREF(value);
		scan.hints[scan.count] = (float)(ms_py_size_hint(value) + ENTRY_HINT);
		Py_DECREF(value);
		sum += (double)scan.hints[scan.count];
		scan.positions[scan.count] = at - 1;
		scan.sums[scan.count++] = sum;
	}
	if (!scan.count)
		return;
	/* Of a part of many entries each scan sees another. */
	double mean = sum / scan.count;

	if (length <= SCAN || changed)
		sample->scans = 0;
	else if (sample->scans == SCANS_KEPT)
		sample->scans--;
	sample->hint = (sample->hint * sample->scans + mean) / (sample->scans + 1);
	sample->scans++;
	sample->entries = length;
}

/* The first entry of the scan with more than @sum before and in it. */
static unsigned find(double sum)
{
	unsigned low = 0, high = scan.count - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (scan.sums[middle] > sum)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* ---- weighing ---- */

/* Weigh the entry at place @which of the scan. Return: its bytes; -1: it is gone. */
static double weigh(const struct ms_py_sample *sample, PyObject *dict, unsigned which)
{
	Py_ssize_t at = scan.positions[which];
	struct ms_py_entry entry;
	PyObject *key, *value;
	double bytes;

	if (!next_entry(sample, dict, &at, &key, &value) || at != scan.positions[which] + 1)
		return -1;
	Py_INCREF(key);
	Py_INCREF(value);
	/* A link holds the key as well as the dict does. */
	entry = (struct ms_py_entry){.roots = {key, value}, .edges = {sample->of_links ? 2 : 1, 1},
				     .cache_entries = sample->entries};
	bytes = ms_py_size_entry(&entry);
	Py_DECREF(key);
	Py_DECREF(value);
	return bytes;
}

static void add(struct ms_py_sample *sample, double bytes, double hint, bool whole)
{
	double ratio = bytes / hint;

	sample->bytes_sum += whole ? bytes : ratio;
	sample->hint_sum += whole ? hint : 1;
	sample->squares += ratio * ratio;
	sample->drawn++;
}

static double ratio_of(const struct ms_py_sample *sample)
{
	return sample->hint_sum > 0 ? sample->bytes_sum / sample->hint_sum : 0;
}

static void forget(struct ms_py_sample *sample)
{
	sample->bytes_sum = sample->hint_sum = sample->squares = 0;
	sample->drawn = sample->weighed_us = 0;
}

/* Draws entries for a slice of time; at least one, so that every slice makes progress. */
static void draw(struct ms_py_sample *sample, PyObject *dict, unsigned wanted, bool whole)
{
	uint64_t began_ns = ms_clock_ns(), end_ns = began_ns + SLICE_NS;
	double offset = spread(sample), sum = scan.sums[scan.count - 1];

	for (unsigned i = 0; i < wanted; i++) {
		/* Time may run out anywhere: each first part is spread evenly as well. */
		double place = offset + i * 0.6180339887498949;
		unsigned which = whole ? sample->drawn : find((place - floor(place)) * sum);
		double bytes;

		if (which >= scan.count)
			break;
		bytes = weigh(sample, dict, which);
		if (bytes >= 0)
			add(sample, bytes, (double)scan.hints[which], whole);
		else if (whole)
			sample->drawn++;
		if (ms_clock_ns() >= end_ns)
			break;
	}
	sample->weighed_us += (unsigned)((ms_clock_ns() - began_ns) / MS_NS_PER_US);
}

double ms_py_sample_error(const struct ms_py_sample *sample)
{
	double ratio = ratio_of(sample), drawn = sample->drawn;

	if (sample->whole || drawn < 2 || ratio <= 0)
		return 0;
	double variance = (sample->squares / drawn - ratio * ratio) / drawn;

	return variance > 0 ? sqrt(variance) / ratio : 0;
}

bool ms_py_sample_is_rough(const struct ms_py_sample *sample)
{
	return ms_py_sample_error(sample) > ERROR_ROUGH;
}

bool ms_py_sample_is_complete(const struct ms_py_sample *sample)
{
	if (sample->whole)
		return sample->drawn >= (size_t)sample->entries;
	if (sample->drawn >= DRAWN_MOST || sample->weighed_us >= WEIGHED_MOST_US)
		return true;
	if (sample->drawn < DRAWN_ENOUGH && (sample->drawn < DRAWN_LEAST || sample->weighed_us < WEIGHED_ENOUGH_US))
		return false;
	return ms_py_sample_error(sample) <= ERROR_WANTED;
}

/* Do the @few say something else than the sample, and not by chance? Without a tail, twice in a row is not. */
static bool disagree(struct ms_py_sample *sample, const struct ms_py_sample *few)
{
	double ratio = ratio_of(sample), apart = ratio_of(few) - ratio;
	double variance = sample->squares / sample->drawn - ratio * ratio;
	int before = sample->apart, way = apart > 0 ? 1 : -1;

	sample->apart = fabs(apart) <= DISAGREE * ratio ? 0 : way;
	if (!sample->apart)
		return false;
	if (variance <= 0 || fabs(apart) >= DEVIATIONS * sqrt(variance / few->drawn))
		return true;
	return before == way && variance < ratio * ratio;
}

/* A few more; where they disagree with the estimate, it begins again with them. */
static void probe(struct ms_py_sample *sample, PyObject *dict, unsigned wanted)
{
	struct ms_py_sample few = {.of_links = sample->of_links, .turns = sample->turns, .hint = sample->hint,
				   .entries = sample->entries, .scans = sample->scans};

	draw(&few, dict, wanted, false);
	sample->turns = few.turns;
	if (!few.drawn)
		return;
	if (disagree(sample, &few)) {
		*sample = few;
		return;
	}
	if (sample->whole)
		return;
	/* What was drawn long ago counts less and less. */
	if (sample->drawn >= DRAWN_MOST) {
		sample->bytes_sum /= 2;
		sample->hint_sum /= 2;
		sample->squares /= 2;
		sample->drawn /= 2;
	}
	sample->bytes_sum += few.bytes_sum;
	sample->hint_sum += few.hint_sum;
	sample->squares += few.squares;
	sample->drawn += few.drawn;
}

void ms_py_sample_take(struct ms_py_sample *sample, PyObject *dict)
{
	Py_ssize_t before = sample->entries, length = PyDict_Size(dict);
	Py_ssize_t change = length > before ? length - before : before - length;
	bool whole = length <= CENSUS, changed = change && change * CHANGED >= before;

	if (scan.busy || !length)
		return;
	scan.busy = true;
	look_over(sample, dict, changed);
	if (scan.count) {
		if (whole != sample->whole || (whole && changed))
			forget(sample);
		sample->whole = whole;
		if (!ms_py_sample_is_complete(sample))
			draw(sample, dict, BATCH, whole);
		else
			probe(sample, dict, changed ? BATCH : PROBE);
	}
	scan.busy = false;
}

double ms_py_sample_average(const struct ms_py_sample *sample)
{
	return sample->hint * ratio_of(sample);
}

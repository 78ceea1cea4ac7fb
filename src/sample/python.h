/* SPDX-License-Identifier: MIT */
/*
 * sample/python.h - is a process a Python, and what keeps the adapter (contrib/python) out of it?
 *
 * Reads the name of its program, its command line and its environment. The last two are pages of the process
 * itself: reading them waits for its mmap lock, and for whatever fills such a page, so a watch
 * reads them only while memory is not short. The process may write anything there: it is compared, and never
 * printed. Nothing allocates.
 */
#ifndef MS_SAMPLE_PYTHON_H
#define MS_SAMPLE_PYTHON_H

#include <stdint.h>
#include <sys/types.h>

#include "util/root.h"

enum ms_python_fault {
	MS_PYTHON_NONE = 0,       /* no Python, or it has ended */
	MS_PYTHON_PATH,           /* PYTHONPATH in its environment does not name the adapter's folder */
	MS_PYTHON_BEHIND,         /* it does, but another folder is before it: a sitecustomize there comes first */
	MS_PYTHON_ISOLATED,       /* -I */
	MS_PYTHON_NO_ENVIRONMENT, /* -E */
	MS_PYTHON_NO_SITE,        /* -S */
	MS_PYTHON_VERSION,        /* older than the adapter is built for */
	MS_PYTHON_BUILD,          /* without a GIL, for debugging, or not CPython */
	MS_PYTHON_OTHER_USER,     /* sudo, or setuid: its environment cannot be read */
	MS_PYTHON_UNKNOWN,        /* nothing of that can be seen */
};

/**
 * ms_python_program - is its program a Python, by its name alone?
 * Reads no page of the process, and waits for no lock of it. @ret_program: as below.
 * Return: MS_PYTHON_NONE: it is none; MS_PYTHON_UNKNOWN: one that the adapter is for; MS_PYTHON_VERSION,
 * MS_PYTHON_BUILD: one that the adapter is not for.
 */
enum ms_python_fault ms_python_program(const struct ms_root *root, pid_t pid, uint64_t *ret_program);

/**
 * ms_python_look - what keeps the adapter out of a process; asked where it has no table
 * @dir: the adapter's folder, as `memshed run` puts it on PYTHONPATH
 * @ret_program: a number that stands for its program, the same for each process that runs it; 0: not known
 * Return: enum ms_python_fault.
 */
enum ms_python_fault ms_python_look(const struct ms_root *root, pid_t pid, const char *dir, uint64_t *ret_program);

/** ms_python_fault_name - "path", for scripts; ms_python_fault_words: for people */
const char *ms_python_fault_name(uint32_t fault);
const char *ms_python_fault_words(uint32_t fault);

#endif

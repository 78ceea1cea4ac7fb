/* SPDX-License-Identifier: MIT */
/*
 * cli/place.h - where the parts of memshed are: beside this program in the build tree, else as
 * installed, by the way from one folder to the other, so that a tree that was moved still fits together.
 */
#ifndef MS_CLI_PLACE_H
#define MS_CLI_PLACE_H

#include <limits.h>

/* As configured; each program says in which of these it is. */
extern const char ms_place_bin[];     /* memshed */
extern const char ms_place_libexec[]; /* memshed-run */

/** ms_place_python - the folder of the Python adapter, put into @path; NULL when there is none */
const char *ms_place_python(const char *own_dir, char path[PATH_MAX]);

/** ms_place_runner - the program memshed-run, put into @path; where nothing better is known, as configured */
const char *ms_place_runner(const char *own_dir, char path[PATH_MAX]);

#endif

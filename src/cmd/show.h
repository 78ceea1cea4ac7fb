/* SPDX-License-Identifier: MIT */
/* cmd/show.h - the two forms of `memshed show`. */
#ifndef MS_CMD_SHOW_H
#define MS_CMD_SHOW_H

#include "cmd/snapshot.h"

/** ms_show_print_text - @shown: lines in the table; the others are one; @each: a line for each cache, not for
 * each name */
void ms_show_print_text(const struct ms_snapshot *snapshot, unsigned shown, bool each);
void ms_show_print_json(const struct ms_snapshot *snapshot);

#endif

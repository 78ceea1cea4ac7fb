/* SPDX-License-Identifier: MIT */
/* lib/look.h - what a thread knows when it looks how much memory is used. */
#ifndef MS_LIB_LOOK_H
#define MS_LIB_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "table/marks.h"

struct ms_look {
	uint64_t now_ns;
	uint64_t used_bytes;
	uint64_t ahead_bytes; /* what a thread is about to add */
	struct ms_marks_body marks;
};

/** ms_look_has_marks - has a watch ever written marks here? One load */
bool ms_look_has_marks(void);
/** ms_look_read_marks - Return: whether there are marks that have not expired */
bool ms_look_read_marks(uint64_t now_ns, struct ms_marks_body *ret_marks);
/** ms_look_take - fill in all but ahead_bytes; Return: whether there are marks, and usage is known */
bool ms_look_take(struct ms_look *look);
/** ms_look_is_short - is usage above high, or above the brake mark with ahead_bytes? */
bool ms_look_is_short(const struct ms_look *look);

#endif

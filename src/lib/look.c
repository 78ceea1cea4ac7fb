/* SPDX-License-Identifier: MIT */
/*
 * lib/look.c - what a thread knows when it looks how much memory is used: the marks, and usage.
 *
 * Any thread, perhaps with locks of the host: nothing here waits, allocates or opens.
 */
#include "lib/look.h"

#include "lib/lib.h"

/* The marks as this thread read them last; they count while a watch is writing new ones. */
static __thread struct ms_marks_body last __attribute__((tls_model("initial-exec")));

bool ms_look_has_marks(void)
{
	const struct ms_control_abi *page = ms_lib.control.page;

	return page && __atomic_load_n(&page->marks.body.until_ns, __ATOMIC_RELAXED);
}

bool ms_look_read_marks(uint64_t now_ns, struct ms_marks_body *ret_marks)
{
	if (!ms_marks_read_kept(ms_lib.control.page, now_ns, &last))
		return false;
	*ret_marks = last;
	return true;
}

bool ms_look_take(struct ms_look *look)
{
	look->now_ns = ms_clock_ns();
	if (!ms_look_read_marks(look->now_ns, &look->marks))
		return false;
	look->used_bytes = ms_usage_bytes(&look->marks);
	return look->used_bytes;
}

bool ms_look_is_short(const struct ms_look *look)
{
	return look->used_bytes >= look->marks.high_bytes ||
	       look->used_bytes + look->ahead_bytes >= look->marks.brake_bytes;
}

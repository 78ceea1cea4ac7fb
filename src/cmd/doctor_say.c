/* SPDX-License-Identifier: MIT */
/* cmd/doctor_say.c - how a check reads one line, and says what it found. */
#include <stdarg.h>
#include <stdio.h>

#include "cmd/doctor.h"

void ms_check_say(struct ms_check *check, enum ms_check_state state, const char *found, const char *follows,
		  ...)
{
	va_list args;

	check->state = state;
	snprintf(check->found, sizeof(check->found), "%s", found);
	va_start(args, follows);
	vsnprintf(check->follows, sizeof(check->follows), follows, args);
	va_end(args);
}

ssize_t ms_check_read(const struct ms_root *root, const char *path, char *text, size_t size)
{
	ssize_t length = ms_root_read_text(root, text, size, "%s", path);

	if (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	return length;
}

/* SPDX-License-Identifier: MIT */
/*
 * event/out.h - write lines without ever waiting for their reader.
 *
 * A supervisor that blocks on a full pipe cannot save its job. A line that cannot be written at once
 * is dropped and counted. The caller's descriptor keeps its flags: it is shared with the command.
 */
#ifndef MS_EVENT_OUT_H
#define MS_EVENT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_out {
	int fd;
	enum { MS_OUT_PLAIN = 0, MS_OUT_SOCKET, MS_OUT_POLLED } how;
	bool cut; /* of the last line that arrived, the end is missing */
	uint64_t lost_lines;
};

/** ms_out_open_stderr - never fails: what cannot be opened again is polled before each write */
void ms_out_open_stderr(struct ms_out *out);

/** ms_out_open_file - append to @path, of whatever kind the file is; Return: 0 or a negative errno */
int ms_out_open_file(struct ms_out *out, const char *path);
void ms_out_close(struct ms_out *out);

/**
 * ms_out_write - one line with its end, in one piece or, when it cannot be written now, not at all
 * A full disk may take a part of it: the line after that is a whole one again.
 */
void ms_out_write(struct ms_out *out, const char *line, size_t length);

#endif

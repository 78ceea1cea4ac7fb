/* SPDX-License-Identifier: MIT */
/* event/out.c - see out.h. */
#include "event/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * O_NONBLOCK belongs to the open file, which the command shares. Opening it again through /proc gives
 * one of our own for pipes and terminals. A regular file never blocks for its reader, and opened again
 * it would have an offset of its own and be written over.
 */
void ms_out_open_stderr(struct ms_out *out)
{
	struct stat file;

	*out = (struct ms_out){.fd = STDERR_FILENO, .how = MS_OUT_POLLED};
	if (fstat(STDERR_FILENO, &file) < 0)
		return;
	if (S_ISSOCK(file.st_mode))
		out->how = MS_OUT_SOCKET;
	if (S_ISREG(file.st_mode))
		out->how = MS_OUT_PLAIN;
	if (!S_ISFIFO(file.st_mode) && !S_ISCHR(file.st_mode))
		return;
	int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		*out = (struct ms_out){.fd = own, .how = MS_OUT_PLAIN};
}

int ms_out_open_file(struct ms_out *out, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	*out = (struct ms_out){.fd = fd, .how = MS_OUT_PLAIN};
	return 0;
}

void ms_out_close(struct ms_out *out)
{
	if (out->fd > STDERR_FILENO)
		close(out->fd);
	out->fd = -1;
}

static ssize_t try_write(const struct ms_out *out, struct iovec *parts, int count)
{
	struct pollfd ready = {.fd = out->fd, .events = POLLOUT};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};

	if (out->how == MS_OUT_SOCKET)
		return sendmsg(out->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (out->how == MS_OUT_POLLED && poll(&ready, 1, 0) != 1)
		return -1;
	return writev(out->fd, parts, count);
}

/*
 * A line is cut where a disk is full or a terminal slow. Its rest would look odd later, so it is lost; the
 * next line then begins with the missing newline, and a reader of lines loses no more than the cut one.
 */
void ms_out_write(struct ms_out *out, const char *line, size_t length)
{
	struct iovec parts[] = {
		{.iov_base = (char[]){'\n'}, .iov_len = out->cut ? 1 : 0},
		{.iov_base = (char *)(uintptr_t)line, .iov_len = length},
	};
	size_t before = parts[0].iov_len, whole = before + length;
	ssize_t n;

	do
		n = try_write(out, parts, 2);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		out->cut = (size_t)n > before && (size_t)n < whole;
	if (n < (ssize_t)whole)
		out->lost_lines++;
}

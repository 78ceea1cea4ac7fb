/* SPDX-License-Identifier: MIT */
/* sample/listing.c - see listing.h. */
#include "sample/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "sample/text.h"

void ms_listing_start(struct ms_listing *listing, const struct ms_root *root, int fd)
{
	listing->root = root;
	listing->fd = fd;
	listing->rewound = false;
	listing->length = 0;
	listing->offset = 0;
}

static int fill(struct ms_listing *listing)
{
	const struct ms_io_ops *ops = &listing->root->ops;
	ssize_t n = ops->getdents(ops->ctx, listing->fd, listing->buffer, sizeof(listing->buffer),
				  !listing->rewound);

	if (n < 0)
		return (int)n;
	if ((size_t)n > sizeof(listing->buffer))
		return -EBADMSG;
	listing->rewound = true;
	listing->length = (size_t)n;
	listing->offset = 0;
	return n > 0;
}

/* The next name, or NULL when the record does not fit what was read. */
static const char *take_name(struct ms_listing *listing)
{
	const size_t head = offsetof(struct dirent64, d_name);
	size_t left = listing->length - listing->offset;
	const struct dirent64 *entry = (const void *)(listing->buffer + listing->offset);

	if (left < head || entry->d_reclen <= head || entry->d_reclen > left)
		return NULL;
	if (!memchr(entry->d_name, '\0', entry->d_reclen - head))
		return NULL;
	listing->offset += entry->d_reclen;
	return entry->d_name;
}

static bool parse_number(const char *name, pid_t *ret_number)
{
	uint64_t value;

	if (!ms_text_u64(&name, &value) || *name != '\0' || value == 0 || value > INT32_MAX)
		return false;
	*ret_number = (pid_t)value;
	return true;
}

int ms_listing_next(struct ms_listing *listing, pid_t *ret_number)
{
	for (;;) {
		if (listing->offset == listing->length) {
			int r = fill(listing);

			if (r <= 0)
				return r;
		}
		const char *name = take_name(listing);

		if (!name)
			return -EBADMSG;
		if (parse_number(name, ret_number))
			return 1;
	}
}

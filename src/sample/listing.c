/* SPDX-License-Identifier: MIT */
#include "sample/listing.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "sample/text.h"

/* struct linux_dirent64, whose name getdents64(2) gives to nobody's header. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

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
	size_t left = listing->length - listing->offset;
	const struct entry *entry = (const struct entry *)(listing->buffer + listing->offset);

	if (left < sizeof(*entry) || entry->length <= sizeof(*entry) || entry->length > left)
		return NULL;
	if (!memchr(entry->name, '\0', entry->length - sizeof(*entry)))
		return NULL;
	listing->offset += entry->length;
	return entry->name;
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

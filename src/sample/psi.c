/* SPDX-License-Identifier: MIT */
/* sample/psi.c - see psi.h. */
#include "sample/psi.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sample/text.h"
#include "util/cleanup.h"

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234" */
static bool take_total(const char *text, const char *key, uint64_t *ret_us)
{
	const char *row = ms_text_row(text, key);

	if (!row)
		return false;
	const char *total = strstr(row, " total=");
	const char *end = strchr(row, '\n');

	if (!total || !end || total > end)
		return false;
	total += strlen(" total=");
	return ms_text_u64(&total, ret_us) && *total == '\n';
}

int ms_psi_parse(const char *text, struct ms_psi_totals *ret_totals)
{
	struct ms_psi_totals totals = {0};

	if (!take_total(text, "some", &totals.some_us))
		return -EBADMSG;
	if (ms_text_row(text, "full") && !take_total(text, "full", &totals.full_us))
		return -EBADMSG;
	*ret_totals = totals;
	return 0;
}

int ms_psi_open(struct ms_psi *psi, const struct ms_root *root, const char *path)
{
	struct ms_psi_totals totals;

	*psi = (struct ms_psi){.root = root, .fd = -1};
	int fd = ms_root_open(root, "%s", path);

	if (fd < 0)
		return fd;
	psi->fd = fd;
	int r = ms_psi_read(psi, &totals); /* only reading tells that it is switched off */

	if (r < 0)
		ms_psi_close(psi);
	return r;
}

void ms_psi_close(struct ms_psi *psi)
{
	ms_cleanup_close(&psi->fd);
	psi->fd = -1;
}

int ms_psi_read(const struct ms_psi *psi, struct ms_psi_totals *ret_totals)
{
	char text[512];
	ssize_t n = ms_text_read(psi->root, psi->fd, text, sizeof(text));

	return n < 0 ? (int)n : ms_psi_parse(text, ret_totals);
}

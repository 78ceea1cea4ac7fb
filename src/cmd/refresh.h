/* SPDX-License-Identifier: MIT */
/*
 * cmd/refresh.h - have processes count their caches before they are shown.
 *
 * A cache that knows its own size says it once a second or more seldom. What is shown should be true now: so all
 * processes with an idle agent are asked to count, at once, and waited for together, MS_REFRESH_US in all. What has
 * not been counted by then is shown as it is. Processes that are stopped, near their limit or busy are left alone.
 */
#ifndef MS_CMD_REFRESH_H
#define MS_CMD_REFRESH_H

#include "cmd/snapshot.h"

enum {
	MS_REFRESH_US = 50000,
	MS_REFRESH_MOST = 256, /* processes for a list */
};

/* One process: as it was, and as it is shown. */
struct ms_refresh {
	struct ms_target *target; /* its control page is open, where that is allowed; not owned */
	struct ms_snapshot *snapshot;
};

/**
 * ms_refresh_all - ask, wait, and take the snapshots again
 * @sort: of the rows
 *
 * Sets counted in each snapshot. The orders are taken back that were not begun. A process that ended meanwhile is
 * left as it was.
 */
void ms_refresh_all(struct ms_refresh *processes, size_t count, enum ms_row_sort sort);

/** ms_refresh_may - whether the process of this snapshot may be asked; else why not, never MS_COUNTED_NOW */
bool ms_refresh_may(const struct ms_snapshot *snapshot, bool can_post, enum ms_counted *ret_why_not);

#endif

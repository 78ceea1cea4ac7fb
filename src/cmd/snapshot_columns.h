/* SPDX-License-Identifier: MIT */
/* cmd/snapshot_columns.h - the columns of a process and of its caches. The keys are promised in the manual.
 */
#ifndef MS_CMD_SNAPSHOT_COLUMNS_H
#define MS_CMD_SNAPSHOT_COLUMNS_H

#include "cmd/column.h"
#include "cmd/snapshot.h"

enum {
	/* Of a process. */
	MS_VIEW_LIST = 1,
	MS_VIEW_LIST_JSON = 2,
	MS_VIEW_SHOW_JSON = 4,
	/* Of a cache. */
	MS_VIEW_NARROW = 1,
	MS_VIEW_WIDE = 2,
	MS_VIEW_JSON = 4,
	MS_VIEW_GROUP_JSON = 8,
};

/* Its items are struct ms_snapshot. */
extern const struct ms_columns ms_snapshot_columns;

/* Its items are struct ms_cache_item. */
extern const struct ms_columns ms_cache_columns;
struct ms_cache_item {
	const struct ms_row *row;
	const struct ms_group *group; /* of which @row is the sum; NULL for a row of the table */
	uint64_t now_ns;
	bool wide; /* there is room for when the last order was */
};

#endif

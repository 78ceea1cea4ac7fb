/* SPDX-License-Identifier: MIT */
/* watch/marks.c - see marks.h. */
#include "watch/marks.h"

#include <string.h>

#include "table/marks.h"
#include "util/inode.h"
#include "watch/watch.h"

_Static_assert((int)MS_CGROUP_DIRECTORY_BYTES == (int)MS_MARKS_DIRECTORY_BYTES, "it is handed on as it is");

static const char no_directory[MS_MARKS_DIRECTORY_BYTES];

/* What is the same for all members. */
struct told {
	struct ms_marks_body body;
	const char *directory;
};

static uint32_t kind_of(enum ms_limit_source source)
{
	switch (source) {
	case MS_LIMIT_NONE:
		return MS_USAGE_NONE;
	case MS_LIMIT_CGROUP1:
	case MS_LIMIT_CGROUP1_MEMSW:
		return MS_USAGE_CGROUP1;
	case MS_LIMIT_CGROUP2_MAX:
	case MS_LIMIT_CGROUP2_HIGH:
		return MS_USAGE_CGROUP2;
	default:
		return MS_USAGE_ANON;
	}
}

/* The margin is for a watch that comes late. A process does not: with a lower high it would drop more of its caches
 * than it needs to, in rounds that take longer. */
static struct ms_marks marks_of(const struct ms_watch *watch)
{
	const struct ms_reading *reading = &watch->reading;
	struct ms_marks marks =
		ms_policy_marks_of(&watch->config, &reading->sample.limit, reading->budget.statm_error_bytes);

	ms_reading_narrow(reading, &watch->config, &marks);
	return marks;
}

static void name_file(struct told *told, const struct ms_cgroup_level *level, uint64_t used_bytes)
{
	struct ms_inode inode = ms_inode_of(level->usage_fd);
	struct ms_marks_body *body = &told->body;

	body->device = inode.device;
	body->inode = inode.inode;
	body->usage_offset = (int64_t)(used_bytes - level->usage_bytes);
	told->directory = level->directory;
}

static void describe(const struct ms_watch *watch, struct told *ret_told)
{
	const struct ms_reading *reading = &watch->reading;
	const struct ms_limit *limit = &reading->sample.limit;
	const struct ms_cgroup_level *level = ms_cgroup_level_of(&reading->budget.cgroup, limit);
	struct ms_marks marks = marks_of(watch);

	*ret_told = (struct told){
		.body = {.kind = kind_of(limit->source),
			 .written_ns = reading->sample.at_ns,
			 .until_ns = reading->sample.at_ns + MS_MARKS_LIFE_NS,
			 .high_bytes = marks.high_bytes,
			 .low_bytes = marks.low_bytes,
			 .brake_bytes = ms_policy_brake_bytes(&watch->config, &marks),
			 .max_bytes = marks.max_bytes,
			 .flags = (watch->options.no_brake ? MS_MARKS_NO_BRAKE : 0) |
				  (limit->source == MS_LIMIT_CGROUP1_MEMSW ? MS_MARKS_SWAP : 0)},
		.directory = no_directory,
	};
	if (level && level->directory[0])
		name_file(ret_told, level, limit->used_bytes);
	else if (ret_told->body.kind != MS_USAGE_NONE)
		ret_told->body.kind = MS_USAGE_ANON;
	/* Of no file as well: then it is the process's own statm that is to be opened. */
	ret_told->body.generation = ms_marks_generation(ret_told->body.kind, ret_told->body.device,
							ret_told->body.inode, ret_told->directory);
	for (uint32_t slot = 0; slot < reading->tree.high; slot++)
		ret_told->body.sharers += watch->members.at[slot].can_post;
}

static uint64_t anon_of(const struct ms_watch *watch, uint32_t slot)
{
	const struct ms_tree_member *process = ms_tree_member(&watch->reading.tree, slot);

	if (!process || process->memory.resident_bytes < process->memory.shared_bytes)
		return 0;
	return process->memory.resident_bytes - process->memory.shared_bytes;
}

static void tell(struct ms_watch *watch, struct told *told, uint32_t slot)
{
	struct ms_member *member = &watch->members.at[slot];

	if (!member->can_post)
		return;
	told->body.anon_offset = (int64_t)(watch->reading.sample.limit.used_bytes - anon_of(watch, slot));
	if (ms_marks_write(member->client.page, &told->body, told->directory))
		ms_control_ring(&member->client);
}

void ms_watch_tell_marks(struct ms_watch *watch)
{
	struct told told;

	if (watch->members.tables == 0)
		return;
	describe(watch, &told);
	for (uint32_t slot = 0; slot < watch->reading.tree.high; slot++)
		tell(watch, &told, slot);
}

void ms_watch_tell_member(struct ms_watch *watch, uint32_t slot)
{
	struct told told;

	describe(watch, &told);
	tell(watch, &told, slot);
}

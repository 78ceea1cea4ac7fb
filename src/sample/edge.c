/* SPDX-License-Identifier: MIT */
/* sample/edge.c - see edge.h. */
#include "sample/edge.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sample/process.h"
#include "util/cleanup.h"

enum { THRESHOLD_PAGES = 128 };
static const uint64_t SLACK_BYTES = UINT64_C(8) << 20;

static uint64_t read_slack(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return SLACK_BYTES + (cpus > 0 ? (uint64_t)cpus : 1) * THRESHOLD_PAGES * ms_process_page_bytes();
}

/* Number 0 is the highest. */
static uint64_t threshold(uint64_t max_bytes, uint32_t step)
{
	static const uint64_t eighths[MS_EDGE_STEPS] = {7, 6, 4};

	return max_bytes / 8 * eighths[step];
}

/* The limit that a file counts against now. */
static uint64_t max_of(const struct ms_cgroup_level *level, bool swap)
{
	return swap ? level->swap_max_bytes : level->max_bytes;
}

static void add_file(struct ms_edge *edge, const struct ms_cgroup *cgroup, uint32_t index, bool swap)
{
	const struct ms_cgroup_level *level = &cgroup->levels[index];
	uint64_t max_bytes = max_of(level, swap);

	if (max_bytes == MS_CGROUP_NO_LIMIT || edge->file_count == MS_EDGE_FILES || level->event_control_fd < 0 ||
	    (swap ? level->swap_usage_fd : level->usage_fd) < 0)
		return;
	edge->files[edge->file_count++] = (struct ms_edge_file){.level = index, .swap = swap, .max_bytes = max_bytes};
}

static void open_usage(struct ms_edge *edge, const struct ms_cgroup *cgroup)
{
	for (uint32_t i = 0; i < cgroup->level_count; i++) {
		add_file(edge, cgroup, i, false);
		add_file(edge, cgroup, i, true);
	}
	if (edge->file_count > 0)
		edge->usage_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (edge->usage_fd < 0)
		edge->file_count = 0;
}

bool ms_edge_is_whole(const struct ms_edge *edge)
{
	return edge->file_count == 0 || edge->files[edge->file_count - 1].steps == MS_EDGE_STEPS;
}

static bool put_threshold(const struct ms_edge *edge, const struct ms_cgroup_level *level,
			  const struct ms_edge_file *file)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%d %d %llu", edge->usage_fd,
			 file->swap ? level->swap_usage_fd : level->usage_fd,
			 (unsigned long long)threshold(file->max_bytes, file->steps));

	return write(level->event_control_fd, line, (size_t)n) == n;
}

void ms_edge_put_one(struct ms_edge *edge, const struct ms_cgroup *cgroup)
{
	uint32_t i = 0;

	while (i < edge->file_count && edge->files[i].steps == MS_EDGE_STEPS)
		i++;
	if (i == edge->file_count)
		return;
	if (put_threshold(edge, &cgroup->levels[edge->files[i].level], &edge->files[i]))
		edge->files[i].steps++;
	else
		edge->file_count = i; /* not allowed, or no memory: without this one and the rest */
}

static bool watch_file(int inotify_fd, int fd)
{
	char link[sizeof("/proc/self/fd/") + 16];

	if (fd < 0)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return inotify_add_watch(inotify_fd, link, IN_MODIFY) >= 0;
}

static void open_limits(struct ms_edge *edge, struct ms_cgroup *cgroup)
{
	edge->limits_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cgroup->limits_are_told = edge->limits_fd >= 0;
	ms_cgroup_reread(cgroup);
	for (uint32_t i = 0; cgroup->limits_are_told && i < cgroup->level_count; i++) {
		const struct ms_cgroup_level *level = &cgroup->levels[i];

		cgroup->limits_are_told = watch_file(edge->limits_fd, level->max_fd) &&
					  watch_file(edge->limits_fd, level->high_fd) &&
					  watch_file(edge->limits_fd, level->swap_max_fd);
	}
}

/* Of all limits that thresholds can be put for; whether they could is another question. */
static uint64_t sum_limits(const struct ms_cgroup *cgroup)
{
	uint64_t sum = cgroup->level_count;

	for (uint32_t i = 0; cgroup->version == MS_CGROUP_V1 && i < cgroup->level_count; i++)
		sum = (sum * 31 + cgroup->levels[i].max_bytes) * 31 + cgroup->levels[i].swap_max_bytes;
	return sum;
}

static void open_events(struct ms_edge *edge, const struct ms_cgroup *cgroup)
{
	for (uint32_t i = 0; i < cgroup->level_count && edge->events_count < MS_EDGE_FILES; i++) {
		const struct ms_cgroup_level *level = &cgroup->levels[i];
		int fd = i == 0 ? level->events_fd : level->local_events_fd;

		if (fd >= 0)
			edge->events_fds[edge->events_count++] = fd;
	}
}

void ms_edge_open(struct ms_edge *edge, struct ms_cgroup *cgroup)
{
	*edge = (struct ms_edge){.usage_fd = -1, .limits_fd = -1, .slack_bytes = read_slack()};
	edge->limits_sum = sum_limits(cgroup);
	if (cgroup->level_count == 0)
		return;
	if (cgroup->version == MS_CGROUP_V1)
		open_usage(edge, cgroup);
	else
		open_events(edge, cgroup);
	open_limits(edge, cgroup);
}

void ms_edge_close(struct ms_edge *edge)
{
	ms_cleanup_close(&edge->usage_fd); /* and the kernel takes the thresholds away */
	ms_cleanup_close(&edge->limits_fd);
	*edge = (struct ms_edge){.usage_fd = -1, .limits_fd = -1};
}

bool ms_edge_is_current(const struct ms_edge *edge, const struct ms_cgroup *cgroup)
{
	return edge->limits_sum == sum_limits(cgroup);
}

static bool is_file_of(const struct ms_edge_file *file, const struct ms_cgroup *cgroup, const struct ms_limit *limit)
{
	return limit->source == (file->swap ? MS_LIMIT_CGROUP1_MEMSW : MS_LIMIT_CGROUP1) &&
	       limit->max_bytes == file->max_bytes && file->level < cgroup->level_count &&
	       strcmp(limit->where, cgroup->levels[file->level].path) == 0;
}

bool ms_edge_is_sure(const struct ms_edge *edge, const struct ms_cgroup *cgroup, const struct ms_limit *limit,
		     uint64_t mark_bytes)
{
	for (uint32_t i = 0; i < edge->file_count; i++) {
		const struct ms_edge_file *file = &edge->files[i];

		if (!is_file_of(file, cgroup, limit))
			continue;
		const struct ms_cgroup_level *level = &cgroup->levels[file->level];
		uint64_t usage_bytes = file->swap ? level->swap_usage_bytes : level->usage_bytes;

		for (uint32_t step = 0; step < file->steps; step++) {
			uint64_t bytes = threshold(file->max_bytes, step);

			if (usage_bytes < bytes && bytes + edge->slack_bytes <= mark_bytes)
				return true;
		}
	}
	return false;
}

void ms_edge_drain(int fd)
{
	char text[4096] __attribute__((aligned(8)));

	/* memory.events is read from its start; an eventfd and an inotify have no start: reading them so fails. */
	if (pread(fd, text, sizeof(text), 0) < 0)
		while (read(fd, text, sizeof(text)) > 0)
			;
}

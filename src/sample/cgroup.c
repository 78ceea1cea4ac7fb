/* SPDX-License-Identifier: MIT */
/*
 * sample/cgroup.c - readings of an opened chain; see cgroup.h.
 *
 * used = usage - reclaimable, where usage is fresh and what is reclaimable is from memory.stat, up to a second
 * old, and was up to 2 s old in the kernel when it was read (it flushes every 2 s, or when enough
 * changed). At a full cgroup the kernel takes page cache away for every page a job allocates:
 * usage does not change, and with an old page cache figure used would not change either, up to the OOM kill.
 * So used is never less than
 *
 *   (1) used when memory.stat was read + growth of the target's anonymous memory since: that growth cannot
 *        be page cache. A fork adds its shared pages a second time there: wrong by the parent's size until
 *        memory.stat is read again, which so large a change causes within 10 ms.
 *   (2) anonymous memory of the target's largest process, which counts no page twice: unless memory.stat has
 *        clearly less anonymous memory than that process had then, because it was charged elsewhere.
 *
 * and never more than usage: page counters only ever run ahead, by a batch of 64 pages per CPU.
 */
#include "sample/cgroup.h"

#include <errno.h>
#include <string.h>

#include "sample/text.h"
#include "util/clock.h"
#include "util/saturate.h"

static const uint64_t LIMITS_EVERY_NS = 50 * MS_NS_PER_MS; /* a limit that falls kills: see edge.h */
static const uint64_t LIMITS_SELDOM_NS = 10 * MS_NS_PER_S; /* where a change is told */
static const uint64_t MEMBERSHIP_EVERY_NS = 2 * MS_NS_PER_S;
static const uint64_t STAT_EVERY_NS = MS_NS_PER_S;
static const uint64_t STAT_SELDOM_NS = 10 * MS_NS_PER_S; /* where usage itself is far from the limit */
static const uint64_t STAT_GAP_NS = 10 * MS_NS_PER_MS;
static const uint64_t STAT_NOISE_BYTES = UINT64_C(1) << 20;

enum { KERNEL_DIVISOR = 4 }; /* of the limit: what kernel memory counts for at most, on v1 */

/* Keeps the old value where there is no file, or what it says makes no sense. */
static int read_bytes(const struct ms_root *root, int fd, uint64_t *bytes)
{
	char text[64];

	if (fd < 0)
		return 0;
	ssize_t n = ms_text_read(root, fd, text, sizeof(text));

	return n < 0 ? (int)n : ms_cgroup_parse_bytes(text, bytes);
}

static int first_error(int a, int b)
{
	return a < 0 ? a : b;
}

static int read_limits(const struct ms_cgroup *cgroup, struct ms_cgroup_level *level)
{
	int r = read_bytes(cgroup->root, level->max_fd, &level->max_bytes);

	r = first_error(r, read_bytes(cgroup->root, level->high_fd, &level->high_bytes));
	return first_error(r, read_bytes(cgroup->root, level->swap_max_fd, &level->swap_max_bytes));
}

static void notice_move(struct ms_cgroup *cgroup)
{
	char text[MS_CGROUP_MEMBERSHIP_BYTES];
	ssize_t n = ms_text_read(cgroup->root, cgroup->membership_fd, text, sizeof(text));

	if (n > 0 && ms_cgroup_membership_hash(text) != cgroup->membership_hash)
		cgroup->moved = true;
}

static bool is_topmost(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level)
{
	return level == &cgroup->levels[cgroup->level_count - 1];
}

static uint64_t max_of(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level)
{
	uint64_t max_bytes = level->max_bytes;

	/* v1 tells the least limit of all ancestors; it matters where some are out of sight. */
	if (is_topmost(cgroup, level) && level->stat_at_ns != 0 &&
	    level->stat.hierarchy_max_bytes < max_bytes)
		max_bytes = level->stat.hierarchy_max_bytes;
	return max_bytes;
}

static uint64_t nearest_max(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level)
{
	uint64_t max_bytes = max_of(cgroup, level);

	if (level->high_bytes < max_bytes)
		max_bytes = level->high_bytes;
	if (cgroup->version == MS_CGROUP_V1 && level->swap_max_bytes < max_bytes)
		max_bytes = level->swap_max_bytes;
	return max_bytes;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static bool stat_due(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level, uint64_t anon_bytes,
		     uint64_t now_ns)
{
	uint64_t max_bytes = nearest_max(cgroup, level);
	uint64_t every_ns = level->usage_bytes < max_bytes / 4 * 3 ? STAT_SELDOM_NS : STAT_EVERY_NS;

	if (level->stat_at_ns == 0 || now_ns - level->stat_at_ns >= every_ns)
		return true;
	if (now_ns - level->stat_at_ns < STAT_GAP_NS)
		return false;
	uint64_t headroom = max_bytes > level->used_bytes ? max_bytes - level->used_bytes : 0;
	uint64_t drift = difference(level->usage_bytes, level->stat_usage_bytes);
	uint64_t anon_drift = difference(anon_bytes, level->stat_tree_anon_bytes);

	if (anon_drift > drift)
		drift = anon_drift;
	return drift > STAT_NOISE_BYTES && drift > headroom / 4;
}

static int read_stat(const struct ms_cgroup *cgroup, struct ms_cgroup_level *level, uint64_t anon_bytes,
		     uint64_t largest_anon_bytes, uint64_t now_ns)
{
	char text[MS_TEXT_BYTES];
	struct ms_cgroup_stat stat;

	if (level->stat_fd < 0)
		return 0;
	ssize_t n = ms_text_read(cgroup->root, level->stat_fd, text, sizeof(text));
	int r = n < 0 ? (int)n : ms_cgroup_parse_stat(text, cgroup->version, &stat);

	if (r < 0)
		return r;
	level->stat = stat;
	level->stat_at_ns = now_ns;
	level->stat_usage_bytes = level->usage_bytes;
	level->stat_tree_anon_bytes = anon_bytes;
	level->stat_largest_anon_bytes = largest_anon_bytes;
	if (read_bytes(cgroup->root, level->kernel_fd, &level->kernel_bytes) < 0)
		level->kernel_bytes = 0; /* a kernel that does not count it */
	return 0;
}

/*
 * v1 does not tell reclaimable slab from the rest of kernel memory. Of the rest (page tables, stacks, pipes) a job
 * seldom has much, and where it has, the kernel cannot take it back: a quarter of the limit is counted as that.
 * The counter is exact. What memory.stat leaves of usage is not: its sums are seconds old in a job that grows fast.
 */
static uint64_t slab_of(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level)
{
	if (cgroup->version == MS_CGROUP_V2)
		return level->stat.slab_reclaimable_bytes;
	return ms_sat_sub(level->kernel_bytes, nearest_max(cgroup, level) / KERNEL_DIVISOR);
}

static uint64_t used_of(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level, uint64_t anon_bytes,
			uint64_t largest_anon_bytes)
{
	uint64_t reclaimable_bytes = ms_sat_add(level->stat.file_lru_bytes, slab_of(cgroup, level));
	uint64_t used_bytes = ms_sat_sub(level->usage_bytes, reclaimable_bytes);

	/* (1) */
	if (anon_bytes > level->stat_tree_anon_bytes && level->stat_at_ns != 0) {
		uint64_t then = ms_sat_sub(level->stat_usage_bytes, reclaimable_bytes);
		uint64_t least = then + (anon_bytes - level->stat_tree_anon_bytes);

		used_bytes = least > used_bytes ? least : used_bytes;
	}
	/* (2); an eighth for what the kernel had not summed up yet */
	uint64_t largest_then = level->stat_largest_anon_bytes;

	if (largest_anon_bytes > used_bytes && level->stat.anon_bytes >= largest_then - largest_then / 8)
		used_bytes = largest_anon_bytes;
	return ms_least(used_bytes, level->usage_bytes);
}

static int sample_level(const struct ms_cgroup *cgroup, struct ms_cgroup_level *level, uint64_t anon_bytes,
			uint64_t largest_anon_bytes, uint64_t now_ns)
{
	int r = read_bytes(cgroup->root, level->usage_fd, &level->usage_bytes);

	if (level->swap_max_bytes != MS_CGROUP_NO_LIMIT)
		r = first_error(r, read_bytes(cgroup->root, level->swap_usage_fd, &level->swap_usage_bytes));
	if (stat_due(cgroup, level, anon_bytes, now_ns))
		r = first_error(r, read_stat(cgroup, level, anon_bytes, largest_anon_bytes, now_ns));
	level->used_bytes = used_of(cgroup, level, anon_bytes, largest_anon_bytes);
	return r;
}

/* What limits nothing is not read, but for the topmost of a v1 chain, now and then: its memory.stat may tell
 * of a limit further up. */
static bool is_wanted(const struct ms_cgroup *cgroup, const struct ms_cgroup_level *level, bool limits_due)
{
	return nearest_max(cgroup, level) != MS_CGROUP_NO_LIMIT ||
	       (limits_due && cgroup->version == MS_CGROUP_V1 && is_topmost(cgroup, level));
}

int ms_cgroup_sample(struct ms_cgroup *cgroup, uint64_t tree_anon_bytes, uint64_t largest_anon_bytes,
		     uint64_t now_ns)
{
	uint64_t every_ns = cgroup->limits_are_told ? LIMITS_SELDOM_NS : LIMITS_EVERY_NS;
	bool limits_due = cgroup->limits_at_ns == 0 || now_ns - cgroup->limits_at_ns >= every_ns;
	int r = 0;

	if (cgroup->level_count == 0)
		return 0;
	if (limits_due)
		cgroup->limits_at_ns = now_ns;
	if (cgroup->membership_at_ns == 0 || now_ns - cgroup->membership_at_ns >= MEMBERSHIP_EVERY_NS) {
		cgroup->membership_at_ns = now_ns;
		notice_move(cgroup);
	}
	for (uint32_t i = 0; i < cgroup->level_count; i++) {
		struct ms_cgroup_level *level = &cgroup->levels[i];

		if (limits_due)
			r = first_error(r, read_limits(cgroup, level));
		if (!is_wanted(cgroup, level, limits_due))
			continue;
		int e = sample_level(cgroup, level, tree_anon_bytes, largest_anon_bytes, now_ns);

		r = first_error(r, e);
	}
	return r;
}

void ms_cgroup_reread(struct ms_cgroup *cgroup)
{
	cgroup->limits_at_ns = 0;
}

/* Append a limit, if it is one, and count it. */
static void append(struct ms_limit *limits, uint32_t capacity, uint32_t *count, const struct ms_limit *limit)
{
	if (limit->max_bytes == MS_CGROUP_NO_LIMIT)
		return;
	if (*count < capacity)
		limits[*count] = *limit;
	(*count)++;
}

/* v1's memory and swap together; page cache is in it as it is in usage. */
static uint64_t memsw_used(const struct ms_cgroup_level *level)
{
	uint64_t swapped = ms_sat_sub(level->swap_usage_bytes, level->usage_bytes);

	return level->used_bytes + swapped;
}

uint32_t ms_cgroup_limits(const struct ms_cgroup *cgroup, struct ms_limit *limits, uint32_t capacity)
{
	bool v1 = cgroup->version == MS_CGROUP_V1;
	uint32_t count = 0;

	for (uint32_t i = 0; i < cgroup->level_count; i++) {
		const struct ms_cgroup_level *level = &cgroup->levels[i];
		struct ms_limit limit = {
			.source = v1 ? MS_LIMIT_CGROUP1 : MS_LIMIT_CGROUP2_MAX,
			.max_bytes = max_of(cgroup, level),
			.used_bytes = level->used_bytes,
		};

		struct ms_limit second = {
			.source = v1 ? MS_LIMIT_CGROUP1_MEMSW : MS_LIMIT_CGROUP2_HIGH,
			.max_bytes = v1 ? level->swap_max_bytes : level->high_bytes,
			.used_bytes = v1 ? memsw_used(level) : level->used_bytes,
		};

		memcpy(limit.where, level->path, sizeof(limit.where));
		memcpy(second.where, level->path, sizeof(second.where));
		/* Of equal ones the first binds: memory.high, which wants more distance. */
		append(limits, capacity, &count, v1 ? &limit : &second);
		append(limits, capacity, &count, v1 ? &second : &limit);
	}
	return count;
}

const struct ms_cgroup_level *ms_cgroup_level_of(const struct ms_cgroup *cgroup, const struct ms_limit *limit)
{
	if (limit->source != MS_LIMIT_CGROUP1 && limit->source != MS_LIMIT_CGROUP1_MEMSW &&
	    limit->source != MS_LIMIT_CGROUP2_MAX && limit->source != MS_LIMIT_CGROUP2_HIGH)
		return NULL;
	for (uint32_t i = 0; i < cgroup->level_count; i++)
		if (strcmp(cgroup->levels[i].path, limit->where) == 0)
			return &cgroup->levels[i];
	return NULL;
}

int ms_cgroup_oom_kills(const struct ms_cgroup *cgroup, uint64_t *ret_kills)
{
	char text[MS_TEXT_BYTES];

	if (cgroup->level_count == 0 || cgroup->levels[0].events_fd < 0)
		return -ENOENT;
	ssize_t n = ms_text_read(cgroup->root, cgroup->levels[0].events_fd, text, sizeof(text));

	return n < 0 ? (int)n : ms_cgroup_parse_oom_kills(text, ret_kills);
}

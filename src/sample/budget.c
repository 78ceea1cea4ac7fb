/* SPDX-License-Identifier: MIT */
/* sample/budget.c - see budget.h. */
#include "sample/budget.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sample/pace.h"
#include "sample/text.h"
#include "util/cleanup.h"
#include "util/clock.h"

/*
 * How fast the others on the machine may use up what is available: a few writers of 2.9 GB/s (pace.h). It
 * says how long a reading of /proc/meminfo holds, which takes ten times as long as the tree's statm.
 */
static const uint64_t OTHERS_BYTES_PER_MS = 12 * UINT64_C(1000000);

static bool take_kib(const char *text, const char *key, uint64_t *ret_bytes)
{
	uint64_t kib;

	return ms_text_row_u64(text, key, &kib) && !__builtin_mul_overflow(kib, 1024, ret_bytes);
}

int ms_budget_parse_meminfo(const char *text, struct ms_meminfo *ret_meminfo)
{
	struct ms_meminfo meminfo = {0};

	if (!take_kib(text, "MemTotal:", &meminfo.total_bytes) ||
	    !take_kib(text, "MemAvailable:", &meminfo.available_bytes))
		return -EBADMSG;
	/* A kernel without swap support has no such rows. */
	if (!take_kib(text, "SwapTotal:", &meminfo.swap_total_bytes) ||
	    !take_kib(text, "SwapFree:", &meminfo.swap_free_bytes))
		meminfo.swap_total_bytes = meminfo.swap_free_bytes = 0;
	*ret_meminfo = meminfo;
	return 0;
}

uint64_t ms_budget_writer_bytes_per_s(const struct ms_root *root)
{
	char text[256];
	MS_CLEANUP_FD int fd = ms_root_open(root, "sys/kernel/mm/transparent_hugepage/enabled");

	if (fd < 0 || ms_text_read(root, fd, text, sizeof(text)) < 0 || strstr(text, "[never]"))
		return MS_PACE_WRITER_BYTES_PER_S;
	return MS_PACE_HUGE_WRITER_BYTES_PER_S;
}

uint64_t ms_budget_statm_error_bytes(const char *release, unsigned cpus)
{
	enum { COUNTERS = 3, LEAST_BATCH = 32 };
	uint64_t major, minor;

	if (!ms_text_u64(&release, &major) || !ms_text_skip(&release, ".") || !ms_text_u64(&release, &minor))
		return 0;
	if (major != 6 || minor < 2 || minor > 15)
		return 0;
	uint64_t batch = 2 * (uint64_t)cpus > LEAST_BATCH ? 2 * (uint64_t)cpus : LEAST_BATCH;

	return COUNTERS * batch * cpus * ms_process_page_bytes();
}

static uint64_t read_statm_error(const struct ms_root *root)
{
	char release[128];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	MS_CLEANUP_FD int fd = ms_root_open(root, "proc/sys/kernel/osrelease");

	if (fd < 0 || cpus < 1 || ms_text_read(root, fd, release, sizeof(release)) < 0)
		return 0;
	return ms_budget_statm_error_bytes(release, (unsigned)cpus);
}

int ms_budget_open(struct ms_budget *budget, const struct ms_root *root, pid_t pid, uint64_t option_bytes)
{
	memset(budget, 0, sizeof(*budget));
	budget->root = root;
	budget->option_bytes = option_bytes;
	budget->meminfo_fd = -1;
	int r = ms_cgroup_open(&budget->cgroup, root, pid);

	if (r < 0)
		return r;
	budget->statm_error_bytes = read_statm_error(root);
	budget->meminfo_fd = ms_root_open(root, "proc/meminfo");
	if (ms_root_is_exhausted(budget->meminfo_fd)) {
		r = budget->meminfo_fd;
		ms_budget_close(budget);
	}
	return r;
}

void ms_budget_close(struct ms_budget *budget)
{
	ms_cgroup_close(&budget->cgroup);
	ms_cleanup_close(&budget->meminfo_fd);
	budget->meminfo_fd = -1;
}

/* Whether its main thread still has memory. */
static bool is_alive(const struct ms_root *root, pid_t pid)
{
	struct ms_process process;
	struct ms_process_memory memory;
	bool alive = ms_process_open(&process, root, pid, 0, NULL) == 0 &&
		     ms_process_sample(&process, root, &memory) == 0;

	ms_process_close(&process);
	return alive;
}

int ms_budget_follow(struct ms_budget *budget, pid_t pid)
{
	struct ms_cgroup cgroup;

	if (!budget->cgroup.moved)
		return 0;
	int r = ms_cgroup_open(&cgroup, budget->root, pid);

	if (r < 0)
		return r;
	/* A process that has ended is shown in v1's root: no move. Asked last: it may be ending just now. */
	if (!is_alive(budget->root, pid)) {
		ms_cgroup_close(&cgroup);
		budget->cgroup.moved = false;
		return 0;
	}
	ms_cgroup_close(&budget->cgroup);
	budget->cgroup = cgroup;
	return 1;
}

static bool meminfo_due(const struct ms_budget *budget, uint64_t now_ns)
{
	if (!budget->meminfo_valid)
		return true;
	uint64_t holds_ms = budget->meminfo.available_bytes / OTHERS_BYTES_PER_MS;

	if (holds_ms > 1000)
		holds_ms = 1000;
	return now_ns - budget->meminfo_at_ns >= holds_ms * MS_NS_PER_MS;
}

static void read_meminfo(struct ms_budget *budget, const struct ms_tree *tree, uint64_t now_ns)
{
	char text[MS_TEXT_BYTES];

	if (budget->meminfo_fd < 0 || ms_text_read(budget->root, budget->meminfo_fd, text, sizeof(text)) < 0)
		return;
	if (ms_budget_parse_meminfo(text, &budget->meminfo) < 0)
		return;
	budget->meminfo_valid = true;
	budget->meminfo_at_ns = now_ns;
	budget->meminfo_rss_bytes = tree->memory.rss_bytes;
}

/* The nearest limits found so far, the nearest first. */
struct nearest {
	struct ms_limit *limits;
	uint32_t count, capacity;
};

static uint64_t headroom(const struct ms_limit *limit)
{
	return limit->max_bytes > limit->used_bytes ? limit->max_bytes - limit->used_bytes : 0;
}

/* By headroom; of two that have none, the one exceeded by more; of equals, the one offered first. */
static bool is_nearer(const struct ms_limit *a, const struct ms_limit *b)
{
	uint64_t over_a = a->used_bytes > a->max_bytes ? a->used_bytes - a->max_bytes : 0;
	uint64_t over_b = b->used_bytes > b->max_bytes ? b->used_bytes - b->max_bytes : 0;

	if (headroom(a) != headroom(b))
		return headroom(a) < headroom(b);
	return over_a > over_b;
}

static void offer(struct nearest *nearest, const struct ms_limit *limit)
{
	uint32_t i = nearest->count;

	while (i > 0 && is_nearer(limit, &nearest->limits[i - 1]))
		i--;
	if (i == nearest->capacity)
		return;
	if (nearest->count < nearest->capacity)
		nearest->count++;
	memmove(&nearest->limits[i + 1], &nearest->limits[i], (nearest->count - 1 - i) * sizeof(*limit));
	nearest->limits[i] = *limit;
}

static void offer_cgroups(struct nearest *nearest, const struct ms_cgroup *cgroup)
{
	struct ms_limit limits[2 * MS_CGROUP_LEVELS];
	uint32_t count = ms_cgroup_limits(cgroup, limits, 2 * MS_CGROUP_LEVELS);

	for (uint32_t i = 0; i < count; i++)
		offer(nearest, &limits[i]);
}

/* Of one resource limit the process that is nearest to it. */
static void offer_rlimit(struct nearest *nearest, const struct ms_tree *tree, enum ms_limit_source source)
{
	struct ms_limit best = {.max_bytes = UINT64_MAX};
	pid_t pid = 0;

	for (uint32_t slot = 0; slot < tree->high; slot++) {
		const struct ms_tree_member *member = ms_tree_member(tree, slot);

		if (!member)
			continue;
		bool as = source == MS_LIMIT_RLIMIT_AS;
		struct ms_limit limit = {
			.source = source,
			.max_bytes = as ? member->limits.as_bytes : member->limits.data_bytes,
			.used_bytes = as ? member->memory.size_bytes : member->memory.data_bytes,
		};

		if (limit.max_bytes == UINT64_MAX || (pid != 0 && !is_nearer(&limit, &best)))
			continue;
		best = limit;
		pid = member->process.pid;
	}
	if (pid == 0)
		return;
	snprintf(best.where, sizeof(best.where), "pid %d", (int)pid);
	offer(nearest, &best);
}

static void offer_machine(struct nearest *nearest, const struct ms_budget *budget, const struct ms_tree *tree)
{
	struct ms_limit limit = {.source = MS_LIMIT_MEM_AVAILABLE, .used_bytes = tree->memory.rss_bytes};

	if (!budget->meminfo_valid)
		return;
	if (__builtin_add_overflow(budget->meminfo_rss_bytes, budget->meminfo.available_bytes,
				   &limit.max_bytes))
		limit.max_bytes = UINT64_MAX;
	offer(nearest, &limit);
}

uint32_t ms_budget_list(const struct ms_budget *budget, const struct ms_tree *tree, struct ms_limit *limits,
			uint32_t capacity)
{
	struct nearest nearest = {.limits = limits, .capacity = capacity};
	struct ms_limit option = {
		.source = MS_LIMIT_OPTION,
		.max_bytes = budget->option_bytes,
		.used_bytes = tree->memory.held_bytes,
	};

	if (capacity == 0)
		return 0;
	if (budget->option_bytes != 0)
		offer(&nearest, &option);
	offer_cgroups(&nearest, &budget->cgroup);
	offer_rlimit(&nearest, tree, MS_LIMIT_RLIMIT_AS);
	offer_rlimit(&nearest, tree, MS_LIMIT_RLIMIT_DATA);
	offer_machine(&nearest, budget, tree);
	return nearest.count;
}

void ms_budget_sample(struct ms_budget *budget, const struct ms_tree *tree, uint64_t now_ns,
		      struct ms_limit *ret_limit)
{
	/* A level that cannot be read keeps its last reading: nothing better is known. */
	(void)ms_cgroup_sample(&budget->cgroup, tree->memory.anon_bytes, tree->memory.largest_anon_bytes,
			       now_ns);
	if (meminfo_due(budget, now_ns))
		read_meminfo(budget, tree, now_ns);
	if (ms_budget_list(budget, tree, ret_limit, 1) == 0)
		*ret_limit = (struct ms_limit){
			.source = MS_LIMIT_NONE,
			.max_bytes = UINT64_MAX,
			.used_bytes = tree->memory.rss_bytes,
		};
}

void ms_sample_take(struct ms_tree *tree, struct ms_budget *budget, uint64_t now_ns,
		    struct ms_sample *ret_sample)
{
	struct ms_sample sample = {.at_ns = now_ns};

	sample.processes = ms_tree_sample(tree);
	sample.rss_bytes = tree->memory.rss_bytes;
	sample.anon_bytes = tree->memory.anon_bytes;
	ms_budget_sample(budget, tree, now_ns, &sample.limit);
	*ret_sample = sample;
}

/* All of a round at once: for readings that have the time. */
static void measure(struct ms_tree *tree)
{
	uint64_t now_ns = ms_clock_ns();

	ms_tree_sample(tree);
	while (ms_tree_wants_measuring(tree, now_ns, false) && ms_tree_measure(tree, now_ns))
		;
}

int ms_sample_once(const struct ms_root *root, pid_t pid, uint64_t option_bytes, struct ms_sample *ret_sample,
		   struct ms_limit *limits, uint32_t capacity, uint32_t *ret_limit_count)
{
	struct ms_budget budget;
	struct ms_sample sample;
	MS_CLEANUP_FREE struct ms_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	int r = ms_tree_init(tree, root, pid, 0, 0);

	if (r < 0)
		return r;
	r = ms_budget_open(&budget, root, pid, option_bytes);
	if (r == 0) {
		if (option_bytes)
			ms_tree_count_held(tree);
		/* The root process is a member already; without a listing it stays the only one. */
		(void)ms_tree_scan(tree);
		if (option_bytes)
			measure(tree);
		ms_sample_take(tree, &budget, ms_clock_ns(), &sample);
		if (ret_limit_count)
			*ret_limit_count = ms_budget_list(&budget, tree, limits, capacity);
		ms_budget_close(&budget);
		if (sample.processes == 0)
			r = -ESRCH;
	}
	ms_tree_fini(tree);
	if (r == 0)
		*ret_sample = sample;
	return r;
}

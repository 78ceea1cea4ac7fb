/* SPDX-License-Identifier: MIT */
/*
 * sample/tree.c - see tree.h.
 *
 * A scan lists /proc and sorts each pid into: member (known by slot), outsider (known by the cache), or
 * unknown. Unknown pids are read, gathered in a batch, and settled together, because a child may be
 * listed before its parent when pids have wrapped.
 *
 * Why a pid may be taken for an outsider without reading it again: it was listed in every scan since, so
 * its number can only have changed hands between two scans; each entry is read again every
 * OUTSIDER_SCANS scans for that case. And its parent must be known as an outsider
 * as well: a parent that was forked after the listing passed its pid may be a member.
 */
#include "sample/tree.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "sample/listing.h"

enum {
	OUTSIDER_SCANS = 16,
	LIMIT_SCANS = 8,
	SEEK_TRIES = 3,
};

static bool is_member(const struct ms_tree_member *member)
{
	return member->state == MS_TREE_CAME || member->state == MS_TREE_IN;
}

const struct ms_tree_member *ms_tree_member(const struct ms_tree *tree, uint32_t slot)
{
	return slot < tree->high && is_member(&tree->slots[slot]) ? &tree->slots[slot] : NULL;
}

int ms_tree_find(const struct ms_tree *tree, pid_t pid)
{
	for (uint32_t slot = 0; slot < tree->high; slot++)
		if (is_member(&tree->slots[slot]) && tree->slots[slot].process.pid == pid)
			return (int)slot;
	return -ESRCH;
}

static int take_slot(struct ms_tree *tree)
{
	for (uint32_t slot = 0; slot < tree->high; slot++)
		if (tree->slots[slot].state == MS_TREE_FREE)
			return (int)slot;
	return tree->high < MS_TREE_CAPACITY ? (int)tree->high++ : -ENOSPC;
}

/* The limits limit nothing when they cannot be read: another user's process may hide them. */
static void read_limits(const struct ms_tree *tree, struct ms_tree_member *member)
{
	struct ms_process_limits limits;

	if (ms_process_read_limits(tree->root, member->process.pid, &limits) == 0)
		member->limits = limits;
}

static int admit(struct ms_tree *tree, const struct ms_tree_newcomer *newcomer)
{
	int slot = take_slot(tree);

	if (slot < 0)
		return slot;
	struct ms_tree_member *member = &tree->slots[slot];
	int r;

	*member = (struct ms_tree_member){
		.ppid = newcomer->ppid,
		.limits = {.as_bytes = UINT64_MAX, .data_bytes = UINT64_MAX},
	};
	memcpy(member->comm, newcomer->comm, sizeof(member->comm));
	r = ms_process_open(&member->process, tree->root, newcomer->pid, newcomer->start_ticks, NULL);
	if (r == -ESRCH)
		return r;
	/* Without a descriptor it is a member too: its children must be found. */
	member->process.start_ticks = newcomer->start_ticks;
	member->state = MS_TREE_CAME;
	tree->members++;
	tree->untold++;
	read_limits(tree, member);
	return r;
}

static void dismiss(struct ms_tree *tree, struct ms_tree_member *member)
{
	ms_process_close(&member->process);
	tree->members--;
	if (member->state == MS_TREE_CAME) {
		member->state = MS_TREE_FREE;
		tree->untold--;
	} else {
		member->state = MS_TREE_LEFT;
		tree->untold++;
	}
}

static int read_newcomer(const struct ms_tree *tree, pid_t pid, uint64_t start_ticks,
			 struct ms_tree_newcomer *ret_newcomer)
{
	struct ms_process_stat stat;
	int r = ms_process_read_stat(tree->root, pid, start_ticks, &stat);

	if (r < 0)
		return r;
	*ret_newcomer = (struct ms_tree_newcomer){
		.pid = pid,
		.ppid = stat.ppid,
		.start_ticks = stat.start_ticks,
	};
	memcpy(ret_newcomer->comm, stat.comm, sizeof(stat.comm));
	return ms_process_is_zombie(&stat) ? MS_PROCESS_EMPTY : 0;
}

int ms_tree_add_root(struct ms_tree *tree, pid_t pid, uint64_t start_ticks)
{
	struct ms_tree_newcomer newcomer;

	if (ms_tree_find(tree, pid) >= 0)
		return 0;
	int r = read_newcomer(tree, pid, start_ticks, &newcomer);

	if (r != 0)
		return r < 0 ? r : -ESRCH;
	return admit(tree, &newcomer);
}

int ms_tree_init(struct ms_tree *tree, const struct ms_root *root, pid_t root_pid, uint64_t start_ticks,
		 pid_t adopter_pid)
{
	uint32_t scans = tree->scans + 2; /* no outsider of an earlier use is recalled */

	memset(tree, 0, offsetof(struct ms_tree, slots)); /* the rest is not touched: most of it stays unused */
	tree->scans = scans;
	tree->root = root;
	tree->adopter_pid = adopter_pid;
	tree->proc_fd = ms_root_open(root, "proc");
	if (tree->proc_fd < 0)
		return tree->proc_fd;
	int r = ms_tree_add_root(tree, root_pid, start_ticks);

	if (r < 0)
		ms_tree_fini(tree);
	return r;
}

void ms_tree_fini(struct ms_tree *tree)
{
	for (uint32_t slot = 0; slot < tree->high; slot++)
		if (is_member(&tree->slots[slot]))
			ms_process_close(&tree->slots[slot].process);
	if (tree->proc_fd >= 0)
		close(tree->proc_fd);
	tree->proc_fd = -1;
	tree->high = tree->members = tree->untold = 0;
}

/* What the pid would be remembered in, if it is an outsider. */
static struct ms_tree_outsider *cache_entry(struct ms_tree *tree, pid_t pid)
{
	return &tree->outsiders[(uint32_t)pid % MS_TREE_OUTSIDERS];
}

static bool is_outsider(struct ms_tree *tree, pid_t pid)
{
	const struct ms_tree_outsider *entry = cache_entry(tree, pid);

	return entry->pid == pid && entry->scan == tree->scans;
}

/* Known from the last scan, and not due to be read again: then it counts as seen in this one. */
static bool recall_outsider(struct ms_tree *tree, pid_t pid)
{
	struct ms_tree_outsider *entry = cache_entry(tree, pid);

	if (entry->pid != pid || entry->scan + 1 != tree->scans)
		return false;
	if (((uint32_t)pid + tree->scans) % OUTSIDER_SCANS == 0)
		return false;
	entry->scan = tree->scans;
	return true;
}

static bool belongs(const struct ms_tree *tree, const struct ms_tree_newcomer *newcomer)
{
	if (newcomer->pid == tree->adopter_pid || newcomer->pid == tree->except_pid)
		return false;
	if (tree->adopter_pid != 0 && newcomer->ppid == tree->adopter_pid)
		return true;
	return ms_tree_find(tree, newcomer->ppid) >= 0;
}

/* Admit the processes that belong, again until none is left with an admitted parent. */
static void settle_members(struct ms_tree *tree)
{
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t i = 0; i < tree->newcomer_count; i++) {
			struct ms_tree_newcomer *newcomer = &tree->newcomers[i];

			if (newcomer->pid == 0 || !belongs(tree, newcomer))
				continue;
			int r = admit(tree, newcomer);

			if (r < 0 && r != -ESRCH)
				tree->incomplete = true;
			again = again || (r != -ENOSPC && r != -ESRCH);
			newcomer->pid = 0;
		}
	}
}

/* Remember those with an outsider as parent, again until there are no more. */
static void settle_outsiders(struct ms_tree *tree)
{
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t i = 0; i < tree->newcomer_count; i++) {
			struct ms_tree_newcomer *newcomer = &tree->newcomers[i];

			if (newcomer->pid == 0 || (newcomer->ppid != 0 && !is_outsider(tree, newcomer->ppid)))
				continue;
			*cache_entry(tree, newcomer->pid) =
				(struct ms_tree_outsider){.pid = newcomer->pid, .scan = tree->scans};
			newcomer->pid = 0;
			again = true;
		}
	}
}

static void settle(struct ms_tree *tree)
{
	settle_members(tree);
	settle_outsiders(tree);
	tree->newcomer_count = 0;
}

static void meet(struct ms_tree *tree, pid_t pid)
{
	if (ms_tree_find(tree, pid) >= 0 || recall_outsider(tree, pid))
		return;
	if (tree->newcomer_count == MS_TREE_NEWCOMERS)
		settle(tree);
	int r = read_newcomer(tree, pid, 0, &tree->newcomers[tree->newcomer_count]);

	if (r == 0)
		tree->newcomer_count++;
	else if (ms_root_is_exhausted(r))
		tree->incomplete = true;
}

/* From a process up to one that is known, or to the last. -ESRCH: one of them has ended meanwhile. */
static int meet_ancestors(struct ms_tree *tree, pid_t pid)
{
	tree->newcomer_count = 0;
	while (pid > 0 && pid != tree->adopter_pid && ms_tree_find(tree, pid) < 0 &&
	       tree->newcomer_count < MS_TREE_NEWCOMERS) {
		struct ms_tree_newcomer *newcomer = &tree->newcomers[tree->newcomer_count];
		int r = read_newcomer(tree, pid, 0, newcomer);

		if (r != 0)
			return r < 0 ? r : -ESRCH;
		pid = newcomer->ppid;
		tree->newcomer_count++;
	}
	return 0;
}

int ms_tree_seek(struct ms_tree *tree, pid_t pid)
{
	int r = -ESRCH;

	/* When a parent ended between two readings, another process is the parent now. */
	for (unsigned tries = 0; r == -ESRCH && tries < SEEK_TRIES; tries++)
		r = meet_ancestors(tree, pid);
	if (r == 0)
		settle_members(tree);
	tree->newcomer_count = 0;
	return r < 0 ? r : ms_tree_find(tree, pid);
}

/* A member that reads as zeros has ended, or its main thread has; one without a descriptor gets one. */
static void judge(struct ms_tree *tree, struct ms_tree_member *member)
{
	struct ms_process process;
	int r = 0;

	if (member->process.statm_fd < 0) {
		r = ms_process_open(&process, tree->root, member->process.pid, member->process.start_ticks,
				    NULL);
		if (r == 0)
			member->process = process;
	} else {
		r = ms_process_sample(&member->process, tree->root, &member->memory);
		if (r == MS_PROCESS_EMPTY)
			r = ms_process_adopt_thread(&member->process, tree->root);
	}
	if (r == -ESRCH)
		dismiss(tree, member);
	else if (r < 0)
		tree->incomplete = true;
}

static void judge_members(struct ms_tree *tree)
{
	for (uint32_t slot = 0; slot < tree->high; slot++) {
		struct ms_tree_member *member = &tree->slots[slot];

		if (!is_member(member))
			continue;
		judge(tree, member);
		if (is_member(member) && (slot + tree->scans) % LIMIT_SCANS == 0)
			read_limits(tree, member);
	}
}

int ms_tree_scan(struct ms_tree *tree)
{
	struct ms_listing listing;
	pid_t pid;
	int r;

	tree->scans++;
	tree->incomplete = false;
	tree->scan_soon = false;
	tree->newcomer_count = 0;
	judge_members(tree);
	ms_listing_start(&listing, tree->root, tree->proc_fd);
	while ((r = ms_listing_next(&listing, &pid)) > 0)
		meet(tree, pid);
	settle(tree);
	return r;
}

static void add_up(struct ms_tree_memory *sum, const struct ms_process_memory *memory)
{
	uint64_t anon_bytes = 0;

	if (memory->resident_bytes > memory->shared_bytes)
		anon_bytes = memory->resident_bytes - memory->shared_bytes;
	if (__builtin_add_overflow(sum->rss_bytes, memory->resident_bytes, &sum->rss_bytes))
		sum->rss_bytes = UINT64_MAX;
	if (__builtin_add_overflow(sum->anon_bytes, anon_bytes, &sum->anon_bytes))
		sum->anon_bytes = UINT64_MAX;
	if (anon_bytes > sum->largest_anon_bytes)
		sum->largest_anon_bytes = anon_bytes;
}

/* One that reads as zeros counts nothing until a scan has judged it; so that is wanted at once, but not again
 * and again while a process takes its time to end. */
static void read_member(struct ms_tree *tree, struct ms_tree_member *member)
{
	int r = ms_process_sample(&member->process, tree->root, &member->memory);

	if (r == -ESRCH) {
		dismiss(tree, member);
		return;
	}
	if (r == MS_PROCESS_EMPTY) {
		member->memory = (struct ms_process_memory){0};
		tree->scan_soon = tree->scan_soon || !member->empty;
	}
	member->empty = r == MS_PROCESS_EMPTY;
}

uint32_t ms_tree_sample(struct ms_tree *tree)
{
	struct ms_tree_memory sum = {0};

	for (uint32_t slot = 0; slot < tree->high; slot++) {
		struct ms_tree_member *member = &tree->slots[slot];

		if (!is_member(member))
			continue;
		if (member->process.statm_fd >= 0)
			read_member(tree, member);
		if (is_member(member))
			add_up(&sum, &member->memory);
	}
	sum.processes = tree->members;
	tree->memory = sum;
	return sum.processes;
}

bool ms_tree_next_change(struct ms_tree *tree, struct ms_tree_change *ret_change)
{
	for (uint32_t slot = 0; tree->untold > 0 && slot < tree->high; slot++) {
		struct ms_tree_member *member = &tree->slots[slot];

		if (member->state != MS_TREE_CAME && member->state != MS_TREE_LEFT)
			continue;
		*ret_change = (struct ms_tree_change){
			.came = member->state == MS_TREE_CAME,
			.slot = slot,
			.pid = member->process.pid,
			.start_ticks = member->process.start_ticks,
		};
		member->state = member->state == MS_TREE_CAME ? MS_TREE_IN : MS_TREE_FREE;
		tree->untold--;
		return true;
	}
	return false;
}

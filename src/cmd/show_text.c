/* SPDX-License-Identifier: MIT */
/* cmd/show_text.c - memshed show for people: a few lines on the process, then the table of its caches. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd/show.h"
#include "cmd/snapshot_columns.h"
#include "table/names.h"
#include "util/procfs.h"
#include "util/units.h"

enum {
	WIDE_COLUMNS = 110, /* from here on there is room for kind, source and when */
	FACT_INDENT = 20,
	FACT_BYTES = 1280,
};

/* "RSS         1.21G  and what there is to say about it", wrapped below itself on a narrow terminal. */
static void print_fact(const char *what, const char *value, const char *text)
{
	unsigned width = ms_render_width();
	char lines[FACT_BYTES];

	snprintf(lines, sizeof(lines), "%s", text);
	if (width != UINT_MAX)
		ms_render_wrap_words(lines, width > FACT_INDENT + 40 ? width - FACT_INDENT : 40);
	printf("%-10s %7s", what, value);
	for (char *line = lines, *next; line && line[0] != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		printf("%s%*s%s", line == lines ? "" : "\n", line == lines ? 2 : FACT_INDENT, "", line);
	}
	putchar('\n');
}

/* " + free in glibc 387K", or nothing where the allocator does not say. */
static const char *describe_heap(const struct ms_snapshot *snapshot, char *text, size_t size)
{
	char name[MS_ESCAPED_NAME], bytes[MS_RENDER_CELL];

	text[0] = '\0';
	if (snapshot->has_allocator && ms_row_is_counted(&snapshot->allocator))
		snprintf(text, size, " + free in %s %s", ms_escape_name(name, snapshot->info.allocator),
			 ms_render_bytes(bytes, true, false, snapshot->allocator.bytes));
	return text;
}

/* What the RSS is made of, as far as caches and allocator say. */
static void print_memory(const struct ms_snapshot *snapshot)
{
	char rss[MS_RENDER_CELL], swap[MS_RENDER_CELL], cached[MS_RENDER_CELL], left[MS_RENDER_CELL],
		heap[128], rest[96], text[320];
	uint64_t explained, rss_bytes = snapshot->facts.rss_bytes;

	if (ms_snapshot_explained(snapshot, &explained))
		snprintf(rest, sizeof(rest), "; not explained %s",
			 ms_render_bytes(left, true, snapshot->totals.estimated, rss_bytes - explained));
	else
		snprintf(rest, sizeof(rest), ": more than is resident");
	snprintf(text, sizeof(text), "caches %s%s%s",
		 ms_render_bytes(cached, true, snapshot->totals.estimated, snapshot->totals.bytes),
		 describe_heap(snapshot, heap, sizeof(heap)), rest);
	print_fact("RSS", ms_render_bytes(rss, true, false, rss_bytes), text);
	print_fact("swap", ms_render_bytes(swap, true, false, snapshot->facts.swap_bytes), "");
}

/* "cgroup1 memory.limit_in_bytes of /job: 1.3G used (87%)" */
static int describe_limit(const struct ms_limit *limit, char *text, size_t size)
{
	char used[MS_RENDER_CELL], share[MS_RENDER_CELL], where[MS_ESCAPED_BYTES(MS_LIMIT_WHERE_BYTES)];

	ms_escape(ms_escape_terminal_charset(), where, sizeof(where), limit->where,
		  strnlen(limit->where, sizeof(limit->where)));
	return snprintf(text, size, "%s%s%s: %s used (%s)", ms_limit_source_name(limit->source),
			where[0] ? " of " : "", where, ms_render_bytes(used, true, false, limit->used_bytes),
			ms_render_share(share, limit->used_bytes, limit->max_bytes));
}

static void describe_measured(const struct ms_snapshot *snapshot, const char *high, const char *low,
			      char *text, size_t size)
{
	const struct ms_state *state = &snapshot->watch;
	char others[48] = "", lowered[128] = "", margin[MS_RENDER_CELL];

	if (state->processes > 1)
		snprintf(others, sizeof(others), ", with %u other process%s", state->processes - 1,
			 state->processes > 2 ? "es" : "");
	if (state->flags & MS_STATE_HIGH_LOWERED)
		snprintf(lowered, sizeof(lowered),
			 " (lowered: the job can grow by %s before the first callback runs)",
			 ms_render_bytes(margin, true, false, state->margin_bytes));
	snprintf(text, size, "watched by memshed, pid %d%s; shrinks above %s to %s%s%s",
		 (int)snapshot->watch_pid, others, high, low, lowered,
		 state->flags & MS_STATE_ENFORCED ? "; the cgroup was made for --max" : "");
}

static void describe_watch(const struct ms_snapshot *snapshot, char *text, size_t size)
{
	char high[MS_RENDER_CELL], low[MS_RENDER_CELL];
	int blind = snapshot->watch.blind_error;

	ms_render_bytes(high, true, false, snapshot->budget.high_bytes);
	ms_render_bytes(low, true, false, snapshot->budget.low_bytes);
	if (snapshot->measured)
		describe_measured(snapshot, high, low, text, size);
	else if (blind)
		snprintf(text, size, "started by memshed, pid %d, which cannot watch it: %s",
			 (int)snapshot->watch_pid,
			 blind == -EXDEV ? ms_procfs_fault(blind) : strerror(-blind));
	else if (snapshot->watched)
		snprintf(text, size, "watched by memshed, pid %d, which has not looked yet",
			 (int)snapshot->watch_pid);
	else
		snprintf(text, size, "unwatched; `memshed run` would shrink above %s to %s", high, low);
}

static void print_budget(const struct ms_snapshot *snapshot)
{
	const struct ms_limit *limit = &snapshot->budget.limit;
	char max[MS_RENDER_CELL], text[FACT_BYTES];

	if (limit->source == MS_LIMIT_NONE) {
		print_fact("budget", "-", "no limit is known");
	} else {
		describe_limit(limit, text, sizeof(text));
		print_fact("budget", ms_render_bytes(max, true, false, limit->max_bytes), text);
	}
	if (limit->source != MS_LIMIT_NONE || snapshot->watched) {
		describe_watch(snapshot, text, sizeof(text));
		print_fact("", "", text);
	}
}

static bool same_limit(const struct ms_limit *a, const struct ms_limit *b)
{
	return a->source == b->source && strcmp(a->where, b->where) == 0;
}

static void print_other_limits(const struct ms_snapshot *snapshot)
{
	const char *what = "others";

	for (uint32_t i = 0; i < snapshot->limit_count; i++) {
		char max[MS_RENDER_CELL], text[FACT_BYTES];

		if (same_limit(&snapshot->limits[i], &snapshot->budget.limit))
			continue;
		describe_limit(&snapshot->limits[i], text, sizeof(text));
		print_fact(what, ms_render_bytes(max, true, false, snapshot->limits[i].max_bytes), text);
		what = "";
	}
}

/* So that a person who looks at a job that is slow sees why. */
static void print_brake(const struct ms_table_info *info)
{
	char count[24], held[48] = "", time[MS_UNITS_TEXT], text[160];

	if (info->brakes == 0)
		return;
	snprintf(count, sizeof(count), "%" PRIu64, info->brakes);
	if (info->braked_threads > 0)
		snprintf(held, sizeof(held), "; %" PRIu64 " held now", info->braked_threads);
	snprintf(text, sizeof(text), "times a thread was held back until memory was freed, for %s in all%s",
		 ms_units_format_duration(time, info->braked_us), held);
	print_fact("braked", count, text);
}

static void print_own(const struct ms_table_info *info)
{
	char claimed[MS_RENDER_CELL], returned[MS_RENDER_CELL], text[160];

	if (info->own_rounds == 0)
		return;
	snprintf(text, sizeof(text), "shrunk by itself: %" PRIu64 "; claimed %s, RSS fell by %s", info->own_rounds,
		 ms_render_bytes(claimed, true, false, info->own_claimed_bytes),
		 ms_render_bytes(returned, true, false, info->own_returned_bytes));
	print_fact("", "", text);
}

static void print_agent(const struct ms_snapshot *snapshot)
{
	const struct ms_table_info *info = &snapshot->info;
	char trimmed[MS_RENDER_CELL], text[160];

	print_fact("agent", ms_name_of_agent_mode(snapshot->agent.mode), snapshot->agent.text);
	if (info->orders > 0 || info->trims > 0) {
		snprintf(text, sizeof(text), "orders done: %" PRIu64 "; allocator trims: %" PRIu64 ", RSS fell by %s",
			 info->orders, info->trims, ms_render_bytes(trimmed, true, false, info->trimmed_bytes));
		print_fact("", "", text);
	}
	print_own(info);
	print_brake(info);
}

/* The caches that are not shown, in one line. */
static void print_left(const struct ms_row_totals *left)
{
	char bytes[MS_RENDER_CELL];

	if (left->caches > 0)
		printf("... and %" PRIu64 " more, %s in all: --all shows them\n", left->caches,
		       ms_render_bytes(bytes, true, left->estimated, left->bytes));
}

/* The @nth line of the table: a group, or a row. */
static struct ms_cache_item line_at(const struct ms_snapshot *snapshot, unsigned nth, bool each)
{
	const struct ms_group *group = each ? NULL : &snapshot->groups[nth];

	return (struct ms_cache_item){.row = each ? &snapshot->rows[nth] : &group->row,
				      .group = group,
				      .now_ns = snapshot->now_ns,
				      .wide = ms_render_width() >= WIDE_COLUMNS};
}

static void print_caches(const struct ms_snapshot *snapshot, unsigned shown, bool each)
{
	unsigned view = ms_render_width() >= WIDE_COLUMNS ? MS_VIEW_WIDE : MS_VIEW_NARROW;
	struct libscols_table *table = ms_columns_table(&ms_cache_columns, view);
	unsigned count = each ? snapshot->row_count : snapshot->group_count;
	struct ms_row_totals left = {0};

	for (unsigned i = 0, nth = 0; i < count; i++) {
		const struct ms_cache_item item = line_at(snapshot, i, each);

		if (item.row->row == MS_ALLOCATOR_ROW)
			continue;
		if (nth++ < shown) {
			ms_columns_line(&ms_cache_columns, view, table, &item);
			continue;
		}
		ms_rows_add(&left, item.row);
		left.caches += item.group ? item.group->caches - 1 : 0;
	}
	ms_render_print(table);
	print_left(&left);
}

/* How old the counts are, and why they are not of now. */
static void print_counts_age(const struct ms_snapshot *snapshot)
{
	char age[MS_RENDER_CELL];
	uint64_t age_us = 0;

	if (snapshot->counted == MS_COUNTED_NOW)
		return;
	if (ms_snapshot_counts_age(snapshot, &age_us))
		printf("Counts of %s ago: %s.\n", ms_render_us(age, true, age_us),
		       ms_snapshot_counted_words(snapshot->counted));
	else if (snapshot->totals.uncounted > 0 || snapshot->counted == MS_COUNTED_NO_ANSWER)
		printf("Nothing was counted: %s.\n", ms_snapshot_counted_words(snapshot->counted));
}

static void print_notes(const struct ms_snapshot *snapshot)
{
	uint64_t refused = snapshot->info.refused_registrations;

	print_counts_age(snapshot);
	if (snapshot->totals.uncounted > 0)
		printf("Not counted yet: %" PRIu64 " of the caches.\n", snapshot->totals.uncounted);
	if (refused > 0)
		printf("Not in the table, because it was full when they registered: %" PRIu64 " caches.\n",
		       refused);
}

void ms_show_print_text(const struct ms_snapshot *snapshot, unsigned shown, bool each)
{
	char command[MS_ESCAPED_NAME];

	printf("%s (pid %d), %s, uid %u\n", ms_escape_name(command, snapshot->command),
	       (int)snapshot->facts.pid, ms_pid_state_name(snapshot->facts.state),
	       (unsigned)snapshot->facts.uid);
	print_memory(snapshot);
	print_budget(snapshot);
	print_other_limits(snapshot);
	print_agent(snapshot);
	putchar('\n');
	if (snapshot->totals.caches == 0)
		puts("No caches at the moment.");
	else
		print_caches(snapshot, shown, each);
	print_notes(snapshot);
}

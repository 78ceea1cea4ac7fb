/* SPDX-License-Identifier: MIT */
/* cmd/show_text.c - memshed show for people: a few lines on the process, then the table of its caches. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd/render.h"
#include "cmd/show.h"
#include "table/names.h"

enum {
	WIDE_COLUMNS = 110, /* from here on there is room for kind, source and when */
	FACT_INDENT = 20,
	FACT_BYTES = 1280,
	CELLS = 10, /* of a wide line; a narrow one has two fewer */
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
static const char *describe_heap(const struct ms_show *show, char *text, size_t size)
{
	char name[MS_ESCAPED_NAME], bytes[MS_RENDER_CELL];

	text[0] = '\0';
	if (show->allocator && ms_row_is_counted(show->allocator))
		snprintf(text, size, " + free in %s %s",
			 ms_escape_name(name, show->target->table.info.allocator),
			 ms_render_bytes(bytes, true, false, show->allocator->bytes));
	return text;
}

/* What the RSS is made of, as far as anybody says so. */
static void print_memory(const struct ms_show *show)
{
	char rss[MS_RENDER_CELL], swap[MS_RENDER_CELL], cached[MS_RENDER_CELL], left[MS_RENDER_CELL],
		heap[128], rest[96], text[320];
	uint64_t explained, rss_bytes = show->facts.rss_bytes;

	if (ms_show_explained(show, &explained))
		snprintf(rest, sizeof(rest), "; not explained %s",
			 ms_render_bytes(left, true, show->totals.estimated, rss_bytes - explained));
	else
		snprintf(rest, sizeof(rest), ": more than is resident");
	snprintf(text, sizeof(text), "caches %s%s%s",
		 ms_render_bytes(cached, true, show->totals.estimated, show->totals.bytes),
		 describe_heap(show, heap, sizeof(heap)), rest);
	print_fact("RSS", ms_render_bytes(rss, true, false, rss_bytes), text);
	print_fact("swap", ms_render_bytes(swap, true, false, show->facts.swap_bytes), "");
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

static void print_budget(const struct ms_show *show)
{
	const struct ms_limit *limit = &show->sample.limit;
	char max[MS_RENDER_CELL], high[MS_RENDER_CELL], low[MS_RENDER_CELL], text[FACT_BYTES];

	if (limit->source == MS_LIMIT_NONE) {
		print_fact("budget", "-", "no limit is known");
		return;
	}
	describe_limit(limit, text, sizeof(text));
	print_fact("budget", ms_render_bytes(max, true, false, limit->max_bytes), text);
	ms_render_bytes(high, true, false, show->marks.high_bytes);
	ms_render_bytes(low, true, false, show->marks.low_bytes);
	if (show->supervisor.pid > 0 && show->sample.processes > 1)
		snprintf(text, sizeof(text),
			 "watched by memshed, pid %d, with %u other processes; shrinks above %s to %s",
			 (int)show->supervisor.pid, show->sample.processes - 1, high, low);
	else if (show->supervisor.pid > 0)
		snprintf(text, sizeof(text), "watched by memshed, pid %d; shrinks above %s to %s",
			 (int)show->supervisor.pid, high, low);
	else
		snprintf(text, sizeof(text), "unwatched; `memshed run` would shrink above %s to %s", high,
			 low);
	print_fact("", "", text);
}

static bool same_limit(const struct ms_limit *a, const struct ms_limit *b)
{
	return a->source == b->source && strcmp(a->where, b->where) == 0;
}

static void print_other_limits(const struct ms_show *show)
{
	const char *what = "others";

	for (uint32_t i = 0; i < show->limit_count; i++) {
		char max[MS_RENDER_CELL], text[FACT_BYTES];

		if (same_limit(&show->limits[i], &show->sample.limit))
			continue;
		describe_limit(&show->limits[i], text, sizeof(text));
		print_fact(what, ms_render_bytes(max, true, false, show->limits[i].max_bytes), text);
		what = "";
	}
}

static void print_agent(const struct ms_show *show)
{
	const struct ms_table_info *info = &show->target->table.info;
	char trimmed[MS_RENDER_CELL], text[160];

	print_fact("agent", ms_agent_mode_name(show->agent.mode), show->agent.text);
	if (info->orders == 0 && info->trims == 0)
		return;
	snprintf(text, sizeof(text), "orders done: %" PRIu64 "; allocator trims: %" PRIu64 ", RSS fell by %s",
		 info->orders, info->trims, ms_render_bytes(trimmed, true, false, info->trimmed_bytes));
	print_fact("", "", text);
}

static const char *last_text(const struct ms_show *show, const struct ms_row *row, bool wide,
			     char text[MS_RENDER_CELL])
{
	char claimed[MS_RENDER_CELL], ago[MS_RENDER_CELL];
	uint64_t ago_us;

	if (row->flags & MS_ROW_STUCK)
		return "stuck now";
	if (row->last.order_seq == 0)
		return "-";
	int at = snprintf(text, MS_RENDER_CELL, "%s", ms_answer_status_name(row->last.status));
	if (row->last.claimed_bytes > 0)
		at += snprintf(
			text + at, MS_RENDER_CELL - (size_t)at, " %s",
			ms_render_bytes(claimed, true, ms_row_is_estimated(row), row->last.claimed_bytes));
	if (wide && ms_age_us(row->last.finished_ns, show->now_ns, &ago_us))
		snprintf(text + at, MS_RENDER_CELL - (size_t)at, ", %s ago", ms_render_us(ago, true, ago_us));
	return text;
}

/* "target.c:144": the folders are in the JSON. */
static const char *short_source(const char *source)
{
	return source[0] == '\0' ? "-" : basename(source);
}

static void add_cache(struct libscols_table *table, const struct ms_show *show, const struct ms_row *row,
		      bool wide)
{
	char bytes[MS_RENDER_CELL], entries[MS_RENDER_CELL], hits[MS_RENDER_CELL], misses[MS_RENDER_CELL],
		rate[MS_RENDER_CELL], age[MS_RENDER_CELL], last[MS_RENDER_CELL], name[MS_ESCAPED_NAME],
		source[MS_ESCAPED_NAME];
	bool counted = ms_row_is_counted(row), looked_up = ms_row_lookups(row) > 0;
	uint64_t age_us = 0;
	bool aged = ms_age_us(row->registered_ns, show->now_ns, &age_us);
	unsigned n = 0;
	const char *cells[CELLS];

	cells[n++] = ms_render_bytes(bytes, counted, ms_row_is_estimated(row), row->bytes);
	cells[n++] = ms_render_short(entries, counted, row->entries);
	cells[n++] = ms_render_short(hits, looked_up, row->hits);
	cells[n++] = ms_render_short(misses, looked_up, row->misses);
	cells[n++] = ms_render_share(rate, row->hits, ms_row_lookups(row));
	cells[n++] = ms_render_us(age, aged, age_us);
	if (wide)
		cells[n++] = ms_kind_name(row->kind);
	cells[n++] = last_text(show, row, wide, last);
	cells[n++] = ms_escape_name(name, row->name);
	if (wide)
		cells[n++] = ms_escape_name(source, short_source(row->source));
	ms_render_line(table, cells);
}

/* The caches that are not shown, in one line. */
static void print_left(const struct ms_row_totals *left)
{
	char bytes[MS_RENDER_CELL];

	if (left->caches > 0)
		printf("... and %" PRIu64 " more, %s in all: --all shows them\n", left->caches,
		       ms_render_bytes(bytes, true, left->estimated, left->bytes));
}

static void print_caches(const struct ms_show *show)
{
	static const struct ms_render_column narrow_columns[] = {
		{"BYTES", MS_RENDER_RIGHT},  {"ENTRIES", MS_RENDER_RIGHT}, {"HITS", MS_RENDER_RIGHT},
		{"MISSES", MS_RENDER_RIGHT}, {"RATE", MS_RENDER_RIGHT},    {"AGE", MS_RENDER_RIGHT},
		{"LAST", MS_RENDER_LEFT},    {"NAME", MS_RENDER_WRAP},
	};
	static const struct ms_render_column wide_columns[CELLS] = {
		{"BYTES", MS_RENDER_RIGHT},  {"ENTRIES", MS_RENDER_RIGHT}, {"HITS", MS_RENDER_RIGHT},
		{"MISSES", MS_RENDER_RIGHT}, {"RATE", MS_RENDER_RIGHT},    {"AGE", MS_RENDER_RIGHT},
		{"KIND", MS_RENDER_LEFT},    {"LAST", MS_RENDER_LEFT},     {"NAME", MS_RENDER_WRAP},
		{"SOURCE", MS_RENDER_LEFT},
	};
	bool wide = ms_render_width() >= WIDE_COLUMNS;
	struct libscols_table *table =
		wide ? ms_render_new(wide_columns, CELLS) : ms_render_new(narrow_columns, CELLS - 2);
	struct ms_row_totals left = {0};
	unsigned shown = 0;

	for (unsigned i = 0; i < show->row_count; i++) {
		const struct ms_row *row = &show->rows[i];

		if (row->row == MS_ALLOCATOR_ROW)
			continue;
		if (shown++ < show->shown)
			add_cache(table, show, row, wide);
		else
			ms_rows_add(&left, row);
	}
	ms_render_print(table);
	print_left(&left);
}

static void print_notes(const struct ms_show *show)
{
	uint64_t refused = show->target->table.info.refused_registrations;

	if (show->totals.uncounted > 0)
		printf("Not counted yet: %" PRIu64 " of the caches.\n", show->totals.uncounted);
	if (refused > 0)
		printf("Not in the table, because it was full when they registered: %" PRIu64 " caches.\n",
		       refused);
}

void ms_show_print_text(const struct ms_show *show)
{
	printf("%s, %s, uid %u\n", show->target->label, ms_pid_state_name(show->facts.state),
	       (unsigned)show->facts.uid);
	print_memory(show);
	print_budget(show);
	print_other_limits(show);
	print_agent(show);
	putchar('\n');
	if (show->totals.caches == 0)
		puts("No caches at the moment.");
	else
		print_caches(show);
	print_notes(show);
}

/* SPDX-License-Identifier: MIT */
/*
 * Every kind of event as a JSON object and as a line, against tests/data/event; the journal's section of
 * memshed-run(1), which is made of the same table; hostile names, small buffers, no limit.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/journal.h"
#include "event/kinds.h"
#include "event/phrase.h"
#include "table/layout.h"

#define MIB (UINT64_C(1) << 20)

static struct ms_event_caches two_caches(void)
{
	static const struct ms_event_cache cache[] = {
		{.pid = 42, .comm = "job", .cache = "lookup", .bytes = 12 * MIB, .caches = 4000},
		{.pid = 42, .comm = "job", .cache = "parse", .bytes = 349 * MIB, .estimated = true, .caches = 1},
	};
	struct ms_event_caches list = {0};

	ms_event_caches_add(&list, &cache[0]);
	ms_event_caches_add(&list, &cache[1]);
	return list;
}

static struct ms_event event_of(enum ms_event_kind kind)
{
	const struct ms_sample sample = {
		.processes = 2,
		.rss_bytes = 190 * MIB,
		.limit = {.source = MS_LIMIT_CGROUP1,
			  .max_bytes = 200 * MIB,
			  .used_bytes = 190 * MIB,
			  .where = "/a\nb"},
		.growth_bytes_per_s = 1000,
	};
	const struct ms_marks marks = {.max_bytes = 200 * MIB,
				       .high_bytes = 180 * MIB,
				       .low_bytes = 160 * MIB,
				       .danger_bytes = 190 * MIB};
	struct ms_event event = {
		.kind = kind, .at_ms = 12345, .unix_ms = UINT64_C(1700000000123), .pid = 42, .comm = "job"};

	ms_event_read(&event, &sample, &marks);
	return event;
}

static struct ms_event_end full_end(void)
{
	return (struct ms_event_end){
		.run_ms = 12345,
		.peak_rss_bytes = 199 * MIB,
		.shortages = 1,
		.rounds = 3,
		.orders = 4,
		.claimed_bytes = 31 * MIB,
		.estimated = true,
		.returned_bytes = 29 * MIB,
		.own_rounds = 5,
		.own_claimed_bytes = 41 * MIB,
		.own_returned_bytes = 39 * MIB,
		.own_us = 6100,
		.brakes = 2,
		.braked_us = 17000,
		.shrink_us = 4200,
		.worst_delay_us = 2000000,
		.worst_growth_bytes = 10 * MIB,
		.wakeups = 500,
		.lost_lines = 2,
		.restarts = 2,
		.exhaustions = 3,
		.in_caches_bytes = 30 * MIB,
		.unexplained_bytes = 160 * MIB,
		.oom_kills = 1,
		.largest = two_caches(),
	};
}

/* Of a job that its caches do not help, or that has none. */
static void fill_rest(struct ms_event *event)
{
	switch (event->kind) {
	case MS_EVENT_EXIT:
		event->as.exit = (struct ms_event_exit){137, 9};
		break;
	case MS_EVENT_WAIT:
		event->as.wait = (struct ms_event_wait){MS_WHY_SILENT, 5000, 7, 3};
		break;
	case MS_EVENT_WARN:
		event->as.warn = (struct ms_event_warn){MS_WHY_NOTHING_LEFT, 0, 7, 0};
		break;
	case MS_EVENT_EXHAUSTED:
		event->as.exhausted = (struct ms_event_exhausted){MS_EXHAUSTED_TERM, 30 * MIB, 160 * MIB};
		break;
	case MS_EVENT_STOP:
		event->as.stop = (struct ms_event_stop){15, 3};
		break;
	case MS_EVENT_RESTART:
		event->as.restart = (struct ms_event_restart){2, 2000};
		break;
	case MS_EVENT_UNLOADED:
		event->as.unloaded.obstacle = MS_PYTHON_ISOLATED;
		break;
	default:
		break;
	}
}

/* An event of each kind with something in every field. */
static struct ms_event full_event(enum ms_event_kind kind)
{
	struct ms_event event = event_of(kind);

	switch (kind) {
	case MS_EVENT_START:
		event.as.start = (struct ms_event_start){300 * MIB, true, false, true, true, 0};
		break;
	case MS_EVENT_BLIND:
		event.as.blind.error = -2;
		break;
	case MS_EVENT_TARGET:
		event.as.target.caches = 7;
		break;
	case MS_EVENT_LIMIT:
		event.as.limit.option_max_bytes = UINT64_MAX;
		break;
	case MS_EVENT_MARGIN:
		event.as.margin = (struct ms_event_margin){30 * MIB, 5000};
		break;
	case MS_EVENT_UNPRIVILEGED:
		event.as.unprivileged = (struct ms_event_unprivileged){false, false, true, 12000};
		break;
	case MS_EVENT_ORDER:
		event.as.order = (struct ms_event_order){MS_WHY_ABOVE_HIGH, MS_LEVEL_TRIM, 45 * MIB};
		break;
	case MS_EVENT_ANSWER:
		event.as.answer = (struct ms_event_answer){.status = MS_ANSWER_PARTIAL,
							   .error = -5,
							   .claimed_bytes = 42 * MIB,
							   .claimed_entries = 1000,
							   .estimated = true,
							   .returned_bytes = 44 * MIB,
							   .caches = 5,
							   .duration_us = 12000,
							   .stuck = "slow",
							   .gave = two_caches()};
		break;
	case MS_EVENT_RETURNED:
		event.as.returned = (struct ms_event_returned){42 * MIB, 44 * MIB, 13000, 213000};
		break;
	case MS_EVENT_RECOVERED:
		event.as.recovered.duration_us = 300000;
		break;
	case MS_EVENT_OWN:
		event.as.own = (struct ms_event_own){.rounds = 12,
						     .claimed_bytes = 42 * MIB,
						     .returned_bytes = 44 * MIB,
						     .duration_us = 13000,
						     .brakes = 3,
						     .braked_us = 1500,
						     .largest = two_caches()};
		break;
	case MS_EVENT_SILENT:
		event.as.silent.agent_state = MS_AGENT_ENTERING;
		break;
	case MS_EVENT_END:
		event.as.end = full_end();
		break;
	case MS_EVENT_STOPPED:
	case MS_EVENT_RESUMED:
	case MS_EVENT_KIND_COUNT:
		break;
	case MS_EVENT_EXIT:
	case MS_EVENT_WAIT:
	case MS_EVENT_WARN:
	case MS_EVENT_EXHAUSTED:
	case MS_EVENT_STOP:
	case MS_EVENT_RESTART:
	case MS_EVENT_UNLOADED:
		fill_rest(&event);
		break;
	}
	return event;
}

static const char *line_of(const struct ms_event *event)
{
	static char buffer[MS_JOURNAL_LINE_BYTES];
	struct ms_line line;

	ms_line_init(&line, buffer, sizeof(buffer));
	ms_kind_of(event->kind)->say(&line, event);
	assert_false(line.cut);
	return buffer;
}

static const char *json_of(const struct ms_event *event)
{
	static char buffer[MS_JOURNAL_LINE_BYTES];
	struct ms_line line;

	ms_line_init(&line, buffer, sizeof(buffer));
	ms_journal_event(event, &line);
	assert_false(line.cut);
	return buffer;
}

static json_t *object_of(const struct ms_event *event)
{
	const char *text = json_of(event);
	json_error_t error;
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!object)
		fail_msg("%s: %s", error.text, text);
	return object;
}

static char *contents_of(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s cannot be opened", path);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void assert_in_file(bool is_there, const char *path, const char *text)
{
	if (is_there)
		return;
	print_error("%s does not have this:\n", path);
	fputs(text, stdout); /* which print_error() would cut */
	fail();
}

static void assert_same_as_file(const char *path, const char *text)
{
	assert_in_file(strcmp(contents_of(path), text) == 0, path, text);
}

static void every_kind_is_an_object(void **state)
{
	static char text[65536];
	size_t length = 0;

	(void)state;
	for (unsigned kind = 0; kind < MS_EVENT_KIND_COUNT; kind++) {
		struct ms_event event = full_event((enum ms_event_kind)kind);

		json_decref(object_of(&event));
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s\n", json_of(&event));
		assert_true(length < sizeof(text));
	}
	assert_same_as_file(TEST_DATA "/event/journal.jsonl", text);
}

static void every_kind_has_its_sentence(void **state)
{
	static char text[65536];
	size_t length = 0;

	(void)state;
	for (unsigned kind = 0; kind < MS_EVENT_KIND_COUNT; kind++) {
		struct ms_event event = full_event((enum ms_event_kind)kind);

		if (!ms_kind_of(event.kind)->say)
			continue;
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s: %s\n",
					   ms_kind_of(event.kind)->name, line_of(&event));
		assert_true(length < sizeof(text));
	}
	assert_same_as_file(TEST_DATA "/event/sentences.txt", text);
}

static void the_end_says_what_there_is_to_say(void **state)
{
	struct ms_event event = event_of(MS_EVENT_END);

	(void)state;
	event.as.end =
		(struct ms_event_end){.run_ms = 47400, .peak_rss_bytes = 199 * MIB, .oom_kills = UINT64_MAX};
	assert_string_equal(line_of(&event), "ended after 47.4s, exit 0: peak RSS 199M of 200M (cgroup1 "
					     "memory.limit_in_bytes of /a\\nb), never above high");
	event.as.end.exit_code = 3;
	event.as.end.largest = two_caches();
	event.as.end.largest.at[1].pid = 43;
	event.limit = MS_LIMIT_NONE;
	assert_string_equal(line_of(&event),
			    "ended after 47.4s, exit 3: peak RSS 199M, never above high; largest caches "
			    "at the end: parse ~349M (pid 42), lookup x 4000 12M (pid 43)");
	event.as.end.largest.count = 1;
	event.as.end.exit_code = 137;
	event.as.end.signal = 9;
	event.as.end.shortages = 2;
	assert_string_equal(line_of(&event),
			    "ended after 47.4s, killed by SIGKILL: peak RSS 199M, above high 2 times, "
			    "shrunk 0 times; largest cache at the end: parse ~349M");
}

/* The journal's section of the manual page: words, wrapped. */
struct page {
	char text[32768];
	size_t length, column;
};

static void add_word(struct page *page, const char *word, size_t length)
{
	if (page->column + 1 + length > 108) {
		page->length += (size_t)sprintf(page->text + page->length, "\n\t");
		page->column = 8;
	} else if (page->column > 8) {
		page->text[page->length++] = ' ';
		page->column++;
	}
	memcpy(page->text + page->length, word, length);
	page->length += length;
	page->column += length;
}

__attribute__((format(printf, 2, 3))) static void add_words(struct page *page, const char *format, ...)
{
	char words[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	assert_true(page->length + sizeof(words) < sizeof(page->text));
	for (const char *word = words; *word; word += strspn(word, " ")) {
		add_word(page, word, strcspn(word, " "));
		word += strcspn(word, " ");
	}
}

static void begin_item(struct page *page, const char *name)
{
	page->length +=
		(size_t)sprintf(page->text + page->length, "%s*%s*\n\t", page->length ? "\n" : "", name);
	page->column = 8;
}

static void add_keys(struct page *page, const struct ms_field *field, bool with_docs)
{
	for (; field->key; field++)
		add_words(page, with_docs ? "*%s* (%s)%s" : "*%s*%.0s%s", field->key, field->doc,
			  field[1].key ? "," : "");
}

static void add_kind(struct page *page, const struct ms_kind *kind)
{
	begin_item(page, kind->name);
	add_words(page, "%s", kind->doc);
	if (kind->of_process)
		add_words(page, "*pid*, *comm*%s", kind->fields->key ? "," : "");
	add_keys(page, kind->fields, true);
}

static const char *journal_section(void)
{
	static struct page page;

	page.length = 0;
	begin_item(&page, "event");
	add_words(&page, "What happened, see below.");
	for (const struct ms_field *field = ms_fields_common; field->key; field++) {
		begin_item(&page, field->key);
		add_words(&page, "%c%s.", toupper((unsigned char)field->doc[0]), field->doc + 1);
	}
	begin_item(&page, "pid");
	add_words(&page, "Of the process, and in *comm* its name, where an event is about one.");
	begin_item(&page, "reason");
	for (unsigned why = 0; why <= MS_WHY_BELOW_LOW; why++)
		add_words(&page, "%s (%s)%s", ms_reason_name(why), ms_reason_words(why),
			  why < MS_WHY_BELOW_LOW ? "," : "");
	begin_item(&page, "gave");
	add_words(&page, "and *largest*: lists of caches; of each");
	add_keys(&page, ms_fields_cache, true);
	page.length +=
		(size_t)sprintf(page.text + page.length, "\n\nThe events, and what they have beside that:\n");
	for (unsigned kind = 0; kind < MS_EVENT_KIND_COUNT; kind++)
		add_kind(&page, ms_kind_of((enum ms_event_kind)kind));
	page.length += (size_t)sprintf(page.text + page.length, "\n");
	return page.text;
}

static void the_manual_page_has_it(void **state)
{
	static const char path[] = TEST_DATA "/../../man/memshed-run.1.scd";
	const char *expected = journal_section();

	(void)state;
	assert_in_file(strstr(contents_of(path), expected) != NULL, path, expected);
}

static void every_reason_has_words(void **state)
{
	struct ms_event event = event_of(MS_EVENT_WAIT);

	(void)state;
	for (unsigned why = 0; why <= MS_WHY_BELOW_LOW; why++) {
		event.as.wait.reason = why;
		json_decref(object_of(&event));
		assert_true(strlen(line_of(&event)) > strlen("190M of 200M, "));
	}
}

static void set_name(char *name, size_t size, const char *text)
{
	memset(name, 0, size);
	memcpy(name, text, strlen(text) < size ? strlen(text) : size - 1);
}

static void names_cannot_break_out(void **state)
{
	static const char *const names[] = {"\"}\n{\"event\":\"end\"",
					    "\\\"",
					    "\x1b[2J\x07",
					    "\xff\xfe",
					    "\xe2\x80\xae"
					    "cod",
					    "caf\xc3\xa9",
					    "\\",
					    "\t\r\n"};
	struct ms_event event = full_event(MS_EVENT_END);

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_name(event.as.end.largest.at[0].cache, MS_NAME_BYTES, names[i]);
		set_name(event.limit_where, sizeof(event.limit_where), names[i]);
		json_t *object = object_of(&event);
		json_t *first = json_array_get(json_object_get(object, "largest"), 0);

		assert_string_equal(json_string_value(json_object_get(object, "event")), "end");
		assert_null(strchr(json_string_value(json_object_get(first, "cache")), '\n'));
		json_decref(object);
		for (const char *at = line_of(&event); *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
	}
}

/* The longest everything, each byte the kind that grows most. */
static void the_longest_line_fits(void **state)
{
	struct ms_event event = event_of(MS_EVENT_ANSWER);
	struct ms_event_caches *list = &event.as.answer.gave;

	(void)state;
	memset(&event, 0x7e, sizeof(event));
	memset(event.limit_where, 0xfe, sizeof(event.limit_where) - 1);
	memset(event.comm, 0xfe, sizeof(event.comm) - 1);
	for (unsigned i = 0; i < MS_EVENT_NAMED; i++) {
		memset(list->at[i].cache, 0xfe, MS_NAME_BYTES - 1);
		memset(list->at[i].comm, 0xfe, MS_COMM_BYTES - 1);
		list->at[i].cache[MS_NAME_BYTES - 1] = list->at[i].comm[MS_COMM_BYTES - 1] = '\0';
		list->at[i].estimated = false;
	}
	memset(event.as.answer.stuck, 0xfe, MS_NAME_BYTES - 1);
	event.as.answer.stuck[MS_NAME_BYTES - 1] = '\0';
	event.comm[sizeof(event.comm) - 1] = event.limit_where[sizeof(event.limit_where) - 1] = '\0';
	event.kind = MS_EVENT_ANSWER;
	event.limit = MS_LIMIT_CGROUP1_MEMSW;
	event.as.answer.estimated = event.as.answer.own = false;
	list->count = MS_EVENT_NAMED;
	json_decref(object_of(&event));
}

static void a_small_buffer_is_cut(void **state)
{
	struct ms_event event = full_event(MS_EVENT_END);
	char buffer[64];
	struct ms_line line;

	(void)state;
	for (size_t size = 1; size <= sizeof(buffer); size++) {
		memset(buffer, 'x', sizeof(buffer));
		ms_line_init(&line, buffer, size);
		ms_journal_event(&event, &line);
		assert_true(line.cut);
		assert_int_equal(strlen(buffer), size - 1);
		ms_line_init(&line, buffer, size);
		ms_kind_of(event.kind)->say(&line, &event);
		assert_true(line.cut);
	}
}

static void what_there_is_not_is_null(void **state)
{
	static const char *const keys[] = {"max_bytes", "danger_bytes", "high_bytes", "low_bytes",
					   "oom_kills"};
	const struct ms_sample sample = {.limit = {.source = MS_LIMIT_NONE, .max_bytes = UINT64_MAX}};
	const struct ms_marks marks = {.high_bytes = 1};
	struct ms_event event = full_event(MS_EVENT_END);

	(void)state;
	ms_event_read(&event, &sample, &marks);
	event.as.end.oom_kills = UINT64_MAX;
	json_t *object = object_of(&event);

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_true(json_is_null(json_object_get(object, keys[i])));
	json_decref(object);
	event = event_of(MS_EVENT_START);
	event.limit = MS_LIMIT_NONE;
	assert_string_equal(line_of(&event), "watching job (pid 42): no limit was found");
}

static void assert_aborts(void (*call)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		call();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void ask_for_no_kind(void)
{
	ms_kind_of(MS_EVENT_KIND_COUNT);
}

static void ask_for_no_reason(void)
{
	ms_reason_name(MS_WHY_BELOW_LOW + 1);
}

static void what_is_out_of_range_ends_it(void **state)
{
	(void)state;
	assert_aborts(ask_for_no_kind);
	assert_aborts(ask_for_no_reason);
}

static void only_the_largest_are_kept(void **state)
{
	static const uint64_t bytes[] = {1, 9, 2, 8, 3, 9, 0};
	struct ms_event_caches list = {0};

	(void)state;
	for (int32_t i = 0; i < 7; i++)
		ms_event_caches_add(&list, &(struct ms_event_cache){.pid = i, .bytes = bytes[i]});
	assert_int_equal(list.count, 4);
	assert_int_equal(list.more, 3);
	assert_int_equal(list.at[0].pid, 1); /* of equal ones the first */
	assert_int_equal(list.at[1].pid, 5);
	assert_int_equal(list.at[2].pid, 3);
	assert_int_equal(list.at[3].pid, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_an_object),
		cmocka_unit_test(every_kind_has_its_sentence),
		cmocka_unit_test(the_end_says_what_there_is_to_say),
		cmocka_unit_test(the_manual_page_has_it),
		cmocka_unit_test(every_reason_has_words),
		cmocka_unit_test(names_cannot_break_out),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(a_small_buffer_is_cut),
		cmocka_unit_test(what_there_is_not_is_null),
		cmocka_unit_test(what_is_out_of_range_ends_it),
		cmocka_unit_test(only_the_largest_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

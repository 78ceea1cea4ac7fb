/* SPDX-License-Identifier: MIT */
/* Journal objects, and the events that are a line of their own: hostile names, all kinds, small buffers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "sample/process.h"
#include "event/explain.h"
#include "event/journal.h"
#include "table/layout.h"
#include "util/clock.h"

static struct ms_sample sample;
static struct ms_marks marks;
static struct ms_summary summary;
static struct ms_live live;

static int set_up(void **state)
{
	(void)state;
	sample = (struct ms_sample){
		.processes = 2,
		.rss_bytes = 190 << 20,
		.limit = {.source = MS_LIMIT_OPTION, .max_bytes = 200 << 20, .used_bytes = 190 << 20},
		.growth_bytes_per_s = 1000,
	};
	marks = (struct ms_marks){.max_bytes = 200 << 20,
				  .high_bytes = 180 << 20,
				  .low_bytes = 160 << 20,
				  .danger_bytes = 190 << 20};
	summary = (struct ms_summary){
		.run_ns = UINT64_C(12345678901), .peak_rss_bytes = 199 << 20, .oom_kills = UINT64_MAX};
	live = (struct ms_live){.fifo = true};
	return 0;
}

static struct ms_event event_of(enum ms_event_kind kind)
{
	return (struct ms_event){.kind = kind,
				 .since_start_ns = UINT64_C(12345678901),
				 .unix_ms = 1700000000123,
				 .sample = &sample,
				 .marks = &marks,
				 .pid = 42,
				 .comm = "job",
				 .row = 7,
				 .cache = "blocks",
				 .why = MS_WHY_ABOVE_HIGH,
				 .level = MS_LEVEL_TRIM,
				 .target_bytes = 30 << 20,
				 .cache_bytes = 90 << 20,
				 .status = MS_ANSWER_DONE,
				 .claimed_bytes = 31 << 20,
				 .claimed_entries = 12,
				 .duration_ns = 4200000,
				 .returned_bytes = 29 << 20,
				 .live = &live,
				 .summary = &summary};
}

static const char *line_of(const struct ms_event *event)
{
	static char buffer[1024];
	struct ms_line line;

	ms_line_init(&line, buffer, sizeof(buffer));
	ms_explain_event(event, &line);
	assert_false(line.cut);
	return buffer;
}

static json_t *object_of(const struct ms_event *event)
{
	static char buffer[MS_JOURNAL_LINE_BYTES];
	struct ms_line line;
	json_error_t error;

	ms_line_init(&line, buffer, sizeof(buffer));
	ms_journal_event(event, &line);
	assert_false(line.cut);
	json_t *object = json_loads(buffer, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s: %s", error.text, buffer);
	return object;
}

static void lines_say_it(void **state)
{
	struct ms_event event = event_of(MS_EVENT_END);

	(void)state;
	assert_string_equal(line_of(&event), "memshed: +12.345s ended after 12.3s: peak RSS 199M of 200M (--max), never"
					     " above high");
	summary.shortages = 1;
	assert_non_null(strstr(line_of(&event), "(--max), above high 1 time, shrunk 0 times"));
	summary.rounds = 3;
	summary.shrink_ns = 4200000;
	summary.claimed_bytes = 31 << 20;
	summary.claimed_estimated = true;
	summary.returned_bytes = 29 << 20;
	summary.worst_delay_ns = 2 * MS_NS_PER_S;
	summary.oom_kills = 1;
	summary.lost_lines = 2;
	event.exit_code = 137;
	assert_string_equal(line_of(&event),
			    "memshed: +12.345s ended after 12.3s with exit status 137: peak RSS 199M of 200M (--max),"
			    " above high 1 time, shrunk 3 times in 4.2ms: claimed ~31M, 29M came back; looked up to 2s"
			    " late; the kernel's OOM killer ended 1 process of its cgroup; 2 lines could not be written");
	event = event_of(MS_EVENT_RECOVERED);
	assert_string_equal(line_of(&event), "memshed: +12.345s 190M of 200M, the shortage is over after 4.2ms");
	event = event_of(MS_EVENT_STOPPED);
	assert_string_equal(line_of(&event), "memshed: +12.345s job (pid 42) is stopped: its orders were taken back"
					     " until it goes on");
	event = event_of(MS_EVENT_ORDER);
	assert_string_equal(line_of(&event), ""); /* a digest makes lines of it */
}

static void the_nearer_limit_is_named(void **state)
{
	struct ms_event event = event_of(MS_EVENT_START);

	(void)state;
	event.option_max_bytes = 300 << 20;
	sample.limit.source = MS_LIMIT_CGROUP1;
	strcpy(sample.limit.where, "/a\nb");
	assert_non_null(strstr(line_of(&event), " of /a\\nb, nearer than --max 300M), high 180M, low 160M"));
	sample.limit = (struct ms_limit){.source = MS_LIMIT_NONE, .max_bytes = UINT64_MAX};
	assert_non_null(strstr(line_of(&event), "no limit was found"));
}

static void every_event_is_an_object(void **state)
{
	(void)state;
	for (enum ms_event_kind kind = MS_EVENT_START; kind <= MS_EVENT_END; kind++) {
		struct ms_event event = event_of(kind);
		json_t *object = object_of(&event);

		assert_int_equal(json_integer_value(json_object_get(object, "at_ms")), 12345);
		assert_int_equal(json_integer_value(json_object_get(object, "max_bytes")), 200 << 20);
		assert_true(json_is_string(json_object_get(object, "event")));
		json_decref(object);
		line_of(&event);
	}
}

static void every_reason_has_a_word(void **state)
{
	struct ms_event event = event_of(MS_EVENT_WAIT);

	(void)state;
	for (enum ms_why why = MS_WHY_BELOW_HIGH; why <= MS_WHY_BELOW_LOW; why++) {
		event.why = why;
		assert_non_null(ms_journal_why(why));
		/* Something stands between the fill and the end. */
		assert_true(strlen(line_of(&event)) > strlen("memshed: +12.345s 190M of 200M, "));
	}
	assert_string_equal(ms_journal_why((enum ms_why)1000), "unknown");
}

static void names_cannot_break_out(void **state)
{
	static const char *const names[] = {"\"}\n{\"event\":\"end\"", "\\\"", "\x1b[2J\x07", "\xff\xfe",
					    "\xe2\x80\xae" "cod", "caf\xc3\xa9", "\\", "\t\r\n"};
	struct ms_event event = event_of(MS_EVENT_ORDER);

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		event.cache = event.comm = names[i];
		json_t *object = object_of(&event);

		assert_string_equal(json_string_value(json_object_get(object, "event")), "order");
		assert_null(strchr(json_string_value(json_object_get(object, "cache")), '\n'));
		json_decref(object);
		for (const char *at = line_of(&event); *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
	}
}

/* The longest everything, each byte the kind that grows most. */
static void the_longest_line_fits(void **state)
{
	char name[MS_NAME_BYTES], comm[MS_COMM_BYTES];
	struct ms_event event = event_of(MS_EVENT_ORDER);

	(void)state;
	memset(name, 0xff, sizeof(name) - 1);
	memset(comm, 0xff, sizeof(comm) - 1);
	memset(sample.limit.where, 0xff, sizeof(sample.limit.where) - 1);
	name[sizeof(name) - 1] = comm[sizeof(comm) - 1] = '\0';
	event.cache = name;
	event.comm = comm;
	json_decref(object_of(&event));
}

static void a_small_buffer_is_cut(void **state)
{
	struct ms_event event = event_of(MS_EVENT_START);
	char buffer[64];
	struct ms_line line;

	(void)state;
	for (size_t size = 1; size <= sizeof(buffer); size++) {
		memset(buffer, 'x', sizeof(buffer));
		ms_line_init(&line, buffer, size);
		ms_explain_event(&event, &line);
		assert_true(line.cut);
		assert_int_equal(strlen(buffer), size - 1);
	}
}

static void no_limit_is_null(void **state)
{
	struct ms_event event = event_of(MS_EVENT_END);

	(void)state;
	sample.limit = (struct ms_limit){.source = MS_LIMIT_NONE, .max_bytes = UINT64_MAX};
	json_t *object = object_of(&event);
	assert_true(json_is_null(json_object_get(object, "max_bytes")));
	assert_true(json_is_null(json_object_get(object, "oom_kills")));
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_say_it, set_up),
		cmocka_unit_test_setup(the_nearer_limit_is_named, set_up),
		cmocka_unit_test_setup(every_event_is_an_object, set_up),
		cmocka_unit_test_setup(every_reason_has_a_word, set_up),
		cmocka_unit_test_setup(names_cannot_break_out, set_up),
		cmocka_unit_test_setup(the_longest_line_fits, set_up),
		cmocka_unit_test_setup(a_small_buffer_is_cut, set_up),
		cmocka_unit_test_setup(no_limit_is_null, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

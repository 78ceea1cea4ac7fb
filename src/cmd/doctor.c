/* SPDX-License-Identifier: MIT */
/*
 * cmd/doctor.c - memshed doctor: which sources, limits and privileges exist here, and what follows.
 */
#include "cmd/doctor.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "cmd/json.h"
#include "cmd/render.h"
#include "util/escape.h"

static const char usage[] =
	"Usage: memshed doctor [--json]\n"
	"Say which sources, limits and privileges exist here, and what follows from each for memshed.\n"
	"Changes nothing. Run it where the job will run: in the same container, as the same user.\n\n"
	"      --json  for scripts\n"
	"  -h, --help  this text\n\n"
	"ok: as good as it gets; limited: works, but less well; missing: memshed works without it.\n"
	"The exit status is 0, whatever is found. See memshed-doctor(1).\n";

static int doctor(int argc, char **argv);

const struct ms_verb ms_verb_doctor = {
	.name = "doctor",
	.summary = "say what this system offers memshed, and what follows from it",
	.usage = usage,
	.main = doctor,
};

static const struct {
	const char *name; /* as in JSON */
	ms_check_fn *check;
} checks[] = {
	{"kernel", ms_check_kernel},       {"memory", ms_check_memory},
	{"swap", ms_check_swap},           {"overcommit", ms_check_overcommit},
	{"huge pages", ms_check_thp},      {"cgroup", ms_check_cgroup},
	{"limits", ms_check_limits},       {"child cgroup", ms_check_child_cgroup},
	{"memfd", ms_check_memfd},         {"pidfd", ms_check_pidfd},
	{"others", ms_check_others},       {"hidepid", ms_check_hidepid},
	{"real time", ms_check_fifo},      {"locked memory", ms_check_mlock},
	{"oom score", ms_check_oom_score}, {"python", ms_check_python},
};
enum { CHECK_COUNT = sizeof(checks) / sizeof(checks[0]) };

static const char *const states[] = {
	[MS_CHECK_OK] = "ok",
	[MS_CHECK_LIMITED] = "limited",
	[MS_CHECK_MISSING] = "missing",
};

/* Width of the first two, with what separates them. */
enum { FIRST_COLUMNS = 22 };

static void print_text(const struct ms_check results[CHECK_COUNT])
{
	static const struct ms_render_column columns[] = {
		{"CHECK", MS_RENDER_LEFT},
		{"STATE", MS_RENDER_LEFT},
		{"WHAT IS HERE, AND WHAT FOLLOWS", MS_RENDER_LINES},
	};
	struct libscols_table *table = ms_render_new(columns, 3);
	unsigned width = ms_render_width();

	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		char found[MS_ESCAPED_BYTES(sizeof(results[i].found))];
		char text[sizeof(found) + sizeof(results[i].follows) + 4];

		ms_escape(ms_escape_terminal_charset(), found, sizeof(found), results[i].found,
			  strlen(results[i].found));
		snprintf(text, sizeof(text), "%s%s%s", found, results[i].follows[0] ? ": " : "",
			 results[i].follows);
		if (width != UINT_MAX)
			ms_render_wrap_words(text, width > FIRST_COLUMNS + 40 ? width - FIRST_COLUMNS : 40);
		struct libscols_line *line = ms_render_line(table);
		ms_render_cell(line, 0, checks[i].name);
		ms_render_cell(line, 1, states[results[i].state]);
		ms_render_cell(line, 2, text);
	}
	ms_render_print(table);
}

static void print_json(const struct ms_check results[CHECK_COUNT])
{
	json_t *document = json_object(), *array = json_array();

	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		json_t *object = json_object();

		ms_json_set(object, "name", ms_json_text(checks[i].name));
		ms_json_set(object, "state", ms_json_text(states[results[i].state]));
		ms_json_set(object, "found", ms_json_text(results[i].found));
		ms_json_set(object, "follows", ms_json_text(results[i].follows));
		json_array_append_new(array, object);
	}
	ms_json_set(document, "checks", array);
	ms_json_print(document);
}

static int examine(bool json)
{
	static struct ms_check results[CHECK_COUNT];
	struct ms_root root;

	if (ms_root_init(&root, "/") < 0) {
		ms_verb_error(&ms_verb_doctor, "/ cannot be opened");
		return MS_EXIT_FAILURE;
	}
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		checks[i].check(&root, &results[i]);
	ms_root_fini(&root);
	if (json)
		print_json(results);
	else
		print_text(results);
	return MS_EXIT_OK;
}

static int doctor(int argc, char **argv)
{
	bool json = ms_json_option(&ms_verb_doctor, argc, argv);

	if (optind < argc)
		ms_verb_wrong(&ms_verb_doctor, "%s: doctor takes no argument", argv[optind]);
	ms_json_start();
	return examine(json);
}

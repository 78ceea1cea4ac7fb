/* SPDX-License-Identifier: MIT */
/* What people call a process, from its command line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cmd/command.h"

/* A command line as the kernel shows it: the words with their NULs; sizeof counts the last one. */
#define NAME(comm, words)    name(comm, words, sizeof(words))
#define NAMES(words, wanted) ms_command_names(words, sizeof(words), wanted)

static const char *name(const char *comm, const char *line, size_t length)
{
	static char text[MS_COMMAND_BYTES];

	ms_command_parse(comm, line, length, text);
	return text;
}

static void a_script_is_named_with_its_interpreter(void **state)
{
	(void)state;
	assert_string_equal(NAME("python3", "/usr/bin/python3\0/srv/job.py\0--fast"), "python3 job.py");
	assert_string_equal(NAME("python3.11", "python3.11\0-u\0-W\0ignore\0job.py"), "python3.11 job.py");
	assert_string_equal(NAME("node", "node\0--require\0dotenv\0--inspect=9229\0app/server.js"),
			    "node server.js");
	assert_string_equal(NAME("bash", "-bash\0-x\0x.sh"), "bash x.sh");
	assert_string_equal(NAME("sh", "sh\0--\0-odd"), "sh -odd");
}

static void what_stands_for_a_script_is_named(void **state)
{
	(void)state;
	assert_string_equal(NAME("python3", "python3\0-m\0http.server\08000"), "python3 -m http.server");
	assert_string_equal(NAME("python3", "python3\0-um\0pkg"), "python3 -um pkg");
	assert_string_equal(NAME("python3", "python3\0-Xm\0job.py"), "python3 job.py");
	assert_string_equal(NAME("bash", "bash\0-c\0sleep 1; true"), "bash -c");
	assert_string_equal(NAME("perl", "perl\0-e\0print"), "perl -e");
}

static void others_are_named_as_the_kernel_does(void **state)
{
	(void)state;
	assert_string_equal(NAME("analysis", "./analysis\0job.py"), "analysis");
	assert_string_equal(NAME("python3", "python3"), "python3");
	assert_string_equal(NAME("shuf", "shuf\0file"), "shuf");
	assert_string_equal(NAME("renamed", "python3\0job.py"), "renamed");
	assert_string_equal(NAME("bash", "-bash"), "bash");
	assert_string_equal(name("kworker", "", 0), "kworker");
	assert_string_equal(NAME("python3", "python3\0-W"), "python3");
}

static void a_long_name_is_cut(void **state)
{
	char line[300] = "python3";

	(void)state;
	memset(line + 8, 'x', sizeof(line) - 9);
	assert_int_equal(strlen(name("python3", line, sizeof(line))), MS_COMMAND_BYTES - 1);
}

static void a_process_is_found_by_program_and_script(void **state)
{
	(void)state;
	assert_true(NAMES("/opt/bin/analysis\0x", "analysis"));
	assert_true(NAMES("python3\0-u\0/srv/job.py", "job.py"));
	assert_true(NAMES("python3\0-m\0pkg.mod", "pkg.mod"));
	assert_false(NAMES("/opt/bin/analysis\0x", "x"));
	assert_false(NAMES("python3\0job.py\0data", "data"));
	assert_false(NAMES("python3\0-c\0data", "-c"));
	assert_false(ms_command_names("", 0, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_is_named_with_its_interpreter),
		cmocka_unit_test(what_stands_for_a_script_is_named),
		cmocka_unit_test(others_are_named_as_the_kernel_does),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(a_process_is_found_by_program_and_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

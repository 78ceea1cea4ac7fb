/* SPDX-License-Identifier: MIT */
/* What keeps the adapter out of a Python, as /proc shows it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample/python.h"

#define DIR_ "/usr/lib/memshed/python"

enum { PID = 7 };

static struct {
	struct ms_root root;
	char path[64];
} bed;

static void put(const char *name, const void *text, size_t length)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/proc/%d/%s", bed.path, PID, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
}

/* Words that end with "\0" each, as a literal. */
#define PUT(name, text) put(name, text, sizeof(text) - 1)

static void program(const char *path)
{
	char link[256];

	snprintf(link, sizeof(link), "%s/proc/%d/exe", bed.path, PID);
	unlink(link);
	if (path)
		assert_int_equal(symlink(path, link), 0);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(bed.path, sizeof(bed.path), "/tmp/memshed-python.XXXXXX");
	assert_non_null(mkdtemp(bed.path));
	snprintf(path, sizeof(path), "%s/proc", bed.path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/proc/%d", bed.path, PID);
	assert_int_equal(mkdir(path, 0700), 0);
	PUT("stat", "7 (python3) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 55 1 1 1\n");
	PUT("cmdline", "python3\0job.py\0");
	PUT("environ", "HOME=/\0PYTHONPATH=" DIR_ "\0A=b\0");
	program("/usr/bin/python3.11");
	return ms_root_init(&bed.root, bed.path);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	ms_root_fini(&bed.root);
	snprintf(command, sizeof(command), "rm -rf %s", bed.path);
	return system(command);
}

static const char *look(void)
{
	uint64_t program_number;

	return ms_python_fault_name(ms_python_look(&bed.root, PID, DIR_, &program_number));
}

static void names_of_programs(void **state)
{
	static const struct {
		const char *name, *fault;
	} names[] = {
		{"/usr/bin/python3", "unknown"},   {"/opt/python", "unknown"},       {"/x/python3.13", "unknown"},
		{"/x/python3.7m", "version"},      {"/x/python3.8.2", "unknown"},    {"/x/python2.7", "version"},
		{"/x/python3.13t", "build"},       {"/x/python3-dbg", "build"},      {"/x/pypy3", "build"},
		{"/x/pypy3.9", "build"},           {"/x/pythonista", "none"},        {"/x/pypyserver", "none"},
		{"/python3/bin/ruby", "none"},     {"/bin/sh", "none"},              {"/x/python3-config", "none"},
		{"/x/python3.11 (deleted)", "none"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		program(names[i].name);
		assert_string_equal(look(), names[i].fault);
	}
}

static void options(void **state)
{
	(void)state;
	PUT("cmdline", "python3\0-I\0job.py\0");
	assert_string_equal(look(), "isolated");
	PUT("cmdline", "python3\0-uE\0job.py\0");
	assert_string_equal(look(), "no-environment");
	PUT("cmdline", "python3\0-W\0ignore\0-ES\0job.py\0");
	assert_string_equal(look(), "no-site");
	PUT("cmdline", "python3\0-Xdev\0-I\0");
	assert_string_equal(look(), "isolated");
	PUT("cmdline", "python3\0job.py\0-I\0");
	assert_string_equal(look(), "unknown");
	PUT("cmdline", "python3\0-c\0pass\0-S\0");
	assert_string_equal(look(), "unknown");
	PUT("cmdline", "python3\0-mI\0-S\0");
	assert_string_equal(look(), "unknown");
	PUT("cmdline", "");
	assert_string_equal(look(), "unknown");
}

static void environments(void **state)
{
	static char large[100000];

	(void)state;
	PUT("environ", "HOME=/\0");
	assert_string_equal(look(), "path");
	PUT("environ", "");
	assert_string_equal(look(), "path");
	PUT("environ", "PYTHONPATH=/a:" DIR_ ":/b\0");
	assert_string_equal(look(), "behind");
	PUT("environ", "PYTHONPATH=" DIR_ ":/b\0");
	assert_string_equal(look(), "unknown");
	PUT("environ", "PYTHONPATH=" DIR_ "/sub:/x" DIR_ "\0XPYTHONPATH=" DIR_ "\0");
	assert_string_equal(look(), "path");
	memset(large, 'x', sizeof(large));
	strcpy(large + 70000, "PYTHONPATH=" DIR_);
	large[69999] = '\0';
	put("environ", large, sizeof(large));
	assert_string_equal(look(), "unknown");
}

static void what_cannot_be_read(void **state)
{
	char path[128];

	(void)state;
	program(NULL);
	assert_string_equal(look(), "other-user");
	snprintf(path, sizeof(path), "%s/proc/%d/stat", bed.path, PID);
	unlink(path);
	assert_string_equal(look(), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_programs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(options, set_up, tear_down),
		cmocka_unit_test_setup_teardown(environments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

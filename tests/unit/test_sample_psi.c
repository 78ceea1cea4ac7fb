/* SPDX-License-Identifier: MIT */
/* Pressure files, captured and made up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample/psi.h"
#include "sample_fixture.h"

#define AVERAGES "avg10=0.12 avg60=3.00 avg300=0.00 "

static void totals_are_read(void **state)
{
	(void)state;
	struct ms_psi_totals totals;

	assert_int_equal(ms_psi_parse("some " AVERAGES "total=123\nfull " AVERAGES "total=45\n", &totals), 0);
	assert_int_equal(totals.some_us, 123);
	assert_int_equal(totals.full_us, 45);
	assert_int_equal(ms_psi_parse("some " AVERAGES "total=123\n", &totals), 0);
	assert_int_equal(totals.full_us, 0);
}

static void garbage_is_refused(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
		"", "\n", "full " AVERAGES "total=45\n", "some " AVERAGES "\n", "some " AVERAGES "total=\n",
		"some " AVERAGES "total=12", "some " AVERAGES "total=99999999999999999999\n",
		"some " AVERAGES "\nfull " AVERAGES "total=45\n", "some " AVERAGES "total=1\nfull " AVERAGES "\n",
	};

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		struct ms_psi_totals totals = {.some_us = 7};

		assert_int_equal(ms_psi_parse(TEXTS[i], &totals), -EBADMSG);
		assert_int_equal(totals.some_us, 7);
	}
}

static void captured_and_absent(void **state)
{
	(void)state;
	struct fixture fixture;
	struct ms_psi psi;
	struct ms_psi_totals totals;
	unsigned before = fixture_descriptors();

	fixture_captured(&fixture, "cgroup1-6.18");
	assert_int_equal(ms_psi_open(&psi, &fixture.root, "proc/pressure/memory"), 0);
	assert_int_equal(ms_psi_read(&psi, &totals), 0);
	assert_true(totals.some_us >= totals.full_us);
	ms_psi_close(&psi);
	fixture_done(&fixture);

	fixture_empty(&fixture);
	assert_int_equal(ms_psi_open(&psi, &fixture.root, "proc/pressure/memory"), -ENOENT);
	assert_int_equal(psi.fd, -1);
	/* Switched off at boot: the file is there, reading it fails. */
	fixture_write(&fixture, "", "proc/pressure/memory");
	fixture.fail_at = 3;
	fixture.error = -EOPNOTSUPP;
	assert_int_equal(ms_psi_open(&psi, &fixture.root, "proc/pressure/memory"), -EOPNOTSUPP);
	assert_int_equal(psi.fd, -1);
	fixture_done(&fixture);
	assert_int_equal(fixture_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_read),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(captured_and_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

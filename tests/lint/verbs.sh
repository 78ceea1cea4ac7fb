#!/bin/sh
# SPDX-License-Identifier: MIT
# verbs.sh - every verb in the table of main.c has its file, a man page, a test, and a line in memshed(1).
. "${srcdir:-.}/tests/lint/lib.sh"

table=src/cmd/main.c
verbs=$(sed -n 's/^[ \t]*V(\([a-z_]*\)).*/\1/p' $table)
findings=$(
	[ -n "$verbs" ] || echo "$table: has no verb; keep the table as lines of V(name)"
	for verb in $verbs; do
		grep -qs "^const struct ms_verb ms_verb_$verb = {" "src/cmd/$verb.c" ||
			echo "$table: $verb is not defined in src/cmd/$verb.c; put its struct ms_verb there"
		[ -e "man/memshed-$verb.1.scd" ] || echo "$table: $verb has no man/memshed-$verb.1.scd; write it"
		grep -qs "^man_pages += man/memshed-$verb\.1\$" man/Makefile.inc ||
			echo "man/Makefile.inc: memshed-$verb.1 is not installed; add a line"
		grep -qs "\*memshed-$verb\*(1)\$" man/memshed.1.scd ||
			echo "man/memshed.1.scd: the table of verbs has no $verb; add a line"
		grep -qs "^cli_tests += tests/cli/$verb\.sh\$" tests/cli/Makefile.inc ||
			echo "tests/cli/Makefile.inc: $verb has no test tests/cli/$verb.sh; write one"
	done
)
lint_report "$findings"

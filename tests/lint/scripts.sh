#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts.sh - every shell script passes shellcheck.
. "${srcdir:-.}/tests/lint/lib.sh"

command -v shellcheck >/dev/null || {
	echo "skipped: shellcheck is missing"
	exit 77
}
found=$(lint_scripts 'sh|bash|dash')
# SC1091: what is sourced is checked by itself. SC2016: awk programs have dollar signs.
# shellcheck disable=SC2086 # file names without blanks
findings=$(shellcheck --format=gcc --severity=info --external-sources --source-path=SCRIPTDIR \
	--exclude=SC1091,SC2016 $found | sed 's/$/; see shellcheck.net, or disable it on that line with a reason/')
lint_report "$findings"

#!/bin/sh
# SPDX-License-Identifier: MIT
# file-size.sh - no source file longer than 700 lines.
. "${srcdir:-.}/tests/lint/lib.sh"

findings=$(lint_files '*.c' '*.h' '*.sh' '*.py' '*.inc' | tr '\n' '\0' | xargs -0 awk -v limit=700 '
	FNR == limit + 1 { printf "%s:%d: is longer than %d lines; split it by what it owns\n", FILENAME, FNR, limit }')
lint_report "$findings"

#!/bin/sh
# SPDX-License-Identifier: MIT
# function-size.sh - no C function longer than 80 lines between its braces, these included. A flat table
# or a getopt loop may be: say so in a comment right above it, "lint-long: why".
. "${srcdir:-.}/tests/lint/lib.sh"

findings=$(lint_files '*.c' '*.h' | tr '\n' '\0' | xargs -0 awk -v limit=80 '
	FNR == 1 { start = 0; excused = 0 }
	/lint-long: [a-z]/ { excused = 1 }
	/^{/ { start = FNR; name = head; next }
	/^}/ {
		if (start && !excused && FNR - start + 1 > limit)
			printf "%s:%d: %s has %d lines; split it, at most %d\n", FILENAME, start, name, FNR - start + 1, limit
		start = 0; excused = 0; next
	}
	!start && /^[a-z].*\(/ { head = $0; sub(/\(.*/, "", head); sub(/.*[ *]/, "", head) }')
lint_report "$findings"

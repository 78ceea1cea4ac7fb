#!/bin/sh
# SPDX-License-Identifier: MIT
# leftovers.sh - nothing half done, nothing of one machine, no merge markers.
. "${srcdir:-.}/tests/lint/lib.sh"

# Put together here, so that this file does not find itself.
words="TO""DO|FIX""ME|XX""X:|HA""CK:"
marks="^(<<<<<<<|>>>>>>>) "
findings=$(lint_files '*.c' '*.h' '*.sh' '*.py' '*.inc' '*.am' '*.ac' '*.scd' '*.md' '*.sym' '*.in' '*.seq' | tr '\n' '\0' |
	xargs -0 grep -nE "\\b($words)|$marks" /dev/null |
	sed -E 's/^([^:]*:[0-9]+):.*/\1: something is left over; do it now, or say what is missing in words a user needs/')
lint_report "$findings"

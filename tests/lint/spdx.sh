#!/bin/sh
# SPDX-License-Identifier: MIT
# spdx.sh - every file that can hold a comment names its licence within its first five lines.
. "${srcdir:-.}/tests/lint/lib.sh"

files=$(lint_files '*.c' '*.h' '*.sh' '*.py' '*.inc' '*.am' '*.ac' '*.sym' '*.pc.in' '*.seq' '*.scd' '*.yml' \
	'*.toml' '*.pml' '*.supp')
scripts=$(lint_scripts '.*')
findings=$(printf '%s\n%s\n' "$files" "$scripts" | sort -u | while read -r file; do
	[ -n "$file" ] || continue
	case $file in
	*.scd) lines=12 ;; # below the title, as a comment
	*) lines=5 ;;
	esac
	head -n "$lines" "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
		echo "$file:1: has no licence; put SPDX-License-Identifier: MIT into a comment in its first lines"
done)
lint_report "$findings"

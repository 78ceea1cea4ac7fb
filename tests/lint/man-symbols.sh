#!/bin/sh
# SPDX-License-Identifier: MIT
# man-symbols.sh - every exported function stands in the NAME line of a man page, and in memshed.h.
. "${srcdir:-.}/tests/lint/lib.sh"

map=src/lib/libmemshed.sym
named=$(awk '/^# / { in_name = ($2 == "NAME"); next } in_name' man/*.3.scd 2>/dev/null |
	sed 's/ - .*//' | tr -s ', ' '\n' | sort -u)
findings=$(awk '/^local:/ { exit } /^[ \t]+[a-z_0-9]+;/ { gsub(/[ \t;]/, ""); print FNR, $0 }' "$map" |
	while read -r line symbol; do
		printf '%s\n' "$named" | grep -qx "$symbol" ||
			echo "$map:$line: $symbol has no man page; name it in the NAME section of a man/*.3.scd"
		grep -qE "(^|[^a-z_0-9])$symbol\\(" include/memshed.h ||
			echo "$map:$line: $symbol is not declared in include/memshed.h; declare it, or do not export it"
	done)
lint_report "$findings"

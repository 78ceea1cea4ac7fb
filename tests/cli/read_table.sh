#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed-table(5) is enough to read a table: a reader written from the page alone agrees with ours.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip "python3 is missing"
[ "$(printf '\1\2' | od -An -tu2 | tr -d ' ')" = 513 ] || skip "the reader is for little-endian machines"

start_target 'first=8192' 'second=4096000' 'third=40960,estimated' --many 100
expect 0 python3 "$source_tree/tests/cli/read_table.py" "$pid"
cp "$work/out" "$work/python"

expect 0 "$memshed" show "$pid" --json
for name in first second third cache-1 cache-100; do
	grep -q "^$name	" "$work/python" || fail "the page's reader does not see $name"
done
[ "$(awk -F'\t' '$1 == "second" {print $2, $3}' "$work/python")" = "4096000 1000" ] ||
	fail "the page's reader counts otherwise: $(grep '^second' "$work/python")"
for i in 0 1 2 3; do
	ours="$(json ".caches[$i].name")	$(json ".caches[$i].bytes")	$(json ".caches[$i].entries")"
	grep -q "^$ours	" "$work/python" || fail "the page's reader does not say: $ours"
	misses=$(json ".caches[$i].misses")
	grep -q "^$ours	.*	$(json ".caches[$i].hits")	$misses$" "$work/python" || fail "hits and misses differ: $ours"
done

# A process that is stopped is read all the same.
kill -STOP "$pid"
wait_for "the target to be stopped" has_state "$pid" T
expect 0 python3 "$source_tree/tests/cli/read_table.py" "$pid"
grep -q '^second	4096000	' "$work/out" || fail "not read while stopped"

#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - run benchmarks and collect their figures
#
# usage: run.sh OUTPUT.json PROGRAM...
#
# Each program prints one figure per line: name, value, unit, baseline, ratio, separated by tabs, "-"
# where there is none; the ratio is value / baseline. They are printed aligned and written to
# OUTPUT.json as a list of objects with these keys. A program that exits with 77 says on stderr why it
# cannot measure here, and is left out; any other failure fails the run, after the other programs.
set -u

output=$1
shift
tab=$(printf '\t')
lines=$(mktemp "${TMPDIR:-/tmp}/memshed-bench.XXXXXX") || exit 1
trap 'rm -f "$lines" "$lines.status"' EXIT
failed=0

show() {
	while IFS=$tab read -r name value unit baseline ratio; do
		printf '%-56s %14s %-10s %14s %9s\n' "$name" "$value" "$unit" "$baseline" "$ratio"
	done
}

printf 'name\tvalue\tunit\tbaseline\tratio\n' | show
for program; do
	# A pipe's status is that of its last part, so the program's own goes through a file.
	{
		"$program"
		echo $? >"$lines.status"
	} | tee -a "$lines" | show
	status=$(cat "$lines.status")
	case $status in
	0) ;;
	77) echo "run.sh: left out: $program" >&2 ;;
	*)
		echo "run.sh: $program failed with status $status" >&2
		failed=1
		;;
	esac
done

awk -F '\t' '
function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
function number(s) {
	if (s == "-" || s == "") return "null"
	if (s ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/) return s
	print "run.sh: not a number: " s > "/dev/stderr"; bad = 1
	return "null"
}
BEGIN { printf "[" }
NF == 5 {
	printf "%s\n  {\"name\": %s, \"value\": %s, \"unit\": %s, \"baseline\": %s, \"ratio\": %s}",
		(n++ ? "," : ""), text($1), number($2), text($3), number($4), number($5)
	next
}
{ print "run.sh: not a figure: " $0 > "/dev/stderr"; bad = 1 }
END { print "\n]"; exit bad }
' "$lines" >"$output.new" || failed=1
mv "$output.new" "$output"
exit $failed

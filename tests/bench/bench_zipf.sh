#!/bin/bash
# SPDX-License-Identifier: MIT
# bench_zipf.sh - what a program with an lru_cache gets done at its memory limit under memshed, beside the best that it
# does with a maxsize chosen for that limit by trying
#
# In a child cgroup of BENCH_LIMIT_MIB (256) each: first zipf_job.py with several values of maxsize, where those for which
# there is too little memory are killed; of the others the one with the most hits. Then that one without memshed and the
# job without a maxsize under `memshed run` in turns, BENCH_TURNS (3), of which the medians count: how fast the machine
# is changes meanwhile. Then, of memshed alone, how much was dropped beside what was asked for, and how many orders were
# to drop whole caches.
set -u

limit_mib=${BENCH_LIMIT_MIB:-256}
turns=${BENCH_TURNS:-3}
mean_bytes=17000 # of an entry, with what holds it
build=$PWD
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/memshed-bench.XXXXXX")
job=$source_tree/tests/bench/zipf_job.py

# shellcheck source=contrib/limit.sh
. "$source_tree/contrib/limit.sh"

# shellcheck disable=SC2317 # the trap calls it
finish() {
	limit_remove
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

leave_out() {
	echo "bench_zipf.sh: $*" >&2
	exit 77
}

# try COMMAND...: in a cgroup of its own; what the job said is in $rate and $hits; fails when it did not get through
try() {
	limit_make $((limit_mib << 20)) || leave_out "$limit_why"
	rate='' hits=''
	limit_run "$@" >"$work/out" 2>"$work/err"
	limit_remove
	read -r rate hits <"$work/out"
	[ -n "$rate" ]
}

fail() {
	cat "$work/err" >&2
	echo "bench_zipf.sh: $*" >&2
	exit 1
}

median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# figure NAME VALUE UNIT BASELINE
figure() {
	awk -v name="$1" -v value="$2" -v unit="$3" -v baseline="$4" 'BEGIN {
		printf "%s\t%.4g\t%s\t%s\t%s\n", name, value, unit, baseline,
			baseline == 0 ? "-" : sprintf("%.3g", value / baseline) }'
}

# measure NAME EXPONENT [SHIFT]
measure() {
	local name=$1 best_hits=0 best_size=0 per_cent size said turn
	shift
	for per_cent in 78 85 92; do
		size=$((limit_mib * 1048576 * per_cent / 100 / mean_bytes))
		try /usr/bin/python3 "$job" $size "$@" || continue
		if awk "BEGIN { exit !($hits > $best_hits) }"; then
			best_hits=$hits best_size=$size
		fi
	done
	[ $best_size -gt 0 ] || fail "every maxsize was too large"
	: >"$work/rates"
	: >"$work/best"
	for ((turn = 0; turn < turns; turn++)); do
		try /usr/bin/python3 "$job" "$best_size" "$@" || fail "the job did not get through alone"
		echo "$rate" >>"$work/best"
		rm -f "$work/journal"
		try "$build/memshed" run --quiet --journal "$work/journal" -- /usr/bin/python3 "$job" 0 "$@" ||
			fail "the job did not get through under memshed"
		echo "$rate" >>"$work/rates"
	done
	figure "$name: look-ups per CPU second (beside the best maxsize, $best_size)" "$(median "$work/rates")" 1/s \
		"$(median "$work/best")"
	figure "$name: share of hits (the same)" "$hits" - "$best_hits"
	said=$(/usr/bin/python3 - "$work/journal" <<'PYTHON'
import json, sys

events = [json.loads(line) for line in open(sys.argv[1])]
orders = [event for event in events if event["event"] == "order"]
wanted = sum(event["target_bytes"] for event in orders)
claimed = sum(event["claimed_bytes"] for event in events if event["event"] == "answer")
trims = sum(event["level"] == "trim" for event in orders)
print(claimed / 1048576, wanted / 1048576, len(orders) - trims, trims)
PYTHON
)
	read -r claimed wanted clears trims <<<"$said"
	figure "$name: dropped (beside what was asked for)" "$claimed" MiB "$wanted"
	figure "$name: orders for whole caches (beside those for a part)" "$clears" orders "$trims"
}

[ -e "$build/contrib/python/memshed/_memshed.so" ] || leave_out "built without the adapter for Python"
measure "zipf 0.8" 0.8
measure "zipf 1.0" 1.0
measure "zipf 1.0, hot keys move" 1.0 20000

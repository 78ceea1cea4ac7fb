#!/bin/bash
# SPDX-License-Identifier: MIT
# bench_super.sh - what the supervisor itself costs, beside earlyoom on the same machine at the same time
#
# For BENCH_SECONDS (60) each: a target that holds 1 GiB and does nothing, and one that goes on growing and
# is shrunk again and again. RSS at the end; CPU time from schedstat; wake-ups are voluntary context switches.
# earlyoom may kill nobody (--dryrun) and prints nothing (-r 0).
set -u

seconds=${BENCH_SECONDS:-60}
build=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/memshed-bench.XXXXXX")
cgroup=
pids=()

# shellcheck disable=SC2317 # the trap calls it
finish() {
	local pid
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	[ -z "$cgroup" ] || { sleep 0.2; rmdir "$cgroup" 2>/dev/null || { sleep 2; rmdir "$cgroup"; }; }
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

leave_out() {
	echo "bench_super.sh: $*" >&2
	exit 77
}

# A child cgroup of 2 GiB for the targets: whatever goes wrong stays in it.
make_cgroup() {
	local memory=/sys/fs/cgroup/memory file=memory.limit_in_bytes
	[ -d "$memory" ] || { memory=/sys/fs/cgroup file=memory.max; }
	cgroup=$memory/memshed-bench-$$
	mkdir "$cgroup" 2>/dev/null || { cgroup=; return 1; }
	[ -e "$cgroup/$file" ] && echo $((2 << 30)) >"$cgroup/$file"
}

# run_in_cgroup OPTION... : memshed run with these; its pid is in $supervisor
supervise() {
	(echo "$BASHPID" >"$cgroup/cgroup.procs" && exec "$build/memshed" run "$@") >"$work/out" 2>"$work/err" &
	supervisor=$!
	pids+=("$supervisor")
}

rss_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
cpu_ns() { awk '{ print $1 }' "/proc/$1/schedstat"; }
switches() { awk '/^voluntary_ctxt_switches:/ { print $2 }' "/proc/$1/status"; }

# measure PID: CPU in ms per s, wake-ups per s, RSS in MiB so far; started by note()
note() { cpu_before[$1]=$(cpu_ns "$1") switches_before[$1]=$(switches "$1"); }
cpu_of() { awk -v a="${cpu_before[$1]}" -v b="$(cpu_ns "$1")" -v s="$seconds" 'BEGIN { print (b - a) / 1e6 / s }'; }
wakes_of() {
	awk -v a="${switches_before[$1]}" -v b="$(switches "$1")" -v s="$seconds" 'BEGIN { print (b - a) / s }'
}
rss_of() { awk -v k="$(rss_kib "$1")" 'BEGIN { print k / 1024 }'; }

# figure NAME VALUE UNIT BASELINE
figure() {
	awk -v name="$1" -v value="$2" -v unit="$3" -v baseline="$4" 'BEGIN {
		ratio = baseline != "-" && baseline > 0 ? sprintf("%.3g", value / baseline) : "-"
		printf "%s\t%.4g\t%s\t%s\t%s\n", name, value, unit,
			baseline == "-" ? "-" : sprintf("%.4g", baseline), ratio }'
}

measure() {
	local what=$1 other_cpu=- other_wakes=- other_rss=-
	note "$supervisor"
	[ -z "$earlyoom" ] || note "$earlyoom"
	sleep "$seconds"
	if [ -n "$earlyoom" ]; then
		other_cpu=$(cpu_of "$earlyoom") other_wakes=$(wakes_of "$earlyoom") other_rss=$(rss_of "$earlyoom")
	fi
	figure "memshed run, $what: RSS (beside earlyoom)" "$(rss_of "$supervisor")" MiB "$other_rss"
	figure "memshed run, $what: CPU (beside earlyoom)" "$(cpu_of "$supervisor")" ms/s "$other_cpu"
	figure "memshed run, $what: wake-ups (beside earlyoom)" "$(wakes_of "$supervisor")" 1/s "$other_wakes"
}

declare -A cpu_before switches_before
make_cgroup || leave_out "no memory cgroup can be made here, and 1 GiB is not put anywhere else"
earlyoom=
if command -v earlyoom >/dev/null; then
	earlyoom --dryrun -r 0 -m 1,1 -s 1,1 >/dev/null 2>&1 &
	earlyoom=$!
	pids+=("$earlyoom")
else
	echo "bench_super.sh: without earlyoom beside it: apt-get install earlyoom" >&2
fi

supervise --quiet -- "$build/tests/cli/growing" --mib 1024 --rate 2000 --hold
until grep -q through "$work/out"; do
	kill -0 "$supervisor" 2>/dev/null || { cat "$work/err" >&2; exit 1; }
	sleep 0.1
done
sleep 1
measure "idle target of 1 GiB"
kill -TERM "$supervisor"
wait "$supervisor"

supervise --max 512M -- "$build/tests/cli/growing" --mib $((seconds * 200 + 2000)) --rate 100
sleep 1
measure "growing target"
kill -TERM "$supervisor"
wait "$supervisor"
exit 0

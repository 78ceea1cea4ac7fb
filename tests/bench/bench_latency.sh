#!/bin/bash
# SPDX-License-Identifier: MIT
# bench_latency.sh - how long after a job has crossed "high" its first callback runs
#
# The job fills a cache until it is asked, BENCH_CROSSINGS (100) times, in a limited child cgroup, under `memshed run` with
# real-time priority and without the privilege for it. Beside them, as their baseline, earlyoom: from the moment at
# which the machine has less than its mark available until it says so, in a dry run that ends nothing.
set -u

crossings=${BENCH_CROSSINGS:-100}
other_crossings=${BENCH_OTHER_CROSSINGS:-20}
build=$PWD
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/memshed-bench.XXXXXX")
earlyoom_pid=

# shellcheck source=contrib/limit.sh
. "$source_tree/contrib/limit.sh"

# shellcheck disable=SC2317 # the trap calls it
finish() {
	[ -z "$earlyoom_pid" ] || kill "$earlyoom_pid" 2>/dev/null
	limit_remove
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

leave_out() {
	echo "bench_latency.sh: $*" >&2
	exit 77
}

# quantile FILE SHARE: of the numbers in the file, sorted
quantile() { sort -n "$1" | awk -v share="$2" '{ a[NR] = $1 } END { i = int(share * (NR - 1) + 0.5) + 1; print a[i] }'; }

# figures WHAT FILE BASELINE-FILE
figures() {
	local share name value other
	for share in 0.5 0.99 1; do
		name=$(case $share in 0.5) echo p50 ;; 0.99) echo p99 ;; *) echo max ;; esac)
		value=$(quantile "$2" $share) other=-
		[ ! -s "$3" ] || other=$(quantile "$3" $share)
		awk -v name="$1: $name (beside earlyoom)" -v value="$value" -v other="$other" 'BEGIN {
			printf "%s\t%.4g\tus\t%s\t%s\n", name, value, other == "-" ? "-" : sprintf("%.4g", other),
				other == "-" || other == 0 ? "-" : sprintf("%.3g", value / other) }'
	done
}

# away PID: by how many bytes the use is below high, as the watch counts both. The job sleeps.
away() {
	"$build/memshed" show "$1" --json --no-refresh | /usr/bin/python3 -c '
import json, sys
shown = json.load(sys.stdin)
print(shown["limit"]["high_bytes"] - shown["limit"]["used_bytes"])'
}

# measure FILE COMMAND...: the job under memshed, which the command runs
measure() {
	local file=$1
	shift
	rm -f "$work/in" "$work/job"
	mkfifo "$work/in"
	limit_run "$@" "$build/memshed" run --quiet --max 448M --high 128M --low 64M -- "$build/tests/bench/crossing" \
		--bytes $((160 << 20)) --times "$crossings" --rate 400 <"$work/in" >"$work/job" 2>"$work/err" &
	exec 9>"$work/in"
	until grep -q ready "$work/job" 2>/dev/null; do
		kill -0 $! 2>/dev/null || break
		sleep 0.1
	done
	sleep 3 # the watch looks once a second
	away "$(awk '/ready/ { print $2 }' "$work/job")" >&9
	exec 9>&-
	wait $!
	sed 1d "$work/job" >"$file"
	[ "$(wc -l <"$file")" = "$crossings" ] || { cat "$work/err" >&2; echo "bench_latency.sh: the job ended early" >&2; exit 1; }
}

# earlyoom looks at the whole machine: its mark is what is available now, less a part of what the filler takes.
measure_other() {
	/usr/bin/python3 - "$other_crossings" "$1" <<'PYTHON' >"$2"
import mmap, os, select, subprocess, sys, time

def available_kib():
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable"))

for turn in range(int(sys.argv[1])):
    mark = available_kib() - (96 << 10)
    process = subprocess.Popen([sys.argv[2], "--dryrun", "-r", "0", "-M", "%d,%d" % (mark, mark // 2), "-s", "100"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(process.stdout.fileno(), False)
    time.sleep(1)
    process.stdout.read()
    block, crossed, filled, end = mmap.mmap(-1, 256 << 20), None, 0, time.monotonic() + 20
    while time.monotonic() < end:
        if filled < len(block):
            block[filled:filled + (1 << 20):4096] = b"x" * 256
            filled += 1 << 20
            time.sleep(1 / 400)
        if crossed is None and available_kib() < mark:
            crossed = time.monotonic()
        ready = select.select([process.stdout], [], [], 0.001 if filled == len(block) else 0)[0]
        if ready and b"low memory" in (process.stdout.read() or b""):
            if crossed is not None:
                print(int((time.monotonic() - crossed) * 1e6))
            break
    process.kill()
    process.wait()
    block.close()
PYTHON
}

[ -x "$build/tests/bench/crossing" ] || leave_out "not built: make tests/bench/crossing"
limit_make $((512 << 20)) || leave_out "$limit_why"

: >"$work/other"
earlyoom=$(command -v earlyoom)
if [ -n "$earlyoom" ]; then
	measure_other "$earlyoom" "$work/other"
else
	echo "bench_latency.sh: earlyoom is not here, nothing stands beside: apt-get install earlyoom" >&2
fi
if chrt -f 1 true 2>/dev/null; then
	measure "$work/fifo" env
	figures "crossing of high to first callback, real time" "$work/fifo" "$work/other"
else
	echo "bench_latency.sh: no real-time priority may be taken here: that part is left out" >&2
fi
measure "$work/plain" setpriv --bounding-set -sys_nice --inh-caps -sys_nice
figures "crossing of high to first callback, ordinary" "$work/plain" "$work/other"

#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [TEST...]
#
# Run the arena's tests against a real OOM killer: in a memory cgroup of this machine (host) and in
# User-mode Linux with cgroup v2 (uml). A test is a script that exits 0, 77 (skipped; its last line
# says why) or anything else. Prints a line for each and automake's kind of summary; exits 1 on failure.
#
# ARENA_BUILD   the build folder (where you stand)
# ARENAS        "host uml"
# ARENA_REPEAT  how often each supervised run on the host is repeated (2)
# ARENA_SIZE    "full" for the real jobs at their real size on the host
set -u
tests=$(cd "$(dirname "$0")" && pwd)
ARENA_BUILD=$(cd "${ARENA_BUILD:-.}" && pwd)
export ARENA_BUILD
logs=$ARENA_BUILD/tests/arena/logs
all="allocator_job threads_job stdlib_job doc_job supervisor_killed target_stopped stuck_callback hollow_cache
	eight_workers container"
# shellcheck disable=SC2086 # words are meant
[ $# -gt 0 ] || set -- $all
passed=0 failed=0 skipped=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/memshed-arena.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$logs"

on_host() {
	ARENA_SIZE=${ARENA_SIZE:-normal} ARENA_REPEAT=${ARENA_REPEAT:-2} sh "$tests/$1.sh"
}

# The guest's kernel says nothing of latencies, so one small run each is enough there.
on_uml() {
	why=$("$tests/uml-run" -c 2>&1) || { echo "skip: $why"; return 77; }
	ARENA_SIZE=small ARENA_REPEAT=1 "$tests/uml-run" -m 768M -t 400 -- sh "$tests/$1.sh"
}

run_one() {
	log=$logs/$1-$2.log
	ARENA_WORK=$scratch/$1-$2
	export ARENA_WORK
	mkdir -p "$ARENA_WORK"
	begin=$(date +%s)
	"on_$1" "$2" > "$log" 2>&1 </dev/null
	status=$?
	took=$(($(date +%s) - begin))
	rm -rf "$ARENA_WORK"
	case $status in
	0) passed=$((passed + 1)); echo "PASS: arena/$1/$2 ($took s)" ;;
	77) skipped=$((skipped + 1)); echo "SKIP: arena/$1/$2: $(tail -n 1 "$log")" ;;
	*) failed=$((failed + 1)); echo "FAIL: arena/$1/$2 ($took s, status $status, $log)"; tail -n 30 "$log" ;;
	esac
}

for arena in ${ARENAS:-host uml}; do
	for test; do
		run_one "$arena" "$test"
	done
done
echo "# TOTAL: $((passed + failed + skipped))"
echo "# PASS:  $passed"
echo "# SKIP:  $skipped"
echo "# FAIL:  $failed"
[ $failed = 0 ]

#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [TEST...]
#
# Run the arena's tests against a real OOM killer: in a memory cgroup of this machine (host) and in
# User-mode Linux with cgroup v2 (uml). A test is a script that exits 0, 77 (skipped; its last line
# says why) or anything else, or a case of cases.txt. Prints a line for each and automake's kind of summary; exits 1 on
# failure.
#
# ARENA_BUILD   the build folder (where you stand)
# ARENAS        "host uml"; "here" is host with small sizes, for a guest that runs all tests
# ARENA_SET     "quick": the cases of that set, each once; "all": those of "full" as well, twice on the host
# ARENA_REPEAT  how often each supervised run on the host is repeated (1, with "all" 2)
# ARENA_SIZE    "full" for the real jobs at their real size on the host
# ARENA_LIMIT_S seconds after which a test counts as failed (600)
set -u
tests=$(cd "$(dirname "$0")" && pwd)
ARENA_BUILD=$(cd "${ARENA_BUILD:-.}" && pwd)
export ARENA_BUILD
logs=$ARENA_BUILD/tests/arena/logs
scripts="allocator_job threads_job stdlib_job doc_job supervisor_killed target_stopped stuck_callback hollow_cache
	eight_workers container own_cgroup own_restart dentries memory_high"
case ${ARENA_SET:-quick} in
quick) sets=quick often=1 ;;
all) sets='quick full' often=2 ;;
*) echo "run.sh: ARENA_SET is quick or all" >&2; exit 2 ;;
esac
cases=$(awk -v sets=" $sets " '!/^#/ && NF && index(sets, " " $2 " ") { print $1 }' "$tests/cases.txt")
# Where memory is slow, a few: C, mappings, the host's own loop, Python.
few_cases="c-4k c-map-64k c-fd p-64k"
given=$*
passed=0 failed=0 skipped=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/memshed-arena.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$logs"

# The words with which the test is started: a script, or case.sh and the name of a case.
test_words() {
	if [ -e "$tests/$1.sh" ]; then
		echo "$tests/$1.sh"
	else
		echo "$tests/case.sh $1"
	fi
}

on_host() {
	# shellcheck disable=SC2046 # words are meant
	ARENA_SIZE=${ARENA_SIZE:-normal} ARENA_REPEAT=${ARENA_REPEAT:-$often} \
		timeout -k 10 "${ARENA_LIMIT_S:-600}" sh $(test_words "$1")
}

on_here() {
	# shellcheck disable=SC2046 # words are meant
	ARENA_SIZE=small ARENA_REPEAT=1 timeout -k 10 "${ARENA_LIMIT_S:-600}" sh $(test_words "$1")
}

# The guest's kernel says nothing of latencies, so one small run each is enough there.
on_uml() {
	why=$("$tests/uml-run" -c 2>&1) || { echo "skip: $why"; return 77; }
	# shellcheck disable=SC2046 # words are meant
	ARENA_SIZE=small ARENA_REPEAT=1 "$tests/uml-run" -m 768M -t "${ARENA_LIMIT_S:-600}" -- sh $(test_words "$1")
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

# tests_of ARENA
tests_of() {
	case $1 in
	host) echo "${given:-$scripts $cases}" ;;
	*) echo "${given:-$scripts $few_cases}" ;;
	esac
}

for arena in ${ARENAS:-host uml}; do
	for test in $(tests_of "$arena"); do
		run_one "$arena" "$test"
	done
done
echo "# TOTAL: $((passed + failed + skipped))"
echo "# PASS:  $passed"
echo "# SKIP:  $skipped"
echo "# FAIL:  $failed"
[ $failed = 0 ]
